//! Nearest-session heat maps: in which contexts lie the sessions nearest to the user vectors drawn in each context.

use listening_data::{Context, Device};
use serde::{Deserialize, Serialize};

use super::super::evaluation::HourClass;
use super::super::histories::Histories;
use super::super::session_vectors::{SessionTracks, session_vector};
use super::SampledState;
use crate::track_embeddings::{TrackVectors, dot};

/// How contexts are classed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContextGrid {
    /// Hour class by weekday, 28 classes.
    Time,
    /// Device.
    Device,
}

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

impl ContextGrid {
    /// Names of the classes.
    pub fn classes(self) -> Vec<String> {
        let days = |day: &str| HourClass::ALL.map(|class| format!("{day} {}", class.name()));
        match self {
            Self::Time => WEEKDAYS.into_iter().flat_map(days).collect(),
            Self::Device => Device::ALL.iter().map(|device| device.name().to_owned()).collect(),
        }
    }

    /// The class of a context, where known.
    pub fn class(self, context: &Context) -> Option<usize> {
        match self {
            Self::Time => {
                let day = usize::from(context.weekday?).min(WEEKDAYS.len() - 1);
                Some(day * HourClass::ALL.len() + HourClass::of(context)? as usize)
            }
            Self::Device => context.device.map(Device::code),
        }
    }
}

/// Shares of contexts among nearest sessions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NearestContexts {
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Per class: its share of the sampled sessions, which is what chance gives.
    pub chance: Vec<f64>,
    /// Per class of the vector, then per class of the session: share of the nearest sessions. Zeros for a class without
    /// vectors.
    pub shares: Vec<Vec<f64>>,
}

/// For each state the `count` sessions of largest cosine among the other states' sessions, as vectors of the tracks played.
/// Ties go to the earlier session. O(states^2).
pub fn nearest_contexts(
    histories: &Histories,
    vectors: &TrackVectors,
    states: &[SampledState],
    grid: ContextGrid,
    count: usize,
) -> NearestContexts {
    let classes = grid.classes();
    let classed = states.iter().filter_map(|state| {
        let mut played = vec![0.0; vectors.dimension()];
        session_vector(histories, vectors, state.session, SessionTracks::Played, &mut played);
        Some((&state.vector, played, grid.class(&histories.context(state.session))?))
    });
    let classed: Vec<(&Vec<f32>, Vec<f32>, usize)> = classed.collect();
    let mut found = vec![vec![0.0; classes.len()]; classes.len()];
    for (place, (vector, _, class)) in classed.iter().enumerate() {
        let others = classed.iter().enumerate().filter(|(other, _)| *other != place);
        let mut scored: Vec<(f32, usize)> =
            others.map(|(other, (_, played, _))| (dot(vector, played), other)).collect();
        let order = |a: &(f32, usize), b: &(f32, usize)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if count < scored.len() {
            scored.select_nth_unstable_by(count, order);
            scored.truncate(count);
        }
        scored.iter().for_each(|(_, other)| found[*class][classed[*other].2] += 1.0);
    }
    let shares = |counts: &[f64]| -> Vec<f64> {
        let sum = counts.iter().sum::<f64>().max(1.0);
        counts.iter().map(|count| count / sum).collect()
    };
    let mut chance = vec![0.0; classes.len()];
    classed.iter().for_each(|(_, _, class)| chance[*class] += 1.0);
    NearestContexts { chance: shares(&chance), shares: found.iter().map(|row| shares(row)).collect(), classes }
}
