//! The full set in small, to the letter of its published schema and with all ugly cases at once, against another
//! program.

use super::*;
use crate::{CounterRng, Stream};

/// Training logs, test halves and track features under `folder`.
fn write_set(folder: &std::path::Path) {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let mut rng = CounterRng::new(3, Stream::Sampling, 0, 0);
    let contexts = ["editorial_playlist", "radio", "user_collection", "catalog", "charts", "personalized_playlist"];
    let outcomes = [PLAYED, "true,true,true,false", SKIPPED, "false,false,true,false", "false,false,false,false"];
    for file in 0..4 {
        let test = file == 3;
        let (mut log, mut second) = (LOG.to_owned(), INPUT.to_owned());
        for number in 0..60 {
            let id = format!("{file}_{number:08x}-65c2-4d9d-9b6a-1d5f0a1b2c3d");
            let length = 10 + rng.below(11);
            let (hour, day, context) = (rng.below(24), 15 + rng.below(9), contexts[rng.below(6)]);
            for position in 1..=length {
                let track = rng.below(150);
                if test && position > length / 2 {
                    second += &format!("{id},{position},{length},t_{track}\n");
                    continue;
                }
                // Sessions run past the hour, at times past midnight.
                let later = hour + (position + 5) / 12;
                let (hour, day) = (later % 24, day + later / 24);
                let when =
                    format!("{hour},{}", if file == 1 { format!("7/{day}/18") } else { format!("2018-07-{day}") });
                let line = row(&id, position, length, &track.to_string(), outcomes[rng.below(5)], &when)
                    .replace("user_collection", context);
                log += &line;
                // Now and then a row comes twice.
                if rng.below(40) == 0 {
                    log += &line;
                }
            }
        }
        match file {
            0 => write("training_set/log_0_20180715_000000000000.csv", &log),
            1 => write("training_set/log_1_20180715_000000000000.csv", &log.replace('\n', "\r\n")),
            2 => write("training_set/log_mini.csv", &log.replace("true", "True").replace("false", "False")),
            _ => {
                write("test_set/log_prehistory_20180715_000000000000.csv", &log);
                write("test_set/log_input_20180715_000000000000.csv", &second);
            }
        }
    }
    for part in 0..2 {
        let rows: String = (0..160)
            .filter(|track| track % 2 == part && track % 11 != 0)
            .map(|track| features(&track.to_string(), &format!("{}.25", 30 + track), &(1900 + track).to_string()))
            .collect();
        write(&format!("track_features/tf_00000000000{part}.csv"), &format!("{FEATURES}{rows}"));
    }
}

/// The totals were computed by another program:
/// `MSSD_FILES=/tmp/set cargo test -p listening-data mssd::tests::schema && python3 data/tests/check_mssd.py /tmp/set`
/// (the first writes the files there instead of into a temporary folder).
#[test]
fn totals_are_those_of_an_independent_program() {
    let bench = Bench::new();
    let folder = std::env::var_os("MSSD_FILES").map_or(bench.path("set"), PathBuf::from);
    write_set(&folder);
    let imported = import(&bench, &[folder]).unwrap();
    let counts = &imported.report.counts;
    let plays = || imported.sessions.iter().flat_map(|session| &session.plays);
    let share = |of: fn(&crate::Play) -> bool| plays().filter(|play| of(play)).count();
    let totals = [
        ("rows_read", counts.rows_read),
        ("rows_kept", counts.rows_kept),
        ("repeated", imported.dropped("position met before")),
        ("sessions", imported.sessions.len() as u64),
        ("tracks", imported.catalog.len() as u64),
        ("complete", share(|play| play.responses.complete == Some(true)) as u64),
        ("skip", share(|play| play.responses.skip == Some(true)) as u64),
        ("missing", share(|play| play.responses == crate::Responses::default()) as u64),
        ("skip_step_sum", plays().map(|play| u64::from(play.skip_step.unwrap_or(0))).sum()),
        ("start_hours_sum", plays().map(|play| (play.start_ms / 3_600_000) as u64).sum()),
        ("session_hours_sum", imported.sessions.iter().map(|s| u64::from(s.context.hour.unwrap())).sum()),
        ("weekday_sum", imported.sessions.iter().map(|s| u64::from(s.context.weekday.unwrap())).sum()),
        ("radio", imported.sessions.iter().filter(|s| s.context.source == Some(Source::Radio)).count() as u64),
        ("durations", counts.durations_given),
        ("duration_ms_sum", imported.catalog.iter().map(|t| u64::from(t.duration_ms.unwrap_or(0))).sum()),
        ("release_year_sum", imported.catalog.iter().map(|t| u64::from(t.release_year.unwrap_or(0))).sum()),
    ];
    let expected = [
        ("rows_read", 3686),
        ("rows_kept", 3600),
        ("repeated", 86),
        ("sessions", 240),
        ("tracks", 150),
        ("complete", 592),
        ("skip", 2549),
        ("missing", 459),
        ("skip_step_sum", 3844),
        ("start_hours_sum", 1532007858),
        ("session_hours_sum", 2669),
        ("weekday_sum", 711),
        ("radio", 39),
        ("durations", 136),
        ("duration_ms_sum", 14288000),
        ("release_year_sum", 268574),
    ];
    assert_eq!(totals[..], expected[..]);
}
