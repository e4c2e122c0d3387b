//! From rows in order of listener and time to plays, and what the next play tells of one.

use std::collections::HashSet;

use bytemuck::{Pod, Zeroable};

use super::super::renumbering::Renumbering;
use super::super::session_builder::SessionBuilder;
use crate::{Context, Play, Responses, Result, SessionRules};

/// Last.fm counts a play only of a track that is longer than this ("Scrobbling 2.0", last.fm/api/scrobbling)...
const SHORTEST_TRACK_MS: i64 = 30_000;
/// ... and once it has played for half its length or for this long, whichever comes first.
const ENOUGH_MS: i64 = 240_000;
/// Times are whole seconds and players fade from track to track: this much is no pause.
const TOLERANCE_MS: i64 = 5_000;

/// A row, as it is sorted.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable)]
pub(super) struct Scrobble {
    pub(super) user: u32,
    /// Start, in seconds since 1970, UTC.
    pub(super) seconds: u32,
    /// Rows stand from the latest to the earliest: of two with the same time, the later row came first.
    pub(super) place: u64,
    pub(super) track: u32,
    pub(super) unused: u32,
}

/// Makes plays of rows.
pub(super) struct Plays<'a> {
    rules: &'a SessionRules,
    offset_ms: i64,
    durations: &'a [Option<u32>],
    builder: SessionBuilder<'a>,
    pub(super) users: Renumbering,
    pub(super) tracks: Renumbering,
    pending: Option<Scrobble>,
    /// Tracks of the second of the last row.
    same_second: HashSet<u32>,
    pub(super) counts: PlayCounts,
}

/// What became of the rows here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PlayCounts {
    pub(super) kept: u64,
    pub(super) duplicates: u64,
    /// Plays followed by another before they can have counted.
    pub(super) too_early: u64,
}

impl<'a> Plays<'a> {
    /// `durations` are those of the tracks by number; `users` is how many there are.
    pub(super) fn new(
        rules: &'a SessionRules,
        offset_ms: i64,
        durations: &'a [Option<u32>],
        users: usize,
        builder: SessionBuilder<'a>,
    ) -> Self {
        Self {
            rules,
            offset_ms,
            durations,
            builder,
            users: Renumbering::new(users),
            tracks: Renumbering::new(durations.len()),
            pending: None,
            same_second: HashSet::new(),
            counts: PlayCounts::default(),
        }
    }

    /// Adds the next row.
    pub(super) fn push(&mut self, scrobble: Scrobble) -> Result<()> {
        let previous = self.pending.filter(|previous| previous.user == scrobble.user);
        if previous.is_none_or(|previous| previous.seconds != scrobble.seconds) {
            self.same_second.clear();
        }
        if !self.same_second.insert(scrobble.track) {
            self.counts.duplicates += 1;
            return Ok(());
        }
        self.end_play(previous.map(|previous| i64::from(scrobble.seconds - previous.seconds) * 1000))?;
        self.pending = Some(scrobble);
        Ok(())
    }

    /// Writes the pending play, after which the listener started another `until_next_ms` later.
    fn end_play(&mut self, until_next_ms: Option<i64>) -> Result<()> {
        let Some(scrobble) = self.pending.take() else { return Ok(()) };
        let duration_ms = self.durations[scrobble.track as usize];
        let responses = match told_by_next(self.rules, duration_ms, until_next_ms) {
            Some(responses) => responses,
            None => {
                self.counts.too_early += 1;
                Responses::default()
            }
        };
        self.counts.kept += 1;
        let (user, track) = (self.users.number(scrobble.user), self.tracks.number(scrobble.track));
        let start_ms = i64::from(scrobble.seconds) * 1000 + self.offset_ms;
        self.builder.push(user, Context::default(), Play { track, start_ms, responses, ..Play::default() })
    }

    /// Writes the last session; answers the numbers of users and tracks, and the counts.
    pub(super) fn finish(mut self) -> Result<(Renumbering, Renumbering, PlayCounts)> {
        self.end_play(None)?;
        self.builder.finish()?;
        Ok((self.users, self.tracks, self.counts))
    }
}

