//! Every environment keeps its contract, whatever the settings and the number of parallel sessions.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use listening_data::{Dataset, Silent};
use listening_models::features::TrackTotals;
use listening_models::user_response::{Ensemble, Rows};
use listening_models::user_return::ReturnModel;
use listening_models::user_state::CarriedStates;
use listening_models::{SplitShares, TimeSplit};
use playlist_envs::{
    EnvError, EpisodeSettings, FinishedSession, Listeners, ModelledListeners, ModelledSessions, PlanningModel,
    PlayResponses, PoolSettings, RewardKind, SavedSession, SimulatedEnv, StepBatch, VecEnv, World, WorldSettings,
    check_env, consistent_probabilities, draw_pool, episode_of, next_in_episode, place_in_episode, small_moving_world,
    small_world,
};
use proptest::prelude::*;

mod common;

use common::{oracle, sequential_model};

/// A world and those who answer in it.
type Inhabited = (Arc<World>, Box<dyn Listeners>);

fn world(settings: WorldSettings) -> Inhabited {
    let folder = tempfile::tempdir().unwrap();
    let (world, user_model) = small_world(folder.path(), 40, settings, 7).unwrap();
    (Arc::new(world), Box::new(ModelledListeners::new(Box::new(user_model))))
}

/// A world whose user states move with every play.
fn moving_world() -> Inhabited {
    let folder = tempfile::tempdir().unwrap();
    let settings = WorldSettings { pool: pool(5, 60), ..WorldSettings::default() };
    let (world, user_model) = small_moving_world(folder.path(), 40, settings, 7).unwrap();
    assert!(world.user_state_moves());
    (Arc::new(world), Box::new(ModelledListeners::new(Box::new(user_model))))
}

/// A world whose listeners remember the session.
fn sequential_world(settings: WorldSettings) -> Inhabited {
    let folder = tempfile::tempdir().unwrap();
    let (world, _) = small_world(folder.path(), 40, settings, 7).unwrap();
    let listeners = ModelledListeners::new(sequential_model(&world, 7));
    (Arc::new(world), Box::new(listeners))
}

/// A world whose listeners are several models that answer together.
fn ensemble_world(settings: WorldSettings) -> Inhabited {
    let folder = tempfile::tempdir().unwrap();
    let (world, _) = small_world(folder.path(), 40, settings, 7).unwrap();
    let listeners = ModelledListeners::new(Box::new(ensemble(&world)));
    (Arc::new(world), Box::new(listeners))
}

fn ensemble(world: &World) -> Ensemble {
    Ensemble::new(vec![sequential_model(world, 7), sequential_model(world, 8)])
}

/// A world in which the synthetic listeners themselves answer.
fn oracle_world(settings: WorldSettings) -> Inhabited {
    let folder = tempfile::tempdir().unwrap();
    let (world, _) = small_world(folder.path(), 40, settings, 7).unwrap();
    let listeners = oracle(folder.path(), &world);
    (Arc::new(world), Box::new(listeners))
}

/// Listeners may come back for up to three sessions.
fn episodes() -> WorldSettings {
    WorldSettings { episode: EpisodeSettings { sessions: 3, return_hours: 24.0 }, ..WorldSettings::default() }
}

/// A world of such episodes whose listeners are a model, with returns learnt from its log.
fn returning_world() -> Inhabited {
    let folder = tempfile::tempdir().unwrap();
    let (world, user_model) = small_moving_world(folder.path(), 40, episodes(), 7).unwrap();
    let dataset = Dataset::open(folder.path().join("dataset")).unwrap();
    let split = TimeSplit::new(&dataset, SplitShares::default()).unwrap();
    let totals = TrackTotals::count(&dataset, &split).unwrap();
    let artists = &world.catalog.artists;
    let (returns, _) = ReturnModel::train(&dataset, &totals, artists, (24.0, 7), &Silent).unwrap();
    let listeners = ModelledListeners::new(Box::new(user_model)).with_returns(Some(Arc::new(returns)));
    (Arc::new(world), Box::new(listeners))
}

