//! Pairwise similarity of user vectors by context: whether a user's vectors of one context are more alike than those of
//! different contexts.

use listening_data::Context;
use serde::{Deserialize, Serialize};

use super::super::evaluation::HourClass;
use super::super::histories::Histories;
use super::{Quartiles, SampledState};
use crate::track_embeddings::dot;

/// Cosines between vectors of the same user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContextSimilarity {
    /// The class of context.
    pub class: String,
    /// Between two sessions of the class.
    pub within: Quartiles,
    /// Between a session of the class and one of another known class.
    pub across: Quartiles,
}

/// By hour class, then by device; classes without pairs are left out. The states stand in order of sessions.
pub fn similarity_by_context(histories: &Histories, states: &[SampledState]) -> Vec<ContextSimilarity> {
    let hours = HourClass::ALL.map(|class| class.name());
    let devices: Vec<&str> = listening_data::Device::ALL.iter().map(|device| device.name()).collect();
    let hour = |context: &Context| HourClass::of(context).map(|class| class as usize);
    let device = |context: &Context| context.device.map(|device| device.code());
    let mut found = by_classes(histories, states, &hours, &hour);
    found.extend(by_classes(histories, states, &devices, &device));
    found
}

fn by_classes(
    histories: &Histories,
    states: &[SampledState],
    names: &[&str],
    class: &dyn Fn(&Context) -> Option<usize>,
) -> Vec<ContextSimilarity> {
    let (mut within, mut across) = (vec![Vec::new(); names.len()], vec![Vec::new(); names.len()]);
    for of_user in states.chunk_by(|a, b| a.user == b.user) {
        let classed = of_user.iter().map(|state| (state, class(&histories.context(state.session))));
        let classed: Vec<_> = classed.filter_map(|(state, class)| Some((&state.vector, class?))).collect();
        for (place, (vector, class)) in classed.iter().enumerate() {
            for (other_vector, other) in &classed[place + 1..] {
                let cosine = f64::from(dot(vector, other_vector));
                if class == other {
                    within[*class].push(cosine);
                } else {
                    across[*class].push(cosine);
                    across[*other].push(cosine);
                }
            }
        }
    }
    let classes = names.iter().zip(within.iter_mut().zip(&mut across));
    let similarity = classes.filter_map(|(name, (within, across))| {
        let (within, across) = (Quartiles::of(within)?, Quartiles::of(across)?);
        Some(ContextSimilarity { class: (*name).to_owned(), within, across })
    });
    similarity.collect()
}
