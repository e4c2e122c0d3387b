//! rPST, rPLT, rHST, rHLT: LSTM layers over the tracks heard, each with its context, and a linear output (De Boom et al.
//! 2017, sections 3.1 and 3.2). P: trained on playlists, or on sessions as if they were; H: on whole histories; ST and LT:
//! the target lies near or far ahead.

use listening_data::CounterRng;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::taste_state::TasteState;
use crate::features::CONTEXT_FEATURES;
use crate::network::{Cell, Dense, Parameters, Recurrent};
use crate::user_state::{PlayChunk, SequenceModel, UserState, squared_error};
use crate::{ModelError, Result};

/// The distance that is minimised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TasteLoss {
    /// Half the squared Euclidean distance (the paper's choice).
    #[default]
    L2,
    /// 1 - cosine.
    Cosine,
}

/// Settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TasteRnnSettings {
    /// Units of each LSTM layer.
    pub units: usize,
    /// LSTM layers.
    pub layers: usize,
    /// The distance that is minimised.
    pub loss: TasteLoss,
}

impl Default for TasteRnnSettings {
    /// Sizes are not published; these are ours.
    fn default() -> Self {
        Self { units: 128, layers: 1, loss: TasteLoss::L2 }
    }
}

impl TasteRnnSettings {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> Result<()> {
        match self.units == 0 || self.layers == 0 {
            true => Err(ModelError::setting("units, layers", "must be at least 1")),
            false => Ok(()),
        }
    }
}

/// The network.
pub struct TasteRnn {
    pub(super) layers: Recurrent,
    pub(super) output: Dense,
    pub(super) play_features: usize,
    pub(super) dimension: usize,
    loss: TasteLoss,
}

impl TasteRnn {
    /// Adds the parameters of a network over plays of `play_features` values (track vector and extras) with their context,
    /// foretelling vectors of `dimension` values.
    pub fn new(
        parameters: &mut Parameters,
        play_features: usize,
        dimension: usize,
        settings: &TasteRnnSettings,
    ) -> Result<Self> {
        settings.validate()?;
        let inputs = play_features + CONTEXT_FEATURES;
        Ok(Self {
            layers: Recurrent::new(parameters, "taste", Cell::Lstm, inputs, settings.units, settings.layers)?,
            output: Dense::new(parameters, "output", settings.units, dimension)?,
            play_features,
            dimension,
            loss: settings.loss,
        })
    }

    /// Another handle on the same parameters.
    pub(super) fn another(&self) -> Self {
        Self { layers: self.layers.shallow_clone(), output: self.output.shallow_clone(), ..*self }
    }

    /// `[steps, rows, play features]` and `[steps, rows, context]` with a memory to taste vectors and the memory after.
    pub fn forward(&self, plays: &Tensor, contexts: &Tensor, memory: &Tensor) -> Result<(Tensor, Tensor)> {
        let (outputs, memory) = self.layers.forward(&Tensor::f_cat(&[plays, contexts], 2)?, memory)?;
        Ok((self.output.forward(&outputs)?, memory))
    }
}

impl SequenceModel for TasteRnn {
    type Chunk = PlayChunk;

    fn memory_length(&self) -> usize {
        self.layers.state_length()
    }

    fn foretell(&self, chunk: &PlayChunk, memory: &Tensor) -> Result<(Tensor, Tensor)> {
        let context = CONTEXT_FEATURES as i64;
        let contexts = chunk.moments.f_narrow(1, chunk.moments.size()[1] - context, context)?;
        let (steps, lanes) = (chunk.plays.size()[0], chunk.plays.size()[1]);
        let contexts = contexts.f_index_select(0, &chunk.moment_of)?.f_reshape([steps, lanes, context])?;
        self.forward(&chunk.plays, &contexts, memory)
    }

    fn loss(&self, chunk: &PlayChunk, memory: &Tensor, _noise: &mut CounterRng) -> Result<(Tensor, Tensor)> {
        let (foretold, memory) = self.foretell(chunk, memory)?;
        let loss = match self.loss {
            TasteLoss::L2 => squared_error(&foretold, &chunk.targets, &chunk.weights)?,
            TasteLoss::Cosine => {
                let cosine = Tensor::f_cosine_similarity(&foretold, &chunk.targets, -1, 1e-8)?;
                chunk.weights.f_sub(&cosine.f_mul(&chunk.weights)?)?.f_sum(Kind::Float)?
            }
        };
        Ok((loss, memory))
    }