#[test]
fn episodes_are_sessions_of_one_listener_and_end_where_nobody_comes_back() {
    for (world, listeners) in [returning_world(), oracle_world(episodes())] {
        let mut env = SimulatedEnv::new(Arc::clone(&world), listeners, 16, 0, 1).unwrap();
        check_env(&mut env, 150).unwrap();
        let (mut step, mut finished) = (StepBatch::default(), BTreeMap::new());
        for _ in 0..400 {
            let actions: Vec<u32> = (0..16).map(|index| arbitrary_action(&env, index)).collect();
            env.step(&actions, &mut step).unwrap();
            finished.extend(step.finished.drain(..).map(|session| (session.number, session)));
        }
        let returned = finished.values().filter(|session| session.returned).count() as f64;
        let share = returned / finished.len() as f64;
        assert!(finished.len() > 300 && share > 0.2 && share < 0.8, "{share}");
        let (mut followed, mut moved) = (0, 0);
        for (&number, session) in finished.iter().filter(|(number, _)| place_in_episode(**number) > 0) {
            // The session before it ended earlier, unless that was before the count began.
            let before = number - next_in_episode(0);
            let Some(before) = finished.get(&before) else { continue };
            let [start, earlier] = [session, before].map(|session| session.start as usize);
            assert!(before.returned && place_in_episode(number) < 3);
            assert_eq!(
                (world.starts.user(start), episode_of(number)),
                (world.starts.user(earlier), episode_of(before.number))
            );
            assert!(start > earlier || world.starts.starts_of_user(earlier).end == earlier + 1);
            assert_eq!(session.pool, world.session_of(number).1);
            followed += 1;
            moved += usize::from(start != earlier);
        }
        assert!(followed > 50 && moved > followed / 2, "{followed} {moved}");
    }
    // Models of responses alone do not tell who comes back.
    let (world, listeners) = world(episodes());
    let mut env = SimulatedEnv::new(world, listeners, 4, 0, 1).unwrap();
    let mut step = StepBatch::default();
    let error = (0..100).find_map(|_| {
        let actions: Vec<u32> = (0..4).map(|index| arbitrary_action(&env, index)).collect();
        env.step(&actions, &mut step).err()
    });
    assert!(error.unwrap().to_string().contains("world.episode.sessions"));
}

fn all_worlds() -> [Inhabited; 5] {
    let settings = WorldSettings::default;
    [
        world(settings()),
        moving_world(),
        sequential_world(settings()),
        ensemble_world(settings()),
        oracle_world(settings()),
    ]
}

fn pool(min_size: usize, max_size: usize) -> PoolSettings {
    PoolSettings { min_size, max_size, ..PoolSettings::default() }
}

#[test]
fn the_contract_holds_whatever_ends_the_sessions() {
    let leaving = WorldSettings { pool: pool(5, 60), ..WorldSettings::default() };
    let staying = WorldSettings { session_end: false, ..leaving.clone() };
    let fed_up = WorldSettings { skips_in_a_row: 2, ..staying.clone() };
    let exhausted = WorldSettings { pool: pool(1, 4), ..staying.clone() };
    for settings in [leaving, staying, fed_up, exhausted] {
        for (world, listeners) in [world(settings.clone()), sequential_world(settings.clone()), oracle_world(settings)]
        {
            let mut env = SimulatedEnv::new(world, listeners, 16, 0, 1).unwrap();
            check_env(&mut env, 120).unwrap();
        }
    }
    let (world, listeners) = moving_world();
    check_env(&mut SimulatedEnv::new(world, listeners, 16, 0, 1).unwrap(), 60).unwrap();
}

/// A step that depends on nothing but the session itself.
fn arbitrary_action(env: &SimulatedEnv, index: usize) -> u32 {
    let view = env.sessions().view(index);
    let remaining: Vec<u16> = view.remaining().collect();
    u32::from(remaining[(view.number as usize * 31 + view.position() * 7) % remaining.len()])
}

/// The first sessions by number, played with this many in parallel.
fn play(world: &Arc<World>, listeners: &dyn Listeners, parallel: usize, count: u64) -> BTreeMap<u64, FinishedSession> {
    let mut env = SimulatedEnv::new(Arc::clone(world), listeners.another(), parallel, 0, 1).unwrap();
    let (mut finished, mut step) = (BTreeMap::new(), StepBatch::default());
    while (0..count).any(|number| !finished.contains_key(&number)) {
        let actions: Vec<u32> = (0..parallel).map(|index| arbitrary_action(&env, index)).collect();
        env.step(&actions, &mut step).unwrap();
        finished.extend(step.finished.drain(..).map(|session| (session.number, session)));
    }
    finished.retain(|&number, _| number < count);
    finished
}

#[test]
fn a_session_does_not_depend_on_how_many_run_beside_it() {
    for (world, listeners) in all_worlds() {
        let alone = play(&world, &*listeners, 1, 60);
        for parallel in [2, 8, 64, 70] {
            assert!(alone == play(&world, &*listeners, parallel, 60), "{parallel} sessions in parallel");
        }
    }
}

