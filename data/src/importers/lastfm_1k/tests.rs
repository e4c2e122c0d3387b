//! Every trap of the format by hand-written rows, every error, and what must hold for any input.

use proptest::prelude::*;

use super::*;
use crate::Silent;
use crate::importers::test_bench::{Bench, Imported, assert_all, gzip, tar, zip};

const LOG: &str = "userid-timestamp-artid-artname-traid-traname.tsv";
const M1: &str = "11111111-bd35-4e99-8624-24a6e15f133a";
const M2: &str = "22222222-bd35-4e99-8624-24a6e15f133a";

fn row(user: u32, time: &str, artist: &str, mbid: &str, title: &str) -> String {
    format!("user_{user:06}\t{time}\t\t{artist}\t{mbid}\t{title}\n")
}

fn import(bench: &Bench, inputs: &[PathBuf]) -> Result<Imported> {
    bench.import(|out, options| import_lastfm_1k(inputs, out, options, &Silent))
}

fn import_text(bench: &Bench, text: &str) -> Result<Imported> {
    import(bench, &[bench.write(LOG, text)])
}

/// Rows as the file has them, from the latest to the earliest of each listener, with the ugly cases among them.
fn published(rows: u32) -> String {
    let mut text = String::new();
    for user in 1..=3 {
        for i in (0..rows).rev() {
            let minutes = i * 7 % 11 + i * 4 + i / 37 * 40;
            let time = format!(
                "2009-03-{:02}T{:02}:{:02}:{:02}Z",
                1 + minutes / 1440,
                minutes / 60 % 24,
                minutes % 60,
                i % 60
            );
            let track = i * 31 % 17;
            let mbid = if track % 3 == 0 { String::new() } else { format!("{track:08x}-bd35-4e99-8624-24a6e15f133a") };
            let title = if i % 29 == 7 { format!("Tab\tin {track}") } else { format!("\"Title\" {track}") };
            text += &row(user, &time, &format!("Artist {}", track % 5), &mbid, &title);
            if i % 13 == 5 {
                // The same row again.
                text += &row(user, &time, &format!("Artist {}", track % 5), &mbid, &title);
            }
        }
    }
    text += &row(3, "2013-09-29T18:32:04Z", "Artist 1", "", "From the future");
    text += &row(3, "1970-01-01T00:00:00Z", "Artist 1", "", "From the dawn of time");
    text
}

#[test]
fn listeners_hear_their_tracks_in_the_order_of_time() {
    // Two listeners whose blocks lie in each other, from late to early; and one row that is out of order.
    let text = [
        row(2, "2009-05-04T12:00:00Z", "A", "", "late"),
        row(2, "2009-05-04T11:50:00Z", "A", "", "middle"),
        row(1, "2009-05-04T10:10:00Z", "B", M1, "one"),
        row(1, "2009-05-04T10:20:00Z", "B", "", "two"),
        row(1, "2009-05-04T10:00:00Z", "A", "", "late"),
        row(2, "2009-05-04T11:30:00Z", "A", "", "early"),
    ];
    let imported = import_text(&Bench::new(), &text.concat()).unwrap();
    let expected = [
        ("user_000002", vec!["A/_/early"]), // 20 minutes before the next
        ("user_000002", vec!["A/_/middle", "A/_/late"]),
        ("user_000001", vec!["A/_/late", M1, "B/_/two"]),
    ];
    assert_eq!(imported.track_ids(), expected);
    let first = &imported.sessions[1];
    // date -u -d 2009-05-04T11:50:00Z +'%s %u' gives 1241437800 and 1 (Monday).
    assert_eq!((first.start_ms, first.context.hour, first.context.weekday), (1_241_437_800_000, Some(11), Some(0)));
    assert!(first.plays.iter().all(|play| play.ms_played.is_none() && play.responses == crate::Responses::default()));
    assert_eq!(imported.catalog[3].name, "one");
    assert_eq!(imported.catalog[3].artist, "B");
}

