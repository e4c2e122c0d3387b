//! Files by other programs (`fixtures/make.py` wrote them, and holds the values asserted here), damaged ones, and what
//! ranges and threads make of them.

use std::fs;
use std::io::Cursor;

use proptest::prelude::*;

use super::cells::Cells;
use super::*;

/// Wednesday 18 December 2024, 14:35:19.250: date -u -d '2024-12-18 14:35:19' +%s gives 1734532519.
const MOMENT: i64 = 1_734_532_519_250;

const FIXTURES: [(&str, &[u8]); 5] = [
    ("zstd_v2", include_bytes!("fixtures/zstd_v2.parquet")),
    ("snappy_int96", include_bytes!("fixtures/snappy_int96.parquet")),
    ("gzip_plain", include_bytes!("fixtures/gzip_plain.parquet")),
    ("lz4_delta", include_bytes!("fixtures/lz4_delta.parquet")),
    ("polars", include_bytes!("fixtures/polars.parquet")),
];

fn open(bytes: &[u8]) -> Result<ParquetFile> {
    ParquetFile::from_source("a.parquet".into(), Cursor::new(bytes.to_vec()))
}

fn flat(name: &str, kind: ColumnKind) -> Wanted<'_> {
    Wanted { name, kind, list: false }
}

fn list(name: &str, kind: ColumnKind) -> Wanted<'_> {
    Wanted { name, kind, list: true }
}

/// The cells of a column of whole numbers, row by row.
fn int_rows(file: &ParquetFile, wanted: Wanted<'_>, values: usize) -> Vec<Vec<Option<i64>>> {
    let selection = file.select(&[wanted]).unwrap();
    let mut rows = Vec::new();
    for range in selection.ranges(values) {
        assert_eq!(range.first_row, rows.len() as u64);
        let column = &selection.read(range).unwrap()[0];
        let cell = |place| (!column.is_missing(place)).then_some(column.ints()[place]);
        rows.extend((0..range.rows).map(|row| column.places(row).map(cell).collect::<Vec<_>>()));
    }
    rows
}

fn ints(file: &ParquetFile, name: &str, kind: ColumnKind) -> Vec<Option<i64>> {
    int_rows(file, flat(name, kind), 2).into_iter().flatten().collect()
}

fn floats(file: &ParquetFile, name: &str) -> Vec<Option<f64>> {
    let selection = file.select(&[flat(name, ColumnKind::Float)]).unwrap();
    let read = |range: RowRange| {
        let column = selection.read(range).unwrap().remove(0);
        let cell = |place| (!column.is_missing(place)).then_some(column.floats()[place]);
        (0..range.rows).map(cell).collect::<Vec<_>>()
    };
    selection.ranges(2).flat_map(read).collect()
}

#[test]
fn every_kind_of_column_is_read_from_files_of_other_programs() {
    for (name, bytes) in FIXTURES {
        let file = open(bytes).unwrap();
        assert_eq!(file.rows(), 4, "{name}");
        let int = |column| ints(&file, column, ColumnKind::Int);
        assert_eq!(int("flag"), [Some(1), None, Some(0), Some(1)], "{name}");
        assert_eq!(int("small"), [0, 200, 255, 7].map(Some), "{name}");
        assert_eq!(int("wide"), [Some(u32::MAX.into()), Some(0), None, Some(5)], "{name}");
        assert_eq!(int("huge"), [i64::MAX, 1, 2, 3].map(Some), "{name}");
        assert_eq!(int("signed"), [Some(-(1 << 40)), None, None, Some(1 << 40)], "{name}");
        // Whole numbers that some program stored as fractions.
        assert_eq!(int("double"), [Some(100), Some(i64::MIN), None, Some(-3)], "{name}");
        assert_eq!(floats(&file, "single"), [Some(0.5), Some(-1.25), None, Some(3.0)], "{name}");
        assert_eq!(floats(&file, "double"), [Some(100.0), Some(54.5), None, Some(-3.0)], "{name}");
        assert_eq!(floats(&file, "wide"), [Some(4_294_967_295.0), Some(0.0), None, Some(5.0)], "{name}");
        let time = |column| ints(&file, column, ColumnKind::Timestamp);
        assert_eq!(time("day"), [Some(-86_400_000), None, Some(-86_400_000), Some(-86_400_000)], "{name}");
        assert_eq!(time("millis"), [Some(MOMENT); 4], "{name}");
        assert_eq!(time("micros"), [Some(MOMENT); 4], "{name}");
        assert_eq!(time("nanos"), [None, Some(MOMENT), Some(MOMENT), Some(MOMENT)], "{name}");
        let lists = int_rows(&file, list("ids", ColumnKind::Int), 2);
        let expected = [vec![Some(1), Some(u32::MAX.into())], vec![], vec![], vec![Some(4), None, Some(6)]];
        assert_eq!(lists, expected, "{name}");
    }
}

