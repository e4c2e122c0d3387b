//! Track vectors learnt from sessions, and the nearest neighbours among them.

mod cbow;
mod vectors;

pub use cbow::{CbowSettings, train_cbow};
pub use vectors::{TrackVectors, dot};
