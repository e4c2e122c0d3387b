//! Synthetic listeners: a world whose laws are known, so that what is learnt from its logs can be compared with how
//! its listeners really respond. Formulas, sources and calibration: `docs/synthetic-listeners.md`.
//!
//! The response model is a set of pure functions of listener, session so far and track, so that the same code that
//! writes a log answers a policy live:
//!
//! ```
//! use listening_data::{Context, CounterRng, SessionRules, Stream, SyntheticConfig, SyntheticWorld};
//!
//! let rules = SessionRules::default();
//! let world = SyntheticWorld::new(&SyntheticConfig::default(), 1)?;
//! let mut listener = world.listener(7);
//! let mut rng = CounterRng::new(1, Stream::Response, 0, 0);
//! // 1 January 2024, 9:00.
//! let start_ms = 1_704_099_600_000;
//! listener.advance_to(&world, start_ms);
//! let mut session = world.begin_session(&listener, Context::default().at(start_ms), &mut rng);
//! for track in [3, 14, 15] {
//!     let hazard = world.skip_hazard(&listener, &session, track);
//!     let expected = hazard.probabilities(&rules);
//!     assert!((expected.complete + expected.skip + expected.interrupted - 1.0).abs() < 1e-9);
//!     let heard = hazard.draw(&rules, &mut rng);
//!     world.observe_heard(&mut session, track, &hazard, heard);
//!     listener.remember(&world, &session, track, heard.responses);
//!     let leaves = world.leave_probability(&session);
//!     assert!((0.0..=1.0).contains(&leaves));
//! }
//! listener.end_session(&session, start_ms + 600_000);
//! # Ok::<(), listening_data::DataError>(())
//! ```

mod alternatives;
mod behaviour;
mod calendar;
mod calibration;
mod catalog;
mod config;
mod draws;
mod formats;
mod generate;
mod hazard;
mod listener;
mod logged_starts;
mod mind;
mod names;
mod response;

pub use alternatives::{Alternatives, AlternativesOf, OtherTrack};
pub use calendar::Calendar;
pub use calibration::{
    Calibration, CalibrationSettings, CalibrationTarget, FittedParameter, ListenerParameter, calibrate_listeners,
    synthetic_marginals,
};
pub use config::{
    BehaviourConfig, CatalogConfig, LeavingConfig, ListenerConfig, MindConfig, ResponseConfig, SizeConfig,
    SyntheticConfig,
};
pub use formats::{SyntheticFormat, SyntheticLog, synthesize_log};
pub use generate::{SyntheticSource, synthesize};
pub use hazard::{Heard, ResponseProbabilities, SkipHazard};
pub use listener::Listener;
pub use logged_starts::LoggedStart;
pub use mind::mood_classes;
pub use response::SessionState;

use std::sync::Arc;

use catalog::Catalog;
use hazard::TrackTiming;
use mind::Moods;

use crate::{Result, Track};

/// The catalog with its hidden vectors, and the laws by which listeners respond.
#[derive(Clone, Debug)]
pub struct SyntheticWorld {
    config: SyntheticConfig,
    seed: u64,
    catalog: Arc<Catalog>,
    moods: Moods,
    /// By track.
    timings: Arc<[TrackTiming]>,
}

impl SyntheticWorld {
    /// Makes the catalog: a pure function of settings and seed.
    pub fn new(config: &SyntheticConfig, seed: u64) -> Result<Self> {
        config.validate()?;
        let catalog = Arc::new(Catalog::new(&config.catalog, seed));
        let moods = Moods::shared(&catalog, seed);
        let timing = |track| {
            TrackTiming::new(&config.response, config.leaving.interruptions_per_hour, catalog.duration_s(track))
        };
        let timings = (0..catalog.tracks.len() as u32).map(timing).collect();
        Ok(Self { config: config.clone(), seed, catalog, moods, timings })
    }

    /// The settings.
    pub fn config(&self) -> &SyntheticConfig {
        &self.config
    }

    /// The tracks as a dataset shows them.
    pub fn tracks(&self) -> &[Track] {
        &self.catalog.tracks
    }

    /// The hidden latent vector of a track, of length 1.
    pub fn track_vector(&self, track: u32) -> &[f32] {
        self.catalog.vector(track)
    }
}

#[cfg(test)]
mod tests;
