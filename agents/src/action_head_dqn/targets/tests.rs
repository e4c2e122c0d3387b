use super::*;
use crate::action_head_dqn::architecture::Architecture;
use crate::action_head_dqn::network::{QNetwork, Shape};
use playlist_envs::{EpisodeSettings, FinishedSession, PlayResponses, WorldSettings, small_world};
use tch::{Device, Tensor};

fn all() -> AgentSettings {
    AgentSettings { layer_norm: true, dueling: true, quantiles: 3, ..AgentSettings::default() }
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    small_world(folder.path(), 30, WorldSettings::default(), 1).unwrap().0
}

/// Three plays of rewards 1, 2 and 4.
fn session(pool: u16, terminated: bool) -> FinishedSession {
    FinishedSession {
        number: 0,
        start: 0,
        pool: (0..pool).collect(),
        played: vec![0, 1, 2],
        responses: vec![PlayResponses::default(); 3],
        rewards: vec![1.0, 2.0, 4.0],
        states: Vec::new(),
        terminated,
        returned: false,
    }
}

fn network(world: &World, settings: &AgentSettings, seed: u64) -> QNetwork {
    QNetwork::new(&Shape::new(world, &Architecture::new(settings)), seed, Device::Cpu).unwrap()
}

fn targets_of(settings: &AgentSettings) -> Targets {
    let outputs = Architecture::new(settings).outputs();
    Targets::new(settings, outputs, &Scorer::new(Device::Cpu), 1)
}

#[test]
fn n_step_rewards_are_discounted_and_end_with_the_session() {
    let session = session(9, true);
    let reward = |position, n| n_step_reward(&Transition { session: &session, position }, n, 0.5);
    assert_eq!(reward(0, 1), (1.0, 1));
    assert_eq!(reward(0, 2), (2.0, 2));
    assert_eq!(reward(0, 9), (3.0, 3));
    assert_eq!(reward(2, 2), (4.0, 3));
}

/// A fault of a peer: truncation stored as termination. With a network that says the same everywhere the targets are
/// known: the reward alone where the listener left or nothing is left to play, and where the session was cut the rewards
/// and gamma^n times what the network says.
#[test]
fn only_termination_and_an_empty_pool_stop_the_bootstrap() {
    let world = world();
    // A network of 2 everywhere, and one of quantiles 1, 2 and 4 everywhere.
    for (base, says) in
        [(AgentSettings { quantiles: 0, ..AgentSettings::default() }, vec![2.0]), (all(), vec![1.0, 2.0, 4.0])]
    {
        // Rewards, and what of the future counts, for the transitions at positions 0, 1 and 2.
        let cases = [
            (1, "cut", 9, false, [1.0, 2.0, 4.0], [0.5, 0.5, 0.5]),
            (1, "left", 9, true, [1.0, 2.0, 4.0], [0.5, 0.5, 0.0]),
            (1, "pool exhausted", 3, false, [1.0, 2.0, 4.0], [0.5, 0.5, 0.0]),
            // 1 + 2 / 2 and 2 + 4 / 2; then only what is left of the session counts.
            (2, "cut", 9, false, [2.0, 4.0, 4.0], [0.25, 0.25, 0.5]),
            (2, "left", 9, true, [2.0, 4.0, 4.0], [0.25, 0.0, 0.0]),
            (2, "pool exhausted", 3, false, [2.0, 4.0, 4.0], [0.25, 0.0, 0.0]),
            // 1 + 2 / 2 + 4 / 4: all that there is, bootstrapped from where the session ends.
            (5, "cut", 9, false, [3.0, 4.0, 4.0], [0.125, 0.25, 0.5]),
            (5, "left", 9, true, [3.0, 4.0, 4.0], [0.0, 0.0, 0.0]),
            (5, "pool exhausted", 3, false, [3.0, 4.0, 4.0], [0.0, 0.0, 0.0]),
        ];
        for (n_step, end, pool, terminated, rewards, futures) in cases {
            let settings = AgentSettings { gamma: 0.5, n_step, ..base.clone() };
            let mut network = network(&world, &settings, 1);
            let mut values: Vec<Tensor> = network.parameters.tensors().map(|tensor| tensor.zeros_like()).collect();
            // The last parameter is the bias of the last layer: of Q, or of V where dueling.
            *values.last_mut().unwrap() = Tensor::from_slice(&says);
            network.parameters.restore(&values).unwrap();
            let session = session(pool, terminated);
            let batch: Vec<Transition<'_>> =
                (0..3).map(|position| Transition { session: &session, position }).collect();
            let layers = &network.layers;
            let found = targets_of(&settings).compute(&world, layers, layers, &batch).unwrap();
            let of = |(reward, future): (f32, f32)| says.iter().map(move |says| reward + future * says);
            let expected: Vec<f32> = rewards.into_iter().zip(futures).flat_map(of).collect();
            assert_eq!(found, expected, "{n_step} steps, {end}");
        }
    }
}

