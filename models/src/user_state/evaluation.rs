//! Measures user states on held-out listening.

mod next_track;
mod paired;
mod ranks;

pub use next_track::{
    IndexedMetrics, NextTrackMetrics, NextTrackReport, NextTrackSettings, NextTrackTask, UserMetrics,
};
pub use paired::{Metric, PairedDifference, compare_per_user};
