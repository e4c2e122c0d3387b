//! SWM, the sequential user model p(y_t | y_<t, i_<=t, u, c) (Tomasi et al., KDD 2023): LSTM layers over the plays of a
//! session, each with the responses to the one before, then one logit per response, and one for the end of the session.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::calibration::{self, Calibrations};
use super::{HEADS, PackedSequentialModel, Predictions, ResponseModel, Rows};
use crate::features::SO_FAR_FEATURES;
use crate::network::{Cell, Dense, Parameters, Recurrent};
use crate::tensors::{SavedTensor, TensorFile, save_tensors};
use crate::{ModelError, Result};

/// Sessions that take a step together.
const BLOCK_ROWS: usize = 64;

const FILE: &str = "sequential_model.safetensors";

/// Settings of SWM and its training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SequentialSettings {
    /// Units of the LSTM layers (Tomasi et al. 2023: 500, 200, 200).
    pub lstm: Vec<usize>,
    /// Step size of Adam at the beginning; it falls evenly to 0 at the end of the last epoch.
    pub learning_rate: f64,
    /// Decoupled weight decay of Adam.
    pub weight_decay: f64,
    /// Sessions per gradient step.
    pub batch: usize,
    /// Largest number of passes over the training sessions.
    pub max_epochs: usize,
    /// Validations per pass.
    pub validations_per_epoch: usize,
    /// Validations without a better loss after which training stops.
    pub patience: usize,
}

impl Default for SequentialSettings {
    fn default() -> Self {
        Self {
            lstm: vec![500, 200, 200],
            learning_rate: 1e-3,
            weight_decay: 0.3,
            batch: 64,
            max_epochs: 6,
            validations_per_epoch: 2,
            patience: 4,
        }
    }
}

impl SequentialSettings {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> Result<()> {
        let check =
            |holds, setting, problem: &str| if holds { Ok(()) } else { Err(ModelError::setting(setting, problem)) };
        let units = self.lstm.iter().all(|units| (1..=1 << 14).contains(units));
        let layers = "needs at least one layer, each of 1..=16384 units";
        check(!self.lstm.is_empty() && units, "user_model.sequential.lstm", layers)?;
        check(self.learning_rate > 0.0, "user_model.sequential.learning_rate", "must be above 0")?;
        check(self.weight_decay >= 0.0, "user_model.sequential.weight_decay", "must not be negative")?;
        check((1..=1 << 16).contains(&self.batch), "user_model.sequential.batch", "must be in 1..=65536")?;
        check(self.max_epochs > 0, "user_model.sequential.max_epochs", "must be at least 1")?;
        let validations = (1..=1000).contains(&self.validations_per_epoch);
        check(validations, "user_model.sequential.validations_per_epoch", "must be in 1..=1000")
    }
}

/// The network.
pub struct SequentialModel {
    device: Device,
    inputs: usize,
    units: Vec<usize>,
    layers: Vec<Recurrent>,
    /// Logits of the responses from the last layer.
    responses: Dense,
    /// The logit of the session's end from the last layer and the session so far.
    session_end: Dense,
    pub(super) calibrations: Calibrations,
}

impl SequentialModel {
    /// A new network for rows of `inputs` features, and its parameters.
    pub fn new(units: &[usize], inputs: usize, seed: u64, device: Device) -> Result<(Self, Parameters)> {
        let mut parameters = Parameters::new(seed, device);
        let mut layers = Vec::with_capacity(units.len());
        let mut width = inputs;
        for (number, &units) in units.iter().enumerate() {
            layers.push(Recurrent::new(&mut parameters, &format!("lstm{number}"), Cell::Lstm, width, units, 1)?);
            width = units;
        }
        let responses = Dense::new(&mut parameters, "responses", width, HEADS.len() - 1)?;
        let session_end = Dense::new(&mut parameters, "session_end", width + SO_FAR_FEATURES, 1)?;
        let (units, calibrations) = (units.to_vec(), Calibrations::default());
        Ok((Self { device, inputs, units, layers, responses, session_end, calibrations }, parameters))
    }

    /// Another handle on the same network, for use on another thread.
    pub fn shallow_clone(&self) -> Self {
        Self {
            device: self.device,
            inputs: self.inputs,
            units: self.units.clone(),
            layers: self.layers.iter().map(Recurrent::shallow_clone).collect(),
            responses: self.responses.shallow_clone(),
            session_end: self.session_end.shallow_clone(),
            calibrations: self.calibrations,
        }
    }

