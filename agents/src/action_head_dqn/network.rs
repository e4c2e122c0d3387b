//! The network Q(state, track).
//!
//! q = w . f(W_s s + b + W_t t + W_c c) with f: ReLU and further dense layers. The first layer is linear in state s,
//! track t and candidate features c, so its parts are computed once per state, once per track and weight version, and
//! once per candidate, and added.

use listening_models::network::{Dense, DenseStack, Parameters};
use listening_models::{Result, TensorFile};
use tch::{Device, Tensor};

use super::observation::{CANDIDATE_FEATURES, state_length};
use playlist_envs::World;

/// Sizes of the network's inputs and layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) state: usize,
    pub(crate) track: usize,
    pub(crate) hidden: Vec<usize>,
}

impl Shape {
    /// The shape for a world.
    pub(crate) fn new(world: &World, hidden: &[usize]) -> Self {
        Self { state: state_length(world), track: world.catalog.feature_width(), hidden: hidden.to_vec() }
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
    rest: DenseStack,
    value: Dense,
}

impl QNetwork {
    pub(crate) fn new(shape: &Shape, seed: u64, device: Device) -> Result<Self> {
        let mut parameters = Parameters::new(seed, device);
        let first = shape.hidden.first().copied().unwrap_or(1);
        // The three parts feed one layer: their initial weights are scaled by its whole fan-in.
        let fan_in = shape.state + shape.track + CANDIDATE_FEATURES;
        let state = Dense::with_fan_in(&mut parameters, "state", shape.state, first, fan_in)?;
        let track = parameters.weight("track.weight", first, shape.track, fan_in)?;
        let candidate = parameters.weight("candidate.weight", first, CANDIDATE_FEATURES, fan_in)?;
        let rest = DenseStack::new(&mut parameters, "hidden", first, shape.hidden.get(1..).unwrap_or(&[]))?;
        let last = shape.hidden.last().copied().unwrap_or(first);
        let value = Dense::new(&mut parameters, "value", last, 1)?;
        Ok(Self { parameters, layers: QLayers { state, track, candidate, rest, value } })
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
            rest: self.rest.shallow_clone(),
            value: self.value.shallow_clone(),
        }
    }

    /// `[states, state features]` to the first layer's part of the states.
    pub(crate) fn state_part(&self, states: &Tensor) -> Result<Tensor> {
        self.state.forward(states)
    }

    /// `[tracks, track features]` to the first layer's part of the tracks.
    pub(crate) fn track_part(&self, tracks: &Tensor) -> Result<Tensor> {
        Ok(tracks.f_linear(&self.track, None::<&Tensor>)?)
    }

    /// Q values `[rows]` of rows whose state and track parts are given, `[rows, first width]` each.
    pub(crate) fn values(&self, state_part: &Tensor, track_part: &Tensor, candidates: &Tensor) -> Result<Tensor> {
        let first = track_part.f_addmm(candidates, &self.candidate.f_tr()?)?.f_add_(state_part)?.f_relu_()?;
        Ok(self.value.forward(&self.rest.forward(&first)?)?.f_squeeze_dim(1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The split first layer is the whole one: the truth is the network on concatenated inputs.
    #[test]
    fn the_split_first_layer_equals_the_concatenated_one() {
        let shape = Shape { state: 7, track: 5, hidden: vec![6, 4] };
        let network = QNetwork::new(&shape, 3, Device::Cpu).unwrap();
        let input = |rows: i64, columns: i64, phase: f64| {
            (Tensor::arange(rows * columns, (tch::Kind::Float, Device::Cpu)) * 0.7 + phase)
                .sin()
                .reshape([rows, columns])
        };
        let (states, tracks, candidates) =
            (input(9, 7, 0.1), input(9, 5, 0.2), input(9, CANDIDATE_FEATURES as i64, 0.3));
        let layers = &network.layers;
        let found = layers
            .values(&layers.state_part(&states).unwrap(), &layers.track_part(&tracks).unwrap(), &candidates)
            .unwrap();
        let named: std::collections::HashMap<String, Tensor> =
            network.parameters.named().map(|(name, tensor)| (name.to_owned(), tensor.shallow_clone())).collect();
        let whole = Tensor::cat(&[&named["state.weight"], &named["track.weight"], &named["candidate.weight"]], 1);
        let x = Tensor::cat(&[states, tracks, candidates], 1).linear(&whole, Some(&named["state.bias"])).relu();
        let x = x.linear(&named["hidden.0.weight"], Some(&named["hidden.0.bias"])).relu();
        let expected = x.linear(&named["value.weight"], Some(&named["value.bias"])).squeeze_dim(1);
        assert!((found - expected).abs().max().double_value(&[]) < 1e-5);
    }
}
