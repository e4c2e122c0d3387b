//! Track vectors learnt from sessions, and the nearest neighbours among them.

mod cbow;
mod nearest;
mod vectors;

pub use cbow::{CbowSettings, train_cbow};
pub use nearest::{IndexSettings, NearestTracks, Neighbour};
pub use vectors::{TrackVectors, dot};
