//! A track as numbers.

use listening_data::{AUDIO_FEATURES, Track};

use crate::track_embeddings::TrackVectors;

const AUDIO: usize = AUDIO_FEATURES.len();

/// Number of track features beside the embedding: duration (2), release year (2), audio features and whether known.
///
/// Popularity is none of them: a count over the training sessions would tell of the very play that is predicted, and of
/// the user's later ones. It stands among the relation features, counted over other users.
pub const TRACK_EXTRAS: usize = 4 + 1 + AUDIO;

/// The feature table `[tracks, dimension + TRACK_EXTRAS]`, row by row.
///
/// Duration is ln(seconds / 210), where the source gives it (estimates from completed plays would leak responses); the release year counts from 2000 in
/// units of 20 years; audio features are standardised over the catalog. Each may be missing: then it is 0 and its
/// "known" mark too.
pub fn track_features(catalog: &[Track], vectors: &TrackVectors) -> Vec<f32> {
    let scales = audio_scales(catalog);
    let mut table = Vec::with_capacity(catalog.len() * (vectors.dimension() + TRACK_EXTRAS));
    for (index, track) in catalog.iter().enumerate() {
        table.extend_from_slice(vectors.vector(index as u32));
        // An estimated duration exists only where somebody completed the track, perhaps in the very play that is to be
        // predicted: as a feature it would tell the response.
        let given = track.duration_ms.filter(|&ms| ms > 0 && !track.duration_estimated);
        let seconds = given.map(|ms| ms as f32 / 1000.0);
        table.extend(seconds.map_or([0.0; 2], |seconds| [1.0, (seconds / 210.0).ln().clamp(-3.0, 3.0)]));
        let year = track.release_year.map(|year| (f32::from(year) - 2000.0) / 20.0);
        table.extend(year.map_or([0.0; 2], |year| [1.0, year.clamp(-3.0, 3.0)]));
        table.push(if track.audio_features.is_some() { 1.0 } else { 0.0 });
        for (feature, (mean, deviation)) in scales.iter().enumerate() {
            let standardised = track.audio_features.map_or(0.0, |values| (values[feature] - mean) / deviation);
            table.push(standardised.clamp(-4.0, 4.0));
        }
    }
    table
}

/// Mean and standard deviation of each audio feature over the tracks that have them.
fn audio_scales(catalog: &[Track]) -> [(f32, f32); AUDIO] {
    let known: Vec<_> = catalog.iter().filter_map(|track| track.audio_features).collect();
    let count = known.len().max(1) as f64;
    std::array::from_fn(|feature| {
        let mean = known.iter().map(|values| f64::from(values[feature])).sum::<f64>() / count;
        let variance = known.iter().map(|values| (f64::from(values[feature]) - mean).powi(2)).sum::<f64>() / count;
        (mean as f32, variance.sqrt().max(1e-6) as f32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_parts_are_scaled_and_missing_ones_are_zero() {
        let known = |value: f32| Track {
            duration_ms: Some(210_000),
            release_year: Some(2020),
            audio_features: Some([value; AUDIO]),
            ..Track::default()
        };
        let estimated = Track { duration_ms: Some(100_000), duration_estimated: true, ..Track::default() };
        let catalog = [known(1.0), known(3.0), estimated];
        let vectors = TrackVectors::new(1, vec![1.0, -1.0, 0.0]);
        let table = track_features(&catalog, &vectors);
        let rows: Vec<&[f32]> = table.chunks_exact(1 + TRACK_EXTRAS).collect();
        assert_eq!(rows[0][..6], [1.0, 1.0, 0.0, 1.0, 1.0, 1.0]);
        assert_eq!(rows[0][6..], [-1.0; AUDIO]);
        assert_eq!(rows[1][6..], [1.0; AUDIO]);
        assert!(rows[2].iter().all(|&x| x == 0.0), "an estimated duration is no feature");
    }
}
