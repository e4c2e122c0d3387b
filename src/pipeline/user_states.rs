//! The stages of user states: histories in columns, and one stage per trained model and seed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use listening_data::{Dataset, Progress, SyntheticSource};
use listening_models::features::{CONTEXT_FEATURES, FAST_EXTRAS};
use listening_models::network::Parameters;
use listening_models::track_embeddings::{NearestTracks, TrackVectors};
use listening_models::user_state::baselines::sessions::{PastVector, PastVectorKind, PlainRnn, SessionLatentCross};
use listening_models::user_state::baselines::{
    AggregateSequence, Average, Jodie, LatentCross, Popularity, VaeCf, VanillaRnn,
};
use listening_models::user_state::taste::{DiscountedAverage, TasteRnn, WeightedSum};
use listening_models::user_state::{
    CoSeRnn, Foreteller, FsVae, HiddenState, Histories, NetworkForeteller, PlayChunk, PlayChunks, RecencyWeightedMean,
    RecencyWeightedMeanSettings, SequenceModel, SequenceTrainingReport, SessionChunk, SessionChunks, TargetOffset,
    TrainingRun, TrainingSettings, TrainingWatcher, UserState, UserStates, train_sequences, write_histories,
};
use listening_models::{ModelError, TensorFile, TimeSplit, find_device, save_tensors};
use playlist_agents::Recorder;
use serde::Serialize;
use tch::Device;

use super::stage::{self, StageNote, fingerprint, read_metrics, write_metrics};
use super::{dataset, embeddings, threads};
use crate::config::{Config, UserStateModel};
use crate::failure::UsageError;
use crate::interrupt::{self, Interrupted};

/// What user states are learnt from.
pub struct ListeningHistories {
    /// Where networks run.
    pub device: Device,
    /// The tracks' vectors, and the index over them.
    pub nearest: NearestTracks,
    /// The plays of all listeners.
    pub histories: Histories,
    /// What synthetic listeners were made from.
    synthetic: Option<SyntheticSource>,
    /// The fingerprint of all this.
    pub fingerprint: String,
}

impl ListeningHistories {
    /// Runs the stages that are missing and opens the results.
    pub fn open(config: &Config, notes: &mut Vec<StageNote>, progress: &dyn Progress) -> anyhow::Result<Self> {
        let dataset = dataset(config, notes, progress)?;
        let tracks = dataset.catalog()?;
        let split = TimeSplit::new(&dataset, config.splits)?;
        let embeddings = embeddings(config, &dataset, &split, &tracks, notes, progress)?;
        Self::of(config, &dataset, &split, &embeddings, notes, progress)
    }

    /// The histories of a dataset over embeddings, given by their folder and fingerprint.
    pub fn of(
        config: &Config,
        dataset: &Dataset,
        split: &TimeSplit,
        (folder, mark): &(PathBuf, String),
        notes: &mut Vec<StageNote>,
        progress: &dyn Progress,
    ) -> anyhow::Result<Self> {
        let device = find_device(&config.device)?;
        let tracks = dataset.manifest().tracks as usize;
        let nearest = NearestTracks::open(folder, TrackVectors::load(folder, tracks)?)?;
        let mark = fingerprint("histories-2", &(), mark)?;
        let folder = stage::run(&config.artifacts, "histories", &mark, &config.splits, notes, |folder| {
            Ok(write_histories(dataset, split, &Arc::new(nearest.vectors().clone()), folder, progress)?)
        })?;
        let histories = Histories::open(&folder)?;
        let synthetic = SyntheticSource::of(dataset.manifest());
        Ok(Self { device, nearest, histories, synthetic, fingerprint: mark })
    }

    /// The tracks' vectors.
    pub fn vectors(&self) -> &TrackVectors {
        self.nearest.vectors()
    }

