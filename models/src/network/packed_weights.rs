//! Products of a few rows at a time with one matrix of weights, which is laid out for them once.

/// Outputs computed at a time: two registers of eight.
const PANEL: usize = 16;
/// Most rows taken at a time: with two registers each, twelve of sixteen hold sums.
const MOST_ROWS: usize = 6;

/// A matrix of weights in panels of [`PANEL`] outputs, each panel one run of memory.
pub(super) struct PackedWeights {
    inputs: usize,
    outputs: usize,
    panels: Vec<f32>,
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
        let mut panels = vec![0.0; outputs.div_ceil(PANEL) * PANEL * inputs];
        for (number, panel) in panels.chunks_exact_mut(PANEL * inputs).enumerate() {
            let first = number * PANEL;
            for (input, weights) in panel.chunks_exact_mut(PANEL).enumerate() {
                for (place, to) in weights.iter_mut().enumerate().take(outputs - first) {
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
        let count = rows.len() / self.inputs;
        assert!(rows.len() == count * self.inputs && sums.len() == count * self.outputs, "shapes of rows and sums");
        // Blocks as even as can be: a block of few rows takes as long as one of many.
        let blocks = count.div_ceil(MOST_ROWS);
        for (number, panel) in self.panels.chunks_exact(PANEL * self.inputs).enumerate() {
            let first = number * PANEL;
            let width = PANEL.min(self.outputs - first);
            for block in 0..blocks {
                let (begin, end) = (block * count / blocks, (block + 1) * count / blocks);
                let mut found = [[0.0; PANEL]; MOST_ROWS];
                products(&rows[begin * self.inputs..end * self.inputs], panel, &mut found[..end - begin]);
                for (row, found) in (begin..end).zip(&found) {
                    let to = &mut sums[row * self.outputs + first..][..width];
                    to.iter_mut().zip(found).for_each(|(to, x)| *to += x);
                }
            }
        }
    }
}

/// Products of up to [`MOST_ROWS`] rows with a panel.
fn products(rows: &[f32], panel: &[f32], found: &mut [[f32; PANEL]]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: the processor has both.
        return unsafe {
            match found.len() {
                1 => with_avx2::<1>(rows, panel, found),
                2 => with_avx2::<2>(rows, panel, found),
                3 => with_avx2::<3>(rows, panel, found),
                4 => with_avx2::<4>(rows, panel, found),
                5 => with_avx2::<5>(rows, panel, found),
                _ => with_avx2::<6>(rows, panel, found),
            }
        };
    }
    let inputs = panel.len() / PANEL;
    for (row, found) in rows.chunks_exact(inputs).zip(found) {
        for (x, weights) in row.iter().zip(panel.chunks_exact(PANEL)) {
            found.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += x * weight);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<const ROWS: usize>(rows: &[f32], panel: &[f32], found: &mut [[f32; PANEL]]) {
    use std::arch::x86_64::*;
    let inputs = panel.len() / PANEL;
    assert!(rows.len() == ROWS * inputs && found.len() == ROWS, "shapes of rows and panel");
    let mut sums = [[_mm256_setzero_ps(); 2]; ROWS];
    for (input, weights) in panel.chunks_exact(PANEL).enumerate() {
        // SAFETY: a panel's chunk holds sixteen floats; `rows` holds `ROWS` times `inputs`.
        unsafe {
            let (low, high) = (_mm256_loadu_ps(weights.as_ptr()), _mm256_loadu_ps(weights.as_ptr().add(8)));
            for (row, sums) in sums.iter_mut().enumerate() {
                let x = _mm256_set1_ps(*rows.get_unchecked(row * inputs + input));
                sums[0] = _mm256_fmadd_ps(x, low, sums[0]);
                sums[1] = _mm256_fmadd_ps(x, high, sums[1]);
            }
        }
    }
    for (sums, found) in sums.iter().zip(found) {
        // SAFETY: `found` holds sixteen floats.
        unsafe {
            _mm256_storeu_ps(found.as_mut_ptr(), sums[0]);
            _mm256_storeu_ps(found.as_mut_ptr().add(8), sums[1]);
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
