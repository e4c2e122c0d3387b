//! Classes of tracks, by the directions of their vectors: what stands for genres where nobody has named any.

use listening_data::{CounterRng, Stream};

use super::{TrackVectors, dot};

/// Tracks that the centres are found from: those of most plays. Bounds the work for any catalog.
const MOST_TRACKS: usize = 20_000;
/// Rounds, where the classes do not settle before.
const ROUNDS: usize = 25;
/// No logged session has this number.
const DRAWS: u64 = u64::MAX;

/// The class of each track, below `clusters`; `None` for tracks without a vector.
///
/// Spherical k-means (Dhillon and Modha, Machine Learning 42, 2001): each track belongs to the centre of highest cosine, and
/// a centre is the direction of the sum of its tracks, each weighted by its plays, so that the classes divide the listening
/// and not the catalog. First centres by k-means++ (Arthur and Vassilvitskii, SODA 2007). There are fewer classes than asked
/// for where fewer directions have been played.
pub fn cluster_tracks(vectors: &TrackVectors, plays: &[u32], clusters: usize, seed: u64) -> Vec<Option<u16>> {
    let mut tracks: Vec<u32> =
        (0..vectors.tracks() as u32).filter(|&track| plays[track as usize] > 0 && vectors.known(track)).collect();
    tracks.sort_unstable_by_key(|&track| (std::cmp::Reverse(plays[track as usize]), track));
    tracks.truncate(MOST_TRACKS);
    let weight = |track: u32| f64::from(plays[track as usize]);
    let mut centres = first_centres(vectors, &tracks, weight, clusters, seed);
    let mut classes: Vec<usize> = Vec::new();
    for _ in 0..ROUNDS {
        let before = std::mem::take(&mut classes);
        classes = tracks.iter().map(|&track| nearest(&centres, vectors.vector(track)).0).collect();
        if classes == before {
            break;
        }
        let mut sums = vec![vec![0.0; vectors.dimension()]; centres.len()];
        for (&track, &class) in tracks.iter().zip(&classes) {
            let values = sums[class].iter_mut().zip(vectors.vector(track));
            values.for_each(|(sum, &value)| *sum += weight(track) * f64::from(value));
        }
        for (centre, sum) in centres.iter_mut().zip(sums) {
            let length = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
            // A centre without tracks stays where it is.
            if length > 0.0 {
                *centre = sum.iter().map(|x| (x / length) as f32).collect();
            }
        }
    }
    let class = |track| {
        let known = vectors.known(track) && !centres.is_empty();
        known.then(|| nearest(&centres, vectors.vector(track)).0 as u16)
    };
    (0..vectors.tracks() as u32).map(class).collect()
}

/// Each further centre is a track drawn by its plays times its distance from the nearest centre so far.
fn first_centres(
    vectors: &TrackVectors,
    tracks: &[u32],
    weight: impl Fn(u32) -> f64,
    clusters: usize,
    seed: u64,
) -> Vec<Vec<f32>> {
    let mut rng = CounterRng::new(seed, Stream::Sampling, DRAWS, 0);
    let mut centres: Vec<Vec<f32>> = Vec::new();
    let mut odds: Vec<f64> = tracks.iter().map(|&track| weight(track)).collect();
    while centres.len() < clusters {
        let total: f64 = odds.iter().sum();
        let mut target = f64::from(rng.uniform()) * total;
        let drawn = odds.iter().position(|&odds| {
            target -= odds;
            odds > 0.0 && target < 0.0
        });
        // Rounding can leave a rest: it goes to the last track that has a chance.
        let Some(drawn) = drawn.or_else(|| odds.iter().rposition(|&odds| odds > 0.0)) else { break };
        centres.push(vectors.vector(tracks[drawn]).to_vec());
        for (odds, &track) in odds.iter_mut().zip(tracks) {
            let distance = 1.0 - f64::from(nearest(&centres, vectors.vector(track)).1);
            // Equal vectors have a cosine of 1 but for rounding.
            *odds = if distance < 1e-6 { 0.0 } else { weight(track) * distance };
        }
    }
    centres
}

/// The first centre of highest cosine, and that cosine.
fn nearest(centres: &[Vec<f32>], vector: &[f32]) -> (usize, f32) {
    let mut best = (0, f32::NEG_INFINITY);
    for (class, centre) in centres.iter().enumerate() {
        let cosine = dot(centre, vector);
        if cosine > best.1 {
            best = (class, cosine);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three bundles of directions in the plane, 120 degrees apart, each within 20 degrees.
    #[test]
    fn bundles_of_directions_are_told_apart() {
        let angles = (0..60).map(|track| f64::from(track % 3) * 120.0 + f64::from(track / 3) - 10.0);
        let values = angles.map(f64::to_radians).flat_map(|angle| [angle.cos() as f32, angle.sin() as f32]);
        let unknown = [0.0, 0.0];
        let vectors = TrackVectors::new(2, values.chain(unknown).collect());
        for seed in 0..20 {
            let classes = cluster_tracks(&vectors, &[5; 61], 3, seed);
            assert_eq!(classes[60], None, "no vector, no class");
            let of_bundle: Vec<Option<u16>> = classes[..3].to_vec();
            assert!((0..60).all(|track| classes[track] == of_bundle[track % 3]), "{classes:?}");
            let mut different = of_bundle;
            different.sort_unstable();
            assert_eq!(different, [Some(0), Some(1), Some(2)]);
        }
    }

    #[test]
    fn there_are_no_more_classes_than_directions_that_were_played() {
        let vectors = TrackVectors::new(2, vec![1.0, 0.0, 2.0, 0.0, 0.0, 1.0, 0.6, 0.8]);
        let classes = cluster_tracks(&vectors, &[1, 1, 3, 0], 16, 1);
        assert_eq!(classes[0], classes[1]);
        assert_ne!(classes[0], classes[2]);
        assert_eq!(classes[3], classes[2], "never played, and nearer to (0, 1)");
        assert_eq!(cluster_tracks(&vectors, &[0; 4], 16, 1), [None; 4]);
    }
}
