//! The log as a whole: deterministic, consistent, with the propensities that it claims.

use std::collections::{BTreeMap, BTreeSet};

use super::behaviour::Behaviour;
use super::*;
use crate::{BehaviourPolicy, Context, CounterRng, Dataset, SessionRules, Silent, Stream, fingerprint_of_text};

fn small(users: u32) -> SyntheticConfig {
    SyntheticConfig {
        size: SizeConfig { users, days: 14 },
        catalog: CatalogConfig { tracks: 400, artists: 80, ..CatalogConfig::default() },
        ..SyntheticConfig::default()
    }
}

fn fingerprint(config: &SyntheticConfig, seed: u64) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("synthetic");
    synthesize(config, &SessionRules::default(), seed, &path, &Silent).unwrap().fingerprint
}

#[test]
fn the_seed_determines_the_data() {
    let config = small(30);
    assert_eq!(fingerprint(&config, 1), fingerprint(&config, 1));
    assert_ne!(fingerprint(&config, 1), fingerprint(&config, 2));
}

/// All that was added to the listeners of the first version of the log, switched off, and what they had else.
fn first_version() -> SyntheticConfig {
    let mut config = small(40);
    config.mind = MindConfig { drift: 0.0, mood: 0.0, interest: 0.0, returning: 0.0, ..config.mind };
    config.response = ResponseConfig { base: -0.25, affinity: 2.0, streak: 0.4, ..config.response };
    config.leaving.base = -3.7;
    config.behaviour = BehaviourConfig {
        considered: 12,
        sharpness: 4.0,
        seed_sharpness: 0.0,
        theme: 0.0,
        theme_share: 0.0,
        library_recent: 0.0,
        coherence: 0.0,
        repeat: 0.0,
        ..config.behaviour
    };
    config
}

/// Sessions of a world with seed 3, as text.
fn text(config: &SyntheticConfig) -> Vec<String> {
    let world = SyntheticWorld::new(config, 3).unwrap();
    let sessions = (0..40).flat_map(|number| world.history(&SessionRules::default(), number));
    sessions.map(|session| format!("{session:?}")).collect()
}

#[test]
fn with_the_mind_switched_off_the_log_is_that_of_the_first_version() {
    // Made by the code before there were moods, interests, drift, themes, repeats and return.
    let before = "89b490d0e0e67a9888f3d2d7f41c3b9b7c7bc60834b1be7cd471cdbb931894fa";
    let sessions = text(&first_version());
    assert_eq!((sessions.len(), fingerprint_of_text(&sessions.join("\n")).as_str()), (353, before));
}

#[test]
fn each_term_of_the_mind_has_its_part_in_the_log() {
    let before = text(&first_version());
    let changes: [fn(&mut SyntheticConfig); 10] = [
        |c| c.mind.drift = 0.5,
        |c| c.mind.mood = 0.5,
        |c| c.mind.interest = 0.5,
        |c| c.mind.returning = 0.5,
        |c| c.behaviour.seed_sharpness = 3.0,
        |c| c.behaviour.theme = 0.5,
        |c| c.behaviour.theme_share = 0.5,
        |c| c.behaviour.library_recent = 5.0,
        |c| c.behaviour.coherence = 1.0,
        |c| c.behaviour.repeat = 0.2,
    ];
    for (place, change) in changes.iter().enumerate() {
        let mut config = first_version();
        change(&mut config);
        assert_ne!(text(&config), before, "change {place}");
    }
}

/// A listener who answers live, on the oracle's own clock, is the one who is logged.
#[test]
fn a_live_listener_carries_the_state_of_the_logged_one() {
    let rules = SessionRules::default();
    let world = SyntheticWorld::new(&small(8), 3).unwrap();
    for number in 0..8 {
        let history = world.history(&rules, number);
        let mut live = world.listener(number);
        let mut calendar = world.calendar(&live);
        let end_ms = i64::MAX;
        for session in &history {
            // What the log knows is enough to find the next session, and time may pass in any steps.
            let start_ms = calendar.next_session(&world, &rules, &live, end_ms).unwrap();
            assert_eq!(start_ms, session.start_ms);
            for hours in (0..72).rev() {
                live.advance_to(&world, start_ms - hours * 3_600_000);
            }
            let mut state = world.session_state(&live, session.context, 0.0);
            let length = |vector: &[f32]| vector.iter().map(|value| value * value).sum::<f32>();
            assert!((length(state.leaning()) - 1.0).abs() < 1e-5 && (length(state.wish()) - 1.0).abs() < 1e-5);
            for play in &session.plays {
                world.observe(&mut state, play.track, play.ms_played.unwrap(), play.responses);
                live.remember(&world, &state, play.track, play.responses);
            }
            live.end_session(&state, session.plays.last().unwrap().end_ms());
        }
    }
}

#[test]
fn what_is_written_is_the_listeners_history_however_many_there_are() {
    let rules = SessionRules::default();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("synthetic");
    let manifest = synthesize(&small(20), &rules, 5, &path, &Silent).unwrap();
    let dataset = Dataset::open(&path).unwrap();
    let written: Vec<_> = dataset.sessions().unwrap().map(|logged| logged.unwrap().session).collect();
    let world = SyntheticWorld::new(&small(9_999), 5).unwrap();
    assert!(written.iter().cloned().eq((0..20).flat_map(|number| world.history(&rules, number))));
    let mut pools = dataset.pools().unwrap().map(|pool| pool.unwrap()).peekable();
    let mut shuffled = 0;
    for (number, session) in written.iter().enumerate() {
        if session.context.behaviour_policy == Some(BehaviourPolicy::Shuffled) {
            let pool = pools.next_if(|pool| pool.session == number as u64).unwrap().tracks;
            for (position, play) in session.plays.iter().enumerate() {
                assert_eq!(play.propensity, Some(1.0 / (pool.len() - position) as f32), "session {number}");
                assert!(pool.contains(&play.track));
            }
            shuffled += 1;
        }
    }
    assert!(shuffled > 10 && pools.next().is_none() && manifest.pools == shuffled);
    assert_eq!(dataset.catalog().unwrap(), world.tracks());
    assert_eq!(manifest.source.format, "synthetic");
    assert_eq!(manifest.source.details["seed"], 5);
    let config: SyntheticConfig = serde_json::from_value(manifest.source.details["config"].clone()).unwrap();
    assert_eq!(config, small(20));
}

