//! Adam (Kingma and Ba, ICLR 2015, algorithm 1) with decoupled weight decay (Loshchilov and Hutter, ICLR 2019).
//!
//! libtorch's own optimiser cannot save its moments; an exact resume needs them.

use tch::{Device, Tensor};

use super::Parameters;
use super::floats::{floats, floats_mut};
use crate::Result;
use crate::simd::{Lanes, Vectorised, vectorised};
use crate::tensors::{SavedTensor, TensorFile};

/// Settings of Adam.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamSettings {
    /// Step size.
    pub learning_rate: f64,
    /// Decoupled weight decay per step, times the learning rate.
    pub weight_decay: f64,
    /// Largest Euclidean norm of the gradient over all parameters; 0 for no limit.
    pub gradient_norm: f64,
}

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// What one step does to each scalar.
struct Step {
    /// What the gradient is multiplied with, so that its norm stays within its limit.
    scale: f64,
    /// Of the parameter that stays, for the decay of weights.
    kept: f64,
    rate: f64,
    second_correction: f64,
}

impl Step {
    fn new(settings: &AdamSettings, steps: i32, scale: f64) -> Self {
        Self {
            scale,
            kept: 1.0 - settings.learning_rate * settings.weight_decay,
            rate: settings.learning_rate / (1.0 - BETA1.powi(steps)),
            second_correction: (1.0 - BETA2.powi(steps)).sqrt(),
        }
    }

    /// By libtorch's operations; [`OnePass`] does the same.
    fn take_on_device(
        &self,
        parameter: &mut Tensor,
        gradient: &Tensor,
        first: &mut Tensor,
        second: &mut Tensor,
    ) -> Result<()> {
        let gradient = gradient.f_mul_scalar(self.scale)?;
        let _ = first.f_lerp_(&gradient, 1.0 - BETA1)?;
        let _ = second.f_mul_scalar_(BETA2)?.f_addcmul_(&gradient, &gradient.f_mul_scalar(1.0 - BETA2)?)?;
        let denominator = second.f_sqrt()?.f_div_scalar_(self.second_correction)?.f_add_scalar_(EPSILON)?;
        let change = first.f_div(&denominator)?.f_mul_scalar_(self.rate)?;
        let _ = parameter.f_mul_scalar_(self.kept)?.f_sub_(&change)?;
        Ok(())
    }
}

/// A step of some scalars in one pass over the memory.
struct OnePass<'a> {
    step: &'a Step,
    parameter: &'a mut [f32],
    gradient: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl Vectorised for OnePass<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { step, parameter, gradient, first, second } = self;
        let (scale, kept, rate) = (step.scale as f32, step.kept as f32, step.rate as f32);
        let (beta1, beta2) = ((1.0 - BETA1) as f32, BETA2 as f32);
        let (correction, epsilon) = (1.0 / step.second_correction as f32, EPSILON as f32);
        for (((parameter, gradient), first), second) in parameter.iter_mut().zip(gradient).zip(first).zip(second) {
            let gradient = gradient * scale;
            *first += beta1 * (gradient - *first);
            *second = beta2 * *second + (1.0 - beta2) * gradient * gradient;
            *parameter = kept * *parameter - rate * *first / (second.sqrt() * correction + epsilon);
        }
    }
}

/// The optimiser's state.
pub struct Adam {
    settings: AdamSettings,
    steps: u32,
    first: Vec<Tensor>,
    second: Vec<Tensor>,
}

impl Adam {
    /// An optimiser for these parameters.
    pub fn new(parameters: &Parameters, settings: AdamSettings) -> Self {
        let zeros = || parameters.tensors().map(|tensor| tensor.detach().zeros_like()).collect();
        Self { settings, steps: 0, first: zeros(), second: zeros() }
    }

    /// Changes the step size.
    pub fn set_learning_rate(&mut self, learning_rate: f64) {
        self.settings.learning_rate = learning_rate;
    }

    /// One step down the gradients of `loss`. Returns the gradient's norm before it was limited.
    pub fn step(&mut self, parameters: &mut Parameters, loss: &Tensor) -> Result<f64> {
        let tensors: Vec<&Tensor> = parameters.tensors().collect();
        let gradients = Tensor::f_run_backward(&[loss], &tensors, false, false)?;
        self.apply(parameters, &gradients, 1.0)
    }

    /// One step down the given gradients, which stand in the parameters' order, divided by `divisor`. Returns the norm of
    /// what was divided, before it was limited.
    pub fn apply(&mut self, parameters: &mut Parameters, gradients: &[Tensor], divisor: f64) -> Result<f64> {
        self.steps += 1;
        tch::no_grad(|| {
            let mut square_sum = Tensor::f_zeros([1], (tch::Kind::Float, parameters.device()))?;
            for gradient in gradients {
                let flat = gradient.f_reshape([-1])?;
                square_sum = square_sum.f_add(&flat.f_dot(&flat)?)?;
            }
            let norm = square_sum.f_double_value(&[0])?.sqrt() / divisor;
            let limit = self.settings.gradient_norm;
            let scale = if limit > 0.0 && norm > limit { limit / norm } else { 1.0 };
            let step = Step::new(&self.settings, self.steps as i32, scale / divisor);
            let moments = self.first.iter_mut().zip(&mut self.second);
            for ((parameter, gradient), (first, second)) in parameters.tensors().zip(gradients).zip(moments) {
                let mut parameter = parameter.detach();
                match parameter.device() {
                    Device::Cpu => {
                        let gradient = gradient.f_contiguous()?;
                        vectorised(OnePass {
                            step: &step,
                            parameter: floats_mut(&mut parameter),
                            gradient: floats(&gradient),
                            first: floats_mut(first),
                            second: floats_mut(second),
                        });
                    }
                    _ => step.take_on_device(&mut parameter, gradient, first, second)?,
                }
            }
            Ok(norm)
        })
    }

