//! What one who knew the hidden state of synthetic listeners would foretell: the mean over what they might do next. No model
//! can do better by more than chance; how far it comes short is what it has not found out.

use listening_data::{Alternatives, Session, SessionRules, SyntheticSource, SyntheticWorld};

use super::foreteller::{Foreteller, Foretold};
use super::histories::Histories;
use super::lanes::users_of;
use super::sequences::Part;
use crate::track_embeddings::TrackVectors;
use crate::user_state::baselines::is_target;
use crate::{ModelError, Result};

/// Draws per play or session. The squared distance of the foretold mean is 1/64 of the spread above the least possible.
const DRAWS: u32 = 64;

/// Foretells plays or sessions of synthetic listeners.
pub struct HiddenState<'a> {
    histories: &'a Histories,
    vectors: &'a TrackVectors,
    world: SyntheticWorld,
    rules: SessionRules,
    sessions: bool,
}

impl<'a> HiddenState<'a> {
    /// Foretells plays: knows all but chance, also what a session is about and what a radio was started from.
    pub fn over_plays(histories: &'a Histories, vectors: &'a TrackVectors, source: &SyntheticSource) -> Result<Self> {
        let world = SyntheticWorld::new(&source.config, source.seed)?;
        Ok(Self { histories, vectors, world, rules: source.rules, sessions: false })
    }

    /// Foretells sessions as they begin: knows taste, moods, interests, time and device.
    pub fn over_sessions(
        histories: &'a Histories,
        vectors: &'a TrackVectors,
        source: &SyntheticSource,
    ) -> Result<Self> {
        Ok(Self { sessions: true, ..Self::over_plays(histories, vectors, source)? })
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
        let histories = self.histories;
        for user in users_of(part, histories.users()) {
            let sessions = histories.sessions_of(user);
            let wanted = |number: usize| {
                let session = sessions.start + number;
                session < sessions.end && histories.split(session) == part.split
            };
            let number = histories.user_number(user);
            let history = self.world.alternatives(&self.rules, number, DRAWS, wanted);
            let logged = sessions.clone().map(|session| histories.start_ms(session));
            if !history.iter().map(|found| found.session.start_ms).eq(logged) {
                return Err(ModelError::OtherHistories { session: sessions.start as u64 });
            }
            for (session, found) in
                sessions.clone().zip(&history).filter(|(session, _)| wanted(session - sessions.start))
            {
                let plays = histories.plays_of(session);
                let targets =
                    plays.clone().filter(|&play| is_target(histories, self.vectors, part.split, play, session));
                if !self.sessions {
                    for play in targets {
                        let vector = self.play_vector(found, play - plays.start);
                        take(Foretold { target: play, vector: &vector, rank: None })?;
                    }
                } else if targets.count() > 0 {
                    take(Foretold { target: session, vector: &self.session_vector(found), rank: None })?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
