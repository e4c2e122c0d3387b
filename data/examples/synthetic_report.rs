//! Synthesizes a dataset, replays it against the laws that made it, and prints what `docs/synthetic-listeners.md`
//! tabulates. Usage: `synthetic_report [CONFIG.toml [MSSD_MARGINALS_FOLDER]]`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

use listening_data::{Dataset, SessionRules, Silent, Source, SyntheticConfig, SyntheticWorld, synthesize};

const SEED: u64 = 1;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut config = SyntheticConfig::default();
    if let Some(path) = arguments.next() {
        config = toml::from_str(&std::fs::read_to_string(path)?)?;
    }
    let marginals = arguments.next();

    let folder = tempfile::tempdir()?;
    let path = folder.path().join("synthetic");
    let rules = SessionRules::default();
    let begin = Instant::now();
    let manifest = synthesize(&config, &rules, SEED, &path, &Silent)?;
    println!("{} users, {} sessions, {} plays", manifest.users, manifest.sessions, manifest.plays);
    println!("made in {:.1} s, peak memory {}", begin.elapsed().as_secs_f64(), peak_memory());
    println!("fingerprint {}", manifest.fingerprint);

    let world = SyntheticWorld::new(&config, SEED)?;
    let mut report = Report::default();
    let mut listener = world.listener(0);
    for logged in Dataset::open(&path)?.sessions()? {
        let session = logged?.session;
        if session.user != listener.number {
            listener = world.listener(session.user);
        }
        listener.advance_to(&world, session.start_ms);
        // The restlessness of a logged session is hidden; it has no part in the responses.
        let mut state = world.session_state(&listener, session.context, 0.0);
        let fresh = state.clone();
        let mut previous_skip = None;
        for (position, play) in session.plays.iter().enumerate() {
            let complete = play.responses.complete == Some(true);
            let skip = play.responses.skip == Some(true);
            let past = play.responses.past_threshold == Some(true);
            let hazard = world.skip_hazard(&listener, &state, play.track);
            let expected = hazard.probabilities(&rules);
            let alone = world.skip_hazard(&listener, &fresh, play.track).probabilities(&rules);
            report.shares.count("complete", complete, expected.complete);
            report.shares.count("skip", skip, expected.skip);
            report.shares.count("interrupted", !complete && !skip, expected.interrupted);
            report.shares.count("past threshold", past, expected.past_threshold);
            report.shares.count(
                "skip before the threshold",
                skip && !past,
                1.0 - hazard.survival(rules.threshold_seconds),
            );
            report.shares.count(&format!("skip, position {:>2}", position.min(20)), skip, expected.skip);
            if let Some(policy) = session.context.behaviour_policy {
                report.shares.count(&format!("complete, {}", policy.name()), complete, expected.complete);
            }
            if let Some(previous) = previous_skip {
                let after = if previous { "skip after a skip" } else { "skip after no skip" };
                report.shares.count(after, skip, expected.skip);
            }
            previous_skip = Some(skip);
            report.repeats += u64::from(state.has_played(play.track));
            report.heard_before += u64::from(listener.hearings(play.track) > 0);
            report.all_known.push((expected.complete, complete));
            report.listener_and_track.push((alone.complete, complete));
            *report.plays_of_track.entry(play.track).or_default() += 1;
            *report.sources.entry(session.context.source.map_or("", Source::name)).or_default() += 1;
            report.premium += u64::from(session.context.premium == Some(true));
            world.observe(&mut state, play.track, play.ms_played.unwrap_or(0), play.responses);
            listener.remember(&world, &state, play.track, play.responses);
        }
        listener.end_session(&state, session.plays.last().map_or(session.start_ms, |play| play.end_ms()));
        report.lengths.push(session.plays.len());
    }
    print!("{}", report.text(&world)?);
    if let Some(folder) = marginals {
        println!(
            "MSSD skip share per track, mean: {:.3}",
            mean_of(Path::new(&folder).join("track_skips.txt"))? / 100.0
        );
        println!("MSSD duration, mean: {:.0} s", mean_of(Path::new(&folder).join("duration.txt"))?);
    }
    Ok(())
}

/// Observed counts with the sum of the probabilities that the world's laws give.
#[derive(Default)]
struct Shares(BTreeMap<String, (u64, u64, f64)>);

impl Shares {
    fn count(&mut self, name: &str, holds: bool, probability: f64) {
        let (plays, held, expected) = self.0.entry(name.to_owned()).or_default();
        *plays += 1;
        *held += u64::from(holds);
        *expected += probability;
    }
}

