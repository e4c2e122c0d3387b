//! Early stopping, and checkpoints between epochs, of baselines that are not trained by
//! [`train_sequences`](crate::user_state::train_sequences).

use tch::Tensor;

use crate::network::{Adam, Parameters};
use crate::user_state::training::Saved;
use crate::user_state::{SequenceTrainingReport, TrainingRun, TrainingWatcher};
use crate::{ModelError, Result};

pub(super) struct EarlyStopping {
    saved: Saved,
}

impl EarlyStopping {
    /// Before the first epoch, or where the run's checkpoint stands.
    pub(super) fn begin(parameters: &mut Parameters, run: &TrainingRun<'_>, steps_per_epoch: u64) -> Result<Self> {
        // These baselines carry nothing from chunk to chunk that outlives an epoch.
        let adam = Adam::new(parameters, run.settings.adam());
        let mut saved = Saved::begin(parameters, adam, 0, &Tensor::new());
        saved.counters.report.steps_per_epoch = steps_per_epoch;
        if let Some(path) = run.checkpoint.filter(|path| path.exists()) {
            saved.load(path, parameters)?;
        }
        Ok(Self { saved })
    }

    /// The epoch that begins now, from 1; none if training has ended.
    pub(super) fn next_epoch(&mut self, run: &TrainingRun<'_>) -> Option<usize> {
        let counters = &self.saved.counters;
        (!counters.report.ended(run.settings)).then(|| counters.epoch())
    }

    /// Moves of the weights so far.
    pub(super) fn updates(&self) -> u64 {
        self.saved.counters.updates
    }

    /// Moves the weights by the mean of a loss over its targets, if it has any, and takes in what was run through: the
    /// summed error of the targets, and the number of plays, sessions or users.
    pub(super) fn step(
        &mut self,
        run: &TrainingRun<'_>,
        parameters: &mut Parameters,
        (loss, error): (&Tensor, f64),
        targets: usize,
        ran: usize,
    ) -> Result<()> {
        let Saved { counters, adam, .. } = &mut self.saved;
        if targets > 0 {
            adam.set_learning_rate(counters.learning_rate(run.settings));
            adam.step(parameters, &loss.f_div_scalar(targets as f64)?)?;
        }
        counters.advance(error, targets, ran);
        let before = (counters.epoch() - 1) as u64 * counters.report.steps_per_epoch;
        run.progress.advance(before + counters.ran);
        Ok(())
    }

    /// Takes in the mean validation loss after an epoch.
    pub(super) fn end_epoch(
        &mut self,
        run: &TrainingRun<'_>,
        watcher: &mut dyn TrainingWatcher,
        parameters: &Parameters,
        validation: f64,
    ) -> Result<()> {
        let (epoch, training) = (self.saved.counters.epoch(), self.saved.counters.mean_loss());
        if !training.is_finite() || !validation.is_finite() {
            let problem = format!("{} diverged in epoch {epoch} (loss {training}); lower its learning_rate", run.name);
            return Err(ModelError::Diverged(problem));
        }
        self.saved.end_epoch(validation, parameters);
        watcher.scalar("user_state/epoch_loss", self.updates(), training)?;
        watcher.scalar("user_state/validation_loss", self.updates(), validation)?;
        run.progress.remark(&format!("epoch {epoch}, validation loss {validation:.4}"));
        self.saved.save(run.checkpoint, parameters)
    }

    /// Brings back the best weights.
    pub(super) fn finish(self, parameters: &mut Parameters) -> Result<SequenceTrainingReport> {
        parameters.restore(&self.saved.best)?;
        Ok(self.saved.counters.report)
    }
}
