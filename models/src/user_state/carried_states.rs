//! The memories of many listeners, carried on the device and advanced together.

use tch::{Device, Kind, Tensor};

use super::{Moments, UserState, UserStates};
use crate::Result;

/// Rows that go through the encoders at once. A constant: results depend neither on how many listeners there are nor on
/// which of them move.
const BLOCK: usize = 64;

/// The user states of some listeners. A step costs the same however long their histories are.
pub struct CarriedStates {
    states: UserStates,
    rows: usize,
    /// `[BLOCK, memory length]` each; the last one's rows beyond `rows` mean nothing.
    blocks: Vec<Tensor>,
}

impl CarriedStates {
    /// `rows` new users.
    pub fn new(states: UserStates, rows: usize) -> Result<Self> {
        let shape = [BLOCK as i64, states.memory_length() as i64];
        let block = || Tensor::f_zeros(shape, (Kind::Float, states.device()));
        let blocks = (0..rows.div_ceil(BLOCK)).map(|_| block()).collect::<std::result::Result<_, _>>()?;
        Ok(Self { states, rows, blocks })
    }

    /// The encoders.
    pub fn states(&self) -> &UserStates {
        &self.states
    }

    fn row(&self, row: usize) -> Result<Tensor> {
        Ok(self.blocks[row / BLOCK].f_select(0, (row % BLOCK) as i64)?)
    }

    /// Puts a listener into a row, by the listener's memory.
    pub fn set_memory(&mut self, row: usize, memory: &[f32]) -> Result<()> {
        let memory = Tensor::f_from_slice(memory)?;
        tch::no_grad(|| self.row(row)?.f_copy_(&memory).map_err(Into::into))
    }

    /// The memory of a row.
    pub fn memory(&self, row: usize) -> Result<Vec<f32>> {
        to_host(&self.row(row)?)
    }

    /// Begins a session in the rows chosen; `moments` has the row of a [`Moment`](super::Moment) for each.
    pub fn begin_session(&mut self, chosen: &[bool], moments: &[f32]) -> Result<()> {
        self.advance(chosen, moments, |states, memory, moments| {
            states.begin_session(memory, &Moments::new(moments.shallow_clone()))
        })
    }

    /// Takes in one play in the rows chosen; `plays` has one for each row.
    pub fn play(&mut self, chosen: &[bool], plays: &[f32]) -> Result<()> {
        self.advance(chosen, plays, UserStates::play)
    }

    /// Ends the session in the rows chosen.
    pub fn end_session(&mut self, chosen: &[bool]) -> Result<()> {
        self.advance(chosen, &[], |states, memory, _| states.end_session(memory))
    }

    fn advance(
        &mut self,
        chosen: &[bool],
        inputs: &[f32],
        step: impl Fn(&UserStates, &Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<()> {
        let (width, device) = (inputs.len() / self.rows, self.states.device());
        for (number, memory) in self.blocks.iter_mut().enumerate() {
            let rows = number * BLOCK..self.rows.min((number + 1) * BLOCK);
            let chosen = &chosen[rows.clone()];
            if !chosen.contains(&true) {
                continue;
            }
            let inputs = in_block(&inputs[rows.start * width..rows.end * width], width, device)?;
            let after = tch::no_grad(|| step(&self.states, memory, &inputs))?;
            *memory = if chosen.contains(&false) {
                let chosen: Vec<f32> = chosen.iter().map(|&chosen| f32::from(u8::from(chosen))).collect();
                after.f_where_self(&in_block(&chosen, 1, device)?.f_gt(0.0)?, memory)?
            } else {
                after
            };
        }
        Ok(())
    }

    /// The state vectors of all rows.
    pub fn vectors(&self) -> Result<Vec<f32>> {
        self.read(UserStates::vectors)
    }

    /// The directions of all rows in the space of the tracks.
    pub fn track_directions(&self) -> Result<Vec<f32>> {
        self.read(UserStates::track_directions)
    }

    fn read(&self, make: impl Fn(&UserStates, &Tensor) -> Result<Tensor>) -> Result<Vec<f32>> {
        let mut values = Vec::new();
        for memory in &self.blocks {
            values.extend(tch::no_grad(|| to_host(&make(&self.states, memory)?))?);
        }
        let width = values.len() / (self.blocks.len() * BLOCK).max(1);
        values.truncate(self.rows * width);
        Ok(values)
    }
}

/// Rows as a whole block, filled up with zeros.
fn in_block(rows: &[f32], width: usize, device: Device) -> Result<Tensor> {
    let mut values = Vec::with_capacity(BLOCK * width);
    values.extend_from_slice(rows);
    values.resize(BLOCK * width, 0.0);
    Ok(Tensor::f_from_slice(&values)?.f_reshape([BLOCK as i64, width as i64])?.f_to_device(device)?)
}

fn to_host(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(Vec::<f32>::try_from(tensor.f_contiguous()?.f_reshape([-1])?)?)
}
