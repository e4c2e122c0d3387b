//! A user's past sessions as one vector, carried from session to session.

use tch::{Kind, Tensor};

use super::unit_vectors::unit;
use crate::Result;

/// How much a past session counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weighting {
    /// Each the same.
    Even,
    /// The i-th of a user i times as much as the first: CoSeRNN's long-term vector (Hansen et al., RecSys 2020, section 4).
    Recency,
}

/// The sum over a user's past sessions i of w_i s_i, scaled to length 1, where s_i is the vector of the tracks played.
///
/// Carried are the sum and the number of sessions, so that nothing has to be looked up again.
#[derive(Clone, Copy)]
pub(super) struct PastSessions {
    pub weighting: Weighting,
    pub dimension: usize,
}

impl PastSessions {
    /// The sum, then the number of sessions.
    pub fn memory_length(self) -> usize {
        self.dimension + 1
    }

    /// Takes in one session per step, `[steps, lanes, dimension]`, zeros before a user's first, and gives the vectors after
    /// each and the memory after the last, `[lanes, memory_length]`.
    pub fn forward(self, sessions: &Tensor, memory: &Tensor) -> Result<(Tensor, Tensor)> {
        let (steps, dimension) = (sessions.size()[0], self.dimension as i64);
        let sum_before = memory.f_narrow(1, 0, dimension)?;
        // The session taken in at a user's first step is none, and has number 0.
        let number_before = memory.f_narrow(1, dimension, 1)?;
        let sums = match self.weighting {
            Weighting::Even => sessions.f_cumsum(0, Kind::Float)?,
            Weighting::Recency => {
                let numbers = Tensor::f_arange(steps, (Kind::Float, sessions.device()))?.f_reshape([steps, 1, 1])?;
                sessions.f_mul(&numbers.f_add(&number_before)?)?.f_cumsum(0, Kind::Float)?
            }
        };
        let sums = sums.f_add(&sum_before)?;
        let after = Tensor::f_cat(&[sums.f_select(0, steps - 1)?, number_before.f_add_scalar(steps as f64)?], 1)?;
        Ok((unit(&sums)?, after))
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn sums_are_those_written_down_and_carry_over() {
        // One user with sessions (1, 0), (0, 1), none played, (1, 0) after the step without a session.
        let rows = [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0f32];
        let sessions = Tensor::from_slice(&rows).reshape([5, 1, 2]);
        let sums = |weighting| match weighting {
            Weighting::Even => [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [1.0, 1.0], [2.0, 1.0f32]],
            Weighting::Recency => [[0.0, 0.0], [1.0, 0.0], [1.0, 2.0], [1.0, 2.0], [5.0, 2.0]],
        };
        for weighting in [Weighting::Even, Weighting::Recency] {
            let past = PastSessions { weighting, dimension: 2 };
            let expected: Vec<f32> = sums(weighting)
                .into_iter()
                .flat_map(|[x, y]| {
                    let length = (x * x + y * y).sqrt().max(1e-12);
                    [x / length, y / length]
                })
                .collect();
            let zeros = Tensor::zeros([1, past.memory_length() as i64], (Kind::Float, Device::Cpu));
            let (whole, _) = past.forward(&sessions, &zeros).unwrap();
            let (first, memory) = past.forward(&sessions.narrow(0, 0, 2), &zeros).unwrap();
            let (second, memory) = past.forward(&sessions.narrow(0, 2, 3), &memory).unwrap();
            for found in [whole, Tensor::cat(&[first, second], 0)] {
                let found = Vec::<f32>::try_from(found.reshape([-1])).unwrap();
                assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} {expected:?}");
            }
            assert_eq!(Vec::<f32>::try_from(memory.reshape([-1])).unwrap()[2], 5.0);
        }
    }
}
