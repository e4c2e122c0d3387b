//! Dropout.

use listening_data::CounterRng;
use tch::Tensor;

use crate::Result;

/// Sets values to 0 at random in training, and scales the others so that their mean stays (Srivastava et al., JMLR 2014). Of a
/// sequence the same values are left out at every step (Gal and Ghahramani, NIPS 2016).
pub struct Dropout {
    inputs: f64,
    hidden: f64,
    noise: Option<CounterRng>,
}

impl Dropout {
    /// Nothing is left out: for use outside training.
    pub fn none() -> Self {
        Self { inputs: 0.0, hidden: 0.0, noise: None }
    }

    /// Leaves out these shares of the inputs and of the outputs of hidden layers.
    pub fn new(inputs: f64, hidden: f64, noise: CounterRng) -> Self {
        Self { inputs, hidden, noise: Some(noise) }
    }

    /// Applied to what goes into the network.
    pub fn inputs(&mut self, x: &Tensor) -> Result<Tensor> {
        self.drop(x, self.inputs)
    }

    /// Applied to what a hidden layer gives.
    pub fn hidden(&mut self, x: &Tensor) -> Result<Tensor> {
        self.drop(x, self.hidden)
    }

    fn drop(&mut self, x: &Tensor, share: f64) -> Result<Tensor> {
        let Some(noise) = self.noise.as_mut().filter(|_| share > 0.0) else { return Ok(x.shallow_clone()) };
        let (share, kept) = (share as f32, 1.0 / (1.0 - share as f32));
        // [steps, rows, values] or [rows, values]: one mask `[rows, values]`.
        let size = x.size();
        let shape = &size[size.len().saturating_sub(2)..];
        let values = shape.iter().product::<i64>();
        let mask: Vec<f32> = (0..values).map(|_| if noise.uniform() < share { 0.0 } else { kept }).collect();
        Ok(x.f_mul(&Tensor::f_from_slice(&mask)?.f_reshape(shape)?.f_to_device(x.device())?)?)
    }
}

#[cfg(test)]
mod tests {
    use listening_data::Stream;
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn the_share_is_left_out_and_the_mean_stays() {
        let ones = Tensor::ones([200, 500], (Kind::Float, Device::Cpu));
        let draw = |step| {
            let mut dropout = Dropout::new(0.1, 0.4, CounterRng::new(1, Stream::Dropout, step, 0));
            (dropout.inputs(&ones).unwrap(), dropout.hidden(&ones).unwrap())
        };
        let (inputs, hidden) = draw(1);
        for (dropped, share) in [(&inputs, 0.1), (&hidden, 0.4)] {
            let left_out = dropped.eq(0.0).to_kind(Kind::Double).mean(Kind::Double).double_value(&[]);
            // Five standard errors of 100,000 draws.
            assert!((left_out - share).abs() < 5.0 * (share * (1.0 - share) / 1e5f64).sqrt(), "{left_out}");
            assert!((dropped.mean(Kind::Double).double_value(&[]) - 1.0).abs() < 0.02);
        }
        let steps = Tensor::ones([3, 20, 50], (Kind::Float, Device::Cpu));
        let steps = Dropout::new(0.5, 0.0, CounterRng::new(1, Stream::Dropout, 1, 0)).inputs(&steps).unwrap();
        assert!(steps.select(0, 0).equal(&steps.select(0, 2)), "the same at every step");
        assert!(hidden.equal(&draw(1).1) && !hidden.equal(&draw(2).1));
        assert!(ones.equal(&Dropout::none().hidden(&ones).unwrap()));
    }
}
