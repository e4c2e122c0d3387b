//! The traps of `docs/formats/mssd.md`, one test each.

use super::*;
use crate::{BehaviourPolicy, Play, Responses};

const YES: Option<bool> = Some(true);
const NO: Option<bool> = Some(false);
/// date -u -d '2018-07-15 12:00' +%s
const NOON_MS: i64 = 1_531_656_000_000;
const HOUR_MS: i64 = 3_600_000;

fn import_log(rows: &str) -> Imported {
    import_files(&Bench::new(), &[("log_0.csv", &format!("{LOG}{rows}"))])
}

#[test]
fn not_skipped_and_the_skip_marks_tell_response_and_step() {
    let outcomes = [
        (PLAYED, YES, None),
        ("true,true,true,false", NO, Some(1)),
        ("false,true,true,false", NO, Some(2)),
        ("false,false,true,false", NO, Some(3)),
        // Skipped after the last mark.
        ("false,false,false,false", NO, None),
        // Contradictions: `not_skipped` decides, and of the marks the earliest.
        ("true,true,true,true", YES, None),
        ("true,false,false,false", NO, Some(1)),
    ];
    let rows: String = (1..=7).map(|position| row(ANN, position, 7, "x", outcomes[position - 1].0, NOON)).collect();
    let imported = import_log(&rows);
    for (play, (outcome, complete, step)) in imported.sessions[0].plays.iter().zip(outcomes) {
        let expected = Responses { complete, skip: complete.map(|complete| !complete), past_threshold: None };
        assert_eq!((play.responses, play.skip_step), (expected, step), "{outcome}");
        assert_eq!((play.ms_played, play.propensity), (None, None));
    }
    assert_eq!((imported.remark("skips after"), imported.remark("skip marks that contradict")), (1, 2));
}

