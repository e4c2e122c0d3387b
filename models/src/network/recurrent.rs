//! Recurrent layers: LSTM and GRU over a chunk of steps, from a state that the caller carries.

use tch::{Device, Tensor};

use super::Parameters;
use super::gradients::{self, LayerGradients, OwnRun};
use super::lstm::{LayerRun, LayerWeights};
use crate::Result;

/// Which cell a recurrent layer is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// h' = tanh(W x + U h + b) (Elman 1990).
    Tanh,
    /// Gated recurrent unit (Cho et al. 2014), with the gates of PyTorch's `GRU`.
    Gru,
    /// Long short-term memory (Hochreiter and Schmidhuber 1997), with the gates of PyTorch's `LSTM`.
    Lstm,
}

impl Cell {
    /// Rows of the weights per unit: one block per gate.
    fn gates(self) -> usize {
        match self {
            Self::Tanh => 1,
            Self::Gru => 3,
            Self::Lstm => 4,
        }
    }
}

/// Recurrent layers, one upon the other.
pub struct Recurrent {
    cell: Cell,
    layers: usize,
    units: usize,
    /// Per layer: weight of the inputs, weight of the state, and their biases, as PyTorch orders them.
    weights: Vec<Tensor>,
}

impl Recurrent {
    /// Adds the parameters `<name>.<layer>.{input_weight, state_weight, input_bias, state_bias}`, uniform in
    /// ±1 / sqrt(units) (PyTorch's default).
    pub fn new(
        parameters: &mut Parameters,
        name: &str,
        cell: Cell,
        inputs: usize,
        units: usize,
        layers: usize,
    ) -> Result<Self> {
        let bound = 1.0 / (units.max(1) as f32).sqrt();
        let rows = cell.gates() * units;
        let mut weights = Vec::with_capacity(4 * layers);
        for layer in 0..layers {
            let inputs = if layer == 0 { inputs } else { units };
            let shapes: [(&str, &[usize]); 4] = [
                ("input_weight", &[rows, inputs]),
                ("state_weight", &[rows, units]),
                ("input_bias", &[rows]),
                ("state_bias", &[rows]),
            ];
            for (part, shape) in shapes {
                weights.push(parameters.uniform(&format!("{name}.{layer}.{part}"), shape, bound)?);
            }
        }
        Ok(Self { cell, layers, units, weights })
    }

    /// Floats of state per row: all layers' units, and for LSTM their cells too.
    pub fn state_length(&self) -> usize {
        self.layers * self.units * if self.cell == Cell::Lstm { 2 } else { 1 }
    }

    /// Units of each layer: the width of the output.
    pub fn units(&self) -> usize {
        self.units
    }

    /// The output of the last layer `[rows, units]` that a state `[rows, state_length]` holds.
    pub fn output_of(&self, state: &Tensor) -> Result<Tensor> {
        Ok(state.f_narrow(1, ((self.layers - 1) * self.units) as i64, self.units as i64)?)
    }

    /// The weights of the one layer of LSTM that this is: of inputs, of the state, and their biases.
    pub(super) fn only_lstm_layer(&self) -> [&Tensor; 4] {
        assert!(self.cell == Cell::Lstm && self.layers == 1, "one layer of LSTM");
        let [inputs, state, input_bias, state_bias] = self.weights.as_slice() else {
            unreachable!("four tensors make a layer")
        };
        [inputs, state, input_bias, state_bias]
    }

    /// Takes one step: `[rows, inputs]` and the state before it to the state after it.
    pub fn step(&self, inputs: &Tensor, state: &Tensor) -> Result<Tensor> {
        Ok(self.forward(&inputs.f_unsqueeze(0)?, state)?.1)
    }

    /// The outputs `[rows, units]` of one step from the same state `[1, state_length]`, for inputs `[rows, inputs]` of which
    /// one may be the next. For one layer of LSTM; the state's product is computed once.
    pub fn alternatives(&self, inputs: &Tensor, state: &Tensor) -> Result<Tensor> {
        let [of_inputs, of_state, input_bias, state_bias] = self.only_lstm_layer();
        let units = self.units as i64;
        let of_inputs = inputs.f_linear(of_inputs, Some(input_bias))?;
        let of_state = state.f_narrow(1, 0, units)?.f_linear(of_state, Some(state_bias))?;
        let gates = of_inputs.f_add(&of_state)?;
        let gate = |number: i64| gates.f_narrow(1, number * units, units);
        let kept = state.f_narrow(1, units, units)?.f_mul(&gate(1)?.f_sigmoid()?)?;
        let cell = kept.f_add(&gate(0)?.f_sigmoid()?.f_mul(&gate(2)?.f_tanh()?)?)?;
        Ok(gate(3)?.f_sigmoid()?.f_mul(&cell.f_tanh()?)?)
    }

