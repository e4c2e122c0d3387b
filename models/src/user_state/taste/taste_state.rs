//! A taste vector as a user state, carried play by play.

use tch::Tensor;

use super::TasteRnn;
use crate::Result;
use crate::features::CONTEXT_FEATURES;
use crate::user_state::unit_vectors::unit;
use crate::user_state::{Moments, UserState};

/// The network takes a play together with the context of the session of the play *after* it, which is not known before
/// that session begins. So the memory is the network's state before the last play, the last play, the session's context,
/// and the state that they lead to; a new session repeats the last step in its own context.
pub(super) struct TasteState(pub(super) TasteRnn);

const CONTEXT: i64 = CONTEXT_FEATURES as i64;

impl TasteState {
    fn state_length(&self) -> i64 {
        self.0.layers.state_length() as i64
    }

    /// State before the last play, last play, context, state after the last play.
    fn parts(&self, memory: &Tensor) -> Result<[Tensor; 4]> {
        let (state, play) = (self.state_length(), self.0.play_features as i64);
        let part = |from, length| memory.f_narrow(1, from, length);
        Ok([part(0, state)?, part(state, play)?, part(state + play, CONTEXT)?, part(state + play + CONTEXT, state)?])
    }

    /// The memory whose last step has taken in these.
    fn stepped(&self, before: &Tensor, play: &Tensor, context: &Tensor) -> Result<Tensor> {
        let after = self.0.layers.step(&Tensor::f_cat(&[play, context], 1)?, before)?;
        Ok(Tensor::f_cat(&[before, play, context, &after], 1)?)
    }

    fn tastes(&self, memory: &Tensor) -> Result<Tensor> {
        let [.., after] = self.parts(memory)?;
        self.0.output.forward(&self.0.layers.output_of(&after)?)
    }
}

impl UserState for TasteState {
    fn dimension(&self) -> usize {
        self.0.dimension
    }

    fn memory_length(&self) -> usize {
        2 * self.state_length() as usize + self.0.play_features + CONTEXT_FEATURES
    }

    fn moves_within_sessions(&self) -> bool {
        true
    }

    fn begin_session(&self, memory: &Tensor, moments: &Moments) -> Result<Tensor> {
        let [before, play, ..] = self.parts(memory)?;
        self.stepped(&before, &play, &moments.context()?)
    }

    fn play(&self, memory: &Tensor, plays: &Tensor) -> Result<Tensor> {
        let [_, _, context, after] = self.parts(memory)?;
        self.stepped(&after, plays, &context)
    }

    /// Divided by the square root of their number: the network foretells vectors of that length.
    fn vectors(&self, memory: &Tensor) -> Result<Tensor> {
        Ok(self.tastes(memory)?.f_div_scalar((self.0.dimension as f64).sqrt())?)
    }

    fn track_directions(&self, memory: &Tensor) -> Result<Tensor> {
        unit(&self.tastes(memory)?)
    }

    fn shallow_clone(&self) -> Box<dyn UserState> {
        Box::new(Self(self.0.another()))
    }
}
