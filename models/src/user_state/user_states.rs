//! Several user states as one: their memories and their vectors, one after another.

use tch::{Device, Tensor};

use super::{Moments, UserState};
use crate::{ModelError, Result};

/// User states side by side. The first one says where in the space of the tracks a listener wants to go.
pub struct UserStates {
    first: Box<dyn UserState>,
    others: Vec<Box<dyn UserState>>,
    device: Device,
}

impl UserStates {
    /// These encoders, whose parameters lie on `device`.
    pub fn new(encoders: Vec<Box<dyn UserState>>, device: Device) -> Result<Self> {
        let mut others = encoders.into_iter();
        match others.next() {
            Some(first) => Ok(Self { first, others: others.collect(), device }),
            None => Err(ModelError::setting("user_state.encoders", "must name at least one")),
        }
    }

    fn encoders(&self) -> impl Iterator<Item = &dyn UserState> {
        std::iter::once(&*self.first).chain(self.others.iter().map(|encoder| &**encoder))
    }

    /// Joins what each encoder makes of its part of the memories.
    fn each(&self, memory: &Tensor, make: impl Fn(&dyn UserState, &Tensor) -> Result<Tensor>) -> Result<Tensor> {
        let (mut from, mut parts) = (0, Vec::with_capacity(1 + self.others.len()));
        for encoder in self.encoders() {
            let length = encoder.memory_length() as i64;
            parts.push(make(encoder, &memory.f_narrow(1, from, length)?)?);
            from += length;
        }
        Ok(Tensor::f_cat(&parts, 1)?)
    }

    /// The device that tensors lie on.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Another handle on the same parameters, for use on another thread.
    pub fn another(&self) -> Self {
        let others = self.others.iter().map(|encoder| encoder.shallow_clone()).collect();
        Self { first: self.first.shallow_clone(), others, device: self.device }
    }
}

impl UserState for UserStates {
    fn dimension(&self) -> usize {
        self.encoders().map(UserState::dimension).sum()
    }

    fn memory_length(&self) -> usize {
        self.encoders().map(UserState::memory_length).sum()
    }

    fn moves_within_sessions(&self) -> bool {
        self.encoders().any(UserState::moves_within_sessions)
    }

    fn begin_session(&self, memory: &Tensor, moments: &Moments) -> Result<Tensor> {
        self.each(memory, |encoder, memory| encoder.begin_session(memory, moments))
    }

    fn play(&self, memory: &Tensor, plays: &Tensor) -> Result<Tensor> {
        self.each(memory, |encoder, memory| encoder.play(memory, plays))
    }

    fn end_session(&self, memory: &Tensor) -> Result<Tensor> {
        self.each(memory, |encoder, memory| encoder.end_session(memory))
    }

    fn vectors(&self, memory: &Tensor) -> Result<Tensor> {
        self.each(memory, |encoder, memory| encoder.vectors(memory))
    }

    fn track_directions(&self, memory: &Tensor) -> Result<Tensor> {
        self.first.track_directions(&memory.f_narrow(1, 0, self.first.memory_length() as i64)?)
    }

    fn shallow_clone(&self) -> Box<dyn UserState> {
        Box::new(self.another())
    }
}
