//! Rules that turn a user's plays into sessions and responses; shared by all importers.

use serde::{Deserialize, Serialize};

use crate::{DataError, Responses, Result};

/// Definitions of session and responses.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionRules {
    /// Minutes without listening that end a session (CoSeRNN, Hansen et al. 2020, section 3: 20).
    pub session_gap_minutes: f64,
    /// Seconds after which a play counts as listened past the threshold (30: what streaming services count as a
    /// stream).
    pub threshold_seconds: f64,
    /// Share of the duration from which a play counts as complete.
    pub complete_share: f64,
}

impl Default for SessionRules {
    fn default() -> Self {
        Self { session_gap_minutes: 20.0, threshold_seconds: 30.0, complete_share: 0.95 }
    }
}

impl SessionRules {
    /// Refuses rules that make no sense.
    pub fn validate(&self) -> Result<()> {
        let check = |holds: bool, setting, problem: &str| {
            if holds { Ok(()) } else { Err(DataError::Setting { setting, problem: problem.to_owned() }) }
        };
        check(self.session_gap_minutes > 0.0, "session_gap_minutes", "must be above 0")?;
        check(self.threshold_seconds >= 0.0, "threshold_seconds", "must not be negative")?;
        check(self.complete_share > 0.0 && self.complete_share <= 1.0, "complete_share", "must be in (0, 1]")
    }

    /// Whether a play that starts at `start_ms` opens a new session after one that ended at `previous_end_ms`.
    pub fn opens_session(&self, previous_end_ms: i64, start_ms: i64) -> bool {
        (start_ms - previous_end_ms) as f64 >= self.session_gap_minutes * 60_000.0
    }

    /// The responses of a play.
    ///
    /// `finished`: whether the source says that the track ran to its end. `moved_on`: whether it says that the
    /// listener moved on. Where it says neither, the share of the duration decides; where that is unknown too,
    /// `complete` and `skip` stay missing.
    #[inline]
    pub fn responses(
        &self,
        ms_played: u32,
        duration_ms: Option<u32>,
        finished: Option<bool>,
        moved_on: Option<bool>,
    ) -> Responses {
        let nearly_all =
            duration_ms.is_some_and(|duration| f64::from(ms_played) >= self.complete_share * f64::from(duration));
        // Without short circuits: which way a play goes cannot be foreseen, and a branch would be missed half the time.
        let ended = (finished == Some(true)) | nearly_all;
        let complete = (finished.is_some() | duration_ms.is_some()).then_some(ended);
        let skip = if ended { Some(false) } else { moved_on };
        // A complete play can have a short time of its own, where it was resumed: the track as a whole is past it.
        let past = |ms: u32| f64::from(ms) >= self.threshold_seconds * 1000.0;
        let whole = ended & duration_ms.is_some_and(past);
        Responses { complete, skip, past_threshold: Some(whole | past(ms_played)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_follow_their_definitions() {
        let rules = SessionRules::default();
        let of = |ms, duration, finished, moved_on| {
            let Responses { complete, skip, past_threshold } = rules.responses(ms, duration, finished, moved_on);
            (complete, skip, past_threshold)
        };
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(of(200_000, None, yes, no), (yes, no, yes));
        assert_eq!(of(10_000, Some(200_000), no, yes), (no, yes, no));
        assert_eq!(of(30_000, Some(200_000), no, yes), (no, yes, yes));
        // 95 % of the duration is complete, whatever the end reason says.
        assert_eq!(of(190_000, Some(200_000), no, yes), (yes, no, yes));
        assert_eq!(of(189_999, Some(200_000), no, yes), (no, yes, yes));
        // Nothing is known: missing, not false.
        assert_eq!(of(10_000, None, None, None), (None, None, no));
        assert_eq!(of(10_000, Some(200_000), None, None), (no, None, no));
        // The rest of a resumed play.
        assert_eq!(of(10_000, Some(200_000), yes, no), (yes, no, yes));
        // A track that is shorter than the threshold.
        assert_eq!(of(20_000, Some(20_000), yes, no), (yes, no, no));
    }

    #[test]
    fn rules_that_make_no_sense_are_refused() {
        let rules = |gap, threshold, share| SessionRules {
            session_gap_minutes: gap,
            threshold_seconds: threshold,
            complete_share: share,
        };
        assert!(rules(20.0, 0.0, 1.0).validate().is_ok());
        for bad in [rules(0.0, 30.0, 0.95), rules(20.0, -1.0, 0.95), rules(20.0, 30.0, 1.1), rules(f64::NAN, 30.0, 0.9)]
        {
            assert!(bad.validate().is_err(), "{bad:?}");
        }
    }
}
