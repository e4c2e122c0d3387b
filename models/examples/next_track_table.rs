//! Trains FS-VAE, its ablations and its baselines on synthetic listeners with their true track vectors, and prints the
//! table of next-track metrics on the test split.
//!
//! Arguments: users, days, tracks, epochs at most, seed, threads.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use listening_data::{Dataset, Silent, SyntheticConfig, SyntheticWorld, synthesize};
use listening_models::features::CONTEXT_FEATURES;
use listening_models::network::Parameters;
use listening_models::track_embeddings::TrackVectors;
use listening_models::user_state::baselines::{
    AggregateSequence, AggregateSequenceSettings, Average, Jodie, JodieSettings, LatentCross, Popularity, VaeCf,
    VaeCfSettings, VanillaRnn,
};
use listening_models::user_state::evaluation::{NextTrackSettings, NextTrackTask};
use listening_models::user_state::{
    Foreteller, FsVae, FsVaeSettings, Histories, NetworkForeteller, PlayChunk, PlayChunks, SequenceModel, TargetOffset,
    TrainingRun, TrainingSettings, Unwatched, train_sequences, write_histories,
};
use listening_models::{Split, SplitShares, TimeSplit};
use tch::Device;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<u64> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let [users, days, tracks, epochs, seed, threads] = arguments[..] else {
        return Err("expected arguments: USERS DAYS TRACKS EPOCHS SEED THREADS".into());
    };
    let folder = tempfile::tempdir()?;
    let (histories, vectors) = histories(users as u32, days as u32, tracks as u32, seed, folder.path())?;
    println!("{} users, {} plays", histories.users(), histories.plays());
    let settings =
        TrainingSettings { max_epochs: epochs as usize, learning_rate: 2e-3, lanes: 32, ..Default::default() };
    let threads = threads as usize;
    let run = TrainingRun { name: "", settings: &settings, seed, threads, checkpoint: None, progress: &Silent };
    let (histories, vectors) = (&histories, &vectors);
    let table = Table { histories, vectors, run };
    println!("{:<20} {:>6} {:>6} {:>6} {:>6} {:>6} {:>7}", "model", "L2", "cosine", "hit10", "hit100", "MRR", "s");

    table.show("Average", &Average { histories, vectors }, Instant::now())?;
    let last = AggregateSequence { histories, vectors, settings: AggregateSequenceSettings::default() };
    table.show("Aggregate Sequence", &last, Instant::now())?;
    table.show("Popularity", &Popularity::new(histories, vectors)?, Instant::now())?;
    let (dimension, moment_length) = (vectors.dimension(), histories.slow_length() + CONTEXT_FEATURES);
    table.train("Vanilla RNN", |parameters| VanillaRnn::new(parameters, dimension, 128))?;
    table.train("LatentCross", |parameters| LatentCross::new(parameters, dimension, moment_length, 128))?;

    let (start, mut parameters) = (Instant::now(), Parameters::new(seed, Device::Cpu));
    let jodie = Jodie::new(&mut parameters, histories, vectors, JodieSettings::default())?;
    jodie.train(&mut parameters, &table.run, &mut Unwatched)?;
    table.show("JODIE", &jodie, start)?;
    let (start, mut parameters) = (Instant::now(), Parameters::new(seed, Device::Cpu));
    let vae_cf = VaeCf::new(&mut parameters, histories, vectors, VaeCfSettings::default())?;
    vae_cf.train(&mut parameters, &table.run, &mut Unwatched)?;
    table.show("VAE-CF", &vae_cf, start)?;

    let full = FsVaeSettings::default();
    for (name, settings) in [
        ("FS-VAE", full),
        ("  no fast", FsVaeSettings { fast: false, ..full }),
        ("  no slow", FsVaeSettings { slow: false, ..full }),
        ("  not probabilistic", FsVaeSettings { probabilistic: false, ..full }),
        ("  shuffled", FsVaeSettings { shuffled: true, ..full }),
    ] {
        table.train(name, |parameters| FsVae::new(parameters, dimension, moment_length, settings))?;
    }
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
}

impl Table<'_> {
    fn train<M: SequenceModel<Chunk = PlayChunk>>(
        &self,
        name: &str,
        new: impl FnOnce(&mut Parameters) -> listening_models::Result<M>,
    ) -> Result<(), Box<dyn Error>> {
        let (start, mut parameters) = (Instant::now(), Parameters::new(self.run.seed, Device::Cpu));
        let model = new(&mut parameters)?;
        let source = PlayChunks {
            histories: self.histories,
            vectors: self.vectors,
            device: Device::Cpu,
            steps: self.run.settings.steps,
            lanes: self.run.settings.lanes_per_shard(),
            offset: TargetOffset::NEXT,
            by_session: false,
        };
        let report = train_sequences(&model, &mut parameters, &source, &self.run, &mut Unwatched)?;
        eprintln!("{name}: {report:?}");
        self.show(name, &NetworkForeteller { model: &model, parameters: &parameters, source: &source }, start)
    }

    fn show(&self, name: &str, model: &dyn Foreteller, start: Instant) -> Result<(), Box<dyn Error>> {
        let task = NextTrackTask {
            histories: self.histories,
            vectors: self.vectors,
            index: None,
            split: Split::Test,
            settings: NextTrackSettings::default(),
            threads: self.run.threads,
        };
        let found = task.measure(model)?.exact;
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{name:<20} {:>6.3} {:>6.3} {:>6.3} {:>6.3} {:>6.3} {seconds:>7.1}",
            found.l2, found.cosine_distance, found.hit_rate_at_10, found.hit_rate_at_100, found.mrr
        );
        Ok(())
    }
}
