//! The fast encoder: two LSTM layers over the plays, and a dense layer upon them.

use listening_data::{CounterRng, Stream};
use tch::Tensor;

use super::FsVaeSettings;
use crate::Result;
use crate::network::{Cell, Dense, Parameters, Recurrent};

pub(super) struct FastEncoder {
    layers: Recurrent,
    dense: Dense,
    shuffled: bool,
}

impl FastEncoder {
    pub(super) fn new(parameters: &mut Parameters, inputs: usize, settings: &FsVaeSettings) -> Result<Self> {
        Ok(Self {
            layers: Recurrent::new(parameters, "fast.lstm", Cell::Lstm, inputs, settings.lstm_units, 2)?,
            dense: Dense::new(parameters, "fast.dense", settings.lstm_units, settings.fast_width)?,
            shuffled: settings.shuffled,
        })
    }

    pub(super) fn memory_length(&self) -> usize {
        self.layers.state_length()
    }

    /// `[steps, lanes, inputs]` and the memory before to `[steps, lanes, fast width]` and the memory after. `seed` gives
    /// the orders where plays are shuffled.
    pub(super) fn forward(&self, plays: &Tensor, memory: &Tensor, seed: u64) -> Result<(Tensor, Tensor)> {
        let (outputs, memory) = match self.shuffled {
            false => self.layers.forward(plays, memory)?,
            true => self.forward_shuffled(plays, memory, seed)?,
        };
        Ok((self.dense.forward(&outputs)?.f_leaky_relu()?, memory))
    }

    /// The output of step t has taken in the same plays as without shuffling, those of this chunk up to step t in an
    /// order of its own. The layers therefore run once for each step; what is carried on is the run of the last one.
    fn forward_shuffled(&self, plays: &Tensor, memory: &Tensor, seed: u64) -> Result<(Tensor, Tensor)> {
        let (steps, lanes, inputs) = plays.size3()?;
        let order = Tensor::f_from_slice(&shuffled_prefixes(steps as usize, seed))?.f_to_device(plays.device())?;
        // [run, step, lane, input] to [step, run x lane, input].
        let runs = plays.f_index_select(0, &order)?.f_reshape([steps, steps, lanes, inputs])?;
        let runs = runs.f_transpose(0, 1)?.f_reshape([steps, steps * lanes, inputs])?;
        let (outputs, after) = self.layers.forward(&runs, &memory.f_repeat([steps, 1])?)?;
        let outputs = outputs.f_reshape([steps, steps, lanes, -1])?;
        // The output of run t at its step t comes last: [lane, unit, t].
        let outputs = outputs.f_diagonal(0, 0, 1)?.f_permute([2, 0, 1])?;
        Ok((outputs, after.f_narrow(0, (steps - 1) * lanes, lanes)?))
    }

    pub(super) fn shallow_clone(&self) -> Self {
        Self { layers: self.layers.shallow_clone(), dense: self.dense.shallow_clone(), shuffled: self.shuffled }
    }
}

/// For each t below `steps` a row of `steps` steps: first 0..=t in random order, then what will not be looked at.
fn shuffled_prefixes(steps: usize, seed: u64) -> Vec<i64> {
    let mut rows = Vec::with_capacity(steps * steps);
    for last in 0..steps {
        let mut rng = CounterRng::new(seed, Stream::Shuffle, 0, last as u32);
        let mut row: Vec<i64> = (0..steps as i64).collect();
        for place in (1..=last).rev() {
            row.swap(place, rng.below(place + 1));
        }
        rows.extend(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user_state::test_values::filled;
    use tch::{Device, Kind};

    #[test]
    fn prefixes_are_shuffled_within_themselves() {
        let rows = shuffled_prefixes(9, 4);
        for (last, row) in rows.chunks_exact(9).enumerate() {
            let mut prefix = row[..=last].to_vec();
            prefix.sort_unstable();
            assert!(prefix.into_iter().eq(0..=last as i64));
        }
        assert!(rows[8 * 9..].iter().enumerate().any(|(place, &step)| step != place as i64));
        assert_ne!(rows, shuffled_prefixes(9, 5));
    }

    /// Each output against a run over just its plays in its order, step by step.
    #[test]
    fn shuffled_outputs_are_those_of_runs_of_their_own() {
        let settings = FsVaeSettings { shuffled: true, lstm_units: 5, fast_width: 4, ..FsVaeSettings::default() };
        let mut parameters = Parameters::new(3, Device::Cpu);
        let encoder = FastEncoder::new(&mut parameters, 3, &settings).unwrap();
        let (plays, memory) = (filled(&[6, 2, 3], 1.0), filled(&[2, encoder.memory_length() as i64], 2.0));
        let (outputs, after) = encoder.forward(&plays, &memory, 8).unwrap();
        let orders = shuffled_prefixes(6, 8);
        for last in 0..6 {
            let mut state = memory.copy();
            let mut output = Tensor::zeros([1], (Kind::Float, Device::Cpu));
            for &step in &orders[last * 6..][..=last] {
                (output, state) = encoder.layers.forward(&plays.narrow(0, step, 1), &state).unwrap();
            }
            let expected = encoder.dense.forward(&output).unwrap().leaky_relu().select(0, 0);
            assert!(outputs.select(0, last as i64).allclose(&expected, 1e-5, 1e-6, false), "step {last}");
            assert!(last < 5 || after.allclose(&state, 1e-5, 1e-6, false));
        }
    }
}
