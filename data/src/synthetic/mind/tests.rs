//! Each term alone, against values computed by hand.

use super::*;
use crate::{BehaviourConfig, MindConfig, Responses, SyntheticConfig};

/// A world in which only the terms that `change` sets move a listener.
fn world(change: impl FnOnce(&mut SyntheticConfig)) -> SyntheticWorld {
    let off = MindConfig { drift: 0.0, mood: 0.0, interest: 0.0, returning: 0.0, ..MindConfig::default() };
    let still = BehaviourConfig { theme: 0.0, theme_share: 0.0, ..BehaviourConfig::default() };
    let mut config = SyntheticConfig { mind: off, behaviour: still, ..SyntheticConfig::default() };
    change(&mut config);
    SyntheticWorld::new(&config, 1).unwrap()
}

fn at(day: i64, hour: i64) -> i64 {
    FIRST_DAY_MS + day * DAY_MS + hour * DAY_MS / 24
}

fn context(hour: u8, device: Device) -> Context {
    Context { hour: Some(hour), device: Some(device), ..Context::default() }
}

/// The sum of vectors with their lengths, scaled to length 1.
fn unit_sum(parts: &[(f64, &[f32])]) -> Vec<f64> {
    let mut sum = vec![0.0; parts[0].1.len()];
    for (length, vector) in parts {
        sum.iter_mut().zip(*vector).for_each(|(sum, &value)| *sum += length * f64::from(value));
    }
    let length = sum.iter().map(|value| value * value).sum::<f64>().sqrt();
    sum.iter().map(|value| value / length).collect()
}

fn assert_same(found: &[f32], expected: &[f64]) {
    let close = found.iter().zip(expected).all(|(found, expected)| (f64::from(*found) - expected).abs() < 1e-5);
    assert!(close && found.len() == expected.len(), "found {found:?}, expected {expected:?}");
}

#[test]
fn with_all_terms_off_a_listener_stays() {
    let world = world(|_| {});
    let mut listener = world.listener(4);
    let taste = listener.taste.clone();
    listener.advance_to(&world, at(100, 3));
    assert_eq!((&listener.taste, &listener.mean_taste), (&taste, &taste));
    let context = context(23, Device::Car);
    assert_eq!(world.taste_in(&listener, &context), taste);
    let session = world.session_state(&listener, context, 0.0);
    assert_eq!((session.leaning(), session.wish(), session.theme()), (&taste[..], &taste[..], None));
}

#[test]
fn drift_moves_the_weights_of_styles_by_an_ornstein_uhlenbeck_process() {
    let world = world(|c| {
        c.mind.drift = 0.6;
        c.mind.drift_weeks = 2.0;
    });
    let mut listener = world.listener(4);
    assert_eq!(listener.styles.len(), 6);
    assert_eq!(listener.styles.iter().filter(|part| part.weight > 0.0).count(), 3);
    assert!((listener.styles.iter().map(|part| part.weight).sum::<f64>() - 1.0).abs() < 1e-9);
    let spread = 0.6 / 6f64.sqrt();
    let mut draws = CounterRng::new(1, Stream::Drift, 4, 0);
    let mut drifts: Vec<f64> = (0..6).map(|_| spread * normal(&mut draws)).collect();
    for day in 1..=2 {
        let mut draws = CounterRng::new(1, Stream::Drift, 4, day);
        for drift in &mut drifts {
            // exp(-1/14) a day, and what keeps the variance.
            *drift = 0.931_062_779 * *drift + spread * 0.364_856_1 * normal(&mut draws);
        }
    }
    listener.advance_to(&world, at(2, 23));
    let moved: Vec<(f64, &[f32])> = listener
        .styles
        .iter()
        .zip(&drifts)
        .map(|(part, drift)| {
            let change = if part.weight + drift > 0.0 { *drift } else { -part.weight };
            (change, &world.catalog.style_vectors[part.style as usize][..])
        })
        .chain([(1.0, &listener.mean_taste[..])])
        .collect();
    assert_same(&listener.taste, &unit_sum(&moved));
    // Once and again, or back in time: nothing changes.
    let taste = listener.taste.clone();
    listener.advance_to(&world, at(2, 23));
    listener.advance_to(&world, at(0, 1));
    assert_eq!(listener.taste, taste);
    assert_eq!(listener.now_ms, at(2, 23));
}

