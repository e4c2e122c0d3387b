//! What a listener wants, as one vector: the user states.

pub mod analyses;
pub mod baselines;
mod cosernn;
pub mod evaluation;
mod foreteller;
mod fs_vae;
mod histories;
mod horizon;
mod lanes;
mod past_sessions;
mod play_chunks;
mod recency_weighted_mean;
mod sequences;
mod session_chunks;
mod session_vectors;
pub mod taste;
mod training;
mod unit_vectors;

pub use cosernn::{CoSeRnn, CoSeRnnSettings, SessionInputs, SessionStreams};
pub use foreteller::{Foreteller, Foretold, NetworkForeteller};
pub use fs_vae::{Encoded, FsVae, FsVaeSettings};
pub use histories::{Histories, write_histories};
pub use horizon::{HorizonPrecision, HorizonSettings, horizon_precision};
pub use play_chunks::{PlayChunk, PlayChunks, TargetOffset, write_play_extras};
pub use recency_weighted_mean::{RecencyWeightedMean, RecencyWeightedMeanSettings};
pub use sequences::{ChunkSource, Part, SequenceChunk, SequenceModel, squared_error, standard_normal};
pub use session_chunks::{SESSION_CONTEXT, SessionChunk, SessionChunks, SessionStream, write_session_context};
pub use session_vectors::{SessionTracks, session_vector};
pub use training::{
    SequenceTrainingReport, TrainingRun, TrainingSettings, TrainingWatcher, Unwatched, for_each_foretold,
    train_sequences,
};

use listening_data::{Play, Session};

/// Turns listening into a vector that says what the listener wants now.
///
/// A user's *memory* is all that the encoder carries of the past: a row of [`Self::memory_length`] floats, zeros for a
/// new user. Keeping memories outside the encoder lets an environment carry many users at once and save them. The
/// methods take one row; `play` and `end_session` advance it, `vector` reads it.
pub trait UserState: Send + Sync {
    /// Length of the state vector.
    fn dimension(&self) -> usize;

    /// Length of a user's memory.
    fn memory_length(&self) -> usize;

    /// Takes in one play and its responses.
    fn play(&self, memory: &mut [f32], play: &Play);

    /// Takes in the end of a session.
    fn end_session(&self, memory: &mut [f32], session: &Session);

    /// Writes the state vector.
    fn vector(&self, memory: &[f32], state: &mut [f32]);

    /// Takes in a whole session.
    fn session(&self, memory: &mut [f32], session: &Session) {
        session.plays.iter().for_each(|play| self.play(memory, play));
        self.end_session(memory, session);
    }
}
