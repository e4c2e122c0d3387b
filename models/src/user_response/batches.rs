//! What a batch is made of: plays for CWM, whole sessions for SWM; and the gradients of a part of one.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use super::calibration::Calibrations;
use super::response_model::{Walk, push_play};
use super::standardization::Standardization;
use super::{ContextualModel, HEADS, ResponseModel, Rows, SequentialModel, TrackTable};
use crate::Result;
use crate::network::{Dropout, with_gradients};
use crate::prepared::Examples;

/// Steps of a session that are differentiated through at once; longer sessions go on with the memory alone.
const MOST_STEPS: usize = 50;

/// Whose plays a model is trained on. Halves are drawn by number, so that each is like the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserShare {
    /// Everybody's.
    #[default]
    All,
    /// Those of users of even number.
    Even,
    /// Those of users of odd number.
    Odd,
}

impl UserShare {
    /// The users that are not among them, where there are any.
    pub fn others(self) -> Option<Self> {
        match self {
            Self::All => None,
            Self::Even => Some(Self::Odd),
            Self::Odd => Some(Self::Even),
        }
    }

    /// Whether a user is among them.
    pub fn holds(self, user: u32) -> bool {
        match self {
            Self::All => true,
            Self::Even => user.is_multiple_of(2),
            Self::Odd => !user.is_multiple_of(2),
        }
    }
}

/// A model that is trained batch by batch.
pub(super) trait TrainableModel: ResponseModel + Sized {
    /// The word for what it is trained on.
    const ITEMS: &'static str;

    /// How many of them there are.
    fn items(examples: &Examples) -> usize;

    /// The plays of one, in order.
    fn plays(examples: &Examples, item: usize) -> Range<usize>;

    /// Brings a batch into order. Batches are not made of items that are alike: each would pull the weights its own way.
    fn arrange(examples: &Examples, batch: &mut [usize]);

    /// The scale of the inputs.
    fn standardization(&mut self) -> &mut Standardization;

    /// The calibrations of the heads.
    fn calibrations(&mut self) -> &mut Calibrations;

    /// Another handle on the same network.
    fn handle(&self) -> Self;

    /// Gradients of the loss summed over `items` and their heads, divided by `divisor`.
    fn gradients(
        &self,
        parameters: &[Tensor],
        items: &[usize],
        divisor: f64,
        examples: &Examples,
        table: &TrackTable<'_>,
        dropout: &mut Dropout,
    ) -> Result<Vec<Tensor>>;
}

impl TrainableModel for ContextualModel {
    const ITEMS: &'static str = "plays";

    fn items(examples: &Examples) -> usize {
        examples.len()
    }

    fn plays(_examples: &Examples, item: usize) -> Range<usize> {
        item..item + 1
    }

    fn arrange(_examples: &Examples, _batch: &mut [usize]) {}

    fn standardization(&mut self) -> &mut Standardization {
        &mut self.standardization
    }

    fn calibrations(&mut self) -> &mut Calibrations {
        &mut self.calibrations
    }

    fn handle(&self) -> Self {
        self.shallow_clone()
    }

    fn gradients(
        &self,
        parameters: &[Tensor],
        items: &[usize],
        divisor: f64,
        examples: &Examples,
        table: &TrackTable<'_>,
        dropout: &mut Dropout,
    ) -> Result<Vec<Tensor>> {
        let (mut rows, mut labels) = (Rows::default(), Labels::default());
        for &play in items {
            push_play(examples, table, play, &[], &mut rows);
            labels.push(examples, play);
        }
        let (features, positions) = rows.tensors(0..rows.len(), self.device())?;
        let loss = labels.loss(&self.logits(&features, &positions, dropout)?, divisor)?;
        Ok(Tensor::f_run_backward(&[loss], parameters, false, false)?)
    }
}

impl TrainableModel for SequentialModel {
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

    fn standardization(&mut self) -> &mut Standardization {
        &mut self.standardization
    }

    fn calibrations(&mut self) -> &mut Calibrations {
        &mut self.calibrations
    }

    fn handle(&self) -> Self {
        self.shallow_clone()
    }

    fn gradients(
        &self,
        parameters: &[Tensor],
        items: &[usize],
        divisor: f64,
        examples: &Examples,
        table: &TrackTable<'_>,
        dropout: &mut Dropout,
    ) -> Result<Vec<Tensor>> {
        let sessions: Vec<_> = items.iter().map(|&session| examples.plays(session)).collect();
        let longest = sessions.iter().map(|plays| plays.len()).max().unwrap_or(0);
        let mut walks: Vec<Walk> = Vec::new();
        walks.resize_with(sessions.len(), Walk::default);
        let mut memory = self.no_memory(sessions.len())?;
        let mut sum: Vec<Tensor> = Vec::new();
        for start in (0..longest).step_by(MOST_STEPS) {
            let steps = MOST_STEPS.min(longest - start);
            let width = self.inputs();
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
                labels.push(examples, play);
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

/// What was observed, beside a row of logits each.
#[derive(Default)]
struct Labels {
    targets: Vec<f32>,
    known: Vec<f32>,
}

impl Labels {
    fn push(&mut self, examples: &Examples, play: usize) {
        for label in examples.labels(play) {
            self.targets.push(if label == Some(true) { 1.0 } else { 0.0 });
            self.known.push(if label.is_some() { 1.0 } else { 0.0 });
        }
    }

    /// A row that counts for nothing.
    fn push_none(&mut self) {
        self.targets.extend([0.0; HEADS.len()]);
        self.known.extend([0.0; HEADS.len()]);
    }

    /// Binary cross-entropy of the known responses, summed and divided.
    fn loss(&self, logits: &Tensor, divisor: f64) -> Result<Tensor> {
        let device: Device = logits.device();
        let labels = |values: &[f32]| -> Result<Tensor> {
            Ok(Tensor::f_from_slice(values)?.f_reshape([-1, HEADS.len() as i64])?.f_to_device(device)?)
        };
        let loss = logits.f_binary_cross_entropy_with_logits(
            &labels(&self.targets)?,
            Some(&labels(&self.known)?),
            None::<&Tensor>,
            tch::Reduction::Sum,
        )?;
        Ok(loss.f_div_scalar(divisor)?)
    }
}
