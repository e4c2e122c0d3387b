//! How good the vectors of cold tracks are on a dataset: trains CBOW, hides what has no vector of its own, and prints
//! the report of held-out tracks as JSON.
//!
//! Arguments: the dataset's folder, and the seed.

#![allow(clippy::unwrap_used, reason = "a benchmark stops at the first error")]

use std::env;

use listening_data::{Dataset, Silent, artist_numbers};
use listening_models::track_embeddings::{CbowSettings, ColdTrackSettings, TrackVectors, fill_cold_tracks, train_cbow};
use listening_models::{SplitShares, TimeSplit};

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let dataset = Dataset::open(&arguments[1]).unwrap();
    let seed: u64 = arguments[2].parse().unwrap();
    let catalog = dataset.catalog().unwrap();
    let artists = artist_numbers(&catalog);
    let split = TimeSplit::new(&dataset, SplitShares::default()).unwrap();
    let settings = CbowSettings::default();
    let vectors = train_cbow(&dataset, &split, &artists, &settings, seed, &Silent).unwrap();

    // CBOW gives a track that was played too seldom its artist's mean: here such a track is one without a vector.
    let mut counts = vec![0; catalog.len()];
    for logged in split.training_sessions(&dataset).unwrap() {
        logged.unwrap().session.plays.iter().for_each(|play| counts[play.track as usize] += 1);
    }
    let mut values = vectors.values().to_vec();
    for (row, &count) in values.chunks_exact_mut(vectors.dimension()).zip(&counts) {
        if count < settings.minimum_count {
            row.fill(0.0);
        }
    }
    let own = TrackVectors::new(vectors.dimension(), values);
    let (_, report) = fill_cold_tracks(&catalog, &artists, &own, &ColdTrackSettings::default(), seed).unwrap();
    println!("{}", serde_json::to_string_pretty(&report).unwrap());
}
