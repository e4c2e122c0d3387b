//! The changes that a stretch of the corpus asks for, computed from parameters that stand still.

use super::arithmetic::{add, add_scaled, dot, logistic, scale};
use super::parameters::{Lane, Parameters, Rows, SHARDS, row_of};
use super::sampling::{Sample, Sampler, Stretch, Target};

/// Consecutive targets that share their negative samples (Ji et al., arXiv 1604.04661): a row of negatives is then
/// fetched and changed once for all of them. Eight are faster still, but hit fewer next tracks.
const GROUP: usize = 4;

/// A pair of context and track whose score lies beyond this, on either side, changes nothing, as in gensim. So tracks that
/// go together well are not driven apart where one is drawn as a negative of the other.
const SETTLED_SCORE: f32 = 6.0;

/// The gradient of one stretch: rows of parameters, with what is to be added to each. A row may occur several times.
#[derive(Default)]
pub struct Gradient {
    sample: Sample,
    /// Input vectors of the sample's words.
    inputs: Vec<Lane>,
    group: Group,
    rows: Vec<u32>,
    /// One row of lanes per entry of `rows`: first those of the inputs, then the targets, then the negatives.
    changes: Vec<Lane>,
    /// Entries by shard, in their order; those of shard s lie in `starts[s]..starts[s + 1]`.
    by_shard: Vec<u32>,
    starts: [usize; SHARDS + 1],
    /// Sum of the losses of some of the examples, and their number.
    pub loss: (f64, u64),
}

/// Work space for one group of targets.
#[derive(Default)]
struct Group {
    negatives: Vec<u32>,
    /// Output vectors of the negatives.
    negative_rows: Vec<Lane>,
    hidden: Vec<Lane>,
    error: Vec<Lane>,
    /// Scores, then steps, of the group's targets, one per column: with their own output vector, and each negative.
    scores: Vec<Lane>,
}

