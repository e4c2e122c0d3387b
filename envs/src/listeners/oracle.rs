//! The oracle: the synthetic listeners themselves, who answer live.

use std::collections::BTreeMap;
use std::sync::Arc;

use listening_data::{
    CounterRng, LoggedStart, Progress, ResponseProbabilities, SessionRules, SessionState, SkipHazard, Stream,
    SyntheticSource, SyntheticWorld,
};
use listening_models::SessionStarts;

use super::{Answer, Listeners};
use crate::{EnvError, PlanningModel, PlayResponses, Result, SessionBatch, SessionView, World};

/// Sessions whose memory is asked for at once, before they are answered: as many as the nearest cache holds.
const ASKED_AHEAD: usize = 8;

/// Synthetic listeners at the session starts of a world. Their minds are as they were when the logged sessions began; what
/// they are given then is up to the policy.
///
/// Nothing of their hidden state reaches a [`SessionBatch`]: it lies here, and an environment shows their responses alone.
/// Policies that may know it, as upper bounds, hold an oracle of their own.
pub struct OracleListeners {
    oracle: Arc<Oracle>,
    /// By place in the batch.
    sessions: Vec<Option<LiveSession>>,
}

struct Oracle {
    world: SyntheticWorld,
    rules: SessionRules,
    /// By session start.
    starts: Vec<LoggedStart>,
}

/// What a listener carries through a session.
#[derive(Clone)]
struct LiveSession {
    number: u64,
    state: SessionState,
}

impl OracleListeners {
    /// The listeners of a synthetic dataset at session starts taken from it. The log is gone through once more, in about
    /// the time in which it was made; memory grows with the starts, by some kilobytes each.
    pub fn new(source: &SyntheticSource, starts: &SessionStarts, progress: &dyn Progress) -> Result<Self> {
        let places: BTreeMap<u64, usize> =
            (0..starts.len()).map(|start| (u64::from(starts.logged_session(start)), start)).collect();
        let mut found: Vec<Option<LoggedStart>> = vec![None; starts.len()];
        let of_data = listening_models::ModelError::from;
        let world = SyntheticWorld::logged_starts(source, progress, |session, logged| {
            if let Some(&start) = places.get(&session) {
                found[start] = Some(logged);
            }
            Ok(())
        })
        .map_err(of_data)?;
        let of_start = |(start, logged): (usize, Option<LoggedStart>)| {
            let right = logged.filter(|logged| logged.listener.number == starts.user(start));
            right.ok_or(EnvError::OtherListeners { start, user: starts.user(start) })
        };
        let starts = found.into_iter().enumerate().map(of_start).collect::<Result<_>>()?;
        Ok(Self { oracle: Arc::new(Oracle { world, rules: source.rules, starts }), sessions: Vec::new() })
    }

    /// The same listeners for another batch.
    pub fn shallow_clone(&self) -> Self {
        Self { oracle: Arc::clone(&self.oracle), sessions: Vec::new() }
    }

    /// Brings the place of the batch to where the session stands.
    fn follow(&mut self, world: &World, sessions: &SessionBatch, index: usize) -> Result<()> {
        let view = sessions.view(index);
        let current = self.sessions.get(index).and_then(Option::as_ref);
        let follows =
            current.is_some_and(|live| live.number == view.number && live.state.position() <= view.position());
        if !follows {
            self.begin(world, sessions, index)?;
        }
        let oracle = Arc::clone(&self.oracle);
        let live = self.live(&view, index)?;
        for position in live.state.position()..view.position() {
            oracle.play(live, world, &view.at(position), view.played[position]);
        }
        Ok(())
    }

    fn live(&mut self, view: &SessionView<'_>, index: usize) -> Result<&mut LiveSession> {
        let live = self.sessions.get_mut(index).and_then(Option::as_mut);
        live.filter(|live| live.number == view.number).ok_or(EnvError::NotBegun { session: view.number })
    }
}

impl Oracle {
    fn begin(&self, seed: u64, view: &SessionView<'_>) -> LiveSession {
        let LoggedStart { listener, context } = &self.starts[view.start];
        // A step that no play has.
        let mut rng = CounterRng::new(seed, Stream::Response, view.number, u32::MAX);
        let state = self.world.begin_session(listener, *context, &mut rng);
        LiveSession { number: view.number, state }
    }

    /// The hazard of skipping a candidate if it were played next.
    fn hazard(&self, live: &LiveSession, world: &World, view: &SessionView<'_>, place: u16) -> SkipHazard {
        self.world.skip_hazard(&self.starts[view.start].listener, &live.state, view.track(world, place))
    }

    /// Asks for what the answer to a candidate will read.
    fn prefetch(&self, live: &LiveSession, world: &World, view: &SessionView<'_>, place: u16) {
        self.world.prefetch(&self.starts[view.start].listener, &live.state, view.track(world, place));
    }

