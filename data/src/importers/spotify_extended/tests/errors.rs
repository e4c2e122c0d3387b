//! Every error names the file, the row and the field, and says what to do; lenient import counts instead.

use super::*;
use crate::importers::test_bench::assert_all;

const ENTRY: &str = "Spotify Extended Streaming History/Streaming_History_Audio_2020_0.json";

fn three_rows() -> String {
    let rows = ["2020-01-01T10:00:00Z", "2020-01-01T10:01:00Z", "2020-01-01T10:02:00Z"]
        .map(|ts| row(ts, 60_000, &ts[14..16], "trackdone", "trackdone").to_string());
    format!("[{}]", rows.join(",\n"))
}

#[test]
fn a_wrong_field_is_named_with_archive_entry_and_row() {
    let mut bench = Bench::new();
    for (from, to, parts) in [
        ("\"2020-01-01T10:01:00Z\"", "\"soon\"", &["field `ts`", "\"soon\"", "2014-07-27T20:34:47Z"][..]),
        ("\"ms_played\":60000", "\"ms_played\":\"long\"", &["field `ms_played`", "found \"long\""]),
        ("\"ms_played\":60000,", "", &["field `ms_played`", "missing"]),
        ("\"shuffle\":true", "\"shuffle\":\"yes\"", &["field `shuffle`", "true, false or null"]),
        ("\"platform\":\"android\"", "\"platform\":7", &["field `platform`", "found 7"]),
        ("\"offline\":false", "\"offline\":{", &["(whole row)"]),
    ] {
        let text = three_rows();
        let second = text.find('\n').unwrap();
        let text = format!("{}{}", &text[..second], text[second..].replacen(from, to, 1));
        let zip = bench.zip("bob.zip", &[(ENTRY, &text)]);
        bench.options.lenient = false;
        let error = failure(&bench, std::slice::from_ref(&zip));
        assert_all(&error, parts);
        assert_all(&error, &["bob.zip!", ENTRY]);
        if to != "\"offline\":{" {
            assert_all(&error, &["row 2", "--lenient"]);
            bench.options.lenient = true;
            let counts = import(&bench, &[zip]).unwrap().report.counts;
            assert_eq!((counts.rows_read, counts.rows_bad, counts.rows_kept), (3, 1, 2));
        }
    }
}

#[test]
fn text_that_is_not_utf8_is_named() {
    let mut bench = Bench::new();
    let mut text = three_rows().into_bytes();
    let position = text.windows(7).position(|w| w == b"Name of").unwrap();
    text[position] = 0xE9;
    let path = bench.write("alice/endsong_0.json", &text);
    assert_all(&failure(&bench, std::slice::from_ref(&path)), &["endsong_0.json, row 1", "UTF-8", "0xe9"]);
    bench.options.lenient = true;
    assert_eq!(import(&bench, &[path]).unwrap().report.counts.rows_bad, 1);
    let utf16: Vec<u8> = three_rows().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let path = bench.write("alice/endsong_0.json", utf16);
    bench.options.lenient = false;
    assert_all(&failure(&bench, &[path]), &["row 1", "a JSON object"]);
}

#[test]
fn a_cut_file_is_an_error_and_lenient_import_keeps_what_stands_before_the_cut() {
    let mut bench = Bench::new();
    let text = three_rows();
    let path = bench.write("alice/Streaming_History_Audio_0.json", &text[..text.len() - 40]);
    let error = failure(&bench, std::slice::from_ref(&path));
    assert_all(&error, &["Streaming_History_Audio_0.json", "cut short", "row 3", "keep the 2 rows before"]);
    bench.options.lenient = true;
    let counts = import(&bench, &[path]).unwrap().report.counts;
    assert_eq!((counts.files_cut, counts.rows_kept, counts.rows_bad), (1, 2, 0));
}

#[test]
fn a_cut_zip_says_so() {
    let mut bench = Bench::new();
    let zip = bench.zip("bob.zip", &[(ENTRY, &three_rows())]);
    let bytes = fs::read(&zip).unwrap();
    for length in [0, 3, bytes.len() / 2, bytes.len() - 5] {
        let path = bench.write("cut.zip", &bytes[..length]);
        assert_all(&failure(&bench, &[path]), &["cut.zip", "cut short or damaged", "download the export again"]);
    }
    // Damage within the data: the directory of the zip is whole, the text is not.
    let mut damaged = bytes.clone();
    let middle = ENTRY.len() + 80;
    damaged[middle..middle + 40].fill(0);
    let path = bench.write("damaged.zip", &damaged);
    assert_all(&failure(&bench, std::slice::from_ref(&path)), &["damaged.zip!", ENTRY]);
    bench.options.lenient = true;
    let error = failure(&bench, &[path]);
    assert_all(&error, &["damaged.zip"]);
}

#[test]
fn what_is_no_export_is_told_what_an_export_is() {
    let bench = Bench::new();
    let zip = bench.zip("holiday.zip", &[("photo.jpg", "x"), ("Streaming_History_Video_2020.json", "[]")]);
    let folder = bench.write("empty/readme.txt", "x").parent().unwrap().to_owned();
    let text = bench.write("notes.txt", "hello");
    for input in [zip, folder, text] {
        assert_all(&failure(&bench, &[input]), &["not a Spotify extended export", "Streaming_History_Audio_*.json"]);
    }
    assert_all(&failure(&bench, &[bench.path("absent.zip")]), &["absent.zip"]);
    assert_all(&failure(&bench, &[]), &["none given"]);
    let object = bench.write("alice/endsong_0.json", "{\"a\": 1}");
    assert_all(&failure(&bench, &[object]), &["is not a JSON list"]);
}

#[test]
fn the_yearly_account_export_is_recognised() {
    let bench = Bench::new();
    let text = r#"[{"endTime": "2024-05-06 18:43", "artistName": "A", "trackName": "B", "msPlayed": 1}]"#;
    let zip = bench.zip("account.zip", &[("MyData/StreamingHistory_music_0.json", text)]);
    let file = bench.write("MyData/StreamingHistory0.json", text);
    // Renamed, its rows tell it.
    let renamed = bench.write("renamed/plays.json", text);
    for input in [zip, file, bench.path("MyData"), renamed] {
        assert_all(
            &failure(&bench, &[input]),
            &["one year of history", "sim import spotify-account", "extended streaming history"],
        );
    }
}

#[test]
fn an_export_without_plays_is_an_error() {
    let bench = Bench::new();
    for text in ["[]", "[{\"ts\": \"2020-01-01T10:00:00Z\", \"ms_played\": 5, \"spotify_track_uri\": null}]"] {
        let path = bench.write("alice/endsong_0.json", text);
        assert_all(&failure(&bench, &[path]), &["holds no plays"]);
    }
}

#[test]
fn settings_and_output_are_checked_before_anything_is_read() {
    let mut bench = Bench::new();
    let path = bench.write("alice/endsong_0.json", three_rows());
    bench.options.utc_offset_minutes = 2000;
    assert_all(&failure(&bench, std::slice::from_ref(&path)), &["utc_offset_minutes"]);
    bench.options.utc_offset_minutes = 0;
    let out = bench.write("taken/file", "x").parent().unwrap().to_owned();
    let error = super::super::import(&[path], &out, &bench.options, &Silent, 10).unwrap_err().to_string();
    assert_all(&error, &["exists already"]);
}