impl Gradient {
    /// Computes the gradient of a stretch, times the step size `rate`.
    pub fn compute(
        &mut self,
        parameters: &Parameters,
        rows: &Rows<'_>,
        sampler: &Sampler<'_>,
        (stretch, epoch): (&Stretch, u32),
        (negatives, rate): (usize, f32),
    ) {
        sampler.draw(stretch, epoch, &mut self.sample);
        self.prepare(parameters, rows, negatives);
        let mut sample = std::mem::take(&mut self.sample);
        let mut draw = |first: &Target, words: &mut [u32]| sampler.draw_negatives(first, epoch, words);
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has these features.
            unsafe { self.compute_fused(parameters, rows, &sample, &mut draw, rate) };
        } else {
            self.compute_with::<false>(parameters, rows, &sample, &mut draw, rate);
        }
        #[cfg(not(target_arch = "x86_64"))]
        self.compute_with::<false>(parameters, rows, &sample, &mut draw, rate);
        std::mem::swap(&mut self.sample, &mut sample);
        self.sort_by_shard();
    }

    fn prepare(&mut self, parameters: &Parameters, rows: &Rows<'_>, negatives: usize) {
        let lanes = parameters.lanes();
        let Sample { words, targets } = &self.sample;
        self.inputs.clear();
        words.iter().for_each(|&word| self.inputs.extend_from_slice(rows.row(word)));
        self.rows.clear();
        self.rows.extend_from_slice(words);
        self.rows.extend(targets.iter().map(|target| parameters.output_row(words[target.place as usize])));
        self.changes.clear();
        self.changes.resize((self.rows.len() + targets.len().div_ceil(GROUP) * negatives) * lanes, [0.0; 8]);
        self.group.negatives.resize(negatives, 0);
        self.group.negative_rows.resize(negatives * lanes, [0.0; 8]);
        self.group.hidden.resize(GROUP * lanes, [0.0; 8]);
        self.group.error.resize(lanes, [0.0; 8]);
        self.group.scores.resize(1 + negatives, [0.0; 8]);
        self.loss = (0.0, 0);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn compute_fused(
        &mut self,
        parameters: &Parameters,
        rows: &Rows<'_>,
        sample: &Sample,
        draw: &mut dyn FnMut(&Target, &mut [u32]),
        rate: f32,
    ) {
        self.compute_with::<true>(parameters, rows, sample, draw, rate);
    }

    #[inline(always)]
    fn compute_with<const FUSED: bool>(
        &mut self,
        parameters: &Parameters,
        rows: &Rows<'_>,
        sample: &Sample,
        draw: &mut dyn FnMut(&Target, &mut [u32]),
        rate: f32,
    ) {
        let lanes = parameters.lanes();
        let Group { negatives, negative_rows, hidden, error, scores } = &mut self.group;
        let (input_changes, rest) = self.changes.split_at_mut(sample.words.len() * lanes);
        let (target_changes, negative_changes) = rest.split_at_mut(sample.targets.len() * lanes);
        let mut target_changes = target_changes.chunks_exact_mut(lanes);
        let mut negative_changes = negative_changes.chunks_exact_mut(lanes);
        for (number, group) in sample.targets.chunks(GROUP).enumerate() {
            draw(&group[0], negatives);
            for (&negative, copy) in negatives.iter().zip(negative_rows.chunks_exact_mut(lanes)) {
                let row = parameters.output_row(negative);
                self.rows.push(row);
                copy.copy_from_slice(rows.row(row));
            }
            for (i, target) in group.iter().enumerate() {
                let hidden = &mut hidden[i * lanes..][..lanes];
                hidden.fill([0.0; 8]);
                for place in context(target) {
                    add(hidden, &self.inputs[place * lanes..][..lanes]);
                }
                scale(hidden, 1.0 / (target.window.len() - 1) as f32);
                let output = rows.row(parameters.output_row(sample.words[target.place as usize]));
                scores[0][i] = dot::<FUSED>(hidden, output);
                for (score, negative) in scores[1..].iter_mut().zip(negative_rows.chunks_exact(lanes)) {
                    score[i] = dot::<FUSED>(hidden, negative);
                }
            }
            // Logarithms are slow: the loss that is shown is that of the first group of each stretch.
            if number == 0 {
                self.loss = loss(scores, group.len());
            }
            for (kind, scores) in scores.iter_mut().enumerate() {
                let label = if kind == 0 { 1.0 } else { 0.0 };
                let steps = logistic::<FUSED>(*scores).map(|predicted| rate * (label - predicted));
                for (score, step) in scores.iter_mut().zip(steps) {
                    *score = if score.abs() < SETTLED_SCORE { step } else { 0.0 };
                }
            }
            for (i, target) in group.iter().enumerate() {
                let hidden = &hidden[i * lanes..][..lanes];
                let word = sample.words[target.place as usize];
                error.fill([0.0; 8]);
                add_scaled::<FUSED>(error, scores[0][i], rows.row(parameters.output_row(word)));
                if let Some(change) = target_changes.next() {
                    add_scaled::<FUSED>(change, scores[0][i], hidden);
                }
                for (k, negative) in negative_rows.chunks_exact(lanes).enumerate() {
                    // A negative that is the target itself is passed over.
                    if negatives[k] == word {
                        scores[1 + k][i] = 0.0;
                    }
                    add_scaled::<FUSED>(error, scores[1 + k][i], negative);
                }
                // As in word2vec's code, each context vector takes the whole gradient of the mean.
                for place in context(target) {
                    add(&mut input_changes[place * lanes..][..lanes], error);
                }
            }
            for (steps, change) in scores[1..].iter().zip(&mut negative_changes) {
                for (i, step) in steps[..group.len()].iter().enumerate() {
                    add_scaled::<FUSED>(change, *step, &hidden[i * lanes..][..lanes]);
                }
            }
        }
    }

    fn sort_by_shard(&mut self) {
        let mut counts = [0; SHARDS];
        self.rows.iter().for_each(|row| counts[*row as usize % SHARDS] += 1);
        for (shard, count) in counts.into_iter().enumerate() {
            self.starts[shard + 1] = self.starts[shard] + count;
        }
        let mut next = self.starts;
        self.by_shard.resize(self.rows.len(), 0);
        for (entry, row) in self.rows.iter().enumerate() {
            let place = &mut next[*row as usize % SHARDS];
            self.by_shard[*place] = entry as u32;
            *place += 1;
        }
    }

    /// Adds the changes of one shard's rows, in a fixed order.
    pub fn apply(&self, number: usize, shard: &mut [Lane], lanes: usize) {
        for &entry in &self.by_shard[self.starts[number]..self.starts[number + 1]] {
            let row = row_of(shard, self.rows[entry as usize] as usize, lanes);
            add(row, &self.changes[entry as usize * lanes..][..lanes]);
        }
    }
}

