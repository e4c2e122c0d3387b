//! Networks that go through whole sessions with a memory: what a batch of sessions is, and how they answer play by play.

use std::ops::Range;

use tch::{Device, Kind, Tensor};

use super::batches::{Labels, Lessons, TrainableModel};
use super::readout::Readout;
use super::response_model::Walk;
use super::{HEADS, Predictions, ResponseModel, Rows};
use crate::Result;
use crate::network::{Dropout, with_gradients};
use crate::prepared::Examples;

/// Steps of a session that are differentiated through at once; longer sessions go on with the memory alone.
const MOST_STEPS: usize = 50;

/// Sessions that take a step together.
pub(super) const BLOCK_ROWS: usize = 64;

/// A network over the plays of sessions.
pub(super) trait SessionNetwork: Sized {
    /// Its dense layers, and what stands around them.
    fn readout(&self) -> &Readout;

    /// The same, to change.
    fn readout_mut(&mut self) -> &mut Readout;

    /// The device it runs on.
    fn device(&self) -> Device {
        self.readout().device
    }

    /// Numbers of memory per session; zeros for one that has just begun.
    fn memory_numbers(&self) -> usize;

    /// Uncalibrated logits `[steps, rows, 4]` of plays `[steps, rows, inputs]` after a memory `[rows, memory_numbers]`, and the
    /// memory after them.
    fn logits(&self, plays: &Tensor, memory: &Tensor, dropout: &mut Dropout) -> Result<(Tensor, Tensor)>;

    /// Another handle on the same network.
    fn handle(&self) -> Self;
}

/// Memory of `rows` sessions that have just begun.
pub(super) fn no_memory(network: &impl SessionNetwork, rows: usize) -> Result<Tensor> {
    let shape = [rows as i64, network.memory_numbers() as i64];
    Ok(Tensor::f_zeros(shape, (Kind::Float, network.device()))?)
}

/// [`ResponseModel::play`] by a network.
pub(super) fn play_in_blocks(
    network: &impl SessionNetwork,
    rows: &Rows,
    memories: &mut [f32],
    predictions: &mut Vec<Predictions>,
) -> Result<()> {
    let length = network.memory_numbers();
    tch::no_grad(|| {
        for (block, memories) in memories.chunks_mut(BLOCK_ROWS * length).enumerate() {
            let start = block * BLOCK_ROWS;
            let count = memories.len() / length;
            let (plays, _) = rows.tensors(start..start + count, network.device())?;
            let memory = Tensor::f_from_slice(memories)?.f_reshape([count as i64, length as i64])?;
            let memory = memory.f_to_device(network.device())?;
            let (logits, after) = network.logits(&plays.f_unsqueeze(0)?, &memory, &mut Dropout::none())?;
            network.readout().append(&logits, predictions)?;
            after.f_reshape([-1])?.f_to_device(Device::Cpu)?.f_copy_data(memories, memories.len())?;
        }
        Ok(())
    })
}

/// [`ResponseModel::candidates`] by a network: as if each row were played after the same memory.
pub(super) fn alternatives_in_blocks(
    network: &impl SessionNetwork,
    rows: &Rows,
    memory: &[f32],
    predictions: &mut Vec<Predictions>,
) -> Result<()> {
    tch::no_grad(|| {
        let memory = Tensor::f_from_slice(memory)?.f_unsqueeze(0)?.f_to_device(network.device())?;
        for start in (0..rows.len()).step_by(BLOCK_ROWS) {
            let (plays, _) = rows.tensors(start..rows.len().min(start + BLOCK_ROWS), network.device())?;
            let memories = memory.f_expand([plays.size()[0], -1], false)?;
            let (logits, _) = network.logits(&plays.f_unsqueeze(0)?, &memories, &mut Dropout::none())?;
            network.readout().append(&logits, predictions)?;
        }
        Ok(())
    })
}

impl<N: SessionNetwork + ResponseModel> TrainableModel for N {
    const ITEMS: &'static str = "sessions";

    fn items(examples: &Examples) -> usize {
        examples.sessions()
    }

    fn plays(examples: &Examples, item: usize) -> Range<usize> {
        examples.plays(item)
    }

    /// Sessions of like length side by side: few steps of a shard are empty.
    fn arrange(examples: &Examples, batch: &mut [usize]) {
        batch.sort_by_key(|&session| std::cmp::Reverse(examples.plays(session).len()));
    }

    fn readout(&mut self) -> &mut Readout {
        self.readout_mut()
    }

    fn handle(&self) -> Self {
        SessionNetwork::handle(self)
    }

    fn gradients(
        &self,
        parameters: &[Tensor],
        items: &[usize],
        divisor: f64,
        lessons: &Lessons<'_>,
        dropout: &mut Dropout,
    ) -> Result<Vec<Tensor>> {
        let (examples, table) = (lessons.examples, lessons.table);
        let sessions: Vec<_> = items.iter().map(|&session| examples.plays(session)).collect();
        let longest = sessions.iter().map(|plays| plays.len()).max().unwrap_or(0);
        let mut walks: Vec<Walk> = Vec::new();
        walks.resize_with(sessions.len(), Walk::default);
        let mut memory = no_memory(self, sessions.len())?;
        let mut sum: Vec<Tensor> = Vec::new();
        for start in (0..longest).step_by(MOST_STEPS) {
            let steps = MOST_STEPS.min(longest - start);
            let width = SessionNetwork::readout(self).inputs;
            let mut features = vec![0.0; steps * sessions.len() * width];
            let mut labels = Labels::default();
            let mut row = Rows::default();
            for (place, slot) in features.chunks_exact_mut(width).enumerate() {
                let (step, session) = (start + place / sessions.len(), place % sessions.len());
                let play = sessions[session].start + step;
                if play >= sessions[session].end {
                    labels.push_none();
                    continue;
                }
                row.clear();
                walks[session].push_row(self, examples, table, play, &mut row);
                walks[session].take_in(examples, table, play);
                slot.copy_from_slice(row.features(0..1));
                labels.push(lessons, play);
            }
            let shape = [steps as i64, sessions.len() as i64, width as i64];
            let plays = Tensor::f_from_slice(&features)?.f_reshape(shape)?.f_to_device(self.device())?;
            let (gradients, after) = with_gradients(parameters, || {
                let (logits, after) = self.logits(&plays, &memory, dropout)?;
                Ok((labels.loss(&logits.f_reshape([-1, HEADS.len() as i64])?, divisor)?, after))
            })?;
            memory = after.f_detach()?;
            sum = match sum.is_empty() {
                true => gradients,
                false => crate::shards::sum_gradients([sum, gradients])?,
            };
        }
        Ok(sum)
    }
}
