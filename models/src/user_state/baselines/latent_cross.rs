//! LatentCross (Beutel et al., WSDM 2018): a GRU whose inputs and outputs are multiplied by what the context makes of
//! them, h * (1 + sum over contexts of W c) (equations 5 and 6).

use listening_data::CounterRng;
use tch::Tensor;

use crate::Result;
use crate::features::FAST_EXTRAS;
use crate::network::{Cell, Dense, Parameters, Recurrent};
use crate::user_state::{PlayChunk, SequenceModel, squared_error};

/// One kind of context of every step of every lane.
pub struct StepContext<'a> {
    /// `[rows, width]`: the contexts.
    pub rows: &'a Tensor,
    /// `[steps x lanes]`: the row of each step and lane; none if the rows stand in that order.
    pub of: Option<&'a Tensor>,
}

/// The network over any inputs and contexts.
pub struct CrossedGru {
    /// Per context `[inputs, width]`.
    before: Vec<Tensor>,
    layer: Recurrent,
    /// Per context `[units, width]`.
    after: Vec<Tensor>,
    output: Dense,
}

impl CrossedGru {
    /// Adds the parameters. The contexts' weights begin at zero, where the network is a plain GRU (the paper draws them
    /// around zero).
    pub fn new(
        parameters: &mut Parameters,
        inputs: usize,
        context_widths: &[usize],
        units: usize,
        outputs: usize,
    ) -> Result<Self> {
        let weights = |parameters: &mut Parameters, place: &str, rows: usize| -> Result<Vec<Tensor>> {
            let named = context_widths.iter().enumerate();
            named
                .map(|(context, &width)| parameters.zero_weight(&format!("{place}.{context}.weight"), rows, width))
                .collect()
        };
        Ok(Self {
            before: weights(parameters, "before", inputs)?,
            layer: Recurrent::new(parameters, "gru", Cell::Gru, inputs, units, 1)?,
            after: weights(parameters, "after", units)?,
            output: Dense::new(parameters, "output", units, outputs)?,
        })
    }

    /// Floats of memory per lane.
    pub fn memory_length(&self) -> usize {
        self.layer.state_length()
    }

