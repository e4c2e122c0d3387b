//! The gates of an LSTM cell, forward and backward, over whole rows.
//!
//! The exponential is a polynomial of our own, so that the compiler can compute eight at a time. Off by at most 2e-7 of
//! the value.

use crate::simd::{Lanes, Vectorised};

/// What one step of one row reads and writes. All slices are `units` long, the gates four times that.
pub(super) struct CellStep<'a> {
    /// Gates before their activation, in PyTorch's order (input, forget, cell, output); after it when done.
    pub(super) gates: &'a mut [f32],
    /// The cell before the step.
    pub(super) before: &'a [f32],
    /// The cell after it.
    pub(super) cell: &'a mut [f32],
    /// The output.
    pub(super) output: &'a mut [f32],
}

/// The gradient of one step of one row.
pub(super) struct CellGradient<'a> {
    /// Gates after their activation.
    pub(super) gates: &'a [f32],
    /// The cell before the step.
    pub(super) before: &'a [f32],
    /// The cell after it.
    pub(super) cell: &'a [f32],
    /// Gradient of the output.
    pub(super) of_output: &'a [f32],
    /// Gradient of the cell after the step; of the cell before it when done.
    pub(super) of_cell: &'a mut [f32],
    /// Gradient of the gates before their activation.
    pub(super) of_gates: &'a mut [f32],
}

/// Takes a step (Hochreiter and Schmidhuber 1997, with the gates of PyTorch's `LSTM`).
impl Vectorised for CellStep<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let CellStep { gates, before, cell, output } = self;
        let units = before.len();
        let (cell, output) = (&mut cell[..units], &mut output[..units]);
        let (input, rest) = gates.split_at_mut(units);
        let (forget, rest) = rest.split_at_mut(units);
        let (candidate, open) = rest.split_at_mut(units);
        let open = &mut open[..units];
        for unit in 0..units {
            input[unit] = sigmoid(input[unit]);
            forget[unit] = sigmoid(forget[unit]);
            candidate[unit] = tanh(candidate[unit]);
            open[unit] = sigmoid(open[unit]);
            cell[unit] = forget[unit] * before[unit] + input[unit] * candidate[unit];
            output[unit] = open[unit] * tanh(cell[unit]);
        }
    }
}

/// The gradient of a [`CellStep`].
impl Vectorised for CellGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let CellGradient { gates, before, cell, of_output, of_cell, of_gates } = self;
        let units = before.len();
        let (cell, of_output, of_cell) = (&cell[..units], &of_output[..units], &mut of_cell[..units]);
        let gate = |number: usize| &gates[number * units..][..units];
        let (input, forget, candidate, open) = (gate(0), gate(1), gate(2), gate(3));
        let (of_input, rest) = of_gates.split_at_mut(units);
        let (of_forget, rest) = rest.split_at_mut(units);
        let (of_candidate, of_open) = rest.split_at_mut(units);
        let of_open = &mut of_open[..units];
        for unit in 0..units {
            let squashed = tanh(cell[unit]);
            let (i, f, g, o) = (input[unit], forget[unit], candidate[unit], open[unit]);
            of_open[unit] = of_output[unit] * squashed * o * (1.0 - o);
            let of_this = of_cell[unit] + of_output[unit] * o * (1.0 - squashed * squashed);
            of_input[unit] = of_this * g * i * (1.0 - i);
            of_forget[unit] = of_this * before[unit] * f * (1.0 - f);
            of_candidate[unit] = of_this * i * (1.0 - g * g);
            of_cell[unit] = of_this * f;
        }
    }
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[inline(always)]
fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (1.0 + exp(2.0 * x))
}

/// e^x: 2^n times a polynomial of the rest (coefficients of Cephes, `expf`). Not a number stays so.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// 1.5 * 2^23: a float as large has no digits after the point, so that adding it rounds.
    const ROUND: f32 = 12_582_912.0;
    // Beyond these the result is 0 or infinity but for rounding.
    let x = if x > 88.0 { 88.0 } else { x };
    let x = if x < -87.0 { -87.0 } else { x };
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let rest = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let mut sum = 1.987_569_1e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        sum = sum * rest + coefficient;
    }
    let part = sum * rest * rest + rest + 1.0;
    // The lowest digits of `rounded` are n; shifted to the exponent they make 2^n.
    let power = rounded.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    part * f32::from_bits(power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_near_that_of_the_library() {
        for k in -8700..8800 {
            let x = k as f32 * 0.01;
            let (found, expected) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((found / expected - 1.0).abs() < 2e-7, "{x}: {found} {expected}");
        }
        for (x, y) in [(0.0, 0.5), (200.0, 1.0), (-200.0, 0.0)] {
            assert!((sigmoid(x) - y).abs() < 1e-30_f32.max(y * 1e-6));
            assert!((tanh(x) - (2.0 * y - 1.0)).abs() < 1e-6);
        }
        assert!(sigmoid(f32::NAN).is_nan() && tanh(f32::NAN).is_nan());
    }
}
