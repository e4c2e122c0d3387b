//! What else a listener might have done: other tracks at each play and other sessions, drawn from the same hidden state.
//!
//! Nothing can foretell a listener better than the mean of what might have been. So alternatives tell how much of what is
//! missing in a prediction is chance, and how much a model has not found out.

use super::behaviour::Behaviour;
use super::{Listener, SessionState, SyntheticWorld};
use crate::{CounterRng, Session, SessionRules, Stream};

/// What might have been otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlternativesOf {
    /// Each play, by one who knows all that is hidden: what the session is about, what a radio was started from, what a
    /// shuffled pool still holds.
    Plays,
    /// The whole session, at the same time and on the same device, by one who knows taste, moods and interests, but not
    /// what the session will be about.
    Sessions,
}

/// A session, and what might have been in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Alternatives {
    /// The session as logged.
    pub session: Session,
    /// For each play, tracks that might have been chosen instead; empty where plays were not asked for.
    pub plays: Vec<Vec<OtherTrack>>,
    /// Sessions that might have come in its place; empty where sessions were not asked for.
    pub sessions: Vec<Session>,
}

/// A track that might have been chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OtherTrack {
    /// The track.
    pub track: u32,
    /// The probability that it would not have been skipped.
    pub not_skipped: f64,
}

impl SyntheticWorld {
    /// The history of a listener with `draws` alternatives of each session whose number is `wanted`, or of each of its
    /// plays; other sessions have none. A pure function of settings, rules, seed and number.
    ///
    /// Where a session's alternatives hold no play (the listener would not have listened) there are fewer; so there are for
    /// a play where a pool is at its end.
    pub fn alternatives(
        &self,
        rules: &SessionRules,
        number: u32,
        of: AlternativesOf,
        draws: u32,
        wanted: impl Fn(usize) -> bool,
    ) -> Vec<Alternatives> {
        let others: Vec<Self> = (1..=u64::from(draws)).map(|draw| self.with_other_chance(draw)).collect();
        let mut history = Vec::new();
        self.for_each_start(rules, number, |listener, context, mut rng| {
            let others = if wanted(history.len()) { &others[..] } else { &[] };
            let (of_plays, of_sessions) = match of {
                AlternativesOf::Plays => (others, &[][..]),
                AlternativesOf::Sessions => (&[][..], others),
            };
            let mut sessions: Vec<Session> = Vec::with_capacity(of_sessions.len());
            for other in of_sessions {
                let mut rng = CounterRng::new(other.seed, Stream::Listening, listener.place(), 0);
                sessions.push(other.session_in(rules, &mut listener.clone(), context, &mut rng, &mut |_, _, _| ()));
            }
            sessions.retain(|session| !session.plays.is_empty());
            let mut plays = Vec::new();
            let mut watch = |behaviour: &Behaviour, listener: &Listener, session: &SessionState| {
                plays.push(
                    of_plays.iter().filter_map(|other| other.choice(rules, behaviour, listener, session)).collect(),
                );
            };
            let session = self.session_in(rules, listener, context, &mut rng, &mut watch);
            if !session.plays.is_empty() {
                // A choice that came to nothing is no play.
                plays.truncate(session.plays.len());
                history.push(Alternatives { session, plays, sessions });
            }
        });
        history
    }

    /// The same tracks and moods, where chance falls otherwise.
    fn with_other_chance(&self, draw: u64) -> Self {
        // Any odd number: seeds that differ by it are as independent as any.
        Self { seed: self.seed.wrapping_add(draw.wrapping_mul(0x9e37_79b9_7f4a_7c15)), ..self.clone() }
    }

    /// A choice of the next track.
    fn choice(
        &self,
        rules: &SessionRules,
        behaviour: &Behaviour,
        listener: &Listener,
        session: &SessionState,
    ) -> Option<OtherTrack> {
        let rng = |stream| CounterRng::new(self.seed, stream, listener.place(), session.position() as u32);
        let mut behaviour = behaviour.clone();
        if let Behaviour::OwnChoice { choice, .. } = &mut behaviour {
            *choice = rng(Stream::Choice);
        }
        let (track, _) = behaviour.next(self, listener, session, &mut rng(Stream::Listening))?;
        let skip = self.skip_hazard(listener, session, track).probabilities(rules).skip;
        Some(OtherTrack { track, not_skipped: 1.0 - skip })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SyntheticConfig;

    fn world() -> SyntheticWorld {
        let mut config = SyntheticConfig::default();
        (config.size.users, config.size.days, config.catalog.tracks, config.catalog.artists) = (20, 60, 600, 100);
        SyntheticWorld::new(&config, 3).unwrap()
    }

    #[test]
    fn the_history_is_the_logged_one_and_alternatives_are_where_they_are_wanted() {
        let (world, rules) = (world(), SessionRules::default());
        for (number, of) in
            (0..5).flat_map(|number| [(number, AlternativesOf::Plays), (number, AlternativesOf::Sessions)])
        {
            let found = world.alternatives(&rules, number, of, 4, |session| session % 3 == 1);
            let sessions: Vec<Session> = found.iter().map(|found| found.session.clone()).collect();
            assert_eq!(sessions, world.history(&rules, number));
            for (place, found) in found.iter().enumerate() {
                let wanted = |wanted| place % 3 == 1 && of == wanted;
                assert_eq!(found.plays.len(), found.session.plays.len());
                assert_eq!(
                    found.plays.iter().all(|others| others.is_empty()),
                    !wanted(AlternativesOf::Plays),
                    "{place}"
                );
                assert_eq!(found.sessions.is_empty(), !wanted(AlternativesOf::Sessions), "{place}");
                for other in &found.sessions {
                    let known = |session: &Session| (session.user, session.start_ms, session.context.device);
                    assert_eq!(known(other), known(&found.session));
                }
            }
        }
    }

    /// What was played is one draw more of the same law: as similar to the alternatives as they are to each other. Beyond
    /// chance it is nearer to them than to the alternatives of other plays.
    #[test]
    fn what_was_played_is_as_alike_to_its_alternatives_as_they_are_to_each_other() {
        let (world, rules) = (world(), SessionRules::default());
        let [mut played, mut among, mut elsewhere] = [(0.0, 0.0); 3];
        let add = |(sum, count): &mut (f64, f64), a: u32, b: u32| {
            *sum += world.catalog.similarity(a, b);
            *count += 1.0;
        };
        for number in 0..20 {
            let history = world.alternatives(&rules, number, AlternativesOf::Plays, 2, |_| true);
            let plays: Vec<_> = history.iter().flat_map(|found| found.session.plays.iter().zip(&found.plays)).collect();
            for (place, (play, others)) in plays.iter().enumerate() {
                let [one, two] = others[..] else { continue };
                add(&mut played, play.track, one.track);
                add(&mut among, one.track, two.track);
                add(
                    &mut elsewhere,
                    play.track,
                    plays[(place + plays.len() / 2) % plays.len()].1.first().unwrap().track,
                );
                assert!((0.0..=1.0).contains(&one.not_skipped));
            }
        }
        let [played, among, elsewhere] = [played, among, elsewhere].map(|(sum, count)| sum / count);
        println!("with alternatives {played:.3}, among them {among:.3}, with others {elsewhere:.3}");
        assert!((played - among).abs() < 0.02, "{played} {among}");
        assert!(played > elsewhere + 0.1, "{played} {elsewhere}");
    }
}
