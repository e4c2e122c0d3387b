//! What the user states of the papers are compared with.

mod vanilla_rnn;

pub use vanilla_rnn::VanillaRnn;
