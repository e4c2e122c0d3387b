//! What is written is what is read; broken datasets are refused with a message that helps.

use std::fs;

use super::*;
use crate::{BehaviourPolicy, Context, Device, Play, Responses, Session, Source, Track, User};

fn session(user: u32, start_ms: i64, plays: usize) -> Session {
    let play = |position: usize| Play {
        track: (position % 3) as u32,
        start_ms: start_ms + position as i64,
        ms_played: (position != 4).then_some(1000 * position as u32),
        skip_step: (position % 3 == 2).then_some(1),
        responses: Responses {
            complete: [None, Some(true), Some(false)][position % 3],
            skip: [None, Some(false), Some(true)][position % 3],
            past_threshold: Some(position.is_multiple_of(2)),
        },
        propensity: (position.is_multiple_of(2)).then_some(0.25),
    };
    Session {
        user,
        start_ms,
        context: Context {
            device: Some(Device::Phone),
            source: (user > 0).then_some(Source::Radio),
            premium: Some(true),
            behaviour_policy: Some(BehaviourPolicy::Shuffled),
            ..Context::default().at(start_ms)
        },
        plays: (0..plays).map(play).collect(),
    }
}

fn catalog() -> Vec<Track> {
    let mut tracks = vec![Track::default(); 3];
    tracks[0] = Track {
        id: "a".into(),
        name: "Nåme".into(),
        artist: "X".into(),
        album: "Y".into(),
        duration_ms: Some(200_000),
        duration_estimated: true,
        release_year: Some(1999),
        audio_features: Some([0.5; 9]),
    };
    tracks
}

fn users() -> Vec<User> {
    vec![User { id: "u0".into() }, User { id: "u1".into() }]
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d");
    let mut writer = DatasetWriter::create(&path).unwrap();
    // More plays than one row group holds.
    let sessions: Vec<Session> =
        (0..70).map(|i| session(i / 40, i64::from(i) * 1_000_000, 1 + 37 * i as usize)).collect();
    // Every third session has a pool.
    let pool = |number: usize| [1, 2, 0][..1 + number % 2 + number % 5 / 4].to_vec();
    assert!(writer.write_pool(0, &[1]).is_err(), "a pool without a session");
    for (number, session) in sessions.iter().enumerate() {
        writer.write_session(session).unwrap();
        if number % 3 == 0 {
            writer.write_pool(number as u64, &pool(number)).unwrap();
            assert!(writer.write_pool(number as u64, &[1]).is_err(), "a second pool");
        }
    }
    assert!(!path.exists(), "the dataset appears only when finished");
    let manifest = writer.finish(&catalog(), &users(), &SourceInfo::new("test")).unwrap();
    let dataset = Dataset::open(&path).unwrap();
    assert_eq!(dataset.manifest(), &manifest);
    assert_eq!(dataset.catalog().unwrap(), catalog());
    assert_eq!(dataset.users().unwrap(), users());
    let read: Vec<LoggedSession> = dataset.sessions().unwrap().map(|s| s.unwrap()).collect();
    assert!(read.iter().enumerate().all(|(index, logged)| logged.number == index as u64));
    assert!(read.into_iter().map(|logged| logged.session).eq(sessions));
    let recorded = (0..70).step_by(3).map(|n| RecordedPool { session: n as u64, tracks: pool(n) });
    assert!(dataset.pools().unwrap().map(|pool| pool.unwrap()).eq(recorded));
    assert_eq!(manifest.pools, 24);
    assert!(DatasetWriter::create(&path).err().unwrap().to_string().contains("exists already"));
}

#[test]
fn feedback_vectors_and_streamed_users_are_read_as_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d");
    let mut writer = DatasetWriter::create_with(&path, Content::Playlists).unwrap();
    for user in 0..70_000u32 {
        writer.write_user(&format!("u{user}")).unwrap();
    }
    let feedback: Vec<Feedback> = (0..70_000u32)
        .map(|row| Feedback {
            user: row / 7,
            at_ms: i64::from(row),
            track: row % 3,
            kind: FeedbackKind::ALL[row as usize % FeedbackKind::ALL.len()],
        })
        .collect();
    for feedback in &feedback {
        writer.write_feedback(*feedback).unwrap();
    }
    assert!(writer.write_feedback(feedback[0]).is_err(), "out of order");
    for track in [2, 0] {
        writer.write_audio_vector(track, &[track as f32, 0.5]).unwrap();
    }
    assert!(writer.write_audio_vector(1, &[0.0]).is_err(), "another length");
    writer.write_session(&session(69_999, 5, 2)).unwrap();
    let manifest = writer.finish(&catalog(), &[], &SourceInfo::new("test")).unwrap();
    assert_eq!((manifest.content, manifest.users, manifest.feedback), (Content::Playlists, 70_000, 70_000));
    let dataset = Dataset::open(&path).unwrap();
    assert_eq!(dataset.users().unwrap()[69_999].id, "u69999");
    assert!(dataset.feedback().unwrap().map(|f| f.unwrap()).eq(feedback));
    let mut vectors = Vec::new();
    dataset.audio_vectors(|track, vector| vectors.push((track, vector.to_vec()))).unwrap();
    assert_eq!(vectors, [(2, vec![2.0, 0.5]), (0, vec![0.0, 0.5])]);
    assert_eq!(manifest.responses.plays, 2);
}

#[test]
fn sessions_out_of_order_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = DatasetWriter::create(folder.path().join("d")).unwrap();
    writer.write_session(&session(1, 0, 1)).unwrap();
    assert!(writer.write_session(&session(0, 5, 1)).is_err());
    drop(writer);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "an unfinished dataset leaves nothing behind");
}

#[test]
fn broken_datasets_are_refused_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d");
    let missing = Dataset::open(&path).unwrap_err().to_string();
    assert!(missing.contains("does not exist") && missing.contains("sim import"), "{missing}");

    let mut writer = DatasetWriter::create(&path).unwrap();
    writer.write_session(&session(0, 0, 2)).unwrap();
    writer.finish(&catalog()[..2], &users(), &SourceInfo::new("test")).unwrap();

    let plays = fs::read(path.join("plays.parquet")).unwrap();
    fs::write(path.join("plays.parquet"), &plays[..plays.len() / 2]).unwrap();
    let cut = Dataset::open(&path).unwrap().sessions().err().unwrap().to_string();
    assert!(cut.contains("plays.parquet") && cut.contains("import the logs again"), "{cut}");
    fs::write(path.join("plays.parquet"), &plays).unwrap();

    let manifest = fs::read_to_string(path.join("dataset.json")).unwrap();
    fs::write(path.join("dataset.json"), manifest.replace("\"tracks\": 2", "\"tracks\": 1")).unwrap();
    let foreign: Result<Vec<_>, _> = Dataset::open(&path).unwrap().sessions().unwrap().collect();
    assert!(foreign.unwrap_err().to_string().contains("not in catalog.parquet"));

    fs::write(path.join("dataset.json"), manifest.replace("\"format_version\": 2", "\"format_version\": 9")).unwrap();
    let newer = Dataset::open(&path).unwrap_err().to_string();
    assert!(newer.contains("version 9"), "{newer}");
}
