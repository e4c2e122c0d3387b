//! Dense layers.

use tch::Tensor;

use super::{Dropout, LayerNorm, Parameters};
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
    pub fn parameters(&self) -> (&Tensor, &Tensor) {
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

/// Dense layers with a ReLU after each, and where wanted layer normalisation before it.
pub struct DenseStack {
    layers: Vec<(Dense, Option<LayerNorm>)>,
}

impl DenseStack {
    /// Layers `<name>.0`, `<name>.1`, ... of the given widths.
    pub fn new(parameters: &mut Parameters, name: &str, inputs: usize, widths: &[usize]) -> Result<Self> {
        Self::build(parameters, name, inputs, widths, false)
    }

    /// The same with the normalisations `<name>.0.norm`, `<name>.1.norm`, ... between each layer and its ReLU.
    pub fn with_layer_norm(parameters: &mut Parameters, name: &str, inputs: usize, widths: &[usize]) -> Result<Self> {
        Self::build(parameters, name, inputs, widths, true)
    }

    fn build(
        parameters: &mut Parameters,
        name: &str,
        mut inputs: usize,
        widths: &[usize],
        normalised: bool,
    ) -> Result<Self> {
        let mut layers = Vec::with_capacity(widths.len());
        for (index, &width) in widths.iter().enumerate() {
            let name = format!("{name}.{index}");
            let dense = Dense::new(parameters, &name, inputs, width)?;
            let norm = normalised.then(|| LayerNorm::new(parameters, &format!("{name}.norm"), width)).transpose()?;
            layers.push((dense, norm));
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
        self.layers.iter().try_fold(x.shallow_clone(), |x, (dense, norm)| {
            let mut x = dense.forward(&x)?;
            if let Some(norm) = norm {
                x = norm.forward(&x)?;
            }
            dropout.hidden(&x.f_relu_()?)
        })
    }

    /// The dense layers, from the inputs on.
    pub(super) fn dense_layers(&self) -> impl Iterator<Item = &Dense> {
        self.layers.iter().map(|(dense, _)| dense)
    }

    /// Another handle on the same parameters, for use on another thread.
    pub fn shallow_clone(&self) -> Self {
        let layers = self.layers.iter();
        let layers = layers.map(|(dense, norm)| (dense.shallow_clone(), norm.as_ref().map(LayerNorm::shallow_clone)));
        Self { layers: layers.collect() }
    }
}
