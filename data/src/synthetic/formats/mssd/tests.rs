//! What is written is read again, and looks like the real set.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use super::*;
use crate::synthetic::{SyntheticFormat, synthesize_log};
use crate::{Dataset, ImportOptions, SessionRules, Silent, SyntheticConfig, import_mssd};

fn world(users: u32, tracks: u32) -> SyntheticConfig {
    let mut config = SyntheticConfig::default();
    (config.size.users, config.catalog.tracks, config.catalog.artists) = (users, tracks, tracks / 6);
    config
}

fn write(config: &SyntheticConfig, out: &Path) {
    synthesize_log(SyntheticFormat::Mssd, config, &SessionRules::default(), 1, out, &Silent).unwrap();
}

#[test]
fn the_import_gives_back_the_plays_of_the_world() {
    let folder = tempfile::tempdir().unwrap();
    let (log, out) = (folder.path().join("log"), folder.path().join("out"));
    let config = world(30, 600);
    write(&config, &log);
    assert!(!folder.path().join("log.partial").exists());
    import_mssd(std::slice::from_ref(&log), &out, &ImportOptions::default(), &Silent).unwrap();
    let dataset = Dataset::open(&out).unwrap();
    let catalog = dataset.catalog().unwrap();
    let users = dataset.users().unwrap();

    let world = SyntheticWorld::new(&config, 1).unwrap();
    let numbers: HashMap<String, u32> = (0..600).map(|track| (track_id(track), track)).collect();
    let mut left: HashMap<u32, Vec<(Play, Context)>> = HashMap::new();
    let (mut compared, mut begun) = (0, 0);
    for logged in dataset.sessions().unwrap() {
        let session = logged.unwrap().session;
        assert!((10..=20).contains(&session.plays.len()));
        // The second part of an id begins with the listener's number.
        let id = &users[session.user as usize].id;
        let listener = u32::from_str_radix(id.split(['_', '-']).nth(1).unwrap(), 16).unwrap();
        let plays = left.entry(listener).or_insert_with(|| {
            begun += 1;
            let sessions = world.history(&SessionRules::default(), listener);
            let plays = sessions.iter().flat_map(|s| s.plays.iter().map(|&play| (play, s.context)));
            plays.rev().collect()
        });
        let (_, first_context) = plays[plays.len() - 1];
        assert_eq!(session.context.premium, first_context.premium);
        assert_eq!(session.context.shuffle, first_context.shuffle);
        let source = first_context.source.filter(|&source| source != Source::Playlist).or(Some(Source::Collection));
        assert_eq!(session.context.source, source);
        for play in &session.plays {
            let (expected, _) = plays.pop().unwrap();
            assert_eq!(numbers[&catalog[play.track as usize].id], expected.track);
            assert_eq!(play.responses.complete, expected.responses.complete);
            assert_eq!(play.responses.skip, expected.responses.complete.map(|complete| !complete));
            assert_eq!(play.start_ms, expected.start_ms.div_euclid(3_600_000) * 3_600_000);
            let seconds = expected.ms_played.unwrap() / 1000;
            let step = match (expected.responses.complete, seconds) {
                (Some(true), _) => None,
                (_, 0..10) => Some(1),
                (_, 10..30) => Some(2),
                _ => play.skip_step.filter(|&step| step == 3),
            };
            assert_eq!(play.skip_step, step);
            compared += 1;
        }
    }
    // All listeners with enough plays are there, and no more of their plays are left out than a session holds.
    let whole: usize =
        (0..30).map(|n| world.history(&SessionRules::default(), n).iter().map(|s| s.plays.len()).sum::<usize>()).sum();
    assert!(begun >= 25 && compared > 3_000, "{begun} {compared}");
    assert!(whole - compared < 30 * 20, "{whole} {compared}");
    let mut by_energy = Vec::new();
    for track in &catalog {
        let expected = &world.tracks()[numbers[&track.id] as usize];
        assert_eq!(track.duration_ms, expected.duration_ms);
        assert_eq!(track.audio_features.is_some(), expected.audio_features.is_some());
        if let (Some(found), Some(expected)) = (track.audio_features, expected.audio_features) {
            by_energy.push((expected[1], found[1]));
        }
    }
    by_energy.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(by_energy.len() > 400 && by_energy.is_sorted_by(|a, b| a.1 <= b.1), "the order is the world's");
    let error = MssdWriter::create(&log, &world).err().unwrap().to_string();
    assert!(error.contains("exists already"), "{error}");
}

