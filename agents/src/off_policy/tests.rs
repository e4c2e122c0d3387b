//! Against the exact return of a policy in a process that is small enough to be gone through by hand.
//!
//! Two plays, two tracks. The logging policy plays track 0 with 1/4 first, and with 1/2 then; the evaluated one with 3/4 and
//! with 1/4. The first reward is 1 after track 0 and 2 after track 1. After track 1 the listener leaves with 1/2. The second
//! reward is 4 for playing the other track than before, else 1.

use super::*;

const LOGGED: [[f64; 2]; 2] = [[0.25, 0.75], [0.5, 0.5]];
const EVALUATED: [[f64; 2]; 2] = [[0.75, 0.25], [0.25, 0.75]];
const GAMMA: f64 = 0.5;

fn step(position: usize, track: usize, reward: f64, model: f64) -> LoggedStep {
    LoggedStep {
        reward,
        propensity: LOGGED[position][track],
        probability: EVALUATED[position][track],
        // A model that is wrong everywhere, but of one mind: its value of the state is the mean of its values of tracks.
        action_value: model * (1.0 + track as f64),
        state_value: model * (EVALUATED[position][0] + 2.0 * EVALUATED[position][1]),
    }
}

fn second_reward(first: usize, second: usize) -> f64 {
    if first == second { 1.0 } else { 4.0 }
}

/// Each way that a session can go, as often as the logging policy has it go in 16 sessions, or a multiple of them.
fn log(model: f64) -> Vec<Vec<LoggedStep>> {
    let mut sessions = Vec::new();
    for first in 0..2 {
        let begin = step(0, first, 1.0 + first as f64, model);
        // Of 16 sessions 4 begin with track 0, and 12 with track 1, of which the listener leaves 6.
        let stays = [4, 6][first];
        if first == 1 {
            sessions.extend(vec![vec![begin]; 6]);
        }
        for second in 0..2 {
            let end = step(1, second, second_reward(first, second), model);
            sessions.extend(vec![vec![begin, end]; stays / 2]);
        }
    }
    sessions
}

/// By hand: first 3/4 x 1 + 1/4 x 2 = 1.25. Then after track 0 (3/4): 1/4 x 1 + 3/4 x 4 = 3.25; after track 1, if the listener
/// stays (1/8): 1/4 x 4 + 3/4 x 1 = 1.75. With gamma = 1/2: 1.25 + (0.75 x 3.25 + 0.125 x 1.75) / 2.
const TRUTH: f64 = 1.25 + 0.5 * (0.75 * 3.25 + 0.125 * 1.75);

#[test]
fn a_log_in_its_exact_proportions_gives_the_exact_return() {
    for estimator in OffPolicyEstimator::ALL {
        for model in [0.0, 1.7] {
            let sessions = log(model);
            assert_eq!(sessions.len(), 16);
            let found = estimate_off_policy(estimator, &sessions, GAMMA).unwrap().total_reward;
            assert!((found.mean - TRUTH).abs() < 1e-12, "{estimator:?}: {found:?}, expected {TRUTH}");
            assert!(found.low < TRUTH && TRUTH < found.high);
        }
    }
}

#[test]
fn a_model_that_knows_leaves_no_error_to_chance_of_choice() {
    // In a process without leaving, where the values are exact, every session gives the exact return.
    let second: Vec<f64> =
        (0..2).map(|first| (0..2).map(|s| EVALUATED[1][s] * second_reward(first, s)).sum()).collect();
    let value = |first: usize| 1.0 + first as f64 + GAMMA * second[first];
    let start = EVALUATED[0][0] * value(0) + EVALUATED[0][1] * value(1);
    let session = |first: usize, then: usize| {
        let begin = step(0, first, 1.0 + first as f64, 0.0);
        let end = step(1, then, second_reward(first, then), 0.0);
        vec![
            LoggedStep { action_value: value(first), state_value: start, ..begin },
            LoggedStep { action_value: end.reward, state_value: second[first], ..end },
        ]
    };
    let sessions = [session(0, 0), session(0, 1), session(1, 1)];
    let found = estimate_off_policy(OffPolicyEstimator::DoublyRobust, &sessions, GAMMA).unwrap().total_reward;
    for found in [found.mean, found.low, found.high] {
        assert!((found - start).abs() < 1e-12, "{found} {start}");
    }
}

