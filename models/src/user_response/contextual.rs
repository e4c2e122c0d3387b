//! CWM, the contextual user model p(y | u, c, i) (Tomasi et al., KDD 2023): dense layers over session, track and
//! relation features, one logit per response, and a head for the end of the session.
//!
//! The responses depend on nothing that happened within the session, not even on the position: so, where sessions do
//! not end early, playing the remaining candidate of highest expected reward is optimal. The end of the session may
//! depend on the position, which enters that head alone.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use super::calibration::Calibrations;
use super::readout::{Readout, check_inputs, hidden_widths};
use super::rows::POSITION_FEATURES;
use super::{Predictions, ResponseModel, Rows};
use crate::network::{Dropout, Parameters};
use crate::tensors::{SavedTensor, TensorFile, save_tensors};
use crate::{ModelError, Result};

/// Rows that go through the network at once: enough to keep the products efficient, few enough to stay in cache. A
/// constant, so that results do not depend on the number of threads.
const CHUNK_ROWS: usize = 1024;

const FILE: &str = "user_model.safetensors";

/// Settings of CWM and its training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContextualSettings {
    /// Widths of the hidden layers (Tomasi et al. 2023: 500, 200, 200).
    pub hidden: Vec<usize>,
    /// Step size of Adam at the beginning; it falls evenly to 0 at the end of the last epoch.
    pub learning_rate: f64,
    /// Decoupled weight decay of Adam.
    pub weight_decay: f64,
    /// Share of the outputs of hidden layers that is left out in training.
    pub dropout: f64,
    /// Share of the inputs that is left out in training.
    pub input_dropout: f64,
    /// Plays per gradient step.
    pub batch: usize,
    /// Largest number of passes over the training plays.
    pub max_epochs: usize,
    /// Validations per pass: small logs are overfitted within one.
    pub validations_per_epoch: usize,
    /// Validations without a better loss after which training stops.
    pub patience: usize,
}

impl Default for ContextualSettings {
    fn default() -> Self {
        Self {
            hidden: vec![500, 200, 200],
            learning_rate: 1e-3,
            weight_decay: 0.01,
            dropout: 0.3,
            input_dropout: 0.1,
            batch: 512,
            max_epochs: 6,
            validations_per_epoch: 2,
            patience: 4,
        }
    }
}

impl ContextualSettings {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> Result<()> {
        let check =
            |holds, setting, problem: &str| if holds { Ok(()) } else { Err(ModelError::setting(setting, problem)) };
        let widths = self.hidden.iter().all(|width| (1..=1 << 16).contains(width));
        check(!self.hidden.is_empty() && widths, "user_model.hidden", "needs at least one width, each in 1..=65536")?;
        check(self.learning_rate > 0.0, "user_model.learning_rate", "must be above 0")?;
        check(self.weight_decay >= 0.0, "user_model.weight_decay", "must not be negative")?;
        check((0.0..1.0).contains(&self.dropout), "user_model.dropout", "must be in 0..1")?;
        check((0.0..1.0).contains(&self.input_dropout), "user_model.input_dropout", "must be in 0..1")?;
        check((1..=1 << 20).contains(&self.batch), "user_model.batch", "must be in 1..=1048576")?;
        check(self.max_epochs > 0, "user_model.max_epochs", "must be at least 1")?;
        check(
            (1..=1000).contains(&self.validations_per_epoch),
            "user_model.validations_per_epoch",
            "must be in 1..=1000",
        )
    }
}

/// The network.
pub struct ContextualModel {
    pub(super) readout: Readout,
    /// Weights `[1, POSITION_FEATURES]` of the position in the end-of-session logit.
    end_position: Tensor,
}

impl ContextualModel {
    /// A new network for rows of `inputs` features, and its parameters.
    pub fn new(hidden: &[usize], inputs: usize, seed: u64, device: Device) -> Result<(Self, Parameters)> {
        let mut parameters = Parameters::new(seed, device).with_small_weights();
        let readout = Readout::new(&mut parameters, inputs, 0, hidden)?;
        let end_position = parameters.zero_weight("end_position.weight", 1, POSITION_FEATURES)?;
        Ok((Self { readout, end_position }, parameters))
    }

    /// The same network with other calibrations of its heads.
    pub fn with_calibrations(mut self, calibrations: Calibrations) -> Self {
        self.readout.calibrations = calibrations;
        self
    }

    /// Another handle on the same network, for use on another thread.
    pub fn shallow_clone(&self) -> Self {
        Self { readout: self.readout.shallow_clone(), end_position: self.end_position.shallow_clone() }
    }

    /// The device it runs on.
    pub fn device(&self) -> Device {
        self.readout.device
    }

    /// Features per row.
    pub fn inputs(&self) -> usize {
        self.readout.inputs
    }

