//! Writes the log of a synthetic world, listener by listener.

use std::ops::Range;
use std::path::Path;

use super::behaviour::{Behaviour, device};
use super::draws::{normal, poisson, uniform};
use super::{Listener, SyntheticConfig, SyntheticWorld};
use crate::parallel::in_order;
use crate::{
    Context, CounterRng, DatasetWriter, Manifest, Play, Progress, Result, Session, SessionRules, SourceInfo, Stream,
    User,
};

/// First day of the log: Monday 1 January 2024, in milliseconds since 1970.
pub(super) const FIRST_DAY_MS: i64 = 1_704_067_200_000;
const DAY_MS: i64 = 86_400_000;
/// Standard deviation in hours of a session's start around a preferred hour.
const HOUR_SPREAD: f64 = 2.0;
/// Listeners simulated by one thread at a time.
const LISTENERS_AT_ONCE: u32 = 16;

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
    world.histories(rules, progress, |_, sessions| {
        sessions.iter().try_for_each(|session| writer.write_session(session))
    })?;
    let users: Vec<User> =
        (0..config.size.users).map(|number| User { id: format!("synthetic:listener:{number:06}") }).collect();
    let details = serde_json::json!({ "config": config, "rules": rules, "seed": seed });
    writer.finish(world.tracks(), &users, &SourceInfo { format: "synthetic".into(), details })
}

impl SyntheticWorld {
    /// Gives the history of every listener to `take`, in order, simulated on all cores.
    pub(super) fn histories(
        &self,
        rules: &SessionRules,
        progress: &dyn Progress,
        mut take: impl FnMut(u32, &[Session]) -> Result<()> + Send,
    ) -> Result<()> {
        let users = self.config.size.users;
        progress.begin("synthesize", u64::from(users), "listeners");
        let mut first = 0;
        let read = || {
            let numbers = first..users.min(first + LISTENERS_AT_ONCE);
            first = numbers.end;
            Ok((!numbers.is_empty()).then_some(numbers))
        };
        let work = |numbers: Range<u32>| Ok(numbers.map(|number| (number, self.history(rules, number))).collect());
        in_order(read, work, |histories: Vec<(u32, Vec<Session>)>| {
            for (number, sessions) in &histories {
                take(*number, sessions)?;
            }
            progress.advance(histories.last().map_or(0, |(number, _)| u64::from(*number) + 1));
            Ok(())
        })?;
        progress.end();
        Ok(())
    }

    /// All logged sessions of one listener, in order: a pure function of settings, rules, seed and number.
    pub fn history(&self, rules: &SessionRules, number: u32) -> Vec<Session> {
        let mut listener = self.listener(number);
        let mut sessions: Vec<Session> = Vec::new();
        let mut previous_end_ms = None;
        for start_ms in self.calendar(&listener) {
            // Who is still listening does not begin anew.
            if previous_end_ms.is_some_and(|end_ms| !rules.opens_session(end_ms, start_ms)) {
                continue;
            }
            // Listeners' numbers have 32 bits: the places of their sessions stay apart.
            let place = u64::from(number) << 32 | sessions.len() as u64;
            let mut rng = CounterRng::new(self.seed, Stream::Listening, place, 0);
            let session = self.session(rules, &mut listener, start_ms, &mut rng);
            if let Some(last) = session.plays.last() {
                previous_end_ms = Some(last.end_ms());
                sessions.push(session);
            }
        }
        sessions
    }

    /// When a listener would like to listen.
    fn calendar(&self, listener: &Listener) -> Vec<i64> {
        let mut rng = CounterRng::new(self.seed, Stream::Listener, u64::from(listener.number), 1);
        let mut starts = Vec::new();
        for day in 0..i64::from(self.config.size.days) {
            let first = starts.len();
            for _ in 0..poisson(listener.sessions_per_day, &mut rng) {
                let preferred = listener.hours[usize::from(uniform(&mut rng) >= listener.early_share)];
                // The day is a circle: late is also early.
                let hour = (preferred + HOUR_SPREAD * normal(&mut rng)).rem_euclid(24.0);
                let time_ms = (hour / 24.0 * DAY_MS as f64) as i64;
                starts.push(FIRST_DAY_MS + day * DAY_MS + time_ms.min(DAY_MS - 1));
            }
            starts[first..].sort_unstable();
        }
        starts
    }

    fn session(&self, rules: &SessionRules, listener: &mut Listener, start_ms: i64, rng: &mut CounterRng) -> Session {
        let mut context = Context { premium: Some(listener.premium), ..Context::default().at(start_ms) };
        context.device = Some(device(listener, &context, rng));
        let mut behaviour = Behaviour::begin(self, listener, &mut context, rng);
        let mut state = self.begin_session(context, rng);
        let mut plays = Vec::new();
        let mut now_ms = start_ms;
        while plays.len() < self.config.behaviour.session_plays_max as usize {
            let Some((track, propensity)) = behaviour.next(self, listener, &state, rng) else { break };
            let heard = self.skip_hazard(listener, &state, track).draw(rules, rng);
            plays.push(Play {
                track,
                start_ms: now_ms,
                ms_played: Some(heard.ms_played),
                responses: heard.responses,
                skip_step: None,
                propensity,
            });
            now_ms += i64::from(heard.ms_played);
            self.observe(&mut state, track, heard.ms_played, heard.responses);
            listener.remember(self, track, heard.responses);
            if uniform(rng) < self.leave_probability(&state) {
                break;
            }
        }
        Session { user: listener.number, start_ms, context, plays }
    }
}
