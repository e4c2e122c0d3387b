//! The oracle: the synthetic listeners themselves answer, and nothing of their minds is seen but by their answers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use common::oracle;
use listening_data::{CounterRng, Dataset, Silent, Stream, SyntheticSource, SyntheticWorld};
use playlist_envs::{
    EnvError, FinishedSession, Listeners, ModelledListeners, OracleListeners, PlanningModel, RewardKind, SavedSession,
    SessionBatch, SimulatedEnv, StepBatch, VecEnv, World, WorldSettings, small_moving_world, small_world,
};

/// Sessions by a policy, given as the place that it chooses in a session.
fn play(
    env: &mut SimulatedEnv,
    steps: usize,
    mut choose: impl FnMut(&SimulatedEnv, usize) -> u32,
) -> Vec<FinishedSession> {
    let (mut finished, mut step) = (Vec::new(), StepBatch::default());
    for _ in 0..steps {
        let actions: Vec<u32> = (0..env.sessions().len()).map(|index| choose(env, index)).collect();
        env.step(&actions, &mut step).unwrap();
        finished.append(&mut step.finished);
    }
    finished
}

fn arbitrary(env: &SimulatedEnv, index: usize) -> u32 {
    let view = env.sessions().view(index);
    let remaining: Vec<u16> = view.remaining().collect();
    u32::from(remaining[(view.number as usize * 31 + view.position() * 7) % remaining.len()])
}

/// All that a policy sees of a session follows from the world's public part, the session's number, and what was played and
/// answered: an environment without an oracle, which is given just these, shows the same to the bit.
#[test]
fn sessions_hold_nothing_of_the_listeners_but_their_answers() {
    let folder = tempfile::tempdir().unwrap();
    let (world, user_model) = small_moving_world(folder.path(), 40, WorldSettings::default(), 7).unwrap();
    let listeners = oracle(folder.path(), &world);
    let world = Arc::new(world);
    let mut env = SimulatedEnv::new(Arc::clone(&world), Box::new(listeners), 8, 0, 1).unwrap();
    let finished = play(&mut env, 60, arbitrary);
    assert!(finished.len() > 20);
    let modelled = ModelledListeners::new(Box::new(user_model));
    for session in &finished {
        let mut other = SimulatedEnv::new(Arc::clone(&world), modelled.another(), 1, 0, 1).unwrap();
        let bits: Vec<u8> = session.responses.iter().map(|responses| responses.bits()).collect();
        let saved = SavedSession {
            number: session.number,
            played: &session.played,
            responses: &bits,
            rewards: &session.rewards,
        };
        other.restore(std::iter::once(saved), session.number + 1).unwrap();
        let (seen, expected) = (other.sessions().view(0), session.view());
        assert_eq!((seen.start, seen.pool, seen.played), (expected.start, expected.pool, expected.played));
        assert_eq!((seen.responses, seen.states), (expected.responses, expected.states));
    }
}

/// An oracle of one's own says with which probabilities the listeners will answer, also where it is asked in the middle of
/// a session that it has not followed; and who plays by it does better than who does not.
/// The chance that each track of a session's pool is heard out, by one who knows the listeners' minds.
fn chances(oracle: &mut OracleListeners, world: &World, sessions: &SessionBatch, index: usize) -> Vec<f32> {
    let (view, states) = (sessions.view(index), oracle.stand(world, sessions).unwrap());
    let places: Vec<u16> = (0..view.pool.len() as u16).collect();
    oracle.rewards(world, &view, &states[index], &places).unwrap()
}

