use super::*;
use crate::SessionOutcome;
use listening_data::{CounterRng, Stream};

/// A session of a user with a return, and a diversity where there is one.
fn session(user: u32, start: u32, total_reward: f64, diversity: Option<f64>) -> MeasuredSession {
    let mut values = [Some(1.0); MEASURES];
    values[Measure::Return as usize] = Some(total_reward);
    values[Measure::Diversity as usize] = diversity;
    let outcome = SessionOutcome { user, total_reward, ..SessionOutcome::default() };
    MeasuredSession { start, outcome, tracks: vec![user % 3], values }
}

fn no_groups() -> SessionGroups {
    SessionGroups::of_places(Vec::new(), vec![Vec::new(); 10_000])
}

fn compared(played: &[(&str, Vec<MeasuredSession>)], groups: &SessionGroups, reference: &str) -> Comparison {
    let played: Vec<PlayedPolicy> = played
        .iter()
        .map(|(policy, sessions)| PlayedPolicy {
            policy: (*policy).to_owned(),
            sessions: sessions.clone(),
            offered: vec![0, 1, 2],
        })
        .collect();
    let settings = ComparisonSettings { reference: reference.to_owned(), resamples: 2000, seed: 5, threads: 2 };
    compare(&played, groups, &settings)
}

fn draws() -> impl Iterator<Item = f64> {
    let mut rng = CounterRng::new(3, Stream::Sampling, 1, 9);
    std::iter::repeat_with(move || f64::from(rng.uniform()))
}

/// Of many users with one session each, intervals and p-values are those of the normal distribution.
#[test]
fn many_users_of_one_session_have_normal_intervals() {
    let random: Vec<f64> = draws().take(1000).map(|x| 4.0 * x).collect();
    let greedy: Vec<f64> = random.iter().zip(draws().skip(1000)).map(|(x, noise)| x + 2.0 * noise - 0.9).collect();
    let sessions = |returns: &[f64]| (0..1000).map(|u| session(u, u, returns[u as usize], None)).collect::<Vec<_>>();
    let found = compared(&[("random", sessions(&random)), ("greedy", sessions(&greedy))], &no_groups(), "random");
    assert_eq!((found.sessions, found.users, found.resampled), (1000, 1000, Resampled::Users));
    let differences: Vec<f64> = greedy.iter().zip(&random).map(|(a, b)| a - b).collect();
    let expected = |values: &[f64]| Estimate::of(values.iter().copied());
    let near = |found: Estimate, expected: Estimate| {
        let reach = expected.high - expected.mean;
        assert!((found.mean - expected.mean).abs() < 1e-9, "{found:?} {expected:?}");
        assert!((found.low - expected.low).abs() < 0.1 * reach, "{found:?} {expected:?}");
        assert!((found.high - expected.high).abs() < 0.1 * reach, "{found:?} {expected:?}");
    };
    let of_greedy = &found.policies[1];
    near(of_greedy.measured.measures[&Measure::Return], expected(&greedy));
    near(of_greedy.return_minus_random.unwrap(), expected(&differences));
    let Difference { mean, low, high, p_value, adjusted_p_value } =
        of_greedy.measured.minus_reference[&Measure::Return];
    near(Estimate { mean, low, high }, expected(&differences));
    let paired = expected(&differences);
    let z = paired.mean / ((paired.high - paired.mean) / 1.96);
    assert!(p_value > 1e-9 && p_value < 0.05, "{p_value}");
    assert!((p_value.ln() / two_sided_p_value(z, 1.0).ln() - 1.0).abs() < 0.15, "{p_value} {z}");
    assert_eq!(p_value, adjusted_p_value, "one comparison needs no correction");
    assert!(!of_greedy.measured.measures.contains_key(&Measure::Diversity), "defined for no session");
    assert!(found.policies[0].measured.minus_reference.is_empty());
}

