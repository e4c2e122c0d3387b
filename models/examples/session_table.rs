//! Trains CoSeRNN, its ablations and its baselines on synthetic listeners with their true track vectors, and prints the
//! table of session ranking and track ranking on the test split, with CoSeRNN's gains over each baseline.
//!
//! Arguments: users, days, tracks, epochs at most, seed, threads.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use listening_data::{Dataset, Silent, SyntheticConfig, SyntheticWorld, synthesize};
use listening_models::network::Parameters;
use listening_models::track_embeddings::TrackVectors;
use listening_models::user_state::baselines::sessions::{PastVector, PastVectorKind, PlainRnn, SessionLatentCross};
use listening_models::user_state::baselines::{Jodie, JodieSettings};
use listening_models::user_state::evaluation::{SessionScores, relative_gain, score_sessions};
use listening_models::user_state::{
    CoSeRnn, CoSeRnnSettings, Foreteller, Histories, NetworkForeteller, Part, SequenceModel, SessionChunk,
    SessionChunks, SessionInputs, SessionStreams, TrainingRun, TrainingSettings, Unwatched, train_sequences,
    write_histories,
};
use listening_models::{Split, SplitShares, TimeSplit};
use tch::Device;

const SHOWN: [&str; 5] = [
    "cosine",
    "session-ranking-9/mean-rank",
    "session-ranking-9/mrr",
    "track-ranking-25/mean-rank",
    "track-ranking-25/mrr",
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<u64> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let [users, days, tracks, epochs, seed, threads] = arguments[..] else {
        return Err("expected arguments: USERS DAYS TRACKS EPOCHS SEED THREADS".into());
    };
    let folder = tempfile::tempdir()?;
    let (histories, vectors) = histories(users as u32, days as u32, tracks as u32, seed, folder.path())?;
    println!("{} users, {} sessions", histories.users(), histories.sessions());
    let settings =
        TrainingSettings { max_epochs: epochs as usize, learning_rate: 5e-4, lanes: 16, ..Default::default() };
    let threads = threads as usize;
    let run = TrainingRun { name: "", settings: &settings, seed, threads, checkpoint: None, progress: &Silent };
    let mut table = Table { histories: &histories, vectors: &vectors, run, rows: Vec::new() };
    println!(
        "{:<24} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7}",
        "model", "cosine", "s9 MR", "s9 MRR", "t25 MR", "t25 MRR", "s"
    );

    let dimension = vectors.dimension();
    let parameters = Parameters::new(seed, Device::Cpu);
    for (name, kind) in [
        ("last session", PastVectorKind::LastSession),
        ("average", PastVectorKind::Average),
        ("recency-weighted", PastVectorKind::RecencyWeighted),
    ] {
        table.show_network(name, &PastVector::new(dimension, kind), &parameters, Instant::now())?;
    }
    table.train("plain RNN", |parameters| PlainRnn::new(parameters, dimension, 400))?;
    table.train("LatentCross", |parameters| SessionLatentCross::new(parameters, dimension, 400))?;
    let (start, mut parameters) = (Instant::now(), Parameters::new(seed, Device::Cpu));
    let jodie = Jodie::over_sessions(&mut parameters, &histories, &vectors, JodieSettings::default())?;
    jodie.train(&mut parameters, &table.run, &mut Unwatched)?;
    table.show("JODIE", &jodie, start)?;

    let full = CoSeRnnSettings::default();
    let inputs = full.inputs;
    for (name, settings) in [
        ("CoSeRNN", full),
        ("  no context", CoSeRnnSettings { inputs: SessionInputs { context: false, ..inputs }, ..full }),
        (
            "  no previous session",
            CoSeRnnSettings { inputs: SessionInputs { previous_session: false, ..inputs }, ..full },
        ),
        ("  no stream source", CoSeRnnSettings { inputs: SessionInputs { stream_source: false, ..inputs }, ..full }),
        ("  no long-term vector", CoSeRnnSettings { long_term: false, ..full }),
        ("  played alone", CoSeRnnSettings { streams: SessionStreams::Played, ..full }),
        ("  union", CoSeRnnSettings { streams: SessionStreams::Union, ..full }),
    ] {
        table.train(name, |parameters| CoSeRnn::new(parameters, dimension, &settings))?;
    }
    table.show_gains("CoSeRNN");
    Ok(())
}