#[test]
fn drift_is_stationary_and_forgets_in_weeks() {
    let world = world(|c| {
        c.mind.drift = 0.6;
        c.mind.drift_weeks = 2.0;
        c.listeners.library_tracks = 0;
    });
    let count = 3_000;
    let (mut first, mut last, mut both) = (0.0, 0.0, 0.0);
    for number in 0..count {
        let mut listener = world.listener(number);
        let before = listener.styles[0].drift;
        listener.advance_to(&world, at(14, 0));
        let after = listener.styles[0].drift;
        first += before * before;
        last += after * after;
        both += before * after;
    }
    // Variance 0.06 each; a standard error of 0.0016. After two weeks a correlation of 1/e, with a standard error of
    // about 0.02.
    for sum in [first, last] {
        assert!((sum / f64::from(count) - 0.06).abs() < 0.0064, "{sum}");
    }
    assert!((both / (first * last).sqrt() - (-1f64).exp()).abs() < 0.08);
}

#[test]
fn moods_shift_the_taste_by_hour_and_device() {
    let world = world(|c| {
        c.mind.mood = 0.5;
        c.mind.mood_shared = 0.3;
    });
    let listener = world.listener(4);
    // At night in the car: 1.4 each.
    let found = world.taste_in(&listener, &context(2, Device::Car));
    let expected = unit_sum(&[
        (1.0, &listener.taste),
        (0.5 * 0.3 * 1.4, &world.moods.hours[3].direction),
        (0.5 * 0.3 * 1.4, &world.moods.devices[3].direction),
        (0.5 * 0.7 * 1.4, &listener.moods.hours[3].direction),
        (0.5 * 0.7 * 1.4, &listener.moods.devices[3].direction),
    ]);
    assert_same(&found, &expected);
    // In the morning, device unknown: 1.1.
    let morning = Context { hour: Some(6), ..Context::default() };
    let expected = unit_sum(&[
        (1.0, &listener.taste),
        (0.5 * 0.3 * 1.1, &world.moods.hours[0].direction),
        (0.5 * 0.7 * 1.1, &listener.moods.hours[0].direction),
    ]);
    assert_same(&world.taste_in(&listener, &morning), &expected);
    assert_eq!(world.taste_in(&listener, &Context::default()), listener.taste);
    let other = world.listener(5);
    assert_ne!(other.moods, listener.moods);
    assert!(listener.moods.hours.iter().all(|mood| listener.styles.iter().any(|part| part.style == mood.style)));
}

#[test]
fn classes_of_hour_and_device_have_their_bounds() {
    let hours: Vec<usize> = (0..24).filter_map(|hour| mood_classes(&context(hour, Device::Phone)).0).collect();
    let expected = [3, 3, 3, 3, 3, 3, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3];
    assert_eq!(hours, expected);
    let devices: Vec<Option<usize>> = Device::ALL.iter().map(|&device| mood_classes(&context(0, device)).1).collect();
    assert_eq!(Device::ALL.iter().zip(devices).filter(|(_, class)| *class == Some(0)).count(), 2);
    assert_eq!(mood_classes(&context(0, Device::Car)).1, Some(3));
    assert_eq!(mood_classes(&Context::default()), (None, None));
}

#[test]
fn an_interest_pulls_at_once_and_fades_by_half_lives() {
    let world = world(|c| {
        c.mind.interest = 0.8;
        c.mind.interests_per_week = 0.0;
        c.mind.interest_half_life_days = 2.0;
    });
    let mut listener = world.listener(4);
    listener.interests.push(Interest { track: 9, since_ms: at(3, 12) });
    let context = Context::default();
    listener.advance_to(&world, at(3, 11));
    assert_same(&world.leaning(&listener, &context), &unit_sum(&[(1.0, &listener.taste)]));
    for (day, strength) in [(3, 1.0), (5, 0.5), (7, 0.25)] {
        listener.advance_to(&world, at(day, 12));
        let expected = unit_sum(&[(1.0, &listener.taste), (0.8 * strength, world.track_vector(9))]);
        assert_same(&world.leaning(&listener, &context), &expected);
        assert_eq!(world.taste_in(&listener, &context), listener.taste, "the slow taste stays");
    }
    // Forgotten after ten half-lives; the leaning is the taste, to the bit.
    listener.advance_to(&world, at(23, 12));
    assert_eq!(world.leaning(&listener, &context), listener.taste);
}

