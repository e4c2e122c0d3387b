//! From logs and settings to datasets and their description.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs;
use std::io::Write;
use std::path::Path;

use support::sim;
use tempfile::tempdir;

const NAME: &str = "Streaming_History_Audio_2020_1.json";

/// One play as Spotify writes it: on 1 May 2020, `minute` minutes after noon.
fn spotify_row(minute: u32, track: &str, ms_played: &str, reason_end: &str) -> String {
    let (hour, minute) = (12 + minute / 60, minute % 60);
    format!(
        r#"{{"ts":"2020-05-01T{hour:02}:{minute:02}:00Z","platform":"ios","ms_played":{ms_played},
        "master_metadata_track_name":"{track}","master_metadata_album_artist_name":"Artist",
        "master_metadata_album_album_name":"Album","spotify_track_uri":"spotify:track:{track}",
        "reason_start":"trackdone","reason_end":"{reason_end}","shuffle":false,"skipped":false,"offline":false,
        "offline_timestamp":null,"incognito_mode":false}}"#
    )
}

/// A file of such plays.
fn spotify_file(rows: &[String]) -> String {
    format!("[{}]", rows.join(",\n"))
}

/// Seven plays in two sessions: four complete, three skipped, one of them sent twice.
fn plays() -> Vec<String> {
    let mut rows: Vec<String> =
        (0..4).map(|play| spotify_row(4 * play, &format!("t{play}"), "200000", "trackdone")).collect();
    rows.extend((0..3).map(|play| spotify_row(120 + play, &format!("t{play}"), "5000", "fwdbtn")));
    rows.push(rows[6].clone());
    rows
}

fn write_zip(path: &Path, text: &str) {
    let mut zip = zip::ZipWriter::new(fs::File::create(path).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    zip.start_file(format!("Spotify Extended Streaming History/{NAME}"), options).unwrap();
    zip.write_all(text.as_bytes()).unwrap();
    zip.finish().unwrap();
}

/// The numbers in the line that begins with a text, without thousands separators.
fn numbers(report: &str, begin: &str) -> Vec<String> {
    let line = report.lines().find(|line| line.trim_start().starts_with(begin));
    let line = line.unwrap_or_else(|| panic!("no line `{begin}` in:\n{report}")).trim_start();
    line[begin.len()..].split_whitespace().filter(|word| *word != "%").map(|word| word.replace(',', "")).collect()
}

#[test]
fn an_export_becomes_a_dataset_and_every_row_is_accounted_for() {
    let folder = tempdir().unwrap();
    write_zip(&folder.path().join("me.zip"), &spotify_file(&plays()));
    let report = sim(folder.path(), "import spotify-extended me.zip --out mine").expect(0).out;
    assert_eq!(numbers(&report, "read from 1 file"), ["8", "100.0"]);
    assert_eq!(numbers(&report, "kept"), ["7", "87.5"]);
    assert_eq!(numbers(&report, "dropped: exact duplicate"), ["1", "12.5"]);
    for (name, value) in [("users", "1"), ("tracks", "4"), ("sessions", "2"), ("plays", "7")] {
        assert_eq!(numbers(&report, name), [value], "{report}");
    }
    assert_eq!(numbers(&report, "complete"), ["57.1", "0.0"]);
    assert!(report.contains("duration estimated"), "{report}");
    assert!(report.contains("sim inspect mine"), "{report}");

    let report = sim(folder.path(), "inspect mine").expect(0).out;
    assert_eq!(numbers(&report, "all"), ["7", "57.1", "42.9", "57.1"]);
    assert_eq!(numbers(&report, "skipped after a skip"), ["100.0"]);
    assert!(report.contains("2020-05-01 to 2020-05-01"), "{report}");
    let json = sim(folder.path(), "inspect mine --json").expect(0).out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["summary"]["sessions"], 2);
    assert_eq!(json["source"]["format"], "spotify-extended");
}

#[test]
fn a_bad_row_is_named_by_file_and_row_and_skipped_if_asked() {
    let folder = tempdir().unwrap();
    let mut rows = plays();
    rows.insert(2, spotify_row(30, "t9", "\"long\"", "trackdone"));
    fs::write(folder.path().join(NAME), spotify_file(&rows)).unwrap();
    let import = format!("import spotify-extended {NAME} --out mine");
    let outcome = sim(folder.path(), &import).expect(1).says(&[NAME, "row 3", "ms_played", "--lenient"]);
    assert_eq!(outcome.err.matches("row 3").count(), 1, "said once:\n{}", outcome.err);
    assert!(outcome.out.is_empty() && !folder.path().join("mine").exists());
    let report = sim(folder.path(), &format!("{import} --lenient")).expect(0).out;
    assert_eq!(numbers(&report, "dropped: bad row")[0], "1");
}

