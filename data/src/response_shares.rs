//! Shares of the three responses among plays.

use serde::{Deserialize, Serialize};

use crate::Responses;

/// How often one response was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ResponseShare {
    /// Share of the plays with the response among those where it is known; `None` where it is known of none.
    pub share: Option<f64>,
    /// Share of the plays where it is missing.
    pub missing: f64,
}

/// Shares of each response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ResponseShares {
    /// Plays counted.
    pub plays: u64,
    /// Played to the end.
    pub complete: ResponseShare,
    /// Moved on before the end.
    pub skip: ResponseShare,
    /// Listened past the threshold.
    pub past_threshold: ResponseShare,
}

/// Counts responses; see [`Self::shares`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ResponseTally {
    plays: u64,
    /// (given, known) for complete, skip and past threshold.
    counts: [(u64, u64); 3],
}

impl ResponseTally {
    /// Of so many plays: how often each of complete, skip and past threshold was given, and known.
    pub(crate) fn new(plays: usize, counts: [(usize, usize); 3]) -> Self {
        Self { plays: plays as u64, counts: counts.map(|(given, known)| (given as u64, known as u64)) }
    }

    pub(crate) fn add(&mut self, responses: &Responses) {
        self.plays += 1;
        let given = [responses.complete, responses.skip, responses.past_threshold];
        for ((yes, known), response) in self.counts.iter_mut().zip(given) {
            *yes += u64::from(response == Some(true));
            *known += u64::from(response.is_some());
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.plays += other.plays;
        for ((yes, known), (more_yes, more_known)) in self.counts.iter_mut().zip(other.counts) {
            *yes += more_yes;
            *known += more_known;
        }
    }

    pub(crate) fn shares(&self) -> ResponseShares {
        let [complete, skip, past_threshold] = self.counts.map(|(yes, known)| ResponseShare {
            share: (known > 0).then(|| yes as f64 / known as f64),
            missing: (self.plays - known) as f64 / self.plays.max(1) as f64,
        });
        ResponseShares { plays: self.plays, complete, skip, past_threshold }
    }
}