/// The truth: the encoders, fed by hand with each session's plays from the memory of its start.
#[test]
fn the_states_of_a_session_are_those_of_its_plays() {
    let (world, listeners) = moving_world();
    let (length, vectors) = (world.starts.state_length(), &world.catalog.vectors);
    for session in play(&world, &*listeners, 8, 40).values() {
        let start = session.start as usize;
        let mut carried = CarriedStates::new(world.user_state().unwrap(), 1).unwrap();
        carried.set_memory(0, world.starts.memory(start)).unwrap();
        let mut expected = carried.vectors().unwrap();
        let at_start = &world.starts.session_features(start)[..length];
        assert!(expected.iter().zip(at_start).all(|(a, b)| (a - b).abs() < 1e-6));
        for (position, (&place, responses)) in session.played.iter().zip(&session.responses).enumerate() {
            let track = world.starts.tracks(start)[usize::from(session.pool[usize::from(place)])];
            let sign = |given: bool| if given { 1.0 } else { -1.0 };
            let gap_hours = if position == 0 { world.starts.gap_hours(start) } else { 0.0 };
            let mut row = vectors.vector(track).to_vec();
            row.extend([1.0, sign(responses.complete), sign(responses.skip), sign(responses.past_threshold)]);
            row.push(gap_hours.ln_1p() / 8.0);
            carried.play(&[true], &row).unwrap();
            expected.extend(carried.vectors().unwrap());
        }
        expected[..length].copy_from_slice(at_start);
        assert!(session.states == expected, "session {}", session.number);
        let states: Vec<&[f32]> = session.states.chunks_exact(length).collect();
        assert!(states.windows(2).all(|pair| pair[0] != pair[1]), "each play moves the state");
        for (position, state) in states.iter().enumerate() {
            assert_eq!(session.view().at(position).user_state(&world), *state);
        }
    }
}

#[test]
fn a_saved_environment_goes_on_as_if_nothing_had_happened() {
    all_worlds().into_iter().for_each(goes_on_when_saved);
    [returning_world(), oracle_world(episodes())].into_iter().for_each(goes_on_when_saved);
}

/// One who follows the sessions from outside foretells the probabilities by which the listeners answer.
#[test]
fn what_a_sequential_model_says_of_candidates_is_what_its_listeners_do() {
    let mut settings = WorldSettings { session_end: false, ..WorldSettings::default() };
    settings.reward.kind = RewardKind::Expected;
    let (world, listeners) = sequential_world(settings);
    let mut env = SimulatedEnv::new(Arc::clone(&world), listeners, 9, 0, 1).unwrap();
    let mut follower = ModelledSessions::new(sequential_model(&world, 7));
    let (mut rows, mut step) = (Rows::default(), StepBatch::default());
    for number in 0..50 {
        let actions: Vec<u32> = (0..9).map(|index| arbitrary_action(&env, index)).collect();
        // Now and then it looks away, and catches up.
        let looks = number % 3 != 1;
        let mut expected = Vec::new();
        if looks {
            follower.follow(&world, env.sessions()).unwrap();
            for (index, &action) in actions.iter().enumerate() {
                let view = env.sessions().view(index);
                rows.clear();
                let mut predictions = Vec::new();
                follower.push_row(&world, &view, index, action as u16, &mut rows);
                follower.candidates(index, &rows, &mut predictions).unwrap();
                let longer = world.catalog.longer_than_threshold[view.track(&world, action as u16) as usize];
                expected.push(consistent_probabilities(&predictions[0], longer)[0]);
            }
        }
        env.step(&actions, &mut step).unwrap();
        assert!(
            expected.iter().zip(&step.rewards).all(|(a, b)| (a - b).abs() < 1e-6),
            "{expected:?} {:?}",
            step.rewards
        );
    }
}

