//! Trains a network over sequences: Adam down the mean loss per target, early stopping on the validation split.

mod checkpoint;
mod report;

use std::path::Path;
use std::time::Instant;

use listening_data::{CounterRng, Progress, Stream};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::sequences::{ChunkSource, Part, SequenceChunk, SequenceModel};
use crate::network::{Adam, AdamSettings, Parameters, with_gradients};
use crate::shards::{in_threads, sum_gradients};
use crate::splits::Split;
use crate::{ModelError, Result};
pub(super) use checkpoint::Saved;
pub use report::SequenceTrainingReport;

/// Parts of the users whose chunks may be run through at the same time. A constant: the sum of the gradients, and so the
/// result, does not depend on the number of threads.
const SHARDS: usize = 2;

/// Plays or sessions of validation run through after each epoch, by leaving out users evenly; bounds the time.
const MOST_VALIDATION: usize = 200_000;

/// Settings of training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingSettings {
    /// Step size of Adam at first. It falls evenly to 0 at the end of the last of `max_epochs`.
    pub learning_rate: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Largest norm of the gradient; 0 for no limit.
    pub gradient_norm: f64,
    /// Sequences run through side by side, over both shards.
    pub lanes: usize,
    /// Steps after which the weights move and gradients are cut (truncated backpropagation through time).
    pub steps: usize,
    /// Epochs at most.
    pub max_epochs: usize,
    /// Epochs without a lower validation loss after which training stops.
    pub patience: usize,
    /// Moves of the weights between two checkpoints.
    pub checkpoint_every: usize,
}

impl Default for TrainingSettings {
    fn default() -> Self {
        Self {
            learning_rate: 1e-3,
            weight_decay: 0.0,
            gradient_norm: 1.0,
            lanes: 64,
            steps: 25,
            max_epochs: 10,
            patience: 3,
            checkpoint_every: 500,
        }
    }
}

impl TrainingSettings {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> Result<()> {
        if self.learning_rate.is_nan() || self.learning_rate <= 0.0 {
            return Err(ModelError::setting("learning_rate", "must be above 0"));
        }
        if self.lanes < SHARDS || !self.lanes.is_multiple_of(SHARDS) {
            return Err(ModelError::setting("lanes", "must be an even number of at least 2"));
        }
        if [self.steps, self.max_epochs, self.patience, self.checkpoint_every].contains(&0) {
            return Err(ModelError::setting("steps, max_epochs, patience, checkpoint_every", "must be at least 1"));
        }
        Ok(())
    }

    /// Those of the optimiser.
    pub fn adam(&self) -> AdamSettings {
        AdamSettings {
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay,
            gradient_norm: self.gradient_norm,
        }
    }

    /// Lanes of one shard: what a [`ChunkSource`] for training must have.
    pub fn lanes_per_shard(&self) -> usize {
        self.lanes / SHARDS
    }
}

/// Follows training, and may stop it.
pub trait TrainingWatcher {
    /// A metric after `updates` moves of the weights.
    fn scalar(&mut self, name: &str, updates: u64, value: f64) -> Result<()>;
    /// Whether to save and stop.
    fn interrupted(&self) -> bool;
}

/// Watches nothing.
pub struct Unwatched;

impl TrainingWatcher for Unwatched {
    fn scalar(&mut self, _name: &str, _updates: u64, _value: f64) -> Result<()> {
        Ok(())
    }

    fn interrupted(&self) -> bool {
        false
    }
}

/// Where and how training runs.
#[derive(Clone, Copy)]
pub struct TrainingRun<'a> {
    /// Name shown beside the progress.
    pub name: &'a str,
    /// Settings.
    pub settings: &'a TrainingSettings,
    /// Seed of the order of users, and of all noise.
    pub seed: u64,
    /// Threads; they change the time taken and not the result.
    pub threads: usize,
    /// File of the checkpoint: gone on with where it is there, and left when training has ended.
    pub checkpoint: Option<&'a Path>,
    /// Progress shown.
    pub progress: &'a dyn Progress,
}

