//! Goes through the histories of a part play by play, as [`PlayChunks`](crate::user_state::PlayChunks) does.

use crate::Result;
use crate::splits::Split;
use crate::track_embeddings::TrackVectors;
use crate::user_state::lanes::users_of;
use crate::user_state::{Histories, Part};

/// Whether a play is foretold: one of the part, not skipped, of a track with a vector.
pub(in crate::user_state) fn is_target(
    histories: &Histories,
    vectors: &TrackVectors,
    split: Split,
    play: usize,
    session: usize,
) -> bool {
    let in_part = split == Split::Train || histories.split(session) == split;
    in_part && !histories.skipped(play) && vectors.known(histories.track(play))
}

/// How many plays of a part are foretold, and how many sessions hold one.
pub(in crate::user_state) fn count_targets(
    histories: &Histories,
    vectors: &TrackVectors,
    part: Part,
) -> (usize, usize) {
    let sessions = users_of(part, histories.users()).flat_map(|user| histories.sessions_until(user, part.split));
    let in_each = sessions.map(|session| {
        histories.plays_of(session).filter(|&play| is_target(histories, vectors, part.split, play, session)).count()
    });
    in_each.fold((0, 0), |(plays, sessions), count| (plays + count, sessions + usize::from(count > 0)))
}

/// Runs through the plays of a part in order. What is kept of a user begins as `new`, is shown to `target` for each play
/// to be foretold, and then takes in the play by `heard`.
pub(in crate::user_state) fn for_each_target<S>(
    histories: &Histories,
    vectors: &TrackVectors,
    part: Part,
    new: impl Fn() -> S,
    mut target: impl FnMut(&S, usize) -> Result<()>,
    mut heard: impl FnMut(&mut S, usize),
) -> Result<()> {
    for user in users_of(part, histories.users()) {
        let mut state = new();
        for session in histories.sessions_until(user, part.split) {
            for play in histories.plays_of(session) {
                if is_target(histories, vectors, part.split, play, session) {
                    target(&state, play)?;
                }
                heard(&mut state, play);
            }
        }
    }
    Ok(())
}
