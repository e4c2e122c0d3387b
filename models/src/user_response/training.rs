//! Trains user-response models: binary cross-entropy per head, early stopping and calibration on the validation sessions.

use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use listening_data::{CounterRng, Progress, Stream};

use super::batches::{Lessons, TrainableModel, UserShare};
use super::calibration::calibrate;
use super::play_weights::{PlayWeights, TrainingPlays};
use super::response_model::for_each_prediction;
use super::standardization::Standardization;
use super::{
    ConstantBaseline, ContextualModel, ContextualSettings, HEADS, ResponseModel, SequentialModel, SequentialSettings,
    TrackTable, TransformerModel, TransformerSettings,
};
use crate::features::SO_FAR_FEATURES;
use crate::metrics::log_loss;
use crate::network::{Adam, AdamSettings, Dropout, Parameters};
use crate::permutation::Permutation;
use crate::prepared::PreparedData;
use crate::shards::{in_threads, sum_gradients};
use crate::{ModelError, Result};

/// Parts of a batch whose gradients may be computed at the same time. A constant: the sum of the parts, and so the
/// result, does not depend on the number of threads.
const SHARDS: usize = 2;

/// Plays of the validation sessions looked at after each epoch, evenly spaced; bounds time and memory.
pub(super) const MOST_VALIDATION_PLAYS: usize = 200_000;

/// How training went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingReport {
    /// Plays trained on.
    pub plays: u64,
    /// Trainable scalars.
    pub parameters: u64,
    /// Validation losses (sum over heads of the mean log loss), `validations_per_epoch` per epoch.
    pub validation_loss: Vec<f64>,
    /// The validation at which the weights that were kept stood, from 1.
    pub best_validation: usize,
    /// Per head, slope and offset that calibrate its logits.
    pub calibration: Vec<[f32; 2]>,
}

/// What a training is made from.
#[derive(Clone, Copy)]
pub struct TrainingInput<'a> {
    /// The examples.
    pub data: &'a PreparedData,
    /// What is known of the tracks.
    pub tracks: TrackTable<'a>,
    /// Whose plays are trained on; validation looks at those of the same users.
    pub users: UserShare,
    /// Which plays teach; the others go before them in their sessions all the same.
    pub plays: TrainingPlays,
    /// Seed of initial weights and of the order of plays.
    pub seed: u64,
    /// Where the network runs.
    pub device: Device,
    /// Threads; they change the time taken, not the result.
    pub threads: usize,
}

/// Trains CWM on the plays of the training sessions.
pub fn train_contextual(
    input: &TrainingInput<'_>,
    settings: &ContextualSettings,
    progress: &dyn Progress,
) -> Result<(ContextualModel, Parameters, TrainingReport)> {
    settings.validate()?;
    let new = |inputs| ContextualModel::new(&settings.hidden, inputs, input.seed, input.device);
    fit_of!(settings).train(new, input, progress)
}

/// Trains SWM on the training sessions.
pub fn train_sequential(
    input: &TrainingInput<'_>,
    settings: &SequentialSettings,
    progress: &dyn Progress,
) -> Result<(SequentialModel, Parameters, TrainingReport)> {
    settings.validate()?;
    let (lstm, hidden) = (&settings.lstm, &settings.hidden);
    let new = |inputs| SequentialModel::new(lstm, hidden, inputs + SO_FAR_FEATURES, input.seed, input.device);
    fit_of!(settings).train(new, input, progress)
}

/// Trains the Transformer on the training sessions.
pub fn train_transformer(
    input: &TrainingInput<'_>,
    settings: &TransformerSettings,
    progress: &dyn Progress,
) -> Result<(TransformerModel, Parameters, TrainingReport)> {
    settings.validate()?;
    let new = |inputs| TransformerModel::new(&settings.into(), inputs + SO_FAR_FEATURES, input.seed, input.device);
    fit_of!(settings).train(new, input, progress)
}

