//! Plain lists and 30Music by hand-written lines, every error, and what must hold for any input.

use proptest::prelude::*;

use super::*;
use crate::importers::test_bench::{Bench, Imported, assert_all, gzip, tar, zip};
use crate::{Context, Silent};

fn import(bench: &Bench, inputs: &[PathBuf], separator: Option<ItemSeparator>) -> Result<Imported> {
    let lists = SessionsOptions { separator };
    bench.import(|out, options| import_sessions(inputs, out, options, &lists, &Silent))
}

fn import_text(bench: &Bench, text: &str) -> Result<Imported> {
    import(bench, &[bench.write("sessions.txt", text)], None)
}

#[test]
fn each_line_is_a_listener_with_one_session_and_no_time() {
    let imported = import_text(&Bench::new(), "b  a\n\nc\r\na a b").unwrap();
    let expected = [("session:1", vec!["b", "a"]), ("session:2", vec!["c"]), ("session:3", vec!["a", "a", "b"])];
    assert_eq!(imported.track_ids(), expected);
    assert_eq!(imported.remark("empty lines"), 1);
    for session in &imported.sessions {
        assert_eq!((session.start_ms, session.context), (0, Context::default()));
        assert!(session.plays.iter().all(|play| play.ms_played.is_none() && play.start_ms == 0));
    }
    assert_eq!(imported.report.manifest.source.details["lists"]["separator"], "blank");
}

#[test]
fn the_separator_is_told_from_the_first_lines_or_given() {
    for (text, given, expected) in [
        ("\u{feff}a b\nc", None, vec![vec!["a", "b"], vec!["c"]]),
        ("a, b c ,d\ne f\n", None, vec![vec!["a", "b c", "d"], vec!["e f"]]),
        ("a,b\tc d\n", None, vec![vec!["a,b", "c d"]]),
        ("a,b c\n", Some(ItemSeparator::Blank), vec![vec!["a,b", "c"]]),
        ("a b\nc,d\n", Some(ItemSeparator::Comma), vec![vec!["a b"], vec!["c", "d"]]),
    ] {
        let bench = Bench::new();
        let imported = import(&bench, &[bench.write("l.txt", text)], given).unwrap();
        let items: Vec<_> = imported.track_ids().into_iter().map(|(_, items)| items).collect();
        assert_eq!(items, expected, "{text:?}");
    }
}

#[test]
fn lists_lie_in_folders_and_archives() {
    let bench = Bench::new();
    let (one, two) = ("1 2\n", "2 3\n");
    bench.write("lists/a.txt", one);
    bench.write("lists/b.txt.gz", gzip(two.as_bytes()));
    bench.write("lists/README.txt", "not, a list");
    let files: [(&str, &[u8]); 3] = [("x/a.txt", one.as_bytes()), ("x/b.csv", two.as_bytes()), ("x/README.txt", b"no")];
    let inputs = [
        vec![bench.path("lists")],
        vec![bench.path("lists/a.txt"), bench.path("lists/b.txt.gz")],
        vec![bench.write("set.tar.gz", gzip(tar(&files)))],
        vec![bench.write("set.zip", zip(&files))],
    ];
    for inputs in inputs {
        let imported = import(&bench, &inputs, None).unwrap();
        assert_eq!(imported.track_ids(), [("session:1", vec!["1", "2"]), ("session:2", vec!["2", "3"])]);
    }
}

#[test]
fn an_empty_item_is_named_and_lenient_import_skips_it() {
    let mut bench = Bench::new();
    let error = import_text(&bench, "a,b\nc,,d\n").err().unwrap().to_string();
    assert_all(&error, &["sessions.txt, row 2, field `item 2`", "an item's id", "nothing in \"c,,d\"", "--lenient"]);
    let latin = bench.write("latin.txt", b"a b\nc \xe9 d\n");
    let error = import(&bench, std::slice::from_ref(&latin), None).err().unwrap().to_string();
    assert_all(&error, &["latin.txt, row 2", "UTF-8", "0xe9"]);
    bench.options.lenient = true;
    let imported = import_text(&bench, "a,b\nc,,d\n,\n").unwrap();
    assert_eq!(imported.track_ids(), [("session:1", vec!["a", "b"]), ("session:2", vec!["c", "d"])]);
    assert_eq!((imported.report.counts.rows_read, imported.report.counts.rows_bad), (7, 3));
    assert_eq!(import(&bench, &[latin], None).unwrap().report.counts.rows_bad, 1);
}