/// The responses of a play, as far as its duration and the time until the listener's next play tell them; `None` where
/// the next began before this one can have counted, so that the times cannot be trusted.
fn told_by_next(rules: &SessionRules, duration_ms: Option<u32>, until_next_ms: Option<i64>) -> Option<Responses> {
    let threshold_ms = (rules.threshold_seconds * 1000.0) as i64;
    let duration_ms = duration_ms.map(i64::from).filter(|&duration_ms| duration_ms > SHORTEST_TRACK_MS);
    let Some(duration_ms) = duration_ms else {
        // Half of the shortest track that counts.
        let past_threshold = (threshold_ms <= SHORTEST_TRACK_MS / 2).then_some(true);
        return Some(Responses { past_threshold, ..Responses::default() });
    };
    let least_ms = ENOUGH_MS.min(duration_ms / 2);
    let past_threshold = (least_ms >= threshold_ms).then_some(true);
    let unknown = Responses { complete: None, skip: None, past_threshold };
    let Some(until_next_ms) = until_next_ms else { return Some(unknown) };
    if until_next_ms + TOLERANCE_MS < least_ms {
        None
    } else if (until_next_ms as f64) < rules.complete_share * duration_ms as f64 {
        // The next began before this was over. It played for until_next_ms at most.
        let past_threshold = past_threshold.or((until_next_ms < threshold_ms).then_some(false));
        Some(Responses { complete: Some(false), skip: Some(true), past_threshold })
    } else if until_next_ms <= duration_ms + TOLERANCE_MS {
        // The next began as this was over: the player went on by itself.
        Some(Responses { complete: Some(true), skip: Some(false), past_threshold: Some(duration_ms >= threshold_ms) })
    } else {
        // A pause within this play, or after an early end of it: who knows.
        Some(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_play_tells_what_it_can() {
        let told = |duration_s: Option<u32>, next_s: Option<i64>, threshold_seconds| {
            let rules = SessionRules { threshold_seconds, ..SessionRules::default() };
            told_by_next(&rules, duration_s.map(|s| s * 1000), next_s.map(|s| s * 1000))
                .map(|responses| (responses.complete, responses.skip, responses.past_threshold))
        };
        let (yes, no) = (Some(true), Some(false));
        // Without a duration: only that at least 15 s were played.
        assert_eq!(told(None, Some(200), 30.0), Some((None, None, None)));
        assert_eq!(told(None, Some(200), 15.0), Some((None, None, yes)));
        // A track too short to count: its duration must be wrong.
        assert_eq!(told(Some(20), Some(20), 30.0), Some((None, None, None)));
        // 200 s: counts after 100 s, is complete from 190 s.
        assert_eq!(told(Some(200), None, 30.0), Some((None, None, yes)));
        assert_eq!(told(Some(200), Some(94), 30.0), None);
        assert_eq!(told(Some(200), Some(95), 30.0), Some((no, yes, yes)));
        assert_eq!(told(Some(200), Some(189), 30.0), Some((no, yes, yes)));
        assert_eq!(told(Some(200), Some(190), 30.0), Some((yes, no, yes)));
        assert_eq!(told(Some(200), Some(205), 30.0), Some((yes, no, yes)));
        assert_eq!(told(Some(200), Some(206), 30.0), Some((None, None, yes)));
        // 20 minutes: counts after 4 minutes.
        assert_eq!(told(Some(1200), Some(234), 30.0), None);
        assert_eq!(told(Some(1200), Some(240), 30.0), Some((no, yes, yes)));
        assert_eq!(told(Some(1200), Some(240), 300.0), Some((no, yes, no)));
        assert_eq!(told(Some(1200), Some(400), 300.0), Some((no, yes, None)));
        assert_eq!(told(Some(1200), Some(1200), 300.0), Some((yes, no, yes)));
        // 50 s: counts after 25 s.
        assert_eq!(told(Some(50), Some(27), 30.0), Some((no, yes, no)));
        assert_eq!(told(Some(50), Some(40), 30.0), Some((no, yes, None)));
    }
}
