//! Vanilla RNN: one layer of tanh units over the vectors of the tracks heard, and a linear output. It sees neither
//! responses nor times nor slow features.

use listening_data::CounterRng;
use tch::Tensor;

use crate::Result;
use crate::features::FAST_EXTRAS;
use crate::network::{Cell, Dense, Parameters, Recurrent};
use crate::user_state::{PlayChunk, SequenceModel, squared_error};

/// The network.
pub struct VanillaRnn {
    layer: Recurrent,
    output: Dense,
}

impl VanillaRnn {
    /// Adds the parameters of a network of `units` hidden units over vectors of `dimension` values.
    pub fn new(parameters: &mut Parameters, dimension: usize, units: usize) -> Result<Self> {
        Ok(Self {
            layer: Recurrent::new(parameters, "rnn", Cell::Tanh, dimension, units, 1)?,
            output: Dense::new(parameters, "output", units, dimension)?,
        })
    }
}

impl SequenceModel for VanillaRnn {
    type Chunk = PlayChunk;

    fn memory_length(&self) -> usize {
        self.layer.state_length()
    }

    fn foretell(&self, chunk: &PlayChunk, memory: &Tensor) -> Result<(Tensor, Tensor)> {
        let dimension = chunk.plays.size()[2] - FAST_EXTRAS as i64;
        let (outputs, memory) = self.layer.forward(&chunk.plays.f_narrow(2, 0, dimension)?, memory)?;
        Ok((self.output.forward(&outputs)?, memory))
    }

    fn loss(&self, chunk: &PlayChunk, memory: &Tensor, _noise: &mut CounterRng) -> Result<(Tensor, Tensor)> {
        let (foretold, memory) = self.foretell(chunk, memory)?;
        Ok((squared_error(&foretold, &chunk.targets, &chunk.weights)?, memory))
    }

    fn shallow_clone(&self) -> Box<dyn SequenceModel<Chunk = PlayChunk>> {
        Box::new(Self { layer: self.layer.shallow_clone(), output: self.output.shallow_clone() })
    }
}
