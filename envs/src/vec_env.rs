//! The contract of an environment of many sessions.

use crate::{EnvError, FinishedSession, PlayResponses, Result, SessionBatch, World, next_in_episode};

/// What one step of all sessions gave, one entry per session.
#[derive(Clone, Debug, Default)]
pub struct StepBatch {
    /// Rewards.
    pub rewards: Vec<f32>,
    /// The listener left.
    pub terminated: Vec<bool>,
    /// The session reached its length or the end of its pool.
    pub truncated: Vec<bool>,
    /// Sampled responses.
    pub responses: Vec<PlayResponses>,
    /// Sessions that ended with this step, in order of their place in the batch, each with its final observation.
    pub finished: Vec<FinishedSession>,
}

impl StepBatch {
    /// Forgets the step and keeps the memory.
    pub fn clear(&mut self) {
        self.rewards.clear();
        self.terminated.clear();
        self.truncated.clear();
        self.responses.clear();
        self.finished.clear();
    }
}

/// Steps many sessions at once; a single session is a batch of one.
pub trait VecEnv {
    /// What policies may look at.
    fn world(&self) -> &World;

    /// The sessions as they stand.
    fn sessions(&self) -> &SessionBatch;

    /// Plays one candidate in every session: `actions[i]` is a place in the pool of session i that has not been
    /// played. Sessions that end are replaced by new ones within the same call.
    fn step(&mut self, actions: &[u32], step: &mut StepBatch) -> Result<()>;
}

/// Checks that an environment keeps its contract, by playing `steps` steps of an arbitrary policy.
///
/// Responses are consistent, termination and truncation exclude each other, truncation happens only at the length or
/// the end of the pool, ended sessions come with their final observation and are replaced, pools hold different tracks,
/// and forbidden actions are refused without changing anything.
pub fn check_env(env: &mut dyn VecEnv, steps: usize) -> Result<()> {
    let broken = |what: String| Err(EnvError::Contract(what));
    let mut step = StepBatch::default();
    for turn in 0..steps {
        let before = env.sessions().clone();
        let mut actions = Vec::with_capacity(before.len());
        for index in 0..before.len() {
            let view = before.view(index);
            let mut tracks: Vec<u32> = (0..view.pool.len() as u16).map(|p| view.track(env.world(), p)).collect();
            tracks.sort_unstable();
            tracks.dedup();
            if tracks.len() != view.pool.len() {
                return broken(format!("the pool of session {} holds a track twice", view.number));
            }
            let remaining: Vec<u16> = view.remaining().collect();
            match remaining.get((turn * 7 + index * 3) % remaining.len().max(1)) {
                Some(&place) => actions.push(u32::from(place)),
                None => return broken(format!("session {} goes on with nothing left to play", view.number)),
            }
        }
        if let Some(&played) = before.view(0).played.first() {
            let mut forbidden = actions.clone();
            forbidden[0] = u32::from(played);
            if env.step(&forbidden, &mut step).is_ok() {
                return broken("a track was played twice in a session".into());
            }
        }
        env.step(&actions, &mut step)?;
        let mut finished = step.finished.iter();
        for index in 0..before.len() {
            let (old, new) = (before.view(index), env.sessions().view(index));
            let responses = step.responses[index];
            if responses.complete && responses.skip {
                return broken(format!("session {}: complete and skipped at once", old.number));
            }
            let length = old.position() + 1;
            let exhausted = length == env.world().settings.max_length || length == old.pool.len();
            match (step.terminated[index], step.truncated[index]) {
                (true, true) => return broken(format!("session {}: terminated and truncated", old.number)),
                (false, truncated) if truncated != exhausted => {
                    return broken(format!("session {}: truncated {truncated}, exhausted {exhausted}", old.number));
                }
                (false, false) => {
                    let went_on = new.number == old.number && new.position() == length;
                    if !went_on || !new.states.starts_with(old.states) {
                        return broken(format!("session {} was not carried on", old.number));
                    }
                }
                (terminated, _) => {
                    let Some(last) = finished.next() else {
                        return broken(format!("session {} ended without a final observation", old.number));
                    };
                    let state_length = old.states.len() / length;
                    let kept = last.number == old.number
                        && last.played.len() == length
                        && last.states.len() == (length + 1) * state_length
                        && last.states.starts_with(old.states);
                    if !kept || last.terminated != terminated || last.rewards.last() != Some(&step.rewards[index]) {
                        return broken(format!("the final observation of session {} is wrong", old.number));
                    }
                    if new.number == old.number || new.position() != 0 {
                        return broken(format!("session {} was not replaced", old.number));
                    }
                    let starts = &env.world().starts;
                    let follows = new.number == next_in_episode(old.number)
                        && (old.start == new.start || starts.user(old.start) == starts.user(new.start));
                    if follows != env.world().goes_on(last) {
                        return broken(format!("session {} is not followed by the next of its episode", old.number));
                    }
                }
            }
        }
        if finished.next().is_some() {
            return broken("a session was reported as ended that had not".into());
        }
    }
    Ok(())
}
