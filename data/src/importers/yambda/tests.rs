//! A tiny set in all its layouts (`fixtures/make.py` wrote it), with what it means worked out by hand; bad rows; other
//! types; rows out of order; damage.

mod errors;
mod synthetic;

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::table::{ColumnValues, TableLayout, TableWriter, Values};
use crate::{Context, Dataset, Silent, Source};

const FIXTURES: &[(&str, &[u8])] = &[
    ("listens.parquet", include_bytes!("fixtures/listens.parquet")),
    ("likes.parquet", include_bytes!("fixtures/likes.parquet")),
    ("dislikes.parquet", include_bytes!("fixtures/dislikes.parquet")),
    ("unlikes.parquet", include_bytes!("fixtures/unlikes.parquet")),
    ("undislikes.parquet", include_bytes!("fixtures/undislikes.parquet")),
    ("multi_event.parquet", include_bytes!("fixtures/multi_event.parquet")),
    ("artist_item_mapping.parquet", include_bytes!("fixtures/artist_item_mapping.parquet")),
    ("album_item_mapping.parquet", include_bytes!("fixtures/album_item_mapping.parquet")),
    ("embeddings.parquet", include_bytes!("fixtures/embeddings.parquet")),
    ("sequential_listens.parquet", include_bytes!("fixtures/sequential_listens.parquet")),
    ("sequential_multi_event.parquet", include_bytes!("fixtures/sequential_multi_event.parquet")),
];

/// Writes the fixtures of the given names, as they are called in the set, into a folder.
fn set(folder: &Path, names: &[&str]) -> PathBuf {
    let path = folder.join("set");
    fs::create_dir_all(&path).unwrap();
    for (name, bytes) in FIXTURES.iter().filter(|(name, _)| names.contains(name)) {
        fs::write(path.join(name.trim_start_matches("sequential_")), bytes).unwrap();
    }
    path
}

const FEEDBACK: [&str; 4] = ["likes.parquet", "dislikes.parquet", "unlikes.parquet", "undislikes.parquet"];
const SIDE_TABLES: [&str; 3] = ["artist_item_mapping.parquet", "album_item_mapping.parquet", "embeddings.parquet"];

/// Item, start in seconds, milliseconds played, complete, skip, past the threshold.
type ToldPlay = (String, i64, Option<u32>, Option<bool>, Option<bool>, Option<bool>);
/// Start in seconds, source, plays.
type ToldSession = (i64, Option<Source>, Vec<ToldPlay>);

/// What a dataset says, by the set's own identifiers: users in order of theirs.
fn told(dataset: &Dataset) -> Vec<(u32, Vec<ToldSession>)> {
    let (catalog, users) = (dataset.catalog().unwrap(), dataset.users().unwrap());
    let mut told: Vec<(u32, Vec<ToldSession>)> = users.iter().map(|user| (user.id.parse().unwrap(), vec![])).collect();
    for session in dataset.sessions().unwrap() {
        let session = session.unwrap().session;
        let context = Context { source: session.context.source, ..Context::default() };
        assert_eq!(session.context, context, "nothing but the source is known");
        let play = |play: &crate::Play| {
            let responses = play.responses;
            let (complete, skip, past) = (responses.complete, responses.skip, responses.past_threshold);
            assert_eq!(play.start_ms % 1000, 0);
            (catalog[play.track as usize].id.clone(), play.start_ms / 1000, play.ms_played, complete, skip, past)
        };
        let plays = session.plays.iter().map(play).collect();
        told[session.user as usize].1.push((session.start_ms / 1000, session.context.source, plays));
    }
    told.sort_by_key(|(uid, _)| *uid);
    told
}

fn told_feedback(dataset: &Dataset) -> Vec<(String, i64, String, &'static str)> {
    let (catalog, users) = (dataset.catalog().unwrap(), dataset.users().unwrap());
    let tell = |feedback: Feedback| {
        let (user, item) = (&users[feedback.user as usize].id, &catalog[feedback.track as usize].id);
        (user.clone(), feedback.at_ms / 1000, item.clone(), feedback.kind.name())
    };
    let mut told: Vec<_> = dataset.feedback().unwrap().map(|feedback| tell(feedback.unwrap())).collect();
    told.sort();
    told
}

fn import_set(input: &Path) -> (Dataset, ImportReport) {
    let out = input.with_extension("out");
    if out.exists() {
        fs::remove_dir_all(&out).unwrap();
    }
    let report = import_yambda(&[input.to_owned()], &out, &ImportOptions::default(), &Silent).unwrap();
    let (counts, dropped) = (&report.counts, report.counts.dropped.iter().map(|dropped| dropped.rows).sum::<u64>());
    assert_eq!(counts.rows_read, counts.rows_kept + counts.rows_bad + dropped);
    (Dataset::open(&out).unwrap(), report)
}

