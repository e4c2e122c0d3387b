//! One half-step: all users' vectors from all tracks' vectors, or the other way round.
//!
//! With Y the rows of the other side (y, 1, b_i), and a row's own (x, b_u, 1), the loss of a row is least where
//!
//! ```text
//! (Y'C Y + lambda I) x = Y'C p        (Hu et al. 2008, eq. 4)
//! ```
//!
//! holds in the free columns, lambda standing in the columns of the factors alone and the column of ones being known.
//! Y'C Y = Y'Y + Y'(C - I)Y, where Y'Y is the same for all rows and C - I is 0 but for the row's own pairs (ibid.).

use super::cholesky::{CholeskyRow, CholeskyScratch};
use super::conjugate_gradient::{ConjugateGradientBlock, ConjugateGradientScratch};
use super::factor_table::FactorTable;
use super::interactions::Confidences;
use super::kernels::SparseRow;
use super::parallel::for_each_block;
use super::settings::{AlsSettings, Solver};
use crate::simd::{AlignedFloats, Chunk, LANES, vectorised};
use crate::{ModelError, Result};

/// Rows that are solved together: a multiple of the kernels' tile of 6, small enough for the second-level cache.
pub(super) const BLOCK_ROWS: usize = 48;

/// What the equations of all rows of one side share.
pub(super) struct NormalEquations<'a> {
    /// Y.
    pub table: &'a [Chunk],
    /// Chunks of a row.
    pub width: usize,
    /// Y'Y + lambda I, `[stride, stride]`; in the columns of padding the identity, so that it can be factorised.
    pub gram: AlignedFloats,
    /// The column that is known to be 1.
    pub one_column: Option<usize>,
    confidences: &'a Confidences<'a>,
}

impl NormalEquations<'_> {
    /// The pairs of a row.
    pub fn pairs(&self, row: usize) -> SparseRow<'_> {
        self.confidences.row(row)
    }
}

/// Solves for every row of `target`. Rows without pairs become zeros.
pub(super) fn half_step(
    target: &mut FactorTable,
    other: &FactorTable,
    confidences: &Confidences<'_>,
    settings: &AlsSettings,
    threads: usize,
) -> Result<()> {
    let width = other.width();
    let stride = width * LANES;
    let mut gram = AlignedFloats::zeros(stride * width);
    gram.floats_mut().iter_mut().zip(other.gram(threads)?).for_each(|(to, from)| *to = from as f32);
    let used = settings.factors + 2 * usize::from(settings.biases);
    for column in 0..stride {
        gram.floats_mut()[column * (stride + 1)] += match column {
            column if column < settings.factors => settings.regularization,
            column if column < used => 0.0,
            _ => 1.0,
        };
    }
    let one_column = target.one_column();
    let equations = NormalEquations { table: other.chunks(), width, gram, one_column, confidences };
    let blocks = target.chunks_mut().chunks_mut(BLOCK_ROWS * width).enumerate();
    let blocks = blocks.map(|(block, rows)| (block * BLOCK_ROWS, rows));
    match settings.solver {
        Solver::ConjugateGradient => for_each_block(
            threads,
            blocks,
            || ConjugateGradientScratch::new(width),
            |scratch, (first, x)| {
                let steps = settings.conjugate_gradient_steps;
                vectorised(ConjugateGradientBlock { equations: &equations, first, x, steps, scratch });
                Ok(())
            },
        ),
        Solver::Cholesky => for_each_block(
            threads,
            blocks,
            || CholeskyScratch::new(width),
            |scratch, (first, rows)| {
                for (place, x) in rows.chunks_exact_mut(width).enumerate() {
                    let row = first + place;
                    if !vectorised(CholeskyRow { equations: &equations, row, x, scratch }) {
                        return Err(ModelError::Diverged(format!(
                            "the normal equations of row {row} are singular in 32-bit floats; raise \
                             als.regularization (now {})",
                            settings.regularization
                        )));
                    }
                }
                Ok(())
            },
        ),
    }
}

/// What a row without pairs gets.
pub(super) fn clear_row(x: &mut [Chunk], one_column: Option<usize>) {
    x.as_flattened_mut().fill(0.0);
    if let Some(column) = one_column {
        x.as_flattened_mut()[column] = 1.0;
    }
}
