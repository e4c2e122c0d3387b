//! The contracts between networks over sequences, the chunks they are trained on, and where chunks come from.

use listening_data::CounterRng;
use tch::{Device, Kind, Tensor};

use super::UserState;
use super::lanes::Lane;
use crate::Result;
use crate::splits::Split;

/// Which sequences are run through, in which order, and which targets count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Histories are run through up to the end of this split. In training every target counts, else those of the split.
    pub split: Split,
    /// Seed and epoch of a random order of users; `None` for the order of the dataset, and no cuts.
    pub shuffled: Option<(u64, u32)>,
    /// Of every `stride` users one takes part, the `shard`-th.
    pub shard: usize,
    /// See `shard`.
    pub stride: usize,
}

impl Part {
    /// All users in order.
    pub fn all(split: Split) -> Self {
        Self { split, shuffled: None, shard: 0, stride: 1 }
    }
}

/// What a chunk tells of itself, whatever it is a chunk of.
pub struct ChunkFrame {
    /// `[lanes, 1]`: 0 where a lane comes to a new sequence, so that its memory begins anew, else 1.
    pub continued: Tensor,
    /// Number of targets that count.
    pub count: usize,
    /// Plays or sessions run through.
    pub run: usize,
    /// Per step and lane, step by step: the play or session foretold, where it counts.
    pub foretold: Vec<Option<usize>>,
}

impl ChunkFrame {
    pub(super) fn new(lanes: &[Lane], foretold: Vec<Option<usize>>, device: Device) -> Result<Self> {
        let continued: Vec<f32> = lanes.iter().map(|lane| if lane.begins { 0.0 } else { 1.0 }).collect();
        Ok(Self {
            continued: Tensor::f_from_slice(&continued)?.f_reshape([-1, 1])?.f_to_device(device)?,
            count: foretold.iter().flatten().count(),
            run: lanes.iter().map(|lane| lane.items.len()).sum(),
            foretold,
        })
    }
}

/// Consecutive steps of some sequences, one sequence per lane.
pub trait SequenceChunk: Send {
    /// What it tells of itself.
    fn frame(&self) -> &ChunkFrame;
}

/// A source of chunks.
pub trait ChunkSource: Sync {
    /// What it gives.
    type Chunk: SequenceChunk;

    /// Lanes of each chunk.
    fn lanes(&self) -> usize;

    /// Chunks of a part, in order. `nth` passes over chunks without making them.
    fn chunks(&self, part: Part) -> Box<dyn Iterator<Item = Result<Self::Chunk>> + Send + '_>;

    /// About how many plays or sessions a part runs through.
    fn size(&self, part: Part) -> usize;
}

/// A network that runs through sequences and foretells a vector at each step.
///
/// What it carries from step to step is a row of floats per lane, its *memory*, zeros for a new sequence.
pub trait SequenceModel: Send {
    /// What it runs through.
    type Chunk: SequenceChunk;

    /// Floats of memory per lane.
    fn memory_length(&self) -> usize;

    /// The vectors foretold, `[steps, lanes, dimension]`, and the memory after the chunk.
    fn foretell(&self, chunk: &Self::Chunk, memory: &Tensor) -> Result<(Tensor, Tensor)>;

    /// The loss summed over the targets that count, and the memory after the chunk. `noise` is the only source of
    /// chance.
    fn loss(&self, chunk: &Self::Chunk, memory: &Tensor, noise: &mut CounterRng) -> Result<(Tensor, Tensor)>;

    /// As [`loss`](Self::loss), without what serves training alone: what early stopping goes by.
    fn measured_loss(&self, chunk: &Self::Chunk, memory: &Tensor, noise: &mut CounterRng) -> Result<(Tensor, Tensor)> {
        self.loss(chunk, memory, noise)
    }

    /// Told in training, before each move of the weights, how many there have been: for losses that change as training
    /// goes on. Losses are measured as at its end.
    fn begin_update(&mut self, _updates: u64) {}

    /// The model as an encoder of user states, if it is one.
    fn user_state(&self) -> Option<Box<dyn UserState>> {
        None
    }

    /// Another handle on the same parameters, for use on another thread.
    fn shallow_clone(&self) -> Box<dyn SequenceModel<Chunk = Self::Chunk>>;
}

/// Half the squared distance to the targets, summed over those that count: the negative log likelihood of a Gaussian of
/// unit variance, but for a constant. `foretold` and `targets` `[steps, lanes, dimension]`, `weights` `[steps, lanes]`.
pub fn squared_error(foretold: &Tensor, targets: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let distances = foretold.f_sub(targets)?.f_square()?.f_sum_dim_intlist([-1i64].as_slice(), false, Kind::Float)?;
    Ok(distances.f_mul(weights)?.f_sum(Kind::Float)?.f_mul_scalar(0.5)?)
}

/// Standard normal draws of a shape, from `noise` alone.
pub fn standard_normal(shape: &[i64], noise: &mut CounterRng, like: &Tensor) -> Result<Tensor> {
    use rand_distr::{Distribution, StandardNormal};
    let count: i64 = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| StandardNormal.sample(noise)).collect();
    Ok(Tensor::f_from_slice(&values)?.f_reshape(shape)?.f_to_device(like.device())?)
}