    /// `[steps, lanes, inputs]`, the contexts in the order of their widths and the memory before to
    /// `[steps, lanes, outputs]` and the memory after.
    pub fn forward(&self, inputs: &Tensor, contexts: &[StepContext<'_>], memory: &Tensor) -> Result<(Tensor, Tensor)> {
        let (hidden, memory) = self.layer.forward(&crossed(inputs, &self.before, contexts)?, memory)?;
        Ok((self.output.forward(&crossed(&hidden, &self.after, contexts)?)?, memory))
    }

    /// Another handle on the same parameters, for use on another thread.
    pub fn shallow_clone(&self) -> Self {
        let clones = |tensors: &[Tensor]| tensors.iter().map(Tensor::shallow_clone).collect();
        Self {
            before: clones(&self.before),
            layer: self.layer.shallow_clone(),
            after: clones(&self.after),
            output: self.output.shallow_clone(),
        }
    }
}

/// x * (1 + sum of W c), with x `[steps, lanes, width]`.
fn crossed(x: &Tensor, weights: &[Tensor], contexts: &[StepContext<'_>]) -> Result<Tensor> {
    let mut factor = x.f_ones_like()?;
    for (weight, context) in weights.iter().zip(contexts) {
        // The product of each row is the same wherever the row is used.
        let products = context.rows.f_linear::<Tensor>(weight, None)?;
        let products = context.of.map_or(Ok(products.shallow_clone()), |of| products.f_index_select(0, of))?;
        factor = factor.f_add(&products.f_reshape(x.size())?)?;
    }
    Ok(x.f_mul(&factor)?)
}

/// The network over plays: inputs are the plays with their responses; contexts are the moment (slow features and the
/// session's context) and the time before the play taken in.
pub struct LatentCross {
    network: CrossedGru,
}

impl LatentCross {
    /// Adds the parameters of a network of `units` hidden units over vectors of `dimension` values and moments of
    /// `moment_length`.
    pub fn new(parameters: &mut Parameters, dimension: usize, moment_length: usize, units: usize) -> Result<Self> {
        let network = CrossedGru::new(parameters, dimension + FAST_EXTRAS, &[moment_length, 1], units, dimension)?;
        Ok(Self { network })
    }
}

impl SequenceModel for LatentCross {
    type Chunk = PlayChunk;

    fn memory_length(&self) -> usize {
        self.network.memory_length()
    }

    fn foretell(&self, chunk: &PlayChunk, memory: &Tensor) -> Result<(Tensor, Tensor)> {
        let gaps = chunk.plays.f_narrow(2, chunk.plays.size()[2] - 1, 1)?.f_reshape([-1, 1])?;
        let contexts =
            [StepContext { rows: &chunk.moments, of: Some(&chunk.moment_of) }, StepContext { rows: &gaps, of: None }];
        self.network.forward(&chunk.plays, &contexts, memory)
    }

    fn loss(&self, chunk: &PlayChunk, memory: &Tensor, _noise: &mut CounterRng) -> Result<(Tensor, Tensor)> {
        let (foretold, memory) = self.foretell(chunk, memory)?;
        Ok((squared_error(&foretold, &chunk.targets, &chunk.weights)?, memory))
    }

    fn shallow_clone(&self) -> Self {
        Self { network: self.network.shallow_clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user_state::test_values::{assert_near, fill, filled, gradient_sums, values};
    use tch::{Device, Kind};

    /// The numbers are PyTorch's:
    /// ```python
    /// import torch
    /// def fill(shape, start):
    ///     n = torch.Size(shape).numel()
    ///     return (torch.sin(torch.arange(n, dtype=torch.float64) * .7 + start)).float().reshape(shape) * .5
    /// linear = torch.nn.functional.linear
    /// gru, out = torch.nn.GRU(3, 2), torch.nn.Linear(2, 2)
    /// before = [torch.nn.Parameter(torch.zeros(3, n)) for n in (4, 1)]
    /// after = [torch.nn.Parameter(torch.zeros(2, n)) for n in (4, 1)]
    /// ps = before + list(gru.parameters()) + after + list(out.parameters())
    /// with torch.no_grad():
    ///     for place, p in enumerate(ps): p.copy_(fill(p.shape, place))
    /// x, h = fill((3, 2, 3), 1.), fill((1, 2, 2), 2.)
    /// contexts = [fill((2, 4), 3.)[[0, 1, 0, 1, 1, 0]].reshape(3, 2, 4), fill((3, 2, 1), 4.)]
    /// cross = lambda x, weights: x * (1 + sum(linear(c, w) for c, w in zip(contexts, weights)))
    /// hidden, last = gru(cross(x, before), h)
    /// y = out(cross(hidden, after))
    /// y.square().sum().backward()
    /// print(y[-1].flatten().tolist(), last.flatten().tolist())
    /// print([p.grad.sum().item() for p in ps])
    /// ```
    #[test]
    fn agrees_with_pytorch() {
        let mut parameters = Parameters::new(0, Device::Cpu);
        let network = CrossedGru::new(&mut parameters, 3, &[4, 1], 2, 2).unwrap();
        fill(&mut parameters);
        let of = Tensor::from_slice(&[0i64, 1, 0, 1, 1, 0]);
        let (rows, gaps) = (filled(&[2, 4], 3.0), filled(&[6, 1], 4.0));
        let contexts = [StepContext { rows: &rows, of: Some(&of) }, StepContext { rows: &gaps, of: None }];
        let (found, last) = network.forward(&filled(&[3, 2, 3], 1.0), &contexts, &filled(&[2, 2], 2.0)).unwrap();
        assert_near(&values(&found.select(0, 2)), &[0.71496999, -0.18399411, 0.51102388, -0.30673087]);
        assert_near(&values(&last), &[0.57950431, 0.28626370, 0.37360591, 0.33529091]);
        let loss = found.square().sum(Kind::Float);
        assert_near(
            &gradient_sums(&parameters, &loss),
            &[
                0.00457324,
                0.01274926,
                -0.24013883,
                0.31614146,
                2.59786391,
                0.65119028,
                -0.46069226,
                0.01363590,
                2.14499807,
                2.92600107,
            ],
        );
    }
}
