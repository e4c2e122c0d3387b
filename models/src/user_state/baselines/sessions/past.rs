//! Vectors of a user's past sessions, without anything learnt.

use listening_data::CounterRng;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::Result;
use crate::user_state::past_sessions::{PastSessions, Weighting};
use crate::user_state::unit_vectors::cosine_loss;
use crate::user_state::{SequenceModel, SessionChunk};

/// Which vector of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PastVectorKind {
    /// That of the last session with a track played.
    LastSession,
    /// The mean of all past sessions' vectors.
    Average,
    /// CoSeRNN's long-term vector: sessions count in proportion to their number in the user's history.
    RecencyWeighted,
}

/// Foretells the tracks played in a session from those played in the sessions before. It sees neither context nor skips.
#[derive(Clone, Copy)]
pub struct PastVector {
    kind: PastVectorKind,
    sums: PastSessions,
}

impl PastVector {
    /// Over track vectors of `dimension` values.
    pub fn new(dimension: usize, kind: PastVectorKind) -> Self {
        let weighting = if kind == PastVectorKind::RecencyWeighted { Weighting::Recency } else { Weighting::Even };
        Self { kind, sums: PastSessions { weighting, dimension } }
    }
}

impl SequenceModel for PastVector {
    type Chunk = SessionChunk;

    fn memory_length(&self) -> usize {
        match self.kind {
            PastVectorKind::LastSession => self.sums.dimension,
            PastVectorKind::Average | PastVectorKind::RecencyWeighted => self.sums.memory_length(),
        }
    }

    fn foretell(&self, chunk: &SessionChunk, memory: &Tensor) -> Result<(Tensor, Tensor)> {
        let sessions = &chunk.played.vectors;
        if self.kind != PastVectorKind::LastSession {
            return self.sums.forward(sessions, memory);
        }
        let mut last = memory.shallow_clone();
        let mut vectors = Vec::new();
        for step in 0..sessions.size()[0] {
            let session = sessions.f_select(0, step)?;
            let heard = session.f_abs()?.f_sum_dim_intlist([-1i64].as_slice(), true, Kind::Float)?.f_gt(0.0)?;
            last = session.f_where_self(&heard, &last)?;
            vectors.push(last.shallow_clone());
        }
        Ok((Tensor::f_stack(&vectors, 0)?, last))
    }

    fn loss(&self, chunk: &SessionChunk, memory: &Tensor, _noise: &mut CounterRng) -> Result<(Tensor, Tensor)> {
        let (foretold, memory) = self.foretell(chunk, memory)?;
        Ok((cosine_loss(&foretold, &chunk.targets, &chunk.weights)?, memory))
    }

    fn shallow_clone(&self) -> Box<dyn SequenceModel<Chunk = SessionChunk>> {
        Box::new(*self)
    }
}
