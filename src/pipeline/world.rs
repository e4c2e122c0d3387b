//! The stages from data to user-response model, and the worlds made of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use listening_data::{
    Content, Dataset, ImportOptions, Progress, Track, artist_numbers, import_spotify_extended, synthesize,
};
use listening_models::features::TrackTotals;
use listening_models::track_embeddings::TrackVectors;
use listening_models::user_response::{ContextualModel, ResponseModel};
use listening_models::user_return::{ReturnModel, ReturnReport};
use listening_models::{
    PreparedData, RecordedSessions, SessionStarts, SessionStates, StartBuilder, TimeSplit, find_device, prepare,
    prepare_recorded,
};
use playlist_envs::{Catalog, EpisodeSettings, Listeners, ModelledListeners, World, WorldSettings};
use serde::Serialize;
use tch::Device;

use super::stage::{self, StageNote, fingerprint};
use super::user_models::{TrainedModel, UserModels};
use super::user_state_source::UserStateSource;
use super::{embeddings, fingerprints};
use crate::config::{Config, DataSource};
use crate::failure::UsageError;

/// Listening logs, prepared for all that is learnt of responses.
pub struct PreparedLogs {
    /// Where networks run.
    pub device: Device,
    /// The dataset.
    pub dataset: Dataset,
    /// Its catalog.
    pub tracks: Vec<Track>,
    /// The time split.
    pub split: TimeSplit,
    /// What is known of the tracks.
    pub catalog: Arc<Catalog>,
    /// Examples and session starts.
    pub data: PreparedData,
    fingerprint: String,
    states: UserStateSource,
}

const RETURN_MODEL: &str = "user-return.safetensors";

/// Which returns are foretold.
#[derive(Serialize)]
struct ReturnSettings {
    return_hours: f32,
}

/// What recorded sessions are taken.
#[derive(Serialize)]
struct RecordedSettings {
    sessions: usize,
    length: usize,
}

/// Everything upstream of an agent.
pub struct Upstream {
    /// The logs.
    pub logs: PreparedLogs,
    /// CWM, which the policy `greedy` follows.
    pub contextual: ContextualModel,
    /// The user-response model by which the listeners of the simulated world answer.
    pub user_model: TrainedModel<Box<dyn ResponseModel>>,
    /// Whether listeners come back, where episodes have several sessions.
    pub returns: Option<TrainedReturns>,
    /// What became of each stage.
    pub notes: Vec<StageNote>,
}

/// What is foretold of listeners who come back.
pub struct TrainedReturns {
    /// The model.
    pub model: Arc<ReturnModel>,
    /// How good it is.
    pub report: ReturnReport,
    /// What it was made from.
    pub fingerprint: String,
}

/// The number of threads that a config asks for.
pub fn threads(config: &Config) -> usize {
    match config.threads {
        0 => std::thread::available_parallelism().map_or(1, |count| count.get()),
        count => count,
    }
}

impl PreparedLogs {
    /// Runs the stages that are missing and opens the results.
    pub fn open(config: &Config, notes: &mut Vec<StageNote>, progress: &dyn Progress) -> anyhow::Result<Self> {
        let device = find_device(&config.device)?;
        let dataset = dataset(config, notes, progress)?;
        if dataset.manifest().content == Content::Playlists {
            let path = dataset.path().display();
            let problem = format!(
                "data.paths: {path} holds playlists, and nobody's responses to them; train on listening sessions, and \
                 name the playlists in embeddings.playlists"
            );
            return Err(UsageError(problem).into());
        }
        let tracks = dataset.catalog()?;
        let artists = artist_numbers(&tracks);
        let split = TimeSplit::new(&dataset, config.splits)?;

        let embeddings = embeddings(config, &dataset, &split, &tracks, notes, progress)?;
        let vectors = Arc::new(TrackVectors::load(&embeddings.0, tracks.len())?);

        let states = UserStateSource::open(config, &dataset, &split, &embeddings, notes, progress)?;
        let mark = fingerprint("features-8", &(states.mark(), config.features, config.seed), &embeddings.1)?;
        let folder = stage::run(&config.artifacts, "features", &mark, &config.features, notes, |folder| {
            let per_source = config.features.candidates_per_source;
            let totals = TrackTotals::count(&dataset, &split)?;
            let builder = StartBuilder::new(&vectors, &artists, &totals, per_source, config.seed);
            let mut states = states.session_states(config, &vectors)?;
            Ok(prepare(&dataset, &split, &mut *states, &builder, &config.features, folder, progress)?)
        })?;
        let data = PreparedData::open(&folder, tracks.len())?;

        let threshold_ms = (threshold_seconds(&dataset, config) * 1000.0) as u32;
        let catalog = Arc::new(Catalog::new(&tracks, artists, vectors, &data.totals, threshold_ms));
        Ok(Self { device, dataset, tracks, split, catalog, data, fingerprint: mark, states })
    }

