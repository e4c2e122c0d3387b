//! Tables against the Parquet library's reader, which shares nothing with what encodes them here.

use proptest::prelude::*;

use super::*;

const SCHEMA: &str = "message test {
    required int64 rising;
    optional int32 near;
    optional int64 far;
    required binary distinct (utf8);
    optional boolean yes;
    optional float number;
    required binary same (utf8);
    optional int32 never;
    optional binary name (utf8);
}";

/// Writes one row group per element and reads them back.
fn written_and_read(groups: &[Vec<ColumnValues>]) -> (tempfile::TempDir, Vec<Vec<Column>>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let layout = TableLayout::new(SCHEMA, &["rising", "far"], &["near"], &["distinct"]).unwrap();
    let mut writer = TableWriter::create(&path, layout).unwrap();
    groups.iter().for_each(|columns| writer.write(columns).unwrap());
    writer.close().unwrap();
    let read = TableReader::open(&path, SCHEMA).unwrap().read_all().unwrap();
    (folder, read)
}

/// Columns with all values there, some, or none.
fn optional<T: std::fmt::Debug + Clone>(
    value: impl Strategy<Value = T> + Clone,
    rows: usize,
) -> impl Strategy<Value = Vec<Option<T>>> {
    let some = proptest::collection::vec(proptest::option::of(value.clone()), rows);
    let all = proptest::collection::vec(value.prop_map(Some), rows);
    prop_oneof![some, all, Just(vec![None; rows])]
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        (rising, near, far, distinct, yes, number, name) in (1usize..400).prop_flat_map(|rows| (
            proptest::collection::vec(any::<i64>(), rows),
            optional(prop_oneof![0i32..40, any::<i32>()], rows),
            optional(prop_oneof![Just(7i64), any::<i64>()], rows),
            proptest::collection::vec("(ab|ä){0,3}[a-c]{0,2}", rows),
            optional(any::<bool>(), rows),
            optional(-1e9f32..1e9, rows),
            optional(proptest::sample::select(&["", "a", "bc", "d", "e"][..]), rows),
        )),
        text in "[a-c]{0,2}",
    ) {
        let rows = rising.len();
        let columns = vec![
            ColumnValues::Long(Values::all(rising.clone())),
            ColumnValues::Int(Values::optional(near.iter().copied())),
            ColumnValues::Long(Values::of(&far, |value| *value)),
            ColumnValues::texts(distinct.iter().map(String::as_str)),
            ColumnValues::Bool(Values::of(&yes, |value| *value)),
            ColumnValues::Float(Values::of(&number, |value| *value)),
            ColumnValues::texts(std::iter::repeat_n(text.as_str(), rows)),
            ColumnValues::Missing(rows),
            ColumnValues::names(name.iter().copied()),
        ];
        let (_folder, read) = written_and_read(&[columns]);
        let expected = vec![
            Column::Long(rising.into_iter().map(Some).collect()),
            Column::Int(near),
            Column::Long(far),
            Column::Text(distinct.into_iter().map(Some).collect()),
            Column::Bool(yes),
            Column::Float(number),
            Column::Text(vec![Some(text); rows]),
            Column::Int(vec![None; rows]),
            Column::Text(name.into_iter().map(|name| name.map(str::to_owned)).collect()),
        ];
        prop_assert_eq!(read, [expected]);
    }
}

#[test]
fn a_group_without_rows_can_be_written() {
    let empty = || {
        vec![
            ColumnValues::Long(Values::all(Vec::new())),
            ColumnValues::Int(Values::all(Vec::new())),
            ColumnValues::Long(Values::all(Vec::new())),
            ColumnValues::texts(std::iter::empty()),
            ColumnValues::Bool(Values::all(Vec::new())),
            ColumnValues::Float(Values::all(Vec::new())),
            ColumnValues::texts(std::iter::empty()),
            ColumnValues::Int(Values::all(Vec::new())),
            ColumnValues::names(std::iter::empty()),
        ]
    };
    let (_folder, read) = written_and_read(&[empty()]);
    assert_eq!(read.len(), 1);
    assert_eq!(read[0][6], Column::Text(Vec::new()));
}

