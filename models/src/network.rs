//! The little that all networks share: named parameters with reproducible initial weights, dense and recurrent
//! layers, Adam.

mod adam;
mod dense;
mod parameters;
mod recurrent;

pub use adam::{Adam, AdamSettings};
pub use dense::{Dense, DenseStack};
pub use parameters::Parameters;
pub use recurrent::{Cell, Recurrent};

/// Values that a test and a PyTorch script can both make: sin(0.7 k + start) / 2.
#[cfg(test)]
pub(crate) fn filled(shape: &[i64], start: f64) -> tch::Tensor {
    use tch::{Device, Kind, Tensor};
    let values = Tensor::arange(shape.iter().product::<i64>(), (Kind::Double, Device::Cpu)) * 0.7 + start;
    (values.sin() * 0.5).to_kind(Kind::Float).reshape(shape)
}