#[test]
fn sessions_stay_apart_and_their_responses_agree() {
    let rules = SessionRules::default();
    let world = SyntheticWorld::new(&small(40), 3).unwrap();
    let (mut plays, mut complete, mut sessions, mut repeats) = (0, 0, 0, 0);
    for number in 0..40 {
        let history = world.history(&rules, number);
        for pair in history.windows(2) {
            let last = pair[0].plays.last().unwrap();
            assert!(rules.opens_session(last.end_ms(), pair[1].start_ms));
        }
        for session in &history {
            sessions += 1;
            let (mut played, mut heard_out) = (BTreeSet::new(), BTreeSet::new());
            for play in &session.plays {
                let own = session.context.behaviour_policy == Some(BehaviourPolicy::OwnChoice);
                let first = played.insert(play.track);
                assert!(first || (own && heard_out.contains(&play.track)), "only what was heard out is chosen again");
                repeats += usize::from(!first);
                if play.responses.complete == Some(true) {
                    heard_out.insert(play.track);
                }
            }
            for (position, play) in session.plays.iter().enumerate() {
                plays += 1;
                complete += usize::from(play.responses.complete == Some(true));
                let duration_ms = world.tracks()[play.track as usize].duration_ms.unwrap();
                let ms_played = play.ms_played.unwrap();
                let nearly_all = f64::from(ms_played) >= rules.complete_share * f64::from(duration_ms);
                assert_eq!(play.responses.complete, Some(nearly_all));
                assert!(!(nearly_all && play.responses.skip == Some(true)));
                assert_eq!(play.responses.past_threshold, Some(ms_played >= 30_000));
                let interrupted = !nearly_all && play.responses.skip == Some(false);
                assert!(!interrupted || position + 1 == session.plays.len(), "an interruption ends the session");
            }
        }
    }
    // Wide bounds: the calibration at full size stands in docs/synthetic-listeners.md.
    let completion = complete as f64 / plays as f64;
    assert!((0.4..0.65).contains(&completion), "{completion}");
    let repeated = repeats as f64 / plays as f64;
    assert!((0.01..0.1).contains(&repeated), "{repeated}");
    let length = plays as f64 / f64::from(sessions);
    assert!((8.0..20.0).contains(&length), "{length}");
}

#[test]
fn only_shuffled_sessions_have_propensities_and_they_are_right() {
    let world = SyntheticWorld::new(&small(40), 3).unwrap();
    let mut seen = BTreeMap::new();
    for session in (0..40).flat_map(|number| world.history(&SessionRules::default(), number)) {
        let policy = session.context.behaviour_policy.unwrap();
        *seen.entry(policy.name()).or_insert(0) += 1;
        assert_eq!(session.context.shuffle, Some(policy == BehaviourPolicy::Shuffled));
        if policy != BehaviourPolicy::Shuffled {
            assert!(session.plays.iter().all(|play| play.propensity.is_none()));
            continue;
        }
        let pool = (1.0 / session.plays[0].propensity.unwrap()).round() as usize;
        assert!((20..=100).contains(&pool) && session.plays.len() <= pool, "{pool}");
        for (position, play) in session.plays.iter().enumerate() {
            assert_eq!(play.propensity, Some(1.0 / (pool - position) as f32));
        }
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[test]
fn shuffled_order_is_uniform() {
    let world = SyntheticWorld::new(&small(1), 3).unwrap();
    let listener = world.listener(0);
    let session = world.session_state(&listener, Context::default(), 0.0);
    let mut counts = BTreeMap::new();
    let orders = 12_000;
    for number in 0..orders {
        let mut rng = CounterRng::new(11, Stream::Listening, number, 0);
        let mut shuffled = Behaviour::Shuffled { remaining: vec![10, 20, 30, 40] };
        let mut next = || shuffled.next(&world, &listener, &session, &mut rng);
        let order: Vec<u32> = std::iter::from_fn(&mut next).map(|(track, _)| track).collect();
        *counts.entry(order).or_insert(0.0) += 1.0;
    }
    assert_eq!(counts.len(), 24);
    let expected = orders as f64 / 24.0;
    let chi_square: f64 = counts.values().map(|count: &f64| (count - expected).powi(2) / expected).sum();
    // 23 degrees of freedom: exceeds 49.7 once in a thousand.
    assert!(chi_square < 49.7, "{chi_square}");
}

#[test]
fn a_catalog_of_one_track_still_makes_sessions() {
    let mut config = small(3);
    config.behaviour.repeat = 0.0;
    config.catalog = CatalogConfig { tracks: 1, artists: 1, genres: 1, styles_per_genre: 1, ..config.catalog };
    let world = SyntheticWorld::new(&config, 1).unwrap();
    let sessions = world.history(&SessionRules::default(), 0);
    assert!(!sessions.is_empty() && sessions.iter().all(|session| session.plays.len() == 1));
}