fn context(target: &Target) -> impl Iterator<Item = usize> {
    let place = target.place;
    target.window.clone().filter(move |&other| other != place).map(|other| other as usize)
}

/// Sum of the losses of a group, and the number of its pairs.
fn loss(scores: &[Lane], targets: usize) -> (f64, u64) {
    let softplus = |x: f32| f64::from(x.max(0.0)) + f64::from((-x.abs()).exp().ln_1p());
    let positive = scores[0][..targets].iter().map(|score| softplus(-score));
    let negative = scores[1..].iter().flat_map(|scores| &scores[..targets]).map(|score| softplus(*score));
    (positive.chain(negative).sum(), (targets * scores.len()) as u64)
}

#[cfg(test)]
mod tests {
    use super::super::{CbowSettings, vocabulary::Vocabulary};
    use super::*;
    use crate::track_embeddings::{Corpus, CorpusWriter};
    use listening_data::{CounterRng, Stream};

    const DIMENSION: usize = 11;
    const NEGATIVES: usize = 3;
    const RATE: f32 = 0.1;

    fn corpus(folder: &std::path::Path) -> Corpus {
        let mut writer = CorpusWriter::create(&folder.join("corpus")).unwrap();
        for sequence in [&[0, 1, 2, 1, 3, 4, 0, 5, 2][..], &[3, 3, 1], &[5]] {
            writer.push(sequence).unwrap();
        }
        writer.finish().unwrap()
    }

    /// The vocabulary of a corpus, and all its plays as one stretch.
    fn whole(corpus: &Corpus) -> (Vocabulary, Stretch) {
        let settings = CbowSettings { minimum_count: 1, subsample: 0.0, ..CbowSettings::default() };
        let stretch = Stretch { corpus: 0, plays: 0..corpus.tokens().len(), offset: 0 };
        (Vocabulary::new(&[corpus], 6, &settings).unwrap(), stretch)
    }

    /// Parameters of which none is zero, but for the padding.
    fn parameters(vocabulary: &Vocabulary) -> Parameters {
        let parameters = Parameters::new(vocabulary, DIMENSION, 1);
        let mut rng = CounterRng::new(2, Stream::Weights, 0, 0);
        for row in 0..2 * vocabulary.tracks.len() {
            let mut shard = parameters.write(row % SHARDS);
            let row = &mut row_of(&mut shard, row, parameters.lanes()).as_flattened_mut()[..DIMENSION];
            row.iter_mut().for_each(|x| *x = 2.0 * rng.uniform() - 1.0);
        }
        parameters
    }

    fn values(parameters: &Parameters, vocabulary: &Vocabulary) -> Vec<Vec<f64>> {
        let rows = parameters.read();
        let row = |row| rows.row(row).as_flattened()[..DIMENSION].iter().map(|&x| f64::from(x)).collect();
        (0..2 * vocabulary.tracks.len() as u32).map(row).collect()
    }

    /// The loss of one target in double precision, straight from its definition.
    fn loss(values: &[Vec<f64>], context: &[u32], target: u32, negatives: &[u32]) -> f64 {
        let words = values.len() / 2;
        let score = |word: u32| -> f64 {
            let output = &values[words + word as usize];
            let component = |i: usize| context.iter().map(|&c| values[c as usize][i]).sum::<f64>() * output[i];
            (0..DIMENSION).map(component).sum::<f64>() / context.len() as f64
        };
        let others = negatives.iter().filter(|&&negative| negative != target);
        (1.0 + (-score(target)).exp()).ln() + others.map(|&n| (1.0 + score(n).exp()).ln()).sum::<f64>()
    }

    /// Against central differences of the loss; for context vectors times the size of the context, the deviation that
    /// word2vec's code makes.
    #[test]
    fn a_step_goes_down_the_gradient_of_the_loss() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = corpus(folder.path());
        let (vocabulary, stretch) = whole(&corpus);
        let parameters = parameters(&vocabulary);
        let sampler = Sampler { corpora: &[&corpus], vocabulary: &vocabulary, window: 3, seed: 9 };
        let before = values(&parameters, &vocabulary);

