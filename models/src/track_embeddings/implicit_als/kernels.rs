//! The inner loops: a product of small matrices, the pass over one row's tracks, and operations on single rows.

use listening_data::prefetch;

use crate::simd::{Chunk, Lanes, Left, tile};

/// Rows and chunks of a tile of the product.
const TILE_ROWS: usize = 6;
const TILE_CHUNKS: usize = 2;

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
            prefetch(&table[ahead as usize * width..][..width]);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{AlignedFloats, LANES, Portable, Vectorised, vectorised};

    const WIDTH: usize = 5;
    const ROWS: usize = 13;

    fn value(place: usize) -> f32 {
        ((place * 7919) % 101) as f32 / 50.0 - 1.0
    }

    fn table(rows: usize, offset: usize) -> AlignedFloats {
        let mut table = AlignedFloats::zeros(rows * WIDTH);
        table.floats_mut().iter_mut().enumerate().for_each(|(place, x)| *x = value(place + offset));
        table
    }

    struct Product;

    impl Vectorised for Product {
        type Output = AlignedFloats;

        #[inline(always)]
        fn run<L: Lanes>(self) -> AlignedFloats {
            let (left, right, mut product) = (table(ROWS, 0), table(WIDTH * LANES, 5), table(ROWS, 11));
            let left = Left { values: left.floats(), row_stride: WIDTH * LANES, inner_stride: 1 };
            let wanted = Wanted { rows: ROWS, width: WIDTH, first: 0, upper: false };
            multiply_add::<L>(left, right.chunks(), product.chunks_mut(), wanted, -2.0);
            product
        }
    }

    struct Pairs;

    impl Vectorised for Pairs {
        type Output = AlignedFloats;

        #[inline(always)]
        fn run<L: Lanes>(self) -> AlignedFloats {
            let (y, p, mut sum) = (table(ROWS, 3), table(1, 8), table(1, 1));
            let row = SparseRow { columns: &[0, 12, 3, 4, 7, 2], weights: &[1.0, 2.0, 0.5, 3.0, 4.0, 1.5] };
            add_pairs::<L>(row, y.chunks(), p.chunks(), sum.chunks_mut(), (1.0, -1.0));
            sum
        }
    }

    fn assert_close(found: &[f32], expected: &[f64]) {
        for (found, expected) in found.iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-4, "{found} instead of {expected}");
        }
    }

    #[test]
    fn kernels_of_every_instruction_set_agree_with_plain_sums() {
        let stride = WIDTH * LANES;
        let product: Vec<f64> = (0..ROWS * stride)
            .map(|place| {
                let (row, column) = (place / stride, place % stride);
                let term = |k| f64::from(value(row * stride + k)) * f64::from(value(k * stride + column + 5));
                f64::from(value(place + 11)) - 2.0 * (0..stride).map(term).sum::<f64>()
            })
            .collect();
        assert_close(Product.run::<Portable>().floats(), &product);
        assert_close(vectorised(Product).floats(), &product);

        let mut sum: Vec<f64> = (0..stride).map(|place| f64::from(value(place + 1))).collect();
        for (row, weight) in [(0, 1.0), (12, 2.0), (3, 0.5), (4, 3.0), (7, 4.0), (2, 1.5)] {
            let y = |place: usize| f64::from(value(row * stride + place + 3));
            let dot: f64 = (0..stride).map(|place| y(place) * f64::from(value(place + 8))).sum();
            (0..stride).for_each(|place| sum[place] += (1.0 + weight - weight * dot) * y(place));
        }
        assert_close(Pairs.run::<Portable>().floats(), &sum);
        assert_close(vectorised(Pairs).floats(), &sum);
    }
}
