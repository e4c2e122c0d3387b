//! The stages of user-response models.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use listening_data::Progress;
use listening_models::features::{RELATION_FEATURES, SO_FAR_FEATURES};
use listening_models::user_response::{
    ContextualModel, Ensemble, Evaluation, ResponseModel, SequentialModel, TrackTable, TrainingInput, TrainingReport,
    TransformerModel, UserShare, evaluate, train_contextual, train_sequential, train_transformer,
};
use listening_models::{PreparedData, Result};
use playlist_envs::Catalog;
use serde::{Deserialize, Serialize};
use tch::Device;

use super::stage::{self, StageNote, fingerprint, read_metrics};
use super::world::threads;
use crate::config::{Config, UserModelKind};

/// Members of an ensemble are trained with seeds so far apart, so that those of runs with other seeds are others.
const SEEDS_BETWEEN_MEMBERS: u64 = 1_000_003;

/// The contents of a user-response model's `metrics.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ModelReport {
    /// How training went, of each member of an ensemble.
    pub training: Vec<TrainingReport>,
    /// The model and its baselines on the test sessions.
    pub test: Evaluation,
}

/// A model that was trained, or was there.
pub struct TrainedModel<M> {
    /// The network.
    pub model: M,
    /// Its quality.
    pub report: ModelReport,
    /// What it was made from.
    pub fingerprint: String,
    /// Where it lies.
    pub folder: PathBuf,
}

impl<M> TrainedModel<M> {
    fn map<N>(self, to: impl FnOnce(M) -> Result<N>) -> Result<TrainedModel<N>> {
        let Self { model, report, fingerprint, folder } = self;
        Ok(TrainedModel { model: to(model)?, report, fingerprint, folder })
    }
}

/// What user-response models are made from.
pub struct UserModels<'a> {
    /// The config.
    pub config: &'a Config,
    /// The examples.
    pub data: &'a PreparedData,
    /// The catalog.
    pub catalog: &'a Catalog,
    /// Users of the dataset.
    pub users: usize,
    /// Fingerprint of the examples.
    pub features: &'a str,
    /// Where networks run.
    pub device: Device,
}