    /// Uncalibrated logits `[rows, 4]`.
    pub(super) fn logits(&self, features: &Tensor, positions: &Tensor, dropout: &mut Dropout) -> Result<Tensor> {
        let inputs = self.readout.scaled(features, dropout)?;
        let logits = self.readout.logits(&inputs, dropout)?;
        // Columns 0..3 get zeros: the position speaks to the end of the session alone.
        let end = positions.f_linear(&self.end_position, None::<&Tensor>)?.f_constant_pad_nd([3, 0])?;
        Ok(logits.f_add(&end)?)
    }

    /// Calibrated probabilities of rows, appended to `predictions`.
    pub fn predict(&self, rows: &Rows, predictions: &mut Vec<Predictions>) -> Result<()> {
        tch::no_grad(|| {
            for start in (0..rows.len()).step_by(CHUNK_ROWS) {
                let (features, positions) = rows.tensors(start..rows.len().min(start + CHUNK_ROWS), self.device())?;
                self.readout.append(&self.logits(&features, &positions, &mut Dropout::none())?, predictions)?;
            }
            Ok(())
        })
    }

    /// Writes the network into a folder.
    pub fn save(&self, parameters: &Parameters, folder: &Path) -> Result<()> {
        let mut tensors = parameters.saved("parameters.")?;
        tensors.push(("inputs".into(), SavedTensor::number(self.inputs() as u32)));
        tensors.extend(self.readout.saved()?);
        save_tensors(&folder.join(FILE), &tensors)
    }

    /// Reads what [`Self::save`] wrote, for rows of `inputs` features.
    pub fn load(folder: &Path, inputs: usize, device: Device) -> Result<Self> {
        let path = folder.join(FILE);
        let file = TensorFile::open(&path)?;
        check_inputs(&file, &path, inputs)?;
        let (mut model, mut parameters) = Self::new(&hidden_widths(&file)?, inputs, 0, device)?;
        parameters.load(&file, "parameters.")?;
        model.readout.load(&file, &path)?;
        Ok(model)
    }
}

impl ResponseModel for ContextualModel {
    fn sees_session(&self) -> bool {
        false
    }

    fn memory_length(&self) -> usize {
        0
    }

    fn play(&self, rows: &Rows, _memories: &mut [f32], predictions: &mut Vec<Predictions>) -> Result<()> {
        self.predict(rows, predictions)
    }

    fn candidates(&self, rows: &Rows, _memory: &[f32], predictions: &mut Vec<Predictions>) -> Result<()> {
        self.predict(rows, predictions)
    }

    fn another(&self) -> Box<dyn ResponseModel> {
        Box::new(self.shallow_clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Calibration;
    use super::*;

    fn rows(count: usize) -> Rows {
        let mut rows = Rows::default();
        for row in 0..count {
            let x = row as f32;
            rows.push(&[x.sin(), x.cos()], &[(2.0 * x).sin()], &[(3.0 * x).cos()], &[], row as u32 % 20);
        }
        rows
    }

    fn predict(model: &ContextualModel, rows: &Rows) -> Vec<Predictions> {
        let mut predictions = Vec::new();
        model.predict(rows, &mut predictions).unwrap();
        predictions
    }

    #[test]
    fn the_same_question_gets_the_same_answer_and_survives_the_disk() {
        let (mut model, parameters) = ContextualModel::new(&[8, 4], 4, 1, Device::Cpu).unwrap();
        model.readout.calibrations = [0.5, 1.0, 2.0, 1.5].map(|slope| Calibration { slope, offset: 0.1 * slope });
        let rows = rows(2 * CHUNK_ROWS + 3);
        let first = predict(&model, &rows);
        assert_eq!(first, predict(&model, &rows));
        assert_eq!(first.len(), rows.len());
        let folder = tempfile::tempdir().unwrap();
        model.save(&parameters, folder.path()).unwrap();
        let loaded = ContextualModel::load(folder.path(), 4, Device::Cpu).unwrap();
        assert_eq!(first, predict(&loaded, &rows));
        let message = ContextualModel::load(folder.path(), 5, Device::Cpu).err().unwrap().to_string();
        assert!(message.contains("features"), "{message}");
    }

    #[test]
    fn the_position_moves_the_end_of_the_session_alone() {
        let (mut model, _) = ContextualModel::new(&[8], 4, 1, Device::Cpu).unwrap();
        let _ = tch::no_grad(|| model.end_position.fill_(0.1));
        let mut rows = Rows::default();
        for position in [0, 9] {
            rows.push(&[0.1, 0.2], &[0.3], &[0.4], &[], position);
        }
        let predictions = predict(&model, &rows);
        assert_eq!(predictions[0][..3], predictions[1][..3]);
        assert_ne!(predictions[0][3], predictions[1][3]);
    }

    #[test]
    fn heads_reach_the_extremes() {
        let (mut model, _) = ContextualModel::new(&[8], 4, 1, Device::Cpu).unwrap();
        model.readout.calibrations = [Calibration { slope: 1e4, offset: 0.0 }; 4];
        let predictions = predict(&model, &rows(200));
        for head in 0..3 {
            assert!(predictions.iter().any(|p| p[head] < 1e-6) && predictions.iter().any(|p| p[head] > 1.0 - 1e-6));
        }
    }
}
