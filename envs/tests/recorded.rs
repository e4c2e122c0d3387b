//! Recorded sessions: a log gone through again as an environment.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::oracle;
use listening_data::{Dataset, LoggedSession, RecordedPool, Silent, artist_numbers};
use listening_models::user_state::{RecencyWeightedMean, RecencyWeightedMeanSettings};
use listening_models::{MeanStates, RecordedSessions, SplitShares, StartBuilder, TimeSplit, prepare_recorded};
use playlist_envs::{
    Catalog, EnvError, LeavingListeners, Listeners, LoggedListeners, SimulatedEnv, StepBatch, VecEnv, World,
    WorldSettings, check_env, small_world,
};

/// The recorded sessions of the log that a small world was made from, their first six plays.
fn recorded(folder: &std::path::Path, catalog: &Catalog, wanted: usize) -> (Dataset, Arc<RecordedSessions>) {
    let dataset = Dataset::open(folder.join("dataset")).unwrap();
    let split = TimeSplit::new(&dataset, SplitShares::default()).unwrap();
    let artists = artist_numbers(&dataset.catalog().unwrap());
    let totals = listening_models::features::TrackTotals::count(&dataset, &split).unwrap();
    let builder = StartBuilder::new(&catalog.vectors, &artists, &totals, 0, 7);
    let mean = RecencyWeightedMean::new(Arc::clone(&catalog.vectors), RecencyWeightedMeanSettings::default()).unwrap();
    let out = folder.join(format!("recorded-{wanted}"));
    std::fs::create_dir(&out).unwrap();
    prepare_recorded(&dataset, &split, &mut MeanStates::new(mean), &builder, (wanted, 6), &out, &Silent).unwrap();
    (dataset, Arc::new(RecordedSessions::open(&out).unwrap()))
}

#[test]
fn recorded_sessions_go_as_they_went_and_no_other_track_has_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (world, _) = small_world(folder.path(), 60, WorldSettings::default(), 7).unwrap();
    let (dataset, recorded) = recorded(folder.path(), &world.catalog, 100_000);
    let sessions: BTreeMap<u64, LoggedSession> =
        dataset.sessions().unwrap().map(|logged| logged.unwrap()).map(|logged| (logged.number, logged)).collect();
    let pools: BTreeMap<u64, RecordedPool> =
        dataset.pools().unwrap().map(|pool| pool.unwrap()).map(|pool| (pool.session, pool)).collect();
    assert!(recorded.len() > 20 && recorded.counts.kept == recorded.len() as u64);
    assert!((recorded.len() as f64 / pools.len() as f64 - 0.3).abs() < 0.1, "the held-out ones alone");
    let settings = WorldSettings::default();
    let catalog = Arc::clone(&world.catalog);
    let world = Arc::new(World::of_recorded(catalog, Arc::clone(&recorded), settings, 1).unwrap());
    let listeners = Box::new(LoggedListeners::new(Arc::clone(&recorded)));
    let mut env = SimulatedEnv::new(Arc::clone(&world), listeners, 7, 0, 1).unwrap();
    let (mut step, mut finished) = (StepBatch::default(), Vec::new());
    while finished.len() < 2 * recorded.len() {
        let place = |index: usize| {
            let view = env.sessions().view(index);
            u32::from(recorded.play(view.start, view.position()).unwrap().place)
        };
        let actions: Vec<u32> = (0..7).map(place).collect();
        let view = env.sessions().view(0);
        let mut others = actions.clone();
        others[0] =
            (0..view.pool.len() as u32).find(|&p| p != actions[0] && !view.played.contains(&(p as u16))).unwrap();
        assert!(matches!(env.step(&others, &mut step), Err(EnvError::NotLogged { .. })));
        env.step(&actions, &mut step).unwrap();
        finished.append(&mut step.finished);
    }
    for session in &finished {
        let number = u64::from(world.starts.logged_session(session.start as usize));
        let (logged, pool) = (&sessions[&number].session, &pools[&number].tracks);
        let view = session.view();
        assert!(view.start == session.number as usize % recorded.len() && world.starts.user(view.start) == logged.user);
        let offered: Vec<u32> = (0..pool.len() as u16).map(|place| view.track(&world, place)).collect();
        assert_eq!((&offered, view.pool.len()), (pool, pool.len()));
        let length = logged.plays.len().min(6);
        assert_eq!((view.position(), session.terminated, recorded.plays(view.start)), (length, true, length));
        for (position, play) in logged.plays.iter().take(length).enumerate() {
            assert_eq!(view.track(&world, view.played[position]), play.track);
            let answered = view.responses[position];
            let given = [answered.complete, answered.skip, answered.past_threshold].map(Some);
            assert_eq!(given, [play.responses.complete, play.responses.skip, play.responses.past_threshold]);
            assert_eq!(session.rewards[position], f32::from(u8::from(answered.complete)));
            assert_eq!(recorded.play(view.start, position).unwrap().propensity, play.propensity.unwrap());
        }
    }
    // What the listeners would have said to other tracks, they can be asked where they are synthetic.
    let listeners = oracle(folder.path(), &world);
    check_env(&mut SimulatedEnv::new(Arc::clone(&world), listeners.another(), 7, 0, 1).unwrap(), 40).unwrap();
    // Or be asked for some tracks alone, until which they leave as they would, or not at all.
    for (leaves, shorter) in [(true, true), (false, false)] {
        let leaving = LeavingListeners::new(listeners.another(), 4, leaves);
        let mut env = SimulatedEnv::new(Arc::clone(&world), leaving.another(), 16, 0, 1).unwrap();
        let mut lengths = Vec::new();
        for _ in 0..60 {
            let actions: Vec<u32> =
                (0..16).map(|index| env.sessions().view(index).remaining().next().unwrap().into()).collect();
            env.step(&actions, &mut step).unwrap();
            lengths.extend(step.finished.drain(..).map(|session| session.played.len()));
        }
        assert_eq!((lengths.iter().max(), lengths.iter().any(|&length| length < 4)), (Some(&4), shorter));
    }
}

#[test]
fn about_as_many_recorded_sessions_are_kept_as_are_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let (world, _) = small_world(folder.path(), 150, WorldSettings::default(), 7).unwrap();
    let all = recorded(folder.path(), &world.catalog, 100_000).1;
    let some = recorded(folder.path(), &world.catalog, all.len() / 3).1;
    assert!((some.len() as f64 / all.len() as f64 - 1.0 / 3.0).abs() < 0.12, "{} of {}", some.len(), all.len());
    let of = |recorded: &RecordedSessions, session: usize| recorded.starts.logged_session(session);
    let numbers: Vec<u32> = (0..all.len()).map(|session| of(&all, session)).collect();
    assert!((0..some.len()).all(|session| numbers.contains(&of(&some, session))));
    assert!(all.play(0, all.plays(0)).is_none());
}