#[test]
fn an_unfinished_log_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let world = SyntheticWorld::new(&world(1, 60), 1).unwrap();
    drop(MssdWriter::create(&folder.path().join("log"), &world).unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// A distribution: counts by value.
type Counts = BTreeMap<String, f64>;

/// Reads the columns of a CSV file into counts, each value made to text by `name`.
fn count_columns(path: &Path, columns: &[&str], name: impl Fn(&str, &str) -> Option<String>) -> Vec<Counts> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let headers = reader.headers().unwrap().clone();
    let places: Vec<usize> =
        columns.iter().map(|column| headers.iter().position(|header| header == *column).unwrap()).collect();
    let mut counts = vec![Counts::new(); columns.len()];
    for record in reader.records() {
        let record = record.unwrap();
        for ((counts, &place), column) in counts.iter_mut().zip(&places).zip(columns) {
            if let Some(value) = name(column, &record[place]) {
                *counts.entry(value).or_default() += 1.0;
            }
        }
    }
    counts
}

/// Half the sum of the differences of shares: 0 for equal distributions, 1 for disjoint ones.
fn total_variation(a: &Counts, b: &Counts) -> f64 {
    let (sum_a, sum_b): (f64, f64) = (a.values().sum(), b.values().sum());
    let share = |counts: &Counts, key: &String, sum: f64| counts.get(key).copied().unwrap_or(0.0) / sum;
    let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    keys.into_iter().map(|key| (share(a, key, sum_a) - share(b, key, sum_b)).abs()).sum::<f64>() / 2.0
}

#[test]
fn total_variation_is_half_the_sum_of_differences() {
    let counts = |pairs: &[(&str, f64)]| -> Counts { pairs.iter().map(|&(k, v)| (k.to_owned(), v)).collect() };
    let (a, b) = (counts(&[("x", 1.0), ("y", 3.0)]), counts(&[("x", 2.0), ("z", 2.0)]));
    // Shares .25 .75 0 against .5 0 .5.
    assert!((total_variation(&a, &b) - 0.75).abs() < 1e-12);
    assert_eq!(total_variation(&a, &a), 0.0);
}

/// How a value is grouped before it is compared: bins wide enough that chance does not count.
fn grouped(column: &str, text: &str) -> Option<String> {
    let number = || text.parse::<f64>().ok();
    // The real values are rounded before they are counted, so the written ones are too.
    let unit = if matches!(column, "duration" | "release_year" | "tempo") { 1.0 } else { 0.01 };
    let bin =
        |width: f64| number().map(|value| format!("{:.0}", ((value / unit).round() * unit / width + 1e-9).floor()));
    match column {
        "duration" => bin(30.0),
        "release_year" => bin(5.0),
        "tempo" => bin(10.0),
        "dyn_range_mean" | "us_popularity_estimate" | "loudness" | "key" | "time_signature" => {
            number().map(|value| format!("{:.0}", value.round()))
        }
        "mode" => Some(
            match text {
                "major" => "1",
                "minor" => "0",
                other => &other[..1],
            }
            .to_owned(),
        ),
        "flatness" => bin(0.02),
        "premium" => Some(
            match text {
                "true" => "premium",
                "false" => "free",
                other => other,
            }
            .to_owned(),
        ),
        "session_length" | "context_type" | "hist_user_behavior_reason_start" | "hist_user_behavior_reason_end" => {
            Some(text.to_owned())
        }
        _ => bin(0.1),
    }
}

/// The marginals of the real set, where they lie beside the workspace.
fn real_marginals() -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/mssd-marginals"));
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("SKIPPED: no marginals of the real set at {}", path.display());
    None
}

fn real(folder: &Path, file: &str, column: &str) -> Counts {
    let text = fs::read_to_string(folder.join(file)).unwrap();
    let mut counts = Counts::new();
    for line in text.lines() {
        let (value, count) = line.trim().rsplit_once(' ').unwrap();
        let count: f64 = count.parse().unwrap();
        if count > 0.0 {
            *counts.entry(grouped(column, value).unwrap()).or_default() += count;
        }
    }
    counts
}

