//! A small world from synthetic listeners, for tests, examples and benchmarks: made in about a second.

use std::path::Path;
use std::sync::Arc;

use listening_data::{Dataset, SessionRules, Silent, SyntheticConfig, artist_numbers, synthesize};
use listening_models::features::{RELATION_FEATURES, TrackTotals};
use listening_models::track_embeddings::{CbowSettings, train_cbow};
use listening_models::user_response::ContextualModel;
use listening_models::user_state::{RecencyWeightedMean, RecencyWeightedMeanSettings};
use listening_models::{PrepareSettings, PreparedData, SplitShares, StartBuilder, TimeSplit, find_device, prepare};

use crate::{Catalog, Result, World, WorldSettings};

/// A world of `users` synthetic listeners, made in `folder`, and a user-response model with initial weights: its
/// answers are arbitrary, but they differ between tracks and are the same every time.
pub fn small_world(folder: &Path, users: u32, settings: WorldSettings, seed: u64) -> Result<(World, ContextualModel)> {
    let device = find_device("cpu")?;
    let rules = SessionRules::default();
    let mut config = SyntheticConfig::default();
    config.size.users = users;
    config.catalog.tracks = 400;
    config.catalog.artists = 80;
    let of_data = listening_models::ModelError::from;
    let path = folder.join("dataset");
    synthesize(&config, &rules, seed, &path, &Silent).map_err(of_data)?;
    let dataset = Dataset::open(&path).map_err(of_data)?;
    let tracks = dataset.catalog().map_err(of_data)?;
    let artists = artist_numbers(&tracks);
    let split = TimeSplit::new(&dataset, SplitShares::default())?;
    let embeddings = CbowSettings { dimension: 16, epochs: 1, ..CbowSettings::default() };
    let vectors = Arc::new(train_cbow(&dataset, &split, &artists, &embeddings, seed, 1, &Silent)?);
    let totals = TrackTotals::count(&dataset, &split)?;
    let encoder = RecencyWeightedMean::new(Arc::clone(&vectors), RecencyWeightedMeanSettings::default())?;
    let features = PrepareSettings { training_starts: 200, held_out_starts: 100, candidates_per_source: 64 };
    let builder = StartBuilder::new(&vectors, &artists, &totals, features.candidates_per_source, seed);
    prepare(&dataset, &split, &encoder, &builder, &features, folder, &Silent)?;
    let data = PreparedData::open(folder, tracks.len())?;
    let threshold_ms = (rules.threshold_seconds * 1000.0) as u32;
    let catalog = Arc::new(Catalog::new(&tracks, artists, vectors, &totals, threshold_ms));
    let inputs = data.training_starts.session_length() + catalog.feature_width() + RELATION_FEATURES;
    let (user_model, _) = ContextualModel::new(&[32, 16], inputs, seed, device)?;
    Ok((World::new(catalog, Arc::new(data.training_starts), settings, seed)?, user_model))
}
