//! User states of trained encoders at the starts of logged sessions, by running the encoders through the histories.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use listening_data::{LoggedSession, Session};

use super::session_states::{SessionStates, StartDraw, StateAtStart};
use crate::features::{FAST_EXTRAS, MomentFeatures, UserTimeline};
use crate::track_embeddings::TrackVectors;
use crate::user_state::{CarriedStates, Histories, Moment, UserState, UserStates, write_play};
use crate::{ModelError, Result};

/// Users who are run through side by side.
const LANES: usize = 256;
/// About how many sessions' states are held at a time.
const SESSIONS_HELD: usize = 1 << 16;

/// Runs the encoders through the histories of a dataset, some users at a time, and gives what they said at each
/// session's start.
pub struct EncodedStates<'a> {
    carried: CarriedStates,
    histories: &'a Histories,
    vectors: Arc<TrackVectors>,
    /// The sessions whose states are held.
    held: Range<usize>,
    states: Vec<f32>,
    directions: Vec<f32>,
    memories: BTreeMap<usize, Vec<f32>>,
}

/// A user on the way through the history.
#[derive(Clone)]
struct Lane {
    sessions: Range<usize>,
    /// The next play.
    play: usize,
}

impl<'a> EncodedStates<'a> {
    /// States by these encoders, over histories and the tracks' vectors that they were trained on.
    pub fn new(states: UserStates, histories: &'a Histories, vectors: Arc<TrackVectors>) -> Result<Self> {
        Ok(Self {
            carried: CarriedStates::new(states, LANES)?,
            histories,
            vectors,
            held: 0..0,
            states: Vec::new(),
            directions: Vec::new(),
            memories: BTreeMap::new(),
        })
    }

    /// Runs through the next users, from the one of a session on.
    fn hold(&mut self, session: usize, draw: &StartDraw) -> Result<()> {
        let histories = self.histories;
        let first = histories.user_of(session);
        let start = histories.sessions_of(first).start;
        let mut last = first;
        while last + 1 < histories.users() && histories.sessions_of(last).end - start < SESSIONS_HELD {
            last += 1;
        }
        self.held = start..histories.sessions_of(last).end;
        self.states.clear();
        self.states.resize(self.held.len() * self.dimension(), 0.0);
        self.directions.clear();
        self.directions.resize(self.held.len() * self.vectors.dimension(), 0.0);
        self.memories.clear();
        // Long histories first, so that at the end no lane goes on alone for long.
        let mut users: Vec<usize> = (first..=last).collect();
        users.sort_by_key(|&user| Reverse(histories.plays_of_all(histories.sessions_of(user)).len()));
        self.run(users.into_iter().map(|user| histories.sessions_of(user)), draw)
    }

    fn run(&mut self, mut waiting: impl Iterator<Item = Range<usize>>, draw: &StartDraw) -> Result<()> {
        let histories = self.histories;
        let moment_length = Moment::row_length(histories.slow_length());
        let play_length = self.vectors.dimension() + FAST_EXTRAS;
        let new_user = vec![0.0; self.carried.states().memory_length()];
        let mut lanes: Vec<Option<Lane>> = vec![None; LANES];
        let mut moments = vec![0.0; LANES * moment_length];
        let mut plays = vec![0.0; LANES * play_length];
        loop {
            for (row, lane) in lanes.iter_mut().enumerate().filter(|(_, lane)| lane.is_none()) {
                let Some(sessions) = waiting.next() else { break };
                self.carried.set_memory(row, &new_user)?;
                *lane = Some(Lane { play: histories.plays_of_all(sessions.clone()).start, sessions });
            }
            let (mut begin, mut play, mut end) = ([false; LANES], [false; LANES], [false; LANES]);
            for (row, lane) in lanes.iter().enumerate().filter_map(|(row, lane)| Some((row, lane.as_ref()?))) {
                let session = lane.sessions.start;
                let of_session = histories.plays_of(session);
                begin[row] = lane.play == of_session.start;
                play[row] = lane.play < of_session.end;
                end[row] = lane.play + 1 >= of_session.end;
                if begin[row] {
                    moment_of(histories, session).write(&mut moments[row * moment_length..][..moment_length]);
                }
                if play[row] {
                    let row = &mut plays[row * play_length..][..play_length];
                    write_play(histories, &self.vectors, lane.play, row);
                }
            }
            if lanes.iter().all(Option::is_none) {
                return Ok(());
            }
            if begin.contains(&true) {
                self.carried.begin_session(&begin, &moments)?;
                self.note(&lanes, &begin, draw)?;
            }
            self.carried.play(&play, &plays)?;
            self.carried.end_session(&end)?;
            for (row, slot) in lanes.iter_mut().enumerate() {
                let Some(lane) = slot else { continue };
                lane.play += usize::from(play[row]);
                lane.sessions.start += usize::from(end[row]);
                if lane.sessions.is_empty() {
                    *slot = None;
                }
            }
        }
    }

