//! Every trap of the format by hand-written playlists, every error, and what must hold for any input.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::batch::PIECE_BYTES;
use super::*;
use crate::importers::test_bench::{Bench, Imported, assert_all, gzip, zip};
use crate::{Context, Responses, Silent};

const SLICE: &str = "mpd.slice.0-999.json";

fn import(bench: &Bench, inputs: &[PathBuf]) -> Result<Imported> {
    bench.import(|out, options| import_mpd(inputs, out, options, &Silent))
}

fn track(pos: u64, uri: &str) -> Value {
    json!({
        "pos": pos, "artist_name": format!("Artist \"{uri}\""), "track_uri": format!("spotify:track:{uri}"),
        "artist_uri": "spotify:artist:x", "track_name": format!("Name {{[{uri}"), "album_uri": "spotify:album:x",
        "duration_ms": 200_000, "album_name": "Album"
    })
}

fn playlist(pid: u64, tracks: &[Value]) -> Value {
    json!({
        "name": "\\\" ]}", "collaborative": "false", "pid": pid, "modified_at": 1_493_424_000 + pid,
        "num_tracks": tracks.len(), "num_albums": 1, "num_followers": 1, "num_edits": 1, "duration_ms": 1,
        "num_artists": 1, "tracks": tracks
    })
}

fn of(pid: u64, uris: &[&str]) -> Value {
    let tracks: Vec<Value> = (0..).zip(uris).map(|(pos, uri)| track(pos, uri)).collect();
    playlist(pid, &tracks)
}

/// A slice as published: indented by four.
fn slice(playlists: &[Value]) -> String {
    let info = json!({ "generated_on": "2017-12-03 08:41:42.057563", "slice": "0-999", "version": "v1" });
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut writer = serde_json::Serializer::with_formatter(&mut text, formatter);
    serde::Serialize::serialize(&json!({ "info": info, "playlists": playlists }), &mut writer).unwrap();
    String::from_utf8(text).unwrap()
}

fn import_playlists(playlists: &[Value]) -> Imported {
    let bench = Bench::new();
    import(&bench, &[bench.write(SLICE, slice(playlists))]).unwrap()
}

#[test]
fn a_playlist_is_a_user_with_one_session() {
    let imported = import_playlists(&[of(5, &["a", "b"]), of(3, &["b", "c", "b"])]);
    let (a, b, c) = ("spotify:track:a", "spotify:track:b", "spotify:track:c");
    // A track may be there twice.
    assert_eq!(imported.track_ids(), [("playlist:5", vec![a, b]), ("playlist:3", vec![b, c, b])]);
    assert_eq!(imported.report.manifest.content, Content::Playlists);
    let session = &imported.sessions[1];
    assert_eq!((session.start_ms, session.context), (1_493_424_003_000, Context::default()));
    for play in &session.plays {
        assert_eq!((play.start_ms, play.ms_played, play.responses), (session.start_ms, None, Responses::default()));
    }
    let track = &imported.catalog[0];
    let texts = [&track.name, &track.artist, &track.album].map(String::as_str);
    assert_eq!((texts, track.duration_ms), (["Name {[a", "Artist \"a\"", "Album"], Some(200_000)));
    assert!(!track.duration_estimated);
}

#[test]
fn tracks_come_in_order_of_pos() {
    let unordered = playlist(1, &[track(7, "c"), track(0, "a"), track(3, "b"), track(3, "d")]);
    let imported = import_playlists(&[unordered, of(2, &["a"]), playlist(3, &[track(1, "a")])]);
    let ids: Vec<String> =
        imported.track_ids()[0].1.iter().map(|id| id.trim_start_matches("spotify:track:").to_owned()).collect();
    assert_eq!(ids, ["a", "b", "d", "c"]);
    assert_eq!(imported.remark("playlists not in order of pos, sorted"), 1);
    assert_eq!(imported.remark("playlists with gaps in pos"), 2);
}

