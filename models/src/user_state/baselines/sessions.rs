//! What CoSeRNN is compared with: baselines that foretell a session's vector.

mod past;
mod plain_rnn;

pub use past::{PastVector, PastVectorKind};
pub use plain_rnn::PlainRnn;
