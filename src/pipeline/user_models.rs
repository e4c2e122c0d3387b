//! The stages of user-response models.

use std::collections::BTreeMap;
use std::path::PathBuf;

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

impl TrainedModel<ContextualModel> {
    /// The same behind the trait of all user-response models.
    pub fn boxed(self) -> TrainedModel<Box<dyn ResponseModel>> {
        let Self { model, report, fingerprint, folder } = self;
        TrainedModel { model: Box::new(model), report, fingerprint, folder }
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
        let mark = fingerprint("user-model-7", &(&settings, users, self.config.user_model.plays, seed), self.features)?;
        let folder = stage::run(&self.config.artifacts, "user-model", &mark, &settings, notes, |folder| {
            let (model, parameters, training) = train_contextual(&self.input(users, seed), &settings, progress)?;
            model.save(&parameters, folder)?;
            self.report(&model, vec![training], folder)
        })?;
        let model = ContextualModel::load(&folder, self.inputs(), self.device)?;
        Ok(TrainedModel { model, report: read_metrics(&folder)?, fingerprint: mark, folder })
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
        let mark =
            fingerprint("sequential-model-4", &(settings, users, self.config.user_model.plays, seed), self.features)?;
        let folder = stage::run(&self.config.artifacts, "sequential-model", &mark, settings, notes, |folder| {
            let (model, parameters, training) = train_sequential(&self.input(users, seed), settings, progress)?;
            model.save(&parameters, folder)?;
            self.report(&model, vec![training], folder)
        })?;
        let model = SequentialModel::load(&folder, self.inputs() + SO_FAR_FEATURES, self.device)?;
        Ok(TrainedModel { model, report: read_metrics(&folder)?, fingerprint: mark, folder })
    }

    /// The Transformer, likewise.
    fn transformer(
        &self,
        users: UserShare,
        seed: u64,
        notes: &mut Vec<StageNote>,
        progress: &dyn Progress,
    ) -> anyhow::Result<TrainedModel<Box<dyn ResponseModel>>> {
        let settings = &self.config.user_model.transformer;
        let mark =
            fingerprint("transformer-model-1", &(settings, users, self.config.user_model.plays, seed), self.features)?;
        let folder = stage::run(&self.config.artifacts, "transformer-model", &mark, settings, notes, |folder| {
            let (model, parameters, training) = train_transformer(&self.input(users, seed), settings, progress)?;
            model.save(&parameters, folder)?;
            self.report(&model, vec![training], folder)
        })?;
        let model = Box::new(TransformerModel::load(&folder, self.inputs() + SO_FAR_FEATURES, self.device)?);
        Ok(TrainedModel { model, report: read_metrics(&folder)?, fingerprint: mark, folder })
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
            UserModelKind::Cwm => self.contextual(users, seed, notes, progress)?.boxed(),
            UserModelKind::Swm => self.sequential(users, seed, notes, progress)?.map(|model| model.for_simulation())?,
            UserModelKind::Transformer => self.transformer(users, seed, notes, progress)?,
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
    fn inputs(&self) -> usize {
        self.data.training_starts.session_length() + self.catalog.feature_width() + RELATION_FEATURES
    }

    fn report(
        &self,
        model: &dyn ResponseModel,
        training: Vec<TrainingReport>,
        folder: &std::path::Path,
    ) -> anyhow::Result<()> {
        let test = evaluate(model, self.data, &self.table(), self.users)?;
        stage::write_metrics(folder, &ModelReport { training, test })
    }
}
