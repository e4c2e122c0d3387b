//! FS-VAE (Fazelnia et al., WSDM 2022): a variational autoencoder from a listener's fast features (the plays, in order)
//! and slow features to the vector of the next track. The state is the mean of its Gaussian.

mod fast_encoder;
mod settings;
mod state;

use listening_data::CounterRng;
use tch::{Kind, Tensor};

use super::UserState;
use super::play_chunks::PlayChunk;
use super::sequences::{SequenceModel, squared_error, standard_normal};
use crate::Result;
use crate::features::FAST_EXTRAS;
use crate::network::{Dense, Parameters};
use fast_encoder::FastEncoder;
pub use settings::FsVaeSettings;
use state::FsVaeState;

/// The network.
pub struct FsVae {
    fast: Option<FastEncoder>,
    slow: Option<[Dense; 2]>,
    mean: Dense,
    log_variance: Option<Dense>,
    decoder: [Dense; 2],
    settings: FsVaeSettings,
    /// The present weight of the divergence.
    beta: f64,
}

/// What the encoders make of listeners.
pub struct Encoded {
    /// `[steps, lanes, state length]`: the mean of the state, which stands for it outside training.
    pub mean: Tensor,
    /// The same shape: the logarithm of its variance; none if it is not a distribution.
    pub log_variance: Option<Tensor>,
    /// The memory after the last step.
    pub memory: Tensor,
}

impl FsVae {
    /// Adds the parameters of a network over tracks' vectors of `dimension` values and moments of `moment_length`
    /// (slow features and context).
    pub fn new(
        parameters: &mut Parameters,
        dimension: usize,
        moment_length: usize,
        settings: FsVaeSettings,
    ) -> Result<Self> {
        settings.validate()?;
        let fast = match settings.fast {
            true => Some(FastEncoder::new(parameters, dimension + FAST_EXTRAS, &settings)?),
            false => None,
        };
        let [first, second] = settings.slow_widths;
        let slow = match settings.slow {
            true => Some([
                Dense::new(parameters, "slow.0", moment_length, first)?,
                Dense::new(parameters, "slow.1", first, second)?,
            ]),
            false => None,
        };
        let fast_width = if settings.fast { settings.fast_width } else { 0 };
        let width = fast_width + if settings.slow { second } else { 0 };
        let mean = Dense::new(parameters, "mean", width, settings.state_length)?;
        let log_variance = match settings.probabilistic {
            true => {
                let mut layer = Dense::new(parameters, "log_variance", width, settings.state_length)?;
                layer.set_bias(&vec![settings.initial_log_variance; settings.state_length])?;
                Some(layer)
            }
            false => None,
        };
        let decoder = [
            Dense::new(parameters, "decoder.0", settings.state_length, settings.decoder_width)?,
            Dense::new(parameters, "decoder.1", settings.decoder_width, dimension)?,
        ];
        Ok(Self { fast, slow, mean, log_variance, decoder, settings, beta: settings.beta })
    }

    /// Runs the encoders over `plays` `[steps, lanes, dimension + FAST_EXTRAS]` from the memory before them; `moment_of`
    /// `[steps x lanes]` gives the row in `moments` `[rows, moment length]` of each step and lane. `order_seed` gives the
    /// orders of the ablation `shuffled`, and is not looked at elsewhere.
    pub fn encode(
        &self,
        plays: &Tensor,
        moments: &Tensor,
        moment_of: &Tensor,
        memory: &Tensor,
        order_seed: u64,
    ) -> Result<Encoded> {
        let (steps, lanes, _) = plays.size3()?;
        let mut after = memory.shallow_clone();
        let mut outputs = Vec::with_capacity(2);
        if let Some(fast) = &self.fast {
            let (output, memory) = fast.forward(plays, memory, order_seed)?;
            after = memory;
            outputs.push(output);
        }
        if let Some(slow) = &self.slow {
            let rows = encode_slow(slow, moments)?;
            outputs.push(rows.f_index_select(0, moment_of)?.f_reshape([steps, lanes, -1])?);
        }
        let joined = Tensor::f_cat(&outputs, 2)?;
        Ok(Encoded {
            mean: self.mean.forward(&joined)?,
            log_variance: self.log_variance.as_ref().map(|layer| layer.forward(&joined)).transpose()?,
            memory: after,
        })
    }

    /// The vectors foretold from states: `[.., state length]` to `[.., dimension]`.
    pub fn decode(&self, states: &Tensor) -> Result<Tensor> {
        let [first, second] = &self.decoder;
        second.forward(&first.forward(states)?.f_leaky_relu()?)
    }

