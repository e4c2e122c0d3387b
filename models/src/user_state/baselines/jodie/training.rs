//! Trains JODIE: Adam after each window of plays, early stopping on the validation split.

use super::Jodie;
use crate::ModelError;
use crate::Result;
use crate::network::{Adam, Parameters};
use crate::splits::Split;
use crate::user_state::baselines::early_stopping::EarlyStopping;
use crate::user_state::baselines::one_thread::on_one_thread;
use crate::user_state::{SequenceTrainingReport, TrainingRun, TrainingWatcher};

impl Jodie<'_> {
    /// Trains until the squared error on the validation split no longer falls, and leaves the best weights in `parameters`.
    /// The losses reported are that error, without the changes of embeddings. Of the run's
    /// settings `lanes`, `steps` and `checkpoint_every` are not looked at, and no checkpoint is written: training that
    /// the watcher stopped gives nothing, and begins anew. Plays come in order of time in every epoch, so that the seed
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
        let mut adam = Adam::new(parameters, run.settings.adam());
        let mut stopping = EarlyStopping::new(parameters, steps as u64);
        let mut moment = self.beginning();
        let mut updates = 0;
        run.progress.begin(run.name, (steps * run.settings.max_epochs) as u64, "plays");
        while let Some(epoch) = stopping.next_epoch(run) {
            moment.forget();
            let (mut sum, mut targets, mut ran) = (0.0, 0, (epoch - 1) * steps);
            let ended = self.for_each_window(Split::Train, &mut moment, &mut |window| {
                if watcher.interrupted() {
                    return Ok(false);
                }
                sum += window.error.f_double_value(&[])?;
                targets += window.targets;
                ran += window.interactions.len();
                if window.targets > 0 {
                    adam.step(parameters, &window.loss.f_div_scalar(window.targets as f64)?)?;
                    updates += 1;
                }
                run.progress.advance(ran as u64);
                Ok(true)
            })?;
            if !ended {
                return Ok(None);
            }
            let losses = [sum / targets.max(1) as f64, self.validation_error()?];
            stopping.end_epoch(run, watcher, parameters, updates, losses)?;
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