/// Worked out by hand from the rows in `fixtures/make.py`.
fn expected() -> Vec<(u32, Vec<ToldSession>)> {
    let (yes, no) = (Some(true), Some(false));
    let play = |item: u32, start, ms, complete, skip, past| (item.to_string(), start, ms, complete, skip, past);
    let first = vec![
        play(500, 0, Some(200_000), yes, no, yes),
        play(501, 200, Some(30_100), no, yes, yes),
        // Nothing was heard, and the same track follows: begun again.
        play(502, 230, Some(0), no, no, no),
        play(502, 230, Some(171_000), yes, no, yes),
        // Rewound: longer than the track.
        play(503, 230, Some(31_800), yes, no, yes),
        // 1199 s after the end of 502, and the last of its session: why it ended is not told.
        play(504, 1600, Some(94_000), no, None, yes),
    ];
    // 1201 s after the end.
    let second = vec![play(9_000_000, 2895, Some(30_000), no, None, yes)];
    let short = vec![play(17_000_000, 26_000_000, Some(5_000), yes, no, no)];
    let bare = vec![play(500, 5, None, None, None, None), play(505, 10, None, yes, no, None)];
    vec![
        (10, vec![(0, None, first), (2895, Some(Source::Personalised), second)]),
        (20, vec![(26_000_000, None, short)]),
        (1_000_000, vec![(5, None, bare)]),
    ]
}

fn expected_feedback() -> Vec<(String, i64, String, &'static str)> {
    let told = |user: u32, at, item: u32, kind| (user.to_string(), at, item.to_string(), kind);
    vec![
        told(10, 210, 501, "like"),
        told(10, 230, 502, "dislike"),
        told(10, 300, 501, "unlike"),
        told(20, 15_950, 502, "undislike"),
        told(30, 80, 506, "like"),
    ]
}

#[test]
fn all_layouts_mean_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for (place, plays) in
        ["listens.parquet", "multi_event.parquet", "sequential_listens.parquet", "sequential_multi_event.parquet"]
            .into_iter()
            .enumerate()
    {
        let folder = folder.path().join(place.to_string());
        let names = [&[plays], FEEDBACK.as_slice(), SIDE_TABLES.as_slice()].concat();
        let (dataset, report) = import_set(&set(&folder, &names));
        let mut expected = expected();
        expected.insert(2, (30, vec![]));
        assert_eq!(told(&dataset), expected, "{plays}");
        assert_eq!(told_feedback(&dataset), expected_feedback(), "{plays}");
        assert_eq!((report.counts.rows_read, report.counts.rows_kept), (16, 15), "{plays}");
        assert_eq!(report.counts.dropped, [DroppedRows { reason: "exact duplicate", rows: 1 }]);
        assert_eq!((report.counts.durations_given, report.counts.durations_unknown), (7, 2), "{plays}");

        let catalog = dataset.catalog().unwrap();
        let track = |id: &str| catalog.iter().find(|track| track.id == id).unwrap();
        // The smaller of two artists.
        assert_eq!((track("500").artist.as_str(), track("500").album.as_str()), ("12", "8"), "{plays}");
        assert_eq!((track("501").artist.as_str(), track("501").album.as_str()), ("4000000", ""), "{plays}");
        assert_eq!((track("504").duration_ms, track("505").duration_ms), (Some(100_000), None), "{plays}");
        assert!(catalog.iter().all(|track| track.id != "999"), "never played");
        let mut vectors = Vec::new();
        dataset
            .audio_vectors(|track, vector| vectors.push((catalog[track as usize].id.clone(), vector.to_vec())))
            .unwrap();
        assert_eq!(vectors, [("500".to_owned(), vec![0.5, -1.0]), ("506".to_owned(), vec![0.25, 8.0])], "{plays}");
    }
}

/// Writes columns, each with its field in a Parquet schema.
fn write_table(path: &Path, columns: Vec<(&str, ColumnValues)>) {
    let (fields, values): (Vec<&str>, Vec<ColumnValues>) = columns.into_iter().unzip();
    let layout = TableLayout::new(&format!("message schema {{ {}; }}", fields.join("; ")), &[], &[], &[]).unwrap();
    let mut table = TableWriter::create(path, layout).unwrap();
    table.write(&values).unwrap();
    table.close().unwrap();
}

