//! Zips, folders and files; whose history they hold; the table of audio features.

use super::*;

fn history(track: &str, ts: &str) -> String {
    serde_json::to_string(&[row(ts, 60_000, track, "clickrow", "trackdone")]).unwrap()
}

const TEN: &str = "2020-01-01T10:00:00Z";
const NOON: &str = "2020-01-01T12:00:00Z";

#[test]
fn a_zip_a_folder_and_files_give_the_same() {
    let bench = Bench::new();
    let (one, two) = (history("a", TEN), history("b", NOON));
    let zip = bench.zip(
        "bob.zip",
        &[
            ("Spotify Extended Streaming History/Streaming_History_Audio_2020_0.json", &one),
            ("Spotify Extended Streaming History/endsong_1.json", &two),
            ("Spotify Extended Streaming History/Streaming_History_Video_2020.json", "broken"),
            ("Spotify Extended Streaming History/ReadMeFirst.pdf", "%PDF"),
            ("__MACOSX/._Streaming_History_Audio_2020_0.json", "junk"),
        ],
    );
    let first = bench.write("bob/deep/Streaming_History_Audio_2020_0.json", &one);
    let second = bench.write("bob/deep/endsong_1.json", &two);
    bench.write("bob/deep/._endsong_1.json", "junk");
    let by_zip = import(&bench, &[zip]).unwrap();
    assert_eq!((by_zip.users.as_slice(), by_zip.report.counts.files), (["bob".to_owned()].as_slice(), 2));
    let by_folder = import(&bench, &[bench.path("bob")]).unwrap();
    assert_eq!(by_folder.report.manifest.fingerprint, by_zip.report.manifest.fingerprint);
    let by_files = import(&bench, &[first, second]).unwrap();
    assert_eq!(by_files.users, ["deep"]);
    assert_eq!(by_files.sessions, by_zip.sessions);
}

#[test]
fn each_zip_in_a_folder_is_one_listener() {
    let bench = Bench::new();
    bench.zip("exports/ann.zip", &[("x/Streaming_History_Audio_1.json", &history("a", TEN))]);
    bench.zip("exports/bea.zip", &[("Streaming_History_Audio_1.json", &history("a", TEN))]);
    bench.zip("exports/holiday.zip", &[("photo.jpg", "")]);
    let imported = import(&bench, &[bench.path("exports")]).unwrap();
    assert_eq!(imported.users, ["ann", "bea"]);
    assert_eq!(imported.sessions.len(), 2);
}

#[test]
fn usernames_tell_listeners_apart_and_join_their_pieces() {
    let bench = Bench::new();
    let named = |track: &str, ts: &str, user: &str| {
        with(row(ts, 60_000, track, "clickrow", "trackdone"), json!({ "username": user }))
    };
    let rows = [named("a", TEN, "u1"), named("b", TEN, "u2"), named("c", NOON, "u1")];
    let one = bench.zip("x/my_spotify_data.zip", &[("endsong_0.json", &serde_json::to_string(&rows).unwrap())]);
    // A second zip of the same name with a piece that is in the first, and one that is not.
    let rows = [named("c", NOON, "u1"), named("d", "2020-01-02T12:00:00Z", "u1")];
    let two = bench.zip("y/my_spotify_data.zip", &[("endsong_0.json", &serde_json::to_string(&rows).unwrap())]);
    let imported = import(&bench, &[one, two]).unwrap();
    assert_eq!(imported.users, ["u1", "u2"]);
    assert_eq!(dropped(&imported, "exact duplicate"), 1);
    let sessions: Vec<u32> = imported.sessions.iter().map(|session| session.user).collect();
    assert_eq!(sessions, [0, 0, 0, 1]);
}

#[test]
fn one_name_for_two_inputs_is_refused_as_they_may_be_two_people() {
    let bench = Bench::new();
    let one = bench.zip("x/my_spotify_data.zip", &[("endsong_0.json", &history("a", TEN))]);
    let two = bench.zip("y/my_spotify_data.zip", &[("endsong_0.json", &history("b", TEN))]);
    let error = failure(&bench, &[one.clone(), two]);
    assert!(error.contains("same user id `my_spotify_data`") && error.contains("rename"), "{error}");
    // The same input twice is one listener, each row counted once.
    let imported = import(&bench, &[one.clone(), one]).unwrap();
    assert_eq!((dropped(&imported, "exact duplicate"), plays(&imported).len()), (1, 1));
}

