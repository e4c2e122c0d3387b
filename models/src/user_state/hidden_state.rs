//! What one who knew the hidden state of synthetic listeners would foretell: the mean over what they might do next. No model
//! can do better by more than chance; how far it comes short is what it has not found out.

use std::thread;

use listening_data::{Alternatives, AlternativesOf, Session, SessionRules, SyntheticSource, SyntheticWorld};

use super::foreteller::{Foreteller, Foretold};
use super::histories::Histories;
use super::lanes::users_of;
use super::sequences::Part;
use crate::splits::Split;
use crate::track_embeddings::TrackVectors;
use crate::user_state::baselines::is_target;
use crate::{ModelError, Result};

/// Draws per play or session. The squared distance of the foretold mean is 1/64 of the spread above the least possible.
const DRAWS: u32 = 64;
/// Users per thread whose targets wait in memory.
const USERS_AT_ONCE: usize = 16;

/// Foretells plays or sessions of synthetic listeners.
pub struct HiddenState<'a> {
    histories: &'a Histories,
    vectors: &'a TrackVectors,
    world: SyntheticWorld,
    rules: SessionRules,
    of: AlternativesOf,
    threads: usize,
}

impl<'a> HiddenState<'a> {
    /// Foretells plays: knows all but chance, also what a session is about and what a radio was started from.
    pub fn over_plays(
        histories: &'a Histories,
        vectors: &'a TrackVectors,
        source: &SyntheticSource,
        threads: usize,
    ) -> Result<Self> {
        let world = SyntheticWorld::new(&source.config, source.seed)?;
        Ok(Self { histories, vectors, world, rules: source.rules, of: AlternativesOf::Plays, threads: threads.max(1) })
    }

    /// Foretells sessions as they begin: knows taste, moods, interests, time and device.
    pub fn over_sessions(
        histories: &'a Histories,
        vectors: &'a TrackVectors,
        source: &SyntheticSource,
        threads: usize,
    ) -> Result<Self> {
        Ok(Self { of: AlternativesOf::Sessions, ..Self::over_plays(histories, vectors, source, threads)? })
    }

    /// The targets of a user's sessions in a split, with what is foretold.
    fn of_user(&self, user: usize, split: Split) -> Result<Vec<(usize, Vec<f32>)>> {
        let histories = self.histories;
        let sessions = histories.sessions_of(user);
        let wanted = |number: usize| {
            let session = sessions.start + number;
            session < sessions.end && histories.split(session) == split
        };
        let number = histories.user_number(user);
        let history = self.world.alternatives(&self.rules, number, self.of, DRAWS, wanted);
        let logged = sessions.clone().map(|session| histories.start_ms(session));
        if !history.iter().map(|found| found.session.start_ms).eq(logged) {
            return Err(ModelError::OtherHistories { session: sessions.start as u64 });
        }
        let mut foretold = Vec::new();
        for (session, found) in sessions.clone().zip(&history).filter(|(session, _)| wanted(session - sessions.start)) {
            let plays = histories.plays_of(session);
            let mut targets = plays.clone().filter(|&play| is_target(histories, self.vectors, split, play, session));
            match self.of {
                AlternativesOf::Plays => {
                    foretold.extend(targets.map(|play| (play, self.play_vector(found, play - plays.start))));
                }
                AlternativesOf::Sessions => {
                    foretold.extend(targets.next().map(|_| (session, self.session_vector(found))));
                }
            }
        }
        Ok(foretold)
    }

    /// The mean vector of the tracks not skipped that might have been played, on the scale of the targets.
    fn play_vector(&self, alternatives: &Alternatives, place: usize) -> Vec<f32> {
        let mut sum = vec![0.0; self.vectors.dimension()];
        let mut total = 0.0;
        for other in alternatives.plays[place].iter().filter(|other| self.vectors.known(other.track)) {
            add(&mut sum, self.vectors.vector(other.track), other.not_skipped);
            total += other.not_skipped;
        }
        let scale = (sum.len() as f64).sqrt() / f64::max(total, f64::MIN_POSITIVE);
        sum.iter().map(|x| (x * scale) as f32).collect()
    }

    /// The mean direction of the sessions that might have been.
    fn session_vector(&self, alternatives: &Alternatives) -> Vec<f32> {
        let mut sum = vec![0.0; self.vectors.dimension()];
        for session in &alternatives.sessions {
            let direction = self.direction(session);
            sum.iter_mut().zip(direction).for_each(|(sum, x)| *sum += x);
        }
        unit(&mut sum);
        sum.into_iter().map(|x| x as f32).collect()
    }

    /// As [`session_vector`](super::session_vector) of the tracks played.
    fn direction(&self, session: &Session) -> Vec<f64> {
        let mut sum = vec![0.0; self.vectors.dimension()];
        for play in session.plays.iter().filter(|play| play.responses.skip != Some(true)) {
            add(&mut sum, self.vectors.vector(play.track), 1.0);
        }
        unit(&mut sum);
        sum
    }
}

fn add(sum: &mut [f64], vector: &[f32], weight: f64) {
    sum.iter_mut().zip(vector).for_each(|(sum, &x)| *sum += weight * f64::from(x));
}

fn unit(vector: &mut [f64]) {
    let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
}

impl Foreteller for HiddenState<'_> {
    fn foretell(&self, part: Part, take: &mut dyn FnMut(Foretold<'_>) -> Result<()>) -> Result<()> {
        let users: Vec<usize> = users_of(part, self.histories.users()).collect();
        let of_users = |users: &[usize]| users.iter().map(|&user| self.of_user(user, part.split)).collect::<Vec<_>>();
        for users in users.chunks(USERS_AT_ONCE * self.threads) {
            let found = thread::scope(|scope| {
                let parts = users.chunks(USERS_AT_ONCE);
                let running: Vec<_> = parts.map(|users| scope.spawn(move || of_users(users))).collect();
                let join = |running: thread::ScopedJoinHandle<'_, _>| {
                    running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                };
                running.into_iter().flat_map(join).collect::<Result<Vec<_>>>()
            })?;
            for (target, vector) in found.iter().flatten() {
                take(Foretold { target: *target, vector, rank: None })?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
