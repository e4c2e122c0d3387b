//! What a listener wants, as one vector: the user states.

pub mod analyses;
pub mod baselines;
mod carried_states;
mod cosernn;
pub mod evaluation;
mod foreteller;
mod fs_vae;
mod hidden_state;
mod histories;
mod horizon;
mod lanes;
mod moment;
mod past_sessions;
mod play_chunks;
mod recency_weighted_mean;
mod sequences;
mod session_chunks;
mod session_vectors;
pub mod taste;
mod training;
mod unit_vectors;
mod user_states;

pub use carried_states::CarriedStates;
pub use cosernn::{CoSeRnn, CoSeRnnSettings, SessionInputs, SessionStreams};
pub use foreteller::{Foreteller, Foretold, NetworkForeteller, Watched};
pub use fs_vae::{Encoded, FsVae, FsVaeSettings};
pub use hidden_state::HiddenState;
#[cfg(test)]
pub(crate) use histories::tests::synthetic;
pub use histories::{Histories, write_histories};
pub use horizon::{HorizonPrecision, HorizonSettings, horizon_precision};
pub use moment::{Moment, Moments};
pub(crate) use play_chunks::write_play;
pub use play_chunks::{PlayChunk, PlayChunks, TargetOffset, write_play_extras};
pub use recency_weighted_mean::{RecencyWeightedMean, RecencyWeightedMeanSettings};
pub use sequences::{ChunkFrame, ChunkSource, Part, SequenceChunk, SequenceModel, squared_error, standard_normal};
pub use session_chunks::{SESSION_CONTEXT, SessionChunk, SessionChunks, SessionStream, write_session_context};
pub use session_vectors::{SessionTracks, session_vector};
pub use training::{
    SequenceTrainingReport, TrainingRun, TrainingSettings, TrainingWatcher, Unwatched, for_each_foretold,
    train_sequences,
};
pub use user_states::UserStates;

use tch::Tensor;

use crate::Result;

/// Turns listening into a vector that says what the listener wants now, for many listeners at once.
///
/// A user's *memory* is all that the encoder carries of the past: a row of [`Self::memory_length`] floats, zeros for a
/// new user. Keeping memories outside the encoder lets an environment carry many users at once and save them.
///
/// A [`Moment`] is what is known of a session as it begins. A *play* is a row as written by [`write_play_extras`] after the
/// track's vector. All tensors lie on the encoder's device.
pub trait UserState: Send {
    /// Length of the state vector.
    fn dimension(&self) -> usize;

    /// Length of a user's memory.
    fn memory_length(&self) -> usize;

    /// Whether plays change the state vector before their session has ended.
    fn moves_within_sessions(&self) -> bool;

    /// Takes in the beginning of a session: memories `[rows, memory length]` before it and moments, one per row, to the
    /// memories after it.
    fn begin_session(&self, memory: &Tensor, moments: &Moments) -> Result<Tensor>;

    /// Takes in one play, `[rows, dimension of the tracks + FAST_EXTRAS]`.
    fn play(&self, memory: &Tensor, plays: &Tensor) -> Result<Tensor>;

    /// Takes in the end of the session. An encoder over plays has nothing left to take in.
    fn end_session(&self, memory: &Tensor) -> Result<Tensor> {
        Ok(memory.shallow_clone())
    }

    /// The state vectors `[rows, dimension]`, of a length of about 1.
    fn vectors(&self, memory: &Tensor) -> Result<Tensor>;

    /// Where in the space of the tracks the listeners want to go: `[rows, dimension of the tracks]`, of length 1, or zeros
    /// where that is not known.
    fn track_directions(&self, memory: &Tensor) -> Result<Tensor>;

    /// Another handle on the same parameters, for use on another thread.
    fn shallow_clone(&self) -> Box<dyn UserState>;
}
