//! What CoSeRNN is compared with: baselines that foretell a session's vector.

mod latent_cross;
mod past;
mod plain_rnn;

pub use latent_cross::SessionLatentCross;
pub use past::{PastVector, PastVectorKind};
pub use plain_rnn::PlainRnn;
