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
            if word == UNKNOWN {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track_embeddings::{CbowSettings, CorpusWriter};

    const TRACKS: usize = 50;

    fn corpus(folder: &std::path::Path) -> Corpus {
        let mut rng = CounterRng::new(1, Stream::Sampling, 0, 0);
        let mut writer = CorpusWriter::create(&folder.join("corpus")).unwrap();
        for _ in 0..400 {
            let sequence: Vec<u32> =
                (0..1 + rng.below(60)).map(|_| rng.below(1 + rng.clone().below(TRACKS)) as u32).collect();
            writer.push(&sequence).unwrap();
        }
        writer.finish().unwrap()
    }

    /// Per target its play, its word and its context, in order.
    fn targets(sampler: &Sampler<'_>, stretches: impl Iterator<Item = Range<usize>>) -> Vec<(u64, u32, Vec<u32>)> {
        let mut found = Vec::new();
        let mut sample = Sample::default();
        for plays in stretches {
            sampler.draw(&Stretch { corpus: 0, plays, offset: 1000 }, 3, &mut sample);
            for Target { place, window, play } in &sample.targets {
                let context = window.clone().filter(|other| other != place).map(|other| sample.words[other as usize]);
                found.push((*play, sample.words[*place as usize], context.collect()));
            }
        }
        found
    }

    #[test]
    fn samples_do_not_depend_on_where_the_corpus_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = corpus(folder.path());
        let settings = CbowSettings { minimum_count: 40, subsample: 0.01, ..CbowSettings::default() };
        let vocabulary = Vocabulary::new(&[&corpus], TRACKS, &settings).unwrap();
        assert!(vocabulary.tracks.len() < TRACKS && vocabulary.kept_share[0] < 0.9, "both kinds of loss happen");
        let sampler = Sampler { corpora: &[&corpus], vocabulary: &vocabulary, window: 4, seed: 5 };
        let plays = corpus.tokens().len();
        let whole = targets(&sampler, std::iter::once(0..plays));
        assert!(whole.len() > 1000);
        for stretch in [1, 7, 64] {
            let parts = (0..plays).step_by(stretch).map(|begin| begin..plays.min(begin + stretch));
            assert_eq!(targets(&sampler, parts), whole, "stretches of {stretch}");
        }
    }

    #[test]
    fn contexts_stay_in_the_sequence_and_windows_are_drawn_evenly() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = CorpusWriter::create(&folder.path().join("corpus")).unwrap();
        let ordered: Vec<u32> = (0..TRACKS as u32).collect();
        let (sequences, window) = (500, 4);
        (0..sequences).for_each(|_| writer.push(&ordered).unwrap());
        let corpus = writer.finish().unwrap();
        let settings = CbowSettings { subsample: 0.0, ..CbowSettings::default() };
        let vocabulary = Vocabulary::new(&[&corpus], TRACKS, &settings).unwrap();
        let sampler = Sampler { corpora: &[&corpus], vocabulary: &vocabulary, window, seed: 1 };
        let found = targets(&sampler, std::iter::once(0..corpus.tokens().len()));
        assert_eq!(found.len(), sequences * TRACKS, "without subsampling every play is a target");
        let mut reaches = [0u32; 4];
        for (_, word, context) in &found {
            let (track, last) = (vocabulary.tracks[*word as usize] as usize, TRACKS - 1);
            let context: Vec<usize> = context.iter().map(|&word| vocabulary.tracks[word as usize] as usize).collect();
            // Towards one side at least the window is not cut.
            let reach = context.iter().map(|other| other.abs_diff(track)).max().unwrap();
            let expected: Vec<usize> = (track.saturating_sub(reach)..=last.min(track + reach)).collect();
            assert_eq!(context, expected.into_iter().filter(|&other| other != track).collect::<Vec<_>>());
            reaches[reach - 1] += 1;
        }
        let expected = (sequences * TRACKS) as f64 / 4.0;
        for count in reaches {
            assert!((f64::from(count) - expected).abs() < 5.0 * expected.sqrt(), "{reaches:?}");
        }
    }

    #[test]
    fn plays_are_kept_with_their_share() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = CorpusWriter::create(&folder.path().join("corpus")).unwrap();
        // Track 0 has 3/4 of the plays, track 1 the rest: kept with sqrt(.12 / .75) + .16 = .56, sqrt(.48) + .48 > 1.
        (0..20_000).for_each(|_| writer.push(&[0, 0, 0, 1]).unwrap());
        let corpus = writer.finish().unwrap();
        let settings = CbowSettings { subsample: 0.12, ..CbowSettings::default() };
        let vocabulary = Vocabulary::new(&[&corpus], 2, &settings).unwrap();
        let sampler = Sampler { corpora: &[&corpus], vocabulary: &vocabulary, window: 1, seed: 1 };
        let mut sample = Sample::default();
        sampler.draw(&Stretch { corpus: 0, plays: 0..80_000, offset: 0 }, 0, &mut sample);
        let count = |word| sample.words.iter().filter(|&&other| other == word).count();
        assert_eq!(count(1), 20_000);
        let share = count(0) as f64 / 60_000.0;
        // Standard error 0.002; five of them are allowed.
        assert!((share - 0.56).abs() < 0.01, "{share}");
    }
}
