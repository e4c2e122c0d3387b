//! How much of the synthetic listeners' hidden state is in what they play? Compares tracks and sessions with what
//! history tells and with the true hidden vectors, by mean cosine, and prints the tables of
//! `docs/synthetic-listeners.md`. Usage: `state_signal [CONFIG.toml]`.
//!
//! A session's vector is the unit mean of the tracks that were heard out, as in CoSeRNN (Hansen et al. 2020).

use std::collections::BTreeMap;

use listening_data::{
    BehaviourPolicy, Context, Listener, Session, SessionRules, SyntheticConfig, SyntheticWorld, mood_classes,
};

const SEED: u64 = 1;
/// Sessions of history that a prediction needs.
const HISTORY: usize = 3;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = SyntheticConfig::default();
    if let Some(path) = std::env::args().nth(1) {
        config = toml::from_str(&std::fs::read_to_string(path)?)?;
    }
    let rules = SessionRules::default();
    let world = SyntheticWorld::new(&config, SEED)?;
    let mut signal = Signal::default();
    for number in 0..config.size.users {
        signal.follow(&world, world.listener(number), &world.history(&rules, number));
    }
    print!("{}", signal.text());
    Ok(())
}

/// Classes of hour and device, where known.
type MoodClasses = (Option<usize>, Option<usize>);

/// What a model could have heard of one listener before a moment.
#[derive(Default)]
struct History {
    tracks: Vec<f64>,
    last_track: Option<Vec<f64>>,
    /// Vectors of the sessions with their classes of hour and device.
    sessions: Vec<(Vec<f64>, MoodClasses)>,
}

/// Sums of cosines and their number, by what is predicted, for whom, and from what.
#[derive(Default)]
struct Signal(BTreeMap<(&'static str, String, usize, &'static str), (f64, u64)>);

impl Signal {
    fn follow(&mut self, world: &SyntheticWorld, mut listener: Listener, sessions: &[Session]) {
        let mut history = History::default();
        for session in sessions {
            listener.advance_to(world, session.start_ms);
            let mut state = world.session_state(&listener, session.context, 0.0);
            let mut sum = vec![0.0; listener.taste.len()];
            history.last_track = None;
            for play in &session.plays {
                let vector = wide(world.track_vector(play.track));
                if play.responses.complete == Some(true) {
                    if history.sessions.len() >= HISTORY {
                        let hidden = [wide(&listener.mean_taste), wide(state.leaning()), wide(state.wish())];
                        self.track(world, &listener, &session.context, &history, &sum, hidden, &vector);
                    }
                    add(&mut sum, 1.0, &vector);
                    add(&mut history.tracks, 1.0, &vector);
                    history.last_track = Some(vector);
                }
                world.observe(&mut state, play.track, play.ms_played.unwrap_or(0), play.responses);
                listener.remember(world, &state, play.track, play.responses);
            }
            if state.completed() > 0 {
                if history.sessions.len() >= HISTORY {
                    let hidden = [wide(&listener.mean_taste), wide(state.leaning()), wide(state.wish())];
                    self.session(world, &listener, &session.context, &history, hidden, &sum);
                }
                normalise(&mut sum);
                history.sessions.push((sum, mood_classes(&session.context)));
            }
            listener.end_session(&state, session.plays.last().map_or(session.start_ms, |play| play.end_ms()));
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one row of the table each")]
    fn track(
        &mut self,
        world: &SyntheticWorld,
        listener: &Listener,
        context: &Context,
        history: &History,
        heard: &[f64],
        [mean_taste, leaning, wish]: [Vec<f64>; 3],
        vector: &[f64],
    ) {
        let rows = [
            ("heard tracks, mean", Some(history.tracks.clone())),
            ("session so far, mean", history.last_track.is_some().then(|| heard.to_vec())),
            ("track before", history.last_track.clone()),
            ("true mean taste", Some(mean_taste)),
            ("+ drift", Some(wide(&listener.taste))),
            ("+ moods", Some(wide(&world.taste_in(listener, context)))),
            ("+ interests (the leaning)", Some(leaning)),
            ("+ theme (the wish)", Some(wish)),
        ];
        self.count("next track heard out", context, rows, vector);
    }

    fn session(
        &mut self,
        world: &SyntheticWorld,
        listener: &Listener,
        context: &Context,
        history: &History,
        [mean_taste, leaning, wish]: [Vec<f64>; 3],
        vector: &[f64],
    ) {
        let last = history.sessions.last().map(|(vector, _)| vector.clone());
        let classes = mood_classes(context);
        let rows = [
            ("last session", last),
            ("sessions, weighted by recency", by_recency(history.sessions.iter().map(|(vector, _)| vector))),
            (
                "those of the same hour class",
                by_recency(history.sessions.iter().filter(|(_, past)| past.0 == classes.0).map(|(vector, _)| vector)),
            ),
            (
                "those of the same device class",
                by_recency(history.sessions.iter().filter(|(_, past)| past.1 == classes.1).map(|(vector, _)| vector)),
            ),
            ("true mean taste", Some(mean_taste)),
            ("+ drift", Some(wide(&listener.taste))),
            ("+ moods", Some(wide(&world.taste_in(listener, context)))),
            ("+ interests (the leaning)", Some(leaning)),
            ("+ theme (the wish)", Some(wish)),
        ];
        self.count("session", context, rows, vector);
    }

    fn count<const N: usize>(
        &mut self,
        what: &'static str,
        context: &Context,
        rows: [(&'static str, Option<Vec<f64>>); N],
        vector: &[f64],
    ) {
        let own = context.behaviour_policy == Some(BehaviourPolicy::OwnChoice);
        let (hour, device) = mood_classes(context);
        let mut groups = vec!["all".to_owned()];
        groups.extend(own.then(|| "own choice".to_owned()));
        groups.extend(hour.map(|class| ["morning", "working hours", "evening", "night"][class].to_owned()));
        groups.extend(device.map(|class| ["hand", "computer", "room", "car"][class].to_owned()));
        for (place, (from, prediction)) in rows.into_iter().enumerate() {
            let Some(prediction) = prediction else { continue };
            for group in &groups {
                let (sum, number) = self.0.entry((what, group.clone(), place, from)).or_default();
                *sum += cosine(&prediction, vector);
                *number += 1;
            }
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut before = None;
        for ((what, group, _, from), (sum, number)) in &self.0 {
            if before != Some((what, group)) {
                text += &format!("\n{what}, {group}\n");
                before = Some((what, group));
            }
            text += &format!("  {from:<32} {:.3}  ({number})\n", sum / *number as f64);
        }
        text
    }
}

/// Mean of vectors weighted linearly by recency, the oldest 1 (Hansen et al. 2020).
fn by_recency<'a>(vectors: impl Iterator<Item = &'a Vec<f64>>) -> Option<Vec<f64>> {
    let mut mean = Vec::new();
    for (place, vector) in vectors.enumerate() {
        add(&mut mean, (place + 1) as f64, vector);
    }
    (!mean.is_empty()).then_some(mean)
}

fn wide(vector: &[f32]) -> Vec<f64> {
    vector.iter().map(|&value| f64::from(value)).collect()
}

/// Adds `scale` times a vector; an empty sum is zero.
fn add(sum: &mut Vec<f64>, scale: f64, vector: &[f64]) {
    sum.resize(vector.len(), 0.0);
    sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += scale * value);
}

fn normalise(vector: &mut [f64]) {
    let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
    vector.iter_mut().for_each(|value| *value /= length);
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}
