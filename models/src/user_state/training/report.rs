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

    /// The step size of the epoch that comes.
    pub(in crate::user_state) fn learning_rate(&self, settings: &TrainingSettings) -> f64 {
        let mut lowest = f64::INFINITY;
        let mut learning_rate = settings.learning_rate;
        for &loss in &self.validation_loss {
            if loss >= lowest {
                learning_rate *= settings.learning_rate_fall;
            }
            lowest = lowest.min(loss);
        }
        learning_rate
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
    fn steps_grow_smaller_where_the_loss_does_not_fall_and_training_ends_where_it_never_does() {
        let settings =
            TrainingSettings { learning_rate: 8.0, learning_rate_fall: 0.5, patience: 2, ..Default::default() };
        let mut report = SequenceTrainingReport::default();
        let mut found = Vec::new();
        for loss in [5.0, 4.0, 4.0, 3.0, 3.5, 3.1] {
            assert!(!report.ended(&settings));
            found.push((report.learning_rate(&settings), report.end_epoch(9.0, loss)));
        }
        assert_eq!(found, [(8.0, true), (8.0, true), (8.0, false), (4.0, true), (4.0, false), (2.0, false)]);
        assert!(report.ended(&settings) && report.best_epoch == 4);
        assert!(report.ended(&TrainingSettings { max_epochs: 6, patience: 9, ..settings }));
    }
}
