//! The state of many sessions, as a structure of arrays.

use crate::{PlayResponses, World};

/// One session, as a policy or a learner sees it.
#[derive(Clone, Copy, Debug)]
pub struct SessionView<'a> {
    /// The session's number: names all its draws.
    pub number: u64,
    /// Its row in the world's session starts.
    pub start: usize,
    /// The candidate pool: slots of the session start.
    pub pool: &'a [u16],
    /// What was played so far, in order: places in the pool.
    pub played: &'a [u16],
    /// The responses to what was played.
    pub responses: &'a [PlayResponses],
    /// Where user states move within sessions: the state at the start and after each play, one after another; else empty.
    pub states: &'a [f32],
}

impl<'a> SessionView<'a> {
    /// Tracks played so far.
    #[inline]
    pub fn position(&self) -> usize {
        self.played.len()
    }

    /// Places in the pool that may still be played, ascending.
    pub fn remaining(&self) -> impl Iterator<Item = u16> + use<'a> {
        let played = self.played;
        (0..self.pool.len() as u16).filter(move |place| !played.contains(place))
    }

    /// The `number`th of the places that may still be played, from 0; the pool's end where there are not as many.
    #[inline]
    pub fn nth_remaining(&self, number: usize) -> u16 {
        let mut place = number as u16;
        // Each place played at or before it moves it on by one; those beyond may be reached by that.
        let mut counted = 0;
        loop {
            let before = self.played.iter().filter(|&&played| played <= place).count() as u16;
            if before == counted {
                return place.min(self.pool.len() as u16);
            }
            (place, counted) = (number as u16 + before, before);
        }
    }

    /// The same session after its first `position` tracks.
    pub fn at(&self, position: usize) -> SessionView<'a> {
        let state_length = self.states.len() / (self.position() + 1);
        SessionView {
            played: &self.played[..position],
            responses: &self.responses[..position],
            states: &self.states[..(position + 1) * state_length],
            ..*self
        }
    }

    /// The user state as it stands.
    pub fn user_state(&self, world: &'a World) -> &'a [f32] {
        match self.states.len() / (self.position() + 1) {
            0 => &world.starts.session_features(self.start)[..world.starts.state_length()],
            length => &self.states[self.position() * length..],
        }
    }

    /// The track at a place of the pool.
    #[inline]
    pub fn track(&self, world: &World, place: u16) -> u32 {
        world.starts.tracks(self.start)[usize::from(self.pool[usize::from(place)])]
    }
}

/// A session that has ended, with all that a learner needs of it.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishedSession {
    /// The session's number.
    pub number: u64,
    /// Its row in the world's session starts.
    pub start: u32,
    /// The candidate pool: slots of the session start.
    pub pool: Vec<u16>,
    /// What was played, in order: places in the pool.
    pub played: Vec<u16>,
    /// The responses.
    pub responses: Vec<PlayResponses>,
    /// The rewards.
    pub rewards: Vec<f32>,
    /// The user states, as in [`SessionView::states`].
    pub states: Vec<f32>,
    /// Whether the listener left (otherwise the session was truncated).
    pub terminated: bool,
    /// Whether the listener came back for another session; never where sessions stand alone.
    pub returned: bool,
}

impl FinishedSession {
    /// The session after its last track.
    pub fn view(&self) -> SessionView<'_> {
        SessionView {
            number: self.number,
            start: self.start as usize,
            pool: &self.pool,
            played: &self.played,
            responses: &self.responses,
            states: &self.states,
        }
    }

    /// Sum of the rewards.
    pub fn total_reward(&self) -> f64 {
        self.rewards.iter().map(|&reward| f64::from(reward)).sum()
    }
}

/// The sessions of an environment. Arrays have one stride per session, so that nothing is allocated while stepping.
#[derive(Clone, Debug)]
pub struct SessionBatch {
    max_length: usize,
    max_pool: usize,
    /// Lengths of the user state and of its direction among the tracks where it moves within sessions, else 0.
    state_length: usize,
    direction_length: usize,
    numbers: Vec<u64>,
    starts: Vec<u32>,
    pools: Vec<u16>,
    pool_sizes: Vec<u32>,
    lengths: Vec<u32>,
    played: Vec<u16>,
    responses: Vec<PlayResponses>,
    rewards: Vec<f32>,
    states: Vec<f32>,
    directions: Vec<f32>,
}

