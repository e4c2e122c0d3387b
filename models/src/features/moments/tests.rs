//! Values by hand, and no look into the future: poison there changes nothing.

use listening_data::{
    Context, Dataset, DatasetWriter, Feedback, FeedbackKind, Play, Responses, Session, SourceInfo, Track, User,
};
use proptest::prelude::*;

use super::*;
use crate::features::{SLOW_FEATURE_NAMES, for_each_user};

const MINUTE: i64 = 60_000;

fn vectors() -> Arc<TrackVectors> {
    Arc::new(TrackVectors::new(2, vec![1.0, 0.0, 0.0, 1.0, 0.6, 0.8, -1.0, 0.0]))
}

fn play(track: u32, start_ms: i64, ms_played: Option<u32>, complete: Option<bool>) -> Play {
    let responses = Responses { complete, skip: complete.map(|complete| !complete), past_threshold: None };
    Play { track, start_ms, ms_played, responses, ..Play::default() }
}

fn session(plays: Vec<Play>) -> Session {
    let start_ms = plays[0].start_ms;
    Session { user: 0, start_ms, context: Context::default().at(start_ms), plays }
}

/// Slow and fast features at a moment.
fn at(timeline: &UserTimeline, moment_ms: i64) -> (Vec<f32>, Vec<f32>) {
    let mut found = (Vec::new(), Vec::new());
    MomentFeatures::new(vectors(), 3).at_each(timeline, [moment_ms], |now_ms, slow, fast| {
        found.0.resize(slow.len(), f32::NAN);
        slow.write(now_ms, &mut found.0);
        let (plays, width) = fast.shape();
        found.1.resize(plays * width, f32::NAN);
        fast.write(now_ms, &mut found.1);
    });
    found
}

