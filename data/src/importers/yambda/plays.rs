//! From events to sessions.

use super::PlacedFeedback;
use super::events::{Event, NO_RATIO};
use super::items::{Items, Known, Users};
use crate::importers::session_builder::SessionBuilder;
use crate::{Context, DatasetWriter, Play, Responses, Result, SessionRules, Source};

/// Rows of one moment among which an equal one is looked for. Up to 163 share a moment in the set of 50 M.
const MOMENT_ROWS: usize = 256;

/// Events whose tracks are looked up together.
const LOOKED_UP: usize = 256;

#[derive(Clone, Copy, Default)]
pub(super) struct PlayCounts {
    pub(super) plays: u64,
    pub(super) feedback: u64,
    pub(super) duplicates: u64,
    pub(super) without_ratio: u64,
    pub(super) without_length: u64,
}

/// Gathers events that come in order of user and time into sessions.
pub(super) struct Plays<'a> {
    rules: &'a SessionRules,
    builder: SessionBuilder<'a>,
    items: &'a mut Items,
    users: &'a mut Users,
    /// The events of the last moment.
    moment: Vec<Event>,
    /// Numbers of the tracks of the events at hand.
    known: Vec<Known>,
    /// Number of the user of the last event.
    user: u32,
    /// Percent from which a play is complete.
    complete_pct: u16,
    counts: PlayCounts,
}

impl<'a> Plays<'a> {
    pub(super) fn new(
        rules: &'a SessionRules,
        writer: &'a mut DatasetWriter,
        items: &'a mut Items,
        users: &'a mut Users,
    ) -> Self {
        // In whole percent: the product of share and length may fall short of the time played by a rounding.
        let complete_pct = (rules.complete_share * 100.0 - 1e-9).ceil() as u16;
        let builder = SessionBuilder::new(rules, writer).without_clock();
        let (moment, known, counts) = (Vec::new(), Vec::new(), PlayCounts::default());
        Self { rules, builder, items, users, moment, known, user: 0, complete_pct, counts }
    }

    /// Whether the rows up to this one are in order of user and time.
    fn is_next(&self, event: &Event) -> bool {
        match self.moment.last() {
            Some(last) if last.user == event.user => last.time_s <= event.time_s,
            _ => !self.users.is_known(event.user),
        }
    }

    /// Adds the next events; what is no play goes to `feedback`. Answers false at the first event that is out of order.
    pub(super) fn push_all(&mut self, events: &[Event], feedback: &mut Vec<PlacedFeedback>) -> Result<bool> {
        for events in events.chunks(LOOKED_UP) {
            let mut known = std::mem::take(&mut self.known);
            self.items.look_up(events.iter().map(|event| event.item), &mut known);
            for (event, &known) in events.iter().zip(&known) {
                if !self.is_next(event) {
                    return Ok(false);
                }
                feedback.extend(self.push(event, known)?);
            }
            self.known = known;
        }
        Ok(true)
    }

    /// Adds the next event; answers the record of one that is no play.
    pub(super) fn push(&mut self, event: &Event, known: Known) -> Result<Option<PlacedFeedback>> {
        match self.moment.last() {
            Some(last) if (last.user, last.time_s) == (event.user, event.time_s) => {
                if self.moment.iter().rev().take(MOMENT_ROWS).any(|earlier| earlier == event) {
                    self.counts.duplicates += 1;
                    return Ok(None);
                }
            }
            Some(last) if last.user == event.user => self.moment.clear(),
            _ => {
                self.moment.clear();
                self.user = self.users.number(event.user);
            }
        }
        self.moment.push(*event);
        if !event.is_play() {
            let place = self.counts.feedback;
            self.counts.feedback += 1;
            return Ok(Some(event.feedback(self.user, self.items.number(event.item), place)));
        }
        let play = self.play(event, known);
        let source = event.is_recommended().then_some(Source::Personalised);
        self.builder.push(self.user, Context { source, ..Context::default() }, play)?;
        if let Some(before) = self.builder.play_before_last() {
            // A player leaves a track before its end only for a reason: the listener wanted another, or the same from
            // its beginning.
            if before.responses.complete == Some(false) {
                before.responses.skip = Some(before.track != play.track);
            }
        }
        Ok(None)
    }

    fn play(&mut self, event: &Event, known: Known) -> Play {
        self.counts.plays += 1;
        let track = self.items.played(event.item, event.length_s, known);
        let start_ms = i64::from(event.time_s) * 1000;
        let told = event.ratio_pct != NO_RATIO;
        self.counts.without_ratio += u64::from(!told);
        self.counts.without_length += u64::from(event.length_s == 0);
        let complete = told.then_some(event.ratio_pct >= self.complete_pct);
        if !told || event.length_s == 0 {
            let responses =
                Responses { complete, skip: complete.and_then(|yes| yes.then_some(false)), past_threshold: None };
            return Play { track, start_ms, responses, ..Play::default() };
        }
        let ms_played = u64::from(event.ratio_pct) * u64::from(event.length_s) * 10;
        let ms_played = ms_played.min(i32::MAX as u64) as u32;
        let responses = self.rules.responses(ms_played, Some(event.length_s * 1000), complete, None);
        Play { track, start_ms, ms_played: Some(ms_played), responses, ..Play::default() }
    }

    /// Writes the last session.
    pub(super) fn finish(self) -> Result<PlayCounts> {
        self.builder.finish()?;
        Ok(self.counts)
    }
}