#[test]
fn what_holds_no_lists_says_so() {
    let bench = Bench::new();
    let folder = bench.write("empty/x.pdf", "x").parent().unwrap().to_owned();
    let archive = bench.write("no.zip", zip(&[("x.pdf", b"x")]));
    for input in [folder, archive, bench.write("none.txt", "\n \n")] {
        assert_all(&import(&bench, &[input], None).err().unwrap().to_string(), &["item ids per line"]);
    }
    let list = bench.write("l.txt", "1 2");
    let music = bench.write("sessions.idomaar", thirty_music_session(1, 1, 1, &[(1, 0, 1, "1.0")]));
    let error = import(&bench, &[music, list], None).err().unwrap().to_string();
    assert_all(&error, &["l.txt", "is no part of 30Music"]);
}

#[test]
fn the_table_of_features_knows_items_by_their_id() {
    let mut bench = Bench::new();
    let header =
        "uri,danceability,energy,loudness,speechiness,acousticness,instrumentalness,liveness,valence,tempo,duration_ms";
    bench.options.track_features =
        Some(bench.write("features.csv", format!("{header}\n2,0,0,0,0,0,0,0,0,120,1000\n9,,,,,,,,,,1\n")));
    let imported = import_text(&bench, "1 2").unwrap();
    assert_eq!(imported.catalog[1].duration_ms, Some(1000));
    assert_eq!(imported.report.counts.audio_features, 1);
}

/// A line of `sessions.idomaar`; plays are track, start, time and ratio.
fn thirty_music_session(id: u32, seconds: u32, user: u32, plays: &[(u32, i32, i32, &str)]) -> String {
    let objects: Vec<String> = plays
        .iter()
        .map(|(track, start, time, ratio)| {
            format!(
                "{{\"type\":\"track\",\"id\":{track},\"playstart\":{start},\"playtime\":{time},\"playratio\":{ratio},\
                 \"action\":\"play\"}}"
            )
        })
        .collect();
    format!(
        "event.session\t{id}\t{seconds}\t{{\"numtracks\":{},\"playtime\":0}} \
         {{\"subjects\":[{{\"type\":\"user\",\"id\":{user}}}],\"objects\":[{}]}}\n",
        plays.len(),
        objects.join(",")
    )
}

fn thirty_music_sessions() -> String {
    [
        thirty_music_session(1, 1_390_231_051, 7, &[(30, 0, 287, "1.0"), (10, 287, 60, "0.25"), (30, 347, -1, "null")]),
        thirty_music_session(2, 1_390_000_000, 8, &[(20, 0, 900, "4.5"), (10, 900, 30, "0.1")]),
        thirty_music_session(3, 1_390_000_000, 7, &[(20, 0, 200, "null")]),
        thirty_music_session(4, 1_390_000_500, 7, &[]),
    ]
    .concat()
}

const TRACKS: &str = "track\t10\t-1\t{\"duration\":240000,\"playcount\":4,\"MBID\":null,\"name\":\"A/_/Ten\"}\t{}\n\
                      track\t11\t-1\t{\"duration\":-1,\"name\":\"A/_/Eleven\"}\t{}\n\
                      track\t20\t-1\t{\"duration\":-1,\"name\":\"B+C/_/Twenty\"}\t{}\n";

