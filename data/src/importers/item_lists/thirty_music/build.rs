//! From plays in order to sessions, with responses.

use super::record::{Record, UNKNOWN};
use crate::importers::options::ImportOptions;
use crate::importers::renumbering::Renumbering;
use crate::{Context, DatasetWriter, Play, Responses, Result, SessionRules};

/// A share played above this holds a pause: the time until the next play was counted as played.
const MOST_THOUSANDTHS: u32 = 1_050;

/// Writes the sessions of records in order.
pub(super) struct Builder<'a> {
    rules: &'a SessionRules,
    offset_ms: i64,
    writer: &'a mut DatasetWriter,
    users: Renumbering,
    tracks: Renumbering,
    session: Vec<Record>,
    plays: Vec<Play>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(options: &'a ImportOptions, writer: &'a mut DatasetWriter, users: usize, tracks: usize) -> Self {
        Self {
            rules: &options.rules,
            offset_ms: options.utc_offset_ms(),
            writer,
            users: Renumbering::new(users),
            tracks: Renumbering::new(tracks),
            session: Vec::new(),
            plays: Vec::new(),
        }
    }

    /// Adds the next play.
    pub(super) fn push(&mut self, record: Record) -> Result<()> {
        if self.session.first().is_some_and(|first| first.session != record.session) {
            self.end_session()?;
        }
        self.session.push(record);
        Ok(())
    }

    fn end_session(&mut self) -> Result<()> {
        let Some(first) = self.session.first() else { return Ok(()) };
        let user = self.users.number(first.user);
        let start_ms = i64::from(first.seconds) * 1000 + self.offset_ms;
        self.plays.clear();
        let mut earliest_ms = start_ms;
        for (place, record) in self.session.iter().enumerate() {
            if record.start_s != UNKNOWN {
                earliest_ms = earliest_ms.max(start_ms + i64::from(record.start_s) * 1000);
            }
            let is_last = place + 1 == self.session.len();
            let (ms_played, responses) = told(self.rules, record, is_last);
            let track = self.tracks.number(record.track);
            self.plays.push(Play { track, start_ms: earliest_ms, ms_played, responses, ..Play::default() });
        }
        self.session.clear();
        self.writer.write_plays(user, start_ms, Context::default().at(start_ms), &self.plays)
    }

    /// Writes the last session; answers the numbers of users and tracks.
    pub(super) fn finish(mut self) -> Result<(Renumbering, Renumbering)> {
        self.end_session()?;
        Ok((self.users, self.tracks))
    }
}

/// How long a track played and how the listener responded. The time played is that until the next play, so a share well
/// above 1 tells of a pause, of which it is not known when it began.
pub(super) fn told(rules: &SessionRules, record: &Record, is_last: bool) -> (Option<u32>, Responses) {
    let ratio = Some(record.ratio_thousandths).filter(|&ratio| ratio != UNKNOWN);
    if ratio.is_some_and(|ratio| ratio > MOST_THOUSANDTHS) {
        return (None, Responses::default());
    }
    let complete = ratio.map(|ratio| f64::from(ratio) >= rules.complete_share * 1000.0);
    let skip = match complete {
        Some(true) => Some(false),
        _ if record.skipped != 0 => Some(true),
        // The next play began before this one was over.
        Some(false) if !is_last => Some(true),
        _ => None,
    };
    let ms_played = Some(record.playtime_s).filter(|&seconds| seconds != UNKNOWN).and_then(|s| s.checked_mul(1000));
    let ms_played = ms_played.filter(|&ms| i32::try_from(ms).is_ok());
    let past_threshold = ms_played.map(|ms| f64::from(ms) >= rules.threshold_seconds * 1000.0);
    (ms_played, Responses { complete, skip, past_threshold })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_played_tells_the_responses() {
        let (yes, no) = (Some(true), Some(false));
        let of = |playtime_s, ratio_thousandths, skipped, is_last| {
            let record = Record { playtime_s, ratio_thousandths, skipped, ..Record::default() };
            let (ms, responses) = told(&SessionRules::default(), &record, is_last);
            (ms, responses.complete, responses.skip, responses.past_threshold)
        };
        assert_eq!(of(287, 1000, 0, false), (Some(287_000), yes, no, yes));
        assert_eq!(of(287, 950, 1, true), (Some(287_000), yes, no, yes));
        assert_eq!(of(287, 949, 0, false), (Some(287_000), no, yes, yes));
        assert_eq!(of(20, 100, 0, true), (Some(20_000), no, None, no));
        assert_eq!(of(20, 100, 1, true), (Some(20_000), no, yes, no));
        assert_eq!(of(600, 2100, 0, false), (None, None, None, None));
        assert_eq!(of(182, UNKNOWN, 0, false), (Some(182_000), None, None, yes));
        assert_eq!(of(UNKNOWN, UNKNOWN, 1, false), (None, None, yes, None));
    }
}