    /// The stages of user-response models.
    pub fn user_models<'a>(&'a self, config: &'a Config) -> UserModels<'a> {
        UserModels {
            config,
            data: &self.data,
            catalog: &self.catalog,
            users: self.dataset.manifest().users as usize,
            features: &self.fingerprint,
            device: self.device,
        }
    }

    /// Whether listeners come back within the hours of the world's episodes; nothing where every session stands alone.
    fn returns(
        &self,
        config: &Config,
        notes: &mut Vec<StageNote>,
        progress: &dyn Progress,
    ) -> anyhow::Result<Option<TrainedReturns>> {
        let EpisodeSettings { sessions, return_hours } = config.world.episode;
        if sessions == 1 {
            return Ok(None);
        }
        let settings = ReturnSettings { return_hours };
        let mark = fingerprint("user-return-1", &(&settings, config.seed), &self.fingerprint)?;
        let folder = stage::run(&config.artifacts, "user-return", &mark, &settings, notes, |folder| {
            let (totals, artists) = (&self.data.totals, &self.catalog.artists);
            let named = (return_hours, config.seed);
            let (model, report) = ReturnModel::train(&self.dataset, totals, artists, named, progress)?;
            model.save(&folder.join(RETURN_MODEL))?;
            stage::write_metrics(folder, &report)
        })?;
        let model = Arc::new(ReturnModel::load(&folder.join(RETURN_MODEL))?);
        Ok(Some(TrainedReturns { model, report: stage::read_metrics(&folder)?, fingerprint: mark }))
    }

    /// The first `length` plays of about so many of the held-out sessions whose candidate pools and propensities were logged.
    pub fn recorded_sessions(
        &self,
        config: &Config,
        (sessions, length): (usize, usize),
        notes: &mut Vec<StageNote>,
        progress: &dyn Progress,
    ) -> anyhow::Result<Arc<RecordedSessions>> {
        if self.dataset.manifest().pools == 0 {
            let path = self.dataset.path().display();
            let problem = format!(
                "--listeners logged: {path} tells no candidate pools, so that nobody knows what else could have been \
                 played; import a log with pools, or use another place to compare policies"
            );
            return Err(UsageError(problem).into());
        }
        let settings = RecordedSettings { sessions, length };
        let mark = fingerprint("recorded-sessions-1", &settings, &self.fingerprint)?;
        let folder = stage::run(&config.artifacts, "recorded-sessions", &mark, &settings, notes, |folder| {
            let (vectors, totals) = (&self.catalog.vectors, &self.data.totals);
            // The pools are those of the log: no bank of candidates is needed.
            let builder = StartBuilder::new(vectors, &self.catalog.artists, totals, 0, config.seed);
            let mut states = self.session_states(config)?;
            let wanted = (sessions, length);
            prepare_recorded(&self.dataset, &self.split, &mut *states, &builder, wanted, folder, progress)?;
            Ok(())
        })?;
        Ok(Arc::new(RecordedSessions::open(&folder)?))
    }

    /// A world whose sessions are recorded ones.
    pub fn recorded_world(
        &self,
        settings: WorldSettings,
        recorded: &Arc<RecordedSessions>,
        seed: u64,
    ) -> anyhow::Result<Arc<World>> {
        let world = World::of_recorded(Arc::clone(&self.catalog), Arc::clone(recorded), settings, seed)?;
        self.with_user_states(world)
    }

    /// A world over session starts.
    pub fn world(&self, settings: WorldSettings, starts: Arc<SessionStarts>, seed: u64) -> anyhow::Result<Arc<World>> {
        self.with_user_states(World::new(Arc::clone(&self.catalog), starts, settings, seed)?)
    }

    fn with_user_states(&self, world: World) -> anyhow::Result<Arc<World>> {
        Ok(Arc::new(match &self.states {
            UserStateSource::Mean(_) => world,
            UserStateSource::Trained { encoders, .. } => world.with_user_state(encoders.another())?,
        }))
    }

    /// The user states at the starts of sessions.
    pub fn session_states(&self, config: &Config) -> anyhow::Result<Box<dyn SessionStates + '_>> {
        self.states.session_states(config, &self.catalog.vectors)
    }
}