/// On logs of 400 sessions: intervals hold the truth as often as they say, per-decision weights spread less than those of
/// whole sessions, and normalised ones less than either.
#[test]
fn intervals_cover_and_estimators_spread_as_they_should() {
    let ways = log(0.0);
    let logs = 600;
    let mut spreads = Vec::new();
    for estimator in OffPolicyEstimator::ALL {
        let (mut covered, mut squares) = (0, 0.0);
        for number in 0..logs {
            let mut rng = listening_data::CounterRng::new(3, listening_data::Stream::Sampling, number, 0);
            let sessions: Vec<_> = (0..400).map(|_| ways[rng.below(ways.len())].clone()).collect();
            let found = estimate_off_policy(estimator, &sessions, GAMMA).unwrap();
            let Estimate { mean, low, high } = found.total_reward;
            covered += i32::from(low < TRUTH && TRUTH < high);
            squares += (mean - TRUTH).powi(2) / logs as f64;
            assert!(found.effective_sessions < 400.0 && found.warning().is_none());
        }
        let share = f64::from(covered) / logs as f64;
        // A standard error of 0.009.
        assert!((share - 0.95).abs() < 0.03, "{estimator:?}: {share}");
        spreads.push(squares.sqrt());
    }
    println!("errors {spreads:?}");
    let [ips, snips, per_decision, rips, doubly_robust] = spreads[..] else { panic!("five estimators") };
    assert!(per_decision < ips && snips < ips && rips < per_decision);
    assert!((doubly_robust - per_decision).abs() < 1e-12, "without a model the two are one");
}

#[test]
fn effective_sessions_are_those_of_kish() {
    // Weights 2, 2 and 0: (2 + 2)^2 / (4 + 4).
    let session = |probability: f64| vec![LoggedStep { propensity: 0.5, probability, ..LoggedStep::default() }];
    let sessions = [session(1.0), session(1.0), session(0.0)];
    let found = estimate_off_policy(OffPolicyEstimator::Snips, &sessions, 1.0).unwrap();
    assert_eq!(found.effective_sessions, 2.0);
    assert!(found.warning().unwrap().contains("as much as 2.0 sessions"));
    let none = estimate_off_policy(OffPolicyEstimator::Rips, &[session(0.0)], 1.0).unwrap();
    assert_eq!((none.total_reward.mean, none.effective_sessions), (0.0, 0.0));
}

#[test]
fn names_in_files_are_those_of_serde() {
    for estimator in OffPolicyEstimator::ALL {
        assert_eq!(serde_json::to_value(estimator).unwrap(), estimator.name());
    }
}

#[test]
fn impossible_logs_are_refused_by_place() {
    let refused = |step: LoggedStep, gamma: f64| {
        let fine = LoggedStep { propensity: 0.5, probability: 0.5, ..LoggedStep::default() };
        let sessions = [vec![fine], vec![fine, step]];
        estimate_off_policy(OffPolicyEstimator::Ips, &sessions, gamma).unwrap_err().to_string()
    };
    let fine = LoggedStep { propensity: 0.5, ..LoggedStep::default() };
    assert!(
        refused(LoggedStep { propensity: 0.0, ..fine }, 1.0).contains("session 1, play 1: a propensity is above 0")
    );
    assert!(refused(LoggedStep { probability: 1.5, ..fine }, 1.0).contains("found 1.5"));
    assert!(refused(LoggedStep { reward: f64::NAN, ..fine }, 1.0).contains("finite"));
    assert!(refused(fine, 2.0).contains("gamma"));
    let empty = estimate_off_policy(OffPolicyEstimator::Ips, &[], 1.0).unwrap_err().to_string();
    assert!(empty.contains("no logged session"), "{empty}");
}
