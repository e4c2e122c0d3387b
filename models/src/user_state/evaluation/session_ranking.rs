//! Session ranking (Hansen et al., RecSys 2020, section 5): the session that begins against the user's last ones.

use std::ops::Range;

use super::super::histories::Histories;
use super::super::session_vectors::{SessionTracks, session_vector};
use super::Placement;
use crate::track_embeddings::{TrackVectors, dot};

/// Numbers of last sessions.
pub(super) const AGAINST_SESSIONS: [usize; 4] = [9, 19, 29, 49];

/// The place of a session's vector among those of the last `AGAINST_SESSIONS`, by cosine to `state`; `None` where the user
/// has fewer with a track played. The user's sessions before it are `past`.
pub(super) fn rank_session(
    histories: &Histories,
    vectors: &TrackVectors,
    state: &[f32],
    past: Range<usize>,
    session: usize,
) -> [Option<Placement>; 4] {
    let mut vector = vec![0.0; vectors.dimension()];
    let mut score = |session: usize| {
        session_vector(histories, vectors, session, SessionTracks::Played, &mut vector);
        vector.iter().any(|&x| x != 0.0).then(|| dot(&vector, state))
    };
    let Some(own) = score(session) else { return [None; 4] };
    let others: Vec<f32> = past.rev().filter_map(&mut score).take(AGAINST_SESSIONS[3]).collect();
    AGAINST_SESSIONS.map(|count| others.get(..count).map(|others| Placement::of(own, others.iter().copied())))
}
