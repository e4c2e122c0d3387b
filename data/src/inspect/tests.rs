//! Every figure against a small dataset counted by hand.

use super::*;
use crate::{DatasetWriter, Play, Silent, SourceInfo, Track, User};

/// 2014-07-27 20:34:47 was a Sunday evening.
const SUNDAY: i64 = 1_406_493_287_000;

fn session(user: u32, start_ms: i64, device: Option<Device>, plays: &[(u32, Option<bool>)]) -> Session {
    let plays = plays.iter().zip(0..).map(|(&(track, skip), position)| Play {
        track,
        start_ms: start_ms + position * 1000,
        ms_played: Some(1000),
        responses: Responses { complete: skip.map(|skip| !skip), skip, past_threshold: Some(true) },
        ..Play::default()
    });
    Session { user, start_ms, context: Context { device, ..Context::default().at(start_ms) }, plays: plays.collect() }
}

fn summary_of(sessions: &[Session], tracks: usize, users: usize) -> DatasetSummary {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d");
    let mut writer = DatasetWriter::create(&path).unwrap();
    for session in sessions {
        writer.write_session(session).unwrap();
    }
    writer.finish(&vec![Track::default(); tracks], &vec![User::default(); users], &SourceInfo::new("test")).unwrap();
    inspect(&Dataset::open(&path).unwrap(), &Silent).unwrap()
}

#[test]
fn a_small_dataset_is_described_as_counted_by_hand() {
    let (yes, no) = (Some(true), Some(false));
    let summary = summary_of(
        &[
            session(0, SUNDAY, Some(Device::Phone), &[(0, yes), (1, yes), (0, no), (2, None)]),
            session(0, SUNDAY + 86_400_000, None, &[(1, no), (1, yes)]),
            session(1, SUNDAY + 12 * 3_600_000, Some(Device::Web), &[(0, yes)]),
        ],
        4,
        3,
    );
    assert_eq!((summary.tracks, summary.users, summary.sessions, summary.plays), (4, 3, 3, 7));
    assert_eq!(summary.first_date.as_deref(), Some("2014-07-27"));
    assert_eq!(summary.last_date.as_deref(), Some("2014-07-28"));
    // The third user has no session and does not count.
    assert_eq!((summary.sessions_per_user.min, summary.sessions_per_user.max), (1, 2));
    assert_eq!((summary.plays_per_session.median, summary.plays_per_session.max), (2, 4));
    let histogram: Vec<_> = summary.plays_per_session_histogram.iter().map(|b| b.count).collect();
    assert_eq!(histogram, [1, 1, 1]);
    assert_eq!(summary.responses.skip.share, Some(4.0 / 6.0));
    assert_eq!(summary.responses.skip.missing, 1.0 / 7.0);
    assert_eq!(summary.responses.past_threshold.share, Some(1.0));
    let first = summary.by_position[0];
    assert_eq!((first.position, first.responses.plays, first.responses.skip.share), (1, 3, Some(2.0 / 3.0)));
    assert_eq!(summary.by_position.len(), 4);
    assert_eq!(summary.by_position[3].responses.skip.share, None);
    // Of seven plays, the third (track 0) and both of the second session (track 1) repeat; the last is another user's.
    assert_eq!(summary.repeat_rate, Some(3.0 / 7.0));
    assert_eq!(summary.popularity.ranked_plays[0].plays, Some(3));
    assert_eq!(summary.popularity.played_once, 0.25);
    // Pairs with both known: yes-yes, yes-no; no-yes.
    let streaks = SkipStreaks { after_skip: Some(0.5), after_no_skip: Some(1.0), pairs: 3 };
    assert_eq!(summary.skip_streaks, streaks);

    let part = |name| summary.by_context.iter().find(|shares| shares.part == name).unwrap();
    let groups = |name| part(name).groups.iter().map(|g| (g.value, g.sessions, g.responses.plays)).collect::<Vec<_>>();
    assert_eq!(groups("hour"), [("morning 6-11", 1, 1), ("evening 18-23", 2, 6)]);
    assert_eq!(groups("weekday"), [("weekday", 2, 3), ("weekend", 1, 4)]);
    assert_eq!(groups("device"), [("phone", 1, 4), ("web", 1, 1), ("missing", 1, 2)]);
    assert_eq!(groups("behaviour_policy"), [("missing", 3, 7)]);
    assert_eq!(part("device").groups[0].responses.skip.share, Some(2.0 / 3.0));
}

#[test]
fn an_empty_dataset_has_no_shares() {
    let summary = summary_of(&[], 0, 0);
    assert_eq!((summary.plays, summary.first_date, summary.repeat_rate), (0, None, None));
    assert!(summary.by_position.is_empty() && summary.plays_per_session_histogram.is_empty());
    assert!(summary.by_context.iter().all(|shares| shares.groups.is_empty()));
}
