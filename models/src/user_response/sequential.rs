//! SWM, the sequential user model p(y_t | y_<t, i_<=t, u, c) (Tomasi et al., KDD 2023): LSTM layers over the plays of a
//! session, each with the responses to the one before; dense layers over what they give and the play itself; then one logit
//! per response, and one for the end of the session.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use super::calibration::Calibrations;
use super::readout::{Readout, check_inputs, hidden_widths, saved_sizes, sizes};
use super::sessions::{SessionNetwork, play_in_blocks};
use super::{PackedSequentialModel, Predictions, ResponseModel, Rows};
use crate::network::{Cell, Dropout, Parameters, Precision, Recurrent};
use crate::tensors::{SavedTensor, TensorFile, save_tensors};
use crate::{ModelError, Result};

const FILE: &str = "sequential_model.safetensors";

/// Settings of SWM and its training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SequentialSettings {
    /// Units of the LSTM layers (Tomasi et al. 2023: 500, 200, 200).
    pub lstm: Vec<usize>,
    /// Widths of the dense layers over the last LSTM layer and the play.
    pub hidden: Vec<usize>,
    /// Step size of Adam at the beginning; it falls evenly to 0 at the end of the last epoch.
    pub learning_rate: f64,
    /// Decoupled weight decay of Adam.
    pub weight_decay: f64,
    /// Share of the outputs of hidden layers that is left out in training.
    pub dropout: f64,
    /// Share of the inputs that is left out in training.
    pub input_dropout: f64,
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
            lstm: vec![96],
            hidden: vec![256, 128],
            learning_rate: 1e-3,
            weight_decay: 0.01,
            dropout: 0.3,
            input_dropout: 0.1,
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
        let sizes = |sizes: &[usize]| !sizes.is_empty() && sizes.iter().all(|size| (1..=1 << 14).contains(size));
        let layers = "needs at least one layer, each of 1..=16384 units";
        check(sizes(&self.lstm), "user_model.sequential.lstm", layers)?;
        check(sizes(&self.hidden), "user_model.sequential.hidden", layers)?;
        let share = |share: f64| (0.0..1.0).contains(&share);
        check(share(self.dropout), "user_model.sequential.dropout", "must be in 0..1")?;
        check(share(self.input_dropout), "user_model.sequential.input_dropout", "must be in 0..1")?;
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
    pub(super) readout: Readout,
    layers: Vec<Recurrent>,
}

impl SequentialModel {
    /// A new network of LSTM layers of `units` and dense layers of `hidden` for rows of `inputs` features, and its parameters.
    pub fn new(
        units: &[usize],
        hidden: &[usize],
        inputs: usize,
        seed: u64,
        device: Device,
    ) -> Result<(Self, Parameters)> {
        let mut parameters = Parameters::new(seed, device).with_small_weights();
        let mut layers = Vec::with_capacity(units.len());
        let mut width = inputs;
        for (number, &units) in units.iter().enumerate() {
            layers.push(Recurrent::new(&mut parameters, &format!("lstm{number}"), Cell::Lstm, width, units, 1)?);
            width = units;
        }
        let readout = Readout::new(&mut parameters, inputs, width, hidden)?;
        Ok((Self { readout, layers }, parameters))
    }

    /// The same network with other calibrations of its heads.
    pub fn with_calibrations(mut self, calibrations: Calibrations) -> Self {
        self.readout.calibrations = calibrations;
        self
    }

    /// Another handle on the same network, for use on another thread.
    pub fn shallow_clone(&self) -> Self {
        let layers = self.layers.iter().map(Recurrent::shallow_clone).collect();
        Self { readout: self.readout.shallow_clone(), layers }
    }

    /// The LSTM layers.
    pub(super) fn layers(&self) -> &[Recurrent] {
        &self.layers
    }

