//! A user model p(y_t | y_<t, i_<=t, u, c) that attends to the plays of the session so far: a Transformer (Vaswani et al.,
//! NIPS 2017) in place of SWM's LSTM layers. Tomasi et al. (KDD 2023) name it as future work.
//!
//! A play attends to itself and to the `window` plays before it. Keys and values of these are the session's memory, so a step
//! costs the same at any place of the session.

use std::path::Path;

use tch::{Device, Kind, Tensor};

use super::readout::{Readout, check_inputs, hidden_widths, saved_sizes, sizes};
use super::sessions::{SessionNetwork, alternatives_in_blocks, play_in_blocks};
use super::{Predictions, ResponseModel, Rows, TransformerSettings};
use crate::network::{Dense, Dropout, LayerNorm, Parameters};
use crate::tensors::{SavedTensor, TensorFile, save_tensors};
use crate::{ModelError, Result};

const FILE: &str = "transformer_model.safetensors";

/// Added to what may not be attended to, before the softmax.
const HIDDEN: f64 = -1e9;

/// The network.
pub struct TransformerModel {
    readout: Readout,
    shape: TransformerShape,
    embedding: Dense,
    blocks: Vec<Block>,
    last_norm: LayerNorm,
}

/// Sizes of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransformerShape {
    /// Width of a play's vector.
    pub width: usize,
    /// Attention heads, which share the width.
    pub attention_heads: usize,
    /// Blocks of attention and dense layers.
    pub layers: usize,
    /// Plays before the present one that are attended to.
    pub window: usize,
    /// Widths of the dense layers over the last block and the play.
    pub hidden: Vec<usize>,
}

/// Attention and a dense layer of four times the width, each added to what goes in, which is normalised before ("pre-LN", Xiong
/// et al., ICML 2020).
struct Block {
    attention_norm: LayerNorm,
    queries: Dense,
    keys_values: Dense,
    attended: Dense,
    dense_norm: LayerNorm,
    widening: Dense,
    narrowing: Dense,
}

impl Block {
    fn new(parameters: &mut Parameters, name: &str, width: usize) -> Result<Self> {
        let mut dense =
            |part: &str, inputs, outputs| Dense::new(parameters, &format!("{name}.{part}"), inputs, outputs);
        let (queries, keys_values) = (dense("queries", width, width)?, dense("keys_values", width, 2 * width)?);
        let attended = dense("attended", width, width)?;
        let (widening, narrowing) = (dense("widening", width, 4 * width)?, dense("narrowing", 4 * width, width)?);
        let attention_norm = LayerNorm::new(parameters, &format!("{name}.attention_norm"), width)?;
        let dense_norm = LayerNorm::new(parameters, &format!("{name}.dense_norm"), width)?;
        Ok(Self { attention_norm, queries, keys_values, attended, dense_norm, widening, narrowing })
    }

    fn shallow_clone(&self) -> Self {
        Self {
            attention_norm: self.attention_norm.shallow_clone(),
            queries: self.queries.shallow_clone(),
            keys_values: self.keys_values.shallow_clone(),
            attended: self.attended.shallow_clone(),
            dense_norm: self.dense_norm.shallow_clone(),
            widening: self.widening.shallow_clone(),
            narrowing: self.narrowing.shallow_clone(),
        }
    }

