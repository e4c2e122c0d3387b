//! What the user states of the papers are compared with.

mod averages;
mod targets;
mod vanilla_rnn;

pub use averages::{AggregateSequence, AggregateSequenceSettings, Average, Popularity};
pub(in crate::user_state) use targets::is_target;
pub use vanilla_rnn::VanillaRnn;