    fn user_state(&self) -> Option<Box<dyn UserState>> {
        Some(Box::new(TasteState(self.another())))
    }

    fn shallow_clone(&self) -> Box<dyn SequenceModel<Chunk = PlayChunk>> {
        Box::new(self.another())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_values::{assert_near, fill, filled, gradient_sums, values};
    use crate::user_state::ChunkFrame;
    use listening_data::Stream;
    use tch::{Device, Kind};

    /// The numbers are PyTorch's:
    /// ```python
    /// import torch
    /// def fill(shape, start):
    ///     n = torch.Size(shape).numel()
    ///     return (torch.sin(torch.arange(n, dtype=torch.float64) * .7 + start)).float().reshape(shape) * .5
    /// C, F, D, H = 27, 4, 3, 2
    /// lstm, out = torch.nn.LSTM(F + C, H), torch.nn.Linear(H, D)
    /// params = list(lstm.parameters()) + list(out.parameters())
    /// with torch.no_grad():
    ///     for place, p in enumerate(params): p.copy_(fill(p.shape, place))
    /// plays, contexts = fill((3, 2, F), 9.), fill((3, 2, C), 5.)
    /// state = (fill((1, 2, H), 1.), fill((1, 2, H), 2.))
    /// targets, weights = fill((3, 2, D), 3.), torch.tensor([[1., 0.], [1., 1.], [0., 1.]])
    /// taste = out(lstm(torch.cat([plays, contexts], 2), state)[0])
    /// l2 = .5 * ((taste - targets).square().sum(-1) * weights).sum()
    /// cos = ((1 - torch.nn.functional.cosine_similarity(taste, targets, -1)) * weights).sum()
    /// print(taste[-1].flatten().tolist())
    /// for loss in (l2, cos):
    ///     print(loss.item(), [g.sum().item() for g in torch.autograd.grad(loss, params, retain_graph=True)])
    /// ```
    #[test]
    fn agrees_with_pytorch() {
        let cases = [
            (TasteLoss::L2, 3.783385, [-0.279597, 0.235792, 0.371645, 0.371645, -3.109054, -4.258262]),
            (TasteLoss::Cosine, 5.533905, [0.015395, -0.003892, 0.004477, 0.004477, 0.089367, 0.344768]),
        ];
        for (loss, expected_loss, expected_gradients) in cases {
            let settings = TasteRnnSettings { units: 2, layers: 1, loss };
            let mut parameters = Parameters::new(0, Device::Cpu);
            let model = TasteRnn::new(&mut parameters, 4, 3, &settings).unwrap();
            fill(&mut parameters);
            // Each cell has a moment of its own: 2 slow features that no one looks at, then its context.
            let contexts = filled(&[6, 27], 5.0);
            let chunk = PlayChunk {
                plays: filled(&[3, 2, 4], 9.0),
                moments: Tensor::cat(&[Tensor::ones([6, 2], (Kind::Float, Device::Cpu)), contexts], 1),
                moment_of: Tensor::arange(6, (Kind::Int64, Device::Cpu)),
                targets: filled(&[3, 2, 3], 3.0),
                weights: Tensor::from_slice(&[1.0f32, 0.0, 1.0, 1.0, 0.0, 1.0]).reshape([3, 2]),
                frame: ChunkFrame {
                    continued: Tensor::ones([2, 1], (Kind::Float, Device::Cpu)),
                    count: 4,
                    run: 6,
                    foretold: Vec::new(),
                },
            };
            let memory = Tensor::cat(&[filled(&[2, 2], 1.0), filled(&[2, 2], 2.0)], 1);
            let (taste, _) = model.foretell(&chunk, &memory).unwrap();
            let expected = [-0.900192, -0.345755, 0.455069, -0.796844, -0.323965, 0.359128];
            assert_near(&values(&taste.select(0, 2)), &expected);
            let (loss, _) = model.loss(&chunk, &memory, &mut CounterRng::new(0, Stream::Noise, 0, 0)).unwrap();
            assert!((loss.double_value(&[]) - expected_loss).abs() < 1e-5, "{loss:?}");
            assert_near(&gradient_sums(&parameters, &loss), &expected_gradients);
        }
    }
}