#[test]
fn sessions_of_thirty_music_come_in_order_of_listener_and_time() {
    let mut bench = Bench::new();
    bench.write("ThirtyMusic/relations/sessions.idomaar", thirty_music_sessions());
    bench.write("ThirtyMusic/relations/events.idomaar", "not read");
    bench.write("ThirtyMusic/entities/tracks.idomaar", TRACKS);
    bench.write("ThirtyMusic/README.txt", "not read");
    let imported = import(&bench, &[bench.path("ThirtyMusic")], None).unwrap();
    let expected = [("7", vec!["20"]), ("7", vec!["30", "10", "30"]), ("8", vec!["20", "10"])];
    assert_eq!(imported.track_ids(), expected);
    let session = &imported.sessions[1];
    // date -u -d @1390231051 +'%F %T %u' gives 2014-01-20 15:17:31 1 (Monday).
    assert_eq!(
        (session.start_ms, session.context.hour, session.context.weekday),
        (1_390_231_051_000, Some(15), Some(0))
    );
    let starts: Vec<i64> = session.plays.iter().map(|play| (play.start_ms - session.start_ms) / 1000).collect();
    assert_eq!(starts, [0, 287, 347]);
    let (yes, no) = (Some(true), Some(false));
    let told = |session: &crate::Session| -> Vec<_> {
        let responses = session.plays.iter().map(|play| (play.ms_played, play.responses));
        responses.map(|(ms, r)| (ms, r.complete, r.skip, r.past_threshold)).collect()
    };
    assert_eq!(told(session), [(Some(287_000), yes, no, yes), (Some(60_000), no, yes, yes), (None, None, None, None)]);
    assert_eq!(told(&imported.sessions[2]), [(None, None, None, None), (Some(30_000), no, None, yes)]);
    let names: Vec<_> =
        imported.catalog.iter().map(|t| (t.id.as_str(), t.artist.as_str(), t.name.as_str(), t.duration_ms)).collect();
    assert_eq!(names, [("20", "B C", "Twenty", None), ("30", "", "", None), ("10", "A", "Ten", Some(240_000))]);
    assert_eq!(imported.remark("sessions without tracks"), 1);
    assert_eq!(imported.remark("tracks without a name"), 1);

    let sessions = thirty_music_sessions();
    let files: [(&str, &[u8]); 2] =
        [("relations/sessions.idomaar", sessions.as_bytes()), ("entities/tracks.idomaar", TRACKS.as_bytes())];
    let archive = bench.write("ThirtyMusic.tar.gz", gzip(tar(&files)));
    let packed = import(&bench, std::slice::from_ref(&archive), None).unwrap();
    assert_eq!(packed.report.manifest.fingerprint, imported.report.manifest.fingerprint);
    bench.options.utc_offset_minutes = 60;
    let moved = &import(&bench, &[archive], None).unwrap().sessions[1];
    assert_eq!((moved.start_ms, moved.context.hour), (1_390_234_651_000, Some(16)));
}

#[test]
fn a_wrong_line_of_thirty_music_is_named() {
    let mut bench = Bench::new();
    let text = thirty_music_sessions().replace("\"id\":8}", "\"id\":\"eight\"}");
    let path = bench.write("sessions.idomaar", text);
    let error = import(&bench, std::slice::from_ref(&path), None).err().unwrap().to_string();
    assert_all(&error, &["sessions.idomaar, row 2, field `(JSON)`", "eight", "--lenient"]);
    bench.options.lenient = true;
    let counts = import(&bench, &[path], None).unwrap().report.counts;
    assert_eq!((counts.rows_read, counts.rows_bad), (5, 1));
    bench.options.lenient = false;
    bench.write("both/sessions.idomaar", thirty_music_sessions());
    bench.write("both/tracks.idomaar", "track\tten\t-1\t{}\n");
    let error = import(&bench, &[bench.path("both")], None).err().unwrap().to_string();
    assert_all(&error, &["tracks.idomaar, row 1, field `id`", "\"ten\""]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Damage to any byte, and cuts anywhere: no panic, and every row is accounted for (which `Bench::import` asserts).
    #[test]
    fn damaged_files_never_panic(position in any::<usize>(), byte in any::<u8>(), cut in any::<bool>(), music in any::<bool>(), packed in any::<bool>()) {
        let mut bench = Bench::new();
        let (name, text) =
            if music { ("sessions.idomaar", thirty_music_sessions()) } else { ("l.txt", "1,2,3\n4,5\n6,77,8,1\n".repeat(9)) };
        let mut bytes = text.into_bytes();
        if packed { bytes = gzip(&bytes) }
        let position = position % bytes.len();
        if cut { bytes.truncate(position) } else { bytes[position] = byte }
        let path = bench.write(name, bytes);
        if let Err(error) = import(&bench, std::slice::from_ref(&path), None) {
            prop_assert!(error.to_string().contains(name), "{}", error);
        }
        bench.options.lenient = true;
        let _ = import(&bench, &[path], None);
    }

    #[test]
    fn any_bytes_are_parsed_without_panic(bytes in proptest::collection::vec(
        prop_oneof![Just(b'\t'), Just(b'\n'), Just(b','), Just(b'"'), any::<u8>()], 0..300)) {
        fuzz_item_lists(&bytes);
        fuzz_thirty_music(&bytes);
        fuzz_thirty_music(&[b"track\t1\t-1\t{\"name\":\"", &bytes[..], b"\"}"].concat());
    }
}
