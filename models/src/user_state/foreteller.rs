//! What all models over plays and all their baselines have in common: they foretell the vector of the next track.

use listening_data::Progress;

use super::baselines::count_targets;
use super::histories::Histories;
use super::sequences::{ChunkSource, Part, SequenceModel};
use super::training::for_each_foretold;
use crate::Result;
use crate::network::Parameters;
use crate::track_embeddings::TrackVectors;

/// What a model says of one target.
#[derive(Clone, Copy, Debug)]
pub struct Foretold<'a> {
    /// The play (or session) that was to be foretold, as numbered in [`Histories`](super::Histories).
    pub target: usize,
    /// The vector foretold, on the scale of vectors of length sqrt(dimension).
    pub vector: &'a [f32],
    /// Rank of the target's track, from 0, where the model orders tracks by scores of its own; elsewhere tracks are
    /// ordered by their cosine to the vector.
    pub rank: Option<u32>,
}

/// Foretells every target of a part of the histories, in any order.
pub trait Foreteller {
    /// Gives each target with what is foretold to `take`.
    fn foretell(&self, part: Part, take: &mut dyn FnMut(Foretold<'_>) -> Result<()>) -> Result<()>;
}

/// A trained network with the chunks that it runs through.
pub struct NetworkForeteller<'a, S: ChunkSource> {
    /// The network.
    pub model: &'a dyn SequenceModel<Chunk = S::Chunk>,
    /// Its parameters.
    pub parameters: &'a Parameters,
    /// The histories in chunks.
    pub source: &'a S,
}

impl<S: ChunkSource> Foreteller for NetworkForeteller<'_, S> {
    fn foretell(&self, part: Part, take: &mut dyn FnMut(Foretold<'_>) -> Result<()>) -> Result<()> {
        for_each_foretold(self.model, self.parameters, self.source, part, |target, vector| {
            take(Foretold { target, vector, rank: None })
        })
    }
}

/// A foreteller that tells of its progress.
pub struct Watched<'a> {
    /// The foreteller.
    pub foreteller: &'a dyn Foreteller,
    /// Its name.
    pub name: &'a str,
    /// Whether it foretells sessions; else plays.
    pub over_sessions: bool,
    /// The histories that it foretells.
    pub histories: &'a Histories,
    /// The tracks' vectors.
    pub vectors: &'a TrackVectors,
    /// Whom it tells.
    pub progress: &'a dyn Progress,
}

/// Targets between two tellings.
const TOLD_EVERY: u64 = 1024;

impl Foreteller for Watched<'_> {
    fn foretell(&self, part: Part, take: &mut dyn FnMut(Foretold<'_>) -> Result<()>) -> Result<()> {
        let (plays, sessions) = count_targets(self.histories, self.vectors, part);
        let (total, unit) = if self.over_sessions { (sessions, "sessions") } else { (plays, "plays") };
        self.progress.begin(&format!("evaluation of {}", self.name), total as u64, unit);
        let mut done = 0;
        self.foreteller.foretell(part, &mut |foretold| {
            done += 1;
            if done % TOLD_EVERY == 0 {
                self.progress.advance(done.min(total as u64));
            }
            take(foretold)
        })?;
        self.progress.advance(total as u64);
        self.progress.end();
        Ok(())
    }
}
