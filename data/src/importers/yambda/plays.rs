//! From events to sessions.

use super::PlacedFeedback;
use super::events::{Event, NO_RATIO};
use super::heard::{Heard, Thresholds, ms_played};
use super::items::{Items, Known, Users};
use crate::dataset::{GROUP_PLAYS, SessionRow};
use crate::{Context, DatasetWriter, Result, SessionRules, Source};

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

/// Gathers events that come in order of user and time into sessions, and those into row groups.
pub(super) struct Plays<'a> {
    thresholds: Thresholds,
    /// Milliseconds without listening that end a session.
    gap_ms: i64,
    writer: &'a mut DatasetWriter,
    items: &'a mut Items,
    users: &'a mut Users,
    last: Option<Event>,
    /// The events of the last moment, where it has more than one.
    moment: Vec<Event>,
    /// Numbers of the tracks of the events at hand.
    known: Vec<Known>,
    /// Number of the user of the last event.
    user: u32,
    /// Sessions of the row group at hand; that of the last one's plays are not yet counted.
    sessions: Vec<SessionRow>,
    plays: Vec<Heard>,
    /// Where the plays of the last session begin.
    session_begin: usize,
    /// Latest end in the last session.
    end_ms: i64,
    counts: PlayCounts,
}

impl<'a> Plays<'a> {
    pub(super) fn new(
        rules: &SessionRules,
        writer: &'a mut DatasetWriter,
        items: &'a mut Items,
        users: &'a mut Users,
    ) -> Self {
        Self {
            thresholds: Thresholds::of(rules),
            gap_ms: (rules.session_gap_minutes * 60_000.0).ceil() as i64,
            writer,
            items,
            users,
            last: None,
            moment: Vec::new(),
            known: Vec::new(),
            user: 0,
            sessions: Vec::new(),
            plays: Vec::new(),
            session_begin: 0,
            end_ms: 0,
            counts: PlayCounts::default(),
        }
    }

    /// Whether the rows up to this one are in order of user and time.
    fn is_next(&self, event: &Event) -> bool {
        match &self.last {
            Some(last) if last.user == event.user => last.time_s <= event.time_s,
            _ => !self.users.is_known(event.user),
        }
    }

    /// Adds the next events; what is no play goes to `feedback`. Answers false at the first event that is out of order.
    pub(super) fn push_all(&mut self, events: &[Event], feedback: &mut Vec<PlacedFeedback>) -> Result<bool> {
        for events in events.chunks(LOOKED_UP) {
            let mut known = std::mem::take(&mut self.known);
            self.items.look_up(events.iter().map(|event| event.item), &mut known);
            let mut place = 0;
            while let Some(event) = events.get(place) {
                let plain = self.plain_plays(&events[place..]);
                if plain == 0 {
                    if !self.is_next(event) {
                        return Ok(false);
                    }
                    feedback.extend(self.push(event, known[place])?);
                    place += 1;
                    continue;
                }
                let plays = place..place + plain;
                place = plays.end;
                self.moment.clear();
                self.last = Some(events[place - 1]);
                self.play_all(&events[plays.clone()], &known[plays])?;
            }
            self.known = known;
        }
        Ok(true)
    }

    /// How many of the events, from the first on, are plays of the last user, each later than the event before: most are.
    fn plain_plays(&self, events: &[Event]) -> usize {
        let Some(mut last) = self.last.as_ref() else { return 0 };
        let plain = |event| {
            let before = std::mem::replace(&mut last, event);
            event.is_play() && event.user == before.user && event.time_s > before.time_s
        };
        events.iter().map(plain).take_while(|&plain| plain).count()
    }

