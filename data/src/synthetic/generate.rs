//! Writes the log of a synthetic world, listener by listener.

use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::behaviour::{Behaviour, device};
use super::draws::uniform;
use super::mind::{DAY_MS, FIRST_DAY_MS};
use super::{Listener, SessionState, SyntheticConfig, SyntheticWorld};
use crate::parallel::in_order;
use crate::{
    Context, CounterRng, DatasetWriter, Manifest, Play, Progress, Result, Session, SessionRules, SourceInfo, Stream,
    User,
};

/// Listeners simulated by one thread at a time.
const LISTENERS_AT_ONCE: u32 = 16;

/// What a synthetic dataset was made from, as its manifest keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SyntheticSource {
    /// The settings.
    pub config: SyntheticConfig,
    /// How plays were judged.
    pub rules: SessionRules,
    /// The seed.
    pub seed: u64,
}

impl SyntheticSource {
    /// What a dataset was made from; nothing for datasets of real listeners, or of settings that this version does not know.
    pub fn of(manifest: &Manifest) -> Option<Self> {
        let SourceInfo { format, details } = &manifest.source;
        (format == FORMAT).then(|| serde_json::from_value(details.clone()).ok()).flatten()
    }
}

const FORMAT: &str = "synthetic";

/// A logged session, and the pool that it was drawn from; empty where there was none.
struct RecordedSession {
    session: Session,
    pool: Vec<u32>,
}

/// Writes a dataset of synthetic listeners to `out`, which must not exist.
///
/// The data are a pure function of settings, rules and seed, and a listener's data do not depend on how many
/// listeners there are. Memory holds the catalog, some
/// listeners' histories per core and some row groups.
pub fn synthesize(
    config: &SyntheticConfig,
    rules: &SessionRules,
    seed: u64,
    out: &Path,
    progress: &dyn Progress,
) -> Result<Manifest> {
    rules.validate()?;
    let world = SyntheticWorld::new(config, seed)?;
    let mut writer = DatasetWriter::create(out)?;
    let work = |number| world.recorded_history(rules, number);
    let mut number = 0;
    world.for_each_listener("synthesize", progress, work, |_, sessions: Vec<RecordedSession>| {
        sessions.iter().try_for_each(|RecordedSession { session, pool }| {
            writer.write_session(session)?;
            number += 1;
            if pool.is_empty() { Ok(()) } else { writer.write_pool(number - 1, pool) }
        })
    })?;
    let users: Vec<User> =
        (0..config.size.users).map(|number| User { id: format!("synthetic:listener:{number:06}") }).collect();
    let details = serde_json::json!(SyntheticSource { config: config.clone(), rules: *rules, seed });
    writer.finish(world.tracks(), &users, &SourceInfo { format: FORMAT.into(), details })
}

impl SyntheticWorld {
    /// Gives the history of every listener to `take`, in order, simulated on all cores.
    pub(super) fn histories(
        &self,
        rules: &SessionRules,
        progress: &dyn Progress,
        mut take: impl FnMut(u32, &[Session]) -> Result<()> + Send,
    ) -> Result<()> {
        let work = |number| self.history(rules, number);
        self.for_each_listener("synthesize", progress, work, |number, sessions: Vec<Session>| take(number, &sessions))
    }

    /// Does `work` for every listener, on all cores, and gives the results to `take` in order. Memory holds those of some
    /// listeners per core.
    pub(super) fn for_each_listener<R: Send>(
        &self,
        stage: &str,
        progress: &dyn Progress,
        work: impl Fn(u32) -> R + Sync,
        mut take: impl FnMut(u32, R) -> Result<()> + Send,
    ) -> Result<()> {
        let users = self.config.size.users;
        progress.begin(stage, u64::from(users), "listeners");
        let mut first = 0;
        let read = || {
            let numbers = first..users.min(first + LISTENERS_AT_ONCE);
            first = numbers.end;
            Ok((!numbers.is_empty()).then_some(numbers))
        };
        let work = |numbers: Range<u32>| Ok(numbers.map(|number| (number, work(number))).collect());
        in_order(read, work, |results: Vec<(u32, R)>| {
            let done = results.last().map_or(0, |(number, _)| u64::from(*number) + 1);
            results.into_iter().try_for_each(|(number, result)| take(number, result))?;
            progress.advance(done);
            Ok(())
        })?;
        progress.end();
        Ok(())
    }