    /// Runs over a chunk: `[steps, rows, inputs]` and the state before it, `[rows, state_length]`, to the outputs of the
    /// last layer, `[steps, rows, units]`, and the state after it.
    pub fn forward(&self, inputs: &Tensor, state: &Tensor) -> Result<(Tensor, Tensor)> {
        if self.runs_by_hand(inputs)? {
            return self.forward_by_hand(inputs, state);
        }
        self.forward_by_libtorch(inputs, state)
    }

    /// Whether [`super::lstm`] is faster, and libtorch need not know how to differentiate. One step is too little to lay
    /// out the weights for it.
    fn runs_by_hand(&self, inputs: &Tensor) -> Result<bool> {
        if self.cell != Cell::Lstm || inputs.device() != Device::Cpu || inputs.size()[0] == 1 {
            return Ok(false);
        }
        let libtorch_records = self.weights[0].f_narrow(0, 0, 1)?.requires_grad();
        Ok(gradients::are_wanted() || !libtorch_records)
    }

    fn forward_by_libtorch(&self, inputs: &Tensor, state: &Tensor) -> Result<(Tensor, Tensor)> {
        let (layers, units) = (self.layers as i64, self.units as i64);
        let rows = inputs.size()[1];
        // [rows, parts x layers x units] to parts of [layers, rows, units].
        let parts = if self.cell == Cell::Lstm { 2 } else { 1 };
        let split = state.f_reshape([rows, parts, layers, units])?.f_permute([1, 2, 0, 3])?.f_contiguous()?;
        let hidden = split.f_select(0, 0)?;
        let after = match self.cell {
            Cell::Lstm => {
                let before = [hidden, split.f_select(0, 1)?];
                let (outputs, hidden, cells) =
                    inputs.f_lstm(&before, &self.weights, true, layers, 0.0, true, false, false)?;
                return Ok((outputs, flat(&Tensor::f_stack(&[hidden, cells], 0)?, rows)?));
            }
            Cell::Gru => inputs.f_gru(&hidden, &self.weights, true, layers, 0.0, true, false, false)?,
            Cell::Tanh => inputs.f_rnn_tanh(&hidden, &self.weights, true, layers, 0.0, true, false, false)?,
        };
        Ok((after.0, flat(&after.1.f_unsqueeze(0)?, rows)?))
    }

    fn forward_by_hand(&self, inputs: &Tensor, state: &Tensor) -> Result<(Tensor, Tensor)> {
        let part = |number: usize| state.f_narrow(1, (number * self.units) as i64, self.units as i64);
        let mut runs: Vec<LayerRun> = Vec::with_capacity(self.layers);
        let (mut outputs_after, mut cells_after) = (Vec::new(), Vec::new());
        tch::no_grad(|| -> Result<()> {
            for (layer, weights) in self.weights.chunks_exact(4).enumerate() {
                let inputs = runs.last().map_or_else(|| Ok(inputs.detach()), LayerRun::outputs)?;
                let run =
                    LayerRun::new(&LayerWeights::of(weights), inputs, &part(layer)?, &part(self.layers + layer)?)?;
                let [output, cell] = run.after()?;
                outputs_after.push(output);
                cells_after.push(cell);
                runs.push(run);
            }
            Ok(())
        })?;
        outputs_after.append(&mut cells_after);
        let after = Tensor::f_cat(&outputs_after, 1)?;
        let output = runs.last().map_or_else(|| Ok(inputs.shallow_clone()), LayerRun::outputs)?.f_detach()?;
        if gradients::are_wanted() {
            let inputs_wanted = inputs.requires_grad();
            gradients::keep(OwnRun {
                output: output.f_set_requires_grad(true)?,
                inputs: inputs.shallow_clone(),
                weights: self.weights.iter().map(Tensor::shallow_clone).collect(),
                gradients: Box::new(move |weights, of_output| {
                    gradients_of_layers(&runs, weights, of_output, inputs_wanted)
                }),
            });
        }
        Ok((output, after))
    }

