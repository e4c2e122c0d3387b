//! What all models over plays and all their baselines have in common: they foretell the vector of the next track.

use super::sequences::{ChunkSource, Part, SequenceModel};
use super::training::for_each_foretold;
use crate::Result;
use crate::network::Parameters;

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