#[test]
fn of_rows_of_one_second_the_lower_came_first_and_equal_ones_count_once() {
    let time = "2009-05-04T12:00:00Z";
    let text = [
        row(1, time, "A", "", "third"),
        row(1, time, "A", "", "second"),
        row(1, time, "A", "", "third"),
        row(1, time, "A", "", "first"),
        row(2, time, "A", "", "first"),
    ];
    let imported = import_text(&Bench::new(), &text.concat()).unwrap();
    let expected = [("user_000001", vec!["A/_/first", "A/_/third", "A/_/second"]), ("user_000002", vec!["A/_/first"])];
    assert_eq!(imported.track_ids(), expected);
    assert_eq!(imported.dropped("exact duplicate"), 1);
}

#[test]
fn names_join_rows_with_and_without_mbid_and_with_several() {
    let rows = [("", "One"), (M1, "One"), (M2, "One"), (M2, "Two"), ("", "Two")];
    let times = (0..).map(|minute| format!("2009-05-04T12:{minute:02}:00Z"));
    let text: String = times.zip(rows).map(|(time, (mbid, title))| row(1, &time, "A b", mbid, title)).collect();
    let imported = import_text(&Bench::new(), &text).unwrap();
    // The second MBID belongs to the track that met it first; the other track goes by its name.
    assert_eq!(imported.track_ids(), [("user_000001", vec![M1, M1, M1, "A+b/_/Two", "A+b/_/Two"])]);
    assert_eq!(imported.remark("further MBIDs of a track that had one"), 1);
}

#[test]
fn times_that_cannot_be_and_rows_without_a_track_are_dropped() {
    let text = [
        row(1, "2010-06-01T00:00:00Z", "A", "", "after"),
        row(1, "2010-05-31T23:59:59Z", "A", "", "last"),
        row(1, "2009-01-01T00:00:00Z", "A", "", " "),
        row(1, "2002-01-01T00:00:00Z", "A", "", "first"),
        row(1, "2001-12-31T23:59:59Z", "A", "", "before"),
        row(2, "1970-01-01T00:00:00Z", "A", "", "before"),
    ];
    let imported = import_text(&Bench::new(), &text.concat()).unwrap();
    assert_eq!(imported.dropped("time before 2002 or after May 2010"), 3);
    assert_eq!(imported.dropped("no track name"), 1);
    // Who has no play left is no listener.
    assert_eq!(imported.users, ["user_000001"]);
    assert_eq!(imported.catalog.len(), 2);
}

#[test]
fn the_clock_of_the_listener_may_differ_from_utc() {
    let mut bench = Bench::new();
    bench.options.utc_offset_minutes = -90;
    let imported = import_text(&bench, &row(1, "2009-05-04T01:00:00Z", "A", "", "x")).unwrap();
    let context = imported.sessions[0].context;
    assert_eq!((context.hour, context.weekday), (Some(23), Some(6)));
}

#[test]
fn durations_from_the_table_of_features_give_responses() {
    let mut bench = Bench::new();
    let header =
        "uri,danceability,energy,loudness,speechiness,acousticness,instrumentalness,liveness,valence,tempo,duration_ms";
    let features =
        format!("{header}\n{M1},0.5,0.5,-7,0.1,0.1,0,0.1,0.5,120,200000\nA/_/two,,,,,,,,,,100000\nelse,,,,,,,,,,1\n");
    bench.options.track_features = Some(bench.write("features.csv", features));
    let text = [
        row(1, "2009-05-04T12:10:00Z", "A", "", "two"),
        row(1, "2009-05-04T12:06:40Z", "A", M1, "one"), // 200 s before the next: complete
        row(1, "2009-05-04T12:04:10Z", "A", M1, "one"), // 150 s: moved on
        row(1, "2009-05-04T12:03:10Z", "A", M1, "one"), // 60 s: cannot have counted
        row(1, "2009-05-04T12:00:00Z", "A", "", "two"), // 190 s of 100 s
        row(1, "2009-05-04T11:59:00Z", "A", "", "three"),
    ];
    let imported = import_text(&bench, &text.concat()).unwrap();
    let (yes, no) = (Some(true), Some(false));
    let told: Vec<_> = imported.sessions[0]
        .plays
        .iter()
        .map(|play| (play.responses.complete, play.responses.skip, play.responses.past_threshold))
        .collect();
    let expected =
        [(None, None, None), (None, None, yes), (None, None, None), (no, yes, yes), (yes, no, yes), (None, None, yes)];
    assert_eq!(told, expected);
    assert_eq!(imported.remark("plays followed by the next before they can have counted"), 1);
    let counts = &imported.report.counts;
    assert_eq!((counts.durations_given, counts.durations_unknown, counts.audio_features), (2, 1, 1));
}

