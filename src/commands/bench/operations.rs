//! Floating-point operations of the networks as they are laid out here: a multiplication and an addition per weight and row.

use listening_models::user_response::{HEADS, TransformerShape};

/// Dense layers of these widths, from input to output.
pub fn dense(widths: &[usize]) -> f64 {
    widths.windows(2).map(|pair| 2.0 * (pair[0] * pair[1]) as f64).sum()
}

/// Dense layers over `inputs` numbers with the heads above.
fn heads(inputs: usize, hidden: &[usize]) -> f64 {
    dense(&[&[inputs], hidden, &[HEADS.len()]].concat())
}

/// A play answered by CWM.
pub fn cwm(inputs: usize, hidden: &[usize]) -> f64 {
    heads(inputs, hidden)
}

/// A play answered by SWM: four gates per unit, of the input and of the state.
pub fn swm(inputs: usize, lstm: &[usize], hidden: &[usize]) -> f64 {
    let mut width = inputs;
    let mut gates = 0.0;
    for &units in lstm {
        gates += 2.0 * (4 * units * (width + units)) as f64;
        width = units;
    }
    gates + heads(inputs + width, hidden)
}

/// A play answered by the Transformer with a full window.
pub fn transformer(inputs: usize, shape: &TransformerShape) -> f64 {
    let width = shape.width;
    let projections = dense(&[width, width]) + dense(&[width, 2 * width]) + dense(&[width, width]);
    let attention = 2.0 * dense(&[shape.window + 1, width]);
    let block = projections + attention + dense(&[width, 4 * width, width]);
    dense(&[inputs, width]) + shape.layers as f64 * block + heads(inputs + width, &shape.hidden)
}

/// Sizes of Q(state, track).
#[derive(Clone, Debug)]
pub struct AgentSizes {
    /// State features.
    pub state: usize,
    /// Track features.
    pub track: usize,
    /// Candidate features.
    pub candidate: usize,
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Numbers that the network gives per candidate.
    pub outputs: usize,
}

impl AgentSizes {
    fn first(&self) -> usize {
        self.hidden.first().copied().unwrap_or(1)
    }

    /// Above the first layer, up to so many outputs.
    fn above(&self, outputs: usize) -> f64 {
        dense(&[&self.hidden[..], &[outputs]].concat())
    }

    /// A choice among `candidates`: the state's part of the first layer once, the tracks' part not at all, as it is kept while the
    /// weights stay. Q is the mean of the quantiles, for which one output is enough.
    pub fn choice(&self, candidates: f64) -> f64 {
        let of_state = dense(&[self.state, self.first()]);
        of_state + candidates * (dense(&[self.candidate, self.first()]) + self.above(1))
    }

    /// The tracks' part of the first layer for `rows` candidates with new weights: of each, or of the whole catalog where that has
    /// fewer tracks.
    pub fn tracks(&self, rows: f64, catalog: usize) -> f64 {
        rows.min(catalog as f64) * dense(&[self.track, self.first()])
    }

    /// A transition of a gradient step, but for the tracks' part of its candidates: the best of the `candidates` that are left, its value by the target network, and the
    /// played one forward and backward: twice as much, but for the first layer, whose inputs need no gradient. Dueling is not counted.
    pub fn transition(&self, candidates: f64) -> f64 {
        let first = dense(&[self.state + self.track + self.candidate, self.first()]);
        let above = self.above(self.outputs);
        self.choice(candidates) + (first + above) + (2.0 * first + 3.0 * above)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_those_counted_by_hand() {
        assert_eq!(cwm(10, &[5, 3]), 2.0 * (50 + 15 + 12) as f64);
        // Gates of 3 units over 10 and 3 numbers, of 2 over 3 and 2; heads over 10 + 2.
        assert_eq!(swm(10, &[3, 2], &[]), 2.0 * (12 * 13 + 8 * 5 + 12 * 4) as f64);
        let shape = TransformerShape { width: 4, attention_heads: 2, layers: 2, window: 3, hidden: vec![5] };
        // Queries, keys and values, output: 16 + 32 + 16; four places of 4 numbers twice; 16 wide and back.
        let block = 64 + 2 * 16 + 128;
        assert_eq!(transformer(10, &shape), 2.0 * (40 + 2 * block + 14 * 5 + 5 * 4) as f64);
        let agent = AgentSizes { state: 7, track: 5, candidate: 3, hidden: vec![4, 2], outputs: 3 };
        assert_eq!(agent.choice(6.0), 2.0 * (28 + 6 * (12 + 8 + 2)) as f64);
        assert_eq!((agent.tracks(100.0, 30), agent.tracks(20.0, 30)), (2.0 * (30 * 20) as f64, 2.0 * (20 * 20) as f64));
        assert_eq!(agent.transition(6.0), agent.choice(6.0) + 2.0 * (3 * 15 * 4 + 4 * (8 + 6)) as f64);
    }
}