/// The charge is the penalty times the standard deviation between the members, each followed by itself: of two, half of what
/// lies between them.
#[test]
fn what_an_ensemble_is_not_sure_of_is_worth_less() {
    let mut settings = WorldSettings { session_end: false, ..WorldSettings::default() };
    settings.reward.kind = RewardKind::Expected;
    let (world, listeners) = ensemble_world(settings);
    let new_env = |listeners| SimulatedEnv::new(Arc::clone(&world), listeners, 9, 0, 1).unwrap();
    let (mut sure, mut charged) = (new_env(listeners.another()), new_env(listeners).with_uncertainty_penalty(0.5));
    let mut members = [7, 8].map(|seed| ModelledSessions::new(sequential_model(&world, seed)));
    let (mut rows, mut step, mut charged_step) = (Rows::default(), StepBatch::default(), StepBatch::default());
    let mut largest = 0.0f32;
    for _ in 0..25 {
        let actions: Vec<u32> = (0..9).map(|index| arbitrary_action(&sure, index)).collect();
        let apart = members.each_mut().map(|member| {
            member.follow(&world, sure.sessions()).unwrap();
            let expected = actions.iter().enumerate().map(|(index, &action)| {
                let view = sure.sessions().view(index);
                let (mut predictions, track) = (Vec::new(), view.track(&world, action as u16) as usize);
                rows.clear();
                member.push_row(&world, &view, index, action as u16, &mut rows);
                member.candidates(index, &rows, &mut predictions).unwrap();
                consistent_probabilities(&predictions[0], world.catalog.longer_than_threshold[track])[0]
            });
            expected.collect::<Vec<_>>()
        });
        sure.step(&actions, &mut step).unwrap();
        charged.step(&actions, &mut charged_step).unwrap();
        let rewards = step.rewards.iter().zip(&charged_step.rewards);
        for ((one, other), (sure, charged)) in apart[0].iter().zip(&apart[1]).zip(rewards) {
            let charge = 0.5 * (one - other).abs() / 2.0;
            assert!((sure - charged - charge).abs() < 1e-6);
            largest = largest.max(charge);
        }
    }
    assert!(largest > 1e-4, "the members are apart: {largest}");
}

/// Where a track is heard out, as it most probably is, the session stands where the plan had it.
#[test]
fn plans_stand_where_the_sessions_will() {
    let mut settings = WorldSettings { session_end: false, ..WorldSettings::default() };
    settings.reward.kind = RewardKind::Expected;
    let (world, listeners) = sequential_world(settings.clone());
    let model = ModelledSessions::new(sequential_model(&world, 7));
    stands_where_planned(&world, listeners, model, 1e-6);
    let folder = tempfile::tempdir().unwrap();
    let (world, _) = small_world(folder.path(), 40, settings, 7).unwrap();
    let listeners = oracle(folder.path(), &world);
    stands_where_planned(&Arc::new(world), listeners.another(), listeners, 0.02);
}

/// A play that is left in its last seconds counts as heard out: what follows differs by as little.
fn stands_where_planned<M: PlanningModel>(
    world: &Arc<World>,
    listeners: Box<dyn Listeners>,
    mut model: M,
    allowed: f32,
) {
    const SESSIONS: usize = 9;
    let mut env = SimulatedEnv::new(Arc::clone(world), listeners, SESSIONS, 0, 1).unwrap();
    let (mut step, mut compared) = (StepBatch::default(), 0);
    for _ in 0..60 {
        let actions: Vec<u32> = (0..SESSIONS).map(|index| arbitrary_action(&env, index)).collect();
        let states = model.stand(world, env.sessions()).unwrap();
        let mut planned = Vec::new();
        for (index, state) in states.iter().enumerate() {
            let view = env.sessions().view(index);
            let place = actions[index] as u16;
            let expected = model.rewards(world, &view, state, &[place]).unwrap()[0];
            let (after, stays) = model.after(world, &view, state, place).unwrap();
            assert_eq!(stays, 1.0);
            planned.push((view.number, expected, after));
        }
        env.step(&actions, &mut step).unwrap();
        let states = model.stand(world, env.sessions()).unwrap();
        for (index, (number, reward, state)) in planned.iter().enumerate() {
            assert!((reward - step.rewards[index]).abs() < 1e-6, "{reward} {}", step.rewards[index]);
            let view = env.sessions().view(index);
            if *reward < 0.5 || !step.responses[index].complete || view.number != *number {
                continue;
            }
            let open: Vec<u16> = view.remaining().collect();
            let found = model.rewards(world, &view, &states[index], &open).unwrap();
            for (found, planned) in found.iter().zip(model.rewards(world, &view, state, &open).unwrap()) {
                let difference = (found - planned).abs();
                assert!(difference < allowed, "{difference}");
            }
            compared += 1;
        }
    }
    assert!(compared > 20, "{compared}");
}

