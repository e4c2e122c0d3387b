//! A small world from synthetic listeners, for tests, examples and benchmarks: made in about a second.

use std::path::Path;
use std::sync::Arc;

use listening_data::{Dataset, SessionRules, Silent, SyntheticConfig, artist_numbers, synthesize};
use listening_models::features::{CONTEXT_FEATURES, FAST_EXTRAS, RELATION_FEATURES, TrackTotals};
use listening_models::network::Parameters;
use listening_models::track_embeddings::{CbowSettings, train_cbow};
use listening_models::user_response::{Calibration, ContextualModel, HEADS};
use listening_models::user_state::taste::{TasteRnn, TasteRnnSettings};
use listening_models::user_state::{
    FsVae, FsVaeSettings, Histories, RecencyWeightedMean, RecencyWeightedMeanSettings, SequenceModel, UserState,
    UserStates, write_histories,
};
use listening_models::{
    EncodedStates, MeanStates, PrepareSettings, PreparedData, SplitShares, StartBuilder, TimeSplit, find_device,
    prepare,
};
use tch::Device;

use crate::{Catalog, Result, World, WorldSettings};

/// A world of `users` synthetic listeners, made in `folder`, and a user-response model with initial weights: its
/// answers are arbitrary, but they differ between tracks and are the same every time.
pub fn small_world(folder: &Path, users: u32, settings: WorldSettings, seed: u64) -> Result<(World, ContextualModel)> {
    make(folder, users, settings, seed, false)
}

/// A [`small_world`] whose user states move within sessions: FS-VAE and a taste vector with initial weights, and the
/// recency-weighted mean, which stands still.
pub fn small_moving_world(
    folder: &Path,
    users: u32,
    settings: WorldSettings,
    seed: u64,
) -> Result<(World, ContextualModel)> {
    make(folder, users, settings, seed, true)
}

fn make(
    folder: &Path,
    users: u32,
    settings: WorldSettings,
    seed: u64,
    moving: bool,
) -> Result<(World, ContextualModel)> {
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
    let mean = RecencyWeightedMean::new(Arc::clone(&vectors), RecencyWeightedMeanSettings::default())?;
    let features = PrepareSettings { training_starts: 200, held_out_starts: 100, candidates_per_source: 64 };
    let builder = StartBuilder::new(&vectors, &artists, &totals, features.candidates_per_source, seed);
    let mut states = None;
    if moving {
        write_histories(&dataset, &split, &vectors, folder, &Silent)?;
        let histories = Histories::open(folder)?;
        let encoders = untrained(&histories, vectors.dimension(), mean, seed, device)?;
        let mut encoded = EncodedStates::new(encoders.another(), &histories, Arc::clone(&vectors))?;
        prepare(&dataset, &split, &mut encoded, &builder, &features, folder, &Silent)?;
        states = Some(encoders);
    } else {
        prepare(&dataset, &split, &mut MeanStates::new(mean), &builder, &features, folder, &Silent)?;
    }
    let data = PreparedData::open(folder, tracks.len())?;
    let threshold_ms = (rules.threshold_seconds * 1000.0) as u32;
    let catalog = Arc::new(Catalog::new(&tracks, artists, vectors, &totals, threshold_ms));
    let inputs = data.training_starts.session_length() + catalog.feature_width() + RELATION_FEATURES;
    // Initial weights say next to nothing of a track; made ten times as loud, tracks differ.
    let (user_model, _) = ContextualModel::new(&[32, 16], inputs, seed, device)?;
    let user_model = user_model.with_calibrations([Calibration { slope: 10.0, offset: 0.0 }; HEADS.len()]);
    let world = World::new(catalog, data.training_starts, settings, seed)?;
    let world = match states {
        Some(states) => world.with_user_state(states)?,
        None => world,
    };
    Ok((world, user_model))
}

/// Encoders with initial weights.
fn untrained(
    histories: &Histories,
    dimension: usize,
    mean: RecencyWeightedMean,
    seed: u64,
    device: Device,
) -> Result<UserStates> {
    let settings = FsVaeSettings {
        lstm_units: 16,
        fast_width: 16,
        slow_widths: [16, 16],
        state_length: 16,
        decoder_width: 16,
        ..FsVaeSettings::default()
    };
    let moment = histories.slow_length() + CONTEXT_FEATURES;
    let fs_vae = FsVae::new(&mut Parameters::new(seed, device), dimension, moment, settings)?;
    let taste = TasteRnnSettings { units: 16, ..TasteRnnSettings::default() };
    let taste = TasteRnn::new(&mut Parameters::new(seed, device), dimension + FAST_EXTRAS, dimension, &taste)?;
    let encoders = [fs_vae.user_state(), taste.user_state(), Some(Box::new(mean) as Box<dyn UserState>)];
    Ok(UserStates::new(encoders.into_iter().flatten().collect(), device)?)
}
