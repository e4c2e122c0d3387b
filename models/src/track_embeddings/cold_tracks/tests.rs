use listening_data::{AudioFeatures, CounterRng, Stream};

use super::*;
use crate::track_embeddings::dot;

const DIMENSION: usize = 6;

/// 60 artists with 10 tracks each: a vector is the artist's direction plus what a fixed table makes of the audio
/// features. The last two tracks of each artist are cold, and the last artist has no known track.
fn world(audio_weight: f32) -> (Vec<Track>, Vec<u32>, Vec<f32>) {
    let mut values = Vec::new();
    let (mut catalog, mut artists) = (Vec::new(), Vec::new());
    for track in 0..600u32 {
        let artist = track / 10;
        let mut rng = CounterRng::new(4, Stream::Catalog, u64::from(track), 0);
        let features: AudioFeatures = std::array::from_fn(|_| rng.uniform());
        let mut direction = CounterRng::new(4, Stream::Catalog, u64::from(artist), 1);
        values.extend((0..DIMENSION).map(|i| {
            let audio: f32 = features.iter().enumerate().map(|(k, x)| (x - 0.5) * ((3 * k + 5 * i) as f32).cos()).sum();
            direction.uniform() - 0.5 + audio_weight * audio + 0.1 * (rng.uniform() - 0.5)
        }));
        catalog.push(Track { audio_features: Some(features), ..Track::default() });
        artists.push(artist);
    }
    (catalog, artists, values)
}

fn hide(values: &[f32], cold: impl Fn(usize) -> bool) -> TrackVectors {
    let mut values = values.to_vec();
    for (track, row) in values.chunks_exact_mut(DIMENSION).enumerate() {
        if cold(track) {
            row.fill(0.0);
        }
    }
    TrackVectors::new(DIMENSION, values)
}

fn cold(track: usize) -> bool {
    track % 10 >= 8 || track >= 590
}

#[test]
fn cold_tracks_come_near_their_true_vectors_and_the_report_says_so() {
    let (catalog, artists, values) = world(0.5);
    let vectors = hide(&values, cold);
    let settings = ColdTrackSettings::default();
    let (filled, report) = fill_cold_tracks(&catalog, &artists, &vectors, &settings, 1).unwrap();
    assert_eq!((report.known, report.filled, report.unknown), (472, 128, 0));
    let truth = TrackVectors::new(DIMENSION, values);
    let mean = |tracks: &mut dyn Iterator<Item = u32>| {
        let cosines: Vec<f32> = tracks.map(|track| dot(filled.vector(track), truth.vector(track))).collect();
        f64::from(cosines.iter().sum::<f32>()) / cosines.len() as f64
    };
    for track in (0..600u32).filter(|&track| !cold(track as usize)) {
        assert!(dot(filled.vector(track), vectors.vector(track)) > 0.999_999, "known vectors stay");
    }
    let by_artist = mean(&mut (0..590).filter(|&track| cold(track as usize)));
    let alone = mean(&mut (590..600));
    // What the report measured on held-out tracks is what the cold ones, never seen by it, then get.
    let measured = &report.held_out_tracks;
    assert!((measured.regression.cosine.0 - by_artist).abs() < 0.05, "{by_artist} {measured:?}");
    assert!((report.held_out_artists.regression.cosine.0 - alone).abs() < 0.15, "{alone} {report:?}");
    assert!(measured.gain_of_audio_features.0 > measured.gain_of_audio_features.1, "{measured:?}");
    assert!(measured.gain_over_artist_mean.0 > measured.gain_over_artist_mean.1, "{measured:?}");
    assert!(measured.regression.neighbour_recall.0 > 2.0 * measured.random_track.neighbour_recall.0);
    assert!(measured.artist_mean.cosine.0 > measured.mean_of_all.cosine.0 + 0.1);
    assert_eq!(fill_cold_tracks(&catalog, &artists, &vectors, &settings, 1).unwrap(), (filled, report));
}

