//! Keeps the best weights of baselines that are not trained by [`train_sequences`](crate::user_state::train_sequences).

use tch::Tensor;

use crate::network::Parameters;
use crate::user_state::{SequenceTrainingReport, TrainingRun, TrainingWatcher};
use crate::{ModelError, Result};

pub(super) struct EarlyStopping {
    report: SequenceTrainingReport,
    best: Vec<Tensor>,
}

impl EarlyStopping {
    pub(super) fn new(parameters: &Parameters, steps_per_epoch: u64) -> Self {
        let count = parameters.count() as u64;
        let report = SequenceTrainingReport { steps_per_epoch, parameters: count, ..Default::default() };
        Self { report, best: parameters.snapshot() }
    }

    /// The epoch that begins now, from 1; none if training has ended.
    pub(super) fn next_epoch(&self, run: &TrainingRun<'_>) -> Option<usize> {
        let epochs = self.report.validation_loss.len();
        let settings = run.settings;
        let ended = epochs >= settings.max_epochs || epochs > 0 && epochs - self.report.best_epoch >= settings.patience;
        (!ended).then_some(epochs + 1)
    }

    /// Takes in the mean losses per target of an epoch.
    pub(super) fn end_epoch(
        &mut self,
        run: &TrainingRun<'_>,
        watcher: &mut dyn TrainingWatcher,
        parameters: &Parameters,
        updates: u64,
        [training, validation]: [f64; 2],
    ) -> Result<()> {
        let epoch = self.report.validation_loss.len() + 1;
        if !training.is_finite() || !validation.is_finite() {
            let problem = format!("{} diverged in epoch {epoch} (loss {training}); lower its learning_rate", run.name);
            return Err(ModelError::Diverged(problem));
        }
        if self.report.validation_loss.iter().all(|&earlier| validation < earlier) {
            self.report.best_epoch = epoch;
            self.best = parameters.snapshot();
        }
        self.report.training_loss.push(training);
        self.report.validation_loss.push(validation);
        watcher.scalar("user_state/epoch_loss", updates, training)?;
        watcher.scalar("user_state/validation_loss", updates, validation)?;
        run.progress.remark(&format!("epoch {epoch}, validation loss {validation:.4}"));
        Ok(())
    }

    /// Brings back the best weights.
    pub(super) fn finish(self, parameters: &mut Parameters) -> Result<SequenceTrainingReport> {
        parameters.restore(&self.best)?;
        Ok(self.report)
    }
}