    /// Another handle on the same parameters, for use on another thread.
    pub fn shallow_clone(&self) -> Self {
        Self { weights: self.weights.iter().map(Tensor::shallow_clone).collect(), ..*self }
    }
}

/// Gradients of layers that ran one upon the other, from the gradient of the last one's output.
fn gradients_of_layers(
    runs: &[LayerRun],
    weights: &[Tensor],
    of_output: &Tensor,
    inputs_wanted: bool,
) -> Result<LayerGradients> {
    let mut found = LayerGradients { weights: Vec::new(), inputs: Some(of_output.shallow_clone()) };
    for (layer, (run, weights)) in runs.iter().zip(weights.chunks_exact(4)).enumerate().rev() {
        let Some(of_output) = found.inputs else { unreachable!("only the first layer may be asked for less") };
        let mut below = run.gradients(&LayerWeights::of(weights), &of_output, layer > 0 || inputs_wanted)?;
        below.weights.append(&mut found.weights);
        found = below;
    }
    Ok(found)
}

/// `[parts, layers, rows, units]` to `[rows, parts x layers x units]`.
fn flat(state: &Tensor, rows: i64) -> Result<Tensor> {
    Ok(state.f_permute([2, 0, 1, 3])?.f_reshape([rows, -1])?)
}

#[cfg(test)]
mod tests {
    use super::super::with_gradients;
    use super::*;
    use crate::test_values::{assert_near, fill, filled, gradient_sums, values};
    use tch::Kind;

    /// The numbers are PyTorch's:
    /// ```python
    /// import torch
    /// def fill(shape, start):
    ///     n = torch.Size(shape).numel()
    ///     return (torch.sin(torch.arange(n, dtype=torch.float64) * .7 + start)).float().reshape(shape) * .5
    /// for kind in ("RNN", "GRU", "LSTM"):
    ///     net = getattr(torch.nn, kind)(3, 2, 2)
    ///     with torch.no_grad():
    ///         for place, p in enumerate(net.parameters()): p.copy_(fill(p.shape, place))
    ///     x = fill((4, 2, 3), 9.); h = fill((2, 2, 2), 5.); c = fill((2, 2, 2), 6.)
    ///     out, last = net(x, (h, c) if kind == "LSTM" else h)
    ///     out.square().sum().backward()
    ///     last = last[1] if kind == "LSTM" else last
    ///     print(out[-1].flatten().tolist(), last.flatten().tolist(), [p.grad.sum().item() for p in net.parameters()])
    /// ```
    #[test]
    fn agrees_with_pytorch() {
        let cases = [
            (
                Cell::Tanh,
                [-0.253033, 0.608919, -0.068732, 0.538684],
                [0.450028, 0.278702, 0.694539, -0.035333, -0.253033, 0.608919, -0.068732, 0.538684],
                [1.400513, -0.417308, -2.80812, -2.80812, 2.994989, 2.469186, 6.590798, 6.590798],
            ),
            (
                Cell::Gru,
                [0.289556, 0.040314, 0.259377, -0.063858],
                [-0.576524, -0.3214, -0.624024, -0.208806, 0.289556, 0.040314, 0.259377, -0.063858],
                [-0.104488, 0.19469, -0.315053, -0.112472, -1.834311, 0.788335, 1.915353, 1.150773],
            ),
            (
                Cell::Lstm,
                [0.086696, -0.115071, 0.073198, -0.132964],
                [-0.605087, -0.20585, -0.684935, -0.14606, 0.304122, -0.455035, 0.25535, -0.545305],
                [-0.032776, 0.0137, 0.068684, 0.068684, -0.087295, -0.021199, 0.193741, 0.193741],
            ),
        ];
        for (cell, outputs, last, gradients) in cases {
            let mut parameters = Parameters::new(0, Device::Cpu);
            let layers = Recurrent::new(&mut parameters, "r", cell, 3, 2, 2).unwrap();
            fill(&mut parameters);
            // PyTorch's [layers, rows, units] to our rows.
            let by_row = |tensor: Tensor| tensor.permute([1, 0, 2]).reshape([2, 4]);
            let mut state = by_row(filled(&[2, 2, 2], 5.0));
            if cell == Cell::Lstm {
                state = Tensor::cat(&[state, by_row(filled(&[2, 2, 2], 6.0))], 1);
            }
            let (found, after) = layers.forward(&filled(&[4, 2, 3], 9.0), &state).unwrap();
            assert_near(&values(&found.select(0, 3)), &outputs);
            let kept = after.narrow(1, after.size()[1] - 4, 4).reshape([2, 2, 2]).permute([1, 0, 2]);
            assert_near(&values(&kept), &last);
            let loss = found.square().sum(Kind::Float);
            assert_near(&gradient_sums(&parameters, &loss), &gradients);
        }
    }

