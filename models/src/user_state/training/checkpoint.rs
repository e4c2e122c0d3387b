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
pub(in crate::user_state) struct Counters {
    /// Chunks of this epoch that have been run through.
    pub(in crate::user_state) chunks: u64,
    /// Moves of the weights.
    pub(in crate::user_state) updates: u64,
    /// Plays or sessions of this epoch run through.
    pub(in crate::user_state) ran: u64,
    loss: f64,
    targets: u64,
    /// The epochs that have ended.
    pub(in crate::user_state) report: SequenceTrainingReport,
}

impl Counters {
    /// The epoch under way, from 1.
    pub(in crate::user_state) fn epoch(&self) -> usize {
        self.report.validation_loss.len() + 1
    }

    /// Takes in a chunk: its summed loss, its targets, and the plays or sessions run through.
    pub(in crate::user_state) fn advance(&mut self, loss: f64, targets: usize, ran: usize) {
        self.chunks += 1;
        self.updates += 1;
        self.ran += ran as u64;
        self.loss += loss;
        self.targets += targets as u64;
    }

    /// The step size of the next move of the weights.
    pub(in crate::user_state) fn learning_rate(&self, settings: &TrainingSettings) -> f64 {
        let of_epoch = self.ran as f64 / self.report.steps_per_epoch.max(1) as f64;
        let epochs = (self.epoch() - 1) as f64 + of_epoch.min(1.0);
        settings.learning_rate * (1.0 - epochs / settings.max_epochs as f64)
    }

    /// Mean training loss per target of this epoch so far.
    pub(in crate::user_state) fn mean_loss(&self) -> f64 {
        self.loss / self.targets.max(1) as f64
    }
}

/// The state of training beside the weights themselves.
pub(in crate::user_state) struct Saved {
    pub(in crate::user_state) counters: Counters,
    pub(in crate::user_state) adam: Adam,
    /// Per shard, the memory carried from chunk to chunk.
    pub(in crate::user_state) memory: Vec<Tensor>,
    /// The weights of the best epoch so far.
    pub(in crate::user_state) best: Vec<Tensor>,
}

impl Saved {
    /// Before the first epoch, with `memory` for each of the shards.
    pub(in crate::user_state) fn begin(parameters: &Parameters, adam: Adam, shards: usize, memory: &Tensor) -> Self {
        let report = SequenceTrainingReport { parameters: parameters.count() as u64, ..Default::default() };
        let counters = Counters { chunks: 0, updates: 0, ran: 0, loss: 0.0, targets: 0, report };
        let memory = (0..shards).map(|_| memory.copy()).collect();
        Self { counters, adam, memory, best: parameters.snapshot() }
    }

    /// Takes in the validation loss of the epoch that has ended.
    pub(in crate::user_state) fn end_epoch(&mut self, loss: f64, parameters: &Parameters) {
        let counters = &mut self.counters;
        if counters.report.end_epoch(counters.mean_loss(), loss) {
            self.best = parameters.snapshot();
        }
        (counters.chunks, counters.ran) = (0, 0);
        (counters.loss, counters.targets) = (0.0, 0);
        for memory in &mut self.memory {
            *memory = memory.zeros_like();
        }
    }

    /// Writes the checkpoint in place of the one before it, atomically.
    pub(in crate::user_state) fn save(&self, path: Option<&Path>, parameters: &Parameters) -> Result<()> {
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
    pub(in crate::user_state) fn load(&mut self, path: &Path, parameters: &mut Parameters) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_grow_evenly_smaller_down_to_nothing() {
        let settings = TrainingSettings { learning_rate: 8.0, max_epochs: 4, ..Default::default() };
        let report = SequenceTrainingReport { steps_per_epoch: 10, ..Default::default() };
        let mut counters = Counters { chunks: 0, updates: 0, ran: 0, loss: 0.0, targets: 0, report };
        let mut found = Vec::new();
        for (ended, ran) in [(0, 0), (0, 5), (1, 0), (3, 5), (3, 10)] {
            counters.report.validation_loss = vec![1.0; ended];
            counters.ran = ran;
            found.push(counters.learning_rate(&settings));
        }
        assert_eq!(found, [8.0, 7.0, 6.0, 1.0, 0.0]);
    }
}