#[test]
fn playlists_that_repeat_are_empty_or_say_another_length_are_counted() {
    let mut other_length = of(1, &["a", "b"]);
    other_length["num_tracks"] = json!(3);
    let bench = Bench::new();
    let one = bench.write("x/mpd.slice.0-999.json", slice(&[other_length, of(2, &[])]));
    let two = bench.write("x/mpd.slice.1000-1999.json", slice(&[of(1, &["c", "d", "e"]), of(3, &["a"])]));
    bench.write("x/other.json", "not read");
    let imported = import(&bench, &[one, two]).unwrap();
    assert_eq!(imported.users, ["playlist:1", "playlist:3"]);
    assert_eq!(imported.dropped("playlist was there before"), 3);
    assert_eq!(imported.remark("playlists read"), 4);
    assert_eq!(imported.remark("playlists that were there before"), 1);
    assert_eq!(imported.remark("playlists without tracks"), 1);
    assert_eq!(imported.remark("playlists with another number of tracks than they say"), 1);
    // What only the repeated playlist holds is not in the catalog.
    assert_eq!(imported.catalog.len(), 2);
    let folder = import(&bench, &[bench.path("x")]).unwrap();
    assert_eq!(folder.report.manifest.fingerprint, imported.report.manifest.fingerprint);
}

#[test]
fn the_challenge_set_lacks_times_and_some_tracks() {
    let challenge = json!({ "date": "2018-01-16 08:47:28.198015", "version": "v1", "playlists": [
        { "name": "party", "num_holdouts": 11, "pid": 1_000_000, "num_tracks": 12, "num_samples": 1, "tracks": [track(0, "a")] },
        { "num_holdouts": 5, "pid": 1_000_001, "num_tracks": 5, "num_samples": 0, "tracks": [] },
    ] });
    let bench = Bench::new();
    let imported = import(&bench, &[bench.write("challenge_set.json", challenge.to_string())]).unwrap();
    assert_eq!(imported.track_ids(), [("playlist:1000000", vec!["spotify:track:a"])]);
    assert_eq!(imported.sessions[0].start_ms, 0);
    assert_eq!(imported.remark("playlists with another number of tracks than they say"), 0);
}

#[test]
fn every_packing_gives_the_same() {
    let bench = Bench::new();
    // More than a piece, so that the order of the threads could matter.
    let playlists: Vec<Value> = (0..60)
        .map(|pid| {
            let uris: Vec<String> = (0..90).map(|i| (pid * 31 + i * 7919 % 257).to_string()).collect();
            of(pid, &uris.iter().map(String::as_str).collect::<Vec<_>>())
        })
        .collect();
    let text = slice(&playlists);
    assert!(text.len() > 2 * PIECE_BYTES);
    let compact = serde_json::from_str::<Value>(&text).unwrap().to_string();
    let inputs = [
        bench.write(SLICE, &text),
        bench.write("compact/mpd.slice.0-999.json", &compact),
        bench.write("mpd.slice.0-999.json.gz", gzip(text.as_bytes())),
        bench.write("spotify_million_playlist_dataset.zip", zip(&[("data/mpd.slice.0-999.json", text.as_bytes())])),
    ];
    let imports = inputs.map(|input| import(&bench, &[input]).unwrap());
    assert_eq!(imports[0].report.counts.rows_kept, 60 * 90);
    let fingerprint = |imported: &Imported| imported.report.manifest.fingerprint.clone();
    assert!(imports.iter().all(|imported| fingerprint(imported) == fingerprint(&imports[0])));
    let expected: Vec<String> = playlists
        .iter()
        .flat_map(|playlist| playlist["tracks"].as_array().unwrap())
        .map(|track| track["track_uri"].as_str().unwrap().to_owned())
        .collect();
    let tracks = imports[0].track_ids().into_iter().flat_map(|(_, tracks)| tracks);
    assert!(tracks.eq(expected.iter().map(String::as_str)));
}

#[test]
fn the_table_of_features_knows_tracks_by_their_uri() {
    let mut bench = Bench::new();
    let header = "uri,danceability,energy,loudness,speechiness,acousticness,instrumentalness,liveness,valence,tempo";
    bench.options.track_features =
        Some(bench.write("f.csv", format!("{header}\nspotify:track:a,0,0,0,0,0,0,0,0,120\n")));
    let imported = import(&bench, &[bench.write(SLICE, slice(&[of(1, &["a", "b"])]))]).unwrap();
    let counts = &imported.report.counts;
    assert_eq!((counts.audio_features, counts.durations_given), (1, 2));
}