#[test]
fn a_folder_of_several_histories_is_refused_as_they_may_be_several_people() {
    let bench = Bench::new();
    bench.write("all/ann/endsong_0.json", history("a", TEN));
    bench.write("all/bea/endsong_0.json", history("a", TEN));
    let error = failure(&bench, &[bench.path("all")]);
    assert!(error.contains("several folders") && error.contains("by itself"), "{error}");
}

const FEATURES: &str = "uri,danceability,energy,key,loudness,mode,speechiness,acousticness,instrumentalness,liveness,\
                        valence,tempo,duration_ms,time_signature\n";

#[test]
fn the_table_of_features_gives_audio_features_and_durations() {
    let mut bench = Bench::new();
    let table = format!(
        "{FEATURES}spotify:track:a,0.1,0.2,5,-7.5,1,0.3,0.4,0.5,0.6,0.7,120,61000,4\n\
         spotify:track:unknown,0,0,0,0,0,0,0,0,0,0,0,1,4\nspotify:track:b,0.1,,5,-7.5,1,0.3,0.4,0.5,0.6,0.7,120,,4\n"
    );
    bench.options.track_features = Some(bench.write("features.csv", table));
    let imported = import_rows_in(
        &bench,
        &[row(TEN, 60_000, "a", "clickrow", "trackdone"), row(NOON, 60_000, "b", "clickrow", "trackdone")],
    );
    // The given duration wins over the estimate of 60,000.
    assert_eq!((imported.catalog[0].duration_ms, imported.catalog[0].duration_estimated), (Some(61_000), false));
    let features = imported.catalog[0].audio_features.unwrap();
    assert_eq!(features, [0.1, 0.2, -7.5, 0.3, 0.4, 0.5, 0.6, 0.7, 120.0]);
    // A feature is missing: none are taken; the duration is estimated.
    assert_eq!(imported.catalog[1].audio_features, None);
    assert_eq!((imported.catalog[1].duration_ms, imported.catalog[1].duration_estimated), (Some(60_000), true));
    let counts = &imported.report.counts;
    assert_eq!((counts.audio_features_matched, counts.durations_given, counts.durations_estimated), (1, 1, 1));
}

#[test]
fn a_bad_table_of_features_is_refused_with_line_and_field() {
    let mut bench = Bench::new();
    let input = bench.write("alice/endsong_0.json", history("a", TEN));
    for (table, message) in [
        ("id,energy\nx,1\n".to_owned(), "has no column `uri`"),
        ("uri,energy\nx,1\n".to_owned(), "has no column `danceability`"),
        (format!("{FEATURES}u,0.1,high,5,-7.5,1,0.3,0.4,0.5,0.6,0.7,120,61000,4\n"), "row 1, field `energy`"),
        (format!("{FEATURES}u,0.1,inf,5,-7.5,1,0.3,0.4,0.5,0.6,0.7,120,61000,4\n"), "row 1, field `energy`"),
        (format!("{FEATURES}u,0.1,1,5,-7.5,1,0.3,0.4,0.5,0.6,0.7,120,-1,4\n"), "field `duration_ms`"),
        (format!("{FEATURES},0.1,1,5,-7.5,1,0.3,0.4,0.5,0.6,0.7,120,1,4\n"), "field `uri`"),
    ] {
        bench.options.track_features = Some(bench.write("features.csv", table));
        bench.options.lenient = false;
        let error = failure(&bench, std::slice::from_ref(&input));
        assert!(error.contains("features.csv") && error.contains(message), "{error}");
        bench.options.lenient = true;
        if message.contains("row 1") {
            let imported = import(&bench, std::slice::from_ref(&input)).unwrap();
            assert_eq!(imported.report.counts.feature_rows_bad, 1);
        }
    }
    bench.options.track_features = Some(bench.path("absent.csv"));
    assert!(failure(&bench, &[input]).contains("absent.csv"));
}
