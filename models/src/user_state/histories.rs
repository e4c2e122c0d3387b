//! Every listener's history as columns: what user states learn from, and are measured on.
//!
//! One pass over a dataset writes the plays in order of user, then time, with what is known of each session before it
//! begins. The columns are memory-mapped, so that training holds only the pages it looks at.

mod writer;

use std::fs;
use std::ops::Range;
use std::path::Path;

use listening_data::{Context, Device, Source};
use serde::{Deserialize, Serialize};

use crate::splits::Split;
use crate::{Column, ModelError, Result};

pub use writer::write_histories;

const FILE: &str = "histories.json";
const MISSING: u8 = u8::MAX;

#[derive(Serialize, Deserialize)]
struct Sizes {
    users: usize,
    sessions: usize,
    plays: usize,
    slow_features: usize,
}

/// The plays of a dataset in order of user, then time.
///
/// Users, sessions and plays are counted from 0 through the whole dataset; a user's sessions, and a session's plays, are
/// neighbours.
pub struct Histories {
    /// Per user: its number in the dataset.
    user_numbers: Column<u32>,
    /// Per user, and one more: its first session.
    first_session: Column<u64>,
    /// Per session, and one more: its first play.
    first_play: Column<u64>,
    /// Per session: its start in milliseconds since 1970.
    start_ms: Column<i64>,
    /// Per session: the code of its [`Split`].
    split: Column<u8>,
    /// Per session: hour, weekday, device, source, premium, shuffle; 255 where missing.
    context: Column<[u8; 6]>,
    /// Per session: the user's slow features at its start.
    slow_features: Column<f32>,
    slow_length: usize,
    /// Per play: its track.
    tracks: Column<u32>,
    /// Per play, bit i: response i was given; bit 3 + i: it is known (complete, skip, past threshold).
    responses: Column<u8>,
    /// Per play: seconds from the end of the user's play before it, 0 for the first.
    gap_s: Column<f32>,
}