/// Prints the table of `docs/formats/mssd.md`; what the writer draws must match, what the world brings is shown.
#[test]
fn the_log_looks_like_the_real_set() {
    let Some(marginals) = real_marginals() else { return };
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let preset: toml::Table = toml::from_str(include_str!("../../../../../configs/mssd-listeners.toml")).unwrap();
    let mut listeners: SyntheticConfig = preset["data"]["synthetic"].clone().try_into().unwrap();
    listeners.size.users = 600;
    write(&listeners, &log);

    // Column, file of the real set, and the most by which a column may differ that is meant to match: chance alone
    // makes about 0.03 in 3,000 tracks. The others tell of the world's responses and tracks.
    let of_plays = [
        ("session_length", "session_lengths.txt", Some(0.02)),
        ("premium", "premium.txt", Some(0.05)),
        ("context_type", "context.txt", Some(0.05)),
        ("hist_user_behavior_reason_start", "reason_start.txt", Some(0.08)),
        ("hist_user_behavior_reason_end", "reason_end.txt", Some(0.05)),
    ];
    let of_tracks = [
        ("us_popularity_estimate", "us_pop_estimate.txt", Some(0.08)),
        ("key", "key.txt", Some(0.08)),
        ("mode", "mode.txt", Some(0.08)),
        ("time_signature", "time_signature.txt", Some(0.08)),
        ("beat_strength", "beat.txt", Some(0.08)),
        ("bounciness", "bounciness.txt", Some(0.08)),
        ("dyn_range_mean", "dyn_range_mean.txt", Some(0.08)),
        ("flatness", "flatness.txt", Some(0.08)),
        ("mechanism", "mechanism.txt", Some(0.08)),
        ("organism", "organism.txt", Some(0.08)),
        ("duration", "duration.txt", Some(0.12)),
        ("release_year", "release_year.txt", Some(0.08)),
        ("danceability", "danceability.txt", Some(0.08)),
        ("energy", "energy.txt", Some(0.08)),
        ("loudness", "loudness.txt", Some(0.08)),
        ("speechiness", "speechiness.txt", Some(0.08)),
        ("acousticness", "acousticness.txt", Some(0.08)),
        ("instrumentalness", "instrumentalness.txt", Some(0.08)),
        ("liveness", "liveness.txt", Some(0.08)),
        ("valence", "valence.txt", Some(0.08)),
        ("tempo", "tempo.txt", Some(0.08)),
    ];
    println!("| column | total variation distance |\n|---|---|");
    let mut written = HashMap::new();
    for (file, columns) in [("training_set/log_mini.csv", &of_plays[..]), ("track_features/tf_mini.csv", &of_tracks)] {
        let names: Vec<&str> = columns.iter().map(|(column, ..)| *column).collect();
        let counts = count_columns(&log.join(file), &names, grouped);
        for (&(column, file, most), mut counts) in columns.iter().zip(counts) {
            if column == "session_length" {
                // Rows, of which a session has as many as its length; the real file counts sessions.
                counts.iter_mut().for_each(|(length, rows)| *rows /= length.parse::<f64>().unwrap());
            }
            let real = real(&marginals, file, column);
            let distance = total_variation(&counts, &real);
            println!("| `{column}` | {distance:.3} |");
            assert!(most.is_none_or(|most| distance < most), "{column}: {counts:?} against {real:?}");
            written.insert(column, (counts, real));
        }
    }
    // Given that a play was not played out, how it ended.
    let (mut ends, mut real_ends) = written.remove("hist_user_behavior_reason_end").unwrap();
    let shares = [&mut ends, &mut real_ends].map(|ends| {
        let done = ends.remove("trackdone").unwrap();
        done / (done + ends.values().sum::<f64>())
    });
    println!("| reason_end other than `trackdone` | {:.3} |", total_variation(&ends, &real_ends));
    println!("share of `trackdone`: written {:.3}, real {:.3}", shares[0], shares[1]);
    let path = log.join("training_set/log_mini.csv");
    for column in ["skip_1", "skip_2", "skip_3", "not_skipped"] {
        let counts = &count_columns(&path, &[column], |_, text| Some(text.to_owned()))[0];
        println!("share of `{column}`: {:.3}", counts["true"] / counts.values().sum::<f64>());
    }
    let real = mean_of_counts(&marginals.join("track_skips.txt")) / 100.0;
    let skips = skips_of_tracks(&path);
    println!("mean over tracks of the share of skips: written {skips:.3} (`skip_2`), real {real:.3}");
    assert!((shares[0] - shares[1]).abs() < 0.02, "share of `trackdone`: {shares:?}");
    assert!((skips - real).abs() < 0.03, "share of skips: {skips} against {real}");
}

/// The mean of the values in a file of counts.
fn mean_of_counts(path: &Path) -> f64 {
    let (mut sum, mut weights) = (0.0, 0.0);
    for line in fs::read_to_string(path).unwrap().lines() {
        let (value, count) = line.trim().split_once(' ').unwrap();
        let count: f64 = count.parse().unwrap();
        sum += value.parse::<f64>().unwrap() * count;
        weights += count;
    }
    sum / weights
}

/// The mean over tracks of the share of plays with `skip_2`.
fn skips_of_tracks(path: &Path) -> f64 {
    let mut tracks: HashMap<String, (f64, f64)> = HashMap::new();
    for record in csv::Reader::from_path(path).unwrap().records() {
        let record = record.unwrap();
        let (skips, plays) = tracks.entry(record[3].to_owned()).or_default();
        *skips += f64::from(u8::from(&record[5] == "true"));
        *plays += 1.0;
    }
    tracks.values().map(|(skips, plays)| skips / plays).sum::<f64>() / tracks.len() as f64
}