/// Sessions of a user that are alike tell as much as one of them.
#[test]
fn users_are_drawn_with_all_their_sessions() {
    let returns: Vec<f64> = draws().take(100).collect();
    let sessions = |each: u32| {
        let of_user = |user: u32| (0..each).map(move |_| user);
        (0..100).flat_map(of_user).map(|user| session(user, user, returns[user as usize], None)).collect::<Vec<_>>()
    };
    let interval = |each| {
        compared(&[("random", sessions(each))], &no_groups(), "random").policies[0].measured.measures[&Measure::Return]
    };
    let (one, five) = (interval(1), interval(5));
    assert!((one.low - five.low).abs() < 1e-9 && (one.high - five.high).abs() < 1e-9, "{one:?} {five:?}");
    // Of few users, their sessions are drawn.
    let of_few = |user: u32| (0..200).map(|i| session(user, user, returns[i % 100], None)).collect::<Vec<_>>();
    let few = compared(&[("random", of_few(7))], &no_groups(), "random");
    assert_eq!((few.users, few.resampled), (1, Resampled::Sessions));
    let found = few.policies[0].measured.measures[&Measure::Return];
    assert!(found.low < found.mean && found.mean < found.high, "{found:?}");
}

#[test]
fn measures_that_some_sessions_lack_are_means_of_the_others() {
    let diversity = |user: u32| user.is_multiple_of(2).then(|| f64::from(user));
    let of_all = |lift: f64| (0..20).map(|u| session(u, u, 2.0, diversity(u).map(|x| x + lift))).collect::<Vec<_>>();
    let found = compared(&[("random", of_all(0.0)), ("greedy", of_all(0.5))], &no_groups(), "random");
    let [random, greedy] = [&found.policies[0].measured, &found.policies[1].measured];
    assert_eq!(random.measures[&Measure::Diversity].mean, 9.0);
    let difference = greedy.minus_reference[&Measure::Diversity];
    assert!((difference.mean - 0.5).abs() < 1e-12 && (difference.high - 0.5).abs() < 1e-9, "{difference:?}");
    let alike = greedy.minus_reference[&Measure::Return];
    assert_eq!((alike.mean, alike.p_value, alike.adjusted_p_value), (0.0, 1.0, 1.0));
    assert_eq!(found.policies[0].exposure.coverage, 1.0);
}

#[test]
fn groups_hold_their_own_sessions_and_all_comparisons_of_a_measure_are_one_family() {
    let names = ["night", "morning"].map(|name| (GroupKind::Hour, name.to_owned()));
    let rare = (GroupKind::Device, "car".to_owned());
    // Starts 0 to 29 at night, 30 to 59 in the morning, 0 to 4 in a car.
    let place = |start: usize| [start / 30].into_iter().chain((start < 5).then_some(2)).collect();
    let groups = SessionGroups::of_places([&names[..], &[rare]].concat(), (0..60).map(place).collect());
    let noise: Vec<f64> = draws().take(60).collect();
    let of_all = |at_night: f64, in_the_morning: f64, noisy: f64| {
        let lift = |start: u32| if start < 30 { at_night } else { in_the_morning };
        (0..60).map(|i| session(i, i, lift(i) + noisy * noise[i as usize], None)).collect::<Vec<_>>()
    };
    let played =
        [("random", of_all(1.0, 2.0, 0.0)), ("greedy", of_all(1.0, 2.0, 1.0)), ("cosine", of_all(0.5, 1.6, 1.0))];
    let found = compared(&played, &groups, "random");
    let shown: Vec<_> = found.groups.iter().map(|group| (group.group.as_str(), group.sessions, group.users)).collect();
    assert_eq!(shown, [("night", 30, 30), ("morning", 30, 30)], "5 users in cars are too few");
    let mean = |group: usize, policy: usize| found.groups[group].policies[policy].measures[&Measure::Return].mean;
    assert_eq!((mean(0, 0), mean(1, 0)), (1.0, 2.0));
    let part = |of: std::ops::Range<usize>| noise[of].iter().sum::<f64>() / 30.0;
    assert!((mean(0, 2) - 0.5 - part(0..30)).abs() < 1e-12 && (mean(1, 1) - 2.0 - part(30..60)).abs() < 1e-12);
    // Two policies in two groups: four comparisons.
    let family = |adjusted: bool| -> Vec<f64> {
        let policies = found.groups.iter().flat_map(|group| &group.policies[1..]);
        let difference = |measured: &Measured| measured.minus_reference[&Measure::Return];
        policies.map(difference).map(|d| if adjusted { d.adjusted_p_value } else { d.p_value }).collect()
    };
    assert_eq!(family(true), holm_adjusted(&family(false)));
    assert!(family(true).iter().zip(family(false)).any(|(adjusted, p)| *adjusted > 1.5 * p), "{:?}", family(true));
}