    /// Notes the states of the lanes in which a session begins.
    fn note(&mut self, lanes: &[Option<Lane>], begin: &[bool], draw: &StartDraw) -> Result<()> {
        let (vectors, directions) = (self.carried.vectors()?, self.carried.track_directions()?);
        let begun = lanes.iter().enumerate().filter(|(row, _)| begin[*row]);
        for (row, session) in begun.filter_map(|(row, lane)| Some((row, lane.as_ref()?.sessions.start))) {
            let place = session - self.held.start;
            copy_row(&vectors, row, &mut self.states, place, self.carried.states().dimension());
            copy_row(&directions, row, &mut self.directions, place, self.vectors.dimension());
            if self.kept_memory() > 0 && draw.keeps(session as u64, self.histories.split(session)) {
                self.memories.insert(session, self.carried.memory(row)?);
            }
        }
        Ok(())
    }

    fn held_state(&self, session: usize, gap_hours: f32) -> StateAtStart<'_> {
        let place = session - self.held.start;
        let (state, track) = (self.dimension(), self.vectors.dimension());
        StateAtStart {
            vector: &self.states[place * state..][..state],
            direction: &self.directions[place * track..][..track],
            memory: self.memories.get(&session).map_or(&[], Vec::as_slice),
            gap_hours,
        }
    }
}

impl SessionStates for EncodedStates<'_> {
    fn dimension(&self) -> usize {
        self.carried.states().dimension()
    }

    fn kept_memory(&self) -> usize {
        let states = self.carried.states();
        if states.moves_within_sessions() { states.memory_length() } else { 0 }
    }

    fn at_start(&mut self, logged: &LoggedSession, draw: &StartDraw) -> Result<StateAtStart<'_>> {
        let (number, histories) = (logged.number as usize, self.histories);
        let known = number < histories.sessions() && histories.start_ms(number) == logged.session.start_ms;
        if !known || histories.plays_of(number).len() != logged.session.plays.len() {
            return Err(ModelError::OtherHistories { session: logged.number });
        }
        if !self.held.contains(&number) {
            self.hold(number, draw)?;
        }
        Ok(self.held_state(number, moment_of(histories, number).gap_hours))
    }

    fn after_log(&mut self, timeline: &UserTimeline, next: &Session) -> Result<StateAtStart<'_>> {
        let histories = self.histories;
        let of_user = (0..histories.users()).find(|&user| histories.user_number(user) == timeline.user);
        let user = of_user.ok_or(ModelError::OtherHistories { session: 0 })?;
        let states = self.carried.states().another();
        let mut alone = CarriedStates::new(states, 1)?;
        let mut moment = vec![0.0; Moment::row_length(histories.slow_length())];
        let mut row = vec![0.0; self.vectors.dimension() + FAST_EXTRAS];
        for session in histories.sessions_of(user) {
            moment_of(histories, session).write(&mut moment);
            alone.begin_session(&[true], &moment)?;
            for play in histories.plays_of(session) {
                write_play(histories, &self.vectors, play, &mut row);
                alone.play(&[true], &row)?;
            }
            alone.end_session(&[true])?;
        }
        let mut slow_features = vec![0.0; histories.slow_length()];
        MomentFeatures::new(Arc::clone(&self.vectors), 0)
            .at_each(timeline, [next.start_ms], |now_ms, features, _| features.write(now_ms, &mut slow_features));
        let last_play = timeline.sessions.iter().filter_map(|session| session.plays.last()).next_back();
        let gap_ms = last_play.map_or(0, |play| (next.start_ms - play.end_ms()).max(0));
        let gap_hours = gap_ms as f32 / 3_600_000.0;
        Moment { slow_features: &slow_features, context: next.context, gap_hours }.write(&mut moment);
        alone.begin_session(&[true], &moment)?;
        self.held = 0..1;
        self.states = alone.vectors()?;
        self.directions = alone.track_directions()?;
        self.memories.clear();
        if self.kept_memory() > 0 {
            self.memories.insert(0, alone.memory(0)?);
        }
        Ok(self.held_state(0, gap_hours))
    }
}

fn moment_of(histories: &Histories, session: usize) -> Moment<'_> {
    let first_play = histories.plays_of(session).next();
    Moment {
        slow_features: histories.slow_features(session),
        context: histories.context(session),
        gap_hours: first_play.map_or(0.0, |play| histories.gap_hours(play)),
    }
}

fn copy_row(from: &[f32], row: usize, to: &mut [f32], place: usize, width: usize) {
    to[place * width..][..width].copy_from_slice(&from[row * width..][..width]);
}

#[cfg(test)]
mod tests;
