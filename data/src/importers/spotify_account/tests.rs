//! Every trap of the format by hand-written rows, every error, the join, and what must hold for any input.

use std::fs;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::importers::spotify_extended::import_spotify_extended;
use crate::importers::test_bench::{Bench, Imported, message};
use crate::{Dataset, Responses, Session, Silent};

const YES: Option<bool> = Some(true);
const NO: Option<bool> = Some(false);

/// A row as exports have it: a track that ended in a minute of 1 May 2023.
fn row(end: &str, track: &str, ms_played: u32) -> Value {
    json!({ "endTime": format!("2023-05-01 {end}"), "artistName": "Artist", "trackName": track, "msPlayed": ms_played })
}

fn import_joined(bench: &Bench, inputs: &[PathBuf], join: Option<PathBuf>) -> Result<Imported> {
    let account = SpotifyAccountOptions { join };
    bench.import(|out, options| super::import(inputs, out, options, &account, &Silent, bench.run_records))
}

fn import(bench: &Bench, inputs: &[PathBuf]) -> Result<Imported> {
    import_joined(bench, inputs, None)
}

fn import_rows(bench: &Bench, rows: &[Value]) -> Imported {
    import(bench, &[bench.write("alice/StreamingHistory0.json", text(rows))]).unwrap()
}

fn failure(bench: &Bench, inputs: &[PathBuf]) -> String {
    message(import(bench, inputs))
}

/// Name, complete and skip of every play.
fn plays(imported: &Imported) -> Vec<(&str, Option<bool>, Option<bool>)> {
    let plays = imported.sessions.iter().flat_map(|session| &session.plays);
    let name = |track: u32| imported.catalog[track as usize].name.as_str();
    plays.map(|play| (name(play.track), play.responses.complete, play.responses.skip)).collect()
}

fn text(rows: &[Value]) -> String {
    serde_json::to_string_pretty(rows).unwrap()
}

#[test]
fn times_are_ends_in_utc_to_the_minute() {
    let mut bench = Bench::new();
    bench.options.utc_offset_minutes = 120;
    let imported =
        import_rows(&bench, &[row("22:30", "a", 200_500), row("22:30", "b", 20_000), row("22:51", "c", 60_000)]);
    // date -u -d '2023-05-02 00:30' +%s gives 1682987400; less 200.5 s and, for b, 20 s.
    let starts: Vec<i64> = imported.sessions[0].plays.iter().map(|play| play.start_ms).collect();
    assert_eq!(starts, [1_682_987_199_500, 1_682_987_380_000]);
    // c starts 20 minutes after the end of the others.
    assert_eq!(imported.sessions[1].start_ms, 1_682_988_600_000);
    // Tuesday, 00:26; nothing else is told.
    let context = imported.sessions[0].context;
    assert_eq!((context.hour, context.weekday), (Some(0), Some(1)));
    assert_eq!((context.device, context.shuffle, context.premium, context.source), (None, None, None, None));
    assert_eq!(imported.users, ["alice"]);
    assert_eq!(
        (imported.catalog[0].id.as_str(), imported.catalog[0].artist.as_str()),
        ("spotify-account:Artist:a", "Artist")
    );
}

#[test]
fn plays_of_one_minute_stay_in_the_order_of_the_file_and_starts_never_fall() {
    let imported = import_rows(
        &Bench::new(),
        &[row("10:00", "c", 5_000), row("10:00", "a", 7_000), row("10:00", "b", 2_000), row("09:59", "z", 1_000)],
    );
    let session = &imported.sessions[0];
    assert_eq!(plays(&imported).iter().map(|play| play.0).collect::<Vec<_>>(), ["z", "c", "a", "b"]);
    let starts: Vec<i64> = session.plays.iter().map(|play| (play.start_ms - session.start_ms) / 1000).collect();
    // c starts at 09:59:55; a, seven seconds before the minute, is moved to it.
    assert_eq!(starts, [0, 56, 56, 59]);
}

#[test]
fn files_follow_each_other_by_number() {
    let bench = Bench::new();
    let entries: Vec<(String, String)> = (0..12)
        .map(|file| (format!("MyData/StreamingHistory{file}.json"), text(&[row("10:00", &format!("t{file}"), 1_000)])))
        .collect();
    let entries: Vec<(&str, &str)> = entries.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let imported = import(&bench, &[bench.zip("bob.zip", &entries)]).unwrap();
    let names: Vec<String> = plays(&imported).iter().map(|play| play.0.to_owned()).collect();
    assert_eq!(names, (0..12).map(|file| format!("t{file}")).collect::<Vec<_>>());
}

