//! Scores models over sessions: cosine, session ranking and track ranking, overall and by context, kept per user so that
//! models can be compared in pairs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::foreteller::Foreteller;
use super::super::histories::Histories;
use super::super::sequences::Part;
use super::super::session_vectors::{SessionTracks, session_vector};
use super::session_ranking::{AGAINST_SESSIONS, rank_session};
use super::track_ranking::{AGAINST_TRACKS, rank_tracks};
use super::{HourClass, Interval, Placement, bootstrap, context_rarity};
use crate::Result;
use crate::track_embeddings::{TrackVectors, dot};

/// The group of all sessions.
pub const ALL_SESSIONS: &str = "all";

/// The measures of a ranking.
const OF_A_RANKING: [&str; 4] = ["mean-rank", "mrr", "recall-at-1", "recall-at-5"];

/// Names of the measures: `cosine`, then `<ranking>-<candidates>/<measure>`.
pub fn session_measures() -> Vec<String> {
    let rankings = AGAINST_SESSIONS.iter().map(|count| format!("session-ranking-{count}"));
    let rankings = rankings.chain(AGAINST_TRACKS.iter().map(|count| format!("track-ranking-{count}")));
    let of_rankings = rankings.flat_map(|ranking| OF_A_RANKING.map(|measure| format!("{ranking}/{measure}")));
    std::iter::once("cosine".to_owned()).chain(of_rankings).collect()
}

/// Sum and number of sessions of one measure.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    sum: f64,
    sessions: u64,
}

impl Tally {
    fn and(self, other: &Self) -> Self {
        Self { sum: self.sum + other.sum, sessions: self.sessions + other.sessions }
    }
}

/// A mean over sessions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeanOverSessions {
    /// The mean.
    pub mean: f64,
    /// Sessions it is taken over.
    pub sessions: u64,
}

/// Scores of one model, summed per user and group of sessions. Memory grows with the users, not with their sessions.
#[derive(Clone)]
pub struct SessionScores {
    measures: Vec<String>,
    groups: BTreeMap<String, BTreeMap<usize, Vec<Tally>>>,
}

/// Scores what is foretold for the sessions of a part.
pub fn score_sessions(
    histories: &Histories,
    vectors: &TrackVectors,
    foreteller: &dyn Foreteller,
    part: Part,
) -> Result<SessionScores> {
    let mut scores = SessionScores { measures: session_measures(), groups: BTreeMap::new() };
    let mut played = vec![0.0; vectors.dimension()];
    foreteller.foretell(part, &mut |foretold| {
        let session = foretold.target;
        let user = histories.user_of(session);
        let first = histories.sessions_of(user).start;
        let length = dot(foretold.vector, foretold.vector).sqrt().max(1e-12);
        let state: Vec<f32> = foretold.vector.iter().map(|x| x / length).collect();
        session_vector(histories, vectors, session, SessionTracks::Played, &mut played);
        let mut values = vec![Some(f64::from(dot(&state, &played)))];
        for place in rank_session(histories, vectors, &state, first..session, session) {
            values.extend(mean_measures(place.as_slice()));
        }
        for places in rank_tracks(histories, vectors, &state, first, session) {
            values.extend(mean_measures(&places));
        }
        let context = histories.context(session);
        let hour = HourClass::of(&context).map(|class| format!("hour: {}", class.name()));
        let device = context.device.map(|device| format!("device: {}", device.name()));
        let rarity = context_rarity(histories, first..session, session);
        let rarity = rarity.map(|rarity| format!("share of the context: {}", rarity.name()));
        for group in [Some(ALL_SESSIONS.to_owned()), hour, device, rarity].into_iter().flatten() {
            scores.add(group, user, &values);
        }
        Ok(())
    })?;
    Ok(scores)
}

/// Means over the tracks of a session, or of the one place of the session itself.
fn mean_measures(places: &[Placement]) -> [Option<f64>; 4] {
    let mean = |measure: &dyn Fn(&Placement) -> f64| {
        (!places.is_empty()).then(|| places.iter().map(measure).sum::<f64>() / places.len() as f64)
    };
    [mean(&|p| p.rank()), mean(&|p| p.reciprocal_rank()), mean(&|p| p.within(1)), mean(&|p| p.within(5))]
}

