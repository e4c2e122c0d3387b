//! What of a log is measured, so that a synthetic one is measured as the real one was made.

use serde::{Deserialize, Serialize};

use crate::Manifest;

/// Which sessions count, and what is called a skip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarginalProtocol {
    /// Shorter sessions are left out.
    pub min_plays: usize,
    /// Longer sessions are cut to so many plays.
    pub max_plays: usize,
    /// Whether a play counts as skipped that is not complete, whatever ended it.
    pub skip_is_incomplete: bool,
}

impl Default for MarginalProtocol {
    /// All sessions, and responses as they are.
    fn default() -> Self {
        Self { min_plays: 1, max_plays: usize::MAX, skip_is_incomplete: false }
    }
}

impl MarginalProtocol {
    /// Sessions as the Music Streaming Sessions Dataset has them (Brost et al. 2019): of 10 plays or more, cut at 20.
    pub const MSSD: Self = Self { min_plays: 10, max_plays: 20, skip_is_incomplete: false };

    /// How another log is to be measured to compare with a dataset of this origin. The import of MSSD calls skipped what
    /// is not complete (`docs/formats/mssd.md`).
    pub fn of(manifest: &Manifest) -> Self {
        match manifest.source.format.as_str() {
            "mssd" => Self { skip_is_incomplete: true, ..Self::MSSD },
            _ => Self::default(),
        }
    }
}