#[test]
fn a_wrong_field_is_named_and_lenient_import_skips_it() {
    let mut bench = Bench::new();
    let text = slice(&[of(1, &["a", "b"]), of(2, &["a", "b", "c"]), of(3, &["a"])]);
    for (from, to, parts, read, bad) in [
        ("spotify:track:c", "c", &["row 2", "field `tracks[2].track_uri`", "found \"c\""][..], 6, 1),
        ("\"pid\": 2", "\"pid\": \"two\"", &["row 2", "field `pid`", "found \"two\""], 4, 1),
        ("\"pid\": 2", "\"pid\": ", &["row 2", "field `(whole row)`", "a JSON object"], 4, 1),
    ] {
        let damaged = text.replace(from, to);
        assert_ne!(damaged, text);
        let path = bench.write(SLICE, damaged);
        bench.options.lenient = false;
        let error = import(&bench, std::slice::from_ref(&path)).err().unwrap().to_string();
        assert_all(&error, parts);
        assert_all(&error, &[SLICE, "--lenient"]);
        bench.options.lenient = true;
        let counts = import(&bench, &[path]).unwrap().report.counts;
        assert_eq!((counts.rows_read, counts.rows_bad), (read, bad));
    }
}

#[test]
fn a_cut_slice_is_an_error_and_lenient_import_keeps_what_stands_before_the_cut() {
    let mut bench = Bench::new();
    let text = slice(&[of(1, &["a", "b"]), of(2, &["a"])]);
    let packed = gzip(text.as_bytes());
    for bytes in [&text.as_bytes()[..text.len() - 100], &packed[..packed.len() - 12]] {
        bench.options.lenient = false;
        let path = bench.write(SLICE, bytes);
        let error = import(&bench, std::slice::from_ref(&path)).err().unwrap().to_string();
        assert_all(&error, &[SLICE, "cut short or damaged", "--lenient"]);
        bench.options.lenient = true;
        let imported = import(&bench, &[path]).unwrap();
        assert_eq!(imported.remark("files that end too early, read up to there"), 1);
        assert_eq!(imported.users[0], "playlist:1");
    }
}

#[test]
fn what_is_no_slice_is_told_what_a_slice_is() {
    let bench = Bench::new();
    let folder = bench.write("empty/stats.txt", "x").parent().unwrap().to_owned();
    let archive = bench.write("mpd.zip", zip(&[("stats.txt", b"x")]));
    let list = bench.write(SLICE, "[]");
    let other = bench.write("other.json", "{\"playlists\": []}");
    for input in [folder, archive, list, other] {
        assert_all(&import(&bench, &[input]).err().unwrap().to_string(), &["mpd.slice.*.json"]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Damage to any byte, and cuts anywhere: no panic, and every row is accounted for (which `Bench::import` asserts).
    #[test]
    fn damaged_files_never_panic(position in any::<usize>(), byte in any::<u8>(), cut in any::<bool>(), packed in any::<bool>()) {
        let mut bench = Bench::new();
        let mut bytes = slice(&[of(1, &["a", "b"]), of(2, &["a", "b", "c"]), of(3, &["a"])]).into_bytes();
        if packed { bytes = gzip(&bytes) }
        let position = position % bytes.len();
        if cut { bytes.truncate(position) } else { bytes[position] = byte }
        let path = bench.write(SLICE, bytes);
        if let Err(error) = import(&bench, std::slice::from_ref(&path)) {
            prop_assert!(error.to_string().contains(SLICE), "{}", error);
        }
        bench.options.lenient = true;
        let _ = import(&bench, &[path]);
    }

    #[test]
    fn any_bytes_are_parsed_without_panic(bytes in proptest::collection::vec(
        prop_oneof![Just(b'"'), Just(b'{'), Just(b'['), Just(b'}'), Just(b']'), Just(b':'), Just(b','), any::<u8>()], 0..200)) {
        fuzz(&bytes);
        fuzz(&[b"{\"playlists\": [", &bytes[..]].concat());
        fuzz(&[b"{\"playlists\": [{\"pid\": 1, \"tracks\": [", &bytes[..], b"]}]}"].concat());
    }
}
