//! What a batch is made of, and the gradients of a part of one: plays here, whole sessions in [`super::sessions`].

use std::ops::Range;

use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use super::play_weights::PlayWeights;
use super::readout::Readout;
use super::response_model::push_play;
use super::{ContextualModel, HEADS, ResponseModel, Rows, TrackTable};
use crate::Result;
use crate::network::Dropout;
use crate::prepared::Examples;

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

/// What a model learns from.
#[derive(Clone, Copy)]
pub(super) struct Lessons<'a> {
    pub(super) examples: &'a Examples,
    pub(super) table: &'a TrackTable<'a>,
    pub(super) weights: PlayWeights,
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

    /// Its dense layers, and what stands around them.
    fn readout(&mut self) -> &mut Readout;

    /// Another handle on the same network.
    fn handle(&self) -> Self;

    /// Gradients of the weighted loss summed over `items` and their heads, divided by `divisor`.
    fn gradients(
        &self,
        parameters: &[Tensor],
        items: &[usize],
        divisor: f64,
        lessons: &Lessons<'_>,
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

    fn readout(&mut self) -> &mut Readout {
        &mut self.readout
    }

    fn handle(&self) -> Self {
        self.shallow_clone()
    }

    fn gradients(
        &self,
        parameters: &[Tensor],
        items: &[usize],
        divisor: f64,
        lessons: &Lessons<'_>,
        dropout: &mut Dropout,
    ) -> Result<Vec<Tensor>> {
        let (mut rows, mut labels) = (Rows::default(), Labels::default());
        for &play in items {
            push_play(lessons.examples, lessons.table, play, &[], &mut rows);
            labels.push(lessons, play);
        }
        let (features, positions) = rows.tensors(0..rows.len(), self.device())?;
        let loss = labels.loss(&self.logits(&features, &positions, dropout)?, divisor)?;
        Ok(Tensor::f_run_backward(&[loss], parameters, false, false)?)
    }
}

/// What was observed, beside a row of logits each.
#[derive(Default)]
pub(super) struct Labels {
    targets: Vec<f32>,
    /// 0 where unknown.
    weights: Vec<f32>,
}

impl Labels {
    pub(super) fn push(&mut self, lessons: &Lessons<'_>, play: usize) {
        let weight = lessons.weights.of(lessons.examples, play);
        for label in lessons.examples.labels(play) {
            self.targets.push(if label == Some(true) { 1.0 } else { 0.0 });
            self.weights.push(if label.is_some() { weight } else { 0.0 });
        }
    }

    /// A row that counts for nothing.
    pub(super) fn push_none(&mut self) {
        self.targets.extend([0.0; HEADS.len()]);
        self.weights.extend([0.0; HEADS.len()]);
    }

    /// Binary cross-entropy of the known responses, weighted, summed and divided.
    pub(super) fn loss(&self, logits: &Tensor, divisor: f64) -> Result<Tensor> {
        let device: Device = logits.device();
        let labels = |values: &[f32]| -> Result<Tensor> {
            Ok(Tensor::f_from_slice(values)?.f_reshape([-1, HEADS.len() as i64])?.f_to_device(device)?)
        };
        let loss = logits.f_binary_cross_entropy_with_logits(
            &labels(&self.targets)?,
            Some(&labels(&self.weights)?),
            None::<&Tensor>,
            tch::Reduction::Sum,
        )?;
        Ok(loss.f_div_scalar(divisor)?)
    }
}