impl SessionScores {
    fn add(&mut self, group: String, user: usize, values: &[Option<f64>]) {
        let users = self.groups.entry(group).or_default();
        let tallies = users.entry(user).or_insert_with(|| vec![Tally::default(); values.len()]);
        for (tally, value) in tallies.iter_mut().zip(values) {
            if let Some(value) = value {
                tally.sum += value;
                tally.sessions += 1;
            }
        }
    }

    /// The scores of one model trained with several seeds as one: each session counts once per seed. `None` of none.
    pub fn of_all_seeds(seeds: &[Self]) -> Option<Self> {
        let (first, others) = seeds.split_first()?;
        let mut all = first.clone();
        for (group, users) in others.iter().flat_map(|scores| &scores.groups) {
            let of_group = all.groups.entry(group.clone()).or_default();
            for (&user, tallies) in users {
                let sums = of_group.entry(user).or_insert_with(|| vec![Tally::default(); tallies.len()]);
                sums.iter_mut().zip(tallies).for_each(|(sum, tally)| *sum = sum.and(tally));
            }
        }
        Some(all)
    }

    /// The groups of sessions: `all`, hour classes, devices, and how rare the context is for the user.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(String::as_str)
    }

    /// Means of a group over its sessions, by measure; a measure that no session allows is left out.
    pub fn means(&self, group: &str) -> BTreeMap<String, MeanOverSessions> {
        let measures = self.measures.iter().enumerate();
        measures.filter_map(|(at, name)| Some((name.clone(), mean(self.tallies(group, at).values())?))).collect()
    }

    /// Per user in the dataset's order: the mean of a measure over the user's sessions in a group.
    pub fn user_means(&self, group: &str, measure: &str) -> Vec<(usize, f64)> {
        let tallies = self.measure(measure).map(|at| self.tallies(group, at)).unwrap_or_default();
        tallies.into_iter().map(|(user, tally)| (user, tally.sum / tally.sessions as f64)).collect()
    }

    fn measure(&self, measure: &str) -> Option<usize> {
        self.measures.iter().position(|name| name == measure)
    }

    /// By user, those with a session that counts.
    fn tallies(&self, group: &str, measure: usize) -> BTreeMap<usize, Tally> {
        let users = self.groups.get(group).into_iter().flatten();
        users.map(|(&user, tallies)| (user, tallies[measure])).filter(|(_, tally)| tally.sessions > 0).collect()
    }
}

fn mean<'a>(tallies: impl Iterator<Item = &'a Tally>) -> Option<MeanOverSessions> {
    let all = tallies.fold(Tally::default(), Tally::and);
    (all.sessions > 0).then(|| MeanOverSessions { mean: all.sum / all.sessions as f64, sessions: all.sessions })
}

/// By how much a model's mean is better than a baseline's, as a share of the baseline's (of a mean rank: lower), with an
/// interval over the users whom both have scored. `None` where there are none, or for an unknown group or measure.
pub fn relative_gain(
    model: &SessionScores,
    baseline: &SessionScores,
    group: &str,
    measure: &str,
    resamples: u32,
    seed: u64,
) -> Option<Interval> {
    let at = model.measure(measure)?;
    let of_baseline = baseline.tallies(group, at);
    let of_model = model.tallies(group, at);
    let pairs: Vec<(Tally, Tally)> =
        of_model.iter().filter_map(|(user, tally)| Some((*tally, *of_baseline.get(user)?))).collect();
    let sign = if measure.ends_with("mean-rank") { -1.0 } else { 1.0 };
    let gain = |drawn: &[usize]| {
        let model = mean(drawn.iter().map(|&at| &pairs[at].0)).map_or(f64::NAN, |mean| mean.mean);
        let baseline = mean(drawn.iter().map(|&at| &pairs[at].1)).map_or(f64::NAN, |mean| mean.mean);
        sign * (model - baseline) / baseline.abs()
    };
    (!pairs.is_empty()).then(|| bootstrap(pairs.len(), resamples, seed, gain))
}

#[cfg(test)]
mod tests;
