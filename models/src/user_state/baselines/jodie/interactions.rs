//! All users' plays in order of time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::splits::Split;
use crate::user_state::Histories;

/// The plays of a session follow each other at this distance, and what [`Histories`] know of pauses: it keeps no times of
/// single plays. Ours: about the length of a song.
const PLAY_MS: i64 = 200_000;

/// A user's play of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interaction {
    pub(super) user: usize,
    pub(super) play: usize,
    pub(super) session: usize,
    /// About when, in milliseconds since 1970.
    pub(super) time_ms: i64,
}

/// The plays of all users up to the end of a split. A user's plays keep their order. Memory holds one play per user.
pub(super) struct InTimeOrder<'a> {
    histories: &'a Histories,
    split: Split,
    /// The next play of each user, the earliest on top.
    next: BinaryHeap<Reverse<(i64, usize, usize, usize)>>,
}

impl<'a> InTimeOrder<'a> {
    pub(super) fn new(histories: &'a Histories, split: Split) -> Self {
        let mut order = Self { histories, split, next: BinaryHeap::with_capacity(histories.users()) };
        for user in 0..histories.users() {
            order.enter(user, histories.sessions_of(user).start, i64::MIN);
        }
        order
    }

    /// Puts a user's first play from a session on in line.
    fn enter(&mut self, user: usize, session: usize, earliest_ms: i64) {
        let mut sessions = session..self.histories.sessions_until(user, self.split).end;
        if let Some(session) = sessions.find(|&session| !self.histories.plays_of(session).is_empty()) {
            let time_ms = self.histories.start_ms(session).max(earliest_ms);
            self.next.push(Reverse((time_ms, user, self.histories.plays_of(session).start, session)));
        }
    }
}

impl Iterator for InTimeOrder<'_> {
    type Item = Interaction;

    fn next(&mut self) -> Option<Interaction> {
        let Reverse((time_ms, user, play, session)) = self.next.pop()?;
        let ended_ms = time_ms + PLAY_MS;
        if play + 1 < self.histories.plays_of(session).end {
            let pause_ms = (self.histories.gap_hours(play + 1) * 3.6e6) as i64;
            self.next.push(Reverse((ended_ms + pause_ms, user, play + 1, session)));
        } else {
            self.enter(user, session + 1, time_ms);
        }
        Some(Interaction { user, play, session, time_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user_state::histories::tests::synthetic;

    #[test]
    fn every_play_comes_once_and_each_users_plays_in_order() {
        let (histories, _) = synthetic(12, 28);
        for split in [Split::Train, Split::Test] {
            let interactions: Vec<Interaction> = InTimeOrder::new(&histories, split).collect();
            assert!(interactions.is_sorted_by_key(|interaction| interaction.time_ms));
            for user in 0..histories.users() {
                let own = interactions.iter().filter(|interaction| interaction.user == user);
                let plays = histories.plays_of_all(histories.sessions_until(user, split));
                assert!(own.map(|interaction| interaction.play).eq(plays));
            }
            // Users take turns: with one after the other there would be eleven changes.
            let changes = interactions.windows(2).filter(|pair| pair[0].user != pair[1].user).count();
            assert!(changes > 100, "{changes}");
        }
    }
}
