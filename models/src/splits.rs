//! Which sessions train a model and which are held out: split by time within each user.
//!
//! Some logs tell no users (MSSD, plain lists of sessions): each session is then a user of its own, and a split within
//! users would hold nothing out. Such sessions are split at random, by their number alone.

use listening_data::{CounterRng, Dataset, LoggedSession, Stream};
use serde::{Deserialize, Serialize};

use crate::{ModelError, Result};

/// The part a session belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Split {
    /// Earliest sessions: models are fitted to them.
    Train,
    /// Later sessions: they decide when to stop, and calibrate.
    Validation,
    /// Latest sessions: only measured.
    Test,
}

/// Shares of each user's sessions that are held out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SplitShares {
    /// Share of each user's sessions, after the training ones, for validation.
    pub validation: f64,
    /// Share of each user's latest sessions for the test.
    pub test: f64,
}

impl Default for SplitShares {
    fn default() -> Self {
        Self { validation: 0.15, test: 0.15 }
    }
}

impl SplitShares {
    /// Refuses shares that leave nothing to train on.
    pub fn validate(&self) -> Result<()> {
        if self.validation > 0.0 && self.test > 0.0 && self.validation + self.test < 1.0 {
            return Ok(());
        }
        Err(ModelError::setting("splits", "validation and test must be above 0 and their sum below 1"))
    }
}

/// The time split of one dataset. Holds one count per user; none where each user has one session.
pub struct TimeSplit {
    shares: SplitShares,
    sessions_of_user: Vec<u32>,
    /// Whether no user has more than one session.
    anonymous: bool,
}

impl TimeSplit {
    /// Counts each user's sessions in one pass.
    pub fn new(dataset: &Dataset, shares: SplitShares) -> Result<Self> {
        shares.validate()?;
        let mut sessions_of_user = vec![0; dataset.manifest().users as usize];
        for logged in dataset.sessions()? {
            sessions_of_user[logged?.session.user as usize] += 1;
        }
        let anonymous = sessions_of_user.len() > 1 && sessions_of_user.iter().all(|&count| count <= 1);
        if anonymous {
            sessions_of_user = Vec::new();
        }
        Ok(Self { shares, sessions_of_user, anonymous })
    }

    /// The part of a user's `position`-th session.
    pub(crate) fn of(&self, user: u32, position: u32) -> Split {
        if self.anonymous {
            // No seed of a run takes part: every run holds out the same sessions.
            let draw = f64::from(CounterRng::new(0, Stream::Split, u64::from(user), 0).uniform());
            return match draw {
                draw if draw < self.shares.test => Split::Test,
                draw if draw < self.shares.test + self.shares.validation => Split::Validation,
                _ => Split::Train,
            };
        }
        let count = f64::from(self.sessions_of_user[user as usize]);
        // Rounded up, but not for a rounding error's sake.
        let from = |share: f64| (count * share - 1e-9).ceil();
        let test_from = from(1.0 - self.shares.test);
        let validation_from = from(1.0 - self.shares.test - self.shares.validation);
        match f64::from(position) {
            position if position < validation_from => Split::Train,
            position if position < test_from => Split::Validation,
            _ => Split::Test,
        }
    }

    /// Streams the sessions of the dataset, in order of user, then time, each with its part.
    pub fn sessions(&self, dataset: &Dataset) -> Result<impl Iterator<Item = Result<(LoggedSession, Split)>>> {
        let mut current = (u32::MAX, 0);
        Ok(dataset.sessions()?.map(move |logged| {
            let logged = logged?;
            let user = logged.session.user;
            current = if current.0 == user { (user, current.1 + 1) } else { (user, 0) };
            let split = self.of(user, current.1);
            Ok((logged, split))
        }))
    }

    /// Streams the training sessions alone.
    pub fn training_sessions(&self, dataset: &Dataset) -> Result<impl Iterator<Item = Result<LoggedSession>>> {
        let sessions = self.sessions(dataset)?;
        Ok(sessions.filter_map(|item| match item {
            Ok((logged, Split::Train)) => Some(Ok(logged)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_user_is_split_in_time_and_few_sessions_go_to_training_first() {
        let split = TimeSplit {
            shares: SplitShares { validation: 0.2, test: 0.2 },
            sessions_of_user: vec![10, 1, 3],
            anonymous: false,
        };
        let parts = |user, count| (0..count).map(|p| split.of(user, p)).collect::<Vec<_>>();
        let expected = [vec![Split::Train; 6], vec![Split::Validation; 2], vec![Split::Test; 2]].concat();
        assert_eq!(parts(0, 10), expected);
        assert_eq!(parts(1, 1), [Split::Train]);
        assert_eq!(parts(2, 3), [Split::Train, Split::Train, Split::Validation]);
    }

    #[test]
    fn sessions_without_users_are_held_out_at_random() {
        let shares = SplitShares { validation: 0.1, test: 0.2 };
        let split = TimeSplit { shares, sessions_of_user: Vec::new(), anonymous: true };
        let mut counts = [0u32; 3];
        (0..10_000).for_each(|user| counts[split.of(user, 0) as usize] += 1);
        // Five standard deviations of a binomial are 230, 150 and 200.
        for (count, (expected, width)) in counts.into_iter().zip([(7000, 230), (1000, 150), (2000, 200)]) {
            assert!(count.abs_diff(expected) < width, "{counts:?}");
        }
        assert_eq!(split.of(77, 0), split.of(77, 0));
    }
}
