//! Values that tests and their PyTorch scripts both can make.

use tch::{Device, Kind, Tensor};

use crate::network::Parameters;

/// sin(0.7 k + start) / 2 for the k-th value.
pub(super) fn filled(shape: &[i64], start: f64) -> Tensor {
    let count: i64 = shape.iter().product();
    let values = Tensor::arange(count, (Kind::Double, Device::Cpu)) * 0.7 + start;
    (values.sin() * 0.5).to_kind(Kind::Float).reshape(shape)
}

/// Fills the parameters, each from its place on.
pub(super) fn fill(parameters: &mut Parameters) {
    let values: Vec<Tensor> =
        parameters.tensors().enumerate().map(|(place, tensor)| filled(&tensor.size(), place as f64)).collect();
    parameters.restore(&values).unwrap();
}

pub(super) fn values(tensor: &Tensor) -> Vec<f64> {
    Vec::<f64>::try_from(tensor.to_kind(Kind::Double).reshape([-1])).unwrap()
}

/// Sum of the gradient of each parameter.
pub(super) fn gradient_sums(parameters: &Parameters, loss: &Tensor) -> Vec<f64> {
    let tensors: Vec<&Tensor> = parameters.tensors().collect();
    let gradients = Tensor::run_backward(&[loss], &tensors, false, false);
    gradients.iter().map(|gradient| gradient.sum(Kind::Double).double_value(&[])).collect()
}

pub(super) fn assert_near(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-5 * expected.abs().max(1.0), "{found} {expected}");
    }
}
