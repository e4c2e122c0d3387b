//! What the training sessions tell of the listeners: how much they listen, and to what.

use listening_models::Examples;
use listening_models::track_embeddings::{TrackVectors, cluster_tracks};

/// Classes of tracks that tastes are shares of. About as many as a session has tracks at most: with more, a session would
/// fall short of any taste by its shortness alone. Steck (RecSys 2018) has 18 genres.
const CLASSES: usize = 16;

/// Share of the taste that is mixed into a session's shares, so that no class has none (Steck, RecSys 2018, equation 7).
const SMOOTHING: f64 = 0.01;

/// The listeners' activity and taste, counted over the training sessions alone.
pub struct ListenerProfiles {
    /// Per track.
    classes: Vec<Option<u16>>,
    /// Per user, plays.
    plays: Vec<u32>,
    /// Per user and class, plays of its tracks.
    tastes: Vec<[u32; CLASSES]>,
}

impl ListenerProfiles {
    /// Counts the training plays of a dataset of `users` users. The classes are those of [`cluster_tracks`], by `plays`, each
    /// track's training plays.
    pub fn new(train: &Examples, vectors: &TrackVectors, plays: &[u32], users: usize, seed: u64) -> Self {
        let classes = cluster_tracks(vectors, plays, CLASSES, seed);
        Self::count(train.user.iter().copied().zip(train.track.iter().copied()), classes, users)
    }

    /// Counts pairs of user and track played.
    pub(super) fn count(plays: impl Iterator<Item = (u32, u32)>, classes: Vec<Option<u16>>, users: usize) -> Self {
        let mut profiles = Self { classes, plays: vec![0; users], tastes: vec![[0; CLASSES]; users] };
        for (user, track) in plays {
            profiles.plays[user as usize] += 1;
            if let Some(class) = profiles.classes[track as usize] {
                profiles.tastes[user as usize][usize::from(class)] += 1;
            }
        }
        profiles
    }

    /// A user's training plays.
    pub fn plays(&self, user: u32) -> u32 {
        self.plays[user as usize]
    }

    /// How far the classes of the tracks are from the user's taste: the Kullback-Leibler divergence of both shares in nats,
    /// sum over classes of p ln(p / q'), with q' = (1 - a) q + a p and a = 0.01 (Steck, RecSys 2018, equations 6 and 7); 0
    /// where the shares are equal. `None` where none of the tracks or none of the user's training plays has a class.
    pub fn miscalibration(&self, user: u32, tracks: &[u32]) -> Option<f64> {
        let taste = &self.tastes[user as usize];
        let mut played = [0u32; CLASSES];
        let classes = tracks.iter().filter_map(|&track| self.classes[track as usize]);
        classes.for_each(|class| played[usize::from(class)] += 1);
        let (all_taste, all_played) = (taste.iter().sum::<u32>(), played.iter().sum::<u32>());
        if all_taste == 0 || all_played == 0 {
            return None;
        }
        let terms = taste.iter().zip(&played).filter(|(taste, _)| **taste > 0).map(|(&taste, &played)| {
            let p = f64::from(taste) / f64::from(all_taste);
            let q = f64::from(played) / f64::from(all_played);
            p * (p / ((1.0 - SMOOTHING) * q + SMOOTHING * p)).ln()
        });
        Some(terms.sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn miscalibration_is_that_worked_by_hand() {
        // User 0 has played class 0 three times and class 1 once; user 1 nothing that has a class.
        let plays = [(0, 0), (0, 0), (0, 1), (0, 2), (1, 3)];
        let profiles = ListenerProfiles::count(plays.into_iter(), vec![Some(0), Some(0), Some(1), None], 3);
        assert_eq!([0, 1, 2].map(|user| profiles.plays(user)), [4, 1, 0]);
        // Played: half and half.
        let expected =
            0.75 * (0.75f64 / (0.99 * 0.5 + 0.01 * 0.75)).ln() + 0.25 * (0.25f64 / (0.99 * 0.5 + 0.01 * 0.25)).ln();
        let found = profiles.miscalibration(0, &[0, 2, 3]).unwrap();
        assert!((found - expected).abs() < 1e-12 && found > 0.1, "{found} {expected}");
        // Class 0 alone: what is missing costs 0.25 ln(1 / 0.01).
        let expected = 0.75 * (0.75f64 / (0.99 + 0.0075)).ln() + 0.25 * 100f64.ln();
        assert!((profiles.miscalibration(0, &[1]).unwrap() - expected).abs() < 1e-12);
        assert!(profiles.miscalibration(0, &[0, 1, 0, 2]).unwrap().abs() < 1e-12, "as the taste");
        assert_eq!(profiles.miscalibration(0, &[3]), None);
        assert_eq!((profiles.miscalibration(1, &[0]), profiles.miscalibration(2, &[0])), (None, None));
    }
}