impl Upstream {
    /// Runs the stages that are missing and opens the results.
    pub fn open(config: &Config, progress: &dyn Progress) -> anyhow::Result<Self> {
        let mut notes = Vec::new();
        let logs = PreparedLogs::open(config, &mut notes, progress)?;
        let models = logs.user_models(config);
        let (share, seed) = (config.user_model.users, config.seed);
        let contextual = models.contextual(share, seed, &mut notes, progress)?.model;
        let user_model = models.train(config.user_model.kind, share, seed, &mut notes, progress)?;
        let returns = logs.returns(config, &mut notes, progress)?;
        Ok(Self { logs, contextual, user_model, returns, notes })
    }

    /// Listeners who answer by the world's user-response model.
    pub fn listeners(&self) -> Box<dyn Listeners> {
        self.listeners_of(self.user_model.model.another())
    }

    /// Listeners who answer by a user-response model, and come back as those of the log do.
    pub fn listeners_of(&self, model: Box<dyn ResponseModel>) -> Box<dyn Listeners> {
        let returns = self.returns.as_ref().map(|returns| Arc::clone(&returns.model));
        Box::new(ModelledListeners::new(model).with_returns(returns))
    }

    /// All that the agent's world was made from.
    pub fn fingerprint(&self) -> String {
        let returns = self.returns.as_ref().map_or("", |returns| &returns.fingerprint);
        format!("{}{returns}", self.user_model.fingerprint)
    }

    /// The world that the agent is trained in: starts of training sessions.
    pub fn training_world(&self, config: &Config) -> anyhow::Result<Arc<World>> {
        self.world(config, Arc::clone(&self.logs.data.training_starts), config.seed)
    }

    /// The world that policies are compared in: starts of held-out sessions, and other draws than in training.
    pub fn held_out_world(&self, config: &Config) -> anyhow::Result<Arc<World>> {
        self.world(config, Arc::clone(&self.logs.data.held_out_starts), config.evaluate.seed)
    }

    /// A world over other starts.
    pub fn world(&self, config: &Config, starts: Arc<SessionStarts>, seed: u64) -> anyhow::Result<Arc<World>> {
        self.logs.world(config.world.clone(), starts, seed)
    }
}

/// Imports or synthesizes the dataset, or opens the one that is there.
pub fn dataset(config: &Config, notes: &mut Vec<StageNote>, progress: &dyn Progress) -> anyhow::Result<Dataset> {
    let data = &config.data;
    let make = |notes: &mut Vec<StageNote>, mark: &str, make: &dyn Fn(&Path) -> anyhow::Result<()>| {
        let folder = stage::run(&config.artifacts, "dataset", mark, data, notes, |folder| make(&folder.join("data")))?;
        anyhow::Ok(folder.join("data"))
    };
    let path: PathBuf = match data.source {
        DataSource::Dataset => data.paths.first().cloned().unwrap_or_default(),
        DataSource::Synthetic => {
            let mark = fingerprint("synthetic-3", &(&data.synthetic, data.rules, config.seed), "")?;
            make(notes, &mark, &|out| {
                synthesize(&data.synthetic, &data.rules, config.seed, out, progress)?;
                Ok(())
            })?
        }
        DataSource::SpotifyExtended => {
            let mut inputs = data.paths.clone();
            inputs.extend((!data.track_features.as_os_str().is_empty()).then(|| data.track_features.clone()));
            let mark = fingerprint("spotify-extended-1", data, &fingerprints::of_inputs(&inputs)?)?;
            make(notes, &mark, &|out| {
                let features = &data.track_features;
                let options = ImportOptions {
                    rules: data.rules,
                    lenient: data.lenient,
                    utc_offset_minutes: data.utc_offset_minutes,
                    track_features: (!features.as_os_str().is_empty()).then(|| features.clone()),
                };
                import_spotify_extended(&data.paths, out, &options, progress)?;
                Ok(())
            })?
        }
    };
    Ok(Dataset::open(path)?)
}

/// The threshold that the dataset's responses were made with; the config's where the dataset does not say.
fn threshold_seconds(dataset: &Dataset, config: &Config) -> f64 {
    let details = &dataset.manifest().source.details;
    let said =
        details.pointer("/rules/threshold_seconds").or_else(|| details.pointer("/settings/rules/threshold_seconds"));
    said.and_then(serde_json::Value::as_f64).unwrap_or(config.data.rules.threshold_seconds)
}