#[test]
fn long_columns_are_read_as_they_were() {
    let rows = 50_000;
    let some = |row: i32| (row < 20_000 || row > 40_000 && row % 3 == 0).then_some(row);
    let numbers: Vec<Option<i32>> = (0..rows).map(some).collect();
    let ids: Vec<String> = (0..rows).map(|row| format!("id:{}", row * 7919 % 100_003)).collect();
    let name = |row: i32| (row % 7 > 0).then_some(["x", "y", "z"][(row % 3) as usize]);
    let columns = vec![
        ColumnValues::Long(Values::required((0..rows).map(|row| i64::from(row % 1000)))),
        ColumnValues::Int(Values::optional(numbers.iter().copied())),
        ColumnValues::Long(Values::optional(numbers.iter().map(|row| row.map(i64::from)))),
        ColumnValues::texts(ids.iter().map(String::as_str)),
        ColumnValues::Bool(Values::optional(numbers.iter().map(|row| row.map(|row| row % 5 == 0)))),
        ColumnValues::Missing(rows as usize),
        ColumnValues::texts(std::iter::repeat_n("same", rows as usize)),
        ColumnValues::Missing(rows as usize),
        ColumnValues::names((0..rows).map(name)),
    ];
    let (_folder, read) = written_and_read(&[columns]);
    let expected = vec![
        Column::Long((0..rows).map(|row| Some(i64::from(row % 1000))).collect()),
        Column::Int(numbers.clone()),
        Column::Long(numbers.iter().map(|row| row.map(i64::from)).collect()),
        Column::Text(ids.iter().cloned().map(Some).collect()),
        Column::Bool(numbers.iter().map(|row| row.map(|row| row % 5 == 0)).collect()),
        Column::Float(vec![None; rows as usize]),
        Column::Text(vec![Some("same".to_owned()); rows as usize]),
        Column::Int(vec![None; rows as usize]),
        Column::Text((0..rows).map(|row| name(row).map(str::to_owned)).collect()),
    ];
    assert_eq!(read, [expected]);
}

#[test]
fn the_footer_tells_range_and_missing_values() {
    let columns = vec![
        ColumnValues::Long(Values::all(vec![5, 9, 7])),
        ColumnValues::Int(Values::all(vec![3, 1, 2])),
        ColumnValues::Long(Values::optional([Some(-4), None, Some(2)].into_iter())),
        ColumnValues::texts(["x", "xy", "z"].into_iter()),
        ColumnValues::Bool(Values::all(vec![true, false, true])),
        ColumnValues::Float(Values::all(vec![0.5, 0.5, 1.0])),
        ColumnValues::texts(["a", "b", "a"].into_iter()),
        ColumnValues::Int(Values::optional([None, None, None].into_iter())),
        ColumnValues::names([Some("b"), None, Some("a")].into_iter()),
    ];
    let (folder, read) = written_and_read(&[columns]);
    assert_eq!(read[0][6], Column::Text(["a", "b", "a"].map(|text| Some(text.to_owned())).to_vec()));
    let file = File::open(folder.path().join("t.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let statistics = |column: usize| reader.metadata().row_group(0).column(column).statistics().cloned();
    let rising = statistics(0).unwrap();
    assert_eq!(rising.min_bytes_opt().unwrap(), 5i64.to_le_bytes());
    assert_eq!(rising.max_bytes_opt().unwrap(), 9i64.to_le_bytes());
    assert_eq!(rising.null_count_opt(), Some(0));
    assert!(statistics(2).is_none(), "a negative smallest value is not told");
    let sizes = |column: usize| reader.metadata().row_group(0).column(column).compressed_size();
    assert!(sizes(7) < 60, "a column without values takes its page's header alone, found {} bytes", sizes(7));
}
