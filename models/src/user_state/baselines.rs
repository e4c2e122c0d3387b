//! What the user states of the papers are compared with.

pub mod sessions;
mod vanilla_rnn;

pub use vanilla_rnn::VanillaRnn;