#[test]
fn a_length_heard_twice_is_the_duration_and_tells_the_responses() {
    let rows = [
        row("10:00", "a", 200_000),
        row("10:04", "a", 200_000),
        row("10:04", "b", 31_000),
        row("10:07", "a", 189_999), // left for b at once
        row("10:08", "b", 45_000),
        row("10:11", "a", 150_000), // then a again
        row("10:15", "a", 190_000), // 95 %
        row("10:16", "a", 50_000),  // then a pause of more than a minute
        row("10:20", "c", 60_000),
        row("10:21", "a", 29_999), // the last
    ];
    let imported = import_rows(&Bench::new(), &rows);
    let expected = [
        ("a", YES, NO),
        ("a", YES, NO),
        ("b", None, None),
        ("a", NO, YES),
        ("b", None, None),
        ("a", NO, None),
        ("a", YES, NO),
        ("a", NO, None),
        ("c", None, None),
        ("a", NO, None),
    ];
    assert_eq!(plays(&imported), expected);
    let past: Vec<_> = imported.sessions[0].plays.iter().map(|play| play.responses.past_threshold).collect();
    assert_eq!(past, [YES, YES, YES, YES, YES, YES, YES, YES, YES, NO]);
    let durations: Vec<_> = imported.catalog.iter().map(|t| (t.duration_ms, t.duration_estimated)).collect();
    assert_eq!(durations, [(Some(200_000), true), (None, false), (None, false)]);
    let counts = &imported.report.counts;
    assert_eq!((counts.durations_estimated, counts.durations_unknown), (1, 2));
    assert_eq!(imported.remark("skips told by the next play"), 1);
    assert_eq!(imported.remark("plays of tracks of unknown duration"), 3);
}

#[test]
fn rows_that_play_no_known_track_are_left_out() {
    let bench = Bench::new();
    let music = text(&[
        row("10:00", "a", 60_000),
        row("10:00", "b", 0),
        row("10:01", "Unknown Track", 60_000),
        row("10:02", "a", 60_000),
        row("10:02", "a", 60_000),
    ]);
    let podcast = text(&[
        json!({ "endTime": "2023-05-01 11:00", "podcastName": "P", "episodeName": "E", "msPlayed": 100 }),
        json!({ "endTime": "2023-05-01 11:00", "authorName": "W", "audiobookName": "B", "chapterName": "C", "msPlayed": 9 }),
    ]);
    let zip = bench.zip(
        "bob.zip",
        &[
            ("Spotify Account Data/StreamingHistory_music_0.json", &music),
            ("Spotify Account Data/StreamingHistory_podcast_0.json", &podcast),
            ("Spotify Account Data/Playlist1.json", "broken"),
            ("__MACOSX/._StreamingHistory_music_0.json", "junk"),
        ],
    );
    let imported = import(&bench, &[zip]).unwrap();
    assert_eq!(plays(&imported).len(), 2);
    for reason in ["nothing played", "unknown artist or track", "exact duplicate", "podcast", "audiobook"] {
        assert_eq!(imported.dropped(reason), 1, "{reason}");
    }
    let counts = &imported.report.counts;
    assert_eq!((counts.files, counts.rows_read, counts.rows_kept), (2, 7, 2));
}

#[test]
fn the_table_of_features_is_keyed_by_artist_and_name() {
    let mut bench = Bench::new();
    let table = "uri,danceability,energy,loudness,speechiness,acousticness,instrumentalness,liveness,valence,tempo,\
                 duration_ms\nspotify-account:AC%3ADC:50%25,0.1,0.2,-7.5,0.3,0.4,0.5,0.6,0.7,120,100000\n";
    bench.options.track_features = Some(bench.write("features.csv", table));
    let mut played = row("10:00", "50%", 99_000);
    played["artistName"] = json!("AC:DC");
    let imported = import_rows(&bench, &[played]);
    let track = &imported.catalog[0];
    assert_eq!((track.artist.as_str(), track.name.as_str()), ("AC:DC", "50%"));
    assert_eq!((track.duration_ms, track.duration_estimated), (Some(100_000), false));
    assert_eq!(track.audio_features.unwrap()[8], 120.0);
    assert_eq!(plays(&imported), [("50%", YES, NO)]);
}

