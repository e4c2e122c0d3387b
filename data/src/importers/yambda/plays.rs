//! From events to sessions.

use super::PlacedFeedback;
use super::events::{Event, NO_RATIO};
use super::items::{Items, Known, Users};
use crate::dataset::{GROUP_PLAYS, PLAYS_AT_ONCE, PlayColumns, SessionRow};
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

/// What a row group holds of a play until an encoder takes it apart.
#[derive(Clone, Copy)]
struct Heard {
    track: u32,
    time_s: u32,
    /// 0 where not known.
    length_s: u32,
    /// Percent played, or [`NO_RATIO`].
    ratio_pct: u16,
}

impl Heard {
    fn start_ms(&self) -> i64 {
        i64::from(self.time_s) * 1000
    }

    /// How long it played, where share and length are told.
    fn ms_played(&self) -> Option<u32> {
        let ms_played = u64::from(self.ratio_pct) * u64::from(self.length_s) * 10;
        let told = self.ratio_pct != NO_RATIO && self.length_s > 0;
        told.then_some(ms_played.min(i32::MAX as u64) as u32)
    }
}

/// Gathers events that come in order of user and time into sessions, and those into row groups.
pub(super) struct Plays<'a> {
    rules: &'a SessionRules,
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
        rules: &'a SessionRules,
        writer: &'a mut DatasetWriter,
        items: &'a mut Items,
        users: &'a mut Users,
    ) -> Self {
        Self {
            rules,
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
    #[inline]
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
        self.play(event, known)?;
        Ok(None)
    }

    fn play(&mut self, event: &Event, known: Known) -> Result<()> {
        let Event { time_s, length_s, ratio_pct, .. } = *event;
        let play = Heard { track: self.items.played(event.item, length_s, known), time_s, length_s, ratio_pct };
        self.counts.plays += 1;
        self.counts.without_ratio += u64::from(ratio_pct == NO_RATIO);
        self.counts.without_length += u64::from(length_s == 0);
        let start_ms = play.start_ms();
        let goes_on = self.sessions.last().is_some_and(|session| session.user == self.user)
            && !self.rules.opens_session(self.end_ms, start_ms);
        if !goes_on {
            self.end_session();
            if self.plays.len() >= GROUP_PLAYS {
                self.end_group()?;
            }
            let source = event.is_recommended().then_some(Source::Personalised);
            let context = Context { source, ..Context::default() };
            self.sessions.push(SessionRow { user: self.user, start_ms, context, plays: 0 });
            self.end_ms = start_ms;
        }
        self.end_ms = self.end_ms.max(start_ms + i64::from(play.ms_played().unwrap_or(0)));
        self.plays.push(play);
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
        let sessions = Vec::with_capacity(self.sessions.len());
        let sessions = std::mem::replace(&mut self.sessions, sessions);
        let plays = Vec::with_capacity(self.plays.len());
        let plays = std::mem::replace(&mut self.plays, plays);
        self.session_begin = 0;
        let rules = *self.rules;
        self.writer.write_group(sessions, plays.len(), move |sessions| columns(&rules, sessions, &plays))
    }

    /// Writes what is left.
    pub(super) fn finish(mut self) -> Result<PlayCounts> {
        self.end_session();
        self.end_group()?;
        Ok(self.counts)
    }
}

fn columns(rules: &SessionRules, sessions: &[SessionRow], heard: &[Heard]) -> PlayColumns {
    // In whole percent: the product of share and length may fall short of the time played by a rounding.
    let complete_pct = (rules.complete_share * 100.0 - 1e-9).ceil() as u16;
    let mut columns = PlayColumns::with_capacity(heard.len());
    let mut plays = Vec::with_capacity(2 * PLAYS_AT_ONCE);
    let mut rest = heard;
    for session in sessions {
        let (of_session, others) = rest.split_at(session.plays as usize);
        rest = others;
        let following = of_session.iter().skip(1).map(Some).chain([None]);
        plays.extend(of_session.iter().zip(following).map(|(play, next)| play_of(rules, complete_pct, play, next)));
        if plays.len() >= PLAYS_AT_ONCE {
            columns.extend(&plays);
            plays.clear();
        }
    }
    columns.extend(&plays);
    columns
}

/// A play, and that which follows it in its session.
#[inline]
fn play_of(rules: &SessionRules, complete_pct: u16, heard: &Heard, next: Option<&Heard>) -> Play {
    let complete = (heard.ratio_pct != NO_RATIO).then_some(heard.ratio_pct >= complete_pct);
    let ms_played = heard.ms_played();
    let mut responses = match ms_played {
        Some(ms_played) => rules.responses(ms_played, Some(heard.length_s * 1000), complete, None),
        None => Responses { complete, skip: complete.and_then(|yes| yes.then_some(false)), past_threshold: None },
    };
    // A player leaves a track before its end only for a reason: the listener wanted another, or the same from its
    // beginning.
    if responses.complete == Some(false) {
        responses.skip = next.map(|next| next.track != heard.track);
    }
    Play { track: heard.track, start_ms: heard.start_ms(), ms_played, responses, ..Play::default() }
}
