//! The exact solution for one row: A = Y'C Y + lambda I = U'U, then U'z = b and U x = z.

use super::kernels::{Wanted, add_scaled, dot, multiply_add};
use super::normal_equations::{NormalEquations, clear_row};
use crate::simd::{AlignedFloats, Chunk, LANES, Lanes, Left, Vectorised};

/// Pairs whose products are added at a time: they stay in the processor's cache.
const PAIRS: usize = 128;

/// Memory that one thread uses again for every row.
pub(super) struct CholeskyScratch {
    matrix: AlignedFloats,
    /// Rows of Y, each times the root of c - 1.
    weighted: AlignedFloats,
}

impl CholeskyScratch {
    pub fn new(width: usize) -> Self {
        Self { matrix: AlignedFloats::zeros(width * LANES * width), weighted: AlignedFloats::zeros(PAIRS * width) }
    }
}

/// A row to be solved for. Runs to false if the matrix is not positive definite in 32-bit floats.
pub(super) struct CholeskyRow<'a> {
    pub equations: &'a NormalEquations<'a>,
    pub row: usize,
    pub x: &'a mut [Chunk],
    pub scratch: &'a mut CholeskyScratch,
}

impl Vectorised for CholeskyRow<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<L: Lanes>(self) -> bool {
        let Self { equations, row, x, scratch } = self;
        let NormalEquations { table, width, one_column, .. } = *equations;
        let pairs = equations.pairs(row);
        if pairs.columns.is_empty() {
            clear_row(x, one_column);
            return true;
        }
        let stride = width * LANES;
        let matrix = scratch.matrix.chunks_mut();
        matrix.copy_from_slice(equations.gram.chunks());
        x.fill([0.0; LANES]);
        let wanted = Wanted { rows: stride, width, first: 0, upper: true };
        for (columns, weights) in pairs.columns.chunks(PAIRS).zip(pairs.weights.chunks(PAIRS)) {
            let weighted = &mut scratch.weighted.chunks_mut()[..columns.len() * width];
            weighted.fill([0.0; LANES]);
            let rows = columns.iter().zip(weights).zip(weighted.chunks_exact_mut(width));
            for ((&column, &weight), scaled) in rows {
                let y = &table[column as usize * width..][..width];
                add_scaled::<L>(x, 1.0 + weight, y);
                add_scaled::<L>(scaled, weight.sqrt(), y);
            }
            let transposed = Left { values: weighted.as_flattened(), row_stride: 1, inner_stride: stride };
            multiply_add::<L>(transposed, weighted, matrix, wanted, 1.0);
        }
        if let Some(one) = one_column {
            substitute_one(matrix.as_flattened_mut(), x.as_flattened_mut(), one);
        }
        if !factorise::<L>(matrix, width) {
            return false;
        }
        solve::<L>(matrix, x);
        true
    }
}

/// Puts 1 for the unknown `column` of A x = b, of which the upper triangle is given.
fn substitute_one(matrix: &mut [f32], b: &mut [f32], column: usize) {
    let stride = b.len();
    for row in 0..column {
        b[row] -= std::mem::take(&mut matrix[row * stride + column]);
    }
    for other in column + 1..stride {
        b[other] -= std::mem::take(&mut matrix[column * stride + other]);
    }
    matrix[column * (stride + 1)] = 1.0;
    b[column] = 1.0;
}

/// Replaces the upper triangle of A by U with A = U'U, eight rows at a time. What lies below the diagonal is neither
/// read nor kept. False where a pivot is not positive.
#[inline(always)]
fn factorise<L: Lanes>(matrix: &mut [Chunk], width: usize) -> bool {
    let stride = width * LANES;
    for panel in 0..width {
        let (done, rest) = matrix.split_at_mut((panel + 1) * LANES * width);
        let rows = &mut done[panel * LANES * width..];
        for k in 0..LANES {
            let (above, below) = rows.split_at_mut((k + 1) * width);
            let row = &mut above[k * width + panel..][..width - panel];
            let pivot = row[0][k];
            // Written so that NaN fails too.
            if !(pivot > 0.0 && pivot.is_finite()) {
                return false;
            }
            let scale = L::splat(1.0 / pivot.sqrt());
            for chunk in row.iter_mut() {
                L::load(chunk).mul_add(scale, L::splat(0.0)).store(chunk);
            }
            for (place, below) in below.chunks_exact_mut(width).enumerate() {
                add_scaled::<L>(&mut below[panel..], -row[0][k + 1 + place], row);
            }
        }
        let next = (panel + 1) * LANES;
        let transposed = Left { values: &rows.as_flattened()[next..], row_stride: 1, inner_stride: stride };
        let wanted = Wanted { rows: stride - next, width, first: panel + 1, upper: true };
        multiply_add::<L>(transposed, rows, rest, wanted, -1.0);
    }
    true
}

/// Solves U'U x = b in place.
#[inline(always)]
fn solve<L: Lanes>(upper: &[Chunk], x: &mut [Chunk]) {
    let width = x.len();
    for k in 0..width * LANES {
        let (chunk, lane) = (k / LANES, k % LANES);
        let row = &upper[k * width..][..width];
        let value = x[chunk][lane] / row[chunk][lane];
        x[chunk][lane] = value;
        for later in lane + 1..LANES {
            x[chunk][later] -= value * row[chunk][later];
        }
        add_scaled::<L>(&mut x[chunk + 1..], -value, &row[chunk + 1..]);
    }
    for k in (0..width * LANES).rev() {
        let (chunk, lane) = (k / LANES, k % LANES);
        let row = &upper[k * width..][..width];
        let mut rest = dot::<L>(&x[chunk + 1..], &row[chunk + 1..]);
        for later in lane + 1..LANES {
            rest += x[chunk][later] * row[chunk][later];
        }
        x[chunk][lane] = (x[chunk][lane] - rest) / row[chunk][lane];
    }
}