    /// The plays in chunks, as a network over plays is trained on them.
    fn chunks(&self, config: &Config, model: UserStateModel) -> PlayChunks<'_> {
        let training = &config.user_state.training;
        let terms = &config.user_state.terms;
        PlayChunks {
            histories: &self.histories,
            vectors: self.vectors(),
            device: self.device,
            steps: training.steps,
            lanes: training.lanes_per_shard(),
            offset: match model {
                UserStateModel::Rpst | UserStateModel::Rhst => terms.short(),
                UserStateModel::Rplt | UserStateModel::Rhlt => terms.long(),
                _ => TargetOffset::NEXT,
            },
            by_session: matches!(model, UserStateModel::Rpst | UserStateModel::Rplt),
        }
    }

    /// The sessions in chunks.
    fn session_chunks(&self, config: &Config) -> SessionChunks<'_> {
        let training = &config.user_state.session_training;
        SessionChunks {
            histories: &self.histories,
            vectors: self.vectors(),
            device: self.device,
            steps: training.steps,
            lanes: training.lanes_per_shard(),
        }
    }

    /// An untrained model; none where there is nothing to train.
    fn untrained(
        &self,
        config: &Config,
        model: UserStateModel,
        parameters: &mut Parameters,
    ) -> anyhow::Result<Option<Trainable<'_>>> {
        let (settings, histories, vectors) = (&config.user_state, &self.histories, self.vectors());
        let dimension = vectors.dimension();
        let moment = histories.slow_length() + CONTEXT_FEATURES;
        if let Some(settings) = settings.cosernn_of(model) {
            let network = Box::new(CoSeRnn::new(parameters, dimension, &settings)?);
            return Ok(Some(Trainable::OverSessions(network, self.session_chunks(config))));
        }
        if let Some(settings) = settings.fs_vae_of(model) {
            let network = Box::new(FsVae::new(parameters, dimension, moment, settings)?);
            return Ok(Some(Trainable::OverPlays(network, self.chunks(config, model))));
        }
        let network: Box<dyn SequenceModel<Chunk = PlayChunk>> = match model {
            UserStateModel::VanillaRnn => Box::new(VanillaRnn::new(parameters, dimension, settings.vanilla_rnn.units)?),
            UserStateModel::LatentCross => {
                Box::new(LatentCross::new(parameters, dimension, moment, settings.latent_cross.units)?)
            }
            UserStateModel::Rpst | UserStateModel::Rplt | UserStateModel::Rhst | UserStateModel::Rhlt => {
                Box::new(TasteRnn::new(parameters, dimension + FAST_EXTRAS, dimension, &settings.taste_rnn)?)
            }
            UserStateModel::Jodie => {
                let jodie = Jodie::new(parameters, histories, vectors, settings.jodie)?;
                return Ok(Some(Trainable::Jodie(jodie)));
            }
            UserStateModel::VaeCf => {
                let vae_cf = VaeCf::new(parameters, histories, vectors, settings.vae_cf)?;
                return Ok(Some(Trainable::VaeCf(vae_cf)));
            }
            UserStateModel::PlainRnn => {
                let network = Box::new(PlainRnn::new(parameters, dimension, settings.plain_rnn.units)?);
                return Ok(Some(Trainable::OverSessions(network, self.session_chunks(config))));
            }
            UserStateModel::SessionLatentCross => {
                let units = settings.session_latent_cross.units;
                let network = Box::new(SessionLatentCross::new(parameters, dimension, units)?);
                return Ok(Some(Trainable::OverSessions(network, self.session_chunks(config))));
            }
            UserStateModel::SessionJodie => {
                let jodie = Jodie::over_sessions(parameters, histories, vectors, settings.session_jodie)?;
                return Ok(Some(Trainable::Jodie(jodie)));
            }
            _ => return Ok(None),
        };
        Ok(Some(Trainable::OverPlays(network, self.chunks(config, model))))
    }

    /// The config's encoders, trained with its seed unless that has been done, and the fingerprint of all that they
    /// depend on.
    pub fn encoders(
        &self,
        config: &Config,
        notes: &mut Vec<StageNote>,
        progress: &dyn Progress,
    ) -> anyhow::Result<(UserStates, String)> {
        let (mut encoders, mut marks): (Vec<Box<dyn UserState>>, String) = (Vec::new(), String::new());
        for &model in &config.user_state.encoders {
            let trained = self.train(config, model, config.seed, notes, progress)?;
            let (encoder, mark) = match trained {
                Some(trained) => (trained.trainable.user_state(), trained.fingerprint),
                None => {
                    let settings = config.user_state.recency_weighted_mean;
                    let mean = RecencyWeightedMean::new(Arc::new(self.vectors().clone()), settings)?;
                    (Some(Box::new(mean) as Box<dyn UserState>), fingerprint("mean", &settings, &self.fingerprint)?)
                }
            };
            let no_encoder = || UsageError(format!("user_state.encoders: `{}` is no encoder", model.name()));
            encoders.push(encoder.ok_or_else(no_encoder)?);
            marks += &mark;
        }
        Ok((UserStates::new(encoders, self.device)?, marks))
    }

    /// Trains a model with a seed, unless that has been done; none where there is nothing to train.
    pub fn train(
        &self,
        config: &Config,
        model: UserStateModel,
        seed: u64,
        notes: &mut Vec<StageNote>,
        progress: &dyn Progress,
    ) -> anyhow::Result<Option<Trained<'_>>> {
        let mut parameters = Parameters::new(seed, self.device);
        let Some(trainable) = self.untrained(config, model, &mut parameters)? else { return Ok(None) };
        let settings = model_settings(config, model)?;
        let mark = fingerprint("user-state-4", &(model, &settings, seed), &self.fingerprint)?;
        let summary = StageSettings { model, seed, settings };
        let folder = stage::run(&config.artifacts, "user-state", &mark, &summary, notes, |folder| {
            let work = Work::begin(&config.artifacts, &mark)?;
            let name = format!("{} (seed {seed})", model.name());
            let run = TrainingRun {
                name: &name,
                settings: training_of(config, model),
                seed,
                threads: threads(config),
                checkpoint: Some(&work.checkpoint()),
                progress,
            };
            let mut watcher = Watcher::new(&work.folder)?;
            let report = match &trainable {
                Trainable::OverPlays(network, chunks) => {
                    train_sequences(&**network, &mut parameters, chunks, &run, &mut watcher)?
                }
                Trainable::OverSessions(network, chunks) => {
                    train_sequences(&**network, &mut parameters, chunks, &run, &mut watcher)?
                }
                Trainable::Jodie(jodie) => jodie.train(&mut parameters, &run, &mut watcher)?,
                Trainable::VaeCf(vae_cf) => vae_cf.train(&mut parameters, &run, &mut watcher)?,
            };
            let Some(report) = report else {
                let kept = format!("{name}: a checkpoint is kept; the same command goes on from it");
                return Err(Interrupted(kept).into());
            };
            drop(watcher);
            save_tensors(&folder.join(MODEL_FILE), &parameters.saved("")?)?;
            write_metrics(folder, &report)?;
            work.end(folder)
        })?;
        parameters.load(&TensorFile::open(folder.join(MODEL_FILE))?, "")?;
        let report = read_metrics(&folder)?;
        Ok(Some(Trained { trainable, parameters, report, fingerprint: mark, folder }))
    }

    /// Gives the model, trained with a seed if it is one that is trained, to `measure` as a foreteller.
    pub fn with_foreteller<R>(
        &self,
        config: &Config,
        model: UserStateModel,
        seed: u64,
        notes: &mut Vec<StageNote>,
        progress: &dyn Progress,
        measure: impl FnOnce(&dyn Foreteller) -> anyhow::Result<R>,
    ) -> anyhow::Result<R> {
        if let Some(trained) = self.train(config, model, seed, notes, progress)? {
            return match &trained.trainable {
                Trainable::OverSessions(network, source) => {
                    measure(&NetworkForeteller { model: &**network, parameters: &trained.parameters, source })
                }
                Trainable::OverPlays(network, chunks) => {
                    // Measured in the light of the whole history, whatever the model was trained on.
                    let source = PlayChunks { by_session: false, ..*chunks };
                    let parameters = &trained.parameters;
                    measure(&NetworkForeteller { model: &**network, parameters, source: &source })
                }
                Trainable::Jodie(jodie) => measure(jodie),
                Trainable::VaeCf(vae_cf) => measure(vae_cf),
            };
        }
        let (settings, histories, vectors) = (&config.user_state, &self.histories, self.vectors());
        let fitted = |offset| WeightedSum::fit(histories, vectors, &settings.weighted_sum, offset, seed);
        let past_vector = match model {
            UserStateModel::LastSession => Some(PastVectorKind::LastSession),
            UserStateModel::SessionAverage => Some(PastVectorKind::Average),
            UserStateModel::LongTerm => Some(PastVectorKind::RecencyWeighted),
            _ => None,
        };
        if let Some(kind) = past_vector {
            let (model, parameters) = (PastVector::new(vectors.dimension(), kind), Parameters::new(seed, self.device));
            let source = self.session_chunks(config);
            return measure(&NetworkForeteller { model: &model, parameters: &parameters, source: &source });
        }
        if model.knows_hidden_state() {
            let hint = "only synthetic listeners have a hidden state that is known; choose other models, or a dataset of \
                        `sim synthesize`";
            let source = self.synthetic.as_ref();
            let source = source.ok_or_else(|| UsageError(format!("--model {}: {hint}", model.name())))?;
            return measure(&match model {
                UserStateModel::HiddenState => HiddenState::over_plays(histories, vectors, source, threads(config))?,
                _ => HiddenState::over_sessions(histories, vectors, source, threads(config))?,
            });
        }
        match model {
            UserStateModel::Average => measure(&Average { histories, vectors }),
            UserStateModel::AggregateSequence => {
                measure(&AggregateSequence { histories, vectors, settings: settings.aggregate_sequence })
            }
            UserStateModel::Popularity => measure(&Popularity::new(histories, vectors)?),
            UserStateModel::Bwst => measure(&fitted(settings.terms.short())?),
            UserStateModel::Bwlt => measure(&fitted(settings.terms.long())?),
            UserStateModel::RecencyWeightedMean => {
                let RecencyWeightedMeanSettings { half_life_plays, skipped_weight } = settings.recency_weighted_mean;
                let discount = (-1.0 / half_life_plays).exp2();
                measure(&DiscountedAverage::new(histories, vectors, discount, skipped_weight)?)
            }
            _ => measure(&DiscountedAverage::new(histories, vectors, settings.discount, 1.0)?),
        }
    }
}

