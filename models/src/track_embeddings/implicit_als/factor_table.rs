//! The vectors of all users, or of all tracks, in one table whose rows suit the kernels.

use listening_data::{CounterRng, Stream};

use super::kernels::{Wanted, multiply_add};
use super::parallel::for_each_block;
use crate::Result;
use crate::simd::{AlignedFloats, Chunk, LANES, Lanes, Left, Vectorised, vectorised};

/// Largest initial value; that of the `implicit` package.
const INITIAL_SCALE: f32 = 0.01;

/// Parts into which a table is cut for the sum over its rows; fixed, so that threads do not change the sum.
const GRAM_PARTS: usize = 32;
/// Rows that are multiplied at a time: they stay in the processor's cache.
const GRAM_ROWS: usize = 128;

/// Whose vectors a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    User,
    Track,
}

/// One row per user or track: its factors, then with biases two columns, then zeros up to whole chunks.
///
/// With biases a user's row is (x, b_u, 1) and a track's (y, 1, b_i), so that the product of two rows is
/// x.y + b_u + b_i and biases need no code of their own: they are one more unknown beside a known 1.
#[derive(Clone, Debug)]
pub(super) struct FactorTable {
    side: Side,
    factors: usize,
    biases: bool,
    rows: usize,
    values: AlignedFloats,
}

impl FactorTable {
    /// Rows of zeros (and of ones where a column is 1).
    pub fn zeros(side: Side, rows: usize, factors: usize, biases: bool) -> Self {
        let width = (factors + 2 * usize::from(biases)).div_ceil(LANES);
        let mut table = Self { side, factors, biases, rows, values: AlignedFloats::zeros(rows * width) };
        if let Some(one) = table.one_column() {
            table.values.floats_mut().chunks_exact_mut(width * LANES).for_each(|row| row[one] = 1.0);
        }
        table
    }

    /// Uniform draws from 0..0.01 for the rows that `used` names, zeros for the rest and for biases.
    pub fn random(
        side: Side,
        rows: usize,
        factors: usize,
        biases: bool,
        seed: u64,
        used: impl Fn(usize) -> bool,
    ) -> Self {
        let mut table = Self::zeros(side, rows, factors, biases);
        let step = if side == Side::User { 0xffff_fffe } else { 0xffff_fffd };
        for row in (0..rows).filter(|&row| used(row)) {
            let mut rng = CounterRng::new(seed, Stream::Weights, row as u64, step);
            table.row_mut(row)[..factors].iter_mut().for_each(|x| *x = INITIAL_SCALE * rng.uniform());
        }
        table
    }

    pub fn factors(&self) -> usize {
        self.factors
    }

    pub fn biases(&self) -> bool {
        self.biases
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Chunks of a row.
    pub fn width(&self) -> usize {
        (self.factors + 2 * usize::from(self.biases)).div_ceil(LANES)
    }

    /// The column that is 1 in every row, if there are biases.
    pub fn one_column(&self) -> Option<usize> {
        self.biases.then_some(self.factors + usize::from(self.side == Side::User))
    }

    /// The column of the biases, if there are any.
    pub fn bias_column(&self) -> Option<usize> {
        self.biases.then_some(self.factors + usize::from(self.side == Side::Track))
    }

    pub fn chunks(&self) -> &[Chunk] {
        self.values.chunks()
    }

    pub fn chunks_mut(&mut self) -> &mut [Chunk] {
        self.values.chunks_mut()
    }

    /// A row in chunks, padding included.
    pub fn row_chunks(&self, row: usize) -> &[Chunk] {
        &self.values.chunks()[row * self.width()..][..self.width()]
    }

    /// A row, padding included.
    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        let stride = self.width() * LANES;
        &mut self.values.floats_mut()[row * stride..][..stride]
    }

    /// The factors of a row.
    pub fn vector(&self, row: usize) -> &[f32] {
        &self.values.floats()[row * self.width() * LANES..][..self.factors]
    }

    /// The bias of a row; 0 without biases.
    pub fn bias(&self, row: usize) -> f32 {
        self.bias_column().map_or(0.0, |column| self.row_chunks(row).as_flattened()[column])
    }

    /// The sum over all rows of row' row, `[stride, stride]`, row by row.
    ///
    /// Products are added in f32 within each of 32 fixed parts and in f64 over the parts.
    pub fn gram(&self, threads: usize) -> Result<Vec<f64>> {
        let width = self.width();
        let stride = width * LANES;
        let part_rows = self.rows.div_ceil(GRAM_PARTS).max(1);
        let parts = self.chunks().chunks(part_rows * width);
        let mut sums: Vec<AlignedFloats> = parts.clone().map(|_| AlignedFloats::zeros(stride * width)).collect();
        let blocks = parts.zip(sums.iter_mut());
        for_each_block(
            threads,
            blocks,
            || (),
            |(), (rows, sum)| {
                vectorised(GramPart { rows, width, sum: sum.chunks_mut() });
                Ok(())
            },
        )?;
        let mut gram = vec![0.0; stride * stride];
        for row in 0..stride {
            for column in row..stride {
                let total = sums.iter().map(|sum| f64::from(sum.floats()[row * stride + column])).sum();
                gram[row * stride + column] = total;
                gram[column * stride + row] = total;
            }
        }
        Ok(gram)
    }
}

/// Adds up row' row over some rows of a table; the upper triangle alone.
struct GramPart<'a> {
    rows: &'a [Chunk],
    width: usize,
    sum: &'a mut [Chunk],
}

impl Vectorised for GramPart<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let stride = self.width * LANES;
        let wanted = Wanted { rows: stride, width: self.width, first: 0, upper: true };
        for rows in self.rows.chunks(GRAM_ROWS * self.width) {
            let transposed = Left { values: rows.as_flattened(), row_stride: 1, inner_stride: stride };
            multiply_add::<L>(transposed, rows, self.sum, wanted, 1.0);
        }
    }
}
