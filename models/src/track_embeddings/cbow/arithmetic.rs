//! Arithmetic on rows of lanes, written once and compiled twice: for any processor, and with fused multiply-add.
//!
//! Functions with `FUSED` set must be inlined into one that has the target features "avx2,fma". Sums run in one fixed
//! order, so a result depends on the kind of processor alone.

use super::parameters::Lane;

#[inline(always)]
fn multiply_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    // Without the instruction `mul_add` is a call of the C library.
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// to += from.
#[inline(always)]
pub fn add(to: &mut [Lane], from: &[Lane]) {
    for (to, from) in to.iter_mut().zip(from) {
        (0..8).for_each(|i| to[i] += from[i]);
    }
}

/// to *= scale.
#[inline(always)]
pub fn scale(to: &mut [Lane], scale: f32) {
    to.iter_mut().for_each(|to| (0..8).for_each(|i| to[i] *= scale));
}

/// to += scale * from.
#[inline(always)]
pub fn add_scaled<const FUSED: bool>(to: &mut [Lane], scale: f32, from: &[Lane]) {
    for (to, from) in to.iter_mut().zip(from) {
        (0..8).for_each(|i| to[i] = multiply_add::<FUSED>(scale, from[i], to[i]));
    }
}

/// Dot product.
#[inline(always)]
pub fn dot<const FUSED: bool>(a: &[Lane], b: &[Lane]) -> f32 {
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        (0..8).for_each(|i| sums[i] = multiply_add::<FUSED>(a[i], b[i], sums[i]));
    }
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

/// The logistic function of eight numbers, to within 2e-7.
#[inline(always)]
pub fn logistic<const FUSED: bool>(x: Lane) -> Lane {
    let mut result = [0.0; 8];
    (0..8).for_each(|i| result[i] = 1.0 / (1.0 + exp::<FUSED>((-x[i]).clamp(-60.0, 60.0))));
    result
}

/// exp(x) for |x| <= 60: exp(x) = 2^n exp(r) with |r| <= ln 2 / 2 and the polynomial of Cephes' `expf`.
#[inline(always)]
fn exp<const FUSED: bool>(x: f32) -> f32 {
    /// Adding 1.5 * 2^23 rounds to a whole number and leaves it in the lowest bits.
    const ROUNDING: f32 = 12_582_912.0;
    let shifted = multiply_add::<FUSED>(x, std::f32::consts::LOG2_E, ROUNDING);
    let n = shifted - ROUNDING;
    // ln 2 in two parts, the first with few bits, so that n times it is exact.
    let r = multiply_add::<FUSED>(n, 2.121_944_4e-4, multiply_add::<FUSED>(n, -0.693_359_4, x));
    let mut sum = 1.987_569_1e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        sum = multiply_add::<FUSED>(sum, r, coefficient);
    }
    let power_of_two = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    (multiply_add::<FUSED>(sum, r * r, r) + 1.0) * power_of_two
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logistic_function_is_close_and_never_strays() {
        for step in -4000..4000 {
            let x = step as f32 / 50.0;
            let exact = 1.0 / (1.0 + (-f64::from(x)).exp());
            for found in [logistic::<false>([x; 8])[3], logistic::<true>([x; 8])[3]] {
                assert!((f64::from(found) - exact).abs() < 2e-7, "{x}: {found} for {exact}");
            }
        }
        assert_eq!(logistic::<false>([f32::INFINITY; 8])[0], 1.0);
        assert!(logistic::<false>([f32::NEG_INFINITY; 8])[0] < 1e-20);
    }
}