#[test]
fn each_session_is_a_listener_of_its_own() {
    let imported = import_log(&(session(ANN, &["x", "y"]) + &session(BEA, &["y"])));
    assert_eq!(imported.users, [ANN, BEA]);
    assert_eq!(imported.sessions.iter().map(|session| session.user).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(tracks(&imported), [vec!["x", "y"], vec!["y"]]);
    assert_eq!(imported.report.counts.files, 1);
}

#[test]
fn the_context_is_that_of_the_first_row() {
    let types = [
        ("user_collection", Some(Source::Collection)),
        ("catalog", Some(Source::Catalog)),
        ("editorial_playlist", Some(Source::Editorial)),
        ("charts", Some(Source::Editorial)),
        ("radio", Some(Source::Radio)),
        ("personalized_playlist", Some(Source::Personalised)),
        ("something_new", None),
    ];
    for (context_type, source) in types {
        let first = row(ANN, 1, 2, "x", PLAYED, NOON).replace("user_collection", context_type);
        let second = row(ANN, 2, 2, "y", PLAYED, NOON).replace("true,12", "false,12");
        let imported = import_log(&(first + &second.replace("15,true,", "15,false,")));
        // 15 July 2018 was a Sunday.
        let expected = Context {
            hour: Some(12),
            weekday: Some(6),
            device: None,
            source,
            premium: YES,
            shuffle: YES,
            behaviour_policy: (context_type == "radio").then_some(BehaviourPolicy::Radio),
        };
        assert_eq!(imported.sessions[0].context, expected, "{context_type}");
        assert_eq!(imported.remark("sessions in which"), u64::from(source != Some(Source::Collection)));
        assert_eq!(imported.remark("unfamiliar"), u64::from(context_type == "something_new"));
    }
}

#[test]
fn starts_have_the_precision_of_an_hour_and_never_go_back() {
    let hours = ["12,2018-07-15", "12,7/15/18", "13,2018-07-15", "12,2018-07-15", "0,2018-07-16"];
    let rows: String = (1..=5).map(|position| row(ANN, position, 5, "x", PLAYED, hours[position - 1])).collect();
    let imported = import_log(&rows);
    let starts: Vec<i64> = imported.sessions[0].plays.iter().map(|play| (play.start_ms - NOON_MS) / HOUR_MS).collect();
    assert_eq!(starts, [0, 0, 1, 1, 12]);
    assert_eq!(imported.sessions[0].start_ms, NOON_MS);
    assert_eq!(imported.remark("hours before"), 1);
}

#[test]
fn an_offset_moves_time_and_context() {
    let mut bench = Bench::new();
    bench.options.utc_offset_minutes = -13 * 60;
    let imported = import_files(&bench, &[("log_0.csv", &format!("{LOG}{}", session(ANN, &["x"])))]);
    assert_eq!(imported.sessions[0].start_ms, NOON_MS - 13 * HOUR_MS);
    assert_eq!((imported.sessions[0].context.hour, imported.sessions[0].context.weekday), (Some(23), Some(5)));
}

#[test]
fn both_spellings_of_truth_and_any_order_of_columns_are_read() {
    let rows = row(ANN, 1, 2, "x", SKIPPED, NOON) + &row(ANN, 2, 2, "y", PLAYED, NOON);
    let plain = import_log(&rows);
    let pandas = import_log(&rows.replace("true", "True").replace("false", "False"));
    assert_eq!(pandas.sessions, plain.sessions);
    let windows =
        import_files(&Bench::new(), &[("log_0.csv", &format!("\u{feff}{LOG}\n{rows}").replace('\n', "\r\n"))]);
    assert_eq!(windows.sessions, plain.sessions);
    let quoted = import_log(&rows.replace(ANN, &format!("\"{ANN}\"")).replace("radio", "\"radio\""));
    assert_eq!((quoted.sessions, quoted.users), (plain.sessions.clone(), plain.users.clone()));
    // The columns backwards, and one more.
    let backwards = |text: &str| -> String {
        let turn = |line: &str| line.rsplit(',').chain(["more"]).collect::<Vec<_>>().join(",") + "\n";
        text.lines().map(turn).collect()
    };
    let turned = import_files(&Bench::new(), &[("log_0.csv", &backwards(&format!("{LOG}{rows}")))]);
    assert_eq!((turned.sessions, turned.users), (plain.sessions, plain.users));
}

#[test]
fn the_halves_of_a_test_session_are_joined_and_the_second_has_no_responses() {
    let half = |range: std::ops::Range<usize>, id: &str| -> String {
        range.map(|position| row(id, position, 4, ["p", "q", "r", "s"][position - 1], SKIPPED, NOON)).collect()
    };
    let input = |range: std::ops::Range<usize>, id: &str| -> String {
        let track = |position: usize| ["p", "q", "r", "s"][position - 1];
        range.map(|position| format!("{id},{position},4,t_{}\n", track(position))).collect()
    };
    let prehistory = format!("{LOG}{}{}", half(1..3, BEA), half(1..3, ANN));
    // Another order than in the first halves, and a session whose first half is missing.
    let inputs = format!("{INPUT}{}{}{}", input(3..5, ANN), input(3..5, "0_lost"), input(3..5, BEA));
    let names = ["log_input_20180715_000000000000.csv", "log_prehistory_20180715_000000000000.csv"];
    let mut bench = Bench::new();
    for run_records in [RUN_RECORDS, 2] {
        bench.run_records = run_records;
        let imported = import_files(&bench, &[(names[0], &inputs), (names[1], &prehistory)]);
        assert_eq!(imported.users, [ANN, BEA]);
        assert_eq!(tracks(&imported), [["p", "q", "r", "s"]; 2]);
        for session in &imported.sessions {
            let skips: Vec<Option<bool>> = session.plays.iter().map(|play| play.responses.skip).collect();
            assert_eq!(skips, [YES, YES, None, None]);
            let last = session.plays[3];
            let expected = Play { track: last.track, start_ms: NOON_MS, ..Play::default() };
            assert_eq!((last, session.context.premium), (expected, YES));
        }
        assert_eq!((imported.remark("plays without labels"), imported.remark("sessions joined")), (4, 2));
        assert_eq!(imported.dropped("second half"), 2);
    }
}

#[test]
fn rows_out_of_order_are_put_in_order_and_repeated_ones_dropped() {
    let [first, second, third] = [1, 2, 3].map(|position| row(ANN, position, 3, &position.to_string(), PLAYED, NOON));
    let imported = import_log(&(third + &first + &second + &first + &session(BEA, &["x"])));
    // What stands whole comes first.
    assert_eq!(imported.users, [BEA, ANN]);
    assert_eq!(tracks(&imported)[1], ["1", "2", "3"]);
    assert_eq!(imported.dropped("position met before"), 1);
}

#[test]
fn a_session_that_is_shorter_than_it_says_is_kept_and_counted() {
    let imported = import_log(&(row(ANN, 1, 20, "x", PLAYED, NOON) + &row(ANN, 3, 20, "y", PLAYED, NOON)));
    assert_eq!((tracks(&imported), imported.remark("sessions shorter")), (vec![vec!["x", "y"]], 1));
}

#[test]
fn a_session_that_never_ends_does_not_fill_the_memory() {
    let rows: String = (0..1000).map(|n| row(ANN, n % 200 + 1, 200, &n.to_string(), PLAYED, NOON)).collect();
    let imported = import_log(&rows);
    assert_eq!((imported.sessions.len(), imported.sessions[0].plays.len()), (1, 200));
    assert_eq!(imported.dropped("position met before"), 800);
}

#[test]
fn track_features_become_duration_year_audio_features_and_vector() {
    let log = format!("{LOG}{}", session(ANN, &["x", "y", "z", "w"]));
    let table = [
        features("x", "200.5004", "2012"),
        features("x", "1", "1"),
        features("y", "0", "0").replace(",0.5,1.0,", ",,1.0,").replace("0.6,0.7\n", "0.6,\n"),
        features("never", "100", "2000"),
        features("z", "", ""),
    ];
    let bench = Bench::new();
    let imported =
        import_files(&bench, &[("tf_mini.csv", &format!("{FEATURES}{}", table.concat())), ("log.csv", &log)]);
    let [x, y, z, w] = &imported.catalog[..] else { panic!("{:?}", imported.catalog) };
    assert_eq!((x.id.as_str(), x.duration_ms, x.release_year), ("t_x", Some(200_500), Some(2012)));
    // Danceability, energy, loudness, speechiness, acousticness, instrumentalness, liveness, valence, tempo.
    assert_eq!(x.audio_features, Some([0.4, 0.5, -8.25, 0.05, 0.1, 0.6, 0.7, 0.35, 120.5]));
    assert_eq!((y.duration_ms, y.release_year, y.audio_features), (None, None, None));
    assert_eq!((z.duration_ms, z.release_year, z.audio_features), (None, None, x.audio_features));
    assert_eq!((w.duration_ms, w.duration_estimated, w.audio_features), (None, false, None));
    assert_eq!(imported.report.manifest.audio_vector_dimension, 8);
    let mut vectors = Vec::new();
    let dataset = Dataset::open(bench.path("out")).unwrap();
    dataset.audio_vectors(|track, vector| vectors.push((track, vector.to_vec()))).unwrap();
    let acoustic = vec![0.0f32, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7];
    assert_eq!(vectors, [(0, acoustic.clone()), (2, acoustic)]);
    assert_eq!((imported.remark("track features met"), imported.remark("track features of tracks that")), (1, 1));
    let counts = &imported.report.counts;
    assert_eq!((counts.durations_given, counts.durations_unknown, counts.audio_features), (1, 3, 2));
}

#[test]
fn a_table_of_the_users_own_goes_before_the_sets_features() {
    let mut bench = Bench::new();
    let table = "uri,duration_ms,danceability,energy,loudness,speechiness,acousticness,instrumentalness,liveness,valence,\
                 tempo\nt_x,1000,1,1,1,1,1,1,1,1,1\n";
    bench.options.track_features = Some(bench.write("mine.csv", table));
    let log = format!("{LOG}{}", session(ANN, &["x", "y"]));
    let tf = format!("{FEATURES}{}{}", features("x", "200", "2012"), features("y", "100", "2013"));
    let imported = import_files(&bench, &[("log.csv", &log), ("tf.csv", &tf)]);
    let durations: Vec<Option<u32>> = imported.catalog.iter().map(|track| track.duration_ms).collect();
    assert_eq!(durations, [Some(1000), Some(100_000)]);
    assert_eq!(imported.catalog[0].audio_features, Some([1.0; 9]));
}