/// A model that has parameters to train.
enum Trainable<'a> {
    /// A network over plays, and the chunks that it is trained on.
    OverPlays(Box<dyn SequenceModel<Chunk = PlayChunk>>, PlayChunks<'a>),
    /// A network over sessions, and the chunks that it is trained on.
    OverSessions(Box<dyn SequenceModel<Chunk = SessionChunk>>, SessionChunks<'a>),
    Jodie(Jodie<'a>),
    VaeCf(VaeCf<'a>),
}

impl Trainable<'_> {
    /// The model as an encoder of user states, if it is one.
    fn user_state(&self) -> Option<Box<dyn UserState>> {
        match self {
            Self::OverPlays(network, _) => network.user_state(),
            Self::OverSessions(network, _) => network.user_state(),
            Self::Jodie(_) | Self::VaeCf(_) => None,
        }
    }
}

const MODEL_FILE: &str = "model.safetensors";

/// A trained model.
pub struct Trained<'a> {
    trainable: Trainable<'a>,
    parameters: Parameters,
    /// How training went.
    pub report: SequenceTrainingReport,
    /// Of all that it depends on.
    fingerprint: String,
    /// Where it lies.
    pub folder: PathBuf,
}

#[derive(Serialize)]
struct StageSettings {
    model: UserStateModel,
    seed: u64,
    settings: serde_json::Value,
}

/// The settings by which a model is trained.
fn training_of(config: &Config, model: UserStateModel) -> &TrainingSettings {
    match model.foretells_sessions() {
        true => &config.user_state.session_training,
        false => &config.user_state.training,
    }
}

/// What the training of a model depends on.
fn model_settings(config: &Config, model: UserStateModel) -> anyhow::Result<serde_json::Value> {
    let settings = &config.user_state;
    let own = match model {
        UserStateModel::VanillaRnn => serde_json::to_value(settings.vanilla_rnn)?,
        UserStateModel::LatentCross => serde_json::to_value(settings.latent_cross)?,
        UserStateModel::Jodie => serde_json::to_value(settings.jodie)?,
        UserStateModel::VaeCf => serde_json::to_value(settings.vae_cf)?,
        UserStateModel::PlainRnn => serde_json::to_value(settings.plain_rnn)?,
        UserStateModel::SessionLatentCross => serde_json::to_value(settings.session_latent_cross)?,
        UserStateModel::SessionJodie => serde_json::to_value(settings.session_jodie)?,
        _ => match (settings.fs_vae_of(model), settings.cosernn_of(model)) {
            (Some(fs_vae), _) => serde_json::to_value(fs_vae)?,
            (_, Some(cosernn)) => serde_json::to_value(cosernn)?,
            _ => serde_json::to_value((settings.taste_rnn, settings.terms))?,
        },
    };
    // How often it is saved changes nothing.
    let training = TrainingSettings { checkpoint_every: 1, ..*training_of(config, model) };
    Ok(serde_json::to_value((own, training))?)
}

/// Where a training under way keeps its checkpoint and its events, found again by a later run of the same command.
struct Work {
    folder: PathBuf,
}

impl Work {
    fn begin(artifacts: &Path, fingerprint: &str) -> anyhow::Result<Self> {
        let folder = artifacts.join(format!("user-state-{}.training", &fingerprint[..12]));
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(Self { folder })
    }

    fn checkpoint(&self) -> PathBuf {
        self.folder.join("checkpoint.safetensors")
    }

    /// Moves the events into the finished stage, and removes the rest.
    fn end(self, stage: &Path) -> anyhow::Result<()> {
        let context = || format!("cannot move the events of {}", self.folder.display());
        for entry in fs::read_dir(&self.folder).with_context(context)? {
            let path = entry.with_context(context)?.path();
            let name = path.file_name().unwrap_or_default().to_owned();
            if name.to_string_lossy().starts_with("events.") {
                fs::rename(&path, stage.join(name)).with_context(context)?;
            }
        }
        fs::remove_dir_all(&self.folder).with_context(|| format!("cannot remove {}", self.folder.display()))
    }
}

/// Writes TensorBoard events, and listens to Ctrl-C.
struct Watcher {
    recorder: Recorder,
    stop: &'static AtomicBool,
}

impl Watcher {
    fn new(folder: &Path) -> anyhow::Result<Self> {
        Ok(Self { recorder: Recorder::create(folder, None)?, stop: interrupt::stop_flag() })
    }
}

impl TrainingWatcher for Watcher {
    fn scalar(&mut self, name: &str, updates: u64, value: f64) -> listening_models::Result<()> {
        let failed = |error| ModelError::Watcher(Box::new(error));
        self.recorder.scalar(name, updates, value).map_err(failed)?;
        self.recorder.flush().map_err(failed)
    }

    fn interrupted(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}
