//! SWM for answers one play at a time on the CPU. [`SequentialModel`] is the definition.

use std::ops::Range;
use std::sync::Arc;

use super::calibration::{self, Calibrations};
use super::standardization::Standardization;
use super::{Predictions, ResponseModel, Rows, SequentialModel};
use crate::Result;
use crate::network::{PackedDense, PackedDenseStack, PackedLstm, Precision};

/// Rows that go through the layers at once: few enough to stay in cache.
const CHUNK_ROWS: usize = 64;

/// The network with its present weights laid out.
pub struct PackedSequentialModel {
    layers: Arc<Layers>,
    calibrations: Calibrations,
}

struct Layers {
    /// What brings the inputs to scale.
    means: Vec<f32>,
    scales: Vec<f32>,
    lstm: Vec<PackedLstm>,
    dense: PackedDenseStack,
    heads: PackedDense,
}

impl Layers {
    fn memory_length(&self) -> usize {
        self.lstm.iter().map(|layer| 2 * layer.units()).sum()
    }
}

impl PackedSequentialModel {
    /// Of a model's present weights.
    pub fn new(model: &SequentialModel, precision: Precision) -> Result<Self> {
        let readout = &model.readout;
        let lstm = model.layers().iter().map(|layer| PackedLstm::new(layer, precision)).collect::<Result<_>>()?;
        let [means, scales] = readout.standardization.values()?;
        let dense = PackedDenseStack::new(&readout.stack, precision)?;
        // Few outputs, whose calibration would tell the difference.
        let heads = PackedDense::new(&readout.heads, Precision::Single)?;
        let layers = Layers { means, scales, lstm, dense, heads };
        Ok(Self { layers: Arc::new(layers), calibrations: readout.calibrations })
    }

    /// Brings rows to scale.
    fn scaled(&self, rows: &Rows, range: Range<usize>, scaled: &mut Vec<f32>) {
        Standardization::apply_to(&self.layers.means, &self.layers.scales, rows.features(range), scaled);
    }

    /// Appends what the heads make of plays, brought to scale, and of what the last LSTM layer made of them.
    fn append(&self, plays: &[f32], outputs: &[f32], count: usize, predictions: &mut Vec<Predictions>) {
        let (mut seen, mut logits) = (Vec::new(), Vec::new());
        for (play, output) in plays.chunks_exact(plays.len() / count).zip(outputs.chunks_exact(outputs.len() / count)) {
            seen.extend_from_slice(play);
            seen.extend_from_slice(output);
        }
        self.layers.dense.forward(&mut seen, count, &mut logits);
        self.layers.heads.forward(&seen, count, &mut logits);
        calibration::predict(&self.calibrations, &logits, predictions);
    }
}

impl ResponseModel for PackedSequentialModel {
    fn sees_session(&self) -> bool {
        true
    }

    fn memory_length(&self) -> usize {
        self.layers.memory_length()
    }

    fn play(&self, rows: &Rows, memories: &mut [f32], predictions: &mut Vec<Predictions>) -> Result<()> {
        let length = self.memory_length();
        let (mut plays, mut inputs, mut outputs) = (Vec::new(), Vec::new(), Vec::new());
        for (chunk, memories) in memories.chunks_mut(CHUNK_ROWS * length).enumerate() {
            let (start, count) = (chunk * CHUNK_ROWS, memories.len() / length);
            self.scaled(rows, start..start + count, &mut plays);
            inputs.clone_from(&plays);
            let mut at = 0;
            for layer in &self.layers.lstm {
                layer.step(&inputs, memories, length, at, &mut outputs);
                std::mem::swap(&mut inputs, &mut outputs);
                at += 2 * layer.units();
            }
            self.append(&plays, &inputs, count, predictions);
        }
        Ok(())
    }

    fn candidates(&self, rows: &Rows, memory: &[f32], predictions: &mut Vec<Predictions>) -> Result<()> {
        let (mut plays, mut inputs, mut outputs) = (Vec::new(), Vec::new(), Vec::new());
        for start in (0..rows.len()).step_by(CHUNK_ROWS) {
            let count = CHUNK_ROWS.min(rows.len() - start);
            self.scaled(rows, start..start + count, &mut plays);
            inputs.clone_from(&plays);
            let mut memory = memory;
            for layer in &self.layers.lstm {
                let (state, rest) = memory.split_at(2 * layer.units());
                layer.alternatives(&inputs, count, state, &mut outputs);
                std::mem::swap(&mut inputs, &mut outputs);
                memory = rest;
            }
            self.append(&plays, &inputs, count, predictions);
        }
        Ok(())
    }

    fn another(&self) -> Box<dyn ResponseModel> {
        Box::new(Self { layers: Arc::clone(&self.layers), calibrations: self.calibrations })
    }
}
