//! The environment made of a world and its listeners: those of a learnt user-response model, or the synthetic listeners
//! themselves.

use std::sync::Arc;

use listening_data::{CounterRng, Stream};

use crate::{
    Answer, EnvError, Listeners, MovingStates, Result, SessionBatch, StepBatch, VecEnv, World, next_in_episode,
};

/// Simulated sessions.
pub struct SimulatedEnv {
    world: Arc<World>,
    listeners: Box<dyn Listeners>,
    sessions: SessionBatch,
    moving: Option<MovingStates>,
    /// What the reward loses per unit of the listeners' disagreement.
    uncertainty_penalty: f32,
    /// The number that the next new session takes, and the distance to the one after it.
    next_number: u64,
    stride: u64,
    answers: Vec<Answer>,
}

impl SimulatedEnv {
    /// An environment of `sessions` parallel sessions with the numbers `first`, `first + stride`, ... in the order in
    /// which they begin.
    pub fn new(
        world: Arc<World>,
        listeners: Box<dyn Listeners>,
        sessions: usize,
        first: u64,
        stride: u64,
    ) -> Result<Self> {
        let mut env = Self {
            moving: MovingStates::new(&world, sessions)?,
            uncertainty_penalty: 0.0,
            sessions: SessionBatch::new(&world, sessions),
            world,
            listeners,
            next_number: first,
            stride,
            answers: Vec::new(),
        };
        (0..sessions).try_for_each(|index| env.begin(index))?;
        Ok(env)
    }

    /// Charges each reward with `penalty` times the listeners' disagreement about it ([`Answer::disagreement`]): what an
    /// ensemble is not sure of is worth less.
    pub fn with_uncertainty_penalty(mut self, penalty: f32) -> Self {
        self.uncertainty_penalty = penalty;
        self
    }

    fn begin(&mut self, index: usize) -> Result<()> {
        self.next_number += self.stride;
        self.begin_as(index, self.next_number - self.stride)
    }

    fn begin_as(&mut self, index: usize, number: u64) -> Result<()> {
        self.sessions.begin(&self.world, index, number);
        self.listeners.begin(&self.world, &self.sessions, index)
    }

    /// Whether the listener of a session that has ended comes back.
    fn returns(&mut self, index: usize) -> Result<bool> {
        if self.world.settings.episode.sessions == 1 {
            return Ok(false);
        }
        let probability = self.listeners.return_probability(&self.world, &self.sessions, index)?;
        let mut rng = CounterRng::new(self.world.seed, Stream::SimulatedReturn, self.sessions.view(index).number, 0);
        Ok(f64::from(rng.uniform()) < probability)
    }

    /// The number that the next new session takes.
    pub fn next_number(&self) -> u64 {
        self.next_number
    }

    /// Puts the environment back where it was: sessions as given (in order), then new ones from `next_number`.
    ///
    /// Start and pool follow from the number, so a saved session is its number and what was played in it; user states
    /// and listeners take the plays in again.
    pub fn restore<'a>(&mut self, saved: impl Iterator<Item = SavedSession<'a>>, next_number: u64) -> Result<()> {
        let saved: Vec<SavedSession<'_>> = saved.collect();
        for (index, session) in saved.iter().enumerate() {
            self.begin_as(index, session.number)?;
        }
        let longest = saved.iter().map(|session| session.played.len()).max().unwrap_or(0);
        for position in 0..longest {
            let mut chosen = vec![false; self.sessions.len()];
            for (index, session) in saved.iter().enumerate().filter(|(_, session)| position < session.played.len()) {
                let responses = crate::PlayResponses::from_bits(session.responses[position]);
                self.listeners.recall(&self.world, &self.sessions, index, u32::from(session.played[position]))?;
                self.sessions.record(index, session.played[position], responses, session.rewards[position]);
                chosen[index] = true;
            }
            if let Some(moving) = &mut self.moving {
                moving.advance(&self.world, &mut self.sessions, &chosen)?;
            }
        }
        self.next_number = next_number;
        Ok(())
    }

    fn check(&self, actions: &[u32]) -> Result<()> {
        if actions.len() != self.sessions.len() {
            return Err(EnvError::ActionCount { expected: self.sessions.len(), found: actions.len() });
        }
        for (index, &action) in actions.iter().enumerate() {
            let view = self.sessions.view(index);
            let playable = (action as usize) < view.pool.len() && !view.played.contains(&(action as u16));
            if !playable {
                return Err(EnvError::InvalidAction {
                    session: view.number,
                    step: view.position() as u32,
                    action,
                    pool: view.pool.len(),
                    remaining: view.pool.len() - view.position(),
                });
            }
        }
        Ok(())
    }
}

/// A session to go on with.
pub struct SavedSession<'a> {
    /// Its number.
    pub number: u64,
    /// What was played: places in the pool.
    pub played: &'a [u16],
    /// The responses, as bits.
    pub responses: &'a [u8],
    /// The rewards.
    pub rewards: &'a [f32],
}

impl VecEnv for SimulatedEnv {
    fn world(&self) -> &World {
        &self.world
    }

    fn sessions(&self) -> &SessionBatch {
        &self.sessions
    }

    fn step(&mut self, actions: &[u32], step: &mut StepBatch) -> Result<()> {
        self.check(actions)?;
        step.clear();
        let world = Arc::clone(&self.world);
        self.listeners.answer(&world, &self.sessions, actions, &mut self.answers)?;
        let settings = &world.settings;
        for (index, (&action, &Answer { responses, reward, disagreement, left })) in
            actions.iter().zip(&self.answers).enumerate()
        {
            let reward = reward - self.uncertainty_penalty * disagreement;
            self.sessions.record(index, action as u16, responses, reward);
            let view = self.sessions.view(index);
            let streak = view.responses.iter().rev().take_while(|responses| responses.skip).count();
            let fed_up = settings.skips_in_a_row > 0 && streak >= settings.skips_in_a_row as usize;
            let terminated = (settings.session_end && left) || fed_up;
            let exhausted = view.position() == settings.max_length || view.position() == view.pool.len();
            step.rewards.push(reward);
            step.responses.push(responses);
            step.terminated.push(terminated);
            step.truncated.push(exhausted && !terminated);
        }
        if let Some(moving) = &mut self.moving {
            moving.advance(&world, &mut self.sessions, &vec![true; actions.len()])?;
        }
        for index in 0..actions.len() {
            let terminated = step.terminated[index];
            if terminated || step.truncated[index] {
                let returned = self.returns(index)?;
                let finished = self.sessions.finished(index, terminated, returned);
                if world.goes_on(&finished) {
                    self.begin_as(index, next_in_episode(finished.number))?;
                } else {
                    self.begin(index)?;
                }
                step.finished.push(finished);
            }
        }
        Ok(())
    }
}
