//! The network Q(state, track).
//!
//! q = w . f(W_s s + b + W_t t + W_c c) with f: ReLU and further dense layers. The first layer is linear in state s,
//! track t and candidate features c, so its parts are computed once per state, once per track and weight version, and
//! once per candidate, and added; where layers are normalised, then normalised. Where the network is distributional, w has
//! a row per quantile, and Q is their mean.
//!
//! Dueling (Wang et al., ICML 2016): q = V(s, m) + A(s, c) - A(s, m), where m is the mean of the candidates that remain,
//! of their track and candidate features, and A is the network above. Wang et al. subtract the mean of A over all actions
//! (equation 9): where A is linear in the candidate that is the same. Either makes V and A identifiable and changes no
//! choice; but the mean of A takes whole pools through the network for the one action that is learnt from, with gradient,
//! and again for its target, and the mean over a drawn sample is noise to which the squared error answers by shrinking A.
//! A(s, m) takes one row per state, and its gradient is exact. V sees m, since pools differ: were it blind to them, the
//! mean of q would have to be the same in a good pool as in a bad one. It shares the first layer with A and has hidden
//! layers of its own.

use listening_models::network::{Dense, DenseStack, LayerNorm, Parameters};
use listening_models::{Result, TensorFile};
use tch::{Device, Kind, Tensor};

mod packed;

pub(crate) use packed::{PackedNetwork, Spare};

use super::architecture::Architecture;
use super::observation::{CANDIDATE_FEATURES, state_length};
use playlist_envs::World;

/// Sizes of the network's inputs, and what it is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) state: usize,
    pub(crate) track: usize,
    pub(crate) architecture: Architecture,
}

impl Shape {
    /// The shape for a world.
    pub(crate) fn new(world: &World, architecture: &Architecture) -> Self {
        let (state, track) = (state_length(world), world.catalog.feature_width());
        Self { state, track, architecture: architecture.clone() }
    }
}

/// The network with its parameters.
pub(crate) struct QNetwork {
    pub(crate) parameters: Parameters,
    pub(crate) layers: QLayers,
}

/// Handles on the layers; each thread has its own.
pub(crate) struct QLayers {
    state: Dense,
    track: Tensor,
    candidate: Tensor,
    norm: Option<LayerNorm>,
    advantage: Stream,
    /// Where dueling: the stream of V.
    value: Option<Stream>,
    candidate_features: bool,
}

/// What goes through the network at once: rows, each a candidate in a state.
pub(crate) struct Rows {
    /// `[states, state features]`.
    pub(crate) states: Tensor,
    /// Per row, its state's place in `states`, `[rows]`.
    pub(crate) of_states: Tensor,
    /// The first layer's part of each row's track, `[rows, first width]`.
    pub(crate) track_part: Tensor,
    /// `[rows, candidate features]`.
    pub(crate) candidates: Tensor,
    /// Track and candidate features of the mean of each state's candidates that remain, `[states, features]` each; for a
    /// dueling network alone.
    pub(crate) mean_candidate: Option<[Tensor; 2]>,
}

/// What a network needs of rows.
#[derive(Clone, Copy)]
pub(crate) struct Needs {
    /// Whether the mean candidate, as in [`Rows::mean_candidate`].
    pub(crate) mean_candidate: bool,
    /// Whether candidate features; else these are 0.
    pub(crate) candidate_features: bool,
}

/// The layers above the first one.
struct Stream {
    hidden: DenseStack,
    last: Dense,
}

impl Stream {
    fn new(parameters: &mut Parameters, [hidden, last]: [&str; 2], architecture: &Architecture) -> Result<Self> {
        let (first, rest) = architecture.widths();
        let hidden = if architecture.layer_norm {
            DenseStack::with_layer_norm(parameters, hidden, first, rest)?
        } else {
            DenseStack::new(parameters, hidden, first, rest)?
        };
        let last = Dense::new(parameters, last, rest.last().copied().unwrap_or(first), architecture.outputs())?;
        Ok(Self { hidden, last })
    }

    fn forward(&self, first: &Tensor) -> Result<Tensor> {
        self.last.forward(&self.hidden.forward(first)?)
    }