    /// The device it runs on.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Features per row.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The LSTM layers, the heads of the responses, and that of the session's end.
    pub(super) fn layers(&self) -> (&[Recurrent], &Dense, &Dense) {
        (&self.layers, &self.responses, &self.session_end)
    }

    /// The same model for use in simulation: with weights laid out on the CPU, as it is on a GPU.
    pub fn for_simulation(&self) -> Result<Box<dyn ResponseModel>> {
        Ok(match self.device {
            Device::Cpu => Box::new(PackedSequentialModel::new(self)?),
            _ => self.another(),
        })
    }

    /// Starts the heads at given base rates.
    pub(super) fn set_base_rates(&mut self, rates: &Predictions) -> Result<()> {
        let [complete, skip, past, end] = rates.map(|rate| (rate / (1.0 - rate)).ln());
        self.responses.set_bias(&[complete, skip, past])?;
        self.session_end.set_bias(&[end])
    }

    /// Memory of `rows` sessions that have just begun, `[rows, memory_length]`.
    pub(super) fn no_memory(&self, rows: usize) -> Result<Tensor> {
        Ok(Tensor::f_zeros([rows as i64, self.memory_length() as i64], (Kind::Float, self.device))?)
    }

    /// Uncalibrated logits `[steps, rows, 4]` of plays `[steps, rows, inputs]`, and the memory after them.
    pub(super) fn logits(&self, plays: &Tensor, memory: &Tensor) -> Result<(Tensor, Tensor)> {
        let mut outputs = plays.shallow_clone();
        let mut after = Vec::with_capacity(self.layers.len());
        for (layer, state) in self.layers.iter().zip(self.states(memory)?) {
            let (above, state) = layer.forward(&outputs, &state)?;
            outputs = above;
            after.push(state);
        }
        Ok((self.heads(&outputs, plays)?, Tensor::f_cat(&after, 1)?))
    }

    /// Logits of outputs of the last layer and the rows that they were made of. The end of the session does not shape what the
    /// layers learn: it tells so little that they would learn it by heart.
    fn heads(&self, outputs: &Tensor, plays: &Tensor) -> Result<Tensor> {
        let so_far = plays.f_narrow(-1, (self.inputs - SO_FAR_FEATURES) as i64, SO_FAR_FEATURES as i64)?;
        let session_end = self.session_end.forward(&Tensor::f_cat(&[outputs.f_detach()?, so_far], -1)?)?;
        Ok(Tensor::f_cat(&[self.responses.forward(outputs)?, session_end], -1)?)
    }

    /// The layers' parts of a memory.
    fn states(&self, memory: &Tensor) -> Result<Vec<Tensor>> {
        let mut start = 0;
        let part = |layer: &Recurrent| {
            let length = layer.state_length() as i64;
            start += length;
            Ok(memory.f_narrow(1, start - length, length)?)
        };
        self.layers.iter().map(part).collect()
    }

    fn predict(&self, logits: &Tensor, predictions: &mut Vec<Predictions>) -> Result<()> {
        let logits = Vec::<f32>::try_from(logits.f_reshape([-1])?)?;
        calibration::predict(&self.calibrations, &logits, predictions);
        Ok(())
    }

    /// `values` as rows of a tensor.
    fn block(&self, values: &[f32], width: usize) -> Result<Tensor> {
        Ok(Tensor::f_from_slice(values)?.f_reshape([-1, width as i64])?.f_to_device(self.device)?)
    }

    /// Writes the network into a folder.
    pub fn save(&self, parameters: &Parameters, folder: &Path) -> Result<()> {
        let units: Vec<u32> = self.units.iter().map(|&units| units as u32).collect();
        let mut tensors = parameters.saved("parameters.")?;
        tensors.push(("inputs".into(), SavedTensor::number(self.inputs as u32)));
        tensors.push(("lstm_units".into(), SavedTensor::integers(&[units.len()], &units)));
        tensors.push(("calibration".into(), calibration::saved(&self.calibrations)));
        save_tensors(&folder.join(FILE), &tensors)
    }

