//! How a policy spreads its plays over the tracks that it could have played.

use playlist_envs::{World, next_in_episode};
use serde::{Deserialize, Serialize};

use super::{Measure, MeasuredSession};

/// The spread of the plays of all sessions over the tracks offered. Without intervals: a resample has fewer different
/// sessions, and so fewer different tracks, than the sessions themselves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exposure {
    /// Different tracks played.
    pub played_tracks: u64,
    /// Different tracks in the candidate pools.
    pub offered_tracks: u64,
    /// Share of the tracks offered that were played.
    pub coverage: f64,
    /// Gini coefficient of the plays over the tracks offered: 0 where all are played alike often, near 1 where few take all.
    pub gini: f64,
}

impl Exposure {
    /// The exposure of a policy's sessions; `offered` has the [`offered_tracks`].
    pub fn of(sessions: &[MeasuredSession], offered: &[u32]) -> Self {
        let catalog = offered.iter().max().map_or(0, |&last| last as usize + 1);
        let mut plays = vec![0u32; catalog];
        sessions.iter().flat_map(|session| &session.tracks).for_each(|&track| plays[track as usize] += 1);
        let plays: Vec<u32> = offered.iter().map(|&track| plays[track as usize]).collect();
        let played = plays.iter().filter(|&&plays| plays > 0).count();
        Self {
            played_tracks: played as u64,
            offered_tracks: plays.len() as u64,
            coverage: played as f64 / plays.len().max(1) as f64,
            gini: gini(plays),
        }
    }
}

/// The different tracks in the candidate pools of sessions, ascending. `measured` are the episodes 0, 1, ... of a policy; the
/// pools are those of the sessions that each of them had.
pub fn offered_tracks(world: &World, measured: &[MeasuredSession]) -> Vec<u32> {
    let mut offered = vec![false; world.catalog.tracks()];
    for (episode, measured) in (0u64..).zip(measured) {
        let of_episode = std::iter::successors(Some(episode), |&number| Some(next_in_episode(number)));
        for number in of_episode.take(measured.value(Measure::Sessions).unwrap_or(1.0) as usize) {
            let (start, pool) = world.session_of(number);
            let tracks = world.starts.tracks(start);
            pool.into_iter().for_each(|slot| offered[tracks[usize::from(slot)] as usize] = true);
        }
    }
    (0..offered.len() as u32).filter(|&track| offered[track as usize]).collect()
}

/// Gini coefficient: sum over the values in ascending order of (2 i - n - 1) x, over n times their sum, i from 1; 0 where
/// the sum is 0.
fn gini(mut values: Vec<u32>) -> f64 {
    values.sort_unstable();
    let (count, sum) = (values.len() as f64, values.iter().map(|&x| f64::from(x)).sum::<f64>());
    let weighted = values.iter().enumerate().map(|(i, &x)| (2.0 * (i as f64 + 1.0) - count - 1.0) * f64::from(x));
    if sum > 0.0 { weighted.sum::<f64>() / (count * sum) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SessionOutcome;
    use playlist_envs::{EpisodeSettings, WorldSettings, small_world};

    #[test]
    fn the_gini_coefficient_is_half_the_relative_mean_difference() {
        assert_eq!((gini(vec![3, 3, 3]), gini(vec![0, 0]), gini(Vec::new())), (0.0, 0.0, 0.0));
        assert_eq!(gini(vec![0, 0, 0, 8]), 0.75);
        // By its other definition: mean |x - y| over all ordered pairs, over twice the mean.
        let values = [7u32, 1, 4, 4, 0, 12, 2];
        let differences = values.iter().flat_map(|&x| values.map(|y| f64::from(x.abs_diff(y))));
        let expected = differences.sum::<f64>() / 49.0 / (2.0 * 30.0 / 7.0);
        assert!((gini(values.to_vec()) - expected).abs() < 1e-12, "{expected}");
    }

    fn session(tracks: &[u32]) -> MeasuredSession {
        let (outcome, values) = (SessionOutcome::default(), [None; Measure::ALL.len()]);
        MeasuredSession { start: 0, outcome, tracks: tracks.to_vec(), values }
    }

    /// A policy that brought nobody back is not asked for the tracks of sessions that it never had.
    #[test]
    fn only_the_pools_of_sessions_that_took_place_were_offered() {
        let folder = tempfile::tempdir().unwrap();
        let episode = EpisodeSettings { sessions: 3, ..EpisodeSettings::default() };
        let settings = WorldSettings { episode, ..WorldSettings::default() };
        let (world, _) = small_world(folder.path(), 30, settings, 1).unwrap();
        let of_sessions = |count: f64| {
            let mut measured = session(&[]);
            measured.values[Measure::Sessions as usize] = Some(count);
            measured
        };
        let mut expected: Vec<u32> = [0, next_in_episode(0), 1]
            .into_iter()
            .flat_map(|number| {
                let (start, pool) = world.session_of(number);
                pool.into_iter().map(|slot| world.starts.tracks(start)[usize::from(slot)]).collect::<Vec<_>>()
            })
            .collect();
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(offered_tracks(&world, &[of_sessions(2.0), of_sessions(1.0)]), expected);
        assert!(offered_tracks(&world, &[of_sessions(3.0), of_sessions(3.0)]).len() > expected.len());
    }

    #[test]
    fn coverage_counts_the_tracks_that_were_offered() {
        let found = Exposure::of(&[session(&[1, 4]), session(&[4])], &[1, 3, 4, 7]);
        assert_eq!((found.played_tracks, found.offered_tracks, found.coverage), (2, 4, 0.5));
        // In order 0, 0, 1, 2 with the weights -3, -1, 1, 3.
        assert_eq!(found.gini, (1.0 + 3.0 * 2.0) / (4.0 * 3.0));
    }
}