fn goes_on_when_saved((world, listeners): Inhabited) {
    let new = || SimulatedEnv::new(Arc::clone(&world), listeners.another(), 9, 3, 2).unwrap();
    let (mut env, mut step) = (new(), StepBatch::default());
    let advance = |env: &mut SimulatedEnv, step: &mut StepBatch| {
        let actions: Vec<u32> = (0..9).map(|index| arbitrary_action(env, index)).collect();
        env.step(&actions, step).unwrap();
    };
    (0..13).for_each(|_| advance(&mut env, &mut step));
    let mut restored = new();
    let batch = env.sessions();
    let bits: Vec<Vec<u8>> =
        (0..9).map(|i| batch.view(i).responses.iter().map(|r: &PlayResponses| r.bits()).collect()).collect();
    let saved = (0..9).map(|index| SavedSession {
        number: batch.view(index).number,
        played: batch.view(index).played,
        responses: &bits[index],
        rewards: batch.rewards(index),
    });
    restored.restore(saved, env.next_number()).unwrap();
    for _ in 0..30 {
        let mut other = StepBatch::default();
        advance(&mut env, &mut step);
        advance(&mut restored, &mut other);
        assert_eq!(
            (&step.rewards, &step.responses, &step.finished),
            (&other.rewards, &other.responses, &other.finished)
        );
    }
}

#[test]
fn forbidden_actions_are_refused_by_name() {
    let (world, listeners) = world(WorldSettings { session_end: false, ..WorldSettings::default() });
    let mut env = SimulatedEnv::new(world, listeners.another(), 2, 0, 1).unwrap();
    let mut step = StepBatch::default();
    env.step(&[3, 4], &mut step).unwrap();
    for actions in [[3, 5], [1000, 5]] {
        let error = env.step(&actions, &mut step).unwrap_err();
        assert!(matches!(error, EnvError::InvalidAction { session: 0, step: 1, .. }), "{error}");
    }
    assert!(matches!(env.step(&[5], &mut step), Err(EnvError::ActionCount { expected: 2, found: 1 })));
    assert_eq!(env.sessions().view(0).position(), 1, "a refused step changes nothing");
}

/// Sampled and expected rewards have the same mean, and expected ones lie between 0 and 1.
#[test]
fn expected_rewards_are_the_mean_of_sampled_ones() {
    for world in [world, oracle_world] {
        let mean = |kind| {
            let mut settings = WorldSettings { session_end: false, ..WorldSettings::default() };
            settings.reward.kind = kind;
            let (world, listeners) = world(settings);
            let sessions = play(&world, &*listeners, 64, 600);
            let rewards: Vec<f64> = sessions.values().flat_map(|s| s.rewards.iter().map(|&r| f64::from(r))).collect();
            assert!(rewards.iter().all(|reward| (0.0..=1.0).contains(reward)));
            rewards.iter().sum::<f64>() / rewards.len() as f64
        };
        let (sampled, expected) = (mean(RewardKind::Sampled), mean(RewardKind::Expected));
        // 12,000 plays: the standard error is at most 0.0046; four of them are allowed.
        assert!((sampled - expected).abs() < 0.0185, "{sampled} {expected}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn pools_hold_different_tracks_of_the_sources_asked_for(
        min_size in 1usize..80, more in 0usize..60, sources in 1u8..8, session in any::<u64>()
    ) {
        static WORLD: std::sync::OnceLock<Arc<World>> = std::sync::OnceLock::new();
        let world = WORLD.get_or_init(|| world(WorldSettings::default()).0);
        let weight = |bit: u8| f32::from(sources >> bit & 1);
        let settings = PoolSettings {
            min_size, max_size: min_size + more, theme: weight(0), library: weight(1), nearest: weight(2),
        };
        let starts = &world.starts;
        let start = session as usize % starts.len();
        let pool = draw_pool(starts, start, &settings, 1, session);
        let mut tracks: Vec<u32> = pool.iter().map(|&slot| starts.tracks(start)[usize::from(slot)]).collect();
        tracks.sort_unstable();
        tracks.dedup();
        prop_assert_eq!(tracks.len(), pool.len());
        prop_assert!(pool.len() <= settings.max_size);
        let available: std::collections::HashSet<u32> = (0..starts.slots())
            .filter(|slot| settings.weights()[slot / starts.candidates_per_source()] > 0.0)
            .map(|slot| starts.tracks(start)[slot])
            .collect();
        prop_assert!(pool.len() >= min_size.min(available.len()));
        for slot in &pool {
            prop_assert!(settings.weights()[usize::from(*slot) / starts.candidates_per_source()] > 0.0);
        }
        prop_assert_eq!(pool, draw_pool(starts, start, &settings, 1, session));
    }
}