#[test]
fn errors_name_archive_entry_row_and_field() {
    let mut bench = Bench::new();
    let good = text(&[row("10:00", "a", 1_000), row("10:01", "b", 1_000), row("10:02", "c", 1_000)]);
    for (from, to, parts) in [
        ("2023-05-01 10:01", "yesterday", &["field `endTime`", "\"yesterday\"", "2023-05-01 14:03"][..]),
        ("\"b\"", "17", &["field `trackName`", "found 17"]),
        ("\"b\"", "\"b\", \"msPlayed\": -1, \"x\": [", &["(whole row)"]),
    ] {
        let zip = bench.zip("bob.zip", &[("MyData/StreamingHistory0.json", &good.replacen(from, to, 1))]);
        bench.options.lenient = false;
        let error = failure(&bench, std::slice::from_ref(&zip));
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        assert!(error.contains("bob.zip!MyData/StreamingHistory0.json, row 2"), "{error}");
        bench.options.lenient = true;
        if parts.len() > 1 {
            let counts = import(&bench, &[zip]).unwrap().report.counts;
            assert_eq!((counts.rows_read, counts.rows_bad, counts.rows_kept), (3, 1, 2));
        }
    }
    bench.options.lenient = false;
    let extended = r#"[{"ts": "2020-01-01T10:00:00Z", "ms_played": 5, "spotify_track_uri": null}]"#;
    for (name, text, parts) in [
        ("cut/StreamingHistory0.json", &good[..good.len() - 9], &["cut short", "row 3", "keep the 2 rows before"][..]),
        ("object/StreamingHistory0.json", "{}", &["is not a JSON list"]),
        ("empty/StreamingHistory0.json", "[]", &["holds no plays", "0 rows read"]),
        ("other/endsong_0.json", extended, &["extended streaming history", "sim import spotify-extended"]),
        ("renamed/plays.json", extended, &["extended streaming history", "sim import spotify-extended"]),
        ("notes.txt", "hello", &["is not Spotify's account data", "StreamingHistory*.json"]),
    ] {
        let error = failure(&bench, &[bench.write(name, text)]);
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
    assert!(failure(&bench, &[]).contains("none given"));
}

/// An extended export of `zoe`: `One` twice (a single of 100 s and an album track of 200 s) and `Two`.
fn extended(bench: &Bench) -> PathBuf {
    let play = |ts: &str, uri: &str, name: &str, ms: u32| {
        json!({
            "ts": format!("2020-01-01T{ts}Z"), "ms_played": ms, "spotify_track_uri": format!("spotify:track:{uri}"),
            "master_metadata_track_name": name, "master_metadata_album_artist_name": "Artist",
            "reason_start": "trackdone", "reason_end": "trackdone"
        })
    };
    let rows = [
        play("10:00:00", "single", "One", 100_000),
        play("10:05:00", "album", "One", 200_000),
        play("10:10:00", "album", "One", 200_000),
        play("10:15:00", "two", "Two", 150_000),
    ];
    let zip = bench.zip("zoe.zip", &[("endsong_0.json", &serde_json::to_string(&rows).unwrap())]);
    let out = bench.path("extended");
    import_spotify_extended(&[zip], &out, &bench.options, &Silent).unwrap();
    out
}

#[test]
fn joined_tracks_bring_their_durations_and_joined_listeners_come_first() {
    let bench = Bench::new();
    let dataset = extended(&bench);
    let rows = [row("10:00", "New", 60_000), row("10:04", "One", 199_000), row("10:07", "TWO", 149_000)];
    let input = bench.write("alice/StreamingHistory0.json", text(&rows));
    let imported = import_joined(&bench, &[input], Some(dataset.clone())).unwrap();
    assert_eq!(imported.users, ["zoe", "alice"]);
    let ids: Vec<&str> = imported.catalog.iter().map(|track| track.id.as_str()).collect();
    assert_eq!(ids, ["spotify:track:single", "spotify:track:album", "spotify:track:two", "spotify-account:Artist:New"]);
    // What was joined is as it was.
    let before: Vec<Session> =
        Dataset::open(&dataset).unwrap().sessions().unwrap().map(|s| s.unwrap().session).collect();
    assert_eq!(imported.sessions[..before.len()], before);
    let mine = &imported.sessions[before.len()];
    assert_eq!(mine.user, 1);
    let plays: Vec<(u32, Responses)> = mine.plays.iter().map(|play| (play.track, play.responses)).collect();
    let full = Responses { complete: YES, skip: NO, past_threshold: YES };
    assert_eq!(plays[1..], [(1, full), (2, full)]);
    assert_eq!((plays[0].0, plays[0].1.complete), (3, None));
    for (what, count) in [
        ("tracks shared with the joined dataset", 2),
        ("shared tracks found by normalised names", 1),
        ("shared tracks with several recordings of the name", 1),
        ("tracks not in the joined dataset", 1),
        ("plays of shared tracks", 2),
    ] {
        assert_eq!(imported.remark(what), count, "{what}");
    }
    let details = &imported.report.manifest.source.details;
    assert_eq!(details["joined_fingerprint"], Dataset::open(&dataset).unwrap().manifest().fingerprint);
}

#[test]
fn a_join_that_would_lie_is_refused() {
    let mut bench = Bench::new();
    let dataset = extended(&bench);
    let history = text(&[row("10:00", "One", 60_000)]);
    let failure = |bench: &Bench, input: &Path, join: &Path| {
        message(import_joined(bench, &[input.to_owned()], Some(join.to_owned())))
    };
    let zip = bench.zip("zoe.zip", &[("MyData/StreamingHistory0.json", &history)]);
    let error = failure(&bench, &zip, &dataset);
    assert!(error.contains("listener `zoe` already") && error.contains("leave out the account data"), "{error}");
    let input = bench.write("alice/StreamingHistory0.json", history);
    bench.options.rules.threshold_seconds = 10.0;
    let error = failure(&bench, &input, &dataset);
    assert!(
        error.contains("threshold_seconds = 30.0, this import has 10.0") && error.contains("same settings"),
        "{error}"
    );
    bench.options.rules = crate::SessionRules::default();
    import(&bench, std::slice::from_ref(&input)).unwrap();
    let other = bench.path("account");
    fs::rename(bench.path("out"), &other).unwrap();
    assert!(failure(&bench, &input, &other).contains("was made by `spotify-account`"));
    assert!(failure(&bench, &input, &bench.path("absent")).contains("does not exist"));
}

/// A history of `count` rows with everything in it.
fn mixed_rows(count: u32) -> Vec<Value> {
    (0..count)
        .map(|i| {
            let end = format!("{:02}:{:02}", i / 90 % 24, i * 2 / 3 % 60);
            row(&end, &format!("t{}", i * i % 31), i * 7919 % 5 * 40_000)
        })
        .collect()
}

#[test]
fn the_same_input_gives_the_same_dataset_in_any_memory() {
    let mut bench = Bench::new();
    let path = bench.write("alice/StreamingHistory0.json", text(&mixed_rows(900)));
    let whole = import(&bench, std::slice::from_ref(&path)).unwrap().report.manifest.fingerprint;
    for run_records in [1, 7, 512] {
        bench.run_records = run_records;
        let spilled = import(&bench, std::slice::from_ref(&path)).unwrap();
        assert_eq!(spilled.report.manifest.fingerprint, whole, "{run_records}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Damage to any byte, and cuts anywhere: strict import fails with a message or succeeds, lenient import counts
    /// every row; neither panics.
    #[test]
    fn damaged_files_never_panic(position in 0usize..9000, byte in any::<u8>(), cut in any::<bool>()) {
        let mut bench = Bench::new();
        let mut bytes = text(&mixed_rows(20)).into_bytes();
        let position = position % bytes.len();
        if cut { bytes.truncate(position) } else { bytes[position] = byte }
        fuzz(&bytes);
        let path = bench.write("alice/StreamingHistory0.json", bytes);
        if let Err(error) = import(&bench, std::slice::from_ref(&path)) {
            let error = error.to_string();
            prop_assert!(error.contains("StreamingHistory0.json"), "{}", error);
        }
        bench.options.lenient = true;
        if let Ok(imported) = import(&bench, &[path]) {
            let counts = &imported.report.counts;
            let dropped: u64 = counts.dropped.iter().map(|dropped| dropped.rows).sum();
            prop_assert_eq!(counts.rows_read, counts.rows_kept + counts.rows_bad + dropped);
            for session in &imported.sessions {
                prop_assert!(session.plays.windows(2).all(|pair| pair[0].start_ms <= pair[1].start_ms));
            }
        }
    }
}