/// Features per row without the session so far.
fn row_length(input: &TrainingInput<'_>) -> Result<usize> {
    let (train, validation) = (&input.data.train, &input.data.validation);
    if train.is_empty() || validation.is_empty() {
        return Err(ModelError::TooLittleData(format!(
            "the user-response model needs training and validation plays, found {} and {}; import more logs",
            train.len(),
            validation.len()
        )));
    }
    Ok(train.session_features(0).len() + input.tracks.width + train.relation(0).len())
}

/// The loop that all user-response models are trained by.
struct Fit {
    /// At the beginning; it falls evenly to 0 at the end of the last epoch.
    learning_rate: f64,
    weight_decay: f64,
    /// Shares left out of the inputs and of hidden layers.
    dropout: [f64; 2],
    batch: usize,
    max_epochs: usize,
    validations_per_epoch: usize,
    patience: usize,
}

/// The fit that a model's settings ask for. The settings have these fields in common but are no common type, so that a config's
/// errors name the line.
macro_rules! fit_of {
    ($settings:expr) => {
        Fit {
            learning_rate: $settings.learning_rate,
            weight_decay: $settings.weight_decay,
            dropout: [$settings.input_dropout, $settings.dropout],
            batch: $settings.batch,
            max_epochs: $settings.max_epochs,
            validations_per_epoch: $settings.validations_per_epoch,
            patience: $settings.patience,
        }
    };
}
use fit_of;

impl Fit {
    /// Trains a new model; `new` makes one for rows of so many features beside those of the session so far.
    fn train<M: TrainableModel>(
        &self,
        new: impl FnOnce(usize) -> Result<(M, Parameters)>,
        input: &TrainingInput<'_>,
        progress: &dyn Progress,
    ) -> Result<(M, Parameters, TrainingReport)> {
        let (mut model, mut parameters) = new(row_length(input)?)?;
        model.readout().set_base_rates(&ConstantBaseline::new(&input.data.train).predict())?;
        let report = self.run(&mut model, &mut parameters, input, progress)?;
        Ok((model, parameters, report))
    }

