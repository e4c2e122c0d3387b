//! The inner loops: a product of small matrices, the pass over one row's tracks, and operations on single rows.

use super::lanes::{Chunk, Lanes};

/// Rows and chunks of a tile of the product: 12 sums, the most that 16 registers hold beside their operands.
const TILE_ROWS: usize = 6;
const TILE_CHUNKS: usize = 2;

/// The left factor of a product; element (row, k) lies at `row * row_stride + k * inner_stride`.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    pub values: &'a [f32],
    pub row_stride: usize,
    pub inner_stride: usize,
}

/// Which chunks of each row of the product are wanted.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    /// Rows of the product.
    pub rows: usize,
    /// Chunks per row of the right factor and of the product.
    pub width: usize,
    /// The first chunk wanted.
    pub first: usize,
    /// Only chunks from the diagonal on, where row 0 of the product has its diagonal at the first chunk.
    pub upper: bool,
}

/// Adds `scale` times left times right to `product`.
///
/// `right` holds rows of `width` chunks, one per k, and `product` `rows` rows of `width` chunks. Every element is
/// summed over k in order, by itself: a row's result does not depend on which rows it is computed with.
#[inline(always)]
pub(super) fn multiply_add<L: Lanes>(
    left: Left<'_>,
    right: &[Chunk],
    product: &mut [Chunk],
    wanted: Wanted,
    scale: f32,
) {
    let Wanted { rows, width, .. } = wanted;
    let mut row = 0;
    while row < rows {
        let from = if wanted.upper { wanted.first + row / 8 } else { wanted.first };
        let mut chunk = from;
        if rows - row >= TILE_ROWS {
            while width - chunk >= TILE_CHUNKS {
                tile::<L, TILE_ROWS, TILE_CHUNKS>(left, right, product, (row, chunk, width), scale);
                chunk += TILE_CHUNKS;
            }
            if chunk < width {
                tile::<L, TILE_ROWS, 1>(left, right, product, (row, chunk, width), scale);
            }
            row += TILE_ROWS;
        } else {
            while width - chunk >= TILE_CHUNKS {
                tile::<L, 1, TILE_CHUNKS>(left, right, product, (row, chunk, width), scale);
                chunk += TILE_CHUNKS;
            }
            if chunk < width {
                tile::<L, 1, 1>(left, right, product, (row, chunk, width), scale);
            }
            row += 1;
        }
    }
}

#[inline(always)]
fn tile<L: Lanes, const ROWS: usize, const CHUNKS: usize>(
    left: Left<'_>,
    right: &[Chunk],
    product: &mut [Chunk],
    (row, chunk, width): (usize, usize, usize),
    scale: f32,
) {
    let mut sums = [[L::splat(0.0); CHUNKS]; ROWS];
    let left_values = &left.values[row * left.row_stride..];
    for (k, right_row) in right.chunks_exact(width).enumerate() {
        let right_row = &right_row[chunk..chunk + CHUNKS];
        let mut b = [L::splat(0.0); CHUNKS];
        for c in 0..CHUNKS {
            b[c] = L::load(&right_row[c]);
        }
        for r in 0..ROWS {
            let a = L::splat(left_values[r * left.row_stride + k * left.inner_stride]);
            for c in 0..CHUNKS {
                sums[r][c] = a.mul_add(b[c], sums[r][c]);
            }
        }
    }
    let scale = L::splat(scale);
    for (r, sums) in sums.into_iter().enumerate() {
        let target = &mut product[(row + r) * width + chunk..][..CHUNKS];
        for c in 0..CHUNKS {
            sums[c].mul_add(scale, L::load(&target[c])).store(&mut target[c]);
        }
    }
}

/// One row of interactions: columns and confidences above 1.
#[derive(Clone, Copy)]
pub(super) struct SparseRow<'a> {
    pub columns: &'a [u32],
    /// c - 1 of each pair.
    pub weights: &'a [f32],
}

/// For each pair (y, c) of the row, adds (constant c + scale (c - 1) y.p) y to `sum`.
///
/// With (1, -1) and p = x this is Y'C p(u) - Y'(C - I)Y x, with (0, 1) it is Y'(C - I)Y p; one pass over the rows of Y.
#[inline(always)]
pub(super) fn add_pairs<L: Lanes>(
    row: SparseRow<'_>,
    table: &[Chunk],
    p: &[Chunk],
    sum: &mut [Chunk],
    (constant, scale): (f32, f32),
) {
    let width = p.len();
    let coefficients = (constant, scale);
    let mut start = 0;
    while start + 4 <= row.columns.len() {
        for &ahead in row.columns[start + 4..].iter().take(4) {
            L::prefetch(&table[ahead as usize * width..][..width]);
        }
        let mut group = [&table[..0]; 4];
        for place in 0..4 {
            group[place] = &table[row.columns[start + place] as usize * width..][..width];
        }
        let weights = [row.weights[start], row.weights[start + 1], row.weights[start + 2], row.weights[start + 3]];
        add_group::<L, 4>(group, weights, p, sum, coefficients);
        start += 4;
    }
    while start < row.columns.len() {
        let y = &table[row.columns[start] as usize * width..][..width];
        add_group::<L, 1>([y], [row.weights[start]], p, sum, coefficients);
        start += 1;
    }
}

#[inline(always)]
fn add_group<L: Lanes, const COUNT: usize>(
    group: [&[Chunk]; COUNT],
    weights: [f32; COUNT],
    p: &[Chunk],
    sum: &mut [Chunk],
    (constant, scale): (f32, f32),
) {
    let mut dots = [L::splat(0.0); COUNT];
    for place in 0..p.len() {
        let p = L::load(&p[place]);
        for of in 0..COUNT {
            dots[of] = L::load(&group[of][place]).mul_add(p, dots[of]);
        }
    }
    let mut factors = [L::splat(0.0); COUNT];
    for of in 0..COUNT {
        factors[of] = L::splat(constant * (1.0 + weights[of]) + scale * weights[of] * dots[of].sum());
    }
    for place in 0..sum.len() {
        let mut total = L::load(&sum[place]);
        for of in 0..COUNT {
            total = L::load(&group[of][place]).mul_add(factors[of], total);
        }
        total.store(&mut sum[place]);
    }
}

/// a . b
#[inline(always)]
pub(super) fn dot<L: Lanes>(a: &[Chunk], b: &[Chunk]) -> f32 {
    let mut sum = L::splat(0.0);
    for (a, b) in a.iter().zip(b) {
        sum = L::load(a).mul_add(L::load(b), sum);
    }
    sum.sum()
}

/// y += factor x
#[inline(always)]
pub(super) fn add_scaled<L: Lanes>(y: &mut [Chunk], factor: f32, x: &[Chunk]) {
    let factor = L::splat(factor);
    for (y, x) in y.iter_mut().zip(x) {
        L::load(x).mul_add(factor, L::load(y)).store(y);
    }
}

/// y = x + factor y
#[inline(always)]
pub(super) fn scale_and_add<L: Lanes>(y: &mut [Chunk], factor: f32, x: &[Chunk]) {
    let factor = L::splat(factor);
    for (y, x) in y.iter_mut().zip(x) {
        L::load(y).mul_add(factor, L::load(x)).store(y);
    }
}
