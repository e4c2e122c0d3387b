//! What is known of a session as it begins.

use listening_data::Context;
use tch::Tensor;

use super::session_chunks::{SESSION_CONTEXT, write_session_context};
use crate::Result;
use crate::features::{CONTEXT_FEATURES, write_context};

/// Values after the slow features: the context as models over plays see it, as models over sessions see it, and the time
/// since the last play.
const EXTRAS: usize = CONTEXT_FEATURES + SESSION_CONTEXT + 1;

/// What is known of a session as it begins.
pub struct Moment<'a> {
    /// The user's slow features.
    pub slow_features: &'a [f32],
    /// The session's context.
    pub context: Context,
    /// Hours from the end of the user's last play; 0 where there is none.
    pub gap_hours: f32,
}

impl Moment<'_> {
    /// Length of a moment's row, of a user with `slow_features` slow features.
    pub fn row_length(slow_features: usize) -> usize {
        slow_features + EXTRAS
    }

    /// Writes the moment's row.
    pub fn write(&self, row: &mut [f32]) {
        let (slow, rest) = row.split_at_mut(self.slow_features.len());
        slow.copy_from_slice(self.slow_features);
        let (context, rest) = rest.split_at_mut(CONTEXT_FEATURES);
        write_context(&self.context, context);
        let (session_context, since) = rest.split_at_mut(SESSION_CONTEXT);
        write_session_context(&self.context, session_context);
        since[0] = self.gap_hours.ln_1p() / 8.0;
    }
}

/// The moments of many users.
pub struct Moments(Tensor);

impl Moments {
    /// From rows `[rows, Moment::row_length]`.
    pub fn new(rows: Tensor) -> Self {
        Self(rows)
    }

    fn after_slow_features(&self, from: usize, length: usize) -> Result<Tensor> {
        let slow = self.0.size()[1] - EXTRAS as i64;
        Ok(self.0.f_narrow(1, slow + from as i64, length as i64)?)
    }

    /// Slow features and context, as models over plays see them.
    pub(super) fn slow_and_context(&self) -> Result<Tensor> {
        let length = self.0.size()[1] - (SESSION_CONTEXT + 1) as i64;
        Ok(self.0.f_narrow(1, 0, length)?)
    }

    /// The context as models over plays see it.
    pub(super) fn context(&self) -> Result<Tensor> {
        self.after_slow_features(0, CONTEXT_FEATURES)
    }

    /// The context as models over sessions see it.
    pub(super) fn session_context(&self) -> Result<Tensor> {
        self.after_slow_features(CONTEXT_FEATURES, SESSION_CONTEXT)
    }

    /// ln(1 + hours since the last play) / 8.
    pub(super) fn since(&self) -> Result<Tensor> {
        self.after_slow_features(CONTEXT_FEATURES + SESSION_CONTEXT, 1)
    }
}
