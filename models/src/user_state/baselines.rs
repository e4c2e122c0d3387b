//! What the user states of the papers are compared with.

mod averages;
mod early_stopping;
mod jodie;
mod latent_cross;
mod one_thread;
pub mod sessions;
mod targets;
mod vae_cf;
mod vanilla_rnn;

pub use averages::{AggregateSequence, AggregateSequenceSettings, Average, Popularity};
pub use jodie::{Jodie, JodieLengths, JodieNetwork, JodieSettings};
pub use latent_cross::{CrossedGru, LatentCross, StepContext};
pub(in crate::user_state) use targets::{count_targets, for_each_target, is_target};
pub use vae_cf::{VaeCf, VaeCfSettings};
pub use vanilla_rnn::VanillaRnn;