    /// Another handle on the same parameters.
    fn another(&self) -> Self {
        let pair = |[first, second]: &[Dense; 2]| [first.shallow_clone(), second.shallow_clone()];
        Self {
            fast: self.fast.as_ref().map(FastEncoder::shallow_clone),
            slow: self.slow.as_ref().map(pair),
            mean: self.mean.shallow_clone(),
            log_variance: self.log_variance.as_ref().map(Dense::shallow_clone),
            decoder: pair(&self.decoder),
            ..*self
        }
    }

    fn encode_chunk(&self, chunk: &PlayChunk, memory: &Tensor) -> Result<Encoded> {
        // A number that belongs to the chunk, so that orders differ between chunks and not between two looks at one.
        let order_seed = chunk.frame.foretold.iter().flatten().next().map_or(0, |&play| play as u64);
        self.encode(&chunk.plays, &chunk.moments, &chunk.moment_of, memory, order_seed)
    }

    /// The loss where the states deviate from their means by `deviations` times their standard deviations.
    fn loss_of(&self, chunk: &PlayChunk, encoded: &Encoded, deviations: Option<&Tensor>) -> Result<Tensor> {
        let Encoded { mean, log_variance, .. } = encoded;
        let (Some(log_variance), Some(deviations)) = (log_variance, deviations) else {
            return squared_error(&self.decode(mean)?, &chunk.targets, &chunk.weights);
        };
        let states = mean.f_add(&log_variance.f_mul_scalar(0.5)?.f_exp()?.f_mul(deviations)?)?;
        let error = squared_error(&self.decode(&states)?, &chunk.targets, &chunk.weights)?;
        Ok(error.f_add(&divergence(mean, log_variance, &chunk.weights)?.f_mul_scalar(self.beta)?)?)
    }
}

/// The slow encoder: `[rows, moment length]` to `[rows, second width]`.
fn encode_slow([first, second]: &[Dense; 2], moments: &Tensor) -> Result<Tensor> {
    Ok(second.forward(&first.forward(moments)?.f_leaky_relu()?)?.f_leaky_relu()?)
}

/// Kullback-Leibler divergence of diagonal Gaussians from the standard normal distribution (Kingma and Welling, ICLR
/// 2014, appendix B), summed over the steps that count: 1/2 sum(mean^2 + variance - 1 - ln variance).
pub(super) fn divergence(mean: &Tensor, log_variance: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let terms = mean.f_square()?.f_add(&log_variance.f_exp()?)?.f_sub(log_variance)?.f_sub_scalar(1.0)?;
    let each = terms.f_sum_dim_intlist([-1i64].as_slice(), false, Kind::Float)?;
    Ok(each.f_mul(weights)?.f_sum(Kind::Float)?.f_mul_scalar(0.5)?)
}

impl SequenceModel for FsVae {
    type Chunk = PlayChunk;

    fn memory_length(&self) -> usize {
        self.fast.as_ref().map_or(0, FastEncoder::memory_length)
    }

    fn foretell(&self, chunk: &PlayChunk, memory: &Tensor) -> Result<(Tensor, Tensor)> {
        let encoded = self.encode_chunk(chunk, memory)?;
        Ok((self.decode(&encoded.mean)?, encoded.memory))
    }

    fn loss(&self, chunk: &PlayChunk, memory: &Tensor, noise: &mut CounterRng) -> Result<(Tensor, Tensor)> {
        let encoded = self.encode_chunk(chunk, memory)?;
        let mean = &encoded.mean;
        let deviations = match self.settings.probabilistic {
            true => Some(standard_normal(&mean.size(), noise, mean)?),
            false => None,
        };
        Ok((self.loss_of(chunk, &encoded, deviations.as_ref())?, encoded.memory))
    }

    fn begin_update(&mut self, updates: u64) {
        let warm_up = self.settings.warm_up_updates;
        let share = if updates < warm_up { updates as f64 / warm_up as f64 } else { 1.0 };
        self.beta = share * self.settings.beta;
    }

    fn user_state(&self) -> Option<Box<dyn UserState>> {
        // Plays in random order cannot be taken in one by one.
        if self.settings.shuffled { None } else { Some(Box::new(FsVaeState(self.another()))) }
    }

    fn shallow_clone(&self) -> Box<dyn SequenceModel<Chunk = PlayChunk>> {
        Box::new(self.another())
    }
}

#[cfg(test)]
mod tests;