#[test]
fn broken_files_are_named() {
    let folder = tempdir().unwrap();
    let text = spotify_file(&plays());
    fs::write(folder.path().join(NAME), &text[..text.len() - 40]).unwrap();
    let import = format!("import spotify-extended {NAME} --out mine");
    sim(folder.path(), &import).expect(1).says(&[NAME, "cut short", "row 8"]);
    let report = sim(folder.path(), &format!("{import} --lenient")).expect(0).out;
    assert_eq!(numbers(&report, "files that end too early, read up to there"), ["1"]);
    // A dataset is never written over.
    sim(folder.path(), &import).expect(1).says(&["mine: exists already"]);

    fs::write(folder.path().join("me.zip"), "no zip").unwrap();
    sim(folder.path(), "import spotify-extended me.zip --out other").expect(1).says(&["me.zip"]);
    sim(folder.path(), "import spotify-extended none.zip --out other").expect(1).says(&["none.zip"]);
}

#[test]
fn rules_that_make_no_sense_are_wrong_usage() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join(NAME), spotify_file(&plays())).unwrap();
    let import = format!("import spotify-extended {NAME} --out mine");
    sim(folder.path(), &format!("{import} --session-gap-minutes 0")).expect(2).says(&["session_gap_minutes"]);
    sim(folder.path(), &format!("{import} --utc-offset-minutes -3000")).expect(2).says(&["utc_offset_minutes"]);
    // With a gap of a day, the two sessions are one.
    let report = sim(folder.path(), &format!("{import} --session-gap-minutes 1440")).expect(0).out;
    assert_eq!(numbers(&report, "sessions"), ["1"]);
}

#[test]
fn the_same_seed_gives_the_same_synthetic_dataset() {
    let folder = tempdir().unwrap();
    let synthesize = |out: &str, seed: u32| {
        let size = "--set data.synthetic.size.users=20 --set data.synthetic.size.days=7";
        let outcome = sim(folder.path(), &format!("synthesize --out {out} {size} --seed {seed}")).expect(0);
        assert!(outcome.out.contains(&format!("sim inspect {out}")), "{}", outcome.out);
        assert!(outcome.err.contains("20 listeners"), "progress tells the end of a stage: {}", outcome.err);
        numbers(&outcome.out, "fingerprint")
    };
    let first = synthesize("a", 1);
    assert_eq!(first, synthesize("b", 1));
    assert_ne!(first, synthesize("c", 2));
    let report = sim(folder.path(), "inspect a --quiet").expect(0);
    assert_eq!(numbers(&report.out, "users"), ["20"]);
    assert_eq!(numbers(&report.out, "fingerprint"), first);
    assert_eq!(report.err, "", "--quiet is silent");
}

#[test]
fn listeners_are_fitted_to_a_log_and_their_config_can_be_used() {
    let folder = tempdir().unwrap();
    let sim = |arguments: &str| sim(folder.path(), &format!("--quiet {arguments}"));
    let size = "--set data.synthetic.size.users=30 --set data.synthetic.size.days=7";
    sim(&format!("synthesize --out real {size} --set data.synthetic.leaving.base=-2 --seed 3")).expect(0);
    let fit =
        format!("calibrate-listeners --dataset real --out fitted.toml --users 20 --days 7 --evaluations 40 {size}");
    let report = sim(&fit).expect(0).out;
    for title in ["Real and synthetic figures", "Distances from the real log", "Settings"] {
        assert!(report.contains(title), "{report}");
    }
    // Weighted sums before and after, and of chance.
    let sums: Vec<f64> = numbers(&report, "weighted sum").iter().map(|number| number.parse().unwrap()).collect();
    assert!(sums.len() == 3 && sums[1] < sums[0], "{report}");
    let text = fs::read_to_string(folder.path().join("fitted.toml")).unwrap();
    assert!(text.contains(&format!("#   sim --quiet {fit}\n")) && text.contains("name = \"fitted\""), "{text}");
    let config: serde_json::Value = toml::from_str(&text).unwrap();
    // Name, before and fitted of each setting: those that moved are in the config, and the others not.
    let (_, settings) = report.split_once("\nSettings\n").unwrap();
    let rows: Vec<Vec<&str>> = settings.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    let rows: Vec<&[&str]> = rows.iter().filter(|row| row.len() == 5).map(|row| &row[..3]).collect();
    assert!(rows.iter().any(|row| row[1] != row[2]), "{report}");
    for row in rows {
        let place = row[0].replace('.', "/");
        let written = config.pointer(&format!("/data/synthetic/{place}")).map(|value| value.as_f64().unwrap());
        let value: f64 = row[2].parse().unwrap();
        assert_eq!(written, (row[1] != row[2]).then_some(value), "{row:?}\n{text}\n{report}");
    }
    sim("synthesize --config fitted.toml --out like").expect(0).prints(&["30"]);
    sim(&fit).expect(2).says(&["--out: fitted.toml exists already"]);
}

#[test]
fn what_cannot_be_fitted_is_told() {
    let folder = tempdir().unwrap();
    sim(folder.path(), "calibrate-listeners --out x.toml").expect(2).says(&["--dataset", "--mssd-marginals"]);
    sim(folder.path(), "calibrate-listeners --dataset none --out x.toml").expect(1).says(&["none: does not exist"]);
    fs::write(folder.path().join("session_lengths.txt"), "10 5\nten 3\n").unwrap();
    sim(folder.path(), "calibrate-listeners --mssd-marginals . --out x.toml")
        .expect(1)
        .says(&["session_lengths.txt: line 2: expected a session length of the set, 10 to 20, found `ten`"]);
    assert!(!folder.path().join("x.toml").exists());
}
