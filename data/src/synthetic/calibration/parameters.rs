//! The settings of the listeners that are fitted, each with its bounds and the marginals that it moves.

use crate::SyntheticConfig;
use crate::marginals::Marginal;

/// A setting that a fit may change.
#[derive(Debug)]
pub struct ListenerParameter {
    /// Its key below `data.synthetic`.
    pub name: &'static str,
    /// The lowest value.
    pub low: f64,
    /// The highest value.
    pub high: f64,
    moved: &'static [Marginal],
    key: fn(&mut SyntheticConfig) -> &mut f64,
}

impl PartialEq for ListenerParameter {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// Bounds are wide enough for any log seen so far, and narrow enough that a world stays one in which one can listen:
/// a session ends, and tracks differ in popularity without a few having all plays.
pub(super) const PARAMETERS: [ListenerParameter; 11] = {
    use Marginal::*;
    [
        ListenerParameter {
            name: "response.base",
            low: -3.0,
            high: 3.0,
            moved: &[Responses, PastThreshold, SkipByPosition, SkipPairs, TrackSkips],
            key: |config| &mut config.response.base,
        },
        ListenerParameter {
            name: "response.early_share",
            low: 0.05,
            high: 0.95,
            moved: &[PastThreshold, TrackSkips],
            key: |config| &mut config.response.early_share,
        },
        ListenerParameter {
            name: "response.streak",
            low: 0.0,
            high: 2.0,
            moved: &[SkipPairs],
            key: |config| &mut config.response.streak,
        },
        ListenerParameter {
            name: "response.position",
            low: -0.5,
            high: 1.5,
            moved: &[SkipByPosition],
            key: |config| &mut config.response.position,
        },
        ListenerParameter {
            name: "listeners.skip_habit_spread",
            low: 0.0,
            high: 2.5,
            moved: &[SkipPairs],
            key: |config| &mut config.listeners.skip_habit_spread,
        },
        ListenerParameter {
            name: "leaving.base",
            low: -6.0,
            high: 0.0,
            moved: &[SessionLengths],
            key: |config| &mut config.leaving.base,
        },
        ListenerParameter {
            name: "leaving.session_spread",
            low: 0.0,
            high: 3.0,
            moved: &[SessionLengths],
            key: |config| &mut config.leaving.session_spread,
        },
        ListenerParameter {
            name: "leaving.interruptions_per_hour",
            low: 0.0,
            high: 8.0,
            moved: &[Responses],
            key: |config| &mut config.leaving.interruptions_per_hour,
        },
        ListenerParameter {
            name: "behaviour.repeat",
            low: 0.0,
            high: 0.8,
            moved: &[Repeats],
            key: |config| &mut config.behaviour.repeat,
        },
        ListenerParameter {
            name: "behaviour.library_recent",
            low: 1.0,
            high: 60.0,
            moved: &[Repeats],
            key: |config| &mut config.behaviour.library_recent,
        },
        ListenerParameter {
            name: "catalog.popularity_exponent",
            low: 0.2,
            high: 1.2,
            moved: &[Popularity],
            key: |config| &mut config.catalog.popularity_exponent,
        },
    ]
};

impl ListenerParameter {
    /// Whether a marginal tells it.
    pub(super) fn moves(&self, marginal: Marginal) -> bool {
        self.moved.contains(&marginal)
    }

    /// Its value in a config.
    pub fn value(&self, config: &SyntheticConfig) -> f64 {
        *(self.key)(&mut config.clone())
    }

    /// Its value's place between the bounds, 0 to 1.
    pub(super) fn place(&self, config: &SyntheticConfig) -> f64 {
        ((self.value(config) - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// Sets it to the value at a place between the bounds, to three decimals: what a config says is what was tried.
    pub(super) fn set_at(&self, config: &mut SyntheticConfig, place: f64) {
        let value = self.low + place * (self.high - self.low);
        *(self.key)(config) = (value * 1_000.0).round() / 1_000.0;
    }
}