    /// Plays `[rows, steps, width]` and the keys and values before them, `[rows, window, 2 width]`, to what the block makes of
    /// the plays, and the keys and values of the last `window` plays. `hidden` `[rows, 1, steps, window + steps]` is added to
    /// the scores.
    fn forward(
        &self,
        plays: &Tensor,
        before: &Tensor,
        hidden: &Tensor,
        attention_heads: usize,
        dropout: &mut Dropout,
    ) -> Result<(Tensor, Tensor)> {
        let normed = self.attention_norm.forward(plays)?;
        let seen = Tensor::f_cat(&[before, &self.keys_values.forward(&normed)?], 1)?;
        let (rows, steps, width) = plays.size3()?;
        let heads = attention_heads as i64;
        // [rows, places, width] to [rows, heads, places, width / heads].
        let apart =
            |x: &Tensor| -> Result<Tensor> { Ok(x.f_reshape([rows, -1, heads, width / heads])?.f_transpose(1, 2)?) };
        let keys = apart(&seen.f_narrow(2, 0, width)?.f_contiguous()?)?;
        let values = apart(&seen.f_narrow(2, width, width)?.f_contiguous()?)?;
        let queries = apart(&self.queries.forward(&normed)?)?;
        let scale = ((width / heads) as f64).sqrt();
        let scores = queries.f_matmul(&keys.f_transpose(2, 3)?)?.f_div_scalar(scale)?.f_add(hidden)?;
        let found = scores.f_softmax(-1, Kind::Float)?.f_matmul(&values)?;
        let found = found.f_transpose(1, 2)?.f_reshape([rows, steps, width])?;
        let plays = plays.f_add(&dropout.hidden(&self.attended.forward(&found)?)?)?;
        let wide = self.widening.forward(&self.dense_norm.forward(&plays)?)?.f_relu_()?;
        let plays = plays.f_add(&dropout.hidden(&self.narrowing.forward(&wide)?)?)?;
        Ok((plays, seen.f_narrow(1, steps, before.size()[1])?))
    }
}

impl TransformerModel {
    /// A new network for rows of `inputs` features, and its parameters.
    pub fn new(shape: &TransformerShape, inputs: usize, seed: u64, device: Device) -> Result<(Self, Parameters)> {
        let mut parameters = Parameters::new(seed, device).with_small_weights();
        let embedding = Dense::new(&mut parameters, "embedding", inputs, shape.width)?;
        let blocks = (0..shape.layers)
            .map(|number| Block::new(&mut parameters, &format!("block{number}"), shape.width))
            .collect::<Result<_>>()?;
        let last_norm = LayerNorm::new(&mut parameters, "last_norm", shape.width)?;
        let readout = Readout::new(&mut parameters, inputs, shape.width, &shape.hidden)?;
        Ok((Self { readout, shape: shape.clone(), embedding, blocks, last_norm }, parameters))
    }

    /// Another handle on the same network, for use on another thread.
    pub fn shallow_clone(&self) -> Self {
        Self {
            readout: self.readout.shallow_clone(),
            shape: self.shape.clone(),
            embedding: self.embedding.shallow_clone(),
            blocks: self.blocks.iter().map(Block::shallow_clone).collect(),
            last_norm: self.last_norm.shallow_clone(),
        }
    }

    /// What is added to the scores of `steps` plays after `counts` `[rows, 1]` plays of each session: nothing where the play may
    /// be attended to. Places 0 to window - 1 are those before, the latest last.
    fn hidden(&self, counts: &Tensor, steps: i64) -> Result<Tensor> {
        let window = self.shape.window as i64;
        let places = Tensor::f_arange(window + steps, (Kind::Float, self.device()))?;
        let queries = Tensor::f_arange(steps, (Kind::Float, self.device()))?.f_unsqueeze(1)?;
        // A play at step q stands at place window + q; it sees that place and the window places before it.
        let later = places.f_gt_tensor(&queries.f_add_scalar(window)?)?;
        let too_early = places.f_lt_tensor(&queries)?;
        let never = places.f_lt_tensor(&counts.f_mul_scalar(-1)?.f_add_scalar(window)?)?;
        let hidden = later.f_logical_or(&too_early)?.f_unsqueeze(0)?.f_logical_or(&never.f_unsqueeze(1)?)?;
        Ok(hidden.f_to_kind(Kind::Float)?.f_mul_scalar(HIDDEN)?.f_unsqueeze(1)?)
    }

    /// Sines and cosines of the places `[rows, steps]` (Vaswani et al., section 3.5), `[rows, steps, width]`.
    fn places(&self, counts: &Tensor, steps: i64) -> Result<Tensor> {
        let half = (self.shape.width / 2) as i64;
        let places = counts.f_add(&Tensor::f_arange(steps, (Kind::Float, self.device()))?)?.f_unsqueeze(2)?;
        let exponents = Tensor::f_arange(half, (Kind::Float, self.device()))?.f_div_scalar(half as f64)?;
        let angles = places.f_mul(&exponents.f_mul_scalar(-10000f64.ln())?.f_exp()?)?;
        Ok(Tensor::f_cat(&[angles.f_sin()?, angles.f_cos()?], 2)?)
    }