    /// Reads what [`Self::save`] wrote, for rows of `inputs` features.
    pub fn load(folder: &Path, inputs: usize, device: Device) -> Result<Self> {
        let path = folder.join(FILE);
        let file = TensorFile::open(&path)?;
        let found = file.integers("inputs")?;
        if found != [inputs as u32] {
            let problem = format!("expects rows of {found:?} features, but the features have {inputs}");
            return Err(ModelError::bad_file(&path, problem));
        }
        let units: Vec<usize> = file.integers("lstm_units")?.iter().map(|&units| units as usize).collect();
        let (mut model, mut parameters) = Self::new(&units, inputs, 0, device)?;
        parameters.load(&file, "parameters.")?;
        model.calibrations = calibration::load(&file, &path)?;
        Ok(model)
    }
}

impl ResponseModel for SequentialModel {
    fn sees_session(&self) -> bool {
        true
    }

    fn memory_length(&self) -> usize {
        self.layers.iter().map(Recurrent::state_length).sum()
    }

    fn play(&self, rows: &Rows, memories: &mut [f32], predictions: &mut Vec<Predictions>) -> Result<()> {
        let length = self.memory_length();
        tch::no_grad(|| {
            for (block, memories) in memories.chunks_mut(BLOCK_ROWS * length).enumerate() {
                let start = block * BLOCK_ROWS;
                let count = memories.len() / length;
                let plays = self.block(rows.features(start..start + count), self.inputs)?;
                let (logits, after) = self.logits(&plays.f_unsqueeze(0)?, &self.block(memories, length)?)?;
                self.predict(&logits, predictions)?;
                after.f_reshape([-1])?.f_to_device(Device::Cpu)?.f_copy_data(memories, memories.len())?;
            }
            Ok(())
        })
    }

    fn candidates(&self, rows: &Rows, memory: &[f32], predictions: &mut Vec<Predictions>) -> Result<()> {
        tch::no_grad(|| {
            let memory = Tensor::f_from_slice(memory)?.f_unsqueeze(0)?.f_to_device(self.device)?;
            let (plays, _) = rows.tensors(0..rows.len(), self.device)?;
            let mut outputs = plays.shallow_clone();
            for (layer, state) in self.layers.iter().zip(self.states(&memory)?) {
                outputs = layer.alternatives(&outputs, &state)?;
            }
            self.predict(&self.heads(&outputs, &plays)?, predictions)
        })
    }