/// Trains until the validation loss no longer falls, and leaves the best weights in `parameters`.
///
/// Gives nothing where the watcher stopped it; the checkpoint then holds all that is needed to go on, and training that
/// goes on ends with the same weights, bit for bit on a CPU, as training that was never stopped.
pub fn train_sequences<S: ChunkSource>(
    model: &dyn SequenceModel<Chunk = S::Chunk>,
    parameters: &mut Parameters,
    source: &S,
    run: &TrainingRun<'_>,
    watcher: &mut dyn TrainingWatcher,
) -> Result<Option<SequenceTrainingReport>> {
    run.settings.validate()?;
    let settings = run.settings;
    let part = |epoch: usize, shard: usize| Part {
        split: Split::Train,
        shuffled: Some((run.seed, epoch as u32)),
        shard,
        stride: SHARDS,
    };
    let steps_per_epoch: usize = (0..SHARDS).map(|shard| source.size(part(1, shard))).sum();
    let validation = validation_part(source);
    if steps_per_epoch == 0 || source.size(validation) == 0 {
        return Err(ModelError::TooLittleData(
            "user states need listeners with training and validation sessions; import more logs".into(),
        ));
    }
    let mut state = Saved::begin(
        parameters,
        Adam::new(parameters, settings.adam()),
        SHARDS,
        &zero_memory(model, source, parameters.device())?,
    );
    state.counters.report.steps_per_epoch = steps_per_epoch as u64;
    if let Some(path) = run.checkpoint.filter(|path| path.exists()) {
        state.load(path, parameters)?;
    }
    let mut shards: Vec<Shard<S::Chunk>> = (0..SHARDS).map(|_| Shard::new(model, parameters)).collect();
    run.progress.begin(run.name, (steps_per_epoch * settings.max_epochs) as u64, "steps");
    while !state.counters.report.ended(settings) {
        let epoch = state.counters.epoch();
        let mut chunks: Vec<_> = (0..SHARDS).map(|shard| source.chunks(part(epoch, shard))).collect();
        if state.counters.chunks > 0 {
            for chunks in &mut chunks {
                chunks.nth(state.counters.chunks as usize - 1).transpose()?;
            }
        }
        let (begin, mut ran_now, mut cells) = (Instant::now(), 0, 0);
        loop {
            if watcher.interrupted() {
                state.save(run.checkpoint, parameters)?;
                return Ok(None);
            }
            let update = state.counters.updates;
            let work: Vec<_> = shards.iter_mut().zip(&mut state.memory).zip(&mut chunks).enumerate().collect();
            let pieces = in_threads(work, run.threads, &|(number, ((shard, memory), chunks))| {
                let mut noise = CounterRng::new(run.seed, Stream::Noise, update, number as u32);
                shard.model.begin_update(update);
                shard.run_next(chunks, memory, &mut noise)
            });
            let pieces = pieces.into_iter().collect::<Result<Vec<_>>>()?;
            let pieces: Vec<Piece> = pieces.into_iter().flatten().collect();
            if pieces.is_empty() {
                break;
            }
            let count: usize = pieces.iter().map(|piece| piece.count).sum();
            let ran: usize = pieces.iter().map(|piece| piece.ran).sum();
            let loss = pieces.iter().map(|piece| piece.loss).sum();
            ran_now += ran;
            cells += pieces.iter().map(|piece| piece.cells).sum::<usize>();
            if count > 0 {
                let gradients = sum_gradients(pieces.into_iter().map(|piece| piece.gradients))?;
                // At an epoch's end few lanes are left; a full step would follow those few users.
                let divisor = count.max(settings.lanes * settings.steps / 2);
                state.adam.set_learning_rate(state.counters.learning_rate(settings));
                let norm = state.adam.apply(parameters, &gradients, divisor as f64)?;
                if !f64::is_finite(loss) || !norm.is_finite() {
                    return Err(diverged(run.name, epoch, loss));
                }
            }
            state.counters.advance(loss, count, ran);
            run.progress.advance((epoch - 1) as u64 * steps_per_epoch as u64 + state.counters.ran);
            if state.counters.updates.is_multiple_of(settings.checkpoint_every as u64) {
                watcher.scalar("user_state/training_loss", state.counters.updates, state.counters.mean_loss())?;
                state.save(run.checkpoint, parameters)?;
            }
        }
        let rate = ran_now as f64 / begin.elapsed().as_secs_f64();
        let filled = 100.0 * ran_now as f64 / cells.max(1) as f64;
        let loss = mean_loss(&mut shards, source, validation, run, parameters.device())?;
        if !loss.is_finite() {
            return Err(diverged(run.name, epoch, loss));
        }
        watcher.scalar("user_state/epoch_loss", state.counters.updates, state.counters.mean_loss())?;
        watcher.scalar("user_state/validation_loss", state.counters.updates, loss)?;
        run.progress.remark(&format!(
            "epoch {epoch}: {rate:.0} steps/s, {filled:.0} % of the chunks filled; validation loss {loss:.4}"
        ));
        state.end_epoch(loss, parameters);
        state.save(run.checkpoint, parameters)?;
    }
    run.progress.end();
    parameters.restore(&state.best)?;
    Ok(Some(state.counters.report))
}

fn diverged(name: &str, epoch: usize, loss: f64) -> ModelError {
    ModelError::Diverged(format!("{name} diverged in epoch {epoch} (loss {loss}); lower its learning_rate"))
}

