//! Products in bfloat16 by the processor's own instructions (AVX-512 BF16), with sums in single precision.
//!
//! Each factor is rounded to eight bits of mantissa, to the nearest and then the even one; products are exact. So a sum differs
//! from that of the unrounded factors by about 2^-8 of its largest products.

use super::packed_weights::Activation;

/// Outputs in a line.
const LANES: usize = 16;

/// The weights of two inputs towards sixteen outputs, the first input's in the low halves.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u32; LANES]);

/// A matrix of weights in panels of sixteen outputs, each panel one run of memory.
pub(super) struct BfloatPanels {
    inputs: usize,
    outputs: usize,
    lines: Vec<Line>,
}

impl BfloatPanels {
    /// Of `weight(input, output)`. Must not be asked for where the processor has no such instructions.
    pub(super) fn new(inputs: usize, outputs: usize, weight: impl Fn(usize, usize) -> f32) -> Self {
        assert!(available(), "AVX-512 BF16");
        let pairs = inputs.div_ceil(2);
        // Inputs and outputs beyond the last weigh nothing.
        let number = |input: usize, output: usize| {
            if input < inputs && output < outputs { bfloat(weight(input, output)) } else { 0 }
        };
        let line = |place: usize| {
            let (panel, pair) = (place / pairs, place % pairs);
            Line(std::array::from_fn(|lane| {
                let output = panel * LANES + lane;
                number(2 * pair, output) | number(2 * pair + 1, output) << 16
            }))
        };
        Self { inputs, outputs, lines: (0..outputs.div_ceil(LANES) * pairs).map(line).collect() }
    }

    /// Adds the products of `rows` `[n, inputs]` to `sums` `[n, outputs]`, or to a bias of as many panels instead of what the sums
    /// hold. A row's sums are the same bits whatever rows stand beside it.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn add_products(&self, rows: &[f32], sums: &mut [f32], bias: Option<&[f32]>, activation: Activation) {
        let Self { inputs, outputs, ref lines } = *self;
        let count = rows.len() / inputs;
        assert!(rows.len() == count * inputs && sums.len() == count * outputs, "shapes of rows and sums");
        assert!(bias.is_none_or(|bias| bias.len() >= outputs), "shape of the bias");
        // SAFETY: panels are made where the processor has the instructions alone; shapes were checked.
        unsafe { x86::add_products(lines, [inputs, outputs, count], rows, sums, bias, activation) }
    }

    #[cfg(not(target_arch = "x86_64"))]
    pub(super) fn add_products(&self, _: &[f32], _: &mut [f32], _: Option<&[f32]>, _: Activation) {
        unreachable!("panels are made where the processor has the instructions alone")
    }
}

