use serde::{Deserialize, Serialize};

use super::{not_negative, positive, share};
use crate::Result;

/// How a listener changes. A strength of 0 switches its term off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MindConfig {
    /// Length of the drift of the slow taste, relative to the mean taste: the square root of the expected sum of the
    /// squared changes of the styles' weights.
    pub drift: f64,
    /// Weeks in which a change falls to 1/e.
    pub drift_weeks: f64,
    /// Length of the moods of hour and device, relative to the taste; rarer classes have more, commoner ones less. Of
    /// all that users' state models are told, context helps most (Hansen et al. 2020): so moods outweigh the taste.
    pub mood: f64,
    /// Share of a mood that all listeners have in common; the rest is the listener's own.
    pub mood_shared: f64,
    /// Length of a momentary interest when it arrives, relative to the taste.
    pub interest: f64,
    /// Interests that arrive in a week, on average.
    pub interests_per_week: f64,
    /// Days in which an interest falls to half.
    pub interest_half_life_days: f64,
    /// Probability that an interest is in the latest track that was heard out for the first time; else it is in a
    /// popular one, by chance.
    pub interest_heard: f64,
    /// Raises the logarithm of the rate of coming back per unit of the share of tracks heard out in the last session.
    /// Assumed: the real exports, of three listeners, show no relation.
    pub returning: f64,
}

impl Default for MindConfig {
    fn default() -> Self {
        Self {
            drift: 0.7,
            drift_weeks: 3.0,
            mood: 2.0,
            mood_shared: 0.5,
            interest: 1.2,
            interests_per_week: 1.0,
            interest_half_life_days: 3.0,
            interest_heard: 0.5,
            returning: 0.5,
        }
    }
}

impl MindConfig {
    pub(super) fn validate(&self) -> Result<()> {
        not_negative("mind.drift", self.drift)?;
        positive("mind.drift_weeks", self.drift_weeks)?;
        not_negative("mind.mood", self.mood)?;
        share("mind.mood_shared", self.mood_shared)?;
        not_negative("mind.interest", self.interest)?;
        not_negative("mind.interests_per_week", self.interests_per_week)?;
        positive("mind.interest_half_life_days", self.interest_half_life_days)?;
        share("mind.interest_heard", self.interest_heard)?;
        not_negative("mind.returning", self.returning)
    }
}