#[test]
fn interests_arrive_at_their_rate_and_some_in_what_was_found() {
    let world = world(|c| {
        c.mind.interest = 0.8;
        c.mind.interests_per_week = 1.4;
        c.mind.interest_half_life_days = 1_000.0;
        c.mind.interest_heard = 1.0;
        c.listeners.library_tracks = 0;
    });
    let (count, days) = (300, 20);
    let mut arrived = 0;
    for number in 0..count {
        let mut listener = world.listener(number);
        listener.advance_to(&world, at(days - 1, 0));
        arrived += listener.interests.len();
        assert!(listener.interests.iter().all(|interest| (at(0, 0)..at(days, 0)).contains(&interest.since_ms)));
    }
    // 0.2 a day: 1,200, with a standard deviation of 35.
    assert!((arrived as f64 - 1_200.0).abs() < 140.0, "{arrived}");

    let complete = Responses { complete: Some(true), ..Responses::default() };
    let mut listener = world.listener(0);
    listener.interests.clear();
    let session = world.session_state(&listener, Context::default(), 0.0);
    listener.remember(&world, &session, 77, complete);
    listener.remember(&world, &session, 78, complete);
    // Heard for the second time: not found anew.
    listener.remember(&world, &session, 77, complete);
    while listener.interests.len() < 2 {
        let now_ms = listener.now_ms;
        listener.advance_to(&world, now_ms + DAY_MS);
    }
    assert_eq!(listener.interests[0].track, 78, "the latest track that was found");
    assert_ne!(listener.interests[1].track, 78, "it is found once");
}

#[test]
fn the_theme_is_a_style_of_the_leaning_and_draws_the_wish_to_it() {
    let world = world(|c| {
        c.behaviour.theme = 0.7;
        c.behaviour.theme_sharpness = 0.0;
    });
    let mut listener = world.listener(4);
    let mut counts = std::collections::BTreeMap::new();
    let sessions = 4_000;
    for _ in 0..sessions {
        let mut session = world.session_state(&listener, Context::default(), 0.0);
        let theme = session.theme().unwrap();
        let expected = unit_sum(&[(1.0, &listener.taste), (0.7, &world.catalog.style_vectors[theme as usize])]);
        assert_same(session.wish(), &expected);
        assert_eq!(session.leaning(), listener.taste, "the response does not know the theme");
        *counts.entry(theme).or_insert(0.0) += 1.0;
        world.observe(&mut session, 0, 0, Responses::default());
        listener.end_session(&session, 0);
    }
    // By their weights; a standard error of at most 0.008.
    for part in &listener.styles {
        let same = listener.styles.iter().filter(|other| other.style == part.style);
        let weight: f64 = same.map(|part| part.weight).sum();
        let found = counts[&part.style] / f64::from(sessions);
        assert!((found - weight).abs() < 0.032, "{found} {weight}");
    }
    // A sharp choice takes the style that fits best.
    let sharp = self::world(|c| {
        c.behaviour.theme_share = 0.5;
        c.behaviour.theme_sharpness = 1e4;
    });
    let fit = |style: u32| dot(&listener.taste, &sharp.catalog.style_vectors[style as usize]);
    let best = listener.styles.iter().map(|part| part.style).max_by(|a, b| fit(*a).total_cmp(&fit(*b)));
    let session = sharp.session_state(&sharp.listener(4), Context::default(), 0.0);
    assert_eq!(session.theme(), best);
    assert_eq!(session.wish(), listener.taste, "a share alone does not shift the wish");
}
