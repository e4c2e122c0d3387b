//! CoSeRNN as a user state: drawn as a session begins, from its context and the session before it.

use listening_data::Source;
use tch::{Kind, Tensor};

use super::{CoSeRnn, Known, Run};
use crate::Result;
use crate::features::CONTEXT_FEATURES;
use crate::user_state::session_chunks::SessionStream;
use crate::user_state::unit_vectors::unit;
use crate::user_state::{Moments, SequenceModel, UserState};

/// The memory is the network's, then what is gathered of the session under way: sum of the vectors and number of the
/// tracks played, the same of those skipped, and what it is streamed from; then the session's vector.
pub(super) struct CoSeRnnState(pub(super) CoSeRnn);

const SOURCES: i64 = Source::ALL.len() as i64;

impl CoSeRnnState {
    fn tracks(&self) -> i64 {
        self.0.long_term.dimension as i64
    }

    /// Network's memory, sum and number played, sum and number skipped, source, vector.
    fn parts(&self, memory: &Tensor) -> Result<[Tensor; 5]> {
        let (network, gathered) = (SequenceModel::memory_length(&self.0) as i64, self.tracks() + 1);
        let part = |from, length| memory.f_narrow(1, from, length);
        Ok([
            part(0, network)?,
            part(network, gathered)?,
            part(network + gathered, gathered)?,
            part(network + 2 * gathered, SOURCES)?,
            part(network + 2 * gathered + SOURCES, self.tracks())?,
        ])
    }

    /// Sum and number of tracks as the network takes in a session.
    fn stream(&self, gathered: &Tensor) -> Result<SessionStream> {
        let vectors = unit(&gathered.f_narrow(1, 0, self.tracks())?)?.f_unsqueeze(0)?;
        let numbers = gathered.f_narrow(1, self.tracks(), 1)?.f_log1p()?.f_div_scalar(4.0)?.f_unsqueeze(0)?;
        Ok(SessionStream { vectors, numbers })
    }
}

impl UserState for CoSeRnnState {
    fn dimension(&self) -> usize {
        self.0.long_term.dimension
    }

    fn memory_length(&self) -> usize {
        SequenceModel::memory_length(&self.0) + 3 * self.0.long_term.dimension + 2 + Source::ALL.len()
    }

    fn moves_within_sessions(&self) -> bool {
        false
    }

    fn begin_session(&self, memory: &Tensor, moments: &Moments) -> Result<Tensor> {
        let [network, played, skipped, source, _] = self.parts(memory)?;
        let [played, skipped, all] = [&played, &skipped, &played.f_add(&skipped)?].map(|part| self.stream(part));
        let known = Known {
            context: &moments.session_context()?.f_unsqueeze(0)?,
            since: &moments.since()?.f_unsqueeze(0)?,
            source: &source.f_unsqueeze(0)?,
            played: &played?,
            skipped: &skipped?,
            all: &all?,
        };
        let Run { vectors, memory: network, .. } = self.0.forward(&known, &network)?;
        let nothing =
            memory.f_new_zeros([memory.size()[0], 2 * (self.tracks() + 1)], (Kind::Float, memory.device()))?;
        // Of the context's values the sources stand last but for premium and shuffle.
        let source = moments.context()?.f_narrow(1, CONTEXT_FEATURES as i64 - 2 - SOURCES, SOURCES)?;
        Ok(Tensor::f_cat(&[network, nothing, source, vectors.f_squeeze_dim(0)?], 1)?)
    }

    fn play(&self, memory: &Tensor, plays: &Tensor) -> Result<Tensor> {
        let [network, played, skipped, source, vector] = self.parts(memory)?;
        let heard = plays.f_narrow(1, 0, self.tracks() + 1)?;
        // Behind the track's vector stand a mark, which counts the play, and "complete", then "skip".
        let skip = plays.f_narrow(1, self.tracks() + 2, 1)?.f_gt(0.0)?.f_to_kind(Kind::Float)?;
        let skipped_part = heard.f_mul(&skip)?;
        let played = played.f_add(&heard)?.f_sub(&skipped_part)?;
        Ok(Tensor::f_cat(&[network, played, skipped.f_add(&skipped_part)?, source, vector], 1)?)
    }

    fn vectors(&self, memory: &Tensor) -> Result<Tensor> {
        let [.., vector] = self.parts(memory)?;
        Ok(vector)
    }

    fn track_directions(&self, memory: &Tensor) -> Result<Tensor> {
        self.vectors(memory)
    }

    fn shallow_clone(&self) -> Box<dyn UserState> {
        Box::new(Self(self.0.another()))
    }
}