    /// Adds the next event; answers the record of one that is no play.
    pub(super) fn push(&mut self, event: &Event, known: Known) -> Result<Option<PlacedFeedback>> {
        match self.last {
            Some(last) if (last.user, last.time_s) == (event.user, event.time_s) => {
                if self.moment.is_empty() {
                    self.moment.push(last);
                }
                if self.moment.iter().rev().take(MOMENT_ROWS).any(|earlier| earlier == event) {
                    self.counts.duplicates += 1;
                    return Ok(None);
                }
                self.moment.push(*event);
            }
            Some(last) if last.user == event.user => self.moment.clear(),
            _ => {
                self.moment.clear();
                self.user = self.users.number(event.user);
            }
        }
        self.last = Some(*event);
        if !event.is_play() {
            let place = self.counts.feedback;
            self.counts.feedback += 1;
            return Ok(Some(event.feedback(self.user, self.items.number(event.item), place)));
        }
        self.play_all(std::slice::from_ref(event), &[known])?;
        Ok(None)
    }

    /// Adds plays of the user at hand.
    fn play_all(&mut self, mut events: &[Event], mut known: &[Known]) -> Result<()> {
        if let Some(first) = events.first()
            && self.sessions.last().is_none_or(|session| session.user != self.user)
        {
            self.begin_session(first)?;
        }
        while !events.is_empty() {
            let count = self.in_session(events);
            let (now, later) = events.split_at(count);
            let (numbers, later_numbers) = known.split_at(count);
            let (mut without_ratio, mut without_length) = (0, 0);
            self.plays.extend(now.iter().zip(numbers).map(|(event, &known)| {
                let Event { time_s, length_s, ratio_pct, .. } = *event;
                without_ratio += u64::from(ratio_pct == NO_RATIO);
                without_length += u64::from(length_s == 0);
                Heard { track: self.items.played(event.item, length_s, known), time_s, length_s, ratio_pct }
            }));
            self.counts.without_ratio += without_ratio;
            self.counts.without_length += without_length;
            if let Some(next) = later.first() {
                self.begin_session(next)?;
            }
            (events, known) = (later, later_numbers);
        }
        Ok(())
    }

    /// How many of the plays, from the first on, belong to the session at hand, which they make longer.
    fn in_session(&mut self, events: &[Event]) -> usize {
        let mut end_ms = self.end_ms;
        let goes_on = |event: &Event| {
            let start_ms = i64::from(event.time_s) * 1000;
            let goes_on = start_ms - end_ms < self.gap_ms;
            if goes_on {
                end_ms = end_ms.max(start_ms + i64::from(ms_played(event.ratio_pct, event.length_s)));
            }
            goes_on
        };
        let count = events.iter().map(goes_on).take_while(|&goes_on| goes_on).count();
        self.end_ms = end_ms;
        count
    }

    #[inline(never)]
    fn begin_session(&mut self, event: &Event) -> Result<()> {
        self.end_session();
        if self.plays.len() >= GROUP_PLAYS {
            self.end_group()?;
        }
        let start_ms = i64::from(event.time_s) * 1000;
        let source = event.is_recommended().then_some(Source::Personalised);
        let context = Context { source, ..Context::default() };
        self.sessions.push(SessionRow { user: self.user, start_ms, context, plays: 0 });
        self.end_ms = start_ms;
        Ok(())
    }

    fn end_session(&mut self) {
        if let Some(session) = self.sessions.last_mut() {
            session.plays = (self.plays.len() - self.session_begin) as u32;
        }
        self.session_begin = self.plays.len();
    }

    fn end_group(&mut self) -> Result<()> {
        if self.plays.is_empty() {
            return Ok(());
        }
        self.counts.plays += self.plays.len() as u64;
        let sessions = Vec::with_capacity(self.sessions.len());
        let sessions = std::mem::replace(&mut self.sessions, sessions);
        let plays = Vec::with_capacity(self.plays.len());
        let plays = std::mem::replace(&mut self.plays, plays);
        self.session_begin = 0;
        let thresholds = self.thresholds;
        self.writer.write_group(sessions, plays.len(), move |sessions| thresholds.columns(sessions, &plays))
    }

    /// Writes what is left.
    pub(super) fn finish(mut self) -> Result<PlayCounts> {
        self.end_session();
        self.end_group()?;
        Ok(self.counts)
    }
}
