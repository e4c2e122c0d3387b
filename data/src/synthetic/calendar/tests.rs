use super::*;
use crate::{Context, MindConfig, Responses, SyntheticConfig};

fn world(returning: f64) -> SyntheticWorld {
    let config =
        SyntheticConfig { mind: MindConfig { returning, ..MindConfig::default() }, ..SyntheticConfig::default() };
    SyntheticWorld::new(&config, 1).unwrap()
}

/// A listener whose last session, long ago, had one track of `plays` heard out.
fn listener_after(world: &SyntheticWorld, plays: u32, complete: u32) -> Listener {
    let mut listener = world.listener(3);
    let mut session = world.session_state(&listener, Context::default(), 0.0);
    for play in 0..plays {
        let responses =
            Responses { complete: Some(play < complete), skip: Some(play >= complete), ..Default::default() };
        world.observe(&mut session, play, 1_000, responses);
    }
    listener.end_session(&session, FIRST_DAY_MS - 10 * DAY_MS);
    listener
}

#[test]
fn a_moment_is_taken_by_how_the_last_session_went() {
    let world = world(0.8);
    let found = |plays, complete| world.return_probability(&listener_after(&world, plays, complete));
    assert!((found(4, 4) - 1.0).abs() < 1e-9);
    assert!((found(4, 1) - (-0.6f64).exp()).abs() < 1e-9);
    assert!((found(5, 0) - (-0.8f64).exp()).abs() < 1e-9);
    // Before the first session, and after one without plays, which is none.
    assert!((world.return_probability(&world.listener(3)) - (-0.4f64).exp()).abs() < 1e-9);
    assert!((found(0, 0) - (-0.4f64).exp()).abs() < 1e-9);
}

#[test]
fn sessions_come_at_the_rate_of_the_formula() {
    let rules = SessionRules::default();
    let days = 4_000;
    for (returning, plays, complete, relative) in
        [(0.0, 4, 0, 1.0), (0.8, 4, 4, 0.4f64.exp()), (0.8, 4, 2, 1.0), (0.8, 4, 0, (-0.4f64).exp())]
    {
        let world = world(returning);
        // Nothing is carried from one session to the next: the rate stays the same.
        let mut listener = listener_after(&world, plays, complete);
        listener.sessions_per_day = 0.7;
        let mut calendar = world.calendar(&listener);
        let before_ms = FIRST_DAY_MS + days * DAY_MS;
        let starts: Vec<i64> =
            std::iter::from_fn(|| calendar.next_session(&world, &rules, &listener, before_ms)).collect();
        assert!(starts.is_sorted());
        let expected = 0.7 * relative * days as f64;
        // A Poisson number: four standard deviations.
        assert!((starts.len() as f64 - expected).abs() < 4.0 * expected.sqrt(), "{} {expected}", starts.len());
    }
}

/// Of the moments of one who comes back at a rate that stays the same, as many are followed by another within the hours as the
/// formula says; over days, whatever hours are preferred.
#[test]
fn as_many_come_back_within_some_hours_as_is_said() {
    let rules = SessionRules { session_gap_minutes: 1e-9, ..SessionRules::default() };
    let world = world(0.8);
    for (plays, complete, hours) in [(4, 4, 24.0), (4, 1, 24.0), (4, 2, 48.0)] {
        let mut listener = listener_after(&world, plays, complete);
        listener.sessions_per_day = 0.7;
        let mut session = world.session_state(&listener, Context::default(), 0.0);
        for play in 0..plays {
            let responses = Responses { complete: Some(play < complete), ..Default::default() };
            world.observe(&mut session, play, 1_000, responses);
        }
        let mut calendar = world.calendar(&listener);
        let before_ms = FIRST_DAY_MS + 6_000 * DAY_MS;
        let starts: Vec<i64> =
            std::iter::from_fn(|| calendar.next_session(&world, &rules, &listener, before_ms)).collect();
        let within = starts.windows(2).filter(|pair| (pair[1] - pair[0]) as f64 <= hours * 3_600_000.0).count();
        let share = within as f64 / (starts.len() - 1) as f64;
        let expected = world.returns_within(&listener, &session, hours);
        let by_hand = 1.0 - (-0.7 * (0.8 * (f64::from(complete) / f64::from(plays) - 0.5)).exp() * hours / 24.0).exp();
        assert!((expected - by_hand).abs() < 1e-12);
        // A standard error of 0.008.
        assert!((share - expected).abs() < 0.03, "{share} {expected}");
    }
}

#[test]
fn who_still_listens_does_not_begin_anew_and_the_end_may_be_any_moment() {
    let world = world(0.0);
    let rules = SessionRules::default();
    let mut listener = world.listener(3);
    let mut calendar = world.calendar(&listener);
    let all: Vec<i64> = {
        let mut calendar = calendar.clone();
        std::iter::from_fn(|| calendar.next_session(&world, &rules, &listener, FIRST_DAY_MS + 28 * DAY_MS)).collect()
    };
    assert!(all.len() > 3, "{}", all.len());
    // An end in the middle of a day, and going on from there.
    assert_eq!(calendar.next_session(&world, &rules, &listener, all[1]), Some(all[0]));
    assert_eq!(calendar.next_session(&world, &rules, &listener, all[1]), None);
    // Listening until after the second moment.
    let mut session = world.session_state(&listener, Context::default(), 0.0);
    world.observe(&mut session, 0, 1_000, Responses::default());
    listener.end_session(&session, all[1] + 1);
    let next = calendar.next_session(&world, &rules, &listener, i64::MAX).unwrap();
    assert!(rules.opens_session(all[1] + 1, next));
}
