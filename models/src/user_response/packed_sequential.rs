//! SWM for answers one play at a time on the CPU. [`SequentialModel`] is the definition.

use std::sync::Arc;

use super::contextual::sigmoid;
use super::{HEADS, Predictions, ResponseModel, Rows, SequentialModel};
use crate::Result;
use crate::network::{PackedDense, PackedLstm};

/// Rows that go through the layers at once: few enough to stay in cache.
const CHUNK_ROWS: usize = 64;

/// The network with its present weights laid out.
pub struct PackedSequentialModel {
    layers: Arc<Layers>,
    inverse_temperature: Predictions,
}

struct Layers {
    lstm: Vec<PackedLstm>,
    heads: PackedDense,
}

impl Layers {
    fn memory_length(&self) -> usize {
        self.lstm.iter().map(|layer| 2 * layer.units()).sum()
    }
}

impl PackedSequentialModel {
    /// Of a model's present weights.
    pub fn new(model: &SequentialModel) -> Result<Self> {
        let (layers, heads) = model.layers();
        let lstm = layers.iter().map(PackedLstm::new).collect::<Result<_>>()?;
        let layers = Layers { lstm, heads: PackedDense::new(heads)? };
        Ok(Self { layers: Arc::new(layers), inverse_temperature: model.temperature() })
    }

    fn append(&self, outputs: &[f32], count: usize, predictions: &mut Vec<Predictions>) {
        let mut logits = Vec::new();
        self.layers.heads.forward(outputs, count, &mut logits);
        predictions.extend(
            logits
                .chunks_exact(HEADS.len())
                .map(|row| std::array::from_fn(|head| sigmoid(row[head] * self.inverse_temperature[head]))),
        );
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
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        for (chunk, memories) in memories.chunks_mut(CHUNK_ROWS * length).enumerate() {
            let (start, count) = (chunk * CHUNK_ROWS, memories.len() / length);
            inputs.clear();
            inputs.extend_from_slice(rows.features(start..start + count));
            let mut at = 0;
            for layer in &self.layers.lstm {
                layer.step(&inputs, memories, length, at, &mut outputs);
                std::mem::swap(&mut inputs, &mut outputs);
                at += 2 * layer.units();
            }
            self.append(&inputs, count, predictions);
        }
        Ok(())
    }

    fn candidates(&self, rows: &Rows, memory: &[f32], predictions: &mut Vec<Predictions>) -> Result<()> {
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        for start in (0..rows.len()).step_by(CHUNK_ROWS) {
            let count = CHUNK_ROWS.min(rows.len() - start);
            inputs.clear();
            inputs.extend_from_slice(rows.features(start..start + count));
            let mut memory = memory;
            for layer in &self.layers.lstm {
                let (state, rest) = memory.split_at(2 * layer.units());
                layer.alternatives(&inputs, count, state, &mut outputs);
                std::mem::swap(&mut inputs, &mut outputs);
                memory = rest;
            }
            self.append(&inputs, count, predictions);
        }
        Ok(())
    }

    fn inverse_temperature(&mut self) -> &mut Predictions {
        &mut self.inverse_temperature
    }

    fn another(&self) -> Box<dyn ResponseModel> {
        Box::new(Self { layers: Arc::clone(&self.layers), inverse_temperature: self.inverse_temperature })
    }
}