    /// The same model for use in simulation: with weights laid out on the CPU, multiplied in this precision; as it is on a GPU.
    pub fn for_simulation(&self, precision: Precision) -> Result<Box<dyn ResponseModel>> {
        match self.readout.device {
            Device::Cpu => Ok(Box::new(PackedSequentialModel::new(self, precision)?)),
            _ if precision != Precision::Single => {
                Err(ModelError::setting("user_model.precision", "bfloat16 is for the CPU; choose \"single\""))
            }
            _ => Ok(self.another()),
        }
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

    /// Writes the network into a folder.
    pub fn save(&self, parameters: &Parameters, folder: &Path) -> Result<()> {
        let units: Vec<usize> = self.layers.iter().map(Recurrent::units).collect();
        let mut tensors = parameters.saved("parameters.")?;
        tensors.push(("inputs".into(), SavedTensor::number(self.readout.inputs as u32)));
        tensors.push(("lstm_units".into(), saved_sizes(&units)));
        tensors.extend(self.readout.saved()?);
        save_tensors(&folder.join(FILE), &tensors)
    }

    /// Reads what [`Self::save`] wrote, for rows of `inputs` features.
    pub fn load(folder: &Path, inputs: usize, device: Device) -> Result<Self> {
        let path = folder.join(FILE);
        let file = TensorFile::open(&path)?;
        check_inputs(&file, &path, inputs)?;
        let (units, hidden) = (sizes(&file, "lstm_units")?, hidden_widths(&file)?);
        let (mut model, mut parameters) = Self::new(&units, &hidden, inputs, 0, device)?;
        parameters.load(&file, "parameters.")?;
        model.readout.load(&file, &path)?;
        Ok(model)
    }
}

impl SessionNetwork for SequentialModel {
    fn readout(&self) -> &Readout {
        &self.readout
    }

    fn readout_mut(&mut self) -> &mut Readout {
        &mut self.readout
    }

    fn memory_numbers(&self) -> usize {
        self.layers.iter().map(Recurrent::state_length).sum()
    }

    fn logits(&self, plays: &Tensor, memory: &Tensor, dropout: &mut Dropout) -> Result<(Tensor, Tensor)> {
        let plays = self.readout.scaled(plays, dropout)?;
        let mut outputs = plays.shallow_clone();
        let mut after = Vec::with_capacity(self.layers.len());
        for (layer, state) in self.layers.iter().zip(self.states(memory)?) {
            let (above, state) = layer.forward(&outputs, &state)?;
            outputs = dropout.hidden(&above)?;
            after.push(state);
        }
        Ok((self.readout.logits_beside(&plays, &outputs, dropout)?, Tensor::f_cat(&after, 1)?))
    }

    fn handle(&self) -> Self {
        self.shallow_clone()
    }
}

impl ResponseModel for SequentialModel {
    fn sees_session(&self) -> bool {
        true
    }

    fn memory_length(&self) -> usize {
        self.memory_numbers()
    }

    fn play(&self, rows: &Rows, memories: &mut [f32], predictions: &mut Vec<Predictions>) -> Result<()> {
        play_in_blocks(self, rows, memories, predictions)
    }

    fn candidates(&self, rows: &Rows, memory: &[f32], predictions: &mut Vec<Predictions>) -> Result<()> {
        tch::no_grad(|| {
            let memory = Tensor::f_from_slice(memory)?.f_unsqueeze(0)?.f_to_device(self.device())?;
            let (plays, _) = rows.tensors(0..rows.len(), self.device())?;
            let plays = self.readout.scaled(&plays, &mut Dropout::none())?;
            let mut outputs = plays.shallow_clone();
            for (layer, state) in self.layers.iter().zip(self.states(&memory)?) {
                outputs = layer.alternatives(&outputs, &state)?;
            }
            self.readout.append(&self.readout.logits_beside(&plays, &outputs, &mut Dropout::none())?, predictions)
        })
    }

