//! From plays to sessions, with responses, written to the dataset.

use super::counts::SpotifyCounts;
use super::reasons::{AT_ONCE_MS, Outcome};
use super::record::{Listen, device_from_code, flag, unpack};
use crate::importers::renumbering::Renumbering;
use crate::response_shares::ResponseTally;
use crate::{Context, DatasetWriter, Play, Result, Session, SessionRules};

/// Gathers plays into sessions and numbers users and tracks in the order of their first play.
pub(super) struct SessionBuilder<'a> {
    rules: &'a SessionRules,
    writer: &'a mut DatasetWriter,
    durations: &'a [Option<u32>],
    counts: &'a mut SpotifyCounts,
    tally: ResponseTally,
    tracks: Renumbering,
    users: Renumbering,
    session: Option<Session>,
    /// Latest end so far, and start of the last play.
    last_end_ms: i64,
    last_start_ms: i64,
}

impl<'a> SessionBuilder<'a> {
    pub(super) fn new(
        rules: &'a SessionRules,
        writer: &'a mut DatasetWriter,
        durations: &'a [Option<u32>],
        users: usize,
        counts: &'a mut SpotifyCounts,
    ) -> Self {
        Self {
            rules,
            writer,
            durations,
            counts,
            tally: ResponseTally::default(),
            tracks: Renumbering::new(durations.len()),
            users: Renumbering::new(users),
            session: None,
            last_end_ms: 0,
            last_start_ms: 0,
        }
    }

    /// Adds the next play.
    pub(super) fn push(&mut self, listen: &Listen) -> Result<()> {
        let user = self.users.number(listen.user);
        let opens = match &self.session {
            None => true,
            Some(session) => session.user != user || self.rules.opens_session(self.last_end_ms, listen.start_ms),
        };
        let mut start_ms = listen.start_ms;
        if opens {
            self.end_session()?;
            let context = Context {
                device: device_from_code(listen.device),
                shuffle: unpack(listen.flags, flag::SHUFFLE_KNOWN, flag::SHUFFLE),
                ..Context::default().at(start_ms)
            };
            self.session = Some(Session { user, start_ms, context, plays: Vec::new() });
            self.last_end_ms = start_ms;
        } else if self.last_end_ms - start_ms > AT_ONCE_MS {
            // Truly at the same time, as on two devices: both stay, in the order of their ends.
            self.counts.overlapping += 1;
            start_ms = start_ms.max(self.last_start_ms);
        } else {
            // An apparent overlap of a few seconds comes from times cut to whole seconds.
            start_ms = start_ms.max(self.last_end_ms);
        }
        self.last_end_ms = self.last_end_ms.max(listen.start_ms + i64::from(listen.ms_played));
        self.last_start_ms = start_ms;
        let play = self.play(listen, start_ms);
        self.session.iter_mut().for_each(|session| session.plays.push(play));
        Ok(())
    }

    fn play(&mut self, listen: &Listen, start_ms: i64) -> Play {
        let outcome = Outcome::from_code(listen.outcome);
        let (finished, moved_on) = outcome.finished_and_moved_on();
        let duration = self.durations[listen.track as usize];
        let responses = self.rules.responses(listen.ms_played, duration, finished, moved_on);
        self.tally.add(&responses);
        let counts = &mut *self.counts;
        counts.rows_kept += 1;
        counts.end_reasons_repaired += u64::from(listen.flags & flag::REPAIRED != 0);
        counts.end_reasons_unknown += u64::from(listen.flags & flag::UNKNOWN_END != 0);
        counts.placed_by_offline_time += u64::from(listen.flags & flag::PLACED_BY_OFFLINE_TIME != 0);
        counts.restarts += u64::from(outcome == Outcome::Restarted);
        let track = self.tracks.number(listen.track);
        Play { track, start_ms, ms_played: Some(listen.ms_played), responses, ..Play::default() }
    }

    fn end_session(&mut self) -> Result<()> {
        let Some(session) = self.session.take() else { return Ok(()) };
        self.counts.sessions += 1;
        self.writer.write_session(&session)
    }

    /// Writes the last session; answers the numbering of tracks and users.
    pub(super) fn finish(mut self) -> Result<(Renumbering, Renumbering)> {
        self.end_session()?;
        self.counts.responses = self.tally.shares();
        self.counts.tracks = self.tracks.old.len() as u64;
        self.counts.users = self.users.old.len() as u64;
        Ok((self.tracks, self.users))
    }
}