    /// Plays a track to the listener of a session that stands at `view`. A track is played once in a session, so that what
    /// the listener remembers of it does not change how the session goes on.
    fn play(&self, live: &mut LiveSession, world: &World, view: &SessionView<'_>, place: u16) -> Answer {
        let hazard = self.hazard(live, world, view, place);
        let mut rng = CounterRng::new(world.seed, Stream::Response, view.number, view.position() as u32);
        let heard = hazard.draw(&self.rules, &mut rng);
        let responses = heard.responses;
        self.world.observe_heard(&mut live.state, view.track(world, place), &hazard, heard);
        let given = |response: Option<bool>| response == Some(true);
        let responses = PlayResponses {
            complete: given(responses.complete),
            skip: given(responses.skip),
            past_threshold: given(responses.past_threshold),
        };
        let probabilities = || as_floats(&hazard.probabilities(&self.rules));
        Answer {
            disagreement: 0.0,
            responses,
            reward: world.settings.reward.of_play(responses, probabilities),
            left: f64::from(rng.uniform()) < self.world.leave_probability(&live.state),
        }
    }
}

fn as_floats(probabilities: &ResponseProbabilities) -> [f32; 3] {
    [probabilities.complete, probabilities.skip, probabilities.past_threshold].map(|p| p as f32)
}

impl Listeners for OracleListeners {
    fn begin(&mut self, world: &World, sessions: &SessionBatch, index: usize) -> Result<()> {
        self.sessions.resize(sessions.len(), None);
        self.sessions[index] = Some(self.oracle.begin(world.seed, &sessions.view(index)));
        Ok(())
    }

    fn answer(
        &mut self,
        world: &World,
        sessions: &SessionBatch,
        actions: &[u32],
        answers: &mut Vec<Answer>,
    ) -> Result<()> {
        answers.clear();
        let oracle = Arc::clone(&self.oracle);
        for (block, actions) in actions.chunks(ASKED_AHEAD).enumerate() {
            let places =
                || actions.iter().enumerate().map(|(place, &action)| (block * ASKED_AHEAD + place, action as u16));
            for (index, action) in places() {
                let view = sessions.view(index);
                oracle.prefetch(self.live(&view, index)?, world, &view, action);
            }
            for (index, action) in places() {
                let view = sessions.view(index);
                answers.push(oracle.play(self.live(&view, index)?, world, &view, action));
            }
        }
        Ok(())
    }

    fn recall(&mut self, world: &World, sessions: &SessionBatch, index: usize, action: u32) -> Result<()> {
        let (oracle, view) = (Arc::clone(&self.oracle), sessions.view(index));
        oracle.play(self.live(&view, index)?, world, &view, action as u16);
        Ok(())
    }

    fn return_probability(&mut self, world: &World, sessions: &SessionBatch, index: usize) -> Result<f64> {
        let (oracle, view) = (Arc::clone(&self.oracle), sessions.view(index));
        let live = self.live(&view, index)?;
        let hours = f64::from(world.settings.episode.return_hours);
        Ok(oracle.world.returns_within(&oracle.starts[view.start].listener, &live.state, hours))
    }

    fn another(&self) -> Box<dyn Listeners> {
        Box::new(self.shallow_clone())
    }
}

/// Where a session of a synthetic listener stands.
#[derive(Clone)]
pub struct OracleState(LiveSession);

impl PlanningModel for OracleListeners {
    type State = OracleState;

    fn stand(&mut self, world: &World, sessions: &SessionBatch) -> Result<Vec<OracleState>> {
        (0..sessions.len())
            .map(|index| {
                self.follow(world, sessions, index)?;
                Ok(OracleState(self.live(&sessions.view(index), index)?.clone()))
            })
            .collect()
    }

    fn rewards(
        &mut self,
        world: &World,
        view: &SessionView<'_>,
        state: &OracleState,
        places: &[u16],
    ) -> Result<Vec<f32>> {
        let respond = |&place: &u16| self.oracle.hazard(&state.0, world, view, place).probabilities(&self.oracle.rules);
        Ok(places.iter().map(|place| world.settings.reward.of(as_floats(&respond(place)))).collect())
    }

    fn after(
        &mut self,
        world: &World,
        view: &SessionView<'_>,
        state: &OracleState,
        place: u16,
    ) -> Result<(OracleState, f32)> {
        let (oracle, OracleState(live)) = (&self.oracle, state);
        let hazard = oracle.hazard(live, world, view, place);
        let heard = hazard.most_probable(&oracle.rules);
        let mut after = live.clone();
        oracle.world.observe_heard(&mut after.state, view.track(world, place), &hazard, heard);
        let interrupted = hazard.probabilities(&oracle.rules).interrupted;
        let stays = (1.0 - interrupted) * (1.0 - oracle.world.leave_probability(&after.state));
        Ok((OracleState(after), if world.settings.session_end { stays as f32 } else { 1.0 }))
    }

    fn fork(&self) -> Self {
        self.shallow_clone()
    }
}