    fn another(&self) -> Box<dyn ResponseModel> {
        Box::new(self.shallow_clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Calibration;
    use super::*;
    use crate::test_values::{assert_near, fill, filled, gradient_sums, values};

    fn rows(count: usize, inputs: usize, start: f32) -> Rows {
        let mut rows = Rows::default();
        for row in 0..count {
            let features: Vec<f32> = (0..inputs).map(|k| (start + (row * inputs + k) as f32 * 0.7).sin()).collect();
            rows.push(&features, &[], &[], &[], 0);
        }
        rows
    }

    /// The numbers are PyTorch's:
    /// ```python
    /// import torch
    /// def fill(shape, start):
    ///     n = torch.Size(shape).numel()
    ///     return (torch.sin(torch.arange(n, dtype=torch.float64) * .7 + start)).float().reshape(shape) * .5
    /// a, b, heads, end = torch.nn.LSTM(21, 4), torch.nn.LSTM(4, 2), torch.nn.Linear(2, 3), torch.nn.Linear(21, 1)
    /// parameters = [*a.parameters(), *b.parameters(), *heads.parameters(), *end.parameters()]
    /// with torch.no_grad():
    ///     for place, p in enumerate(parameters): p.copy_(fill(p.shape, place))
    /// x = fill((5, 2, 21), 9.); h = b(a(x)[0])[0]
    /// logits = torch.cat([heads(h), end(torch.cat([h.detach(), x[..., 2:]], -1))], -1)
    /// y = (fill((5, 2, 4), 3.) > 0).float()
    /// torch.nn.functional.binary_cross_entropy_with_logits(logits, y, reduction="sum").backward()
    /// print(logits[-1].flatten().tolist(), [p.grad.sum().item() for p in parameters])
    /// ```
    #[test]
    fn agrees_with_pytorch() {
        let (model, mut parameters) = SequentialModel::new(&[4, 2], 21, 0, Device::Cpu).unwrap();
        fill(&mut parameters);
        let (logits, _) = model.logits(&filled(&[5, 2, 21], 9.0), &model.no_memory(2).unwrap()).unwrap();
        assert_near(
            &values(&logits.select(0, 4)),
            &[0.195427, -0.071028, -0.381236, -2.702566, 0.177481, -0.067047, -0.361936, 1.602494],
        );
        let targets = filled(&[5, 2, 4], 3.0).gt(0.0).to_kind(Kind::Float);
        let loss =
            logits.binary_cross_entropy_with_logits(&targets, None::<&Tensor>, None::<&Tensor>, tch::Reduction::Sum);
        assert_near(
            &gradient_sums(&parameters, &loss),
            &[
                -0.00244, 0.001372, 0.002118, 0.002118, 0.027699, 0.004647, 0.014522, 0.014522, 0.158069, -1.6731,
                -1.169766, -0.033853,
            ],
        );
    }

    fn small_model() -> (SequentialModel, Parameters) {
        let (mut model, parameters) = SequentialModel::new(&[20, 5], 21, 1, Device::Cpu).unwrap();
        model.calibrations = [0.5, 1.0, 2.0, 1.5].map(|slope| Calibration { slope, offset: 0.1 * slope });
        (model, parameters)
    }

    /// One play at a time, by libtorch and by hand, against one run over each whole session.
    #[test]
    fn carried_memories_give_what_one_run_gives() {
        let (model, _) = small_model();
        let packed = PackedSequentialModel::new(&model).unwrap();
        assert_eq!(packed.memory_length(), model.memory_length());
        let sessions = BLOCK_ROWS + 7;
        let length = model.memory_length();
        let [found, by_hand] = [&model as &dyn ResponseModel, &packed].map(|model| {
            let (mut memories, mut predictions) = (vec![0.0; sessions * length], Vec::new());
            (0..4).for_each(|step| {
                model.play(&rows(sessions, 21, step as f32), &mut memories, &mut predictions).unwrap();
            });
            predictions
        });
        for session in [0, 3, BLOCK_ROWS, sessions - 1] {
            let features: Vec<f32> = (0..4)
                .flat_map(|step| rows(sessions, 21, step as f32).features(session..session + 1).to_vec())
                .collect();
            let plays = Tensor::from_slice(&features).reshape([4, 1, 21]);
            let (logits, _) = model.logits(&plays, &model.no_memory(1).unwrap()).unwrap();
            let (mut alone, mut alone_found) = (vec![0.0; length], Vec::new());
            for (step, expected) in values(&logits).chunks(4).enumerate() {
                let place = step * sessions + session;
                for head in 0..4 {
                    let expected = model.calibrations[head].probability(expected[head] as f32);
                    assert!((found[place][head] - expected).abs() < 1e-6);
                    assert!((by_hand[place][head] - expected).abs() < 1e-6);
                }
                let mut row = Rows::default();
                row.push(&features[step * 21..][..21], &[], &[], &[], 0);
                packed.play(&row, &mut alone, &mut alone_found).unwrap();
                assert_eq!(alone_found[step], by_hand[place], "no bit depends on the other sessions");
            }
        }
    }

    #[test]
    fn candidates_are_told_what_they_would_be_told_if_played() {
        let (model, parameters) = small_model();
        let packed = PackedSequentialModel::new(&model).unwrap();
        let mut memory = vec![0.0; model.memory_length()];
        model.play(&rows(1, 21, 2.0), &mut memory, &mut Vec::new()).unwrap();
        let candidates = rows(BLOCK_ROWS + 9, 21, 4.0);
        let (mut found, mut by_hand) = (Vec::new(), Vec::new());
        model.candidates(&candidates, &memory, &mut found).unwrap();
        packed.candidates(&candidates, &memory, &mut by_hand).unwrap();
        for (candidate, (found, by_hand)) in found.iter().zip(&by_hand).enumerate() {
            let mut row = Rows::default();
            row.push(candidates.features(candidate..candidate + 1), &[], &[], &[], 0);
            let mut played = Vec::new();
            model.play(&row, &mut memory.clone(), &mut played).unwrap();
            assert!(found.iter().zip(played[0]).all(|(a, b)| (a - b).abs() < 1e-6));
            assert!(by_hand.iter().zip(played[0]).all(|(a, b)| (a - b).abs() < 1e-6));
        }
        let folder = tempfile::tempdir().unwrap();
        model.save(&parameters, folder.path()).unwrap();
        let mut loaded = Vec::new();
        let model = SequentialModel::load(folder.path(), 21, Device::Cpu).unwrap();
        model.candidates(&candidates, &memory, &mut loaded).unwrap();
        assert_eq!(loaded, found);
        let message = SequentialModel::load(folder.path(), 22, Device::Cpu).err().unwrap().to_string();
        assert!(message.contains("features"), "{message}");
    }
}