/// The rows of the fixtures' listens that have no missing cells.
const ROWS: [[i32; 6]; 9] = [
    [10, 0, 500, 1, 100, 200],
    [10, 200, 501, 0, 14, 215],
    [10, 230, 502, 0, 0, 180],
    [10, 230, 502, 1, 95, 180],
    [10, 230, 502, 1, 95, 180],
    [10, 230, 503, 1, 159, 20],
    [10, 1600, 504, 1, 94, 100],
    [10, 2895, 9_000_000, 0, 50, 60],
    [20, 26_000_000, 17_000_000, 1, 100, 5],
];

fn ints(rows: &[[i32; 6]], column: usize) -> ColumnValues {
    ColumnValues::Int(Values::required(rows.iter().map(|row| row[column])))
}

fn write_listens(path: &Path, rows: &[[i32; 6]]) {
    let field = |name| format!("required int32 {name}");
    let names = ["uid", "timestamp", "item_id", "is_organic", "played_ratio_pct", "track_length_seconds"].map(field);
    let columns = names.iter().enumerate().map(|(column, name)| (name.as_str(), ints(rows, column)));
    write_table(path, columns.collect());
}

#[test]
fn numbers_of_other_types_mean_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("listens.parquet");
    let long = |column: usize| ColumnValues::Long(Values::required(ROWS.iter().map(|row| i64::from(row[column]))));
    // pandas keeps whole numbers that may be missing as fractions.
    let float = |column: usize| ColumnValues::Float(Values::optional(ROWS.iter().map(|row| Some(row[column] as f32))));
    write_table(
        &path,
        vec![
            ("required int32 track_length_seconds (integer(32, true))", ints(&ROWS, 5)),
            ("optional float played_ratio_pct", float(4)),
            ("required boolean is_organic", ColumnValues::Bool(Values::required(ROWS.iter().map(|row| row[3] == 1)))),
            ("required int64 item_id", long(2)),
            ("required int64 timestamp (integer(64, false))", long(1)),
            ("required int64 uid", long(0)),
        ],
    );
    let (dataset, _) = import_set(&path);
    assert_eq!(told(&dataset), expected()[..2]);
}

#[test]
fn rows_in_any_order_are_sorted_first() {
    let folder = tempfile::tempdir().unwrap();
    let sorted = folder.path().join("a/listens.parquet");
    let shuffled = folder.path().join("b/listens.parquet");
    fs::create_dir_all(sorted.parent().unwrap()).unwrap();
    fs::create_dir_all(shuffled.parent().unwrap()).unwrap();
    // Enough rows for several parts; moments differ, so that the order is told by them.
    let row = |n: i32| [n / 100_000 * 10, n % 100_000 * 60, n * 31 % 997, n % 2, n % 120, 200];
    let rows: Vec<[i32; 6]> = (0..300_000).map(row).collect();
    write_listens(&sorted, &rows);
    let mixed: Vec<[i32; 6]> = (0..300_000).map(|n| row((n as i64 * 7919 % 300_000) as i32)).collect();
    write_listens(&shuffled, &mixed);
    let options = ImportOptions::default();
    let import = |input: &Path, out: &str, run_records| {
        let out = folder.path().join(out);
        let report = import(&[input.to_owned()], &out, &options, &Silent, run_records).unwrap();
        assert_eq!((report.counts.rows_read, report.manifest.plays), (300_000, 300_000));
        report
    };
    let (a, b) = (import(&sorted, "out_a", RUN_RECORDS), import(&shuffled, "out_b", 70_001));
    assert_eq!(a.manifest.fingerprint, b.manifest.fingerprint);
    let sorted_rows = |report: &ImportReport| {
        report.counts.remarks.iter().find(|remark| remark.what.starts_with("rows sorted")).unwrap().count
    };
    assert_eq!((sorted_rows(&a), sorted_rows(&b)), (0, 300_000));
}

#[test]
fn a_table_of_features_fills_what_the_set_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("features.csv");
    let values = ["0.5"; crate::AUDIO_FEATURES.len()].join(",");
    let header = crate::AUDIO_FEATURES.join(",");
    fs::write(&path, format!("uri,duration_ms,{header}\n505,123000,{values}\n500,1,{values}\nspotify:x,5,{values}\n"))
        .unwrap();
    let options = ImportOptions { track_features: Some(path), ..ImportOptions::default() };
    let input = set(folder.path(), &["listens.parquet"]);
    let report = import_yambda(&[input], &folder.path().join("out"), &options, &Silent).unwrap();
    assert_eq!((report.counts.audio_features, report.counts.durations_unknown), (2, 0));
    let catalog = Dataset::open(folder.path().join("out")).unwrap().catalog().unwrap();
    let durations: Vec<_> = catalog.iter().map(|track| (track.id.as_str(), track.duration_ms)).collect();
    assert!(
        durations.contains(&("505", Some(123_000))) && durations.contains(&("500", Some(200_000))),
        "{durations:?}"
    );
}
