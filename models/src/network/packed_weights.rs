//! Products of a few rows at a time with one matrix of weights, which is laid out for them once.

use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use super::bfloat16::{self, BfloatPanels};
use crate::simd::{Chunk, LANES, Lanes, Left, Vectorised, accumulate, vectorised};
use crate::{ModelError, Result};

/// Chunks of outputs computed at a time.
const PANEL_CHUNKS: usize = 2;
const PANEL: usize = PANEL_CHUNKS * LANES;
/// Most rows taken at a time: with the panel's two chunks, 12 sums are the most that 16 registers hold beside their operands.
const MOST_ROWS: usize = 6;

/// A matrix of weights, laid out in panels.
pub struct PackedWeights {
    inputs: usize,
    outputs: usize,
    panels: Panels,
}

enum Panels {
    /// Of sixteen outputs, each one run of memory.
    Single(Vec<Chunk>),
    Bfloat16(BfloatPanels),
}

/// What numbers are rounded to before they are multiplied; sums are of single precision always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// Single precision.
    #[default]
    Single,
    /// bfloat16, by the processor's own instructions (AVX-512 BF16).
    Bfloat16,
}

impl Precision {
    /// Refuses what this processor cannot do. `setting` names where it was asked for.
    pub fn check(self, setting: &'static str) -> Result<()> {
        if self == Self::Bfloat16 && !bfloat16::available() {
            let problem = "this processor has no instructions for bfloat16 (AVX-512 BF16); choose \"single\"";
            return Err(ModelError::setting(setting, problem));
        }
        Ok(())
    }
}

/// What becomes of sums when all products are added.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// They stay.
    None,
    /// Those below 0 become 0.
    Relu,
}

impl PackedWeights {
    /// Of a tensor `[outputs, inputs]`: products are x W'.
    ///
    /// # Errors
    /// Where the processor has no instructions for the precision.
    pub fn of(weight: &Tensor, precision: Precision) -> Result<Self> {
        precision.check("precision")?;
        let (matrix, inputs) = (values(weight)?, weight.size()[1] as usize);
        let outputs = matrix.len() / inputs;
        Ok(match precision {
            Precision::Single => Self::transposed(&matrix, inputs),
            Precision::Bfloat16 => {
                let panels = BfloatPanels::new(inputs, outputs, |input, output| matrix[output * inputs + input]);
                Self { inputs, outputs, panels: Panels::Bfloat16(panels) }
            }
        })
    }

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
        Self { inputs, outputs, panels: Panels::Single(panels) }
    }

    /// Numbers per row that goes in.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Numbers per row of sums.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Adds the products of `rows` `[n, inputs]` to `sums` `[n, outputs]`.
    ///
    /// A row's sums are the same bits whatever rows stand beside it.
    pub fn add_products(&self, rows: &[f32], sums: &mut [f32], activation: Activation) {
        self.multiply(rows, sums, None, activation);
    }

    /// As [`Self::add_products`], to a bias for each row instead of what the sums hold.
    pub(super) fn affine(&self, rows: &[f32], bias: &PackedBias, sums: &mut [f32], activation: Activation) {
        self.multiply(rows, sums, Some(bias), activation);
    }

    fn multiply(&self, rows: &[f32], sums: &mut [f32], bias: Option<&PackedBias>, activation: Activation) {
        let Self { inputs, outputs, ref panels } = *self;
        match panels {
            Panels::Single(panels) => vectorised(Products { inputs, outputs, panels, rows, sums, bias, activation }),
            Panels::Bfloat16(panels) => {
                panels.add_products(rows, sums, bias.map(|PackedBias(chunks)| chunks.as_flattened()), activation);
            }
        }
    }
}

/// A bias in panels, with zeros beyond the last output.
pub(super) struct PackedBias(Vec<Chunk>);

impl PackedBias {
    pub(super) fn new(bias: &[f32]) -> Self {
        let mut chunks = vec![[0.0; LANES]; bias.len().div_ceil(PANEL) * PANEL_CHUNKS];
        chunks.as_flattened_mut()[..bias.len()].copy_from_slice(bias);
        Self(chunks)
    }
}

/// A tensor's numbers.
pub(super) fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    let flat = tensor.f_detach()?.f_reshape([-1])?.f_to_device(Device::Cpu)?;
    Ok(Vec::<f32>::try_from(flat)?)
}

struct Products<'a> {
    inputs: usize,
    outputs: usize,
    panels: &'a [Chunk],
    rows: &'a [f32],
    sums: &'a mut [f32],
    bias: Option<&'a PackedBias>,
    activation: Activation,
}