#[test]
fn an_oracle_knows_what_the_listeners_will_answer() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = WorldSettings { session_end: false, ..WorldSettings::default() };
    settings.reward.kind = RewardKind::Expected;
    let (world, _) = small_world(folder.path(), 40, settings, 7).unwrap();
    let (listeners, world) = (oracle(folder.path(), &world), Arc::new(world));
    let new = |world: &Arc<World>| SimulatedEnv::new(Arc::clone(world), listeners.another(), 8, 0, 1).unwrap();
    let mean = |sessions: &[FinishedSession]| {
        sessions.iter().map(FinishedSession::total_reward).sum::<f64>() / sessions.len() as f64
    };

    let (mut following, mut turn) = (listeners.shallow_clone(), 0);
    let mut promised = Vec::new();
    let by_chance = play(&mut new(&world), 80, |env, index| {
        turn += 1;
        let action = arbitrary(env, index);
        let mut asked_now = listeners.shallow_clone();
        let expected = chances(&mut following, &world, env.sessions(), index);
        if turn % 5 == 0 {
            assert_eq!(expected, chances(&mut asked_now, &world, env.sessions(), index));
        }
        let view = env.sessions().view(index);
        promised.push(((view.number, view.position()), expected[action as usize]));
        action
    });
    for session in &by_chance {
        for (position, &reward) in session.rewards.iter().enumerate() {
            assert!(promised.contains(&((session.number, position), reward)), "session {}", session.number);
        }
    }
    let mut following = listeners.shallow_clone();
    let greedy = play(&mut new(&world), 80, |env, index| {
        let complete = chances(&mut following, &world, env.sessions(), index);
        let remaining = env.sessions().view(index).remaining();
        let best = remaining.max_by(|&a, &b| complete[usize::from(a)].total_cmp(&complete[usize::from(b)]));
        u32::from(best.unwrap())
    });
    let [by_chance, greedy] = [mean(&by_chance), mean(&greedy)];
    println!("return by chance {by_chance:.2}, by the oracle {greedy:.2}");
    assert!(greedy > 1.3 * by_chance, "{greedy} {by_chance}");
}

/// Answers are those of the synthetic world, gone through play by play: each depends on all that was played before.
#[test]
fn answers_are_those_of_the_synthetic_world() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = WorldSettings { session_end: false, ..WorldSettings::default() };
    settings.reward.kind = RewardKind::Expected;
    let (world, _) = small_world(folder.path(), 40, settings, 7).unwrap();
    let dataset = Dataset::open(folder.path().join("dataset")).unwrap();
    let source = SyntheticSource::of(dataset.manifest()).unwrap();
    let mut starts = Vec::new();
    let listeners = SyntheticWorld::logged_starts(&source, &Silent, |_, start| {
        starts.push(start);
        Ok(())
    })
    .unwrap();
    let (oracle, world) = (oracle(folder.path(), &world), Arc::new(world));
    let mut env = SimulatedEnv::new(Arc::clone(&world), Box::new(oracle), 8, 0, 1).unwrap();
    let finished = play(&mut env, 45, arbitrary);
    assert!(finished.len() >= 16);
    for session in &finished {
        let view = session.view();
        let start = &starts[world.starts.logged_session(view.start) as usize];
        let mut state = listeners.session_state(&start.listener, start.context, 0.0);
        for position in 0..view.position() {
            let track = view.track(&world, view.played[position]);
            let hazard = listeners.skip_hazard(&start.listener, &state, track);
            let expected = hazard.probabilities(&source.rules).complete as f32;
            assert_eq!(session.rewards[position], expected, "session {}, play {position}", view.number);
            let mut rng = CounterRng::new(world.seed, Stream::Response, view.number, position as u32);
            let heard = hazard.draw(&source.rules, &mut rng);
            assert_eq!(Some(view.responses[position].complete), heard.responses.complete);
            assert_eq!(Some(view.responses[position].skip), heard.responses.skip);
            listeners.observe(&mut state, track, heard.ms_played, heard.responses);
        }
    }
}

#[test]
fn starts_of_other_listeners_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (world, _) = small_world(folder.path(), 40, WorldSettings::default(), 7).unwrap();
    let dataset = Dataset::open(folder.path().join("dataset")).unwrap();
    let mut source = SyntheticSource::of(dataset.manifest()).unwrap();
    source.config.size.users = 20;
    let error = OracleListeners::new(&source, &world.starts, &Silent).err().unwrap();
    assert!(matches!(error, EnvError::OtherListeners { .. }), "{error}");
}
