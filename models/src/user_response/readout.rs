//! What all user models share around what is their own: inputs brought to scale, dense layers, heads and their calibration.

use std::path::Path;

use tch::{Device, Tensor};

use super::calibration::{self, Calibrations};
use super::standardization::Standardization;
use super::{HEADS, Predictions};
use crate::network::{Dense, DenseStack, Dropout, Parameters};
use crate::tensors::{SavedTensor, TensorFile};
use crate::{ModelError, Result};

/// Dense layers and one logit per head over plays and, where the model sees the session, what it made of the session so far.
pub(super) struct Readout {
    pub(super) device: Device,
    /// Features per row.
    pub(super) inputs: usize,
    hidden: Vec<usize>,
    pub(super) standardization: Standardization,
    pub(super) stack: DenseStack,
    pub(super) heads: Dense,
    pub(super) calibrations: Calibrations,
}

impl Readout {
    /// Layers of the widths `hidden` over rows of `inputs` features and `above` numbers beside them.
    pub(super) fn new(parameters: &mut Parameters, inputs: usize, above: usize, hidden: &[usize]) -> Result<Self> {
        let stack = DenseStack::new(parameters, "hidden", inputs + above, hidden)?;
        let last = hidden.last().copied().unwrap_or(inputs + above);
        let heads = Dense::new(parameters, "heads", last, HEADS.len())?;
        let device = parameters.device();
        let standardization = Standardization::none(inputs, device)?;
        let (hidden, calibrations) = (hidden.to_vec(), Calibrations::default());
        Ok(Self { device, inputs, hidden, standardization, stack, heads, calibrations })
    }

    /// Another handle on the same layers, for use on another thread.
    pub(super) fn shallow_clone(&self) -> Self {
        Self {
            device: self.device,
            inputs: self.inputs,
            hidden: self.hidden.clone(),
            standardization: self.standardization.shallow_clone(),
            stack: self.stack.shallow_clone(),
            heads: self.heads.shallow_clone(),
            calibrations: self.calibrations,
        }
    }

    /// Starts the heads at given base rates.
    pub(super) fn set_base_rates(&mut self, rates: &Predictions) -> Result<()> {
        self.heads.set_bias(&rates.map(|rate| (rate / (1.0 - rate)).ln()))
    }

    /// Rows `[..., inputs]` brought to scale, some of them left out in training.
    pub(super) fn scaled(&self, rows: &Tensor, dropout: &mut Dropout) -> Result<Tensor> {
        dropout.inputs(&self.standardization.apply(rows)?)
    }

    /// Uncalibrated logits of plays, brought to scale, and of what the model made of the sessions so far.
    pub(super) fn logits_beside(&self, plays: &Tensor, sessions: &Tensor, dropout: &mut Dropout) -> Result<Tensor> {
        self.logits(&Tensor::f_cat(&[plays, sessions], -1)?, dropout)
    }

    /// Uncalibrated logits of all that goes into the dense layers.
    pub(super) fn logits(&self, seen: &Tensor, dropout: &mut Dropout) -> Result<Tensor> {
        self.heads.forward(&self.stack.forward_dropping(seen, dropout)?)
    }

    /// Appends the calibrated probabilities of logits.
    pub(super) fn append(&self, logits: &Tensor, predictions: &mut Vec<Predictions>) -> Result<()> {
        let logits = Vec::<f32>::try_from(logits.f_reshape([-1])?)?;
        calibration::predict(&self.calibrations, &logits, predictions);
        Ok(())
    }

    /// What a model's file holds of it beside its parameters.
    pub(super) fn saved(&self) -> Result<[(String, SavedTensor<'static>); 3]> {
        Ok([
            ("hidden_widths".into(), saved_sizes(&self.hidden)),
            ("standardization".into(), self.standardization.saved()?),
            ("calibration".into(), calibration::saved(&self.calibrations)),
        ])
    }

    /// Reads what [`Self::saved`] gave, into layers of [`hidden_widths`].
    pub(super) fn load(&mut self, file: &TensorFile, path: &Path) -> Result<()> {
        self.standardization = Standardization::load(file, self.inputs, path, self.device)?;
        self.calibrations = calibration::load(file, path)?;
        Ok(())
    }
}

/// Refuses a model of rows of another length.
pub(super) fn check_inputs(file: &TensorFile, path: &Path, inputs: usize) -> Result<()> {
    let found = file.integers("inputs")?;
    if found != [inputs as u32] {
        let problem = format!("expects rows of {found:?} features, but the features have {inputs}");
        return Err(ModelError::bad_file(path, problem));
    }
    Ok(())
}

/// Sizes for a file.
pub(super) fn saved_sizes(sizes: &[usize]) -> SavedTensor<'static> {
    let sizes: Vec<u32> = sizes.iter().map(|&size| size as u32).collect();
    SavedTensor::integers(&[sizes.len()], &sizes).into_owned()
}

/// Sizes from a file.
pub(super) fn sizes(file: &TensorFile, name: &str) -> Result<Vec<usize>> {
    Ok(file.integers(name)?.iter().map(|&size| size as usize).collect())
}

/// Widths of a saved model's dense layers.
pub(super) fn hidden_widths(file: &TensorFile) -> Result<Vec<usize>> {
    sizes(file, "hidden_widths")
}
