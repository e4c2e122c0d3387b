//! Each term alone, against values computed by hand.

use super::*;
use crate::{LeavingConfig, MindConfig, ResponseConfig, SyntheticConfig};

const COMPLETE: Responses = Responses { complete: Some(true), skip: Some(false), past_threshold: Some(true) };
const SKIP: Responses = Responses { complete: Some(false), skip: Some(true), past_threshold: Some(false) };
const INTERRUPTED: Responses = Responses { complete: Some(false), skip: Some(false), past_threshold: Some(true) };

/// A world in which only the terms that `change` sets have a part, and a listener without a habit.
fn world(change: impl FnOnce(&mut SyntheticConfig)) -> (SyntheticWorld, Listener) {
    let mut config = SyntheticConfig {
        response: ResponseConfig {
            base: 0.0,
            affinity: 0.0,
            familiarity: 0.0,
            satiation_artist: 0.0,
            satiation_similarity: 0.0,
            satiation_decay: 0.5,
            coherence: 0.0,
            streak: 0.0,
            position: 0.0,
            device: 0.0,
            ..ResponseConfig::default()
        },
        leaving: LeavingConfig {
            base: 0.0,
            session_spread: 0.0,
            streak: 0.0,
            satiation: 0.0,
            interruptions_per_hour: 0.0,
        },
        mind: MindConfig { drift: 0.0, mood: 0.0, interest: 0.0, ..MindConfig::default() },
        ..SyntheticConfig::default()
    };
    change(&mut config);
    let world = SyntheticWorld::new(&config, 1).unwrap();
    let mut listener = world.listener(0);
    listener.skip_habit = 0.0;
    (world, listener)
}

fn session(world: &SyntheticWorld, listener: &Listener) -> SessionState {
    world.session_state(listener, Context::default(), 0.0)
}

/// Observes a share of a track.
fn observe(world: &SyntheticWorld, session: &mut SessionState, track: u32, share: f64, responses: Responses) {
    let ms_played = share * f64::from(world.tracks()[track as usize].duration_ms.unwrap());
    world.observe(session, track, ms_played as u32, responses);
}

/// Two tracks of one artist, and one of another whose similarity to both is below the threshold.
fn two_alike_and_one_apart(world: &SyntheticWorld) -> [u32; 3] {
    let catalog = &world.catalog;
    let tracks = 0..catalog.tracks.len() as u32;
    let pair = tracks.clone().find(|&t| catalog.artists[t as usize] == catalog.artists[t as usize + 1]).unwrap();
    let apart = |&t: &u32| catalog.similarity(t, pair) < 0.5 && catalog.similarity(t, pair + 1) < 0.5;
    [pair, pair + 1, tracks.rev().find(apart).unwrap()]
}

fn assert_close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-4, "found {found}, expected {expected}");
}

#[test]
fn with_all_terms_off_nothing_matters() {
    let (world, listener) = world(|_| {});
    let mut later = session(&world, &listener);
    observe(&world, &mut later, 3, 1.0, SKIP);
    for track in 0..50 {
        assert_eq!(world.skip_hazard(&listener, &session(&world, &listener), track).log_hazard, 0.0);
        assert_eq!(world.skip_hazard(&listener, &later, track).log_hazard, 0.0);
    }
    assert_eq!(world.leave_probability(&later), 0.5);
}

#[test]
fn affinity_lowers_the_hazard() {
    let (world, mut listener) = world(|c| c.response.affinity = 2.0);
    listener.taste = world.track_vector(5).to_vec();
    assert_close(world.skip_hazard(&listener, &session(&world, &listener), 5).log_hazard, -2.0);
    listener.taste.iter_mut().for_each(|value| *value *= -0.5);
    let disliked = world.skip_hazard(&listener, &session(&world, &listener), 5);
    assert_close(disliked.log_hazard, 1.0);
    assert_eq!(
        disliked,
        world.skip_hazard(&listener, &session(&world, &listener), 5),
        "the same question has the same answer"
    );

    let rules = crate::SessionRules::default();
    listener.taste = world.track_vector(5).to_vec();
    let liked = world.skip_hazard(&listener, &session(&world, &listener), 5).probabilities(&rules);
    let disliked = disliked.probabilities(&rules);
    assert!(liked.skip < disliked.skip && liked.complete > disliked.complete);
    assert!(liked.past_threshold > disliked.past_threshold);
}

#[test]
fn the_skip_habit_and_the_base_add_up() {
    let (world, mut listener) = world(|c| c.response.base = -0.5);
    listener.skip_habit = 0.2;
    assert_close(world.skip_hazard(&listener, &session(&world, &listener), 5).log_hazard, -0.3);
}

#[test]
fn familiarity_is_an_inverted_u() {
    let (world, mut listener) = world(|c| {
        c.response.familiarity = 0.8;
        c.response.familiarity_peak = 4.0;
        c.listeners.library_tracks = 0;
    });
    let mut found = Vec::new();
    for hearings in 0..=12 {
        assert_eq!(listener.hearings(9), hearings);
        found.push(world.skip_hazard(&listener, &session(&world, &listener), 9).log_hazard);
        let session = session(&world, &listener);
        listener.remember(&world, &session, 9, SKIP);
        listener.remember(&world, &session, 9, COMPLETE);
    }
    assert_close(found[0], 0.0);
    assert_close(found[2], -0.8 * 0.5 * 0.5f64.exp());
    assert_close(found[4], -0.8);
    assert_close(found[12], -0.8 * 3.0 * (-2f64).exp());
    assert!(found[..=4].windows(2).all(|pair| pair[1] < pair[0]));
    assert!(found[4..].windows(2).all(|pair| pair[1] > pair[0]));
}