#[test]
fn values_are_those_by_hand() {
    // Saturday 6 January 2024, 22:00.
    let saturday = 1_704_578_400_000;
    let timeline = UserTimeline {
        user: 0,
        sessions: vec![session(vec![
            play(0, saturday, Some(180_000), Some(true)),
            play(1, saturday + 3 * MINUTE, Some(60_000), Some(false)),
            play(1, saturday + 4 * MINUTE, Some(120_000), None),
        ])],
        feedback: vec![Feedback { user: 0, at_ms: saturday + MINUTE, track: 0, kind: FeedbackKind::Like }],
    };
    // While the first track plays, only the like is known.
    let (slow, fast) = at(&timeline, saturday + 2 * MINUTE);
    let value = |slow: &[f32], name: &str| slow[SLOW_FEATURE_NAMES.iter().position(|n| *n == name).unwrap()];
    assert_eq!((value(&slow, "plays"), value(&slow, "likes")), (0.0, 2f32.ln() / 5.0));
    assert!(fast.iter().all(|&x| x == 0.0));
    // When the last has ended, everything is.
    let (slow, fast) = at(&timeline, saturday + 6 * MINUTE);
    assert_eq!(value(&slow, "plays"), 3.0 / 103.0);
    assert_eq!(value(&slow, "sessions"), 1.0 / 11.0);
    assert_eq!(value(&slow, "distinct_tracks"), 2.0 / 3.0);
    assert_eq!(value(&slow, "complete_rate"), (1.0 + 1.0) / (2.0 + 2.0));
    let recent = (0.5f32.powf(1.0 / 50.0) + 1.0) / (0.5f32.powf(1.0 / 50.0) + 1.0 + 2.0);
    assert!((value(&slow, "recent_complete_rate") - recent).abs() < 1e-6);
    assert_eq!(value(&slow, "restart_rate"), 1.0 / 3.0);
    assert_eq!((value(&slow, "plays_20_to_24"), value(&slow, "weekend_plays")), (1.0, 1.0));
    assert_eq!(value(&slow, "past_threshold_rate"), 0.5, "never known");
    assert_eq!(value(&slow, "days_since_last_play"), 0.0);
    // Rows: track vector, presence, three responses, age.
    assert_eq!(fast[..6], [1.0, 0.0, 1.0, 1.0, -1.0, 0.0]);
    assert_eq!(fast[7..13], [0.0, 1.0, 1.0, -1.0, 1.0, 0.0]);
    assert_eq!(fast[14..], [0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    assert!((fast[6] - (0.05f32).ln_1p() / 8.0).abs() < 1e-7);
}

#[test]
fn users_stream_with_their_own_feedback() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d");
    let mut writer = DatasetWriter::create(&path).unwrap();
    // User 1 gave feedback but never listened.
    for user in 0..4u32 {
        writer.write_feedback(Feedback { user, at_ms: 5, track: user, kind: FeedbackKind::Like }).unwrap();
    }
    for user in [0, 2, 3] {
        for start_ms in [10, 5_000_000] {
            writer.write_session(&Session { user, ..session(vec![play(user, start_ms, None, None)]) }).unwrap();
        }
    }
    let users = vec![User::default(); 4];
    writer.finish(&vec![Track::default(); 4], &users, &SourceInfo::new("test")).unwrap();
    let mut seen = Vec::new();
    for_each_user(&Dataset::open(&path).unwrap(), |timeline| {
        seen.push((timeline.user, timeline.sessions.len(), timeline.feedback.iter().map(|f| f.track).collect()));
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, [(0, 2, vec![0u32]), (2, 2, vec![2]), (3, 2, vec![3])]);
}

fn any_play() -> impl Strategy<Value = Play> {
    let response = || proptest::option::of(any::<bool>());
    (0u32..4, 0i64..600, proptest::option::of(0u32..20), response(), response(), response()).prop_map(
        |(track, start, played, complete, skip, past_threshold)| Play {
            track,
            start_ms: start * MINUTE,
            ms_played: played.map(|minutes| minutes * 60_000),
            responses: Responses { complete, skip, past_threshold },
            ..Play::default()
        },
    )
}

fn any_timeline() -> impl Strategy<Value = UserTimeline> {
    let session = proptest::collection::vec(any_play(), 1..6).prop_map(|mut plays| {
        plays.sort_by_key(|play| play.start_ms);
        session(plays)
    });
    let feedback = (0i64..700, 0u32..4, 0usize..FeedbackKind::ALL.len()).prop_map(|(minute, track, kind)| Feedback {
        user: 0,
        at_ms: minute * MINUTE,
        track,
        kind: FeedbackKind::ALL[kind],
    });
    (proptest::collection::vec(session, 0..6), proptest::collection::vec(feedback, 0..6)).prop_map(
        |(mut sessions, mut feedback)| {
            sessions.sort_by_key(|session| session.start_ms);
            feedback.sort_by_key(|feedback| feedback.at_ms);
            UserTimeline { user: 0, sessions, feedback }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever becomes known after the moment - plays under way among it - is changed, added to or left out; the
    /// features do not change in a bit.
    #[test]
    fn poison_in_the_future_changes_nothing(
        timeline in any_timeline(), poison in any_timeline(), minute in 0i64..700, leave_out in any::<bool>()
    ) {
        let now_ms = minute * MINUTE;
        let honest = at(&timeline, now_ms);
        let mut poisoned = timeline.clone();
        for (number, session) in poisoned.sessions.iter_mut().enumerate() {
            for (position, play) in session.plays.iter_mut().enumerate().filter(|(_, play)| play.end_ms() > now_ms) {
                play.track = (play.track + 1 + position as u32) % 4;
                let flip = |response: Option<bool>| response.map_or(Some(number % 2 == 0), |given| (!given).then_some(true));
                play.responses = Responses {
                    complete: flip(play.responses.complete),
                    skip: flip(play.responses.skip),
                    past_threshold: flip(play.responses.past_threshold),
                };
                play.ms_played = Some(play.ms_played.unwrap_or(0) + 77_777);
            }
            if leave_out {
                session.plays.retain(|play| play.end_ms() <= now_ms);
            }
        }
        poisoned.feedback.retain(|feedback| feedback.at_ms <= now_ms);
        poisoned.feedback.extend(poison.feedback.iter().map(|f| Feedback { at_ms: now_ms + 1 + f.at_ms, ..*f }));
        for mut session in poison.sessions {
            session.plays.iter_mut().for_each(|play| play.start_ms += now_ms + 1);
            session.start_ms += now_ms + 1;
            poisoned.sessions.push(session);
        }
        let bits = |(slow, fast): (Vec<f32>, Vec<f32>)| slow.into_iter().chain(fast).map(f32::to_bits).collect::<Vec<_>>();
        prop_assert_eq!(bits(honest), bits(at(&poisoned, now_ms)));
    }

    /// One pass over many moments gives what a pass for each alone gives.
    #[test]
    fn one_pass_gives_what_many_give(timeline in any_timeline(), mut minutes in proptest::collection::vec(0i64..700, 1..8)) {
        minutes.sort_unstable();
        let mut slow_features = Vec::new();
        MomentFeatures::new(vectors(), 3).at_each(&timeline, minutes.iter().map(|m| m * MINUTE), |now_ms, slow, _| {
            let mut features = vec![0.0; slow.len()];
            slow.write(now_ms, &mut features);
            slow_features.push(features);
        });
        for (minute, features) in minutes.iter().zip(slow_features) {
            prop_assert_eq!(at(&timeline, minute * MINUTE).0, features);
        }
    }
}