    fn shallow_clone(&self) -> Self {
        Self { hidden: self.hidden.shallow_clone(), last: self.last.shallow_clone() }
    }
}

impl QNetwork {
    pub(crate) fn new(shape: &Shape, seed: u64, device: Device) -> Result<Self> {
        let mut parameters = Parameters::new(seed, device);
        let architecture = &shape.architecture;
        let (first, _) = architecture.widths();
        // The three parts feed one layer: their initial weights are scaled by its whole fan-in.
        let fan_in = shape.state + shape.track + CANDIDATE_FEATURES;
        let state = Dense::with_fan_in(&mut parameters, "state", shape.state, first, fan_in)?;
        let track = parameters.weight("track.weight", first, shape.track, fan_in)?;
        let candidate = parameters.weight("candidate.weight", first, CANDIDATE_FEATURES, fan_in)?;
        let norm = architecture.layer_norm.then(|| LayerNorm::new(&mut parameters, "norm", first)).transpose()?;
        let advantage = Stream::new(&mut parameters, ["hidden", "value"], architecture)?;
        let names = ["state_hidden", "state_value"];
        let value = architecture.dueling.then(|| Stream::new(&mut parameters, names, architecture)).transpose()?;
        let candidate_features = architecture.candidate_features;
        Ok(Self { parameters, layers: QLayers { state, track, candidate, norm, advantage, value, candidate_features } })
    }

    pub(crate) fn load(&mut self, file: &TensorFile, prefix: &str) -> Result<()> {
        self.parameters.load(file, prefix)
    }
}

impl QLayers {
    /// Other handles on the same layers, for use on another thread.
    pub(crate) fn shallow_clone(&self) -> Self {
        Self {
            state: self.state.shallow_clone(),
            track: self.track.shallow_clone(),
            candidate: self.candidate.shallow_clone(),
            norm: self.norm.as_ref().map(LayerNorm::shallow_clone),
            advantage: self.advantage.shallow_clone(),
            value: self.value.as_ref().map(Stream::shallow_clone),
            candidate_features: self.candidate_features,
        }
    }

    /// What rows must hold.
    pub(crate) fn needs(&self) -> Needs {
        Needs { mean_candidate: self.value.is_some(), candidate_features: self.candidate_features }
    }

    /// `[tracks, track features]` to the first layer's part of the tracks.
    pub(crate) fn track_part(&self, tracks: &Tensor) -> Result<Tensor> {
        Ok(tracks.f_linear(&self.track, None::<&Tensor>)?)
    }

    /// The first layer's output from its parts.
    fn first(&self, state_part: &Tensor, track_part: &Tensor, candidates: &Tensor) -> Result<Tensor> {
        let mut sum = track_part.f_addmm(candidates, &self.candidate.f_tr()?)?.f_add_(state_part)?;
        if let Some(norm) = &self.norm {
            sum = norm.forward(&sum)?;
        }
        Ok(sum.f_relu_()?)
    }

    /// Quantiles of the return of each row, or its Q alone, `[rows, outputs]`.
    pub(crate) fn returns(&self, rows: &Rows) -> Result<Tensor> {
        let state_part = self.state.forward(&rows.states)?;
        let of_rows = state_part.f_index_select(0, &rows.of_states)?;
        let advantages = self.advantage.forward(&self.first(&of_rows, &rows.track_part, &rows.candidates)?)?;
        let (Some(value), Some([tracks, candidates])) = (&self.value, &rows.mean_candidate) else {
            assert!(self.value.is_none(), "a dueling network needs the mean candidates");
            return Ok(advantages);
        };
        let mean = self.first(&state_part, &self.track_part(tracks)?, candidates)?;
        let offsets = value.forward(&mean)?.f_sub(&self.advantage.forward(&mean)?)?;
        Ok(advantages.f_add(&offsets.f_index_select(0, &rows.of_states)?)?)
    }
}

/// Q `[rows]` from what [`QLayers::returns`] gives.
pub(crate) fn means(returns: &Tensor) -> Result<Tensor> {
    Ok(returns.f_mean_dim(1, false, Kind::Float)?)
}

#[cfg(test)]
mod tests;
