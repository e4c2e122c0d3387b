//! Track ranking (Hansen et al., RecSys 2020, section 5): the tracks of the session that begins against recent ones.

use super::super::histories::Histories;
use super::super::session_vectors::SessionTracks;
use super::Placement;
use crate::track_embeddings::{TrackVectors, dot};

/// Numbers of recent tracks.
pub(super) const AGAINST_TRACKS: [usize; 4] = [10, 25, 50, 100];

/// The places of the tracks played in a session, each alone among the user's last `AGAINST_TRACKS` distinct tracks before
/// the session, by cosine to `state`. Recent tracks that are played in the session again are left out: they would be right
/// answers too. Nothing where the user has fewer. The user's first session is `first`.
pub(super) fn rank_tracks(
    histories: &Histories,
    vectors: &TrackVectors,
    state: &[f32],
    first: usize,
    session: usize,
) -> [Vec<Placement>; 4] {
    let distinct = |plays: &mut dyn Iterator<Item = usize>, except: &[u32], most: usize| {
        let mut tracks: Vec<u32> = Vec::new();
        for track in plays.map(|play| histories.track(play)) {
            if tracks.len() == most {
                break;
            }
            if !tracks.contains(&track) && !except.contains(&track) && vectors.known(track) {
                tracks.push(track);
            }
        }
        tracks
    };
    let mut played = histories.plays_of(session).filter(|&play| SessionTracks::Played.contains(histories, play));
    let own = distinct(&mut played, &[], usize::MAX);
    let recent = distinct(&mut histories.plays_of_all(first..session).rev(), &own, AGAINST_TRACKS[3]);
    let score = |track: &u32| dot(vectors.vector(*track), state);
    let others: Vec<f32> = recent.iter().map(score).collect();
    AGAINST_TRACKS.map(|count| {
        let others = others.get(..count).unwrap_or_default();
        let placed = own.iter().filter(|_| !others.is_empty());
        placed.map(|track| Placement::of(score(track), others.iter().copied())).collect()
    })
}
