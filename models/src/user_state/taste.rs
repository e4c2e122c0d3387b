//! Taste vectors (De Boom et al. 2017, arXiv 1708.06520): one vector per listener in the space of the tracks, trained to
//! lie near a track that is heard soon after (short term) or later (long term).

mod discounted_average;
mod taste_rnn;
mod taste_state;
mod weighted_sum;

pub use discounted_average::DiscountedAverage;
pub use taste_rnn::{TasteLoss, TasteRnn, TasteRnnSettings};
pub use weighted_sum::{WeightedSum, WeightedSumSettings};

use serde::{Deserialize, Serialize};

use super::TargetOffset;
use crate::{ModelError, Result};

/// How far ahead the track lies that a taste vector is trained to foretell (section 3.2: l drawn evenly from
/// l_min..=l_max).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TermSettings {
    /// Short term: least and largest number of plays ahead.
    pub short_term: [usize; 2],
    /// Long term: least and largest number of plays ahead.
    pub long_term: [usize; 2],
}

impl Default for TermSettings {
    /// The paper's sizes are not published; short term is about one session, long term the sessions after it (ours).
    fn default() -> Self {
        Self { short_term: [1, 10], long_term: [10, 50] }
    }
}

impl TermSettings {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> Result<()> {
        for (name, [shortest, longest]) in [("short_term", self.short_term), ("long_term", self.long_term)] {
            if shortest == 0 || longest < shortest {
                let problem = format!("{name} must be two numbers of plays, 1 <= least <= largest");
                return Err(ModelError::setting("taste.short_term, taste.long_term", problem));
            }
        }
        Ok(())
    }

    /// The target of the short term.
    pub fn short(&self) -> TargetOffset {
        TargetOffset { shortest: self.short_term[0], longest: self.short_term[1] }
    }

    /// The target of the long term.
    pub fn long(&self) -> TargetOffset {
        TargetOffset { shortest: self.long_term[0], longest: self.long_term[1] }
    }
}
