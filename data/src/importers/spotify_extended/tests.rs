//! Every trap of the format by hand-written rows, every error, and what must hold for any input.

mod errors;
mod inputs;
mod traps;

use std::fs;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::Silent;
use crate::importers::test_bench::{self, Bench, message};

/// A row as exports have it: a track that ended at `ts`.
fn row(ts: &str, ms_played: u32, track: &str, reason_start: &str, reason_end: &str) -> Value {
    json!({
        "ts": ts, "platform": "android", "ms_played": ms_played, "conn_country": "ZZ",
        "master_metadata_track_name": format!("Name of {track}"),
        "master_metadata_album_artist_name": "Artist", "master_metadata_album_album_name": "Album",
        "spotify_track_uri": format!("spotify:track:{track}"),
        "episode_name": null, "episode_show_name": null, "spotify_episode_uri": null,
        "reason_start": reason_start, "reason_end": reason_end, "shuffle": true, "skipped": null, "offline": false,
        "offline_timestamp": null, "incognito_mode": false
    })
}

/// A row with other values in some fields.
fn with(mut row: Value, changes: Value) -> Value {
    for (field, value) in changes.as_object().unwrap() {
        row[field] = value.clone();
    }
    row
}

/// Manifest and counts of an import.
struct Report {
    manifest: Manifest,
    counts: SpotifyCounts,
}

type Imported = test_bench::Imported<Report>;

fn import(bench: &Bench, inputs: &[PathBuf]) -> Result<Imported> {
    bench.run(|out, options| {
        let (manifest, counts) = super::import(inputs, out, options, &Silent, bench.run_records)?;
        Ok(Report { manifest, counts })
    })
}

fn failure(bench: &Bench, inputs: &[PathBuf]) -> String {
    message(import(bench, inputs))
}

fn dropped(imported: &Imported, reason: &str) -> u64 {
    imported.report.counts.dropped.iter().find(|dropped| dropped.reason == reason).unwrap().rows
}

/// Track, complete and skip of every play.
fn plays(imported: &Imported) -> Vec<(&str, Option<bool>, Option<bool>)> {
    let plays = imported.sessions.iter().flat_map(|session| &session.plays);
    let id = |track: u32| imported.catalog[track as usize].id.trim_start_matches("spotify:track:");
    plays.map(|play| (id(play.track), play.responses.complete, play.responses.skip)).collect()
}

fn import_rows_in(bench: &Bench, rows: &[Value]) -> Imported {
    import(bench, &[write_history(bench, rows)]).unwrap()
}

fn import_rows(rows: &[Value]) -> Imported {
    import_rows_in(&Bench::new(), rows)
}

/// A listener's history of `count` rows with everything in it.
fn mixed_rows(count: u32) -> Vec<Value> {
    let ends = ["trackdone", "fwdbtn", "", "endplay", "backbtn", "logout", "unknown"];
    (0..count)
        .map(|i| {
            let (hour, minute, second) = (i / 720 % 24, i / 12 % 60, i % 12 * 5);
            let ts = format!("2020-01-{:02}T{hour:02}:{minute:02}:{second:02}Z", 1 + i / 17_280);
            let end = ends[(i * i % 7) as usize];
            with(
                row(&ts, i * 7919 % 250_000, &format!("t{}", i * 31 % 97), "trackdone", end),
                json!({ "platform": if i % 11 == 0 { "web_player" } else { "ios" }, "shuffle": i % 3 == 0 }),
            )
        })
        .collect()
}

fn write_history(bench: &Bench, rows: &[Value]) -> PathBuf {
    bench.write("alice/Streaming_History_Audio_2020_0.json", serde_json::to_string(rows).unwrap())
}

#[test]
fn the_same_input_gives_the_same_dataset_in_any_memory() {
    let mut bench = Bench::new();
    let path = write_history(&bench, &mixed_rows(3000));
    let whole = import(&bench, std::slice::from_ref(&path)).unwrap();
    assert_eq!(
        whole.report.manifest.fingerprint,
        import(&bench, std::slice::from_ref(&path)).unwrap().report.manifest.fingerprint
    );
    for run_records in [1, 7, 512] {
        bench.run_records = run_records;
        let spilled = import(&bench, std::slice::from_ref(&path)).unwrap();
        assert_eq!(spilled.report.manifest.fingerprint, whole.report.manifest.fingerprint, "{run_records}");
    }
}