/// The validation split, of as many users as the bound on time allows.
fn validation_part<S: ChunkSource>(source: &S) -> Part {
    let all = Part::all(Split::Validation);
    Part { stride: source.size(all).div_ceil(MOST_VALIDATION).max(1), ..all }
}

fn zero_memory<S: ChunkSource>(
    model: &dyn SequenceModel<Chunk = S::Chunk>,
    source: &S,
    device: Device,
) -> Result<Tensor> {
    let shape = [source.lanes() as i64, model.memory_length() as i64];
    Ok(Tensor::f_zeros(shape, (Kind::Float, device))?)
}

/// A shard's own handles on the network.
struct Shard<C> {
    model: Box<dyn SequenceModel<Chunk = C>>,
    parameters: Vec<Tensor>,
}

impl<C: SequenceChunk> Shard<C> {
    fn new(model: &dyn SequenceModel<Chunk = C>, parameters: &Parameters) -> Self {
        Self { model: model.shallow_clone(), parameters: parameters.tensors().map(Tensor::shallow_clone).collect() }
    }

    /// Runs the next chunk, if there is one, and carries the memory on.
    fn run_next(
        &self,
        chunks: &mut impl Iterator<Item = Result<C>>,
        memory: &mut Tensor,
        noise: &mut CounterRng,
    ) -> Result<Option<Piece>> {
        let Some(chunk) = chunks.next().transpose()? else { return Ok(None) };
        let frame = chunk.frame();
        let before = memory.f_mul(&frame.continued)?;
        let (gradients, loss) = with_gradients(&self.parameters, || {
            let (loss, after) = self.model.loss(&chunk, &before, noise)?;
            *memory = after.f_detach()?;
            Ok((loss.shallow_clone(), loss))
        })?;
        let loss = loss.f_double_value(&[])?;
        Ok(Some(Piece { loss, gradients, count: frame.count, ran: frame.run, cells: frame.foretold.len() }))
    }
}

/// What a shard's chunk gave.
struct Piece {
    /// Summed over its targets, as the gradients are.
    loss: f64,
    gradients: Vec<Tensor>,
    /// Targets.
    count: usize,
    /// Plays or sessions run through.
    ran: usize,
    /// Steps times lanes.
    cells: usize,
}

/// Mean loss per target over a part, whose users are divided among the shards.
fn mean_loss<S: ChunkSource>(
    shards: &mut [Shard<S::Chunk>],
    source: &S,
    part: Part,
    run: &TrainingRun<'_>,
    device: Device,
) -> Result<f64> {
    let work: Vec<_> = shards.iter_mut().enumerate().collect();
    let summed = |(number, shard): (usize, &mut Shard<S::Chunk>)| {
        // Losses that change as training goes on are measured as at its end.
        shard.model.begin_update(u64::MAX);
        let part = Part { shard: part.shard + number * part.stride, stride: part.stride * SHARDS, ..part };
        tch::no_grad(|| -> Result<(f64, usize)> {
            let mut memory = zero_memory(&*shard.model, source, device)?;
            let (mut sum, mut count) = (0.0, 0);
            for (place, chunk) in source.chunks(part).enumerate() {
                let chunk = chunk?;
                let mut noise = CounterRng::new(run.seed, Stream::Noise, u64::MAX - number as u64, place as u32);
                let (loss, after) =
                    shard.model.measured_loss(&chunk, &memory.f_mul(&chunk.frame().continued)?, &mut noise)?;
                memory = after;
                sum += loss.f_double_value(&[])?;
                count += chunk.frame().count;
            }
            Ok((sum, count))
        })
    };
    let (mut sum, mut count) = (0.0, 0);
    for result in in_threads(work, run.threads, &summed) {
        let (shard_sum, shard_count) = result?;
        sum += shard_sum;
        count += shard_count;
    }
    Ok(sum / count.max(1) as f64)
}

/// Gives every target of a part with the vector foretold for it to `take`.
pub fn for_each_foretold<S: ChunkSource>(
    model: &dyn SequenceModel<Chunk = S::Chunk>,
    parameters: &Parameters,
    source: &S,
    part: Part,
    mut take: impl FnMut(usize, &[f32]) -> Result<()>,
) -> Result<()> {
    tch::no_grad(|| {
        let mut memory = zero_memory(model, source, parameters.device())?;
        for chunk in source.chunks(part) {
            let chunk = chunk?;
            let (foretold, after) = model.foretell(&chunk, &memory.f_mul(&chunk.frame().continued)?)?;
            memory = after;
            let width = foretold.size()[2] as usize;
            let values = Vec::<f32>::try_from(foretold.f_reshape([-1])?)?;
            for (target, vector) in chunk.frame().foretold.iter().zip(values.chunks_exact(width)) {
                if let Some(target) = target {
                    take(*target, vector)?;
                }
            }
        }
        Ok(())
    })
}

#[cfg(test)]
pub(super) mod tests;
