//! Every trap of the format by hand-written rows, every error, and what must hold for any input.

mod errors;
mod packing;
mod schema;
mod traps;

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::importers::test_bench::{Bench, Imported, message};
use crate::{Context, Dataset, Silent, Source};

/// The header of a session log as published.
const LOG: &str = "session_id,session_position,session_length,track_id_clean,skip_1,skip_2,skip_3,not_skipped,\
    context_switch,no_pause_before_play,short_pause_before_play,long_pause_before_play,hist_user_behavior_n_seekfwd,\
    hist_user_behavior_n_seekback,hist_user_behavior_is_shuffle,hour_of_day,date,premium,context_type,\
    hist_user_behavior_reason_start,hist_user_behavior_reason_end\n";

/// The header of the second halves of test sessions as published.
const INPUT: &str = "session_id,session_position,session_length,track_id_clean\n";

/// The header of the track features as published.
const FEATURES: &str = "track_id,duration,release_year,us_popularity_estimate,acousticness,beat_strength,bounciness,\
    danceability,dyn_range_mean,energy,flatness,instrumentalness,key,liveness,loudness,mechanism,mode,organism,\
    speechiness,tempo,time_signature,valence,acoustic_vector_0,acoustic_vector_1,acoustic_vector_2,\
    acoustic_vector_3,acoustic_vector_4,acoustic_vector_5,acoustic_vector_6,acoustic_vector_7\n";

const ANN: &str = "0_0000000a-65c2-4d9d-9b6a-1d5f0a1b2c3d";
const BEA: &str = "0_0000000b-65c2-4d9d-9b6a-1d5f0a1b2c3d";

/// A row of a session log: `outcome` holds skip_1 to not_skipped, `when` hour and date.
fn row(session: &str, position: usize, length: usize, track: &str, outcome: &str, when: &str) -> String {
    format!(
        "{session},{position},{length},t_{track},{outcome},0,1,0,0,0,0,true,{when},true,user_collection,trackdone,fwdbtn\n"
    )
}

const PLAYED: &str = "false,false,false,true";
const SKIPPED: &str = "false,true,true,false";
const NOON: &str = "12,2018-07-15";

/// A whole session, each track played to its end.
fn session(id: &str, tracks: &[&str]) -> String {
    (0..tracks.len()).map(|place| row(id, place + 1, tracks.len(), tracks[place], PLAYED, NOON)).collect()
}

/// The row of a track's features; its energy is 0.5, its acoustic vector 0.0 to 0.7.
fn features(track: &str, duration: &str, year: &str) -> String {
    format!(
        "t_{track},{duration},{year},99.5,0.1,0.2,0.3,0.4,7.5,0.5,1.0,0.6,5,0.7,-8.25,0.8,major,0.9,0.05,120.5,4,0.35,\
         0.0,0.1,0.2,0.3,0.4,0.5,0.6,0.7\n"
    )
}

fn import_in_blocks(bench: &Bench, inputs: &[PathBuf], block_bytes: usize) -> Result<Imported> {
    bench.import(|out, options| super::import(inputs, out, options, &Silent, bench.run_records, block_bytes))
}

fn import(bench: &Bench, inputs: &[PathBuf]) -> Result<Imported> {
    import_in_blocks(bench, inputs, BLOCK_BYTES)
}

/// Imports the text of files by their names.
fn import_files(bench: &Bench, files: &[(&str, &str)]) -> Imported {
    let paths: Vec<PathBuf> = files.iter().map(|(name, text)| bench.write(name, text)).collect();
    import(bench, &paths).unwrap()
}

fn failure(bench: &Bench, inputs: &[PathBuf]) -> String {
    message(import(bench, inputs))
}

/// Tracks of each session.
fn tracks(imported: &Imported) -> Vec<Vec<&str>> {
    let sessions = imported.track_ids().into_iter();
    sessions.map(|(_, ids)| ids.into_iter().map(|id| id.trim_start_matches("t_")).collect()).collect()
}

fn valid_files() -> (String, String) {
    let log = format!("{LOG}{}{}", session(ANN, &["x", "y", "z"]), session(BEA, &["y", "x"]));
    let halves = row("0_c", 1, 4, "x", SKIPPED, NOON) + &row("0_c", 2, 4, "z", PLAYED, "13,7/15/18");
    (log + &halves, format!("{FEATURES}{}{}", features("x", "200.5", "2012"), features("y", "180", "1999")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damage_is_an_error_or_counted_and_never_a_panic(
        place in any::<prop::sample::Index>(), with in any::<u8>(), cut in any::<bool>(), in_log in any::<bool>()
    ) {
        let (log, features) = valid_files();
        let mut files = [log.into_bytes(), features.into_bytes()];
        let damaged = &mut files[usize::from(!in_log)];
        let place = place.index(damaged.len());
        if cut { damaged.truncate(place) } else { damaged[place] = with }
        let mut bench = Bench::new();
        let inputs = [bench.write("log_0.csv", &files[0]), bench.write("tf_0.csv", &files[1])];
        // Strict: it is either read to its end or refused.
        if let Ok(imported) = import_in_blocks(&bench, &inputs, 256) {
            prop_assert_eq!(imported.report.counts.rows_bad, 0);
        }
        bench.options.lenient = true;
        if let Ok(imported) = import_in_blocks(&bench, &inputs, 256) {
            prop_assert!(imported.report.counts.rows_bad <= 2, "one byte lies in one row, or joins two");
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "[a-c0-9,\"\n./-]{0,300}") {
        fuzz_log(&bytes);
        fuzz_track_features(&bytes);
        fuzz_log(text.as_bytes());
        fuzz_track_features(text.as_bytes());
    }
}