#[test]
fn every_packing_gives_the_same() {
    let bench = Bench::new();
    let text = published(50);
    let plain = bench.write(&format!("lastfm-dataset-1K/{LOG}"), &text);
    bench.write("lastfm-dataset-1K/userid-profile.tsv", "#id\tgender\tage\tcountry\tregistered\n");
    bench.write("lastfm-dataset-1K/README.txt", "hello");
    let packed = tar(&[
        ("lastfm-dataset-1K/README.txt", b"hello"),
        (&format!("lastfm-dataset-1K/{LOG}"), text.as_bytes()),
        ("lastfm-dataset-1K/userid-profile.tsv", b"#id"),
    ]);
    let inputs = [
        plain,
        bench.path("lastfm-dataset-1K"),
        bench.write("log.tsv.gz", gzip(text.as_bytes())),
        bench.write("x/lastfm-dataset-1K.tar.gz", gzip(&packed)),
        bench.path("x"),
        bench.write("set.zip", zip(&[(LOG, text.as_bytes())])),
    ];
    let fingerprints = inputs.map(|input| import(&bench, &[input]).unwrap().report.manifest.fingerprint);
    assert!(fingerprints.iter().all(|fingerprint| *fingerprint == fingerprints[0]));
}

/// The counts were made by this script from the text that `published(400)` gives:
///
/// ```python
/// import polars as pl
/// rows = pl.read_csv("log.tsv", separator="\n", quote_char=None, has_header=False, new_columns=["row"])
/// rows = rows.with_columns(f=pl.col("row").str.split("\t"))
/// rows = rows.select(
///     user=pl.col("f").list.get(0),
///     time=pl.col("f").list.get(1).str.to_datetime("%Y-%m-%dT%H:%M:%SZ"),
///     track=pl.col("f").list.get(3) + "\t" + pl.col("f").list.slice(5).list.join(" "),
/// )
/// print("rows", rows.height)
/// rows = rows.filter(pl.col("time").is_between(pl.datetime(2002, 1, 1), pl.datetime(2010, 6, 1), closed="left"))
/// possible = rows.height
/// rows = rows.unique().sort("user", "time")
/// gap = pl.col("time").diff().over("user")
/// sessions = rows.select((gap.is_null() | (gap >= pl.duration(minutes=20))).sum()).item()
/// print("possible", possible, "kept", rows.height, "tracks", rows["track"].n_unique(), "sessions", sessions)
/// ```
#[test]
fn counts_are_those_of_polars() {
    let imported = import_text(&Bench::new(), &published(400)).unwrap();
    let counts = &imported.report.counts;
    let manifest = &imported.report.manifest;
    assert_eq!((counts.rows_read, counts.rows_kept), (1295, 1200));
    assert_eq!(imported.dropped("time before 2002 or after May 2010"), 2);
    assert_eq!((manifest.tracks, manifest.sessions, manifest.users), (31, 33, 3));
    assert!(imported.remark("rows with a tab in a name, mended") > 0);
}

