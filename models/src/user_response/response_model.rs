//! What a user-response model is, and how it goes through logged sessions.

use std::ops::Range;

use super::{HEADS, Rows};
use crate::Result;
use crate::features::SessionSoFar;
use crate::prepared::Examples;
use crate::track_embeddings::TrackVectors;

/// Probabilities of one row: the three responses and the end of the session, in the order of [`HEADS`].
pub type Predictions = [f32; HEADS.len()];

/// What is known of all tracks.
#[derive(Clone, Copy)]
pub struct TrackTable<'a> {
    /// Track features, `[tracks, width]`, row by row.
    pub values: &'a [f32],
    /// Features per track.
    pub width: usize,
    /// Track vectors.
    pub vectors: &'a TrackVectors,
    /// Each track's artist, by number.
    pub artists: &'a [u32],
}

impl TrackTable<'_> {
    /// The features of one track.
    pub fn row(&self, track: u32) -> &[f32] {
        &self.values[track as usize * self.width..][..self.width]
    }
}

/// A model of how listeners respond to tracks.
///
/// It carries nothing of its own from play to play: what it remembers of a session is a row of numbers that the caller
/// keeps, zeros at the beginning of a session. So any number of sessions go side by side.
pub trait ResponseModel: Send {
    /// Whether the answer depends on the session so far: then rows must hold it.
    fn sees_session(&self) -> bool;

    /// Numbers of memory per session; 0 where nothing is remembered.
    fn memory_length(&self) -> usize;

    /// The next play of many sessions, a row each, with their memories, which are advanced. Appends to `predictions`. What a
    /// session is told does not depend on the others.
    fn play(&self, rows: &Rows, memories: &mut [f32], predictions: &mut Vec<Predictions>) -> Result<()>;

    /// How many models answer together; more than one in an [`super::Ensemble`].
    fn members(&self) -> usize {
        1
    }

    /// As [`Self::play`], but appends the answers of each member, row by row, instead of the one that they give together.
    fn play_apart(&self, rows: &Rows, memories: &mut [f32], apart: &mut Vec<Predictions>) -> Result<()> {
        self.play(rows, memories, apart)
    }

    /// Answers to several tracks, a row each, of which one may be the next play of the session with this memory. Appends to
    /// `predictions`.
    fn candidates(&self, rows: &Rows, memory: &[f32], predictions: &mut Vec<Predictions>) -> Result<()>;

    /// Another handle on the same model, for use on another thread.
    fn another(&self) -> Box<dyn ResponseModel>;
}

/// Appends the row of a logged play.
pub(super) fn push_play(examples: &Examples, table: &TrackTable<'_>, play: usize, so_far: &[f32], rows: &mut Rows) {
    let track = table.row(examples.track[play]);
    rows.push(examples.session_features(play), track, examples.relation(play), so_far, examples.position[play]);
}

/// Responses to a play: complete, skip, past threshold; none where unknown.
pub(super) type Responses = [Option<bool>; 3];

/// The session so far, gone through one logged play after the other.
#[derive(Default)]
pub(super) struct Walk {
    session: SessionSoFar,
    features: Vec<f32>,
}

impl Walk {
    /// A new session begins.
    pub(super) fn clear(&mut self) {
        self.session.clear();
    }

    /// Appends the row of the next play, with the session before it where the model sees it.
    pub(super) fn push_row(
        &mut self,
        model: &dyn ResponseModel,
        examples: &Examples,
        table: &TrackTable<'_>,
        play: usize,
        rows: &mut Rows,
    ) {
        self.features.clear();
        if model.sees_session() {
            let features = self.session.features(table.vectors, table.artists, examples.track[play]);
            self.features.extend_from_slice(&features);
        }
        push_play(examples, table, play, &self.features, rows);
    }

    /// Takes in a play with its logged responses.
    pub(super) fn take_in(&mut self, examples: &Examples, table: &TrackTable<'_>, play: usize) {
        let [complete, skip, past, _] = examples.labels(play);
        self.take_in_as(examples, table, play, [complete, skip, past]);
    }

    /// Takes in a play with responses of somebody's choice.
    pub(super) fn take_in_as(
        &mut self,
        examples: &Examples,
        table: &TrackTable<'_>,
        play: usize,
        responses: Responses,
    ) {
        self.session.push(table.vectors, table.artists, examples.track[play], responses);
    }
}

/// Sessions that go side by side.
pub(super) const BLOCK: usize = 512;

/// Goes through sessions side by side. `respond` is told each play of each, and what is predicted of it, and gives the responses
/// that the session goes on with; none for those that were logged.
pub(super) fn go_through(
    model: &dyn ResponseModel,
    examples: &Examples,
    table: &TrackTable<'_>,
    sessions: &[usize],
    mut respond: impl FnMut(&Range<usize>, usize, &Predictions) -> Option<Responses>,
) -> Result<()> {
    let (mut rows, mut predictions) = (Rows::default(), Vec::new());
    for block in sessions.chunks(BLOCK) {
        // The longest first, so that those still under way stand in front.
        let mut block: Vec<_> = block.iter().map(|&session| (examples.plays(session), Walk::default())).collect();
        block.sort_by_key(|(plays, _)| std::cmp::Reverse(plays.len()));
        let mut memories = vec![0.0; block.len() * model.memory_length()];
        for place in 0..block.first().map_or(0, |(plays, _)| plays.len()) {
            let under_way = block.partition_point(|(plays, _)| plays.len() > place);
            let under_way = &mut block[..under_way];
            rows.clear();
            for (plays, walk) in under_way.iter_mut() {
                walk.push_row(model, examples, table, plays.start + place, &mut rows);
            }
            predictions.clear();
            model.play(&rows, &mut memories[..under_way.len() * model.memory_length()], &mut predictions)?;
            for ((plays, walk), predicted) in under_way.iter_mut().zip(&predictions) {
                let play = plays.start + place;
                match respond(plays, play, predicted) {
                    None => walk.take_in(examples, table, play),
                    Some(responses) => walk.take_in_as(examples, table, play, responses),
                }
            }
        }
    }
    Ok(())
}

/// Evenly spaced sessions that hold about `most` plays.
pub(super) fn evenly_spaced(examples: &Examples, most: usize) -> impl Iterator<Item = usize> {
    let stride = examples.len().div_ceil(most.max(1)).max(1);
    (0..examples.sessions()).step_by(stride)
}

/// Calls `each` with play number, prediction and labels, for the plays of evenly spaced sessions, about `most` plays.
pub(super) fn for_each_prediction(
    model: &dyn ResponseModel,
    examples: &Examples,
    table: &TrackTable<'_>,
    most: usize,
    mut each: impl FnMut(usize, &Predictions, [Option<bool>; HEADS.len()]),
) -> Result<()> {
    let sessions: Vec<usize> = evenly_spaced(examples, most).collect();
    for block in sessions.chunks(BLOCK) {
        let mut found = Vec::new();
        go_through(model, examples, table, block, |_, play, predicted| {
            found.push((play, *predicted));
            None
        })?;
        found.sort_unstable_by_key(|(play, _)| *play);
        found.iter().for_each(|(play, predicted)| each(*play, predicted, examples.labels(*play)));
    }
    Ok(())
}
