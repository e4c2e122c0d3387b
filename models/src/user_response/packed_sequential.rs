//! SWM for answers one play at a time on the CPU. [`SequentialModel`] is the definition.

use std::ops::Range;
use std::sync::Arc;

use super::calibration::Calibrations;
use super::{HEADS, Predictions, ResponseModel, Rows, SequentialModel};
use crate::Result;
use crate::features::SO_FAR_FEATURES;
use crate::network::{PackedDense, PackedLstm};

/// Rows that go through the layers at once: few enough to stay in cache.
const CHUNK_ROWS: usize = 64;

/// The network with its present weights laid out.
pub struct PackedSequentialModel {
    layers: Arc<Layers>,
    calibrations: Calibrations,
}

struct Layers {
    lstm: Vec<PackedLstm>,
    responses: PackedDense,
    session_end: PackedDense,
}

impl Layers {
    fn memory_length(&self) -> usize {
        self.lstm.iter().map(|layer| 2 * layer.units()).sum()
    }
}

impl PackedSequentialModel {
    /// Of a model's present weights.
    pub fn new(model: &SequentialModel) -> Result<Self> {
        let (layers, responses, session_end) = model.layers();
        let lstm = layers.iter().map(PackedLstm::new).collect::<Result<_>>()?;
        let layers =
            Layers { lstm, responses: PackedDense::new(responses)?, session_end: PackedDense::new(session_end)? };
        Ok(Self { layers: Arc::new(layers), calibrations: model.calibrations })
    }

    /// Appends what the heads make of the outputs of rows `range`.
    fn append(&self, rows: &Rows, range: Range<usize>, outputs: &[f32], predictions: &mut Vec<Predictions>) {
        let count = range.len();
        let (mut responses, mut session_end, mut seen) = (Vec::new(), Vec::new(), Vec::new());
        self.layers.responses.forward(outputs, count, &mut responses);
        let (width, inputs) = (outputs.len() / count, rows.features(range.clone()).len() / count);
        for (output, input) in outputs.chunks_exact(width).zip(rows.features(range).chunks_exact(inputs)) {
            seen.extend_from_slice(output);
            seen.extend_from_slice(&input[inputs - SO_FAR_FEATURES..]);
        }
        self.layers.session_end.forward(&seen, count, &mut session_end);
        let logits = responses.chunks_exact(HEADS.len() - 1).zip(&session_end);
        predictions.extend(logits.map(|(responses, &session_end)| {
            let logit = |head: usize| responses.get(head).copied().unwrap_or(session_end);
            std::array::from_fn(|head| self.calibrations[head].probability(logit(head)))
        }));
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
            self.append(rows, start..start + count, &inputs, predictions);
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
            self.append(rows, start..start + count, &inputs, predictions);
        }
        Ok(())
    }

    fn another(&self) -> Box<dyn ResponseModel> {
        Box::new(Self { layers: Arc::clone(&self.layers), calibrations: self.calibrations })
    }
}