#[test]
fn a_wrong_row_is_named_and_lenient_import_skips_it() {
    let mut bench = Bench::new();
    let good = row(1, "2009-05-04T12:00:00Z", "A", "", "x");
    for (bad, parts) in [
        ("the rest of a name\n", &["field `(whole row)`", "six fields", "found 1 in"][..]),
        ("user_000001\t2009-05-04\t\tA\t\tx\n", &["field `timestamp`", "\"2009-05-04\""]),
        ("user_000001\t2009-05-04T12:00:00Z\tid\tA\t\tx\n", &["field `musicbrainz-artist-id`", "\"id\""]),
        ("user_000001\t2009-05-04T12:00:00Z\t\tA\tid\tx\n", &["field `musicbrainz-track-id`", "\"id\""]),
        ("\t2009-05-04T12:00:00Z\t\tA\t\tx\n", &["field `userid`", "nothing"]),
    ] {
        let path = bench.write(LOG, format!("{good}{bad}{good}"));
        bench.options.lenient = false;
        let error = import(&bench, std::slice::from_ref(&path)).err().unwrap().to_string();
        assert_all(&error, parts);
        assert_all(&error, &[LOG, "row 2", "--lenient"]);
        bench.options.lenient = true;
        let counts = import(&bench, &[path]).unwrap().report.counts;
        assert_eq!((counts.rows_read, counts.rows_bad, counts.rows_kept), (3, 1, 1));
    }
}

#[test]
fn what_is_no_log_is_told_what_a_log_is() {
    let bench = Bench::new();
    let folder = bench.write("empty/README.txt", "x").parent().unwrap().to_owned();
    let profile = bench.write("profile.tar", tar(&[("userid-profile.tsv", b"#id")]));
    for input in [folder, profile, bench.write(LOG, "")] {
        let error = import(&bench, &[input]).err().unwrap().to_string();
        assert_all(&error, &["userid-timestamp-artid-artname-traid-traname.tsv"]);
    }
    assert_all(&import(&bench, &[bench.path("absent.tsv")]).err().unwrap().to_string(), &["absent.tsv"]);
}

#[test]
fn the_same_input_gives_the_same_dataset_in_any_memory() {
    let bench = Bench::new();
    let path = bench.write(LOG, published(300));
    let fingerprint = |run_records| {
        let inputs = std::slice::from_ref(&path);
        let run = |out: &Path, options: &ImportOptions| super::import(inputs, out, options, &Silent, run_records);
        bench.import(run).unwrap().report.manifest.fingerprint
    };
    let whole = fingerprint(RUN_RECORDS);
    assert!([1, 7, 512].into_iter().all(|run_records| fingerprint(run_records) == whole));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Damage to any byte, and cuts anywhere, of plain and packed files: no panic, and every row is accounted for
    /// (which `Bench::import` asserts).
    #[test]
    fn damaged_files_never_panic(position in any::<usize>(), byte in any::<u8>(), cut in any::<bool>(), packed in any::<bool>()) {
        let mut bench = Bench::new();
        let mut bytes = published(20).into_bytes();
        if packed { bytes = gzip(&bytes) }
        let position = position % bytes.len();
        if cut { bytes.truncate(position) } else { bytes[position] = byte }
        let path = bench.write(LOG, bytes);
        if let Err(error) = import(&bench, std::slice::from_ref(&path)) {
            prop_assert!(error.to_string().contains(LOG), "{}", error);
        }
        bench.options.lenient = true;
        let _ = import(&bench, &[path]);
    }

    #[test]
    fn any_bytes_are_parsed_without_panic(bytes in proptest::collection::vec(
        prop_oneof![Just(b'\t'), Just(b'\n'), Just(b'+'), Just(b'/'), Just(b'%'), any::<u8>()], 0..300)) {
        fuzz(&bytes);
        let row = [b"u\t2009-05-04T12:00:00Z\t\t", &bytes[..], b"\t\tx\n"].concat();
        fuzz(&row);
    }
}