impl UserModels<'_> {
    /// CWM, trained on the plays of these users with this seed.
    pub fn contextual(
        &self,
        users: UserShare,
        seed: u64,
        notes: &mut Vec<StageNote>,
        progress: &dyn Progress,
    ) -> anyhow::Result<TrainedModel<ContextualModel>> {
        let settings = (&self.config.user_model).into();
        let train = |input: &TrainingInput<'_>, folder: &Path| {
            let (model, parameters, training) = train_contextual(input, &settings, progress)?;
            model.save(&parameters, folder)?;
            Ok((model.another(), training))
        };
        let load = |folder: &Path| ContextualModel::load(folder, self.inputs(), self.device);
        self.trained(("user-model", "user-model-8"), &settings, (users, seed), notes, train, load)
    }

    /// SWM, trained on the sessions of these users with this seed.
    pub fn sequential(
        &self,
        users: UserShare,
        seed: u64,
        notes: &mut Vec<StageNote>,
        progress: &dyn Progress,
    ) -> anyhow::Result<TrainedModel<SequentialModel>> {
        let settings = &self.config.user_model.sequential;
        let train = |input: &TrainingInput<'_>, folder: &Path| {
            let (model, parameters, training) = train_sequential(input, settings, progress)?;
            model.save(&parameters, folder)?;
            Ok((model.another(), training))
        };
        let load = |folder: &Path| SequentialModel::load(folder, self.inputs() + SO_FAR_FEATURES, self.device);
        self.trained(("sequential-model", "sequential-model-6"), settings, (users, seed), notes, train, load)
    }

    /// The Transformer, likewise.
    fn transformer(
        &self,
        users: UserShare,
        seed: u64,
        notes: &mut Vec<StageNote>,
        progress: &dyn Progress,
    ) -> anyhow::Result<TrainedModel<TransformerModel>> {
        let settings = &self.config.user_model.transformer;
        let train = |input: &TrainingInput<'_>, folder: &Path| {
            let (model, parameters, training) = train_transformer(input, settings, progress)?;
            model.save(&parameters, folder)?;
            Ok((model.another(), training))
        };
        let load = |folder: &Path| TransformerModel::load(folder, self.inputs() + SO_FAR_FEATURES, self.device);
        self.trained(("transformer-model", "transformer-model-3"), settings, (users, seed), notes, train, load)
    }

    /// Trains a model and measures it on the test sessions where that was not done yet, and opens it. `names` are the stage's and
    /// that of its present version.
    fn trained<S: Serialize, M>(
        &self,
        names: (&'static str, &str),
        settings: &S,
        (users, seed): (UserShare, u64),
        notes: &mut Vec<StageNote>,
        train: impl FnOnce(&TrainingInput<'_>, &Path) -> Result<(Box<dyn ResponseModel>, TrainingReport)>,
        load: impl FnOnce(&Path) -> Result<M>,
    ) -> anyhow::Result<TrainedModel<M>> {
        let mark = fingerprint(names.1, &(settings, users, self.config.user_model.plays, seed), self.features)?;
        let folder = stage::run(&self.config.artifacts, names.0, &mark, settings, notes, |folder| {
            let (model, training) = train(&self.input(users, seed), folder)?;
            self.report(model.as_ref(), vec![training], folder)
        })?;
        Ok(TrainedModel { model: load(&folder)?, report: read_metrics(&folder)?, fingerprint: mark, folder })
    }

    /// A model of this kind, trained on the plays of these users with this seed; or an ensemble of as many as the config says.
    pub fn train(
        &self,
        kind: UserModelKind,
        users: UserShare,
        seed: u64,
        notes: &mut Vec<StageNote>,
        progress: &dyn Progress,
    ) -> anyhow::Result<TrainedModel<Box<dyn ResponseModel>>> {
        let count = self.config.user_model.members;
        if count == 1 {
            return self.one(kind, users, seed, notes, progress);
        }
        let members = (0..count)
            .map(|member| self.one(kind, users, seed + member * SEEDS_BETWEEN_MEMBERS, notes, progress))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let marks: Vec<&str> = members.iter().map(|member| member.fingerprint.as_str()).collect();
        let mark = fingerprint("user-model-ensemble-1", &marks, self.features)?;
        let training: Vec<_> = members.iter().flat_map(|member| member.report.training.clone()).collect();
        let ensemble = Ensemble::new(members.iter().map(|member| member.model.another()).collect());
        let settings = BTreeMap::from([("members", &marks)]);
        let folder = stage::run(&self.config.artifacts, "user-model-ensemble", &mark, &settings, notes, |folder| {
            self.report(&ensemble, training, folder)
        })?;
        Ok(TrainedModel { model: Box::new(ensemble), report: read_metrics(&folder)?, fingerprint: mark, folder })
    }

    /// One model of this kind.
    fn one(
        &self,
        kind: UserModelKind,
        users: UserShare,
        seed: u64,
        notes: &mut Vec<StageNote>,
        progress: &dyn Progress,
    ) -> anyhow::Result<TrainedModel<Box<dyn ResponseModel>>> {
        Ok(match kind {
            UserModelKind::Cwm => self.contextual(users, seed, notes, progress)?.map(|model| Ok(model.another()))?,
            UserModelKind::Swm => self
                .sequential(users, seed, notes, progress)?
                .map(|model| model.for_simulation(self.config.user_model.precision))?,
            UserModelKind::Transformer => {
                self.transformer(users, seed, notes, progress)?.map(|model| Ok(model.another()))?
            }
        })
    }

    /// What is known of all tracks.
    pub fn table(&self) -> TrackTable<'_> {
        TrackTable {
            values: self.catalog.features(),
            width: self.catalog.feature_width(),
            vectors: &self.catalog.vectors,
            artists: &self.catalog.artists,
        }
    }

    fn input(&self, users: UserShare, seed: u64) -> TrainingInput<'_> {
        let (data, tracks, device) = (self.data, self.table(), self.device);
        let plays = self.config.user_model.plays;
        TrainingInput { data, tracks, users, plays, seed, device, threads: threads(self.config) }
    }

    /// Features per row without the session so far.
    pub fn inputs(&self) -> usize {
        self.data.training_starts.session_length() + self.catalog.feature_width() + RELATION_FEATURES
    }

    fn report(&self, model: &dyn ResponseModel, training: Vec<TrainingReport>, folder: &Path) -> anyhow::Result<()> {
        let test = evaluate(model, self.data, &self.table(), self.users)?;
        stage::write_metrics(folder, &ModelReport { training, test })
    }
}