    /// Outputs, state and all gradients of layers by hand against those by libtorch, which the test above holds against
    /// PyTorch.
    #[test]
    fn layers_by_hand_are_those_of_libtorch() {
        for (layers, inputs, units, rows, steps) in [(1, 3, 2, 1, 2), (2, 7, 20, 9, 5), (3, 30, 33, 32, 4)] {
            let mut parameters = Parameters::new(2, Device::Cpu);
            let below = parameters.uniform("below", &[inputs, 4], 1.0).unwrap();
            let network = Recurrent::new(&mut parameters, "r", Cell::Lstm, inputs, units, layers).unwrap();
            let above = parameters.uniform("above", &[3, units], 1.0).unwrap();
            let unused = parameters.uniform("unused", &[2], 1.0).unwrap();
            let state = filled(&[rows, network.state_length() as i64], 2.0);
            let inputs = || filled(&[steps, rows, 4], 1.0).linear(&below, None::<Tensor>).tanh();
            let loss = |outputs: &Tensor| outputs.linear(&above, None::<Tensor>).square().sum(Kind::Float);
            let (outputs, after) = network.forward(&inputs(), &state).unwrap();
            assert!(outputs.requires_grad(), "libtorch's own");
            let tensors: Vec<Tensor> = parameters.tensors().map(Tensor::shallow_clone).collect();
            let used: Vec<&Tensor> = tensors[..tensors.len() - 1].iter().collect();
            let expected = Tensor::run_backward(&[&loss(&outputs)], &used, false, false);
            let (gradients, (by_hand, after_by_hand)) = with_gradients(&tensors, || {
                let (outputs, after) = network.forward(&inputs(), &state)?;
                Ok((loss(&outputs), (outputs, after)))
            })
            .unwrap();
            assert!(by_hand.allclose(&outputs, 1e-5, 1e-6, false) && after_by_hand.allclose(&after, 1e-5, 1e-6, false));
            let alone = tch::no_grad(|| network.forward(&inputs(), &state).unwrap());
            assert!(alone.0 == by_hand && alone.1 == after_by_hand);
            assert_eq!(gradients.len(), expected.len() + 1);
            for (found, expected) in gradients.iter().zip(&expected) {
                let scale = expected.abs().max().double_value(&[]);
                assert!((found - expected).abs().max().double_value(&[]) < 1e-5 * scale.max(1.0));
            }
            assert_eq!(gradients[expected.len()], unused.zeros_like());
        }
    }

    #[test]
    fn a_carried_state_gives_what_one_run_gives() {
        for cell in [Cell::Tanh, Cell::Gru, Cell::Lstm] {
            let mut parameters = Parameters::new(3, Device::Cpu);
            let layers = Recurrent::new(&mut parameters, "r", cell, 3, 5, 2).unwrap();
            let inputs = filled(&[6, 4, 3], 1.0);
            let state = Tensor::zeros([4, layers.state_length() as i64], (Kind::Float, Device::Cpu));
            let (whole, after) = layers.forward(&inputs, &state).unwrap();
            let (first, middle) = layers.forward(&inputs.narrow(0, 0, 2), &state).unwrap();
            let (second, end) = layers.forward(&inputs.narrow(0, 2, 4), &middle).unwrap();
            assert!(Tensor::cat(&[first, second], 0).allclose(&whole, 1e-6, 1e-6, false));
            assert!(end.allclose(&after, 1e-6, 1e-6, false));
        }
    }
}
