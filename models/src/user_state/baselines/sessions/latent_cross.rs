//! LatentCross (Beutel et al., WSDM 2018) over sessions: inputs are the tracks played and skipped in the session before;
//! contexts are that of the session that begins, what the session before was streamed from, and the time since.

use listening_data::{CounterRng, Source};
use tch::Tensor;

use crate::Result;
use crate::network::Parameters;
use crate::user_state::baselines::latent_cross::{CrossedGru, StepContext};
use crate::user_state::unit_vectors::{cosine_loss, unit};
use crate::user_state::{SESSION_CONTEXT, SequenceModel, SessionChunk};

/// The network.
pub struct SessionLatentCross {
    network: CrossedGru,
}

impl SessionLatentCross {
    /// Adds the parameters of a network of `units` hidden units over vectors of `dimension` values.
    pub fn new(parameters: &mut Parameters, dimension: usize, units: usize) -> Result<Self> {
        let contexts = [SESSION_CONTEXT, Source::ALL.len(), 1];
        let network = CrossedGru::new(parameters, 2 * (dimension + 1), &contexts, units, dimension)?;
        Ok(Self { network })
    }
}

impl SequenceModel for SessionLatentCross {
    type Chunk = SessionChunk;

    fn memory_length(&self) -> usize {
        self.network.memory_length()
    }

    /// The vectors are of length 1.
    fn foretell(&self, chunk: &SessionChunk, memory: &Tensor) -> Result<(Tensor, Tensor)> {
        let parts = [&chunk.played, &chunk.skipped].map(|stream| [&stream.vectors, &stream.numbers]);
        let inputs = Tensor::f_cat(parts.as_flattened(), 2)?;
        let rows = |tensor: &Tensor| tensor.f_reshape([-1, tensor.size()[2]]);
        let [context, source, since] = [rows(&chunk.context)?, rows(&chunk.source)?, rows(&chunk.since)?];
        let contexts = [&context, &source, &since].map(|rows| StepContext { rows, of: None });
        let (vectors, memory) = self.network.forward(&inputs, &contexts, memory)?;
        Ok((unit(&vectors)?, memory))
    }

    fn loss(&self, chunk: &SessionChunk, memory: &Tensor, _noise: &mut CounterRng) -> Result<(Tensor, Tensor)> {
        let (foretold, memory) = self.foretell(chunk, memory)?;
        Ok((cosine_loss(&foretold, &chunk.targets, &chunk.weights)?, memory))
    }

    fn shallow_clone(&self) -> Box<dyn SequenceModel<Chunk = SessionChunk>> {
        Box::new(Self { network: self.network.shallow_clone() })
    }
}
