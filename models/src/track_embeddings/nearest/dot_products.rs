//! Dot products of many rows with a few queries, by the processor's vector instructions where it has them.
//!
//! Every product adds the same eight partial sums in the same order wherever it stands in a block, so one query alone
//! and the same query among others get the same bits. With and without fused multiply-add the last bits differ.

use listening_data::prefetch;

use super::codes::CodeLayout;

/// Rows taken together.
const ROWS: usize = 4;
/// Queries taken together: ROWS x QUERIES sums fill twelve of the sixteen registers.
pub const QUERIES: usize = 3;

/// Writes the dot product of query q and row r to `scores[q * rows + r]`.
///
/// `rows` and `queries` hold vectors of length `dimension` one after another; `scores` has a place for each pair.
pub fn dot_products(rows: &[f32], queries: &[f32], dimension: usize, scores: &mut [f32]) {
    assert_eq!(scores.len() * dimension * dimension, rows.len() * queries.len());
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: the processor has the instructions.
        unsafe { avx2::dot_products(rows, queries, dimension, scores) };
        return;
    }
    let count = rows.len() / dimension;
    for (q, query) in queries.chunks_exact(dimension).enumerate() {
        for (r, row) in rows.chunks_exact(dimension).enumerate() {
            scores[q * count + r] = portable(row, query);
        }
    }
}

/// The dot product of two vectors of small integers.
///
/// `a` and `b` have the same length, a multiple of 16 of at most 2^17.
pub fn dot_of_codes(a: &[i8], b: &[i8]) -> i32 {
    debug_assert!(a.len() == b.len() && a.len().is_multiple_of(16));
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has the instructions.
        return unsafe { avx2::dot_of_codes(a, b) };
    }
    a.iter().zip(b).map(|(&x, &y)| i32::from(x) * i32::from(y)).sum()
}

/// Writes the products of a query's code with the codes of some `tracks` to `scores`.
pub fn products_of_codes(layout: CodeLayout, query: &[i8], codes: &[i8], tracks: &[u32], scores: &mut Vec<f32>) {
    let code = |track: u32| &codes[track as usize * layout.length..][..layout.length];
    tracks.iter().for_each(|&track| prefetch(code(track)));
    scores.clear();
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has the instructions.
        unsafe { avx2::products_of_codes(layout, query, codes, tracks, scores) };
        return;
    }
    scores.extend(tracks.iter().map(|&track| layout.dot(query, code(track))));
}

/// Adds eight partial sums in the order of the vector code.
fn sum(lanes: [f32; 8]) -> f32 {
    let quarter = |at: usize| (lanes[at] + lanes[at + 1]) + (lanes[at + 2] + lanes[at + 3]);
    quarter(0) + quarter(4)
}

