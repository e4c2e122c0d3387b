//! Layers with their weights laid out once, for answers one step at a time on the CPU. A row's answer is the same bits
//! whatever rows stand beside it.

use super::activations::CellStep;
use super::packed_weights::{Activation, PackedBias, PackedWeights, Precision, values};
use super::{Dense, DenseStack, Recurrent};
use crate::Result;
use crate::simd::vectorised;

/// An affine layer.
pub struct PackedDense {
    weights: PackedWeights,
    bias: PackedBias,
}

impl PackedDense {
    /// Of a layer's present weights.
    pub fn new(layer: &Dense, precision: Precision) -> Result<Self> {
        let (weight, bias) = layer.parameters();
        Ok(Self { weights: PackedWeights::of(weight, precision)?, bias: PackedBias::new(&values(bias)?) })
    }

    /// Replaces `outputs` by those of `rows` `[n, inputs]`.
    pub fn forward(&self, rows: &[f32], count: usize, outputs: &mut Vec<f32>) {
        self.activated(rows, count, outputs, Activation::None);
    }

    fn activated(&self, rows: &[f32], count: usize, outputs: &mut Vec<f32>, activation: Activation) {
        outputs.resize(count * self.weights.outputs(), 0.0);
        self.weights.affine(rows, &self.bias, outputs, activation);
    }
}

/// Dense layers with a ReLU after each.
pub struct PackedDenseStack {
    layers: Vec<PackedDense>,
}

impl PackedDenseStack {
    /// Of the present weights of layers without normalisation.
    pub fn new(stack: &DenseStack, precision: Precision) -> Result<Self> {
        let layers = stack.dense_layers().map(|layer| PackedDense::new(layer, precision));
        Ok(Self { layers: layers.collect::<Result<_>>()? })
    }

    /// Replaces `rows` `[count, inputs]` by the outputs of the last layer; `spare` is memory to work in.
    pub fn forward(&self, rows: &mut Vec<f32>, count: usize, spare: &mut Vec<f32>) {
        for layer in &self.layers {
            layer.activated(rows, count, spare, Activation::Relu);
            std::mem::swap(rows, spare);
        }
    }
}

/// One LSTM layer.
pub struct PackedLstm {
    units: usize,
    of_inputs: PackedWeights,
    of_state: PackedWeights,
    bias: PackedBias,
}

impl PackedLstm {
    /// Of the present weights of a network of one LSTM layer.
    pub fn new(layer: &Recurrent, precision: Precision) -> Result<Self> {
        let [inputs, state, input_bias, state_bias] = layer.only_lstm_layer();
        let bias = PackedBias::new(&tch::no_grad(|| values(&input_bias.f_add(state_bias)?))?);
        let (of_inputs, of_state) = (PackedWeights::of(inputs, precision)?, PackedWeights::of(state, precision)?);
        Ok(Self { units: layer.units(), of_inputs, of_state, bias })
    }

    /// Units: the width of the output.
    pub fn units(&self) -> usize {
        self.units
    }

    /// One step of many sessions: replaces `outputs` by those of `inputs` `[n, inputs]` and advances the states, of which
    /// each row holds output and cell one after the other, at `[at, at + 2 units)` of the rows of `states`.
    pub fn step(&self, inputs: &[f32], states: &mut [f32], length: usize, at: usize, outputs: &mut Vec<f32>) {
        let (count, units) = (states.len() / length, self.units);
        let before: Vec<f32> = states.chunks_exact(length).flat_map(|state| &state[at..at + units]).copied().collect();
        let mut gates = vec![0.0; 4 * count * units];
        self.of_inputs.affine(inputs, &self.bias, &mut gates, Activation::None);
        self.of_state.add_products(&before, &mut gates, Activation::None);
        outputs.clear();
        outputs.resize(count * units, 0.0);
        let mut after = vec![0.0; units];
        let rows = gates.chunks_exact_mut(4 * units).zip(outputs.chunks_exact_mut(units));
        for ((gates, output), state) in rows.zip(states.chunks_exact_mut(length)) {
            let (of_output, cell) = state[at..at + 2 * units].split_at_mut(units);
            vectorised(CellStep { gates, before: cell, cell: &mut after, output });
            cell.copy_from_slice(&after);
            of_output.copy_from_slice(output);
        }
    }

    /// One step from the same state, output and cell, for many inputs of which one may be the next: replaces `outputs`.
    pub fn alternatives(&self, inputs: &[f32], count: usize, state: &[f32], outputs: &mut Vec<f32>) {
        let (output, cell) = state.split_at(self.units);
        let mut of_state = vec![0.0; 4 * self.units];
        self.of_state.affine(output, &self.bias, &mut of_state, Activation::None);
        let mut gates = vec![0.0; 4 * count * self.units];
        self.of_inputs.affine(inputs, &PackedBias::new(&of_state), &mut gates, Activation::None);
        outputs.clear();
        outputs.resize(count * self.units, 0.0);
        let mut after = vec![0.0; self.units];
        for (gates, output) in gates.chunks_exact_mut(4 * self.units).zip(outputs.chunks_exact_mut(self.units)) {
            vectorised(CellStep { gates, before: cell, cell: &mut after, output });
        }
    }
}