impl SessionBatch {
    /// Room for `sessions` sessions of a world; none has begun.
    pub fn new(world: &World, sessions: usize) -> Self {
        let (max_length, max_pool) = (world.settings.max_length, world.settings.pool.max_size);
        let (state_length, direction_length) = match world.user_state_moves() {
            true => (world.starts.state_length(), world.catalog.vectors.dimension()),
            false => (0, 0),
        };
        Self {
            max_length,
            max_pool,
            state_length,
            direction_length,
            numbers: vec![0; sessions],
            starts: vec![0; sessions],
            pools: vec![0; sessions * max_pool],
            pool_sizes: vec![0; sessions],
            lengths: vec![0; sessions],
            played: vec![0; sessions * max_length],
            responses: vec![PlayResponses::default(); sessions * max_length],
            rewards: vec![0.0; sessions * max_length],
            states: vec![0.0; sessions * (max_length + 1) * state_length],
            directions: vec![0.0; sessions * direction_length],
        }
    }

    /// Number of sessions.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// One session.
    #[inline]
    pub fn view(&self, index: usize) -> SessionView<'_> {
        let length = self.lengths[index] as usize;
        SessionView {
            number: self.numbers[index],
            start: self.starts[index] as usize,
            pool: &self.pools[index * self.max_pool..][..self.pool_sizes[index] as usize],
            played: &self.played[index * self.max_length..][..length],
            responses: &self.responses[index * self.max_length..][..length],
            states: &self.states[index * (self.max_length + 1) * self.state_length..]
                [..(length + 1) * self.state_length],
        }
    }

    /// Begins the session of a number: its start and its pool are functions of the world's seed and the number.
    pub fn begin(&mut self, world: &World, index: usize, number: u64) {
        let (start, pool) = world.session_of(number);
        self.pools[index * self.max_pool..][..pool.len()].copy_from_slice(&pool);
        self.pool_sizes[index] = pool.len() as u32;
        self.numbers[index] = number;
        self.starts[index] = start as u32;
        self.lengths[index] = 0;
        let starts = &world.starts;
        self.set_state(
            index,
            &starts.session_features(start)[..self.state_length],
            &starts.track_direction(start)[..self.direction_length],
        );
    }

    /// Notes the user state of a session at its present position, where user states move within sessions.
    pub(crate) fn set_state(&mut self, index: usize, state: &[f32], direction: &[f32]) {
        let position = index * (self.max_length + 1) + self.lengths[index] as usize;
        self.states[position * self.state_length..][..self.state_length].copy_from_slice(state);
        self.directions[index * self.direction_length..][..self.direction_length].copy_from_slice(direction);
    }

    /// Where the listener of a session wants to go in the space of the tracks, as it stands: of length 1, or zeros.
    pub fn track_direction<'a>(&'a self, world: &'a World, index: usize) -> &'a [f32] {
        match self.direction_length {
            0 => world.starts.track_direction(self.starts[index] as usize),
            length => &self.directions[index * length..][..length],
        }
    }

    /// Adds a play to a session.
    pub fn record(&mut self, index: usize, place: u16, responses: PlayResponses, reward: f32) {
        let slot = index * self.max_length + self.lengths[index] as usize;
        self.played[slot] = place;
        self.responses[slot] = responses;
        self.rewards[slot] = reward;
        self.lengths[index] += 1;
    }

    /// A copy of a session that has ended.
    pub fn finished(&self, index: usize, terminated: bool, returned: bool) -> FinishedSession {
        let view = self.view(index);
        FinishedSession {
            number: view.number,
            start: view.start as u32,
            pool: view.pool.to_vec(),
            played: view.played.to_vec(),
            responses: view.responses.to_vec(),
            rewards: self.rewards(index).to_vec(),
            states: view.states.to_vec(),
            terminated,
            returned,
        }
    }

    /// The rewards of a session so far.
    pub fn rewards(&self, index: usize) -> &[f32] {
        &self.rewards[index * self.max_length..][..self.lengths[index] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_remaining_place_is_found_as_by_going_through_them() {
        let pool: Vec<u16> = (0..9).collect();
        // Every order of playing four of nine, by the digits of a number.
        for code in 0..9 * 8 * 7 * 6 {
            let (mut open, mut played, mut rest) = (pool.clone(), Vec::new(), code);
            for left in (6..=9).rev() {
                played.push(open.remove(rest % left));
                rest /= left;
            }
            let view = SessionView { number: 0, start: 0, pool: &pool, played: &played, responses: &[], states: &[] };
            for number in 0..6 {
                let expected = view.remaining().nth(number).unwrap_or(9);
                assert_eq!(view.nth_remaining(number), expected, "{played:?} {number}");
            }
        }
    }
}
