//! A few conjugate-gradient steps per row, from the row's vector of the iteration before (Takács, Pilászy, Tikk,
//! "Applications of the conjugate gradient method for implicit feedback collaborative filtering", RecSys 2011).
//!
//! The steps are those of the `implicit` package. What differs is the order of the work: the products with Y'Y, most of
//! the arithmetic where rows are short, are made for 48 rows at a time as a product of matrices.

use super::kernels::{Wanted, add_pairs, add_scaled, dot, multiply_add, scale_and_add};
use super::normal_equations::{BLOCK_ROWS, NormalEquations, clear_row};
use crate::simd::{AlignedFloats, Chunk, LANES, Lanes, Left, Vectorised};

/// Squared length of the residual below which a row is solved; that of the `implicit` package.
const SOLVED: f32 = 1e-20;

/// Memory that one thread uses again for every block.
pub(super) struct ConjugateGradientScratch {
    residual: AlignedFloats,
    direction: AlignedFloats,
    product: AlignedFloats,
    /// Squared length of each row's residual.
    squared: [f32; BLOCK_ROWS],
}

impl ConjugateGradientScratch {
    pub fn new(width: usize) -> Self {
        let rows = || AlignedFloats::zeros(BLOCK_ROWS * width);
        Self { residual: rows(), direction: rows(), product: rows(), squared: [0.0; BLOCK_ROWS] }
    }
}

/// Up to 48 rows to be solved for.
pub(super) struct ConjugateGradientBlock<'a> {
    pub equations: &'a NormalEquations<'a>,
    /// The first row's number.
    pub first: usize,
    /// The rows: where the search starts, and the result.
    pub x: &'a mut [Chunk],
    pub steps: usize,
    pub scratch: &'a mut ConjugateGradientScratch,
}

impl Vectorised for ConjugateGradientBlock<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { equations, first, x, steps, scratch } = self;
        let NormalEquations { table, width, one_column, .. } = *equations;
        let gram = equations.gram.chunks();
        let rows = x.len() / width;
        let wanted = Wanted { rows, width, first: 0, upper: false };
        let residual = &mut scratch.residual.chunks_mut()[..rows * width];
        let direction = &mut scratch.direction.chunks_mut()[..rows * width];
        let product = &mut scratch.product.chunks_mut()[..rows * width];

        // r = Y'C p - (Y'C Y + lambda I) x
        residual.fill([0.0; LANES]);
        let left = Left { values: x.as_flattened(), row_stride: width * LANES, inner_stride: 1 };
        multiply_add::<L>(left, gram, residual, wanted, -1.0);
        for row in 0..rows {
            let x = &mut x[row * width..][..width];
            let r = &mut residual[row * width..][..width];
            let pairs = equations.pairs(first + row);
            if pairs.columns.is_empty() {
                clear_row(x, one_column);
                r.fill([0.0; LANES]);
            } else {
                add_pairs::<L>(pairs, table, x, r, (1.0, -1.0));
                hold(r, one_column);
            }
            scratch.squared[row] = dot::<L>(r, r);
        }
        direction.copy_from_slice(residual);

        for _ in 0..steps {
            product.fill([0.0; LANES]);
            let left = Left { values: direction.as_flattened(), row_stride: width * LANES, inner_stride: 1 };
            multiply_add::<L>(left, gram, product, wanted, 1.0);
            for row in 0..rows {
                let squared = scratch.squared[row];
                if squared < SOLVED {
                    continue;
                }
                let x = &mut x[row * width..][..width];
                let r = &mut residual[row * width..][..width];
                let p = &mut direction[row * width..][..width];
                let ap = &mut product[row * width..][..width];
                add_pairs::<L>(equations.pairs(first + row), table, p, ap, (0.0, 1.0));
                hold(ap, one_column);
                let step = squared / dot::<L>(p, ap);
                add_scaled::<L>(x, step, p);
                add_scaled::<L>(r, -step, ap);
                let new = dot::<L>(r, r);
                scale_and_add::<L>(p, new / squared, r);
                scratch.squared[row] = new;
            }
        }
    }
}

/// Takes the known column out of the search.
#[inline(always)]
fn hold(row: &mut [Chunk], one_column: Option<usize>) {
    if let Some(column) = one_column {
        row[column / LANES][column % LANES] = 0.0;
    }
}
