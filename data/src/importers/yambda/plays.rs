//! From events to sessions.

use super::PlacedFeedback;
use super::events::{Event, NO_RATIO};
use super::items::{Items, Known, Users};
use crate::dataset::{GROUP_PLAYS, PlayColumns, SessionRow};
use crate::table::Values;
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
                for (event, &known) in events[plays.clone()].iter().zip(&known[plays]) {
                    self.play(event, known)?;
                }
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
        self.play(event, known)?;
        Ok(None)
    }

    #[inline]
    fn play(&mut self, event: &Event, known: Known) -> Result<()> {
        let Event { time_s, length_s, ratio_pct, .. } = *event;
        let play = Heard { track: self.items.played(event.item, length_s, known), time_s, length_s, ratio_pct };
        let start_ms = play.start_ms();
        let goes_on = self.sessions.last().is_some_and(|session| session.user == self.user)
            && !self.rules.opens_session(self.end_ms, start_ms);
        if !goes_on {
            self.begin_session(event, start_ms)?;
        }
        self.end_ms = self.end_ms.max(start_ms + i64::from(play.ms_played().unwrap_or(0)));
        self.plays.push(play);
        Ok(())
    }

    #[inline(never)]
    fn begin_session(&mut self, event: &Event, start_ms: i64) -> Result<()> {
        self.end_session();
        if self.plays.len() >= GROUP_PLAYS {
            self.end_group()?;
        }
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
        self.counts.without_ratio += self.plays.iter().filter(|play| play.ratio_pct == NO_RATIO).count() as u64;
        self.counts.without_length += self.plays.iter().filter(|play| play.length_s == 0).count() as u64;
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

/// The columns of some plays. Each is made in a loop without branches: what a play was cannot be foreseen.
fn columns(rules: &SessionRules, sessions: &[SessionRow], heard: &[Heard]) -> PlayColumns {
    // In whole percent: the product of share and length may fall short of the time played by a rounding.
    let complete_pct = (rules.complete_share * 100.0 - 1e-9).ceil() as u16;
    let no = || vec![false; heard.len()];
    let (mut share_told, mut time_told, mut complete, mut past_threshold) = (no(), no(), no(), no());
    let told = share_told.iter_mut().zip(&mut time_told);
    let responses = complete.iter_mut().zip(&mut past_threshold);
    for ((play, (share_told, time_told)), (complete, past_threshold)) in heard.iter().zip(told).zip(responses) {
        *share_told = play.ratio_pct != NO_RATIO;
        *time_told = *share_told & (play.length_s > 0);
        let duration_ms = (play.length_s > 0).then_some(play.length_s * 1000);
        let finished = Some(play.ratio_pct >= complete_pct);
        let responses = rules.responses(play.ms_played().unwrap_or(0), duration_ms, finished, None);
        *complete = *share_told & (responses.complete == Some(true));
        *past_threshold = *time_told & (responses.past_threshold == Some(true));
    }
    // A player leaves a track before its end only for a reason: the listener wanted another, or the same from its
    // beginning.
    let following = heard.iter().skip(1).map(|play| play.track).chain([0]);
    let left = heard.iter().zip(following).map(|(play, following)| play.track != following);
    let of_share = share_told.iter().zip(&complete);
    let mut skip: Vec<bool> = left.zip(of_share).map(|(left, (told, complete))| left & told & !complete).collect();
    let mut skip_told = share_told.clone();
    let mut end = 0;
    for session in sessions {
        end += session.plays as usize;
        // Nothing follows the last play of a session.
        let last = end - 1;
        skip[last] = false;
        skip_told[last] = complete[last];
    }
    PlayColumns {
        tracks: heard.iter().map(|play| play.track as i32).collect(),
        starts_ms: heard.iter().map(Heard::start_ms).collect(),
        ms_played: Values::told(
            heard.iter().map(|play| play.ms_played().unwrap_or(0) as i32).collect(),
            time_told.clone(),
        ),
        complete: Values::told(complete, share_told),
        skip: Values::told(skip, skip_told),
        past_threshold: Values::told(past_threshold, time_told),
        skip_steps: None,
        propensities: None,
    }
}
