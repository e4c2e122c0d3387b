//! Quantile regression (QR-DQN, Dabney et al., AAAI 2018): the network gives quantiles of the return, at the levels
//! (i + 1/2) / N (lemma 2).

use listening_models::Result;
use tch::{Kind, Reduction, Tensor};

/// Where the Huber loss becomes linear (QR-DQN-1).
const KAPPA: f64 = 1.0;

/// Quantile Huber loss `[rows]` of quantiles `[rows, quantiles]` against samples of the return `[rows, samples]`: the sum
/// over the quantiles of the mean over the samples (equation 10 and algorithm 1).
pub(super) fn quantile_huber_loss(quantiles: &Tensor, samples: &Tensor) -> Result<Tensor> {
    let count = quantiles.size()[1];
    let levels = Tensor::f_arange(count, (Kind::Float, quantiles.device()))?.f_add_scalar(0.5)?;
    let levels = levels.f_div_scalar(count as f64)?.f_reshape([1, count, 1])?;
    // [rows, quantiles, samples]
    let size = [quantiles.size()[0], count, samples.size()[1]];
    let quantiles = quantiles.f_unsqueeze(2)?.f_expand(size, false)?;
    let samples = samples.f_unsqueeze(1)?.f_expand(size, false)?;
    let huber = quantiles.f_huber_loss(&samples, Reduction::None, KAPPA)?.f_div_scalar(KAPPA)?;
    let above = quantiles.f_detach()?.f_gt_tensor(&samples)?.f_to_kind(Kind::Float)?;
    let weighted = levels.f_sub(&above)?.f_abs()?.f_mul(&huber)?;
    Ok(weighted.f_mean_dim(2, false, Kind::Float)?.f_sum_dim_intlist(1, false, Kind::Float)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    fn near(found: &Tensor, expected: &[f32]) {
        let expected = Tensor::from_slice(expected).reshape(found.size());
        assert!((found - &expected).abs().max().double_value(&[]) < 1e-5, "{found} {expected}");
    }

    /// The numbers are PyTorch's, by loops over the formula:
    /// ```python
    /// import torch
    /// theta = torch.tensor([[-.5, .25, 2.], [1., 1.5, -3.]], requires_grad=True)
    /// y = torch.tensor([[0., .75, 1.8, 2.], [4., 1.5, 1., -2.9]])
    /// N, rows = 3, []
    /// for b in range(2):
    ///     loss = 0
    ///     for i in range(N):
    ///         for j in range(4):
    ///             u = y[b, j] - theta[b, i]
    ///             huber = .5 * u * u if abs(u) <= 1 else abs(u) - .5
    ///             loss = loss + abs((i + .5) / N - float(u < 0)) * huber / 4
    ///     rows.append(loss)
    /// (rows[0] + 2 * rows[1]).backward()
    /// print([r.item() for r in rows], theta.grad.flatten().tolist())
    /// ```
    #[test]
    fn the_loss_and_its_gradient_agree_with_pytorch() {
        let theta = Tensor::from_slice(&[-0.5f32, 0.25, 2.0, 1.0, 1.5, -3.0]).reshape([2, 3]).set_requires_grad(true);
        let samples = Tensor::from_slice(&[0.0f32, 0.75, 1.8, 2.0, 4.0, 1.5, 1.0, -2.9]).reshape([2, 4]);
        let loss = quantile_huber_loss(&theta, &samples).unwrap();
        near(&loss, &[0.596406, 4.488542]);
        let weighted = (&loss * Tensor::from_slice(&[1.0f32, 2.0])).sum(Kind::Float);
        near(
            &Tensor::run_backward(&[weighted], &[&theta], false, false)[0],
            &[-0.145833, -0.28125, 0.091667, 0.291667, 0.125, -1.291667],
        );
    }

    /// What the loss is for: its minimum are the quantiles of the samples. Of 0, 1, ..., 99 those at 1/8, 3/8, 5/8, 7/8 are
    /// 12, 37, 62, 87, but for the unit around each sample in which the loss is square.
    #[test]
    fn the_minimum_of_the_loss_are_the_quantiles() {
        let samples = Tensor::arange(100, (Kind::Float, Device::Cpu)).reshape([1, 100]);
        let mut theta = Tensor::full([1, 4], 50.0, (Kind::Float, Device::Cpu)).set_requires_grad(true);
        for step in 0..2000 {
            let loss = quantile_huber_loss(&theta, &samples).unwrap().sum(Kind::Float);
            let gradient = Tensor::run_backward(&[loss], &[&theta], false, false);
            theta = (theta.detach() - &gradient[0] * if step < 1000 { 4.0 } else { 0.4 }).set_requires_grad(true);
        }
        let found = Vec::<f32>::try_from(theta.detach().reshape([-1])).unwrap();
        for (found, expected) in found.iter().zip([12.0, 37.0, 62.0, 87.0]) {
            assert!((found - expected).abs() < 1.0, "{found} {expected}");
        }
    }
}