fn portable(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    for (a, b) in a.chunks(8).zip(b.chunks(8)) {
        lanes.iter_mut().zip(a.iter().zip(b)).for_each(|(lane, (x, y))| *lane += x * y);
    }
    sum(lanes)
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::{CodeLayout, QUERIES, ROWS, sum};

    #[target_feature(enable = "avx2,fma")]
    pub fn dot_products(rows: &[f32], queries: &[f32], dimension: usize, scores: &mut [f32]) {
        let count = rows.len() / dimension;
        let groups = queries.chunks(QUERIES * dimension).zip(scores.chunks_mut(QUERIES * count));
        for (queries, scores) in groups {
            let blocks = rows.chunks(ROWS * dimension).enumerate();
            for (rows, first) in blocks.map(|(number, rows)| (rows, number * ROWS)) {
                if rows.len() == ROWS * dimension && queries.len() == QUERIES * dimension {
                    for (q, dots) in block::<QUERIES>(rows, queries, dimension).into_iter().enumerate() {
                        scores[q * count + first..][..ROWS].copy_from_slice(&dots);
                    }
                    continue;
                }
                for (q, query) in queries.chunks_exact(dimension).enumerate() {
                    let scores = &mut scores[q * count + first..];
                    if rows.len() == ROWS * dimension {
                        scores[..ROWS].copy_from_slice(&block::<1>(rows, query, dimension)[0]);
                        continue;
                    }
                    for (score, row) in scores.iter_mut().zip(rows.chunks_exact(dimension)) {
                        *score = single(row, query);
                    }
                }
            }
        }
    }

    /// The products of `ROWS` rows with Q queries.
    #[target_feature(enable = "avx2,fma")]
    fn block<const Q: usize>(rows: &[f32], queries: &[f32], dimension: usize) -> [[f32; ROWS]; Q] {
        assert!(rows.len() == ROWS * dimension && queries.len() == Q * dimension);
        let mut sums = [[_mm256_setzero_ps(); ROWS]; Q];
        for at in (0..dimension).step_by(8) {
            let row: [__m256; ROWS] = std::array::from_fn(|r| load(&rows[r * dimension..][..dimension], at));
            for (q, sums) in sums.iter_mut().enumerate() {
                let query = load(&queries[q * dimension..][..dimension], at);
                for (sum, row) in sums.iter_mut().zip(row) {
                    *sum = _mm256_fmadd_ps(row, query, *sum);
                }
            }
        }
        sums.map(|[a, b, c, d]| {
            let quarters = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
            let total = _mm_add_ps(_mm256_castps256_ps128(quarters), _mm256_extractf128_ps(quarters, 1));
            let mut dots = [0.0; ROWS];
            // SAFETY: `dots` holds four floats.
            unsafe { _mm_storeu_ps(dots.as_mut_ptr(), total) };
            dots
        })
    }

    #[target_feature(enable = "avx2,fma")]
    fn single(row: &[f32], query: &[f32]) -> f32 {
        let mut sums = _mm256_setzero_ps();
        for at in (0..row.len()).step_by(8) {
            sums = _mm256_fmadd_ps(load(row, at), load(query, at), sums);
        }
        let mut lanes = [0.0; 8];
        // SAFETY: `lanes` holds eight floats.
        unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), sums) };
        sum(lanes)
    }

    /// The eight values from `at` on, zeros after the end.
    #[target_feature(enable = "avx2")]
    fn load(values: &[f32], at: usize) -> __m256 {
        match values[at..].first_chunk::<8>() {
            // SAFETY: the chunk holds eight floats.
            Some(chunk) => unsafe { _mm256_loadu_ps(chunk.as_ptr()) },
            None => {
                let mut padded = [0.0; 8];
                padded[..values.len() - at].copy_from_slice(&values[at..]);
                // SAFETY: `padded` holds eight floats.
                unsafe { _mm256_loadu_ps(padded.as_ptr()) }
            }
        }
    }

    #[target_feature(enable = "avx2")]
    pub fn products_of_codes(layout: CodeLayout, query: &[i8], codes: &[i8], tracks: &[u32], scores: &mut Vec<f32>) {
        let (query, scale) = (&query[..layout.padded], layout.scale(query));
        for &track in tracks {
            let code = &codes[track as usize * layout.length..][..layout.length];
            scores.push(dot_of_codes(query, &code[..layout.padded]) as f32 * scale * layout.scale(code));
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn dot_of_codes(a: &[i8], b: &[i8]) -> i32 {
        let mut sums = _mm256_setzero_si256();
        for (a, b) in a.as_chunks::<16>().0.iter().zip(b.as_chunks::<16>().0) {
            // SAFETY: each chunk holds sixteen bytes.
            let wide = |chunk: &[i8; 16]| unsafe { _mm_loadu_si128(chunk.as_ptr().cast()) };
            let products = _mm256_madd_epi16(_mm256_cvtepi8_epi16(wide(a)), _mm256_cvtepi8_epi16(wide(b)));
            sums = _mm256_add_epi32(sums, products);
        }
        let four = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
        let two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0b0100_1110));
        _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0b1011_0001)))
    }
}

#[cfg(test)]
mod tests {
    use listening_data::{CounterRng, Stream};

    use super::*;

    #[test]
    fn products_are_those_in_double_precision_and_the_same_in_any_company() {
        let mut rng = CounterRng::new(1, Stream::Sampling, 0, 0);
        for dimension in [1, 7, 8, 17, 64, 80] {
            let mut draw = |count: usize| (0..count * dimension).map(|_| rng.uniform() - 0.5).collect::<Vec<f32>>();
            let (rows, queries) = (draw(11), draw(5));
            let mut scores = vec![0.0; 55];
            dot_products(&rows, &queries, dimension, &mut scores);
            for (place, &score) in scores.iter().enumerate() {
                let row = &rows[place % 11 * dimension..][..dimension];
                let query = &queries[place / 11 * dimension..][..dimension];
                let exact: f64 = row.iter().zip(query).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
                assert!((f64::from(score) - exact).abs() < 2e-6, "{score} {exact}");
                assert!((f64::from(portable(row, query)) - exact).abs() < 2e-6);
                let mut alone = [0.0];
                dot_products(row, query, dimension, &mut alone);
                assert_eq!(alone[0].to_bits(), score.to_bits(), "dimension {dimension}, pair {place}");
            }
        }
    }

    #[test]
    fn products_of_codes_are_exact_up_to_the_extremes() {
        let mut rng = CounterRng::new(2, Stream::Sampling, 0, 0);
        for length in [16, 80, 4096] {
            let mut draw = || (0..length).map(|_| (rng.below(255) as i32 - 127) as i8).collect::<Vec<i8>>();
            let (a, b) = (draw(), draw());
            let exact: i64 = a.iter().zip(&b).map(|(&x, &y)| i64::from(x) * i64::from(y)).sum();
            assert_eq!(i64::from(dot_of_codes(&a, &b)), exact);
            let extreme = vec![-127i8; length];
            assert_eq!(dot_of_codes(&extreme, &extreme), 127 * 127 * length as i32);
        }
    }
}
