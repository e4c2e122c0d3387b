use serde::{Deserialize, Serialize};

use super::{not_negative, positive, share};
use crate::Result;

/// How a listener changes. A strength of 0 switches its term off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MindConfig {
    /// Length of the offset by which the slow taste has drifted, relative to the mean taste.
    pub drift: f64,
    /// Weeks in which an offset falls to 1/e.
    pub drift_weeks: f64,
    /// Length of the moods of hour and device, relative to the taste; rarer classes have more, commoner ones less.
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
    pub returning: f64,
}

impl Default for MindConfig {
    fn default() -> Self {
        Self {
            drift: 0.5,
            drift_weeks: 3.0,
            mood: 0.6,
            mood_shared: 0.5,
            interest: 1.0,
            interests_per_week: 0.7,
            interest_half_life_days: 3.0,
            interest_heard: 0.5,
            returning: 0.8,
        }
    }
}

impl MindConfig {
    /// All strengths 0: the listener never changes.
    pub fn constant() -> Self {
        Self { drift: 0.0, mood: 0.0, interest: 0.0, returning: 0.0, ..Self::default() }
    }

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
