//! Vectors of length 1, and how far apart they point.

use tch::{Kind, Tensor};

use crate::Result;

/// Scales the vectors along the last dimension to length 1; zeros stay zeros.
pub(super) fn unit(vectors: &Tensor) -> Result<Tensor> {
    let lengths = vectors.f_norm_scalaropt_dim(2, [-1i64].as_slice(), true)?.f_clamp_min(1e-12)?;
    Ok(vectors.f_div(&lengths)?)
}

/// 1 - cos, summed over the targets that count (Hansen et al., RecSys 2020, section 4.3). All vectors are of length 1:
/// `foretold` and `targets` `[steps, lanes, dimension]`, `weights` `[steps, lanes]`.
pub(super) fn cosine_loss(foretold: &Tensor, targets: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let cosines = foretold.f_mul(targets)?.f_sum_dim_intlist([-1i64].as_slice(), false, Kind::Float)?;
    Ok(cosines.f_neg()?.f_add_scalar(1.0)?.f_mul(weights)?.f_sum(Kind::Float)?)
}
