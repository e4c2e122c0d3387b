//! Products of a few rows at a time with one matrix of weights, which is laid out for them once.

use crate::simd::{Chunk, LANES, Lanes, Left, Vectorised, tile, vectorised};

/// Chunks of outputs computed at a time.
const PANEL_CHUNKS: usize = 2;
const PANEL: usize = PANEL_CHUNKS * LANES;
/// Most rows taken at a time.
const MOST_ROWS: usize = 6;

/// A matrix of weights in panels of [`PANEL`] outputs, each panel one run of memory.
pub(super) struct PackedWeights {
    inputs: usize,
    outputs: usize,
    panels: Vec<Chunk>,
}

impl PackedWeights {
    /// Of a matrix `[outputs, inputs]`: products are x W'.
    pub(super) fn transposed(matrix: &[f32], inputs: usize) -> Self {
        Self::new(inputs, matrix.len() / inputs, |input, output| matrix[output * inputs + input])
    }

    /// Of a matrix `[inputs, outputs]`: products are x W.
    pub(super) fn straight(matrix: &[f32], outputs: usize) -> Self {
        Self::new(matrix.len() / outputs, outputs, |input, output| matrix[input * outputs + output])
    }

    fn new(inputs: usize, outputs: usize, weight: impl Fn(usize, usize) -> f32) -> Self {
        // Outputs beyond the last weigh nothing.
        let mut panels = vec![[0.0; LANES]; outputs.div_ceil(PANEL) * PANEL_CHUNKS * inputs];
        for (number, panel) in panels.chunks_exact_mut(PANEL_CHUNKS * inputs).enumerate() {
            let first = number * PANEL;
            for (input, weights) in panel.chunks_exact_mut(PANEL_CHUNKS).enumerate() {
                for (place, to) in weights.as_flattened_mut().iter_mut().enumerate().take(outputs - first) {
                    *to = weight(input, first + place);
                }
            }
        }
        Self { inputs, outputs, panels }
    }

    /// Adds the products of `rows` `[n, inputs]` to `sums` `[n, outputs]`.
    ///
    /// A row's sums are the same bits whatever rows stand beside it.
    pub(super) fn add_products(&self, rows: &[f32], sums: &mut [f32]) {
        vectorised(Products { packed: self, rows, sums });
    }
}

struct Products<'a> {
    packed: &'a PackedWeights,
    rows: &'a [f32],
    sums: &'a mut [f32],
}

impl Vectorised for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { packed: &PackedWeights { inputs, outputs, ref panels }, rows, sums } = self;
        let count = rows.len() / inputs;
        assert!(rows.len() == count * inputs && sums.len() == count * outputs, "shapes of rows and sums");
        // Blocks as even as can be: a block of few rows takes as long as one of many.
        let blocks = count.div_ceil(MOST_ROWS);
        for (number, panel) in panels.chunks_exact(PANEL_CHUNKS * inputs).enumerate() {
            let first = number * PANEL;
            let width = PANEL.min(outputs - first);
            for block in 0..blocks {
                let (begin, end) = (block * count / blocks, (block + 1) * count / blocks);
                let left = Left { values: &rows[begin * inputs..end * inputs], row_stride: inputs, inner_stride: 1 };
                let mut found = [[0.0; LANES]; MOST_ROWS * PANEL_CHUNKS];
                let place = (0, 0, PANEL_CHUNKS);
                match end - begin {
                    1 => tile::<L, 1, PANEL_CHUNKS>(left, panel, &mut found, place, 1.0),
                    2 => tile::<L, 2, PANEL_CHUNKS>(left, panel, &mut found, place, 1.0),
                    3 => tile::<L, 3, PANEL_CHUNKS>(left, panel, &mut found, place, 1.0),
                    4 => tile::<L, 4, PANEL_CHUNKS>(left, panel, &mut found, place, 1.0),
                    5 => tile::<L, 5, PANEL_CHUNKS>(left, panel, &mut found, place, 1.0),
                    _ => tile::<L, MOST_ROWS, PANEL_CHUNKS>(left, panel, &mut found, place, 1.0),
                }
                for (row, found) in (begin..end).zip(found.as_flattened().chunks_exact(PANEL)) {
                    let to = &mut sums[row * outputs + first..][..width];
                    to.iter_mut().zip(found).for_each(|(to, x)| *to += x);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, start: f32) -> Vec<f32> {
        (0..count).map(|k| (k as f32 * 0.7 + start).sin()).collect()
    }

    #[test]
    fn products_are_those_of_the_definition_and_do_not_depend_on_other_rows() {
        for (count, inputs, outputs) in [(1, 3, 1), (7, 5, 16), (13, 17, 33), (32, 128, 50)] {
            let (matrix, rows) = (numbers(inputs * outputs, 1.0), numbers(count * inputs, 2.0));
            let turned: Vec<f32> =
                (0..inputs * outputs).map(|at| matrix[at % outputs * inputs + at / outputs]).collect();
            for packed in [PackedWeights::transposed(&matrix, inputs), PackedWeights::straight(&turned, outputs)] {
                let mut sums = numbers(count * outputs, 3.0);
                packed.add_products(&rows, &mut sums);
                let mut alone = numbers(count * outputs, 3.0);
                for (row, sums) in rows.chunks_exact(inputs).zip(alone.chunks_exact_mut(outputs)) {
                    packed.add_products(row, sums);
                }
                assert_eq!(sums, alone);
                for (at, (sum, before)) in sums.iter().zip(numbers(count * outputs, 3.0)).enumerate() {
                    let (row, weights) = (&rows[at / outputs * inputs..], &matrix[at % outputs * inputs..]);
                    let product: f64 =
                        row[..inputs].iter().zip(weights).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                    assert!((f64::from(*sum) - f64::from(before) - product).abs() < 1e-4);
                }
            }
        }
    }
}