        let mut expected = before.clone();
        let mut sample = Sample::default();
        sampler.draw(&stretch, 0, &mut sample);
        assert_eq!(sample.targets.len(), 12, "the track alone in its sequence is no target");
        let mut negatives = [0; NEGATIVES];
        let mut own_negatives = 0;
        for (i, target) in sample.targets.iter().enumerate() {
            if i % GROUP == 0 {
                sampler.draw_negatives(target, 0, &mut negatives);
            }
            let context: Vec<u32> = context(target).map(|place| sample.words[place]).collect();
            let word = sample.words[target.place as usize];
            own_negatives += negatives.iter().filter(|&&negative| negative == word).count();
            for row in 0..before.len() {
                let times = if row < 6 { context.len() as f64 } else { 1.0 };
                for column in 0..DIMENSION {
                    let shifted = |by: f64| {
                        let mut values = before.clone();
                        values[row][column] += by;
                        loss(&values, &context, word, &negatives)
                    };
                    let slope = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
                    expected[row][column] -= f64::from(RATE) * times * slope;
                }
            }
        }
        assert!(own_negatives > 0, "a negative that is the target itself occurs");

        let mut gradient = Gradient::default();
        gradient.compute(&parameters, &parameters.read(), &sampler, (&stretch, 0), (NEGATIVES, RATE));
        for shard in 0..SHARDS {
            gradient.apply(shard, &mut parameters.write(shard), parameters.lanes());
        }
        let after = values(&parameters, &vocabulary);
        for (after, expected) in after.iter().flatten().zip(expected.iter().flatten()) {
            assert!((after - expected).abs() < 1e-5, "{after} for {expected}");
        }
        let rows = parameters.read();
        assert!((0..12).all(|row| rows.row(row).as_flattened()[DIMENSION..].iter().all(|&x| x == 0.0)), "padding");
    }

    #[test]
    fn settled_pairs_change_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = corpus(folder.path());
        let (vocabulary, stretch) = whole(&corpus);
        let sampler = Sampler { corpora: &[&corpus], vocabulary: &vocabulary, window: 3, seed: 9 };
        // All scores are the product of a row of x with one of 1.
        for (score, changes) in [(5.9, true), (6.1, false), (-5.9, true), (-6.1, false)] {
            let parameters = Parameters::new(&vocabulary, DIMENSION, 1);
            for row in 0..12 {
                let x = if row < 6 { score / DIMENSION as f32 } else { 1.0 };
                let mut shard = parameters.write(row % SHARDS);
                row_of(&mut shard, row, parameters.lanes()).as_flattened_mut()[..DIMENSION].fill(x);
            }
            let mut gradient = Gradient::default();
            gradient.compute(&parameters, &parameters.read(), &sampler, (&stretch, 0), (NEGATIVES, RATE));
            assert_eq!(gradient.changes.as_flattened().iter().any(|&change| change != 0.0), changes, "{score}");
        }
    }

    #[test]
    fn portable_and_fused_arithmetic_agree() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = corpus(folder.path());
        let (vocabulary, stretch) = whole(&corpus);
        let parameters = parameters(&vocabulary);
        let sampler = Sampler { corpora: &[&corpus], vocabulary: &vocabulary, window: 3, seed: 9 };
        let rows = parameters.read();
        let mut best = Gradient::default();
        best.compute(&parameters, &rows, &sampler, (&stretch, 0), (NEGATIVES, RATE));
        let mut portable = Gradient::default();
        sampler.draw(&stretch, 0, &mut portable.sample);
        portable.prepare(&parameters, &rows, NEGATIVES);
        let sample = std::mem::take(&mut portable.sample);
        let mut draw = |first: &Target, words: &mut [u32]| sampler.draw_negatives(first, 0, words);
        portable.compute_with::<false>(&parameters, &rows, &sample, &mut draw, RATE);
        assert_eq!(best.rows, portable.rows);
        for (a, b) in best.changes.as_flattened().iter().zip(portable.changes.as_flattened()) {
            assert!((a - b).abs() < 1e-6, "{a} and {b}");
        }
    }
}
