//! What users had heard before their sessions, as sets of tracks.

use std::collections::BTreeSet;

use tch::{Device, Tensor};

use super::super::averages::{by_count, training_counts};
use super::super::targets::is_target;
use crate::Result;
use crate::track_embeddings::TrackVectors;
use crate::user_state::lanes::users_of;
use crate::user_state::{Histories, Part};

/// Sessions whose bags are run through the network at once.
const SESSIONS: usize = 64;

/// The tracks in order of how often they are a training target, the first of which are modelled.
pub(super) struct Modelled {
    /// All tracks in that order.
    order: Vec<u32>,
    /// Per track its place in the order.
    places: Vec<u32>,
    count: usize,
}

impl Modelled {
    /// At most `most` tracks, and only such as are a training target.
    pub(super) fn new(histories: &Histories, vectors: &TrackVectors, most: usize) -> Result<Self> {
        let counts = training_counts(histories, vectors)?;
        let order = by_count(&counts);
        let mut places = vec![0; order.len()];
        order.iter().enumerate().for_each(|(place, &track)| places[track as usize] = place as u32);
        let count = counts.iter().filter(|&&count| count > 0).count().min(most);
        Ok(Self { order, places, count })
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn tracks(&self) -> &[u32] {
        &self.order[..self.count]
    }

    /// The place of any track; modelled are those below [`Self::len`].
    pub(super) fn place(&self, track: u32) -> usize {
        self.places[track as usize] as usize
    }
}

/// Some bags, and the targets to be foretold from each.
#[derive(Default)]
pub(super) struct BagBatch {
    /// Places of the tracks heard, in rising order.
    pub(super) bags: Vec<Vec<u32>>,
    pub(super) targets: Vec<Vec<usize>>,
}

impl BagBatch {
    /// `[bags, tracks]`: 1 where a track is in a bag.
    pub(super) fn tensor(&self, tracks: usize, device: Device) -> Result<Tensor> {
        let mut values = vec![0.0f32; self.bags.len() * tracks];
        for (bag, row) in self.bags.iter().zip(values.chunks_exact_mut(tracks)) {
            bag.iter().for_each(|&place| row[place as usize] = 1.0);
        }
        Ok(Tensor::f_from_slice(&values)?.f_reshape([-1, tracks as i64])?.f_to_device(device)?)
    }
}

/// Gives the bags before all sessions of a part that hold targets, some at a time. A bag holds the modelled tracks that
/// the user played before the session and did not skip.
pub(super) fn for_each_batch(
    histories: &Histories,
    vectors: &TrackVectors,
    modelled: &Modelled,
    part: Part,
    take: &mut dyn FnMut(&BagBatch) -> Result<()>,
) -> Result<()> {
    let mut batch = BagBatch::default();
    for user in users_of(part, histories.users()) {
        let mut bag = BTreeSet::new();
        for session in histories.sessions_until(user, part.split) {
            let plays = histories.plays_of(session);
            let targets: Vec<usize> =
                plays.clone().filter(|&play| is_target(histories, vectors, part.split, play, session)).collect();
            if !targets.is_empty() {
                batch.bags.push(bag.iter().copied().collect());
                batch.targets.push(targets);
            }
            if batch.bags.len() == SESSIONS {
                take(&std::mem::take(&mut batch))?;
            }
            heard(histories, modelled, session, &mut bag);
        }
    }
    if batch.bags.is_empty() { Ok(()) } else { take(&batch) }
}

/// Puts a session into a bag.
pub(super) fn heard(histories: &Histories, modelled: &Modelled, session: usize, bag: &mut BTreeSet<u32>) {
    for play in histories.plays_of(session).filter(|&play| !histories.skipped(play)) {
        let place = modelled.place(histories.track(play));
        if place < modelled.len() {
            bag.insert(place as u32);
        }
    }
}
