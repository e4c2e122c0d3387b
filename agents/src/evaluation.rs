//! Plays policies in a simulated world, measures their sessions, and compares them on the same sessions.

mod comparison;
mod exposure;
mod groups;
mod listeners;
mod measures;
mod resampling;
mod returns;
mod simulation;

pub use comparison::{
    Comparison, ComparisonSettings, Difference, GroupSummary, Measured, PlayedPolicy, PolicySummary, compare,
};
pub use exposure::{Exposure, offered_tracks};
pub use groups::{GroupKind, SessionGroups};
pub use listeners::ListenerProfiles;
pub use measures::{Measure, MeasuredSession, SessionMeter};
pub use resampling::Resampled;
pub use returns::{ReturnHistogram, bimodality_coefficient};
pub use simulation::{SessionOutcome, Simulation, simulate, simulate_each};