    /// All logged sessions of one listener, in order: a pure function of settings, rules, seed and number.
    pub fn history(&self, rules: &SessionRules, number: u32) -> Vec<Session> {
        self.recorded_history(rules, number).into_iter().map(|recorded| recorded.session).collect()
    }

    /// The same with the pools that shuffled sessions were drawn from.
    fn recorded_history(&self, rules: &SessionRules, number: u32) -> Vec<RecordedSession> {
        let mut sessions = Vec::new();
        self.for_each_start(rules, number, |listener, context, mut rng| {
            let mut pool = Vec::new();
            let mut watch = |behaviour: &Behaviour, _: &Listener, state: &SessionState| {
                if state.position() == 0 {
                    pool = behaviour.pool().to_vec();
                }
            };
            let session = self.session_in(rules, listener, context, &mut rng, &mut watch);
            if !session.plays.is_empty() {
                sessions.push(RecordedSession { session, pool });
            }
        });
        sessions
    }

    /// Brings one listener to the start of each session in turn, and gives `listen` the listener, the session's context, as
    /// far as the choice of what to listen to leaves it open, and the session's draws. `listen` goes through the session.
    pub(super) fn for_each_start(
        &self,
        rules: &SessionRules,
        number: u32,
        mut listen: impl FnMut(&mut Listener, Context, CounterRng),
    ) {
        let mut listener = self.listener(number);
        let mut calendar = self.calendar(&listener);
        let end_ms = FIRST_DAY_MS + i64::from(self.config.size.days) * DAY_MS;
        while let Some(start_ms) = calendar.next_session(self, rules, &listener, end_ms) {
            let mut rng = CounterRng::new(self.seed, Stream::Listening, listener.place(), 0);
            listener.advance_to(self, start_ms);
            let mut context = Context { premium: Some(listener.premium), ..Context::default().at(start_ms) };
            context.device = Some(device(listener.drives, &context, &mut rng));
            listen(&mut listener, context, rng);
        }
    }

    /// Goes through the session that begins now in a context; `watch` is shown who chooses, the listener and the session
    /// before each choice.
    pub(super) fn session_in(
        &self,
        rules: &SessionRules,
        listener: &mut Listener,
        context: Context,
        rng: &mut CounterRng,
        watch: &mut dyn FnMut(&Behaviour, &Listener, &SessionState),
    ) -> Session {
        let start_ms = listener.now_ms;
        let mut state = self.session_state(listener, context, 0.0);
        let mut behaviour = Behaviour::begin(self, listener, &mut state, rng);
        state.restlessness = self.restlessness(rng);
        let mut plays = Vec::new();
        let mut now_ms = start_ms;
        while plays.len() < self.config.behaviour.session_plays_max as usize {
            watch(&behaviour, listener, &state);
            let Some((track, propensity)) = behaviour.next(self, listener, &state, rng) else { break };
            let hazard = self.skip_hazard(listener, &state, track);
            let heard = hazard.draw(rules, rng);
            plays.push(Play {
                track,
                start_ms: now_ms,
                ms_played: Some(heard.ms_played),
                responses: heard.responses,
                skip_step: None,
                propensity,
            });
            now_ms += i64::from(heard.ms_played);
            self.observe_heard(&mut state, track, &hazard, heard);
            listener.remember(self, &state, track, heard.responses);
            if uniform(rng) < self.leave_probability(&state) {
                break;
            }
        }
        listener.end_session(&state, now_ms);
        Session { user: listener.number, start_ms, context: *state.context(), plays }
    }
}
