//! Dense layers.

use tch::Tensor;

use super::{Dropout, Parameters};
use crate::Result;

/// One affine layer, x W' + b.
pub struct Dense {
    weight: Tensor,
    bias: Tensor,
}

impl Dense {
    /// Adds a layer's parameters `<name>.weight` `[outputs, inputs]` and `<name>.bias` `[outputs]`.
    pub fn new(parameters: &mut Parameters, name: &str, inputs: usize, outputs: usize) -> Result<Self> {
        Self::with_fan_in(parameters, name, inputs, outputs, inputs)
    }

    /// As [`Self::new`], with initial weights for a fan-in of which `inputs` are a part.
    pub fn with_fan_in(
        parameters: &mut Parameters,
        name: &str,
        inputs: usize,
        outputs: usize,
        fan_in: usize,
    ) -> Result<Self> {
        Ok(Self {
            weight: parameters.weight(&format!("{name}.weight"), outputs, inputs, fan_in)?,
            bias: parameters.bias(&format!("{name}.bias"), outputs)?,
        })
    }

    /// Sets the bias, e.g. to what is known of the outputs before training.
    pub fn set_bias(&mut self, values: &[f32]) -> Result<()> {
        let values = Tensor::f_from_slice(values)?;
        tch::no_grad(|| self.bias.f_copy_(&values))?;
        Ok(())
    }

    /// Weight and bias.
    pub(super) fn parameters(&self) -> (&Tensor, &Tensor) {
        (&self.weight, &self.bias)
    }

    /// `[rows, inputs]` to `[rows, outputs]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.f_linear(&self.weight, Some(&self.bias))?)
    }

    /// Another handle on the same parameters, for use on another thread.
    pub fn shallow_clone(&self) -> Self {
        Self { weight: self.weight.shallow_clone(), bias: self.bias.shallow_clone() }
    }
}

/// Dense layers with a ReLU after each.
pub struct DenseStack {
    layers: Vec<Dense>,
}

impl DenseStack {
    /// Layers `<name>.0`, `<name>.1`, ... of the given widths.
    pub fn new(parameters: &mut Parameters, name: &str, inputs: usize, widths: &[usize]) -> Result<Self> {
        let mut inputs = inputs;
        let mut layers = Vec::with_capacity(widths.len());
        for (index, &width) in widths.iter().enumerate() {
            layers.push(Dense::new(parameters, &format!("{name}.{index}"), inputs, width)?);
            inputs = width;
        }
        Ok(Self { layers })
    }

    /// `[rows, inputs]` to `[rows, last width]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_dropping(x, &mut Dropout::none())
    }

    /// As [`Self::forward`], with a part of each layer's output left out.
    pub fn forward_dropping(&self, x: &Tensor, dropout: &mut Dropout) -> Result<Tensor> {
        self.layers.iter().try_fold(x.shallow_clone(), |x, layer| dropout.hidden(&layer.forward(&x)?.f_relu_()?))
    }

    /// The layers, from the inputs on.
    pub(super) fn layers(&self) -> &[Dense] {
        &self.layers
    }

    /// Another handle on the same parameters, for use on another thread.
    pub fn shallow_clone(&self) -> Self {
        Self { layers: self.layers.iter().map(Dense::shallow_clone).collect() }
    }
}
