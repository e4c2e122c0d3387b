//! The network of VAE-CF over any bags.

use tch::{Kind, Tensor};

use super::VaeCfSettings;
use crate::Result;
use crate::network::{Dense, Parameters};
use crate::user_state::fs_vae::divergence;

/// Encoder and decoder of one hidden layer of tanh units each.
pub(super) struct VaeCfNetwork {
    hidden: Dense,
    mean: Dense,
    log_variance: Dense,
    decoder: Dense,
    output: Dense,
}

impl VaeCfNetwork {
    pub(super) fn new(parameters: &mut Parameters, tracks: usize, settings: &VaeCfSettings) -> Result<Self> {
        let VaeCfSettings { hidden, latent, .. } = *settings;
        Ok(Self {
            hidden: Dense::new(parameters, "encoder", tracks, hidden)?,
            mean: Dense::new(parameters, "mean", hidden, latent)?,
            log_variance: Dense::new(parameters, "log_variance", hidden, latent)?,
            decoder: Dense::new(parameters, "decoder", latent, hidden)?,
            output: Dense::new(parameters, "output", hidden, tracks)?,
        })
    }

    fn encode(&self, bags: &Tensor) -> Result<Tensor> {
        Ok(self.hidden.forward(bags)?.f_tanh()?)
    }

    fn decode(&self, latent: &Tensor) -> Result<Tensor> {
        self.output.forward(&self.decoder.forward(latent)?.f_tanh()?)
    }

    /// Scores of the tracks `[rows, tracks]` from bags `[rows, tracks]` of ones and zeros, by the mean latent vector.
    pub(super) fn logits(&self, bags: &Tensor) -> Result<Tensor> {
        self.decode(&self.mean.forward(&self.encode(&unit(bags)?)?)?)
    }

    /// Negative log likelihood of the bags plus beta times the divergence (equation 7), summed over the bags. `kept` is 0
    /// where an entry is hidden from the encoder, and the inverse of the share that is kept elsewhere; the latent vector
    /// deviates from its mean by `deviations` `[rows, latent]` standard deviations.
    pub(super) fn loss(&self, bags: &Tensor, kept: &Tensor, deviations: &Tensor, beta: f64) -> Result<Tensor> {
        let hidden = self.encode(&unit(bags)?.f_mul(kept)?)?;
        let (mean, log_variance) = (self.mean.forward(&hidden)?, self.log_variance.forward(&hidden)?);
        let latent = mean.f_add(&log_variance.f_mul_scalar(0.5)?.f_exp()?.f_mul(deviations)?)?;
        let likelihood = self.decode(&latent)?.f_log_softmax(1, Kind::Float)?.f_mul(bags)?.f_sum(Kind::Float)?;
        let every = Tensor::f_ones([bags.size()[0]], (Kind::Float, bags.device()))?;
        Ok(divergence(&mean, &log_variance, &every)?.f_mul_scalar(beta)?.f_sub(&likelihood)?)
    }
}

/// Bags scaled to length 1; empty ones stay zero.
fn unit(bags: &Tensor) -> Result<Tensor> {
    let lengths = bags.f_square()?.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Float)?.f_sqrt()?;
    Ok(bags.f_div(&lengths.f_clamp_min(1e-12)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user_state::test_values::{assert_near, fill, filled, gradient_sums, values};
    use tch::Device;

    /// The numbers are PyTorch's:
    /// ```python
    /// import torch
    /// from torch.nn.functional import log_softmax, normalize
    /// def fill(shape, start):
    ///     n = torch.Size(shape).numel()
    ///     return (torch.sin(torch.arange(n, dtype=torch.float64) * .7 + start)).float().reshape(shape) * .5
    /// hidden, mean, logvar, hidden2, output = [torch.nn.Linear(*s) for s in ((5, 4), (4, 2), (4, 2), (2, 4), (4, 5))]
    /// ps = [p for d in (hidden, mean, logvar, hidden2, output) for p in d.parameters()]
    /// with torch.no_grad():
    ///     for place, p in enumerate(ps): p.copy_(fill(p.shape, place))
    /// bags = torch.tensor([[1., 0, 1, 1, 0], [0, 1, 0, 0, 1]])
    /// kept = torch.tensor([[2., 0, 0, 2, 0], [0, 2, 0, 0, 2]])  # dropout of one half
    /// h = torch.tanh(hidden(normalize(bags) * kept))
    /// mu, lv = mean(h), logvar(h)
    /// logits = lambda z: output(torch.tanh(hidden2(z)))
    /// kl = .5 * (mu.square() + lv.exp() - 1 - lv).sum()
    /// loss = -(bags * log_softmax(logits(mu + (lv / 2).exp() * fill((2, 2), 4.)), 1)).sum() + .2 * kl
    /// loss.backward()
    /// print(logits(mean(torch.tanh(hidden(normalize(bags))))).flatten().tolist())
    /// print([loss.item()]); print([p.grad.sum().item() for p in ps])
    /// ```
    #[test]
    fn agrees_with_pytorch() {
        let mut parameters = Parameters::new(0, Device::Cpu);
        let settings = VaeCfSettings { hidden: 4, latent: 2, ..VaeCfSettings::default() };
        let network = VaeCfNetwork::new(&mut parameters, 5, &settings).unwrap();
        fill(&mut parameters);
        let bags = Tensor::from_slice(&[1.0f32, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0]).reshape([2, 5]);
        let kept = Tensor::from_slice(&[2.0f32, 0.0, 0.0, 2.0, 0.0, 0.0, 2.0, 0.0, 0.0, 2.0]).reshape([2, 5]);
        assert_near(
            &values(&network.logits(&bags).unwrap()),
            &[
                0.26492739,
                -0.37000394,
                -0.03158835,
                -0.98362279,
                0.18740559,
                0.26962060,
                -0.37075716,
                -0.03486213,
                -0.97670025,
                0.17763430,
            ],
        );
        let loss = network.loss(&bags, &kept, &filled(&[2, 2], 4.0), 0.2).unwrap();
        assert_near(&values(&loss), &[8.69421196]);
        assert_near(
            &gradient_sums(&parameters, &loss),
            &[
                0.45830148,
                0.20948392,
                0.52506655,
                0.41876227,
                -0.11520743,
                -0.10130148,
                -0.86362416,
                1.04915357,
                0.00000021,
                0.00000024,
            ],
        );
    }
}
