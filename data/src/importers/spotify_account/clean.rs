//! From rows in order to plays that can be trusted. The numbers behind the rules are in
//! `docs/formats/spotify-account.md`.

use std::collections::VecDeque;

use bytemuck::{Pod, Zeroable};

use crate::Result;

/// Times are cut to the minute, and played time includes some seconds of buffering: plays that follow at once seem to
/// overlap or to part by up to this.
pub(super) const AT_ONCE_MS: i64 = 65_000;
/// Plays whose ends share one minute can only be true if all but the longest took about a minute together. Beyond
/// this much they are plays of an offline device that arrived together.
const SAME_MINUTE_MS: u64 = 70_000;
/// More rows of one minute than this are not held in memory but taken for such an arrival.
const LARGEST_GROUP: usize = 1 << 14;
/// Plays looked back on for a row sent again.
const LOOK_BACK: usize = 8;

/// One row with sound, ordered by user, then the minute of its end, then its place in the files: within a minute the
/// files tell the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Record {
    pub(super) user: u32,
    /// Keeps the times at places divisible by 8.
    pub(super) unused: u32,
    pub(super) end_ms: i64,
    pub(super) sequence: u64,
    pub(super) track: u32,
    pub(super) ms_played: u32,
}

impl Record {
    pub(super) fn start_ms(&self) -> i64 {
        self.end_ms - i64::from(self.ms_played)
    }

    fn same_play(&self, other: &Self) -> bool {
        (self.user, self.track, self.ms_played) == (other.user, other.track, other.ms_played)
    }
}

/// Rows left out here, by reason.
#[derive(Debug, Default)]
pub(super) struct Dropped {
    pub(super) exact_duplicate: u64,
    pub(super) sent_again: u64,
    pub(super) arrived_late: u64,
}

/// Takes records in order and gives plays in order to `keep`.
pub(super) struct Cleaner<F> {
    keep: F,
    dropped: Dropped,
    group: Vec<Record>,
    group_late: bool,
    recent: VecDeque<Record>,
}

impl<F: FnMut(Record) -> Result<()>> Cleaner<F> {
    pub(super) fn new(keep: F) -> Self {
        let recent = VecDeque::with_capacity(LOOK_BACK);
        Self { keep, dropped: Dropped::default(), group: Vec::new(), group_late: false, recent }
    }

    /// Takes the next record; rows of one user that end in one minute are gathered first.
    pub(super) fn push(&mut self, record: Record) -> Result<()> {
        if self.group.first().is_some_and(|first| (first.user, first.end_ms) != (record.user, record.end_ms)) {
            self.end_group()?;
        }
        if self.group.iter().any(|earlier| earlier.same_play(&record)) {
            self.dropped.exact_duplicate += 1;
        } else if self.group.len() < LARGEST_GROUP {
            self.group.push(record);
        } else {
            self.group_late = true;
            self.dropped.arrived_late += 1;
        }
        Ok(())
    }

    /// Takes note that no record follows.
    pub(super) fn finish(mut self) -> Result<Dropped> {
        self.end_group()?;
        Ok(self.dropped)
    }

    fn end_group(&mut self) -> Result<()> {
        let mut group = std::mem::take(&mut self.group);
        let played: u64 = group.iter().map(|record| u64::from(record.ms_played)).sum();
        let longest = group.iter().map(|record| u64::from(record.ms_played)).max().unwrap_or(0);
        if std::mem::take(&mut self.group_late) || played - longest > SAME_MINUTE_MS {
            self.dropped.arrived_late += group.len() as u64;
        } else {
            for &record in &group {
                self.place(record)?;
            }
        }
        group.clear();
        self.group = group;
        Ok(())
    }

    fn place(&mut self, record: Record) -> Result<()> {
        // The same track for the same number of milliseconds, in time that overlaps.
        let overlaps = |earlier: &&Record| earlier.end_ms - record.start_ms() > AT_ONCE_MS;
        if self.recent.iter().filter(overlaps).any(|earlier| earlier.same_play(&record)) {
            self.dropped.sent_again += 1;
            return Ok(());
        }
        if self.recent.len() == LOOK_BACK {
            self.recent.pop_front();
        }
        self.recent.push_back(record);
        (self.keep)(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    /// The kept rows of (minute of the end, track, ms), and the counts (duplicate, again, late).
    fn clean(rows: &[(i64, u32, u32)]) -> (Vec<(i64, u32)>, [u64; 3]) {
        let mut kept = Vec::new();
        let mut cleaner = Cleaner::new(|record: Record| {
            kept.push((record.end_ms / MINUTE, record.track));
            Ok(())
        });
        for (sequence, &(minute, track, ms_played)) in rows.iter().enumerate() {
            let end_ms = minute * MINUTE;
            let record = Record { user: 0, unused: 0, end_ms, sequence: sequence as u64, track, ms_played };
            cleaner.push(record).unwrap();
        }
        let dropped = cleaner.finish().unwrap();
        (kept, [dropped.exact_duplicate, dropped.sent_again, dropped.arrived_late])
    }

    #[test]
    fn plays_of_one_minute_stay_while_they_fit_into_it() {
        // A long play that began before the minute, and two that fill the minute and ten seconds.
        let (kept, dropped) = clean(&[(9, 0, 200_000), (9, 1, 40_000), (9, 2, 30_000), (10, 3, 5_000)]);
        assert_eq!((kept, dropped), (vec![(9, 0), (9, 1), (9, 2), (10, 3)], [0, 0, 0]));
        let (kept, dropped) = clean(&[(9, 0, 200_000), (9, 1, 40_000), (9, 2, 30_001), (10, 3, 5_000)]);
        assert_eq!((kept, dropped), (vec![(10, 3)], [0, 0, 3]));
    }

    #[test]
    fn rows_of_overlapping_files_count_once() {
        let (kept, dropped) = clean(&[(5, 0, 9_000), (5, 1, 7_000), (5, 1, 7_000), (5, 0, 9_001)]);
        assert_eq!((kept, dropped), (vec![(5, 0), (5, 1), (5, 0)], [1, 0, 0]));
    }

    #[test]
    fn a_play_that_would_overlap_itself_was_sent_again() {
        // Twice in a row, at once: the second starts when the first ends.
        assert_eq!(clean(&[(10, 0, 240_000), (14, 0, 240_000)]).1, [0, 0, 0]);
        // Cut to minutes, true ends 10:59 and 14:59 may be 10 and 14, but never 10 and 12.
        assert_eq!(clean(&[(10, 0, 240_000), (13, 0, 240_000)]).1, [0, 0, 0]);
        assert_eq!(clean(&[(10, 0, 240_000), (12, 0, 240_000)]).1, [0, 1, 0]);
        assert_eq!(clean(&[(10, 0, 240_000), (12, 1, 240_000)]).1, [0, 0, 0]);
    }

    #[test]
    fn a_minute_of_endless_rows_does_not_fill_the_memory() {
        let rows: Vec<_> = (0..LARGEST_GROUP as u32 + 5).map(|track| (1, track, 1)).collect();
        assert_eq!(clean(&rows), (vec![], [0, 0, LARGEST_GROUP as u64 + 5]));
    }
}
