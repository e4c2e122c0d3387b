//! Synthetic listeners as they were when their logged sessions began, so that they can answer live from there on.

use super::{Listener, SyntheticSource, SyntheticWorld};
use crate::{Context, Progress, Result, SessionRules};

/// A listener at the beginning of a logged session.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedStart {
    /// The listener, advanced to the beginning.
    pub listener: Listener,
    /// The session's context, as logged.
    pub context: Context,
}

impl SyntheticWorld {
    /// Goes through the log of `source` again, on all cores, and gives each session to `take` with its number in the
    /// dataset, in order. Memory holds some listeners' sessions per core.
    ///
    /// # Errors
    /// Those of `take`.
    pub fn logged_starts(
        source: &SyntheticSource,
        progress: &dyn Progress,
        mut take: impl FnMut(u64, LoggedStart) -> Result<()> + Send,
    ) -> Result<Self> {
        let world = Self::new(&source.config, source.seed)?;
        let mut session = 0;
        let work = |number| world.starts_of(&source.rules, number);
        world.for_each_listener("the listeners' minds", progress, work, |_, starts: Vec<LoggedStart>| {
            starts.into_iter().try_for_each(|start| {
                take(session, start)?;
                session += 1;
                Ok(())
            })
        })?;
        Ok(world)
    }

    /// The beginnings of a listener's logged sessions.
    fn starts_of(&self, rules: &SessionRules, number: u32) -> Vec<LoggedStart> {
        let mut starts = Vec::new();
        self.for_each_start(rules, number, |listener, context, mut rng| {
            let before = listener.clone();
            let session = self.session_in(rules, listener, context, &mut rng, &mut |_, _, _| ());
            if !session.plays.is_empty() {
                starts.push(LoggedStart { listener: before, context: session.context });
            }
        });
        starts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Silent, SyntheticConfig};

    #[test]
    fn starts_are_those_of_the_log_in_its_order() {
        let mut config = SyntheticConfig::default();
        (config.size.users, config.size.days, config.catalog.tracks, config.catalog.artists) = (40, 10, 600, 100);
        let source = SyntheticSource { config, rules: SessionRules::default(), seed: 5 };
        let mut found = Vec::new();
        let world = SyntheticWorld::logged_starts(&source, &Silent, |session, start| {
            found.push((session, start));
            Ok(())
        })
        .unwrap();
        let log: Vec<_> = (0..40).flat_map(|number| world.history(&source.rules, number)).collect();
        assert_eq!(found.len(), log.len());
        for (session, start) in found.iter().step_by(3) {
            let logged = &log[*session as usize];
            assert_eq!((start.listener.number, start.context), (logged.user, logged.context), "session {session}");
            // Nobody comes back to life: what the listener has heard before is what was logged before.
            let before = log[..*session as usize].iter().filter(|earlier| earlier.user == logged.user);
            let complete =
                before.flat_map(|earlier| &earlier.plays).filter(|play| play.responses.complete == Some(true));
            let track = logged.plays[0].track;
            let heard = complete.filter(|play| play.track == track).count() as u32;
            let at_first = world.listener(logged.user).hearings(track);
            assert_eq!(start.listener.hearings(track), at_first + heard);
        }
    }
}
