//! FS-VAE as a user state, carried play by play.

use tch::Tensor;

use super::{FastEncoder, FsVae, encode_slow};
use crate::Result;
use crate::user_state::unit_vectors::unit;
use crate::user_state::{Moments, UserState};

/// The mean of the state's distribution. The memory is a mark of having begun, the memory of the fast encoder, and the
/// output of the slow one for the session.
pub(super) struct FsVaeState(pub(super) FsVae);

impl FsVaeState {
    fn fast_length(&self) -> i64 {
        self.0.fast.as_ref().map_or(0, FastEncoder::memory_length) as i64
    }

    fn slow_length(&self) -> i64 {
        if self.0.slow.is_some() { self.0.settings.slow_widths[1] as i64 } else { 0 }
    }

    fn fast_part(&self, memory: &Tensor) -> Result<Tensor> {
        Ok(memory.f_narrow(1, 1, self.fast_length())?)
    }

    fn slow_part(&self, memory: &Tensor) -> Result<Tensor> {
        Ok(memory.f_narrow(1, 1 + self.fast_length(), self.slow_length())?)
    }

    fn means(&self, memory: &Tensor) -> Result<Tensor> {
        let mut parts = Vec::with_capacity(2);
        if let Some(fast) = &self.0.fast {
            parts.push(fast.output_of(&self.fast_part(memory)?)?);
        }
        parts.push(self.slow_part(memory)?);
        self.0.mean.forward(&Tensor::f_cat(&parts, 1)?)
    }
}

impl UserState for FsVaeState {
    fn dimension(&self) -> usize {
        self.0.settings.state_length
    }

    fn memory_length(&self) -> usize {
        (1 + self.fast_length() + self.slow_length()) as usize
    }

    fn moves_within_sessions(&self) -> bool {
        self.0.fast.is_some()
    }

    fn begin_session(&self, memory: &Tensor, moments: &Moments) -> Result<Tensor> {
        let begun = memory.f_narrow(1, 0, 1)?.f_gt(0.0)?;
        let mut parts = vec![begun.f_ones_like()?.f_to_kind(memory.kind())?];
        if let Some(fast) = &self.0.fast {
            let before = self.fast_part(memory)?;
            // Training gives each user a first step without a play.
            let all_begun = begun.f_all()?.f_int64_value(&[])? == 1;
            parts.push(if all_begun { before } else { before.f_where_self(&begun, &fast.first_step(&before)?)? });
        }
        if let Some(slow) = &self.0.slow {
            parts.push(encode_slow(slow, &moments.slow_and_context()?)?);
        }
        Ok(Tensor::f_cat(&parts, 1)?)
    }

    fn play(&self, memory: &Tensor, plays: &Tensor) -> Result<Tensor> {
        let Some(fast) = &self.0.fast else { return Ok(memory.shallow_clone()) };
        let after = fast.step(plays, &self.fast_part(memory)?)?;
        Ok(Tensor::f_cat(&[memory.f_narrow(1, 0, 1)?, after, self.slow_part(memory)?], 1)?)
    }

    /// Divided by the square root of their number, so that coordinates as the prior has them give a length of about 1.
    fn vectors(&self, memory: &Tensor) -> Result<Tensor> {
        Ok(self.means(memory)?.f_div_scalar((self.0.settings.state_length as f64).sqrt())?)
    }

    fn track_directions(&self, memory: &Tensor) -> Result<Tensor> {
        unit(&self.0.decode(&self.means(memory)?)?)
    }

    fn shallow_clone(&self) -> Box<dyn UserState> {
        Box::new(Self(self.0.another()))
    }
}
