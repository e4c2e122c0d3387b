//! Bad rows, files that do not belong together, damage.

use proptest::prelude::*;

use super::*;

fn error_of(inputs: &[PathBuf]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let error = import_yambda(inputs, &out, &ImportOptions::default(), &Silent).unwrap_err().to_string();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
    error
}

#[test]
fn the_first_bad_row_is_named_or_bad_rows_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("listens.parquet");
    for (column, value, told) in [
        (0, -1, "field `uid`: expected a whole number of 32 bits without sign, found -1"),
        (1, -5, "field `timestamp`: expected a whole number of 32 bits without sign, found -5"),
        (2, i32::MIN, "field `item_id`: expected a whole number of 32 bits without sign, found -2147483648"),
        (3, 2, "field `is_organic`: expected 0 or 1, found 2"),
        (4, 65_535, "field `played_ratio_pct`: expected percent, 0 to 65534, or nothing, found 65535"),
        (5, 2_147_484, "field `track_length_seconds`: expected seconds, 0 to 2147483, or nothing, found 2147484"),
    ] {
        let mut rows = ROWS;
        rows[6][column] = value;
        write_listens(&path, &rows);
        let error = error_of(std::slice::from_ref(&path));
        assert!(error.contains("listens.parquet, row 7, ") && error.contains(told), "{error}");
        let options = ImportOptions { lenient: true, ..ImportOptions::default() };
        let out = folder.path().join(format!("out{column}"));
        let counts = import_yambda(std::slice::from_ref(&path), &out, &options, &Silent).unwrap().counts;
        assert_eq!((counts.rows_read, counts.rows_kept, counts.rows_bad), (9, 7, 1));
    }
}

#[test]
fn missing_cells_and_unknown_events_are_bad_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("multi_event.parquet");
    let write = |words: [&str; 2], item: Option<i32>| {
        let some = |values: [Option<i32>; 2]| ColumnValues::Int(Values::optional(values.into_iter()));
        write_table(
            &path,
            vec![
                ("optional int32 uid", some([Some(1), Some(1)])),
                ("optional int32 timestamp", some([Some(5), Some(10)])),
                ("optional int32 item_id", some([Some(7), item])),
                ("optional int32 is_organic", some([None, Some(0)])),
                ("required binary event_type (utf8)", ColumnValues::texts(words.into_iter())),
                ("optional int32 played_ratio_pct", some([Some(3), None])),
                ("optional int32 track_length_seconds", some([Some(100), None])),
            ],
        );
        path.clone()
    };
    let error = error_of(&[write(["listen", "like"], None)]);
    assert!(error.contains("row 2, field `item_id`: expected a whole number of 32 bits without sign, found nothing"));
    let error = error_of(&[write(["listen", "repost"], Some(7))]);
    assert!(
        error.contains(
            "row 2, field `event_type`: expected listen, like, unlike, dislike or undislike, found \"repost\""
        )
    );
    let error = error_of(&[write(["like", "like"], Some(7))]);
    assert!(error.contains("holds no plays (2 rows read)"), "{error}");
    let (dataset, report) = import_set(&write(["listen", "undislike"], Some(7)));
    assert_eq!((report.manifest.plays, dataset.feedback().unwrap().count()), (1, 1));
}

