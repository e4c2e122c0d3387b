//! Which plays of a stretch of the corpus are kept, and the context of each: pure functions of the play's place.
//!
//! Every draw is counter-based on the place of the play in the corpus, so a stretch can be prepared without those
//! before it, and its neighbours beyond its ends are the same whoever prepares them.

use std::ops::Range;

use listening_data::{CounterRng, Stream};

use super::vocabulary::{UNKNOWN, Vocabulary};
use crate::track_embeddings::Corpus;

/// A stretch of consecutive plays of one corpus.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch {
    /// Number of the corpus.
    pub corpus: usize,
    /// The plays, by place in the corpus.
    pub plays: Range<usize>,
    /// Plays in the corpora before this one.
    pub offset: u64,
}

/// A track to be predicted and the places of its context, all as indices into [`Sample::words`].
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Place of the target.
    pub place: u32,
    /// The window around it, with the target itself.
    pub window: Range<u32>,
    /// Number of the play over all corpora.
    pub play: u64,
}

/// The kept plays of a stretch and, beyond its ends, those that its windows reach.
#[derive(Default)]
pub struct Sample {
    /// Words of the kept plays.
    pub words: Vec<u32>,
    /// The targets: plays of the stretch with at least one context track.
    pub targets: Vec<Target>,
}

/// What the draws depend on besides the place.
pub struct Sampler<'a> {
    /// The corpora.
    pub corpora: &'a [&'a Corpus],
    /// Words, and the shares that are kept.
    pub vocabulary: &'a Vocabulary,
    /// Largest window.
    pub window: usize,
    /// The seed of the run.
    pub seed: u64,
}

impl Sampler<'_> {
    /// Draws the sample of a stretch in an epoch.
    pub fn draw(&self, stretch: &Stretch, epoch: u32, sample: &mut Sample) {
        sample.words.clear();
        sample.targets.clear();
        let ends = self.corpora[stretch.corpus].ends();
        let mut sequence = ends.partition_point(|&end| end as usize <= stretch.plays.start);
        let mut begin = if sequence == 0 { 0 } else { ends[sequence - 1] as usize };
        while begin < stretch.plays.end {
            let end = ends[sequence] as usize;
            self.draw_sequence(stretch, begin..end, epoch, sample);
            (begin, sequence) = (end, sequence + 1);
        }
    }

    fn draw_sequence(&self, stretch: &Stretch, sequence: Range<usize>, epoch: u32, sample: &mut Sample) {
        let tokens = self.corpora[stretch.corpus].tokens();
        let kept = |play: usize| {
            let word = self.vocabulary.word_of[tokens[play] as usize];
            // A track repeated at once says nothing about its neighbours.
            if word == UNKNOWN || (play > sequence.start && tokens[play - 1] == tokens[play]) {
                return None;
            }
            let mut rng = self.rng(stretch.offset + play as u64, epoch);
            (rng.uniform() < self.vocabulary.kept_share[word as usize]).then_some((word, rng))
        };
        let inside = stretch.plays.start.max(sequence.start)..stretch.plays.end.min(sequence.end);
        let first = sample.words.len();
        let before = (sequence.start..inside.start).rev().filter_map(|play| Some(kept(play)?.0));
        sample.words.extend(before.take(self.window));
        sample.words[first..].reverse();
        let first_target = sample.targets.len();
        for play in inside.clone() {
            if let Some((word, mut rng)) = kept(play) {
                let place = sample.words.len();
                let reach = 1 + rng.below(self.window);
                let from = place.saturating_sub(reach).max(first);
                let window = from as u32..(place + reach + 1) as u32;
                sample.targets.push(Target { place: place as u32, window, play: stretch.offset + play as u64 });
                sample.words.push(word);
            }
        }
        let after = (inside.end..sequence.end).filter_map(|play| Some(kept(play)?.0));
        sample.words.extend(after.take(self.window));
        let last = sample.words.len() as u32;
        for target in &mut sample.targets[first_target..] {
            target.window.end = target.window.end.min(last);
        }
        if last as usize == first + 1 {
            sample.targets.truncate(first_target);
        }
    }

    /// Draws words by the negatives' distribution, for the targets from `target` on.
    pub fn draw_negatives(&self, target: &Target, epoch: u32, negatives: &mut [u32]) {
        let mut rng = CounterRng::new(self.seed, Stream::Word2vec, target.play, 2 * epoch + 1);
        negatives.iter_mut().for_each(|negative| *negative = self.vocabulary.negatives.draw(&mut rng));
    }

    fn rng(&self, play: u64, epoch: u32) -> CounterRng {
        CounterRng::new(self.seed, Stream::Word2vec, play, 2 * epoch)
    }
}