/// In episodes of several sessions what follows the last play is the beginning of the next session of who came back, whether
/// the session was left or cut, and nothing where nobody did; discounted as after the four plays that a session may have, not
/// the three that it had. By hand, with gamma 1/2 and a network of 2 everywhere.
#[test]
fn the_future_of_a_session_is_the_next_one_of_its_listener() {
    let folder = tempfile::tempdir().unwrap();
    let episode = EpisodeSettings { sessions: 2, ..EpisodeSettings::default() };
    let settings = WorldSettings { episode, max_length: 4, ..WorldSettings::default() };
    let world = small_world(folder.path(), 30, settings, 1).unwrap().0;
    for (n_step, rewards, futures) in [(1, [1.0, 2.0, 4.0], [0.5, 0.5]), (2, [2.0, 4.0, 4.0], [0.25, 0.0])] {
        let settings = AgentSettings { gamma: 0.5, n_step, quantiles: 0, ..AgentSettings::default() };
        let mut network = network(&world, &settings, 1);
        let mut values: Vec<Tensor> = network.parameters.tensors().map(|tensor| tensor.zeros_like()).collect();
        *values.last_mut().unwrap() = Tensor::from_slice(&[2.0f32]);
        network.parameters.restore(&values).unwrap();
        for (pool, terminated, returned) in
            [(9, true, true), (9, false, true), (3, false, true), (9, true, false), (9, false, false)]
        {
            // The last session of an episode is none for the listener.
            let number = if pool == 9 { next_in_episode(0) } else { 0 };
            let session = FinishedSession { number, returned, ..session(pool, terminated) };
            let batch: Vec<_> = (0..3).map(|position| Transition { session: &session, position }).collect();
            let layers = &network.layers;
            let found = targets_of(&settings).compute(&world, layers, layers, &batch).unwrap();
            // A pool of three has no fourth play.
            let last = if pool == 3 { 0.5 } else { 0.25 };
            let back = |share: f32| if returned { 2.0 * share } else { 0.0 };
            // With two steps the second play's target reaches behind the end too.
            let second = if n_step == 2 { back(last / 2.0) } else { 2.0 * futures[1] };
            let expected = [rewards[0] + 2.0 * futures[0], rewards[1] + second, rewards[2] + back(last)];
            assert_eq!(found, expected, "{n_step} steps, {pool} candidates, left {terminated}, back {returned}");
        }
    }
}

/// The next session is seen as it begins: the target of a last play is that of the best of its candidates.
#[test]
fn the_next_session_is_seen_as_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    let episode = EpisodeSettings { sessions: 2, ..EpisodeSettings::default() };
    let settings = WorldSettings { episode, ..WorldSettings::default() };
    std::fs::create_dir(folder.path().join("moving")).unwrap();
    for world in [
        small_world(folder.path(), 30, settings.clone(), 1).unwrap().0,
        playlist_envs::small_moving_world(&folder.path().join("moving"), 30, settings, 1).unwrap().0,
    ] {
        let agent = AgentSettings { quantiles: 0, ..AgentSettings::default() };
        let (online, target) = (network(&world, &agent, 1), network(&world, &agent, 2));
        let (start, pool) = world.session_of(0);
        let states = world.first_state(start).repeat(4);
        let session = FinishedSession { start: start as u32, pool, states, returned: true, ..session(9, true) };
        let batch = [Transition { session: &session, position: 2 }];
        let found = targets_of(&agent).compute(&world, &online.layers, &target.layers, &batch).unwrap();
        let mut batch = playlist_envs::SessionBatch::new(&world, 1);
        batch.begin(&world, 0, next_in_episode(0));
        let view = batch.view(0);
        assert_eq!(world.starts.user(view.start), world.starts.user(start));
        let mut scorer = Scorer::new(Device::Cpu);
        let mut value = |network: &QNetwork, place: u16| {
            let q = tch::no_grad(|| scorer.score_chosen(&network.layers, &world, std::iter::once((view, place))));
            q.unwrap().double_value(&[0, 0])
        };
        let best = view.remaining().max_by(|&a, &b| value(&online, a).total_cmp(&value(&online, b))).unwrap();
        let full_length = world.settings.max_length.min(session.pool.len());
        let discount = f64::from(agent.gamma).powi(full_length as i32 - 2);
        let expected = 4.0 + discount * value(&target, best);
        assert!((f64::from(found[0]) - expected).abs() < 1e-4, "{found:?} {expected}");
    }
}

/// Double DQN by the definition, and without it: every remaining candidate of each next state alone through both networks.
#[test]
fn the_online_network_chooses_and_the_target_network_values() {
    let world = world();
    let single = AgentSettings { double: false, n_step: 2, ..AgentSettings::default() };
    for settings in [AgentSettings { double: true, ..single.clone() }, single, AgentSettings { n_step: 1, ..all() }] {
        let (online, target) = (network(&world, &settings, 1), network(&world, &settings, 2));
        let session = session(30, false);
        let batch: Vec<Transition<'_>> = (0..3).map(|position| Transition { session: &session, position }).collect();
        let mut targets = targets_of(&settings);
        let found = targets.compute(&world, &online.layers, &target.layers, &batch).unwrap();
        let mut scorer = Scorer::new(Device::Cpu);
        let mut differ = 0;
        for (transition, found) in batch.iter().zip(found.chunks_exact(targets.outputs)) {
            let (reward, after) = n_step_reward(transition, settings.n_step, settings.gamma);
            let state = session.view().at(after);
            let mut returns = |network: &QNetwork, place: u16| -> Vec<f32> {
                let chosen = std::iter::once((state, place));
                let returns = tch::no_grad(|| scorer.score_chosen(&network.layers, &world, chosen)).unwrap();
                Vec::try_from(returns.reshape([-1])).unwrap()
            };
            let mut best = |network: &QNetwork| {
                let places = state.remaining().map(|place| (place, returns(network, place).iter().sum::<f32>()));
                places.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0
            };
            let (mut chosen, other) = (best(&online), best(&target));
            differ += u32::from(chosen != other);
            if !settings.double {
                chosen = other;
            }
            assert!(!session.played[..after].contains(&chosen));
            let discount = settings.gamma.powi((after - transition.position) as i32);
            for (found, future) in found.iter().zip(returns(&target, chosen)) {
                let expected = reward + discount * future;
                assert!((found - expected).abs() < 1e-4 * expected.abs().max(1.0), "{found} {expected}");
            }
        }
        assert!(differ > 0, "the two networks must disagree for the test to mean anything");
    }
}
