//! The stage of track embeddings: vectors, their ids, the index over them, and how good they are.

use std::path::Path;

use anyhow::Context;
use listening_data::{Dataset, Progress, Track, artist_numbers};
use listening_models::track_embeddings::{
    ColdTrackReport, Corpus, HitRates, ImplicitAls, Interactions, JointCatalog, NearestTracks, RankingMetrics,
    RankingSettings, TrackVectors, evaluate_ranking, fill_cold_tracks, fill_from_artists, next_track_hit_rates,
    train_implicit_als, train_on_corpora, write_track_ids,
};
use listening_models::{ModelError, Split, TimeSplit};
use serde::{Deserialize, Serialize};

use super::stage::{self, StageNote, fingerprint};
use super::{stage::write_metrics, threads};
use crate::config::{Config, EmbeddingMethod};

/// The contents of the stage's `metrics.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EmbeddingsReport {
    /// How the vectors were learnt.
    pub method: EmbeddingMethod,
    /// Tracks of the catalog.
    pub tracks: u64,
    /// Next-track hit rates of the learnt vectors on the test sessions, before seldom tracks were given one.
    pub next_track: HitRates,
    /// Rankings for listeners on the test sessions; ALS alone knows listeners.
    pub recommendation: Option<Recommendation>,
    /// What became of the tracks that were played too seldom; none where too few tracks have a vector to learn from:
    /// seldom tracks then have the mean vector of their artist.
    pub cold_tracks: Option<ColdTrackReport>,
    /// Whether neighbours are found by an index; exactly in small catalogs.
    pub indexed: bool,
}

/// Quality of recommended lists of ten tracks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Recommendation {
    /// Tracks that are new to the listener.
    pub new_tracks: RankingMetrics,
    /// Any tracks.
    pub all_tracks: RankingMetrics,
}

/// The stage's folder and fingerprint; makes it if it is not there.
pub fn embeddings(
    config: &Config,
    dataset: &Dataset,
    split: &TimeSplit,
    tracks: &[Track],
    notes: &mut Vec<StageNote>,
    progress: &dyn Progress,
) -> anyhow::Result<(std::path::PathBuf, String)> {
    let settings = &config.embeddings;
    let playlists = settings.playlists.iter().map(Dataset::open).collect::<Result<Vec<_>, _>>()?;
    let mut upstream = dataset.manifest().fingerprint.clone();
    playlists.iter().for_each(|playlists| upstream += &playlists.manifest().fingerprint);
    // Of another method's settings nothing depends.
    let method = match settings.method {
        EmbeddingMethod::Cbow => serde_json::to_value(&settings.cbow)?,
        EmbeddingMethod::Als => serde_json::to_value(&settings.als)?,
    };
    let depends = (settings.method, method, &settings.cold_tracks, &settings.index, config.splits, config.seed);
    let mark = fingerprint("embeddings-4", &depends, &upstream)?;
    let folder = stage::run(&config.artifacts, "embeddings", &mark, settings, notes, |folder| {
        let report = make(config, dataset, split, tracks, &playlists, folder, progress)?;
        write_metrics(folder, &report)
    })?;
    Ok((folder, mark))
}

fn make(
    config: &Config,
    dataset: &Dataset,
    split: &TimeSplit,
    tracks: &[Track],
    playlists: &[Dataset],
    folder: &Path,
    progress: &dyn Progress,
) -> anyhow::Result<EmbeddingsReport> {
    let (settings, threads) = (&config.embeddings, threads(config));
    let corpora = folder.join("corpora");
    let (learnt, recommendation) = match settings.method {
        EmbeddingMethod::Cbow => (learn_cbow(config, dataset, split, tracks, playlists, &corpora, progress)?, None),
        EmbeddingMethod::Als => {
            let (model, recommendation) = learn_als(config, dataset, split, progress)?;
            model.save(folder)?;
            (model.track_vectors(), Some(recommendation))
        }
    };
    progress.begin("embedding quality", 2, "steps");
    let held_out = Corpus::of_part(dataset, split, Split::Test, &corpora.join("test"))?;
    let next_track = next_track_hit_rates(&learnt, &held_out, settings.cbow.window, threads);
    progress.advance(1);
    let artists = artist_numbers(tracks);
    let (vectors, cold_tracks) = match fill_cold_tracks(tracks, &artists, &learnt, &settings.cold_tracks, config.seed) {
        Ok((vectors, report)) => (vectors, Some(report)),
        Err(ModelError::TooLittleData(_)) => (fill_from_artists(learnt, &artists), None),
        Err(error) => return Err(error.into()),
    };
    progress.advance(2);
    progress.end();
    drop(held_out);
    std::fs::remove_dir_all(&corpora).with_context(|| format!("cannot remove {}", corpora.display()))?;

    vectors.save(folder)?;
    write_track_ids(folder, tracks.iter().map(|track| track.id.as_str()))?;
    progress.begin("index of neighbours", tracks.len() as u64, "tracks");
    let nearest = NearestTracks::new(vectors, &settings.index, &mut |linked| progress.advance(linked))?;
    nearest.save(folder)?;
    progress.advance(tracks.len() as u64);
    progress.end();
    let (tracks, indexed) = (tracks.len() as u64, nearest.is_indexed());
    Ok(EmbeddingsReport { method: settings.method, tracks, next_track, recommendation, cold_tracks, indexed })
}

/// Learns from the training sessions and from all playlists.
fn learn_cbow(
    config: &Config,
    dataset: &Dataset,
    split: &TimeSplit,
    tracks: &[Track],
    playlists: &[Dataset],
    corpora: &Path,
    progress: &dyn Progress,
) -> anyhow::Result<TrackVectors> {
    let mut joint = JointCatalog::new(tracks);
    let mut learnt_from = vec![Corpus::of_part(dataset, split, Split::Train, &corpora.join("training"))?];
    for (number, playlists) in playlists.iter().enumerate() {
        let numbers = joint.numbers_of(&playlists.catalog()?);
        let folder = corpora.join(format!("playlists-{number}"));
        learnt_from.push(Corpus::of_renumbered(playlists, &numbers, &folder)?);
    }
    let learnt_from: Vec<&Corpus> = learnt_from.iter().collect();
    let settings = &config.embeddings.cbow;
    let vectors = train_on_corpora(&learnt_from, joint.tracks(), settings, config.seed, threads(config), progress)?;
    let catalog = vectors.values()[..tracks.len() * vectors.dimension()].to_vec();
    Ok(TrackVectors::new(vectors.dimension(), catalog))
}

/// Learns from the training sessions, and measures on the test sessions.
fn learn_als(
    config: &Config,
    dataset: &Dataset,
    split: &TimeSplit,
    progress: &dyn Progress,
) -> anyhow::Result<(ImplicitAls, Recommendation)> {
    let threads = threads(config);
    let known = Interactions::count_plays(dataset, split, Split::Train)?;
    let model = train_implicit_als(&known, &config.embeddings.als, config.seed, threads, progress)?;
    let later = Interactions::count_plays(dataset, split, Split::Test)?;
    let measure = |exclude_known| {
        let settings = RankingSettings { exclude_known, ..RankingSettings::default() };
        evaluate_ranking(&model, &known, &later, settings, threads)
    };
    let recommendation = Recommendation { new_tracks: measure(true)?, all_tracks: measure(false)? };
    Ok((model, recommendation))
}
