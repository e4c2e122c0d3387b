//! Layer normalisation (Ba, Kiros and Hinton, arXiv 1607.06450, equation 4).

use tch::Tensor;

use super::Parameters;
use crate::Result;

/// Added to the variance (PyTorch's default).
const EPSILON: f64 = 1e-5;

/// Each row less its mean, divided by its standard deviation, times a gain per unit and with a bias per unit.
pub struct LayerNorm {
    gain: Tensor,
    bias: Tensor,
}

impl LayerNorm {
    /// Adds the parameters `<name>.gain`, all 1, and `<name>.bias`, all 0.
    pub fn new(parameters: &mut Parameters, name: &str, units: usize) -> Result<Self> {
        Ok(Self {
            gain: parameters.add(&format!("{name}.gain"), &[units as i64], &vec![1.0; units])?,
            bias: parameters.bias(&format!("{name}.bias"), units)?,
        })
    }

    /// `[rows, units]` to `[rows, units]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.f_layer_norm(self.gain.size(), Some(&self.gain), Some(&self.bias), EPSILON, false)?)
    }

    /// Another handle on the same parameters, for use on another thread.
    pub fn shallow_clone(&self) -> Self {
        Self { gain: self.gain.shallow_clone(), bias: self.bias.shallow_clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::DenseStack;
    use super::*;
    use crate::test_values::{assert_near, fill, filled, gradient_sums, values};
    use tch::{Device, Kind};

    /// The numbers are PyTorch's:
    /// ```python
    /// import torch
    /// def fill(shape, start):
    ///     n = torch.Size(shape).numel()
    ///     return (torch.sin(torch.arange(n, dtype=torch.float64) * .7 + start)).float().reshape(shape) * .5
    /// N = torch.nn
    /// net = N.Sequential(N.Linear(3, 4), N.LayerNorm(4), N.ReLU(), N.Linear(4, 5), N.LayerNorm(5), N.ReLU())
    /// with torch.no_grad():
    ///     for place, p in enumerate(net.parameters()): p.copy_(fill(p.shape, place))
    /// out = net(fill((3, 3), 9.))
    /// out.square().sum().backward()
    /// print(out.flatten().tolist(), net[0].weight.grad.flatten().tolist())
    /// print([p.grad.sum().item() for p in net.parameters()])
    /// ```
    #[test]
    fn a_normalised_stack_agrees_with_pytorch() {
        let mut parameters = Parameters::new(0, Device::Cpu);
        let stack = DenseStack::with_layer_norm(&mut parameters, "s", 3, &[4, 5]).unwrap();
        fill(&mut parameters);
        let found = stack.forward(&filled(&[3, 3], 9.0)).unwrap();
        let outputs = [
            0.527203, 0.347469, 0.397728, 0.701509, 0.136961, 0.5315, 0.351648, 0.418785, 0.631894, 0.168198, 0.552639,
            0.417982, 0.410619, 0.477997, 0.214736,
        ];
        assert_near(&values(&found), &outputs);
        let loss = found.square().sum(Kind::Float);
        let first = parameters.tensors().next().unwrap();
        let gradient = &Tensor::run_backward(&[&loss], &[first], true, false)[0];
        let of_first = [
            0.030947, -0.076022, -0.147237, -0.177619, -0.067904, 0.073747, 0.073383, 0.03902, -0.013695, 0.073289,
            0.104907, 0.087185,
        ];
        assert_near(&values(gradient), &of_first);
        // Adding the same to all units of a row changes nothing: the sums over the dense layers are 0.
        let sums = [0.0, 0.0, -1.929366, 1.100294, 0.0, 0.0, -1.513573, 12.573736];
        assert_near(&gradient_sums(&parameters, &loss), &sums);
    }
}
