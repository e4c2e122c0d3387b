//! Trains JODIE: Adam after each window of plays, early stopping on the validation split.

use super::Jodie;
use crate::ModelError;
use crate::Result;
use crate::network::Parameters;
use crate::splits::Split;
use crate::user_state::baselines::early_stopping::EarlyStopping;
use crate::user_state::baselines::one_thread::on_one_thread;
use crate::user_state::{SequenceTrainingReport, TrainingRun, TrainingWatcher};

impl Jodie<'_> {
    /// Trains until the squared error on the validation split no longer falls, and leaves the best weights in `parameters`.
    /// The losses reported are that error, without the changes of embeddings. Of the run's
    /// settings `lanes`, `steps` and `checkpoint_every` are not looked at. A checkpoint is written after each epoch;
    /// training that the watcher stopped gives nothing, and goes on from there. Plays come in order of time in every epoch, so that the seed
    /// has a part in the first weights alone.
    pub fn train(
        &self,
        parameters: &mut Parameters,
        run: &TrainingRun<'_>,
        watcher: &mut dyn TrainingWatcher,
    ) -> Result<Option<SequenceTrainingReport>> {
        run.settings.validate()?;
        on_one_thread(|| self.train_here(parameters, run, watcher))
    }

    fn train_here(
        &self,
        parameters: &mut Parameters,
        run: &TrainingRun<'_>,
        watcher: &mut dyn TrainingWatcher,
    ) -> Result<Option<SequenceTrainingReport>> {
        let steps = self.size(Split::Train);
        if steps == 0 || self.size(Split::Validation) == steps {
            let problem = "JODIE needs listeners with training and validation sessions; import more logs";
            return Err(ModelError::TooLittleData(problem.into()));
        }
        let mut stopping = EarlyStopping::begin(parameters, run, steps as u64)?;
        let mut moment = self.beginning();
        run.progress.begin(run.name, (steps * run.settings.max_epochs) as u64, "plays");
        while stopping.next_epoch(run).is_some() {
            moment.forget();
            let ended = self.for_each_window(Split::Train, &mut moment, &mut |window| {
                if watcher.interrupted() {
                    return Ok(false);
                }
                let error = window.error.f_double_value(&[])?;
                let ran = window.interactions.len();
                stopping.step(run, parameters, (&window.loss, error), window.targets, ran)?;
                Ok(true)
            })?;
            if !ended {
                return Ok(None);
            }
            let validation = self.validation_error()?;
            stopping.end_epoch(run, watcher, parameters, validation)?;
        }
        run.progress.end();
        Ok(Some(stopping.finish(parameters)?))
    }

    /// Mean squared error of the validation's targets.
    fn validation_error(&self) -> Result<f64> {
        tch::no_grad(|| {
            let (mut sum, mut targets) = (0.0, 0);
            self.for_each_window(Split::Validation, &mut self.beginning(), &mut |window| {
                sum += window.error.f_double_value(&[])?;
                targets += window.targets;
                Ok(true)
            })?;
            Ok(sum / targets.max(1) as f64)
        })
    }
}