#[test]
fn texts_and_yes_or_no_are_read_as_such() {
    for (name, bytes) in FIXTURES {
        let file = open(bytes).unwrap();
        let selection = file.select(&[flat("text", ColumnKind::Text), flat("flag", ColumnKind::Bool)]).unwrap();
        let mut texts = Vec::new();
        let mut flags = Vec::new();
        for range in selection.ranges(100) {
            let columns = selection.read(range).unwrap();
            texts.extend((0..range.rows).map(|row| (columns[0].text(row).to_vec(), columns[0].is_missing(row))));
            let Cells::Bool(cells) = &columns[1].cells else { panic!("{name}") };
            flags.extend((0..range.rows).map(|row| (!columns[1].is_missing(row)).then_some(cells[row])));
        }
        let expected = [("like", false), ("", true), ("", false), ("слушать", false)];
        assert_eq!(texts, expected.map(|(text, missing)| (text.as_bytes().to_vec(), missing)), "{name}");
        assert_eq!(flags, [Some(true), None, Some(false), Some(true)], "{name}");
    }
}

#[test]
fn columns_are_told_and_those_that_do_not_fit_are_refused() {
    let file = open(FIXTURES[0].1).unwrap();
    let of = |name: &str| file.columns().iter().find(|column| column.name.starts_with(name)).unwrap().clone();
    assert_eq!(of("vector"), ColumnInfo { name: "vector".into(), kind: ColumnKind::Float, list: true });
    assert_eq!(of("price").kind, ColumnKind::Other);
    assert_eq!(of("deep").kind, ColumnKind::Other);
    assert!(file.has("ids") && !file.has("id"));
    let refused = |wanted| file.select(&[wanted]).err().unwrap().to_string();
    let error = refused(flat("uid", ColumnKind::Int));
    assert!(error.starts_with("a.parquet: has no column `uid`; its columns are: flag, small, wide"), "{error}");
    let error = refused(flat("text", ColumnKind::Int));
    assert!(error.contains("column `text`: expected whole numbers, found text"), "{error}");
    let error = refused(flat("ids", ColumnKind::Int));
    assert!(error.contains("expected whole numbers, found lists of whole numbers"), "{error}");
    assert!(refused(flat("price", ColumnKind::Float)).contains("found values that are not supported"));
}

#[test]
fn ranges_may_be_read_by_several_threads_and_in_any_order() {
    let file = open(FIXTURES[2].1).unwrap();
    let selection = file.select(&[flat("small", ColumnKind::Int), list("ids", ColumnKind::Int)]).unwrap();
    let ranges: Vec<RowRange> = selection.ranges(1).collect();
    let small = |range: &RowRange| selection.read(*range).unwrap()[0].ints().to_vec();
    let expected = [vec![0], vec![200], vec![255], vec![7]];
    assert!(ranges.iter().rev().map(small).eq(expected.iter().rev().cloned()));
    std::thread::scope(|scope| {
        let threads: Vec<_> = ranges.iter().map(|range| scope.spawn(|| small(range))).collect();
        assert!(threads.into_iter().map(|thread| thread.join().unwrap()).eq(expected));
    });
}

#[test]
fn what_is_no_parquet_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("listens.parquet");
    // The last lacks its beginning: its footer is whole.
    for bytes in [b"".as_slice(), b"uid,item_id\n1,2\n", &FIXTURES[0].1[..600], &FIXTURES[0].1[600..]] {
        fs::write(&path, bytes).unwrap();
        let read = |file: ParquetFile| {
            let selection = file.select(&[flat("nanos", ColumnKind::Timestamp)])?;
            selection.ranges(10).try_for_each(|range| selection.read(range).map(|_| ()))
        };
        let error = ParquetFile::open(&path).and_then(read).unwrap_err().to_string();
        assert!(error.contains("listens.parquet: is no Parquet file, or damaged, or cut short ("), "{error}");
        assert!(error.ends_with("; copy or download it again"), "{error}");
    }
    assert!(ParquetFile::open(&folder.path().join("none")).err().unwrap().to_string().contains("cannot open"));
}

/// Reads all that a file offers.
pub(in crate::importers) fn read_everything(bytes: &[u8]) -> Result<u64> {
    let file = open(bytes)?;
    let mut cells = 0;
    for column in file.columns().iter().filter(|column| column.kind != ColumnKind::Other) {
        let selection = file.select(&[Wanted { name: &column.name, kind: column.kind, list: column.list }])?;
        for range in selection.ranges(1000) {
            let column = &selection.read(range)?[0];
            cells += column.places(range.rows - 1).end as u64;
        }
    }
    Ok(cells)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn damaged_files_are_read_or_refused(
        which in 0..FIXTURES.len(), hits in proptest::collection::vec((any::<u32>(), any::<u8>()), 1..4), tail in any::<bool>()
    ) {
        let mut bytes = FIXTURES[which].1.to_vec();
        for (place, byte) in hits {
            // The footer is what is believed first.
            let from = if tail { bytes.len() - 900 } else { 0 };
            let place = from + place as usize % (bytes.len() - from);
            bytes[place] = byte;
        }
        if let Err(error) = read_everything(&bytes) {
            prop_assert!(error.to_string().contains("a.parquet"), "{}", error);
        }
    }
}
