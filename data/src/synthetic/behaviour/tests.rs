//! What themes, repeats, coherence and the library's age do to the choice, each alone.

use super::*;
use crate::{BehaviourConfig, Responses, SyntheticConfig};

/// A world in which only the terms that `change` sets guide the choice, and a listener.
fn world(change: impl FnOnce(&mut BehaviourConfig)) -> (SyntheticWorld, Listener) {
    let mut behaviour = BehaviourConfig {
        sharpness: 0.0,
        seed_sharpness: 0.0,
        theme: 0.0,
        theme_share: 0.0,
        library_recent: 0.0,
        coherence: 0.0,
        repeat: 0.0,
        ..BehaviourConfig::default()
    };
    change(&mut behaviour);
    let world = SyntheticWorld::new(&SyntheticConfig { behaviour, ..SyntheticConfig::default() }, 1).unwrap();
    let listener = world.listener(2);
    (world, listener)
}

fn session(world: &SyntheticWorld, listener: &Listener) -> SessionState {
    world.session_state(listener, Context::default(), 0.0)
}

/// Plays a share of a track.
fn play(world: &SyntheticWorld, session: &mut SessionState, track: u32, share: f64) {
    let ms_played = (share * 1_000.0 * world.catalog.duration_s(track)) as u32;
    let responses = Responses { complete: Some(share == 1.0), skip: Some(share < 1.0), past_threshold: None };
    world.observe(session, track, ms_played, responses);
}

/// Many draws of the next track of one's own choice.
fn choices(world: &SyntheticWorld, listener: &Listener, session: &SessionState, library_share: f64) -> Vec<u32> {
    let draw = |number| {
        let choice = CounterRng::new(4, Stream::Choice, number, 0);
        let mut rng = CounterRng::new(4, Stream::Listening, number, 0);
        let mut own = Behaviour::OwnChoice { library_share, choice };
        own.next(world, listener, session, &mut rng).unwrap().0
    };
    (0..4_000).map(draw).collect()
}

fn share(tracks: &[u32], holds: impl Fn(u32) -> bool) -> f64 {
    tracks.iter().filter(|&&track| holds(track)).count() as f64 / tracks.len() as f64
}

/// Four standard errors of a share of 4,000, at most.
const ERROR: f64 = 0.032;

#[test]
fn only_what_was_heard_out_is_repeated_with_its_probability() {
    let (world, listener) = world(|c| c.repeat = 0.3);
    let mut session = session(&world, &listener);
    play(&world, &mut session, 10, 0.5);
    assert_eq!(share(&choices(&world, &listener, &session, 0.0), |track| track == 10), 0.0);
    play(&world, &mut session, 20, 1.0);
    play(&world, &mut session, 30, 1.0);
    let chosen = choices(&world, &listener, &session, 0.0);
    // A sharpness of 0: both alike.
    for track in [20, 30] {
        assert!((share(&chosen, |chosen| chosen == track) - 0.15).abs() < ERROR);
    }
    assert_eq!(share(&chosen, |track| track == 10), 0.0);
}

#[test]
fn a_share_of_what_is_considered_is_of_the_themes_style() {
    let popular = {
        let (world, listener) = world(|_| {});
        choices(&world, &listener, &session(&world, &listener), 0.0)
    };
    for theme_share in [0.25, 1.0] {
        let (world, listener) = world(|c| c.theme_share = theme_share);
        let session = session(&world, &listener);
        let of_theme = |track: u32| world.catalog.styles[track as usize] == session.theme().unwrap();
        let found = share(&choices(&world, &listener, &session, 0.0), of_theme);
        let expected = theme_share + (1.0 - theme_share) * share(&popular, of_theme);
        assert!((found - expected).abs() < ERROR, "{found} {expected}");
        let library = choices(&world, &listener, &session, 1.0);
        assert!(library.iter().all(|track| listener.library().contains(track)), "the library has no part in it");
    }
}

#[test]
fn what_came_last_to_the_library_is_drawn_most() {
    let (world, listener) = world(|c| c.library_recent = 5.0);
    let chosen = choices(&world, &listener, &session(&world, &listener), 1.0);
    let newest_first: Vec<u32> = listener.library().iter().rev().copied().collect();
    // Ages of an exponential law, rounded down: 1 - exp(-1/5) of them are 0, and each further one exp(-1/5) of that.
    for (age, expected) in [(0, 0.181), (1, 0.148), (5, 0.067)] {
        let found = share(&chosen, |track| track == newest_first[age]);
        assert!((found - expected).abs() < ERROR, "{found} {expected}");
    }
    let (all_alike, listener) = self::world(|_| {});
    let chosen = choices(&all_alike, &listener, &session(&all_alike, &listener), 1.0);
    let expected = 1.0 / listener.library().len() as f64;
    assert!((share(&chosen, |track| track == newest_first[0]) - expected).abs() < ERROR);
}

#[test]
fn choice_coheres_with_what_was_heard_of_the_track_before() {
    let (world, listener) = world(|c| {
        c.coherence = 1e6;
        c.considered = 400;
    });
    let mut session = session(&world, &listener);
    assert_eq!(world.coherence_with_heard(&session, 10), 0.0);
    play(&world, &mut session, 10, 0.5);
    let expected = 0.5 * world.catalog.similarity(10, 11);
    assert!((world.coherence_with_heard(&session, 11) - expected).abs() < 1e-4);
    // 400 draws from 40 tracks leave hardly one out: the nearest is chosen.
    let near = |track: &u32| world.catalog.similarity(*track, 10);
    let others = listener.library().iter().copied().filter(|&track| track != 10);
    let nearest = others.max_by(|a, b| near(a).total_cmp(&near(b))).unwrap();
    let chosen = choices(&world, &listener, &session, 1.0);
    assert!(share(&chosen[..200], |track| track == nearest) > 0.98);
}

#[test]
fn seeds_fit_what_the_session_is_after() {
    let (world, listener) = world(|c| {
        c.seed_sharpness = 1e6;
        c.considered = 400;
        c.theme = 1.0;
    });
    let session = session(&world, &listener);
    let fit = |track: &u32| world.affinity(session.wish(), *track);
    let best = listener.library().iter().copied().max_by(|a, b| fit(a).total_cmp(&fit(b)));
    let mut choice = CounterRng::new(4, Stream::Choice, 0, 0);
    assert_eq!(chosen_seed(&world, &listener, &session, &mut choice), best);
    let (by_chance, listener) = self::world(|_| {});
    assert_eq!(chosen_seed(&by_chance, &listener, &session, &mut choice), None);
}