impl Vectorised for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { inputs, outputs, panels, rows, sums, bias, activation } = self;
        let count = rows.len() / inputs;
        assert!(rows.len() == count * inputs && sums.len() == count * outputs, "shapes of rows and sums");
        // Blocks as even as can be: a block of few rows takes as long as one of many.
        let blocks = count.div_ceil(MOST_ROWS);
        for (number, panel) in panels.chunks_exact(PANEL_CHUNKS * inputs).enumerate() {
            let first = number * PANEL;
            let width = PANEL.min(outputs - first);
            let bias = bias.map(|PackedBias(chunks)| &chunks[number * PANEL_CHUNKS..][..PANEL_CHUNKS]);
            let ends = (bias, activation);
            for block in 0..blocks {
                let (begin, end) = (block * count / blocks, (block + 1) * count / blocks);
                let rows = &rows[begin * inputs..end * inputs];
                if width == PANEL {
                    add_block::<L>(rows, panel, &mut sums[begin * outputs + first..], outputs, ends);
                    continue;
                }
                // The last panel is wider than what is left of the sums.
                let mut whole = [0.0; MOST_ROWS * PANEL];
                let place = |row: usize| row * outputs + first..row * outputs + first + width;
                for (row, whole) in (begin..end).zip(whole.chunks_exact_mut(PANEL)) {
                    whole[..width].copy_from_slice(&sums[place(row)]);
                }
                add_block::<L>(rows, panel, &mut whole, PANEL, ends);
                for (row, whole) in (begin..end).zip(whole.chunks_exact(PANEL)) {
                    sums[place(row)].copy_from_slice(&whole[..width]);
                }
            }
        }
    }
}

/// What products are added to, where it is not what the sums hold, and what becomes of the sums.
type Ends<'a> = (Option<&'a [Chunk]>, Activation);

/// Adds the products of up to [`MOST_ROWS`] rows with a panel to sums that lie `stride` apart.
#[inline(always)]
fn add_block<L: Lanes>(rows: &[f32], panel: &[Chunk], sums: &mut [f32], stride: usize, ends: Ends<'_>) {
    match rows.len() * PANEL_CHUNKS / panel.len() {
        1 => add_rows::<L, 1>(rows, panel, sums, stride, ends),
        2 => add_rows::<L, 2>(rows, panel, sums, stride, ends),
        3 => add_rows::<L, 3>(rows, panel, sums, stride, ends),
        4 => add_rows::<L, 4>(rows, panel, sums, stride, ends),
        5 => add_rows::<L, 5>(rows, panel, sums, stride, ends),
        _ => add_rows::<L, MOST_ROWS>(rows, panel, sums, stride, ends),
    }
}

#[inline(always)]
fn add_rows<L: Lanes, const ROWS: usize>(
    rows: &[f32],
    panel: &[Chunk],
    sums: &mut [f32],
    stride: usize,
    (bias, activation): Ends<'_>,
) {
    let mut found = [[L::splat(0.0); PANEL_CHUNKS]; ROWS];
    for (row, found) in found.iter_mut().enumerate() {
        let (chunks, _) = sums[row * stride..][..PANEL].as_chunks::<LANES>();
        for (found, chunk) in found.iter_mut().zip(bias.unwrap_or(chunks)) {
            *found = L::load(chunk);
        }
    }
    let left = Left { values: rows, row_stride: panel.len() / PANEL_CHUNKS, inner_stride: 1 };
    accumulate(left, panel, (0, 0, PANEL_CHUNKS), &mut found);
    for (row, found) in found.into_iter().enumerate() {
        let (chunks, _) = sums[row * stride..][..PANEL].as_chunks_mut::<LANES>();
        for (found, chunk) in found.into_iter().zip(chunks) {
            match activation {
                Activation::None => found.store(chunk),
                // In this order what is not a number stays so.
                Activation::Relu => L::splat(0.0).max(found).store(chunk),
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
                packed.add_products(&rows, &mut sums, Activation::None);
                let mut alone = numbers(count * outputs, 3.0);
                for (row, sums) in rows.chunks_exact(inputs).zip(alone.chunks_exact_mut(outputs)) {
                    packed.add_products(row, sums, Activation::None);
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

    /// What is below 0 becomes 0, and what is not a number stays so, in whole panels and in the last.
    #[test]
    fn activations_keep_what_is_not_a_number() {
        let outputs = PANEL + 3;
        let packed = PackedWeights::transposed(&vec![1.0; outputs], 1);
        let bias: Vec<f32> = (0..outputs).map(|output| output as f32 - 4.0).collect();
        for count in [1, 7] {
            let mut rows = vec![1.0; count];
            rows[count - 1] = f32::NAN;
            let mut found = vec![9.0; count * outputs];
            packed.affine(&rows, &PackedBias::new(&bias), &mut found, Activation::Relu);
            for (row, found) in rows.iter().zip(found.chunks_exact(outputs)) {
                for (bias, &found) in bias.iter().zip(found) {
                    let right = if row.is_nan() { found.is_nan() } else { found == (row + bias).max(0.0) };
                    assert!(right, "{row} {bias} {found}");
                }
            }
        }
    }
}
