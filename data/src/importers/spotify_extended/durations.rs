//! Durations of tracks, which an export does not give: the median length of the plays that ran to their end.

use std::path::Path;

use bytemuck::{Pod, Zeroable};

use crate::{ExternalSort, Result};

/// A play that "ran to its end" in less than this is the rest of a play that was paused or handed over, as a rule:
/// among tracks with several such plays, 94 % lie within 5 % of their median, and those below 30 s are nearly all far
/// from it. Tracks that are truly shorter stay without a duration.
const SHORTEST_MS: u32 = 30_000;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
struct FullPlay {
    track: u32,
    ms_played: u32,
}

/// Gathers plays that ran to their end.
pub(super) struct DurationEstimate {
    plays: ExternalSort<FullPlay>,
    counts: Vec<u32>,
}

impl DurationEstimate {
    pub(super) fn new(folder: &Path, tracks: usize, run_records: usize) -> Self {
        Self { plays: ExternalSort::with_run_records(folder, run_records), counts: vec![0; tracks] }
    }

    /// Adds a play that ran to its end.
    pub(super) fn push(&mut self, track: u32, ms_played: u32) -> Result<()> {
        if ms_played < SHORTEST_MS {
            return Ok(());
        }
        self.counts[track as usize] += 1;
        self.plays.push(FullPlay { track, ms_played })
    }

    /// The estimates by track. One full play suffices: at the 94 % above, one is worth more than none. Of an even
    /// number the lower middle is taken, which is the length of a play that took place.
    pub(super) fn finish(self) -> Result<Vec<Option<u32>>> {
        let mut medians = vec![None; self.counts.len()];
        let (mut track, mut seen) = (u32::MAX, 0);
        for play in self.plays.sorted()? {
            let play = play?;
            seen = if play.track == track { seen + 1 } else { 0 };
            track = play.track;
            if seen == (self.counts[track as usize] - 1) / 2 {
                medians[track as usize] = Some(play.ms_played);
            }
        }
        Ok(medians)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_plausible_full_plays_is_the_duration() {
        let folder = tempfile::tempdir().unwrap();
        // Runs of two records: the sort spills.
        let mut estimate = DurationEstimate::new(folder.path(), 5, 2);
        for (track, plays) in [
            (0, &[200_000u32, 3_000, 200_100, 31_000, 200_050][..]),
            (1, &[180_000, 90_000][..]),
            (2, &[29_999, 0][..]),
            (4, &[30_000][..]),
        ] {
            for &ms_played in plays {
                estimate.push(track, ms_played).unwrap();
            }
        }
        // Track 0: 3,000 does not count; of 31,000 200,000 200,050 200,100 the lower middle.
        assert_eq!(estimate.finish().unwrap(), [Some(200_000), Some(90_000), None, None, Some(30_000)]);
    }
}