#[test]
fn features_that_say_nothing_are_found_to_gain_nothing() {
    let (catalog, artists, values) = world(0.0);
    let (_, report) =
        fill_cold_tracks(&catalog, &artists, &hide(&values, cold), &ColdTrackSettings::default(), 1).unwrap();
    let (gain, width) = report.held_out_tracks.gain_of_audio_features;
    assert!(gain < width.max(0.005), "{gain} +- {width}");
    let artists = &report.held_out_artists;
    assert!(
        (artists.artist_mean.cosine.0 - artists.mean_of_all.cosine.0).abs() < 1e-12,
        "held-out artists are unknown"
    );
}

#[test]
fn an_artists_mean_leaves_the_track_itself_out() {
    let (catalog, artists, values) = world(0.5);
    let vectors = hide(&values, cold);
    let training: Vec<bool> = (0..600).map(|track| !cold(track) && track != 3).collect();
    let settings = ColdTrackSettings { artist_shrinkage: 1.0, ..ColdTrackSettings::default() };
    let tracks = Tracks { catalog: &catalog, artists: &artists, vectors: &vectors, settings: &settings };
    let inputs = Inputs::new(tracks, &training, true);
    // Track 0 is in training, 3 was held out, 8 is cold: of tracks 0..8 without 3, each sees all but itself.
    for (track, count) in [(0u32, 6), (3, 7), (8, 7)] {
        let others: Vec<u32> = (0..8).filter(|&other| other != 3 && other != track).collect();
        let (found, mean) = inputs.artist_mean(track).unwrap();
        assert_eq!((found as usize, others.len()), (count, count));
        for (i, x) in mean.iter().enumerate() {
            let sum: f64 = others.iter().map(|&other| f64::from(vectors.vector(other)[i])).sum();
            assert!((x - sum / count as f64).abs() < 1e-9);
        }
    }
    assert!(inputs.artist_mean(595).is_none());
    // So the input of a track in training does not depend on its own vector, but for the mean of all tracks.
    let mut other = values.clone();
    other[..DIMENSION].iter_mut().for_each(|x| *x = -*x);
    let other = hide(&other, cold);
    let changed = Inputs::new(Tracks { vectors: &other, ..tracks }, &training, true);
    for (a, b) in inputs.artist_mean(0).unwrap().1.iter().zip(changed.artist_mean(0).unwrap().1) {
        assert!((a - b).abs() < 1e-9);
    }
}

#[test]
fn a_track_of_which_nothing_is_known_stays_without_a_vector() {
    let (mut catalog, artists, values) = world(0.5);
    let length = |estimated| Track { duration_ms: Some(200_000), duration_estimated: estimated, ..Track::default() };
    catalog[595] = Track::default();
    // A length that plays told is no feature, one that the source gave is.
    (catalog[596], catalog[597]) = (length(true), length(false));
    let (filled, report) =
        fill_cold_tracks(&catalog, &artists, &hide(&values, cold), &ColdTrackSettings::default(), 1).unwrap();
    assert_eq!((report.filled, report.unknown), (126, 2));
    assert!(!filled.known(595) && !filled.known(596) && filled.known(597));
}

#[test]
fn too_few_tracks_and_senseless_settings_are_refused() {
    let (catalog, artists, values) = world(0.5);
    let fill = |vectors: &TrackVectors, settings: &ColdTrackSettings| {
        fill_cold_tracks(&catalog, &artists, vectors, settings, 1).unwrap_err().to_string()
    };
    let settings = ColdTrackSettings::default();
    assert!(fill(&hide(&values, |_| true), &settings).contains("too few tracks"));
    assert!(fill(&TrackVectors::new(DIMENSION, vec![1.0; 12]), &settings).contains("2 tracks"));
    let none = ColdTrackSettings { strengths: Vec::new(), ..settings };
    assert!(fill(&hide(&values, cold), &none).contains("cold_tracks.strengths"));
}
