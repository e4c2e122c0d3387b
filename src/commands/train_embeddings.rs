//! `sim train-embeddings`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use listening_data::Progress;
use listening_models::TimeSplit;
use listening_models::track_embeddings::{TrackVectors, write_word2vec_text};

use crate::config::{ConfigArguments, EmbeddingMethod, Override};
use crate::failure::UsageError;
use crate::output;
use crate::pipeline::{EmbeddingsReport, dataset, embeddings, read_metrics};
use crate::tables::{Columns, Pairs, count, section, share};

/// Learn track vectors from sessions and playlists
///
/// CBOW word2vec (docs/models/track-embeddings.md) or implicit matrix factorisation (docs/models/implicit-als.md), on
/// the training sessions of a dataset; the test sessions measure them. Tracks played too seldom get a vector from their
/// artist and their audio features (docs/models/cold-tracks.md).
///
/// --out then holds the vectors (track_vectors.safetensors) with their ids (track_ids.txt), the same as word2vec text
/// (track_vectors.txt), the index of nearest neighbours, the quality (metrics.json) and, of ALS, all factors. The result
/// is kept under artifacts/ too, where `sim train-agent` with the same config finds it.
#[derive(Args)]
#[command(after_help = "Example:
  sim train-embeddings --dataset datasets/mine --out embeddings/mine
  sim train-embeddings --dataset datasets/mine --playlists datasets/mpd --out embeddings/mine-and-playlists
  sim train-embeddings --dataset datasets/mine --method als --set embeddings.als.factors=128 --out embeddings/als")]
pub struct Options {
    /// Dataset made by `sim import` or `sim synthesize` (key `data.paths`); else what the config says
    #[arg(long, value_name = "DATASET")]
    dataset: Option<PathBuf>,
    /// More datasets to learn from, of playlists or sessions; may be given several times (key `embeddings.playlists`)
    #[arg(long, value_name = "DATASET")]
    playlists: Vec<PathBuf>,
    /// How to learn (key `embeddings.method`)
    #[arg(long, value_enum)]
    method: Option<EmbeddingMethod>,
    /// Folder of the vectors, which must not exist yet
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Threads; 0 for as many as there are cores (key `threads`)
    #[arg(long)]
    threads: Option<u32>,
    #[command(flatten)]
    config: ConfigArguments,
}

/// Learns, measures, writes.
pub fn run(options: &Options, progress: &dyn Progress) -> anyhow::Result<()> {
    if options.out.exists() {
        let problem = format!("--out: {} exists already; choose another folder, or remove it", options.out.display());
        return Err(UsageError(problem).into());
    }
    let config = options.config.load_with(&options.overrides()?)?;
    let mut notes = Vec::new();
    let dataset = dataset(&config, &mut notes, progress)?;
    let tracks = dataset.catalog()?;
    let split = TimeSplit::new(&dataset, config.splits)?;
    let (folder, _) = embeddings(&config, &dataset, &split, &tracks, &mut notes, progress)?;
    let report: EmbeddingsReport = read_metrics(&folder)?;

    let partial = options.out.with_extension("partial");
    copy_folder(&folder, &partial)?;
    let vectors = TrackVectors::load(&folder, tracks.len())?;
    let ids = tracks.iter().map(|track| track.id.as_str());
    write_word2vec_text(&partial.join("track_vectors.txt"), ids, &vectors)?;
    fs::rename(&partial, &options.out)
        .with_context(|| format!("cannot rename {} to {}", partial.display(), options.out.display()))?;
    output::print(&describe(&report, &options.out))
}

impl Options {
    fn overrides(&self) -> anyhow::Result<Vec<Override>> {
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        let mut overrides = Vec::new();
        if let Some(dataset) = &self.dataset {
            overrides.push(Override::option("data.source", "dataset"));
            overrides.push(Override::option("data.paths", vec![text(dataset)]));
        }
        if !self.playlists.is_empty() {
            overrides
                .push(Override::option("embeddings.playlists", self.playlists.iter().map(text).collect::<Vec<_>>()));
        }
        if let Some(method) = self.method {
            let name = match method {
                EmbeddingMethod::Cbow => "cbow",
                EmbeddingMethod::Als => "als",
            };
            overrides.push(Override::option("embeddings.method", name));
        }
        overrides.extend(self.threads.map(|threads| Override::option("threads", i64::from(threads))));
        Ok(overrides)
    }
}

/// Copies the files of a folder without subfolders.
fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    let context = || format!("cannot copy {} to {}", from.display(), to.display());
    if to.exists() {
        fs::remove_dir_all(to).with_context(context)?;
    }
    fs::create_dir_all(to).with_context(context)?;
    for entry in fs::read_dir(from).with_context(context)? {
        let entry = entry.with_context(context)?;
        fs::copy(entry.path(), to.join(entry.file_name())).with_context(context)?;
    }
    Ok(())
}

fn describe(report: &EmbeddingsReport, out: &Path) -> String {
    let mut tracks = Pairs::new();
    tracks.add("in the catalog", count(report.tracks));
    match &report.cold_tracks {
        Some(cold) => {
            tracks.add("with a vector of their own", count(cold.known as u64));
            tracks.add("vector from artist and audio features", count(cold.filled as u64));
            tracks.add("without a vector: nothing is known of them", count(cold.unknown as u64));
        }
        None => tracks.add("seldom tracks", "vector of their artist, too few to learn more".to_owned()),
    }
    tracks.add("neighbours found", if report.indexed { "by an index" } else { "exactly" }.to_owned());
    let mut text = section("Tracks", tracks);

    let mut quality = Columns::new(["on test sessions", "at 10", "at 100"]);
    let hits = &report.next_track;
    quality.add(["next-track hit rate".to_owned(), share(hits.at_10), share(hits.at_100)]);
    text += &section(&format!("Quality ({} plays foretold)", count(hits.predictions)), quality);
    if let Some(recommendation) = &report.recommendation {
        let mut table = Columns::new(["lists of 10 tracks", "precision", "NDCG", "95 %", "coverage", "users"]);
        for (name, metrics) in [("new ones", &recommendation.new_tracks), ("any", &recommendation.all_tracks)] {
            table.add([
                name.to_owned(),
                format!("{:.4}", metrics.precision),
                format!("{:.4}", metrics.ndcg),
                format!("+-{:.4}", metrics.ndcg_interval),
                share(metrics.coverage),
                count(metrics.users),
            ]);
        }
        text += &section("Recommendation", table);
    }
    text + &format!("The vectors lie in {}\n", out.display())
}