    /// The state for a file.
    pub fn saved(&self, prefix: &str) -> Result<Vec<(String, SavedTensor<'static>)>> {
        let mut saved = vec![(format!("{prefix}steps"), SavedTensor::number(self.steps))];
        for (name, moments) in [("first", &self.first), ("second", &self.second)] {
            for (index, tensor) in moments.iter().enumerate() {
                saved.push((format!("{prefix}{name}.{index}"), SavedTensor::from_tensor(tensor)?));
            }
        }
        Ok(saved)
    }

    /// Reads the state from a file.
    pub fn load(&mut self, file: &TensorFile, prefix: &str) -> Result<()> {
        self.steps = file.integers(&format!("{prefix}steps"))?.first().copied().unwrap_or(0);
        for (name, moments) in [("first", &mut self.first), ("second", &mut self.second)] {
            for (index, tensor) in moments.iter_mut().enumerate() {
                file.copy_into(&format!("{prefix}{name}.{index}"), tensor)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers are PyTorch's:
    /// ```python
    /// import torch
    /// w = torch.tensor([[1., -2.]], requires_grad=True); b = torch.tensor([.5], requires_grad=True)
    /// opt = torch.optim.AdamW([w, b], lr=.1, weight_decay=.01)
    /// for x in ([1., 2.], [-3., 1.], [.5, .5]):
    ///     loss = (torch.nn.functional.linear(torch.tensor([x]), w, b) - 1).square().sum()
    ///     opt.zero_grad(); loss.backward(); opt.step()
    /// print(w, b)   # [[0.99321806, -1.71674609]] [0.77921724]
    /// ```
    #[test]
    fn agrees_with_pytorch() {
        let mut parameters = Parameters::new(0, Device::Cpu);
        let weight = parameters.add("w", &[1, 2], &[1.0, -2.0]).unwrap();
        let bias = parameters.add("b", &[1], &[0.5]).unwrap();
        let settings = AdamSettings { learning_rate: 0.1, weight_decay: 0.01, gradient_norm: 0.0 };
        let mut adam = Adam::new(&parameters, settings);
        for x in [[1.0f32, 2.0], [-3.0, 1.0], [0.5, 0.5]] {
            let output = Tensor::from_slice(&x).reshape([1, 2]).linear(&weight, Some(&bias));
            let loss = (output - 1.0).square().sum(tch::Kind::Float);
            adam.step(&mut parameters, &loss).unwrap();
        }
        let found: Vec<f32> =
            parameters.tensors().flat_map(|t| Vec::<f32>::try_from(t.reshape([-1])).unwrap()).collect();
        for (found, expected) in found.iter().zip([0.993_218, -1.716_746, 0.779_217_2f32]) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
    }

    /// The pass by hand against the same formulas by libtorch's operations.
    #[test]
    fn both_ways_to_step_agree() {
        let settings = AdamSettings { learning_rate: 0.02, weight_decay: 0.1, gradient_norm: 1.0 };
        let filled = |start: f64| crate::test_values::filled(&[5, 7], start);
        let (mut parameter, mut first, mut second) = (filled(1.0), filled(2.0), filled(3.0).square());
        let [mut by_hand, mut first_by_hand, mut second_by_hand] = [&parameter, &first, &second].map(Tensor::copy);
        for steps in 1..4 {
            let (step, gradient) = (Step::new(&settings, steps, 0.7), filled(f64::from(steps)));
            step.take_on_device(&mut parameter, &gradient, &mut first, &mut second).unwrap();
            vectorised(OnePass {
                step: &step,
                parameter: floats_mut(&mut by_hand),
                gradient: floats(&gradient),
                first: floats_mut(&mut first_by_hand),
                second: floats_mut(&mut second_by_hand),
            });
        }
        for (found, expected) in [(by_hand, parameter), (first_by_hand, first), (second_by_hand, second)] {
            assert!(found.allclose(&expected, 1e-6, 1e-7, false));
        }
    }

    #[test]
    fn the_gradient_norm_is_limited_and_reported() {
        let mut parameters = Parameters::new(0, Device::Cpu);
        let weight = parameters.add("w", &[2], &[0.0, 0.0]).unwrap();
        let settings = AdamSettings { learning_rate: 0.1, weight_decay: 0.0, gradient_norm: 1.0 };
        let mut adam = Adam::new(&parameters, settings);
        let loss = (&weight * Tensor::from_slice(&[3.0f32, 4.0])).sum(tch::Kind::Float);
        assert_eq!(adam.step(&mut parameters, &loss).unwrap(), 5.0);
        // The first moment is (1 - beta1) times the limited gradient (0.6, 0.8).
        assert!((adam.first[0].double_value(&[0]) - 0.06).abs() < 1e-6);
    }
}
