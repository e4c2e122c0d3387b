//! Named trainable tensors of one network.

use listening_data::{CounterRng, Stream};
use tch::{Device, Tensor};

use crate::Result;
use crate::tensors::{SavedTensor, TensorFile};

/// The parameters of a network, in the order of their creation.
///
/// Initial weights come from [`CounterRng`] and not from libtorch's global generator: they are a function of the
/// seed and of the parameter's place.
pub struct Parameters {
    device: Device,
    seed: u64,
    /// Initial weights are uniform in ±sqrt(spread / fan_in).
    spread: f32,
    named: Vec<(String, Tensor)>,
}

impl Parameters {
    /// No parameters yet.
    pub fn new(seed: u64, device: Device) -> Self {
        Self { device, seed, spread: 6.0, named: Vec::new() }
    }

    /// Weights that are added from here on are uniform in ±1 / sqrt(fan_in), as PyTorch's dense layers begin. From small weights
    /// a network learns less by heart.
    pub fn with_small_weights(mut self) -> Self {
        self.spread = 1.0;
        self
    }

    /// Adds a weight of shape `[outputs, inputs]`, uniform in ±sqrt(6 / fan_in) (He et al. 2015, for ReLU layers), or smaller
    /// ([`Self::with_small_weights`]).
    pub fn weight(&mut self, name: &str, outputs: usize, inputs: usize, fan_in: usize) -> Result<Tensor> {
        self.uniform(name, &[outputs, inputs], (self.spread / fan_in.max(1) as f32).sqrt())
    }

    /// Adds a tensor, uniform in ±`bound`.
    pub fn uniform(&mut self, name: &str, shape: &[usize], bound: f32) -> Result<Tensor> {
        let mut rng = CounterRng::new(self.seed, Stream::Weights, self.named.len() as u64, 0);
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| bound * (2.0 * rng.uniform() - 1.0)).collect();
        let shape: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
        self.add(name, &shape, &values)
    }

    /// Adds a weight of shape `[outputs, inputs]`, all zero.
    pub fn zero_weight(&mut self, name: &str, outputs: usize, inputs: usize) -> Result<Tensor> {
        self.add(name, &[outputs as i64, inputs as i64], &vec![0.0; outputs * inputs])
    }

    /// Adds a bias of zeros.
    pub fn bias(&mut self, name: &str, outputs: usize) -> Result<Tensor> {
        self.add(name, &[outputs as i64], &vec![0.0; outputs])
    }

    pub(super) fn add(&mut self, name: &str, shape: &[i64], values: &[f32]) -> Result<Tensor> {
        let tensor =
            Tensor::f_from_slice(values)?.f_reshape(shape)?.f_to_device(self.device)?.f_set_requires_grad(true)?;
        self.named.push((name.to_owned(), tensor.shallow_clone()));
        Ok(tensor)
    }

    /// The device they live on.
    pub fn device(&self) -> Device {
        self.device
    }

    /// The tensors, in order.
    pub fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        self.named.iter().map(|(_, tensor)| tensor)
    }

    /// The tensors with their names, in order.
    pub fn named(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.named.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Number of scalars.
    pub fn count(&self) -> usize {
        self.tensors().map(Tensor::numel).sum()
    }

    /// Moves the values the share `tau` of the way to those of another network of the same shape.
    pub fn move_towards(&mut self, other: &Parameters, tau: f64) -> Result<()> {
        tch::no_grad(|| {
            for ((_, target), source) in self.named.iter_mut().zip(other.tensors()) {
                let _ = target.f_lerp_(source, tau)?;
            }
            Ok(())
        })
    }

    /// Copies of the current values.
    pub fn snapshot(&self) -> Vec<Tensor> {
        tch::no_grad(|| self.tensors().map(|tensor| tensor.detach().copy()).collect())
    }

    /// Takes back values given by [`Self::snapshot`].
    pub fn restore(&mut self, snapshot: &[Tensor]) -> Result<()> {
        tch::no_grad(|| {
            for ((_, target), source) in self.named.iter_mut().zip(snapshot) {
                target.f_copy_(source)?;
            }
            Ok(())
        })
    }

    /// The tensors for a file, their names prefixed.
    pub fn saved(&self, prefix: &str) -> Result<Vec<(String, SavedTensor<'static>)>> {
        self.named
            .iter()
            .map(|(name, tensor)| Ok((format!("{prefix}{name}"), SavedTensor::from_tensor(tensor)?)))
            .collect()
    }

    /// Reads the tensors from a file; every one must be there with its shape.
    pub fn load(&mut self, file: &TensorFile, prefix: &str) -> Result<()> {
        self.named.iter_mut().try_for_each(|(name, tensor)| file.copy_into(&format!("{prefix}{name}"), tensor))
    }
}
