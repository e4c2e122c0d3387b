//! From plays to sessions with responses, written to the dataset.

use super::clean::AT_ONCE_MS;
use super::track_id::artist_and_name;
use crate::importers::ids::Ids;
use crate::importers::session_builder::SessionBuilder;
use crate::{Context, ExternalSort, Play, Progress, Result, SessionRules, Track, User};
use bytemuck::{Pod, Zeroable};

/// A play that stays; ordered by its place among all, which is that of user and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Listen {
    pub(super) place: u64,
    pub(super) end_ms: i64,
    pub(super) user: u32,
    pub(super) track: u32,
    pub(super) ms_played: u32,
    pub(super) unused: u32,
}

impl Listen {
    fn start_ms(&self) -> i64 {
        self.end_ms - i64::from(self.ms_played)
    }
}

/// The catalog in the making.
pub(super) struct CatalogBuilder<'a> {
    pub(super) ids: &'a Ids,
    pub(super) tracks: Vec<Track>,
    /// Place in `tracks` by track of the account data; those that are not joined get theirs at their first play.
    pub(super) places: Vec<Option<u32>>,
    /// What the table of features and repeated plays tell of the tracks of the account data.
    pub(super) known: Vec<Track>,
}

impl CatalogBuilder<'_> {
    /// The place of a track that is played.
    fn place(&mut self, track: u32) -> u32 {
        let known = &mut self.known[track as usize];
        *self.places[track as usize].get_or_insert_with(|| {
            let id = String::from_utf8_lossy(self.ids.id(track)).into_owned();
            let (artist, name) = artist_and_name(&id);
            self.tracks.push(Track { id, artist, name, ..std::mem::take(known) });
            self.tracks.len() as u32 - 1
        })
    }
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BuildCounts {
    pub(super) kept: u64,
    /// Plays of tracks of the joined catalog.
    pub(super) matched: u64,
    /// Plays of tracks of unknown duration.
    pub(super) without_duration: u64,
    /// Plays taken for skips.
    pub(super) skips: u64,
}

/// Writes the sessions; users are numbered from `first_user` on in the order of their plays. Answers their numbers in
/// `users`.
pub(super) fn write_sessions(
    listens: ExternalSort<Listen>,
    rules: &SessionRules,
    catalog: &mut CatalogBuilder<'_>,
    builder: &mut SessionBuilder<'_>,
    first_user: u32,
    progress: &dyn Progress,
) -> Result<(Vec<u32>, BuildCounts)> {
    let joined = catalog.tracks.len() as u32;
    let (mut users, mut counts) = (Vec::new(), BuildCounts::default());
    let mut listens = listens.sorted()?;
    let mut next = listens.next().transpose()?;
    while let Some(listen) = next {
        next = listens.next().transpose()?;
        if users.last() != Some(&listen.user) {
            users.push(listen.user);
        }
        let track = catalog.place(listen.track);
        let duration = catalog.tracks[track as usize].duration_ms;
        let follows = next.filter(|next| next.user == listen.user && follows_at_once(rules, &listen, next));
        let moved_on = follows.is_some_and(|next| next.track != listen.track).then_some(true);
        let responses = rules.responses(listen.ms_played, duration, None, moved_on.filter(|_| duration.is_some()));
        counts.kept += 1;
        counts.matched += u64::from(track < joined);
        counts.without_duration += u64::from(duration.is_none());
        counts.skips += u64::from(responses.skip == Some(true));
        let play = Play {
            track,
            start_ms: listen.start_ms(),
            ms_played: Some(listen.ms_played),
            responses,
            ..Play::default()
        };
        builder.push(first_user + users.len() as u32 - 1, Context::default(), play)?;
        if counts.kept % 65_536 == 0 {
            progress.advance(counts.kept);
        }
    }
    Ok((users, counts))
}

fn follows_at_once(rules: &SessionRules, listen: &Listen, next: &Listen) -> bool {
    next.start_ms() - listen.end_ms <= AT_ONCE_MS && !rules.opens_session(listen.end_ms, next.start_ms())
}

/// The users of an import, by their numbers in the sources.
pub(super) fn in_order_of_plays(users: &[User], order: &[u32]) -> Vec<User> {
    order.iter().map(|&user| users[user as usize].clone()).collect()
}