#[test]
fn bad_lists_are_told_by_row_and_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("listens.parquet");
    let bad_list = include_bytes!("../fixtures/bad_list.parquet").as_slice();
    let uneven = include_bytes!("../fixtures/uneven_lists.parquet").as_slice();
    for (bytes, told, bad) in [
        (bad_list, "row 1, field `is_organic[1]`: expected 0 or 1, found 9", 1),
        (uneven, "row 1, field `timestamps`: expected as many values as the user has tracks, found 1 values", 2),
    ] {
        fs::write(&path, bytes).unwrap();
        let error = error_of(std::slice::from_ref(&path));
        assert!(error.contains(told), "{error}");
        let options = ImportOptions { lenient: true, ..ImportOptions::default() };
        let out = folder.path().join(format!("out{bad}"));
        let counts = import_yambda(std::slice::from_ref(&path), &out, &options, &Silent).unwrap().counts;
        assert_eq!((counts.rows_read, counts.rows_bad), (3, bad));
    }
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let input = set(folder.path(), &["likes.parquet"]);
    assert!(
        error_of(std::slice::from_ref(&input)).contains("holds no listens; pass the folder of one size of the set")
    );
    fs::create_dir_all(input.join("500m")).unwrap();
    set(folder.path(), &["listens.parquet"]);
    fs::copy(input.join("listens.parquet"), input.join("500m/listens.parquet")).unwrap();
    let error = error_of(std::slice::from_ref(&input));
    assert!(error.contains("in another folder than") && error.contains("two sizes or layouts at once"), "{error}");
    fs::copy(input.join("listens.parquet"), folder.path().join("mine.parquet")).unwrap();
    assert!(error_of(&[folder.path().join("mine.parquet")]).contains("is none of the set's files by its name"));
    // The columns tell when a name lies.
    fs::copy(input.join("likes.parquet"), input.join("500m/listens.parquet")).unwrap();
    assert!(
        error_of(&[input.join("500m")]).contains("listens.parquet: has no column `played_ratio_pct`; its columns are:")
    );
}

#[test]
fn vectors_and_mappings_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let input = set(folder.path(), &["listens.parquet"]);
    let ids = |values: [i32; 2]| ColumnValues::Int(Values::required(values.into_iter()));
    let path = input.join("artist_item_mapping.parquet");
    write_table(&path, vec![("required int32 artist_id", ids([1, -1])), ("required int32 item_id", ids([500, 501]))]);
    assert!(
        error_of(std::slice::from_ref(&input))
            .contains("artist_item_mapping.parquet, row 2, field `artist_id`: expected")
    );
    let options = ImportOptions { lenient: true, ..ImportOptions::default() };
    let counts =
        import_yambda(std::slice::from_ref(&input), &folder.path().join("out"), &options, &Silent).unwrap().counts;
    let bad = counts.remarks.iter().find(|remark| remark.what.starts_with("bad rows of artists")).unwrap();
    assert_eq!((bad.count, counts.rows_bad), (1, 0));
    fs::remove_file(path).unwrap();
    fs::copy(input.join("listens.parquet"), input.join("embeddings.parquet")).unwrap();
    assert!(error_of(&[input]).contains("embeddings.parquet: has no column `embed`"));
}

#[test]
fn any_file_of_the_set_may_be_fed_to_the_fuzzer() {
    for (_, bytes) in FIXTURES {
        fuzz(bytes);
        fuzz(&bytes[..bytes.len() / 2]);
    }
    fuzz(b"PAR1PAR1");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn damaged_files_are_imported_or_refused(
        which in 0..FIXTURES.len(), hits in proptest::collection::vec((any::<u32>(), any::<u8>()), 1..4), cut in any::<bool>()
    ) {
        let (name, whole) = FIXTURES[which];
        let mut bytes = whole.to_vec();
        for (place, byte) in hits {
            let place = place as usize % bytes.len();
            if cut { bytes.truncate(place.max(1)) } else { bytes[place] = byte }
        }
        fuzz(&bytes);
        let folder = tempfile::tempdir().unwrap();
        let listens = if name.contains("listens") || name.contains("multi") { "" } else { "listens.parquet" };
        let input = set(folder.path(), &[listens]);
        fs::write(input.join(name), &bytes).unwrap();
        let out = folder.path().join("out");
        let options = ImportOptions { lenient: true, ..ImportOptions::default() };
        match import_yambda(&[input], &out, &options, &Silent) {
            Ok(report) => {
                let counts = report.counts;
                let dropped: u64 = counts.dropped.iter().map(|dropped| dropped.rows).sum();
                prop_assert_eq!(counts.rows_read, counts.rows_kept + counts.rows_bad + dropped);
            }
            Err(error) => {
                prop_assert!(error.to_string().contains(name.trim_start_matches("sequential_")) || error.to_string().contains("holds no plays"), "{}", error);
                prop_assert!(!out.exists());
            }
        }
    }
}
