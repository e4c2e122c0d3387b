//! From rows in order to plays that can be trusted: duplicates and misplaced rows go, ends are understood.

use std::collections::{HashSet, VecDeque};

use super::reasons::{AT_ONCE_MS, Outcome, Reason};
use super::record::{Listen, NO_TRACK, Record, flag, unpack};
use crate::{Result, SessionRules};

/// Plays whose ends share one second can only be true if all but the longest took next to no time. Beyond this much
/// they are plays of an offline device that arrived together: `ts` is then the time of arrival, for all of them.
const SAME_SECOND_MS: u64 = 10_000;
/// More rows of one second than this are not held in memory but taken for such an arrival.
const LARGEST_GROUP: usize = 1 << 14;
/// Plays looked back on for a row sent again.
const LOOK_BACK: usize = 8;

/// Rows left out here, by reason.
#[derive(Debug, Default)]
pub(super) struct Dropped {
    pub(super) exact_duplicate: u64,
    pub(super) sent_again: u64,
    pub(super) arrived_late: u64,
    pub(super) nothing_played: u64,
}

/// Takes records in order and gives plays in order to `keep`.
pub(super) struct Cleaner<'a, F> {
    rules: &'a SessionRules,
    keep: F,
    dropped: Dropped,
    place: u64,
    group: Vec<Record>,
    group_rows: HashSet<[u8; size_of::<Record>()]>,
    group_late: bool,
    recent: VecDeque<Record>,
    previous: Option<Record>,
}

impl<'a, F: FnMut(Listen) -> Result<()>> Cleaner<'a, F> {
    pub(super) fn new(rules: &'a SessionRules, keep: F) -> Self {
        Self {
            rules,
            keep,
            dropped: Dropped::default(),
            place: 0,
            group: Vec::new(),
            group_rows: HashSet::new(),
            group_late: false,
            recent: VecDeque::with_capacity(LOOK_BACK),
            previous: None,
        }
    }

    /// Takes the next record; rows of one user that end together are gathered first.
    pub(super) fn push(&mut self, record: Record) -> Result<()> {
        if self.group.first().is_some_and(|first| (first.user, first.end_ms) != (record.user, record.end_ms)) {
            self.end_group()?;
        }
        if !self.group_rows.insert(record.without_sequence()) {
            self.dropped.exact_duplicate += u64::from(record.track != NO_TRACK);
        } else if self.group_late && self.group.len() >= LARGEST_GROUP {
            self.group_rows.clear();
            self.dropped.arrived_late += u64::from(record.track != NO_TRACK);
        } else {
            self.group.push(record);
            self.group_late |= self.group.len() >= LARGEST_GROUP;
        }
        Ok(())
    }

    /// Takes note that no record follows.
    pub(super) fn finish(mut self) -> Result<Dropped> {
        self.end_group()?;
        self.end_play(None)?;
        Ok(self.dropped)
    }

    fn end_group(&mut self) -> Result<()> {
        let group = std::mem::take(&mut self.group);
        self.group_rows.clear();
        let by_arrival = || group.iter().filter(|record| record.flags & flag::PLACED_BY_OFFLINE_TIME == 0);
        let played: u64 = by_arrival().map(|record| u64::from(record.ms_played)).sum();
        let longest = by_arrival().map(|record| u64::from(record.ms_played)).max().unwrap_or(0);
        let late = std::mem::take(&mut self.group_late) || played - longest > SAME_SECOND_MS;
        for record in &group {
            if late && record.flags & flag::PLACED_BY_OFFLINE_TIME == 0 {
                self.dropped.arrived_late += u64::from(record.track != NO_TRACK);
            } else {
                self.place_record(*record)?;
            }
        }
        self.group = group;
        self.group.clear();
        Ok(())
    }

    fn place_record(&mut self, record: Record) -> Result<()> {
        if self.recent.iter().any(|earlier| is_sent_again(earlier, &record)) {
            self.dropped.sent_again += 1;
            return Ok(());
        }
        if self.recent.len() == LOOK_BACK {
            self.recent.pop_front();
        }
        self.recent.push_back(record);
        self.end_play(Some(&record))?;
        self.previous = Some(record);
        Ok(())
    }

    /// Understands the end of the play before `next`.
    fn end_play(&mut self, next: Option<&Record>) -> Result<()> {
        let Some(play) = self.previous.take().filter(|play| play.track != NO_TRACK) else { return Ok(()) };
        // Another device's rows say nothing of this device's play.
        let next = next.filter(|next| next.user == play.user && next.device == play.device);
        let next = next.filter(|next| !self.rules.opens_session(play.end_ms, next.start_ms()));
        let mut flags = play.flags;
        let mut end = Reason::from_code(play.reason_end);
        if end == Reason::Unknown {
            end = next.map_or(Reason::Unknown, |next| {
                Reason::told_by_next(Reason::from_code(next.reason_start), next.start_ms() - play.end_ms, true)
            });
            flags |= if end == Reason::Unknown { flag::UNKNOWN_END } else { flag::REPAIRED };
        }
        let skipped = unpack(play.flags, flag::SKIPPED_KNOWN, flag::SKIPPED);
        let outcome = Outcome::new(end, skipped, next.map(|next| next.track == play.track));
        // A track that was stepped over before its first sound was skipped; any other row without sound is noise:
        // a play that failed to start, was replaced at once, or is the shadow of another row.
        if play.ms_played == 0 && outcome != Outcome::SteppedOn {
            self.dropped.nothing_played += 1;
            return Ok(());
        }
        self.place += 1;
        (self.keep)(Listen {
            place: self.place,
            start_ms: play.start_ms(),
            user: play.user,
            track: play.track,
            ms_played: play.ms_played,
            outcome: outcome.code(),
            device: play.device,
            flags,
            unused: 0,
        })
    }
}

/// Whether a row repeats an earlier one at another time: the same track for the same number of milliseconds, in time
/// that overlaps. Some devices send a play again when they come online.
fn is_sent_again(earlier: &Record, record: &Record) -> bool {
    record.track != NO_TRACK
        && (earlier.user, earlier.track, earlier.ms_played) == (record.user, record.track, record.ms_played)
        && earlier.end_ms - record.start_ms() > AT_ONCE_MS
}