#[test]
fn the_same_artist_satiates_by_share_heard_and_recency() {
    let (world, listener) = world(|c| c.response.satiation_artist = 0.6);
    let [first, second, other] = two_alike_and_one_apart(&world);
    let mut session = session(&world, &listener);
    observe(&world, &mut session, first, 0.5, SKIP);
    assert_close(world.skip_hazard(&listener, &session, second).log_hazard, 0.6 * 0.5);
    assert_close(world.skip_hazard(&listener, &session, other).log_hazard, 0.0);
    // The hearing moves back by two: it weighs 0.5 squared.
    observe(&world, &mut session, other, 1.0, COMPLETE);
    observe(&world, &mut session, other, 1.0, COMPLETE);
    assert_close(world.skip_hazard(&listener, &session, second).log_hazard, 0.6 * 0.5 * 0.25);
}

#[test]
fn too_similar_tracks_satiate_above_the_threshold() {
    let (world, listener) = world(|c| {
        c.response.satiation_similarity = 2.0;
        c.response.satiation_threshold = 0.6;
    });
    let [first, second, other] = two_alike_and_one_apart(&world);
    let mut session = session(&world, &listener);
    observe(&world, &mut session, first, 1.0, COMPLETE);
    assert_close(world.skip_hazard(&listener, &session, first).log_hazard, 2.0 * 0.4);
    let excess = (world.catalog.similarity(first, second) - 0.6).max(0.0);
    assert_close(world.skip_hazard(&listener, &session, second).log_hazard, 2.0 * excess);
    assert_close(world.skip_hazard(&listener, &session, other).log_hazard, 0.0);
}

#[test]
fn coherence_looks_at_the_track_before() {
    let (world, listener) = world(|c| c.response.coherence = 0.5);
    let [first, second, other] = two_alike_and_one_apart(&world);
    let mut session = session(&world, &listener);
    assert_close(world.skip_hazard(&listener, &session, first).log_hazard, 0.0);
    observe(&world, &mut session, other, 1.0, COMPLETE);
    observe(&world, &mut session, first, 0.1, SKIP);
    assert_close(world.skip_hazard(&listener, &session, first).log_hazard, -0.5);
    let similarity = world.catalog.similarity(first, second);
    assert_close(world.skip_hazard(&listener, &session, second).log_hazard, -0.5 * similarity);
}

#[test]
fn skips_beget_skips_up_to_a_limit() {
    let (world, listener) = world(|c| {
        c.response.streak = 0.4;
        c.response.streak_limit = 3;
    });
    let mut session = session(&world, &listener);
    let mut found = Vec::new();
    for responses in [SKIP, SKIP, SKIP, SKIP, COMPLETE, SKIP] {
        observe(&world, &mut session, 0, 0.1, responses);
        found.push(world.skip_hazard(&listener, &session, 8).log_hazard);
    }
    for (found, expected) in found.into_iter().zip([0.4, 0.8, 1.2, 1.2, 0.0, 0.4]) {
        assert_close(found, expected);
    }
}

#[test]
fn position_and_device_have_their_part() {
    let (world, listener) = world(|c| {
        c.response.position = 0.1;
        c.response.device = 2.0;
    });
    let context = Context { device: Some(Device::Car), ..Context::default() };
    let mut session = world.session_state(&listener, context, 0.0);
    assert_close(world.skip_hazard(&listener, &session, 8).log_hazard, 2.0 * -0.4);
    for _ in 0..3 {
        observe(&world, &mut session, 0, 1.0, COMPLETE);
    }
    assert_close(world.skip_hazard(&listener, &session, 8).log_hazard, 2.0 * -0.4 + 0.1 * 4f64.ln());
}

#[test]
fn leaving_rises_with_skips_in_a_row_and_satiation() {
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    let (skips, listener) = world(|c| {
        c.leaving.base = -3.0;
        c.leaving.streak = 0.4;
        c.response.streak_limit = 4;
    });
    let mut state = skips.session_state(&listener, Context::default(), 0.5);
    for expected in [-2.1, -1.7, -1.3, -0.9, -0.9] {
        observe(&skips, &mut state, 0, 0.1, SKIP);
        assert_close(skips.leave_probability(&state), logistic(expected));
    }
    observe(&skips, &mut state, 0, 1.0, COMPLETE);
    assert_close(skips.leave_probability(&state), logistic(-2.5));
    observe(&skips, &mut state, 0, 0.5, INTERRUPTED);
    assert_eq!(skips.leave_probability(&state), 1.0);

    let (satiated, listener) = world(|c| {
        c.leaving.satiation = 2.0;
        c.response.satiation_artist = 0.6;
    });
    let [first, second, _] = two_alike_and_one_apart(&satiated);
    let mut state = session(&satiated, &listener);
    observe(&satiated, &mut state, first, 1.0, COMPLETE);
    assert_close(satiated.leave_probability(&state), 0.5);
    observe(&satiated, &mut state, second, 1.0, COMPLETE);
    assert_close(satiated.leave_probability(&state), logistic(2.0 * 0.6));
}

#[test]
fn interruptions_come_by_the_hour() {
    let (world, listener) = world(|c| c.leaving.interruptions_per_hour = 3.0);
    let hazard = world.skip_hazard(&listener, &session(&world, &listener), 8);
    assert_close(hazard.interruption, 1.0 - (-hazard.duration_s / 1_200.0).exp());
}
