//! All that training has to know to go on where it stood.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{SequenceTrainingReport, TrainingSettings};
use crate::network::{Adam, Parameters};
use crate::tensors::{SavedTensor, TensorFile, save_tensors};
use crate::{ModelError, Result};

/// Where training stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Counters {
    /// The epoch under way, from 1.
    pub(super) epoch: usize,
    /// Chunks of this epoch that have been run through.
    pub(super) chunks: u64,
    /// Moves of the weights.
    pub(super) updates: u64,
    /// Plays or sessions of this epoch run through.
    pub(super) ran: u64,
    loss: f64,
    targets: u64,
    training_loss: Vec<f64>,
    validation_loss: Vec<f64>,
    best_epoch: usize,
}

impl Counters {
    pub(super) fn advance(&mut self, loss: f64, targets: usize, ran: usize) {
        self.chunks += 1;
        self.updates += 1;
        self.ran += ran as u64;
        self.loss += loss;
        self.targets += targets as u64;
    }

    /// Mean training loss per target of this epoch so far.
    pub(super) fn mean_loss(&self) -> f64 {
        self.loss / self.targets.max(1) as f64
    }

    pub(super) fn ended(&self, settings: &TrainingSettings) -> bool {
        let epochs = self.validation_loss.len();
        epochs >= settings.max_epochs || epochs - self.best_epoch >= settings.patience && epochs > 0
    }

    pub(super) fn report(&self, steps_per_epoch: usize, parameters: usize) -> SequenceTrainingReport {
        SequenceTrainingReport {
            steps_per_epoch: steps_per_epoch as u64,
            parameters: parameters as u64,
            training_loss: self.training_loss.clone(),
            validation_loss: self.validation_loss.clone(),
            best_epoch: self.best_epoch,
        }
    }
}

/// The state of training beside the weights themselves.
pub(super) struct Saved {
    pub(super) counters: Counters,
    pub(super) adam: Adam,
    /// Per shard, the memory carried from chunk to chunk.
    pub(super) memory: Vec<Tensor>,
    /// The weights of the best epoch so far.
    pub(super) best: Vec<Tensor>,
}

impl Saved {
    pub(super) fn begin(parameters: &Parameters, adam: Adam, shards: usize, memory: &Tensor) -> Self {
        let counters = Counters {
            epoch: 1,
            chunks: 0,
            updates: 0,
            ran: 0,
            loss: 0.0,
            targets: 0,
            training_loss: Vec::new(),
            validation_loss: Vec::new(),
            best_epoch: 0,
        };
        let memory = (0..shards).map(|_| memory.copy()).collect();
        Self { counters, adam, memory, best: parameters.snapshot() }
    }

    /// Takes in the validation loss of the epoch that has ended.
    pub(super) fn end_epoch(&mut self, loss: f64, parameters: &Parameters) {
        let counters = &mut self.counters;
        counters.training_loss.push(counters.mean_loss());
        if counters.validation_loss.iter().all(|&earlier| loss < earlier) {
            counters.best_epoch = counters.epoch;
            self.best = parameters.snapshot();
        }
        counters.validation_loss.push(loss);
        (counters.epoch, counters.chunks, counters.ran) = (counters.epoch + 1, 0, 0);
        (counters.loss, counters.targets) = (0.0, 0);
        for memory in &mut self.memory {
            *memory = memory.zeros_like();
        }
    }

    /// Writes the checkpoint in place of the one before it, atomically.
    pub(super) fn save(&self, path: Option<&Path>, parameters: &Parameters) -> Result<()> {
        let Some(path) = path else { return Ok(()) };
        let counters = serde_json::to_vec(&self.counters).map_err(|e| ModelError::bad_file(path, e.to_string()))?;
        let mut tensors = vec![("counters".to_owned(), SavedTensor::bytes(&counters))];
        tensors.extend(parameters.saved("parameters.")?);
        tensors.extend(self.adam.saved("adam.")?);
        for (name, group) in [("memory", &self.memory), ("best", &self.best)] {
            for (place, tensor) in group.iter().enumerate() {
                tensors.push((format!("{name}.{place}"), SavedTensor::from_tensor(tensor)?));
            }
        }
        save_tensors(path, &tensors)
    }

    /// Reads what [`Self::save`] wrote.
    pub(super) fn load(&mut self, path: &Path, parameters: &mut Parameters) -> Result<()> {
        let file = TensorFile::open(path)?;
        self.counters =
            serde_json::from_slice(file.bytes("counters")?).map_err(|e| ModelError::bad_file(path, e.to_string()))?;
        parameters.load(&file, "parameters.")?;
        self.adam.load(&file, "adam.")?;
        for (name, group) in [("memory", &mut self.memory), ("best", &mut self.best)] {
            for (place, tensor) in group.iter_mut().enumerate() {
                file.copy_into(&format!("{name}.{place}"), tensor)?;
            }
        }
        Ok(())
    }
}
