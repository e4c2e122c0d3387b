//! LSTM layers on the CPU, forward and backward, by hand: the weights of the state are laid out once for all steps, and the
//! gates of a step are computed in one go. libtorch's is the definition; see the tests of `recurrent.rs`.

use tch::{Device, Kind, Tensor};

use super::activations::{CellGradient, CellStep};
use super::floats::{floats, floats_mut};
use super::gradients::LayerGradients;
use super::packed_weights::{Activation, PackedWeights};
use crate::Result;
use crate::simd::vectorised;

/// The weights of one layer, as PyTorch orders them.
pub(super) struct LayerWeights<'a> {
    pub(super) inputs: &'a Tensor,
    pub(super) state: &'a Tensor,
    pub(super) input_bias: &'a Tensor,
    pub(super) state_bias: &'a Tensor,
}

impl<'a> LayerWeights<'a> {
    /// The four of a layer.
    pub(super) fn of(weights: &'a [Tensor]) -> Self {
        let [inputs, state, input_bias, state_bias] = weights else { unreachable!("four tensors make a layer") };
        Self { inputs, state, input_bias, state_bias }
    }
}

/// One layer's run over a chunk, with what its gradient needs.
pub(super) struct LayerRun {
    /// `[steps, rows, inputs]`.
    inputs: Tensor,
    /// `[steps, rows, 4 x units]`, after their activation.
    gates: Tensor,
    /// `[1 + steps, rows, units]`: the cells before the first step and after each.
    cells: Tensor,
    /// The same of the outputs.
    outputs: Tensor,
}

impl LayerRun {
    /// Runs from `output` and `cell` `[rows, units]`.
    pub(super) fn new(weights: &LayerWeights<'_>, inputs: Tensor, output: &Tensor, cell: &Tensor) -> Result<Self> {
        let (steps, rows, _) = inputs.size3()?;
        let units = output.size()[1];
        let bias = weights.input_bias.f_add(weights.state_bias)?;
        let mut gates = inputs.f_linear(weights.inputs, Some(&bias))?.f_contiguous()?;
        let place = || Tensor::f_empty([steps + 1, rows, units], (Kind::Float, Device::Cpu));
        let (mut cells, mut outputs) = (place()?, place()?);
        cells.f_select(0, 0)?.f_copy_(cell)?;
        outputs.f_select(0, 0)?.f_copy_(output)?;
        let (units, row_values) = (units as usize, (rows * units) as usize);
        let state = weights.state.f_contiguous()?;
        let packed = PackedWeights::transposed(floats(&state), units);
        let (mut all_cells, mut all_outputs) = (floats_mut(&mut cells), floats_mut(&mut outputs));
        for gates in floats_mut(&mut gates).chunks_exact_mut(4 * row_values) {
            let (before, after) = all_cells.split_at_mut(row_values);
            let (output_before, output_after) = all_outputs.split_at_mut(row_values);
            packed.add_products(output_before, gates, Activation::None);
            let rows = gates.chunks_exact_mut(4 * units).zip(before.chunks_exact(units));
            let after_rows = after.chunks_exact_mut(units).zip(output_after.chunks_exact_mut(units));
            for ((gates, before), (cell, output)) in rows.zip(after_rows) {
                vectorised(CellStep { gates, before, cell, output });
            }
            (all_cells, all_outputs) = (after, output_after);
        }
        Ok(Self { inputs, gates, cells, outputs })
    }

    /// `[steps, rows, units]`.
    pub(super) fn outputs(&self) -> Result<Tensor> {
        Ok(self.outputs.f_narrow(0, 1, self.inputs.size()[0])?)
    }

    /// The output and the cell after the last step, `[rows, units]`.
    pub(super) fn after(&self) -> Result<[Tensor; 2]> {
        let steps = self.inputs.size()[0];
        Ok([self.outputs.f_select(0, steps)?, self.cells.f_select(0, steps)?])
    }

    /// The gradients, from that of the outputs `[steps, rows, units]`. What came before the chunk is taken as given.
    pub(super) fn gradients(
        &self,
        weights: &LayerWeights<'_>,
        of_outputs: &Tensor,
        inputs_wanted: bool,
    ) -> Result<LayerGradients> {
        let (steps, rows, units) = of_outputs.size3()?;
        let mut of_gates = self.gates.f_empty_like()?;
        self.gates_back(weights, &of_outputs.f_contiguous()?, &mut of_gates)?;
        let flat = of_gates.f_reshape([steps * rows, 4 * units])?;
        let turned = flat.f_transpose(0, 1)?;
        let before = self.outputs.f_narrow(0, 0, steps)?.f_reshape([steps * rows, units])?;
        let bias = flat.f_sum_dim_intlist([0i64].as_slice(), false, Kind::Float)?;
        let of_weights = vec![
            turned.f_mm(&self.inputs.f_reshape([steps * rows, -1])?)?,
            turned.f_mm(&before)?,
            bias.shallow_clone(),
            bias,
        ];
        let of_inputs = match inputs_wanted {
            true => Some(flat.f_mm(weights.inputs)?.f_reshape_as(&self.inputs)?),
            false => None,
        };
        Ok(LayerGradients { weights: of_weights, inputs: of_inputs })
    }

    /// The gradient of the gates before their activation, from the last step to the first.
    fn gates_back(&self, weights: &LayerWeights<'_>, of_outputs: &Tensor, of_gates: &mut Tensor) -> Result<()> {
        let (steps, rows, units) = of_outputs.size3()?;
        let (steps, units, row_values) = (steps as usize, units as usize, (rows * units) as usize);
        let state = weights.state.f_contiguous()?;
        let packed = PackedWeights::straight(floats(&state), units);
        let (gates, cells, outer) = (floats(&self.gates), floats(&self.cells), floats(of_outputs));
        let of_gates = floats_mut(of_gates);
        let (mut of_output, mut of_cell) = (vec![0.0; row_values], vec![0.0; row_values]);
        for at in (0..steps).rev() {
            of_output.iter_mut().zip(&outer[at * row_values..][..row_values]).for_each(|(sum, x)| *sum += x);
            let gates = gates[at * 4 * row_values..][..4 * row_values].chunks_exact(4 * units);
            let of_gates = &mut of_gates[at * 4 * row_values..][..4 * row_values];
            let both = cells[at * row_values..][..2 * row_values].split_at(row_values);
            let known = gates.zip(both.0.chunks_exact(units)).zip(both.1.chunks_exact(units));
            let wanted = of_gates.chunks_exact_mut(4 * units).zip(of_cell.chunks_exact_mut(units));
            for (((gates, before), cell), ((of_gates, of_cell), of_output)) in
                known.zip(wanted.zip(of_output.chunks_exact(units)))
            {
                vectorised(CellGradient { gates, before, cell, of_output, of_cell, of_gates });
            }
            of_output.fill(0.0);
            packed.add_products(of_gates, &mut of_output, Activation::None);
        }
        Ok(())
    }
}