    fn another(&self) -> Box<dyn ResponseModel> {
        Box::new(self.shallow_clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Calibration;
    use tch::Kind;

    use super::super::sessions::{BLOCK_ROWS, no_memory};
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
    /// a, b, dense, heads = torch.nn.LSTM(21, 4), torch.nn.LSTM(4, 2), torch.nn.Linear(23, 3), torch.nn.Linear(3, 4)
    /// parameters = [*a.parameters(), *b.parameters(), *dense.parameters(), *heads.parameters()]
    /// with torch.no_grad():
    ///     for place, p in enumerate(parameters): p.copy_(fill(p.shape, place))
    /// x = fill((5, 2, 21), 9.); h = b(a(x)[0])[0]
    /// logits = heads(torch.relu(dense(torch.cat([x, h], -1))))
    /// y = (fill((5, 2, 4), 3.) > 0).float()
    /// torch.nn.functional.binary_cross_entropy_with_logits(logits, y, reduction="sum").backward()
    /// print(logits[-1].flatten().tolist(), [p.grad.sum().item() for p in parameters])
    /// ```
    #[test]
    fn agrees_with_pytorch() {
        let (model, mut parameters) = SequentialModel::new(&[4, 2], &[3], 21, 0, Device::Cpu).unwrap();
        fill(&mut parameters);
        let (plays, memory) = (filled(&[5, 2, 21], 9.0), no_memory(&model, 2).unwrap());
        let (logits, _) = model.logits(&plays, &memory, &mut Dropout::none()).unwrap();
        assert_near(
            &values(&logits.select(0, 4)),
            &[-1.106642, -0.882401, 1.030113, -0.367962, -1.477069, 0.155118, 0.352966, -0.721771],
        );
        let targets = filled(&[5, 2, 4], 3.0).gt(0.0).to_kind(Kind::Float);
        let loss =
            logits.binary_cross_entropy_with_logits(&targets, None::<&Tensor>, None::<&Tensor>, tch::Reduction::Sum);
        assert_near(
            &gradient_sums(&parameters, &loss),
            &[
                -0.021526, -0.004673, 0.011718, 0.011718, 0.253571, 0.025304, -0.572017, -0.572017, -0.487591,
                4.421678, -10.977625, -4.563738,
            ],
        );
    }

    fn small_model() -> (SequentialModel, Parameters) {
        let (mut model, parameters) = SequentialModel::new(&[20, 5], &[9, 6], 21, 1, Device::Cpu).unwrap();
        model.readout.calibrations = [0.5, 1.0, 2.0, 1.5].map(|slope| Calibration { slope, offset: 0.1 * slope });
        (model, parameters)
    }

    /// One play at a time, by libtorch and by hand, against one run over each whole session.
    #[test]
    fn carried_memories_give_what_one_run_gives() {
        let (model, _) = small_model();
        let packed = PackedSequentialModel::new(&model, Precision::Single).unwrap();
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
        match PackedSequentialModel::new(&model, Precision::Bfloat16) {
            Ok(halved) => {
                let (mut memories, mut predictions) = (vec![0.0; sessions * length], Vec::new());
                (0..4).for_each(|step| {
                    halved.play(&rows(sessions, 21, step as f32), &mut memories, &mut predictions).unwrap();
                });
                let errors = predictions.iter().flatten().zip(by_hand.iter().flatten()).map(|(a, b)| (a - b).abs());
                let largest = errors.fold(0.0, f32::max);
                assert!(largest > 0.0 && largest < 0.01, "{largest}");
            }
            Err(missing) => eprintln!("SKIPPED: {missing}"),
        }
        for session in [0, 3, BLOCK_ROWS, sessions - 1] {
            let features: Vec<f32> = (0..4)
                .flat_map(|step| rows(sessions, 21, step as f32).features(session..session + 1).to_vec())
                .collect();
            let plays = Tensor::from_slice(&features).reshape([4, 1, 21]);
            let memory = no_memory(&model, 1).unwrap();
            let (logits, _) = model.logits(&plays, &memory, &mut Dropout::none()).unwrap();
            let (mut alone, mut alone_found) = (vec![0.0; length], Vec::new());
            for (step, expected) in values(&logits).chunks(4).enumerate() {
                let place = step * sessions + session;
                for head in 0..4 {
                    let expected = model.readout.calibrations[head].probability(expected[head] as f32);
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
        let packed = PackedSequentialModel::new(&model, Precision::Single).unwrap();
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
