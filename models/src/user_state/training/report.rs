//! How training went, and what follows from it.

use serde::{Deserialize, Serialize};

use super::TrainingSettings;

/// How training went, epoch by epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SequenceTrainingReport {
    /// Plays or sessions run through in one epoch.
    pub steps_per_epoch: u64,
    /// Trainable scalars.
    pub parameters: u64,
    /// Mean training loss per target of each epoch.
    pub training_loss: Vec<f64>,
    /// Mean validation loss per target after each epoch.
    pub validation_loss: Vec<f64>,
    /// The epoch whose weights were kept, from 1.
    pub best_epoch: usize,
}

impl SequenceTrainingReport {
    /// Whether training ends here.
    pub(in crate::user_state) fn ended(&self, settings: &TrainingSettings) -> bool {
        let epochs = self.validation_loss.len();
        epochs >= settings.max_epochs || epochs > 0 && epochs - self.best_epoch >= settings.patience
    }

    /// Takes in the losses of an epoch. Answers whether its weights are the best so far.
    pub(in crate::user_state) fn end_epoch(&mut self, training: f64, validation: f64) -> bool {
        let best = self.validation_loss.iter().all(|&earlier| validation < earlier);
        self.training_loss.push(training);
        self.validation_loss.push(validation);
        if best {
            self.best_epoch = self.validation_loss.len();
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_ends_where_the_loss_no_longer_falls_and_after_the_last_epoch() {
        let settings = TrainingSettings { patience: 2, ..Default::default() };
        let mut report = SequenceTrainingReport::default();
        let mut best = Vec::new();
        for loss in [5.0, 4.0, 4.0, 3.0, 3.5, 3.1] {
            assert!(!report.ended(&settings));
            best.push(report.end_epoch(9.0, loss));
        }
        assert_eq!(best, [true, true, false, true, false, false]);
        assert!(report.ended(&settings) && report.best_epoch == 4);
        assert!(report.ended(&TrainingSettings { max_epochs: 6, patience: 9, ..settings }));
    }
}