    /// Writes the network into a folder.
    pub fn save(&self, parameters: &Parameters, folder: &Path) -> Result<()> {
        let TransformerShape { width, attention_heads, layers, window, .. } = self.shape;
        let mut tensors = parameters.saved("parameters.")?;
        tensors.push(("inputs".into(), SavedTensor::number(self.readout.inputs as u32)));
        tensors.push(("sizes".into(), saved_sizes(&[width, attention_heads, layers, window])));
        tensors.extend(self.readout.saved()?);
        save_tensors(&folder.join(FILE), &tensors)
    }

    /// Reads what [`Self::save`] wrote, for rows of `inputs` features.
    pub fn load(folder: &Path, inputs: usize, device: Device) -> Result<Self> {
        let path = folder.join(FILE);
        let file = TensorFile::open(&path)?;
        check_inputs(&file, &path, inputs)?;
        let found = sizes(&file, "sizes")?;
        let &[width, attention_heads, layers, window] = found.as_slice() else {
            return Err(ModelError::bad_file(&path, format!("has {} sizes where there are four", found.len())));
        };
        let shape = TransformerShape { width, attention_heads, layers, window, hidden: hidden_widths(&file)? };
        let (mut model, mut parameters) = Self::new(&shape, inputs, 0, device)?;
        parameters.load(&file, "parameters.")?;
        model.readout.load(&file, &path)?;
        Ok(model)
    }
}

impl From<&TransformerSettings> for TransformerShape {
    fn from(settings: &TransformerSettings) -> Self {
        Self {
            width: settings.width,
            attention_heads: settings.attention_heads,
            layers: settings.layers,
            window: settings.window,
            hidden: settings.hidden.clone(),
        }
    }
}

impl SessionNetwork for TransformerModel {
    fn readout(&self) -> &Readout {
        &self.readout
    }

    fn readout_mut(&mut self) -> &mut Readout {
        &mut self.readout
    }

    /// The number of plays, then per block the keys and values of the last `window`.
    fn memory_numbers(&self) -> usize {
        1 + self.shape.layers * self.shape.window * 2 * self.shape.width
    }

    fn logits(&self, plays: &Tensor, memory: &Tensor, dropout: &mut Dropout) -> Result<(Tensor, Tensor)> {
        let (steps, rows) = (plays.size()[0], plays.size()[1]);
        let (window, width) = (self.shape.window as i64, self.shape.width as i64);
        let plays = self.readout.scaled(plays, dropout)?;
        let counts = memory.f_narrow(1, 0, 1)?;
        let hidden = self.hidden(&counts, steps)?;
        let mut seen = self.embedding.forward(&plays)?.f_transpose(0, 1)?.f_add(&self.places(&counts, steps)?)?;
        let mut after = vec![counts.f_add_scalar(steps)?];
        for (number, block) in self.blocks.iter().enumerate() {
            let length = window * 2 * width;
            let before =
                memory.f_narrow(1, 1 + number as i64 * length, length)?.f_reshape([rows, window, 2 * width])?;
            let (above, kept) = block.forward(&seen, &before, &hidden, self.shape.attention_heads, dropout)?;
            seen = above;
            after.push(kept.f_reshape([rows, length])?);
        }
        let seen = self.last_norm.forward(&seen)?.f_transpose(0, 1)?;
        Ok((self.readout.logits_beside(&plays, &seen, dropout)?, Tensor::f_cat(&after, 1)?))
    }

    fn handle(&self) -> Self {
        self.shallow_clone()
    }
}

impl ResponseModel for TransformerModel {
    fn sees_session(&self) -> bool {
        true
    }

    fn memory_length(&self) -> usize {
        self.memory_numbers()
    }