#[derive(Default)]
struct Report {
    shares: Shares,
    all_known: Vec<(f64, bool)>,
    listener_and_track: Vec<(f64, bool)>,
    lengths: Vec<usize>,
    plays_of_track: BTreeMap<u32, u64>,
    sources: BTreeMap<&'static str, u64>,
    premium: u64,
    heard_before: u64,
    repeats: u64,
}

impl Report {
    fn text(mut self, world: &SyntheticWorld) -> Result<String, std::fmt::Error> {
        let plays = self.all_known.len() as f64;
        let mut text = String::new();
        writeln!(text, "{:<28} {:>9} {:>8} {:>8}", "response", "plays", "observed", "expected")?;
        for (name, (plays, held, expected)) in &self.shares.0 {
            let count = *plays as f64;
            writeln!(text, "{name:<28} {plays:>9} {:>8.3} {:>8.3}", *held as f64 / count, expected / count)?;
        }
        let (listener_and_track, all) = (auc(&mut self.listener_and_track), auc(&mut self.all_known));
        writeln!(text, "AUC of complete: {listener_and_track:.3} by listener and track, {all:.3} by all")?;

        self.lengths.sort_unstable();
        let quantile = |share: f64| self.lengths[(share * (self.lengths.len() - 1) as f64) as usize];
        writeln!(
            text,
            "session length: mean {:.1}, quartiles {} {} {}, 95 % {}, longest {}",
            plays / self.lengths.len() as f64,
            quantile(0.25),
            quantile(0.5),
            quantile(0.75),
            quantile(0.95),
            quantile(1.0)
        )?;
        let from_ten: Vec<usize> = self.lengths.iter().map(|&length| length.min(20)).filter(|&l| l >= 10).collect();
        let share = |length| from_ten.iter().filter(|&&l| l == length).count() as f64 / from_ten.len() as f64;
        let shares: Vec<String> = (10..=20).map(|length| format!("{:.3}", share(length))).collect();
        writeln!(text, "lengths 10 to 20 or more, of sessions with at least 10: {}", shares.join(" "))?;
        for (source, count) in &self.sources {
            writeln!(text, "source {source}: {:.3}", *count as f64 / plays)?;
        }
        writeln!(text, "premium: {:.3}", self.premium as f64 / plays)?;
        writeln!(text, "plays of tracks heard out before: {:.3}", self.heard_before as f64 / plays)?;
        writeln!(text, "plays of tracks played in the session before: {:.3}", self.repeats as f64 / plays)?;

        let mut counts: Vec<u64> = self.plays_of_track.into_values().collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let top = |tracks: usize| counts.iter().take(tracks).sum::<u64>() as f64 / plays;
        let tracks = world.tracks().len();
        writeln!(
            text,
            "tracks played: {} of {tracks}; the most played 1 % have {:.3} of plays, 10 % {:.3}, half {:.3}",
            counts.len(),
            top(tracks / 100),
            top(tracks / 10),
            top(tracks / 2)
        )?;
        let mut durations: Vec<u32> = world.tracks().iter().filter_map(|track| track.duration_ms).collect();
        durations.sort_unstable();
        let quartile = |share: usize| durations[share * (durations.len() - 1) / 4] / 1_000;
        writeln!(text, "duration quartiles: {} {} {} s", quartile(1), quartile(2), quartile(3))?;
        let mut years: Vec<u16> = world.tracks().iter().filter_map(|track| track.release_year).collect();
        years.sort_unstable();
        let quartile = |share: usize| years[share * (years.len() - 1) / 4];
        writeln!(text, "release year quartiles: {} {} {}", quartile(1), quartile(2), quartile(3))?;
        Ok(text)
    }
}

/// Area under the ROC curve, by ranks; ties do not occur among probabilities worth the name.
fn auc(scored: &mut [(f64, bool)]) -> f64 {
    scored.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let positives = scored.iter().filter(|(_, holds)| *holds).count() as f64;
    let ranks: f64 =
        scored.iter().enumerate().filter(|(_, (_, holds))| *holds).map(|(rank, _)| rank as f64 + 1.0).sum();
    (ranks - positives * (positives + 1.0) / 2.0) / (positives * (scored.len() as f64 - positives))
}

/// Mean over lines of "value count".
fn mean_of(path: impl AsRef<Path>) -> Result<f64, Box<dyn std::error::Error>> {
    let (mut sum, mut total) = (0.0, 0.0);
    for line in std::fs::read_to_string(path)?.lines() {
        let mut numbers = line.split_whitespace().map(str::parse::<f64>);
        if let (Some(value), Some(count)) = (numbers.next(), numbers.next()) {
            let (value, count) = (value?, count?);
            sum += value * count;
            total += count;
        }
    }
    Ok(sum / total)
}

/// The process's peak resident memory, where the system tells.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or("unknown".to_owned(), |line| line.trim().to_owned())
}