    fn run<M: TrainableModel>(
        &self,
        model: &mut M,
        parameters: &mut Parameters,
        input: &TrainingInput<'_>,
        progress: &dyn Progress,
    ) -> Result<TrainingReport> {
        let examples = &input.data.train;
        let items = M::items(examples);
        let is_chosen = |&item: &usize| input.users.holds(examples.user[M::plays(examples, item).start]);
        let chosen = match input.users {
            UserShare::All => items,
            _ => (0..items).filter(is_chosen).count(),
        };
        if chosen == 0 {
            let problem = "no training play is of this half of the users; import logs of more people";
            return Err(ModelError::TooLittleData(problem.into()));
        }
        let weights = PlayWeights::new(input.plays, input.users, [examples, &input.data.validation])?;
        let lessons = Lessons { examples, table: &input.tracks, weights };
        let adam =
            AdamSettings { learning_rate: self.learning_rate, weight_decay: self.weight_decay, gradient_norm: 0.0 };
        let mut adam = Adam::new(parameters, adam);
        model.readout().standardization = Standardization::of(input, model)?;
        let mut shards: Vec<Shard<M>> =
            (0..SHARDS).map(|_| (model.handle(), parameters.tensors().map(Tensor::shallow_clone).collect())).collect();
        let mut best = (f64::INFINITY, 0, parameters.snapshot());
        let (mut losses, mut updates) = (Vec::new(), 0);
        progress.begin("user-response model", (chosen * self.max_epochs) as u64, M::ITEMS);
        let batches_per_validation = chosen.div_ceil(self.batch * self.validations_per_epoch).max(1);
        'training: for epoch in 1..=self.max_epochs {
            let order = Permutation::new(items, input.seed, epoch as u32);
            let mut in_order = (0..items).map(|place| order.at(place)).filter(is_chosen);
            let (mut batches, mut done) = (0, 0);
            loop {
                let mut batch: Vec<usize> = in_order.by_ref().take(self.batch).collect();
                if batch.is_empty() {
                    break;
                }
                M::arrange(examples, &mut batch);
                updates += 1;
                let noise = |shard| CounterRng::new(input.seed, Stream::Dropout, updates, shard);
                let dropout = |shard| Dropout::new(self.dropout[0], self.dropout[1], noise(shard));
                let gradients = batch_gradients(&mut shards, &batch, &lessons, input.threads, &dropout)?;
                let gone = (epoch - 1) as f64 + done as f64 / chosen as f64;
                adam.set_learning_rate(self.learning_rate * (1.0 - gone / self.max_epochs as f64));
                adam.apply(parameters, &gradients, 1.0)?;
                (batches, done) = (batches + 1, done + batch.len());
                progress.advance(((epoch - 1) * chosen + done) as u64);
                if batches % batches_per_validation != 0 && done < chosen {
                    continue;
                }
                let loss = validation_loss(model, input, &weights)?;
                if !loss.is_finite() {
                    return Err(ModelError::Diverged(format!(
                        "the user-response model diverged in epoch {epoch} (validation loss {loss}); lower its \
                         learning_rate (user_model.learning_rate of CWM, user_model.sequential.learning_rate, \
                         user_model.transformer.learning_rate)"
                    )));
                }
                progress.remark(&format!("epoch {epoch}, validation loss {loss:.4}"));
                losses.push(loss);
                if loss < best.0 {
                    best = (loss, losses.len(), parameters.snapshot());
                } else if losses.len() - best.1 >= self.patience.max(1) {
                    break 'training;
                }
            }
        }
        progress.end();
        parameters.restore(&best.2)?;
        calibrate(model, input, &weights)?;
        let plays = (0..items).filter(is_chosen).map(|item| M::plays(examples, item).len()).sum::<usize>();
        Ok(TrainingReport {
            plays: plays as u64,
            parameters: parameters.count() as u64,
            validation_loss: losses,
            best_validation: best.1,
            calibration: model.readout().calibrations.iter().map(|head| [head.slope, head.offset]).collect(),
        })
    }
}

/// A model for use on one thread, and its parameters.
type Shard<M> = (M, Vec<Tensor>);

fn batch_gradients<M: TrainableModel>(
    shards: &mut [Shard<M>],
    batch: &[usize],
    lessons: &Lessons<'_>,
    threads: usize,
    dropout: &(impl Fn(u32) -> Dropout + Sync),
) -> Result<Vec<Tensor>> {
    let divisor = batch.iter().map(|&item| M::plays(lessons.examples, item).len()).sum::<usize>() as f64;
    let parts = batch.chunks(batch.len().div_ceil(shards.len()));
    let gradients = |(shard, ((model, parameters), part)): (usize, (&mut Shard<M>, &[usize]))| {
        model.gradients(parameters, part, divisor, lessons, &mut dropout(shard as u32))
    };
    let results = in_threads(shards.iter_mut().zip(parts).enumerate().collect(), threads, &gradients);
    sum_gradients(results.into_iter().collect::<Result<Vec<_>>>()?)
}

/// Sum over the heads of the weighted mean log loss.
fn validation_loss(model: &dyn ResponseModel, input: &TrainingInput<'_>, weights: &PlayWeights) -> Result<f64> {
    let mut sums = [(0.0, 0.0); HEADS.len()];
    let examples = &input.data.validation;
    for_each_prediction(model, examples, &input.tracks, MOST_VALIDATION_PLAYS, |play, predicted, labels| {
        if !input.users.holds(examples.user[play]) {
            return;
        }
        let weight = f64::from(weights.of(examples, play));
        for (head, sum) in sums.iter_mut().enumerate() {
            if let Some(label) = labels[head] {
                *sum = (sum.0 + weight * log_loss(predicted[head], label), sum.1 + weight);
            }
        }
    })?;
    Ok(sums.iter().filter(|(_, count)| *count > 0.0).map(|(sum, count)| sum / count).sum())
}