impl Histories {
    /// Opens a folder that [`write_histories`] filled.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let text = fs::read_to_string(&path).map_err(|e| ModelError::file("read", &path, e))?;
        let sizes: Sizes = serde_json::from_str(&text).map_err(|e| ModelError::bad_file(&path, e.to_string()))?;
        let Sizes { users, sessions, plays, slow_features } = sizes;
        Ok(Self {
            user_numbers: Column::open(folder, "user_number.u32", users)?,
            first_session: Column::open(folder, "first_session.u64", users + 1)?,
            first_play: Column::open(folder, "first_play.u64", sessions + 1)?,
            start_ms: Column::open(folder, "start_ms.i64", sessions)?,
            split: Column::open(folder, "split.u8", sessions)?,
            context: Column::open(folder, "context.u8", sessions)?,
            slow_features: Column::open(folder, "slow_features.f32", sessions * slow_features)?,
            slow_length: slow_features,
            tracks: Column::open(folder, "track.u32", plays)?,
            responses: Column::open(folder, "responses.u8", plays)?,
            gap_s: Column::open(folder, "gap_s.f32", plays)?,
        })
    }

    /// Number of users who have sessions.
    pub fn users(&self) -> usize {
        self.user_numbers.len()
    }

    /// Number of sessions.
    pub fn sessions(&self) -> usize {
        self.start_ms.len()
    }

    /// Number of plays.
    pub fn plays(&self) -> usize {
        self.tracks.len()
    }

    /// The number in the dataset of a user.
    pub fn user_number(&self, user: usize) -> u32 {
        self.user_numbers[user]
    }

    /// The sessions of a user.
    pub fn sessions_of(&self, user: usize) -> Range<usize> {
        self.first_session[user] as usize..self.first_session[user + 1] as usize
    }

    /// The sessions of a user up to the last one of a split: what may be run through to train on the split, or to
    /// measure on it.
    pub fn sessions_until(&self, user: usize, split: Split) -> Range<usize> {
        let sessions = self.sessions_of(user);
        // Within a user the splits follow each other in time.
        let count = self.split[sessions.clone()].partition_point(|&code| code <= split as u8);
        sessions.start..sessions.start + count
    }

    /// The plays of a session.
    pub fn plays_of(&self, session: usize) -> Range<usize> {
        self.first_play[session] as usize..self.first_play[session + 1] as usize
    }

    /// The plays of sessions that are neighbours.
    pub fn plays_of_all(&self, sessions: Range<usize>) -> Range<usize> {
        self.first_play[sessions.start] as usize..self.first_play[sessions.end] as usize
    }

    /// The session of a play.
    pub fn session_of(&self, play: usize) -> usize {
        self.first_play.partition_point(|&first| first <= play as u64) - 1
    }

    /// The user of a session.
    pub fn user_of(&self, session: usize) -> usize {
        self.first_session.partition_point(|&first| first <= session as u64) - 1
    }

    /// The part that a session belongs to.
    pub fn split(&self, session: usize) -> Split {
        match self.split[session] {
            0 => Split::Train,
            1 => Split::Validation,
            _ => Split::Test,
        }
    }

    /// The start of a session, in milliseconds since 1970 (local where the source allows).
    pub fn start_ms(&self, session: usize) -> i64 {
        self.start_ms[session]
    }

    /// The context of a session. Who chose the tracks is left out.
    pub fn context(&self, session: usize) -> Context {
        let [hour, weekday, device, source, premium, shuffle] = self.context[session];
        let known = |code: u8| (code != MISSING).then_some(code);
        Context {
            hour: known(hour),
            weekday: known(weekday),
            device: known(device).and_then(|code| Device::ALL.get(usize::from(code)).copied()),
            source: known(source).and_then(|code| Source::ALL.get(usize::from(code)).copied()),
            premium: known(premium).map(|yes| yes == 1),
            shuffle: known(shuffle).map(|yes| yes == 1),
            behaviour_policy: None,
        }
    }

    /// Number of slow features.
    pub fn slow_length(&self) -> usize {
        self.slow_length
    }

    /// The user's slow features at the start of a session.
    pub fn slow_features(&self, session: usize) -> &[f32] {
        &self.slow_features[session * self.slow_length..][..self.slow_length]
    }

    /// The track of a play.
    pub fn track(&self, play: usize) -> u32 {
        self.tracks[play]
    }

    /// The responses to a play, 1 where given, -1 where not, 0 where unknown: complete, skip, past threshold.
    pub fn responses(&self, play: usize) -> [f32; 3] {
        let bits = self.responses[play];
        std::array::from_fn(|response| match (bits >> (3 + response) & 1, bits >> response & 1) {
            (0, _) => 0.0,
            (_, given) => f32::from(given) * 2.0 - 1.0,
        })
    }

    /// Whether the listener is known to have skipped a play.
    pub fn skipped(&self, play: usize) -> bool {
        self.responses[play] >> 1 & 1 == 1
    }

    /// Hours from the end of the user's play before this one; 0 for the first.
    pub fn gap_hours(&self, play: usize) -> f32 {
        self.gap_s[play] / 3600.0
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use listening_data::{Context, Dataset, Device, Silent, SyntheticConfig, SyntheticWorld, synthesize};

    use super::*;
    use crate::splits::{SplitShares, TimeSplit};
    use crate::track_embeddings::TrackVectors;

    /// Histories of `users` synthetic listeners over a catalog of 200 tracks, and the tracks' hidden vectors.
    pub(crate) fn synthetic(users: u32, days: u32) -> (Histories, TrackVectors) {
        let mut config = SyntheticConfig::default();
        (config.size.users, config.size.days) = (users, days);
        (config.catalog.tracks, config.catalog.artists) = (200, 50);
        let folder = tempfile::tempdir().unwrap();
        synthesize(&config, &Default::default(), 1, &folder.path().join("d"), &Silent).unwrap();
        let dataset = Dataset::open(folder.path().join("d")).unwrap();
        let world = SyntheticWorld::new(&config, 1).unwrap();
        let values: Vec<f32> = (0..200).flat_map(|track| world.track_vector(track).to_vec()).collect();
        let vectors = Arc::new(TrackVectors::new(world.track_vector(0).len(), values));
        let split = TimeSplit::new(&dataset, SplitShares::default()).unwrap();
        write_histories(&dataset, &split, &vectors, folder.path(), &Silent).unwrap();
        (Histories::open(folder.path()).unwrap(), Arc::unwrap_or_clone(vectors))
    }

    /// A session made by hand: its part, hour and device, and its plays as tracks and whether they were skipped.
    #[derive(Clone)]
    pub(in crate::user_state) struct ByHand {
        pub split: Split,
        pub hour: u8,
        pub device: Device,
        pub plays: Vec<(u32, bool)>,
    }

    /// Histories of the given sessions of each user, a session every 12 hours, one minute per play.
    pub(in crate::user_state) fn by_hand(users: &[Vec<ByHand>]) -> Histories {
        let (mut first_session, mut first_play) = (vec![0u64], vec![0u64]);
        let (mut start_ms, mut splits, mut contexts) = (Vec::new(), Vec::new(), Vec::new());
        let (mut tracks, mut responses) = (Vec::new(), Vec::new());
        for sessions in users {
            for (number, session) in sessions.iter().enumerate() {
                start_ms.push(number as i64 * 12 * 3_600_000);
                splits.push(session.split as u8);
                let (hour, device) = (Some(session.hour), Some(session.device));
                contexts.push(writer::packed(&Context { hour, device, ..Context::default() }));
                tracks.extend(session.plays.iter().map(|(track, _)| *track));
                responses.extend(session.plays.iter().map(|(_, skipped)| 1 << 4 | u8::from(*skipped) << 1));
                first_play.push(tracks.len() as u64);
            }
            first_session.push(start_ms.len() as u64);
        }
        Histories {
            user_numbers: Column::Owned((0..users.len() as u32).collect()),
            first_session: Column::Owned(first_session),
            first_play: Column::Owned(first_play),
            start_ms: Column::Owned(start_ms),
            split: Column::Owned(splits),
            context: Column::Owned(contexts),
            slow_features: Column::Owned(Vec::new()),
            slow_length: 0,
            gap_s: Column::Owned(vec![60.0; tracks.len()]),
            tracks: Column::Owned(tracks),
            responses: Column::Owned(responses),
        }
    }

    #[test]
    fn histories_hold_what_the_dataset_holds() {
        let mut config = SyntheticConfig::default();
        (config.size.users, config.size.days) = (5, 20);
        let folder = tempfile::tempdir().unwrap();
        synthesize(&config, &Default::default(), 1, &folder.path().join("d"), &Silent).unwrap();
        let dataset = Dataset::open(folder.path().join("d")).unwrap();
        let tracks = dataset.catalog().unwrap().len();
        let vectors = Arc::new(TrackVectors::new(2, vec![1.0; 2 * tracks]));
        let split = TimeSplit::new(&dataset, SplitShares::default()).unwrap();
        write_histories(&dataset, &split, &vectors, folder.path(), &Silent).unwrap();
        let histories = Histories::open(folder.path()).unwrap();
        let (mut session, mut play, mut last_end) = (0, 0, None);
        let mut user = None;
        for item in split.sessions(&dataset).unwrap() {
            let (logged, split) = item.unwrap();
            if user != Some(logged.session.user) {
                user = Some(logged.session.user);
                last_end = None;
            }
            let place = (0..histories.users()).find(|&u| histories.user_number(u) == logged.session.user).unwrap();
            assert!(histories.sessions_of(place).contains(&session));
            assert_eq!(histories.user_of(session), place);
            assert!(histories.sessions_until(place, split).contains(&session));
            assert_eq!(histories.split(session), split);
            assert_eq!(histories.start_ms(session), logged.session.start_ms);
            let expected = Context { behaviour_policy: None, ..logged.session.context };
            assert_eq!(histories.context(session), expected);
            assert_eq!(histories.plays_of(session), play..play + logged.session.plays.len());
            for logged_play in &logged.session.plays {
                assert_eq!(histories.session_of(play), session);
                assert_eq!(histories.track(play), logged_play.track);
                assert_eq!(histories.skipped(play), logged_play.responses.skip == Some(true));
                let sign = |given: Option<bool>| given.map_or(0.0, |yes| if yes { 1.0 } else { -1.0 });
                let given = logged_play.responses;
                assert_eq!(histories.responses(play), [given.complete, given.skip, given.past_threshold].map(sign));
                let gap = last_end.map_or(0.0, |end: i64| (logged_play.start_ms - end).max(0) as f32 / 3.6e6);
                assert!((histories.gap_hours(play) - gap).abs() < 1e-4);
                last_end = Some(logged_play.end_ms());
                play += 1;
            }
            session += 1;
        }
        assert_eq!((histories.sessions(), histories.plays()), (session, play));
        assert!(play > 100, "{play}");
    }

    #[test]
    fn contexts_survive_packing_with_parts_missing() {
        let context = Context { device: Some(Device::Car), shuffle: Some(false), ..Context::default() };
        let histories = Histories {
            user_numbers: Column::Owned(vec![0]),
            first_session: Column::Owned(vec![0, 1]),
            first_play: Column::Owned(vec![0, 0]),
            start_ms: Column::Owned(vec![0]),
            split: Column::Owned(vec![2]),
            context: Column::Owned(vec![writer::packed(&context)]),
            slow_features: Column::Owned(Vec::new()),
            slow_length: 0,
            tracks: Column::Owned(Vec::new()),
            responses: Column::Owned(Vec::new()),
            gap_s: Column::Owned(Vec::new()),
        };
        assert_eq!(histories.context(0), context);
        assert_eq!(histories.split(0), Split::Test);
        assert_eq!(histories.sessions_until(0, Split::Validation), 0..0);
    }
}
