//! Inputs of like scale.

use std::path::Path;

use tch::{Device, Tensor};

use super::response_model::{Walk, evenly_spaced};
use super::training::TrainingInput;
use super::{ResponseModel, Rows};
use crate::tensors::{SavedTensor, TensorFile};
use crate::{ModelError, Result};

/// Training plays that means and deviations are taken of, in evenly spaced sessions.
const MOST_PLAYS: usize = 200_000;

/// Standard deviations beyond which an input says no more.
const LARGEST: f64 = 5.0;

/// What takes each feature's mean and divides by its standard deviation.
pub(super) struct Standardization {
    /// Means and inverse deviations, `[features]` each.
    means: Tensor,
    scales: Tensor,
}

impl Standardization {
    /// Leaves `features` features as they are, but for those beyond the largest.
    pub(super) fn none(features: usize, device: Device) -> Result<Self> {
        Self::new(&vec![0.0; features], &vec![1.0; features], device)
    }

    fn new(means: &[f32], scales: &[f32], device: Device) -> Result<Self> {
        let tensor = |values| -> Result<Tensor> { Ok(Tensor::f_from_slice(values)?.f_to_device(device)?) };
        Ok(Self { means: tensor(means)?, scales: tensor(scales)? })
    }

    /// Of the training plays of the users who teach, as this model sees them.
    pub(super) fn of(input: &TrainingInput<'_>, model: &dyn ResponseModel) -> Result<Self> {
        let examples = &input.data.train;
        let (mut sums, mut squares, mut count): (Vec<f64>, Vec<f64>, f64) = (Vec::new(), Vec::new(), 0.0);
        let (mut rows, mut walk) = (Rows::default(), Walk::default());
        let chosen = |&session: &usize| input.users.holds(examples.user[examples.plays(session).start]);
        for session in evenly_spaced(examples, MOST_PLAYS).filter(chosen) {
            walk.clear();
            for play in examples.plays(session) {
                rows.clear();
                walk.push_row(model, examples, &input.tracks, play, &mut rows);
                walk.take_in(examples, &input.tracks, play);
                let row = rows.features(0..1);
                sums.resize(row.len(), 0.0);
                squares.resize(row.len(), 0.0);
                for ((&x, sum), square) in row.iter().zip(&mut sums).zip(&mut squares) {
                    let x = f64::from(x);
                    (*sum, *square) = (*sum + x, *square + x * x);
                }
                count += 1.0;
            }
        }
        let means: Vec<f32> = sums.iter().map(|sum| (sum / count) as f32).collect();
        let scale = |(sum, square): (&f64, &f64)| {
            let deviation = (square / count - (sum / count).powi(2)).max(0.0).sqrt();
            // What never varied in training teaches nothing.
            if deviation < 1e-6 { 0.0 } else { 1.0 / deviation as f32 }
        };
        let scales: Vec<f32> = sums.iter().zip(&squares).map(scale).collect();
        Self::new(&means, &scales, input.device)
    }

    /// Rows `[..., features]` brought to scale.
    pub(super) fn apply(&self, rows: &Tensor) -> Result<Tensor> {
        Ok(rows.f_sub(&self.means)?.f_mul_(&self.scales)?.f_clamp_(-LARGEST, LARGEST)?)
    }

    /// The same on the host: replaces `scaled`.
    pub(super) fn apply_to(means: &[f32], scales: &[f32], rows: &[f32], scaled: &mut Vec<f32>) {
        let largest = LARGEST as f32;
        scaled.clear();
        for row in rows.chunks_exact(means.len()) {
            let values = row.iter().zip(means).zip(scales);
            scaled.extend(values.map(|((x, mean), scale)| ((x - mean) * scale).clamp(-largest, largest)));
        }
    }

    /// Means and inverse deviations.
    pub(super) fn values(&self) -> Result<[Vec<f32>; 2]> {
        let on_host = |tensor: &Tensor| -> Result<Vec<f32>> { Ok(Vec::try_from(tensor.f_to_device(Device::Cpu)?)?) };
        Ok([on_host(&self.means)?, on_host(&self.scales)?])
    }

    /// For a model's file.
    pub(super) fn saved(&self) -> Result<SavedTensor<'static>> {
        let [means, scales] = self.values()?;
        Ok(SavedTensor::floats(&[2, means.len()], &[means, scales].concat()).into_owned())
    }

    /// Reads what [`Self::saved`] gave.
    pub(super) fn load(file: &TensorFile, features: usize, path: &Path, device: Device) -> Result<Self> {
        let (_, values) = file.floats("standardization")?;
        if values.len() != 2 * features {
            return Err(ModelError::bad_file(path, format!("does not scale {features} features")));
        }
        let (means, scales) = values.split_at(features);
        Self::new(means, scales, device)
    }

    /// Another handle on the same numbers.
    pub(super) fn shallow_clone(&self) -> Self {
        Self { means: self.means.shallow_clone(), scales: self.scales.shallow_clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_brought_to_scale_alike_on_both_sides() {
        let standardization = Standardization::new(&[1.0, -2.0, 0.5], &[2.0, 0.0, 10.0], Device::Cpu).unwrap();
        let rows = [1.5, 7.0, 0.4, -9.0, 3.0, 0.5];
        let expected = [1.0, 0.0, -1.0, -5.0, 0.0, 0.0];
        let by_libtorch = standardization.apply(&Tensor::from_slice(&rows).reshape([2, 3])).unwrap();
        let [means, scales] = standardization.values().unwrap();
        let mut by_hand = Vec::new();
        Standardization::apply_to(&means, &scales, &rows, &mut by_hand);
        for found in [Vec::<f32>::try_from(by_libtorch.reshape([-1])).unwrap(), by_hand] {
            assert!(found.iter().zip(expected).all(|(x, y)| (x - y).abs() < 1e-6), "{found:?}");
        }
    }
}