#[test]
fn the_order_of_rows_in_the_file_does_not_matter() {
    let mut rows = mixed_rows(500);
    let forwards = import_rows(&rows);
    rows.reverse();
    assert_eq!(import_rows(&rows).report.manifest.fingerprint, forwards.report.manifest.fingerprint);
}

#[test]
fn the_report_is_stored_in_the_manifest() {
    let imported = import_rows(&mixed_rows(300));
    let details = &imported.report.manifest.source.details;
    assert_eq!(details["counts"], serde_json::to_value(&imported.report.counts).unwrap());
    assert_eq!(details["settings"]["rules"]["session_gap_minutes"], 20.0);
    assert_eq!(imported.report.manifest.source.format, "spotify-extended");
    let tracks = &imported.report.counts;
    assert_eq!(tracks.durations_given + tracks.durations_estimated + tracks.durations_unknown, tracks.tracks);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Damage to any byte, and cuts anywhere: strict import fails with a message or succeeds, lenient import counts
    /// every row; neither panics.
    #[test]
    fn damaged_files_never_panic(position in 0usize..9000, byte in any::<u8>(), cut in any::<bool>()) {
        let mut bench = Bench::new();
        let mut text = serde_json::to_vec(&mixed_rows(20)).unwrap();
        let position = position % text.len();
        if cut { text.truncate(position) } else { text[position] = byte }
        let path = bench.write("alice/Streaming_History_Audio_2020_0.json", text);
        if let Err(error) = import(&bench, std::slice::from_ref(&path)) {
            let error = error.to_string();
            prop_assert!(error.contains("Streaming_History_Audio_2020_0.json"), "{}", error);
        }
        bench.options.lenient = true;
        if let Ok(imported) = import(&bench, &[path]) {
            let counts = imported.report.counts;
            let dropped: u64 = counts.dropped.iter().map(|dropped| dropped.rows).sum();
            prop_assert_eq!(counts.rows_read, counts.rows_kept + counts.rows_bad + dropped);
        }
    }

    /// Whatever the rows: plays do not go back in time within a session, sessions are parted by the gap, complete
    /// and skip exclude each other.
    #[test]
    fn sessions_are_well_formed(rows in proptest::collection::vec((0u32..7200, 0u32..400_000, 0u8..6, 0usize..6, 0usize..5), 1..60)) {
        let rows: Vec<Value> = rows
            .into_iter()
            .map(|(second, ms, track, end, start)| {
                let ts = format!("2020-01-01T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60);
                let end = ["trackdone", "fwdbtn", "backbtn", "endplay", "", "logout"][end];
                row(&ts, ms, &track.to_string(), ["trackdone", "fwdbtn", "clickrow", "", "appload"][start], end)
            })
            .collect();
        let bench = Bench::new();
        let path = write_history(&bench, &rows);
        // All rows may be noise, which is an error; anything else must hold.
        if let Ok(imported) = import(&bench, &[path]) {
            let counts = &imported.report.counts;
            let dropped: u64 = counts.dropped.iter().map(|dropped| dropped.rows).sum();
            prop_assert_eq!(counts.rows_read, counts.rows_kept + counts.rows_bad + dropped);
            for pair in imported.sessions.windows(2) {
                let last = pair[0].plays.iter().map(|play| play.start_ms).max().unwrap();
                prop_assert!(pair[1].start_ms - last >= 20 * 60_000);
            }
            for session in &imported.sessions {
                prop_assert!(session.plays.windows(2).all(|pair| pair[0].start_ms <= pair[1].start_ms));
                for play in &session.plays {
                    prop_assert!(!(play.responses.complete == Some(true) && play.responses.skip != Some(false)));
                }
            }
        }
    }
}