    fn play(&self, rows: &Rows, memories: &mut [f32], predictions: &mut Vec<Predictions>) -> Result<()> {
        play_in_blocks(self, rows, memories, predictions)
    }

    fn candidates(&self, rows: &Rows, memory: &[f32], predictions: &mut Vec<Predictions>) -> Result<()> {
        alternatives_in_blocks(self, rows, memory, predictions)
    }

    fn another(&self) -> Box<dyn ResponseModel> {
        Box::new(self.shallow_clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Calibration;
    use super::super::sessions::{BLOCK_ROWS, no_memory};
    use super::*;
    use crate::test_values::{assert_near, fill, filled, values};

    fn shape() -> TransformerShape {
        TransformerShape { width: 4, attention_heads: 2, layers: 1, window: 2, hidden: vec![3] }
    }

    /// The numbers are PyTorch's:
    /// ```python
    /// import torch
    /// from torch import nn
    /// from torch.nn import functional as F
    /// def fill(shape, start):
    ///     n = torch.Size(shape).numel()
    ///     return (torch.sin(torch.arange(n, dtype=torch.float64) * .7 + start)).float().reshape(shape) * .5
    /// D, W, H, window, T = 6, 4, 2, 2, 5
    /// embedding = nn.Linear(D, W)
    /// q, kv, o = nn.Linear(W, W), nn.Linear(W, 2 * W), nn.Linear(W, W)
    /// wide, narrow, dense, heads = nn.Linear(W, 4 * W), nn.Linear(4 * W, W), nn.Linear(D + W, 3), nn.Linear(3, 4)
    /// n1, n2, n3 = nn.LayerNorm(W), nn.LayerNorm(W), nn.LayerNorm(W)
    /// parameters = [p for m in (embedding, q, kv, o, wide, narrow, n1, n2, n3, dense, heads) for p in m.parameters()]
    /// with torch.no_grad():
    ///     for place, p in enumerate(parameters): p.copy_(fill(p.shape, place))
    /// x = fill((T, 2, D), 9.).transpose(0, 1)
    /// steps = torch.exp(-torch.log(torch.tensor(10000.)) * torch.arange(W // 2) / (W // 2))
    /// angles = torch.arange(T).float()[:, None] * steps
    /// h = embedding(x) + torch.cat([angles.sin(), angles.cos()], 1)
    /// split = lambda z: z.reshape(2, T, H, W // H).transpose(1, 2)
    /// k, v = kv(n1(h)).chunk(2, -1)
    /// t = torch.arange(T)
    /// seen = (t[None] <= t[:, None]) & (t[None] >= t[:, None] - window)
    /// a = F.scaled_dot_product_attention(split(q(n1(h))), split(k), split(v), attn_mask=seen)
    /// h = h + o(a.transpose(1, 2).reshape(2, T, W))
    /// h = h + narrow(torch.relu(wide(n2(h))))
    /// logits = heads(torch.relu(dense(torch.cat([x, n3(h)], -1)))).transpose(0, 1)
    /// y = (fill((T, 2, 4), 3.) > 0).float()
    /// F.binary_cross_entropy_with_logits(logits, y, reduction="sum").backward()
    /// print(logits[-1].flatten().tolist(), [p.grad.square().sum().item() for p in parameters])
    /// ```
    #[test]
    fn agrees_with_pytorch() {
        let (model, mut parameters) = TransformerModel::new(&shape(), 6, 0, Device::Cpu).unwrap();
        fill(&mut parameters);
        let (plays, memory) = (filled(&[5, 2, 6], 9.0), no_memory(&model, 2).unwrap());
        let (logits, _) = model.logits(&plays, &memory, &mut Dropout::none()).unwrap();
        assert_near(
            &values(&logits.select(0, 4)),
            &[1.565984, -0.595638, -0.600106, 0.696788, 0.829227, -0.360242, -0.101026, -0.042524],
        );
        let targets = filled(&[5, 2, 4], 3.0).gt(0.0).to_kind(Kind::Float);
        let loss =
            logits.binary_cross_entropy_with_logits(&targets, None::<&Tensor>, None::<&Tensor>, tch::Reduction::Sum);
        let tensors: Vec<&Tensor> = parameters.tensors().collect();
        let gradients = Tensor::run_backward(&[loss], &tensors, false, false);
        let squares: Vec<f64> =
            gradients.iter().map(|gradient| gradient.square().sum(Kind::Double).double_value(&[])).collect();
        assert_near(
            &squares,
            &[
                0.118845, 0.231777, 1e-05, 2.2e-05, 0.119483, 0.123865, 0.171051, 0.271387, 0.23948, 0.349137,
                0.550678, 0.211579, 0.003197, 0.018915, 0.044341, 0.264918, 2.914336, 6.527321, 6.492669, 5.97829,
                22.149231, 6.426512,
            ],
        );
    }

    fn rows(count: usize, start: f32) -> Rows {
        let mut rows = Rows::default();
        for row in 0..count {
            let features: Vec<f32> = (0..6).map(|k| (start + (row * 6 + k) as f32 * 0.7).sin()).collect();
            rows.push(&features, &[], &[], &[], 0);
        }
        rows
    }

    /// Sessions that began at different times side by side, each step after the other, against one run over each session; more
    /// steps than the window.
    #[test]
    fn carried_memories_give_what_one_run_gives() {
        let shape = TransformerShape { layers: 2, window: 3, ..shape() };
        let (mut model, parameters) = TransformerModel::new(&shape, 6, 1, Device::Cpu).unwrap();
        model.readout.calibrations = [0.5, 1.0, 2.0, 1.5].map(|slope| Calibration { slope, offset: 0.1 * slope });
        let (sessions, length) = (BLOCK_ROWS + 7, model.memory_length());
        let (mut memories, mut found) = (vec![0.0; sessions * length], Vec::new());
        let begins = |session: usize| session % 3;
        for step in 0..8 {
            for session in (0..sessions).filter(|&session| begins(session) == step) {
                memories[session * length..][..length].fill(0.0);
            }
            let mut predictions = Vec::new();
            model.play(&rows(sessions, step as f32), &mut memories, &mut predictions).unwrap();
            found.push(predictions);
        }
        for session in [0, 1, 2, BLOCK_ROWS, sessions - 1] {
            let first = begins(session);
            let features: Vec<f32> = (first..8)
                .flat_map(|step| rows(sessions, step as f32).features(session..session + 1).to_vec())
                .collect();
            let plays = Tensor::from_slice(&features).reshape([8 - first as i64, 1, 6]);
            let (logits, _) = model.logits(&plays, &no_memory(&model, 1).unwrap(), &mut Dropout::none()).unwrap();
            for (step, expected) in values(&logits).chunks(4).enumerate() {
                for head in 0..4 {
                    let expected = model.readout.calibrations[head].probability(expected[head] as f32);
                    assert!((found[first + step][session][head] - expected).abs() < 1e-5);
                }
            }
        }
        let candidates = rows(BLOCK_ROWS + 9, 4.0);
        let (memory, mut asked) = (&memories[..length], Vec::new());
        model.candidates(&candidates, memory, &mut asked).unwrap();
        for (candidate, asked) in asked.iter().enumerate() {
            let mut row = Rows::default();
            row.push(candidates.features(candidate..candidate + 1), &[], &[], &[], 0);
            let mut played = Vec::new();
            model.play(&row, &mut memory.to_vec(), &mut played).unwrap();
            assert!(asked.iter().zip(played[0]).all(|(a, b)| (a - b).abs() < 1e-6));
        }
        let folder = tempfile::tempdir().unwrap();
        model.save(&parameters, folder.path()).unwrap();
        let (loaded, mut again) = (TransformerModel::load(folder.path(), 6, Device::Cpu).unwrap(), Vec::new());
        loaded.candidates(&candidates, memory, &mut again).unwrap();
        assert_eq!(again, asked);
        let message = TransformerModel::load(folder.path(), 7, Device::Cpu).err().unwrap().to_string();
        assert!(message.contains("features"), "{message}");
    }
}