/// Whether the processor has the instructions.
pub(super) fn available() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        has!("avx512f") && has!("avx512bw") && has!("avx512bf16")
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// The nearest bfloat16, the even one of two; what is not a number stays so.
#[inline(always)]
fn bfloat(value: f32) -> u32 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
    if value.is_nan() { bits >> 16 | 0x40 } else { rounded }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Activation, LANES, Line, bfloat};

    /// Most rows taken at a time: with two lines of outputs, 24 sums beside their operands in 32 registers.
    const MOST_ROWS: usize = 12;

    /// # Safety
    /// The processor has the features; `rows` holds `count` rows of `inputs`, `sums` as many of `outputs`, and `bias` at least
    /// `outputs` numbers.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    pub(super) unsafe fn add_products(
        lines: &[Line],
        [inputs, outputs, count]: [usize; 3],
        rows: &[f32],
        sums: &mut [f32],
        bias: Option<&[f32]>,
        activation: Activation,
    ) {
        let pairs = inputs.div_ceil(2);
        let mut halved = [0u32; MOST_ROWS * 1024];
        let mut kept = Vec::new();
        let room = if MOST_ROWS * pairs <= halved.len() {
            &mut halved[..MOST_ROWS * pairs]
        } else {
            kept.resize(MOST_ROWS * pairs, 0);
            &mut kept[..]
        };
        let blocks = count.div_ceil(MOST_ROWS);
        for block in 0..blocks {
            // As even as can be: a block of few rows takes as long as one of many.
            let (begin, end) = (block * count / blocks, (block + 1) * count / blocks);
            for (row, halved) in
                rows[begin * inputs..end * inputs].chunks_exact(inputs).zip(room.chunks_exact_mut(pairs))
            {
                let (whole, rest) = row.as_chunks::<2>();
                for (&[low, high], halved) in whole.iter().zip(halved.iter_mut()) {
                    *halved = bfloat(low) | bfloat(high) << 16;
                }
                if let [last] = rest {
                    halved[pairs - 1] = bfloat(*last);
                }
            }
            let sums = &mut sums[begin * outputs..end * outputs];
            let mut panels = lines.chunks_exact(pairs);
            let mut first = 0;
            while let Some(left) = panels.next() {
                let ends = (bias.map(|bias| &bias[first..]), activation);
                match panels.next() {
                    Some(right) => {
                        by_rows(room, [left, right], sums, [end - begin, first, outputs], ends);
                        first += 2 * LANES;
                    }
                    None => {
                        by_rows(room, [left], sums, [end - begin, first, outputs], ends);
                        first += LANES;
                    }
                }
            }
        }
    }

    type Ends<'a> = (Option<&'a [f32]>, Activation);

    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn by_rows<const PANELS: usize>(
        halved: &[u32],
        panels: [&[Line]; PANELS],
        sums: &mut [f32],
        [count, first, outputs]: [usize; 3],
        ends: Ends<'_>,
    ) {
        let shape = [first, outputs];
        match count {
            1 => block::<1, PANELS>(halved, panels, sums, shape, ends),
            2 => block::<2, PANELS>(halved, panels, sums, shape, ends),
            3 => block::<3, PANELS>(halved, panels, sums, shape, ends),
            4 => block::<4, PANELS>(halved, panels, sums, shape, ends),
            5 => block::<5, PANELS>(halved, panels, sums, shape, ends),
            6 => block::<6, PANELS>(halved, panels, sums, shape, ends),
            7 => block::<7, PANELS>(halved, panels, sums, shape, ends),
            8 => block::<8, PANELS>(halved, panels, sums, shape, ends),
            9 => block::<9, PANELS>(halved, panels, sums, shape, ends),
            10 => block::<10, PANELS>(halved, panels, sums, shape, ends),
            11 => block::<11, PANELS>(halved, panels, sums, shape, ends),
            _ => block::<MOST_ROWS, PANELS>(halved, panels, sums, shape, ends),
        }
    }

    /// The products of `ROWS` rows with panels side by side, from output `first` on.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn block<const ROWS: usize, const PANELS: usize>(
        halved: &[u32],
        panels: [&[Line]; PANELS],
        sums: &mut [f32],
        [first, outputs]: [usize; 2],
        (bias, activation): Ends<'_>,
    ) {
        let pairs = panels[0].len();
        assert!(halved.len() >= ROWS * pairs && sums.len() >= ROWS * outputs);
        assert!(panels.iter().all(|panel| panel.len() == pairs));
        // Of the last panel only the outputs that there are.
        let mask = |panel: usize| {
            let left = (outputs - first - panel * LANES).min(LANES);
            (u32::MAX >> (32 - left)) as __mmask16
        };
        let mut found = [[_mm512_setzero_ps(); PANELS]; ROWS];
        for (row, found) in found.iter_mut().enumerate() {
            for (panel, found) in found.iter_mut().enumerate() {
                let from = match bias {
                    Some(bias) => &bias[panel * LANES..],
                    None => &sums[row * outputs + first + panel * LANES..],
                };
                // SAFETY: the mask leaves no more than the outputs that there are, and a bias has as many.
                *found = unsafe { _mm512_maskz_loadu_ps(mask(panel), from.as_ptr()) };
            }
        }
        for pair in 0..pairs {
            // SAFETY: every panel has `pairs` lines of sixteen.
            let weights = panels.map(|panel| unsafe { _mm512_load_si512(panel.as_ptr().add(pair).cast()) });
            for (row, found) in found.iter_mut().enumerate() {
                // SAFETY: `halved` holds as many rows of `pairs`.
                let inputs = _mm512_set1_epi32(unsafe { *halved.get_unchecked(row * pairs + pair) } as i32);
                for (found, weights) in found.iter_mut().zip(weights) {
                    // SAFETY: both are 512 bits without meaning of their own.
                    let (inputs, weights) = unsafe { (as_halves(inputs), as_halves(weights)) };
                    *found = _mm512_dpbf16_ps(*found, inputs, weights);
                }
            }
        }
        for (row, found) in found.into_iter().enumerate() {
            for (panel, found) in found.into_iter().enumerate() {
                let found = match activation {
                    Activation::None => found,
                    // In this order what is not a number stays so.
                    Activation::Relu => _mm512_max_ps(_mm512_setzero_ps(), found),
                };
                let to = &mut sums[row * outputs + first + panel * LANES..];
                // SAFETY: as above.
                unsafe { _mm512_mask_storeu_ps(to.as_mut_ptr(), mask(panel), found) };
            }
        }
    }

    /// # Safety
    /// None needed: any 512 bits are 32 halves.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bf16")]
    unsafe fn as_halves(bits: __m512i) -> __m512bh {
        // SAFETY: both are plain 512 bits.
        unsafe { std::mem::transmute::<__m512i, __m512bh>(bits) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, start: f32) -> Vec<f32> {
        (0..count).map(|k| (k as f32 * 0.7 + start).sin()).collect()
    }

    #[test]
    fn halves_are_the_nearest_and_then_the_even_ones() {
        let of = |value: f32| f32::from_bits(bfloat(value) << 16);
        for (value, expected) in [
            (1.0, 1.0),
            (1.0 + 1.0 / 256.0, 1.0),
            (1.0 + 3.0 / 256.0, 1.0 + 4.0 / 256.0),
            (-1.0 - 1.2 / 256.0, -1.0 - 2.0 / 256.0),
            (f32::MAX, f32::INFINITY),
            (f32::NEG_INFINITY, f32::NEG_INFINITY),
            (0.0, 0.0),
        ] {
            assert_eq!(of(value), expected, "{value}");
        }
        assert!(of(f32::NAN).is_nan() && of(f32::from_bits(0x7f80_0001)).is_nan());
    }

    /// Against double precision: the rounded factors' products to the rounding of the sums, and the unrounded ones' to 2^-7 of
    /// their size.
    #[test]
    fn products_are_those_of_the_rounded_factors_and_do_not_depend_on_other_rows() {
        if !available() {
            eprintln!("SKIPPED: this processor has no AVX-512 BF16");
            return;
        }
        let rounded = |value: f32| f64::from(f32::from_bits(bfloat(value) << 16));
        for (count, inputs, outputs) in
            [(1, 3, 1), (7, 5, 16), (13, 17, 33), (32, 128, 50), (25, 234, 64), (3, 3000, 40)]
        {
            let (matrix, rows) = (numbers(inputs * outputs, 1.0), numbers(count * inputs, 2.0));
            let weight = |input: usize, output: usize| matrix[output * inputs + input];
            let panels = BfloatPanels::new(inputs, outputs, weight);
            let bias = numbers(outputs, 4.0);
            for with_bias in [false, true] {
                let bias = with_bias.then_some(bias.as_slice());
                let mut sums = numbers(count * outputs, 3.0);
                panels.add_products(&rows, &mut sums, bias, Activation::None);
                let mut alone = numbers(count * outputs, 3.0);
                for (row, sums) in rows.chunks_exact(inputs).zip(alone.chunks_exact_mut(outputs)) {
                    panels.add_products(row, sums, bias, Activation::None);
                }
                assert_eq!(sums, alone);
                let before = numbers(count * outputs, 3.0);
                for (at, sum) in sums.iter().enumerate() {
                    let (row, output) = (&rows[at / outputs * inputs..][..inputs], at % outputs);
                    let begin = f64::from(bias.map_or(before[at], |bias| bias[output]));
                    let factors = row.iter().enumerate().map(|(input, &x)| (x, weight(input, output)));
                    let halves: f64 = factors.clone().map(|(x, w)| rounded(x) * rounded(w)).sum();
                    assert!((f64::from(*sum) - begin - halves).abs() < 1e-4 * (inputs as f64).sqrt());
                    let (whole, size) = factors.fold((0.0, 0.0), |(whole, size), (x, w)| {
                        let product = f64::from(x) * f64::from(w);
                        (whole + product, size + product.abs())
                    });
                    assert!((f64::from(*sum) - begin - whole).abs() < size / 128.0 + 1e-5);
                }
                let mut rectified = numbers(count * outputs, 3.0);
                panels.add_products(&rows, &mut rectified, bias, Activation::Relu);
                assert!(rectified.iter().zip(&sums).all(|(found, sum)| *found == sum.max(0.0)));
            }
        }
    }
}