/// Makes listeners and their histories.
fn histories(
    users: u32,
    days: u32,
    tracks: u32,
    seed: u64,
    folder: &std::path::Path,
) -> Result<(Histories, TrackVectors), Box<dyn Error>> {
    let mut config = SyntheticConfig::default();
    (config.size.users, config.size.days) = (users, days);
    (config.catalog.tracks, config.catalog.artists) = (tracks, tracks / 4);
    synthesize(&config, &Default::default(), seed, &folder.join("dataset"), &Silent)?;
    let dataset = Dataset::open(folder.join("dataset"))?;
    let world = SyntheticWorld::new(&config, seed)?;
    let values = (0..tracks).flat_map(|track| world.track_vector(track).to_vec()).collect();
    let vectors = Arc::new(TrackVectors::new(world.track_vector(0).len(), values));
    let split = TimeSplit::new(&dataset, SplitShares::default())?;
    write_histories(&dataset, &split, &vectors, folder, &Silent)?;
    Ok((Histories::open(folder)?, Arc::unwrap_or_clone(vectors)))
}

struct Table<'a> {
    histories: &'a Histories,
    vectors: &'a TrackVectors,
    run: TrainingRun<'a>,
    rows: Vec<(String, SessionScores)>,
}

impl<'a> Table<'a> {
    fn source(&self) -> SessionChunks<'a> {
        SessionChunks {
            histories: self.histories,
            vectors: self.vectors,
            device: Device::Cpu,
            steps: self.run.settings.steps,
            lanes: self.run.settings.lanes_per_shard(),
        }
    }

    fn train<M: SequenceModel<Chunk = SessionChunk>>(
        &mut self,
        name: &str,
        new: impl FnOnce(&mut Parameters) -> listening_models::Result<M>,
    ) -> Result<(), Box<dyn Error>> {
        let (start, mut parameters) = (Instant::now(), Parameters::new(self.run.seed, Device::Cpu));
        let model = new(&mut parameters)?;
        let report = train_sequences(&model, &mut parameters, &self.source(), &self.run, &mut Unwatched)?;
        eprintln!("{name}: {report:?}");
        self.show_network(name, &model, &parameters, start)
    }

    fn show_network<M: SequenceModel<Chunk = SessionChunk>>(
        &mut self,
        name: &str,
        model: &M,
        parameters: &Parameters,
        start: Instant,
    ) -> Result<(), Box<dyn Error>> {
        let source = self.source();
        self.show(name, &NetworkForeteller { model, parameters, source: &source }, start)
    }

    fn show(&mut self, name: &str, model: &dyn Foreteller, start: Instant) -> Result<(), Box<dyn Error>> {
        let scores = score_sessions(self.histories, self.vectors, model, Part::all(Split::Test))?;
        let (means, seconds) = (scores.means("all"), start.elapsed().as_secs_f64());
        let cells = SHOWN.map(|measure| means.get(measure).map_or(f64::NAN, |mean| mean.mean));
        let cells: Vec<String> = cells.iter().map(|mean| format!("{mean:>7.3}")).collect();
        println!("{name:<24} {} {seconds:>7.1}", cells.join(" "));
        self.rows.push((name.to_owned(), scores));
        Ok(())
    }

    /// Relative gains in MRR over each baseline, overall and in the rarest contexts.
    fn show_gains(&self, name: &str) {
        let Some((_, model)) = self.rows.iter().find(|(row, _)| row == name) else { return };
        let baselines = self.rows.iter().take_while(|(row, _)| row != name);
        for (baseline, scores) in baselines {
            for group in ["all", "share of the context: below 5 %"] {
                for measure in ["session-ranking-9/mrr", "track-ranking-25/mrr"] {
                    if let Some(gain) = relative_gain(model, scores, group, measure, 1000, self.run.seed) {
                        let [value, low, high] = [gain.value, gain.low, gain.high].map(|x| 100.0 * x);
                        println!("{name} over {baseline}, {group}, {measure}: {value:+.1} % ({low:+.1} to {high:+.1})");
                    }
                }
            }
        }
    }
}
