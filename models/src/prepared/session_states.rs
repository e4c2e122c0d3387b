//! The user state at the start of each logged session.

use listening_data::{CounterRng, LoggedSession, Session, Stream};

use crate::Result;
use crate::features::UserTimeline;
use crate::splits::Split;
use crate::user_state::RecencyWeightedMean;

/// Which logged sessions are kept as session starts: each with a probability, by its number alone.
#[derive(Clone, Copy, Debug)]
pub struct StartDraw {
    pub(super) seed: u64,
    /// Share kept of the training sessions, and of the held-out ones.
    pub(super) shares: [f64; 2],
}

impl StartDraw {
    pub(super) fn keeps(&self, number: u64, split: Split) -> bool {
        let mut draw = CounterRng::new(self.seed, Stream::Sampling, number, 0);
        f64::from(draw.uniform()) < self.shares[usize::from(split != Split::Train)]
    }
}

/// What is known of what a listener wants as a session starts.
#[derive(Clone, Copy, Debug)]
pub struct StateAtStart<'s> {
    /// The state vector.
    pub vector: &'s [f32],
    /// Where the listener wants to go in the space of the tracks: of length 1, or zeros.
    pub direction: &'s [f32],
    /// The memory from which the state goes on within the session; empty where it stands still, or is not kept.
    pub memory: &'s [f32],
    /// Hours from the end of the user's last play; 0 where there is none.
    pub gap_hours: f32,
}

/// Gives the user states at the starts of sessions.
pub trait SessionStates {
    /// Length of the state vector.
    fn dimension(&self) -> usize;

    /// Length of the memories that are kept: 0 where the state stands still within a session.
    fn kept_memory(&self) -> usize;

    /// The state at the start of a session. Asked for every session of the dataset once, in order; `draw` tells which
    /// memories are kept.
    fn at_start(&mut self, logged: &LoggedSession, draw: &StartDraw) -> Result<StateAtStart<'_>>;

    /// The state at the start of `next`, a session of the timeline's user after all that is in it.
    fn after_log(&mut self, timeline: &UserTimeline, next: &Session) -> Result<StateAtStart<'_>>;
}

/// The recency-weighted mean, taken from the sessions as they are read.
pub struct MeanStates {
    encoder: RecencyWeightedMean,
    user: Option<u32>,
    sum: Vec<f32>,
    state: Vec<f32>,
}

impl MeanStates {
    /// States by this encoder.
    pub fn new(encoder: RecencyWeightedMean) -> Self {
        let zeros = vec![0.0; encoder.track_dimension()];
        Self { encoder, user: None, sum: zeros.clone(), state: zeros }
    }

    fn state(&self) -> StateAtStart<'_> {
        StateAtStart { vector: &self.state, direction: &self.state, memory: &[], gap_hours: 0.0 }
    }
}

impl SessionStates for MeanStates {
    fn dimension(&self) -> usize {
        self.encoder.track_dimension()
    }

    fn kept_memory(&self) -> usize {
        0
    }

    fn at_start(&mut self, logged: &LoggedSession, _draw: &StartDraw) -> Result<StateAtStart<'_>> {
        let session = &logged.session;
        if self.user != Some(session.user) {
            self.user = Some(session.user);
            self.sum.fill(0.0);
        }
        self.encoder.direction(&self.sum, &mut self.state);
        session.plays.iter().for_each(|play| self.encoder.hear(&mut self.sum, play));
        Ok(self.state())
    }

    fn after_log(&mut self, timeline: &UserTimeline, _next: &Session) -> Result<StateAtStart<'_>> {
        self.user = None;
        self.sum.fill(0.0);
        let plays = timeline.sessions.iter().flat_map(|session| &session.plays);
        plays.for_each(|play| self.encoder.hear(&mut self.sum, play));
        self.encoder.direction(&self.sum, &mut self.state);
        Ok(self.state())
    }
}
