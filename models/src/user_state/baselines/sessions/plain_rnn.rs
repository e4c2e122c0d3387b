//! A plain recurrent network over the vectors of whole sessions: an LSTM and a linear output. It sees neither context nor
//! skips, nor the long-term vector.

use listening_data::CounterRng;
use tch::Tensor;

use crate::Result;
use crate::network::{Cell, Dense, Parameters, Recurrent};
use crate::user_state::unit_vectors::{cosine_loss, unit};
use crate::user_state::{SequenceModel, SessionChunk};

/// The network.
pub struct PlainRnn {
    lstm: Recurrent,
    output: Dense,
}

impl PlainRnn {
    /// Adds the parameters of a network of `units` hidden units over vectors of `dimension` values.
    pub fn new(parameters: &mut Parameters, dimension: usize, units: usize) -> Result<Self> {
        Ok(Self {
            lstm: Recurrent::new(parameters, "lstm", Cell::Lstm, dimension, units, 1)?,
            output: Dense::new(parameters, "output", units, dimension)?,
        })
    }
}

impl SequenceModel for PlainRnn {
    type Chunk = SessionChunk;

    fn memory_length(&self) -> usize {
        self.lstm.state_length()
    }

    fn foretell(&self, chunk: &SessionChunk, memory: &Tensor) -> Result<(Tensor, Tensor)> {
        let (outputs, memory) = self.lstm.forward(&chunk.all.vectors, memory)?;
        Ok((unit(&self.output.forward(&outputs)?)?, memory))
    }

    fn loss(&self, chunk: &SessionChunk, memory: &Tensor, _noise: &mut CounterRng) -> Result<(Tensor, Tensor)> {
        let (foretold, memory) = self.foretell(chunk, memory)?;
        Ok((cosine_loss(&foretold, &chunk.targets, &chunk.weights)?, memory))
    }

    fn shallow_clone(&self) -> Box<dyn SequenceModel<Chunk = SessionChunk>> {
        Box::new(Self { lstm: self.lstm.shallow_clone(), output: self.output.shallow_clone() })
    }
}
