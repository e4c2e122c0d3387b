//! What user-response models are asked: one row per play.

use std::ops::Range;

use tch::{Device, Tensor};

use crate::Result;

/// Position features of CWM's end-of-session head.
pub(super) const POSITION_FEATURES: usize = 2;

/// Input rows of a user-response model, gathered on the host.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    features: Vec<f32>,
    positions: Vec<f32>,
    count: usize,
}

impl Rows {
    /// Forgets all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.features.clear();
        self.positions.clear();
        self.count = 0;
    }

    /// Adds the row of one track at one place (from 0) of one session. `so_far` are the features of the track and the
    /// session so far ([`crate::features::SessionSoFar`]), for models that see the session; else empty.
    pub fn push(&mut self, session: &[f32], track: &[f32], relation: &[f32], so_far: &[f32], position: u32) {
        for part in [session, track, relation, so_far] {
            self.features.extend_from_slice(part);
        }
        let place = position as f32;
        // Scaled so that weights well below 1 suffice: they start at 0 and must get there in few steps.
        self.positions.extend_from_slice(&[3.0 * place.ln_1p(), 15.0 / (1.0 + place)]);
        self.count += 1;
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The features of rows `range`, row by row.
    pub(super) fn features(&self, range: Range<usize>) -> &[f32] {
        let width = self.features.len() / self.count.max(1);
        &self.features[range.start * width..range.end * width]
    }

    /// Rows `range` as tensors `[rows, features]` and `[rows, POSITION_FEATURES]`.
    pub(super) fn tensors(&self, range: Range<usize>, device: Device) -> Result<(Tensor, Tensor)> {
        let rows = range.len() as i64;
        let tensor = |values: &[f32]| -> Result<Tensor> {
            Ok(Tensor::f_from_slice(values)?.f_reshape([rows, -1])?.f_to_device(device)?)
        };
        let positions = &self.positions[range.start * POSITION_FEATURES..range.end * POSITION_FEATURES];
        Ok((tensor(self.features(range))?, tensor(positions)?))
    }
}
