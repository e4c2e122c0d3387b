//! The network laid out once for the Q values of many candidates on the CPU. [`QLayers`] is the definition.

use listening_data::prefetch;
use listening_models::Result;
use listening_models::network::{Activation, PackedDense, PackedDenseStack, PackedWeights, Precision};
use listening_models::track_embeddings::dot_products;
use tch::Kind;

use super::super::gathered::Gathered;
use super::super::observation::CANDIDATE_FEATURES;
use super::{Needs, QLayers};

/// Candidates that go through the layers at once: few enough that their numbers stay in the nearest cache.
const CHUNK_ROWS: usize = 48;

/// A network without layer normalisation and without dueling, with its present weights. Its last layer has one output: the
/// mean of the quantiles is that of their weights times what goes in.
pub(crate) struct PackedNetwork {
    state: PackedDense,
    track: PackedWeights,
    candidate: PackedWeights,
    hidden: PackedDenseStack,
    last: Vec<f32>,
    bias: f32,
    needs: Needs,
}

/// Memory that is used again.
#[derive(Default)]
pub(crate) struct Spare {
    state_parts: Vec<f32>,
    tracks: Vec<f32>,
    rows: Vec<f32>,
    next: Vec<f32>,
}

impl PackedNetwork {
    /// Of the present weights; none where the network has layers of other kinds.
    pub(crate) fn new(layers: &QLayers, precision: Precision) -> Result<Option<Self>> {
        if layers.norm.is_some() || layers.value.is_some() {
            return Ok(None);
        }
        let (weight, bias) = layers.advantage.last.parameters();
        Ok(Some(Self {
            state: PackedDense::new(&layers.state, precision)?,
            track: PackedWeights::of(&layers.track, precision)?,
            candidate: PackedWeights::of(&layers.candidate, precision)?,
            hidden: PackedDenseStack::new(&layers.advantage.hidden, precision)?,
            last: Vec::<f32>::try_from(weight.f_detach()?.f_mean_dim(0, false, Kind::Float)?)?,
            bias: bias.f_detach()?.f_mean(Kind::Float)?.f_double_value(&[])? as f32,
            needs: layers.needs(),
        }))
    }

    pub(crate) fn needs(&self) -> Needs {
        self.needs
    }

    /// The first layer's part of tracks with these features, one after another.
    pub(crate) fn track_parts(&self, features: &[f32]) -> Vec<f32> {
        let (inputs, outputs) = (self.track.inputs(), self.track.outputs());
        let mut parts = vec![0.0; features.len() / inputs * outputs];
        let chunks = features.chunks(CHUNK_ROWS * inputs).zip(parts.chunks_mut(CHUNK_ROWS * outputs));
        chunks.for_each(|(features, parts)| self.track.add_products(features, parts, Activation::None));
        parts
    }

    /// Replaces `values` by Q of the gathered rows. `features` are those of all tracks, `parts` the first layer's parts of
    /// them where they are known.
    pub(crate) fn values(
        &self,
        gathered: &Gathered,
        (features, parts): (&[f32], Option<&[f32]>),
        spare: &mut Spare,
        values: &mut Vec<f32>,
    ) {
        let (first, width) = (self.track.outputs(), self.track.inputs());
        let Spare { state_parts, tracks, rows, next } = spare;
        self.state.forward(&gathered.states, gathered.ends.len(), state_parts);
        values.clear();
        values.resize(gathered.tracks.len(), self.bias);
        let chunks = gathered.tracks.chunks(CHUNK_ROWS).zip(gathered.state_rows.chunks(CHUNK_ROWS));
        let candidates = gathered.candidates.chunks(CHUNK_ROWS * CANDIDATE_FEATURES);
        for (((of_tracks, of_states), candidates), values) in chunks.zip(candidates).zip(values.chunks_mut(CHUNK_ROWS))
        {
            rows.clear();
            let state = |&state: &i64| &state_parts[state as usize * first..][..first];
            match parts {
                Some(parts) => {
                    let of_track = |&track: &i64| &parts[track as usize * first..][..first];
                    of_tracks.iter().for_each(|track| prefetch(of_track(track)));
                    for (track, of_state) in of_tracks.iter().zip(of_states) {
                        rows.extend(of_track(track).iter().zip(state(of_state)).map(|(x, y)| x + y));
                    }
                }
                None => {
                    of_states.iter().for_each(|of_state| rows.extend_from_slice(state(of_state)));
                    tracks.clear();
                    let of_track = |&track: &i64| &features[track as usize * width..][..width];
                    of_tracks.iter().for_each(|track| tracks.extend_from_slice(of_track(track)));
                    self.track.add_products(tracks, rows, Activation::None);
                }
            }
            self.candidate.add_products(candidates, rows, Activation::Relu);
            self.hidden.forward(rows, of_tracks.len(), next);
            let mut products = [0.0; CHUNK_ROWS];
            dot_products(rows, &self.last, self.last.len(), &mut products[..values.len()]);
            values.iter_mut().zip(products).for_each(|(value, product)| *value += product);
        }
    }
}
