//! Synchronous blocks in two phases: gradients in parallel from parameters that stand still, then rows in parallel.
//!
//! A stretch's gradient depends on the stretch, and a row's new value on the gradients in the order of their stretches;
//! neither depends on which thread does the work. So the result is the same for any number of threads.

use std::sync::{Mutex, PoisonError, RwLock};

use listening_data::Progress;

use super::CbowSettings;
use super::gradient::Gradient;
use super::parameters::{Parameters, SHARDS};
use super::phases::Phases;
use super::sampling::{Sampler, Stretch};
use super::vocabulary::Vocabulary;
use crate::track_embeddings::Corpus;

/// Plays whose gradient is computed in one piece.
const STRETCH: usize = 64;
/// Stretches per block at most.
const STRETCHES: usize = 64;
/// Expected changes of the most often changed row within a block: more would add up to steps that overshoot.
const CHANGES_PER_BLOCK: f64 = 8.0;
/// Blocks between two reports of progress.
const BLOCKS_PER_REPORT: usize = 64;

/// How the corpora are cut.
struct Blocks {
    /// Per corpus its number of plays.
    plays: Vec<usize>,
    /// Plays per stretch.
    stretch: usize,
    /// Stretches in all corpora.
    stretches: usize,
    /// Number of blocks.
    count: usize,
}

impl Blocks {
    fn new(corpora: &[&Corpus], densest: f64) -> Self {
        let plays: Vec<usize> = corpora.iter().map(|corpus| corpus.tokens().len()).collect();
        let block = ((CHANGES_PER_BLOCK / densest) as usize).clamp(1, STRETCH * STRETCHES);
        let stretch = block.min(STRETCH);
        let stretches = plays.iter().map(|plays| plays.div_ceil(stretch)).sum::<usize>();
        Self { plays, stretch, stretches, count: stretches.div_ceil(block / stretch) }
    }

    /// The stretches of a block. They lie far apart, one in each part of the corpora, since neighbours (sessions of one
    /// user) often hold the same tracks.
    fn of(&self, block: usize) -> impl Iterator<Item = Stretch> {
        (block..self.stretches).step_by(self.count).filter_map(|number| self.stretch(number))
    }

    fn stretches_in(&self, block: usize) -> usize {
        (self.stretches - block).div_ceil(self.count)
    }

    fn stretch(&self, mut number: usize) -> Option<Stretch> {
        let mut offset = 0;
        for (corpus, &plays) in self.plays.iter().enumerate() {
            let stretches = plays.div_ceil(self.stretch);
            if number < stretches {
                let begin = number * self.stretch;
                return Some(Stretch { corpus, plays: begin..plays.min(begin + self.stretch), offset });
            }
            number -= stretches;
            offset += plays as u64;
        }
        None
    }
}

/// Trains the parameters in place.
pub fn train(
    parameters: &Parameters,
    vocabulary: &Vocabulary,
    corpora: &[&Corpus],
    settings: &CbowSettings,
    seed: u64,
    threads: usize,
    progress: &dyn Progress,
) {
    let blocks = Blocks::new(corpora, vocabulary.densest);
    let largest = blocks.stretches_in(0);
    let run = Run {
        parameters,
        sampler: Sampler { corpora, vocabulary, window: settings.window, seed },
        settings,
        gradients: (0..largest).map(|_| RwLock::default()).collect(),
        blocks,
        loss: Mutex::default(),
        progress,
    };
    // Two phases per block and epoch.
    let count = 2 * (settings.epochs * run.blocks.count) as u64;
    let items = |phase: u64| if phase.is_multiple_of(2) { run.stretches(phase / 2) } else { SHARDS } as u64;
    let work = |phase: u64, item: u64| {
        if phase.is_multiple_of(2) {
            run.compute(phase / 2, item as usize);
        } else {
            run.apply(phase / 2, item as usize);
        }
    };
    let phases = Phases::default();
    std::thread::scope(|scope| {
        // More threads than there are stretches in a block would have nothing to do.
        for _ in 1..threads.min(largest) {
            scope.spawn(|| phases.run(count, items, work));
        }
        phases.run(count, items, work);
    });
}

/// What the threads share. A step is one block in one epoch.
struct Run<'a> {
    parameters: &'a Parameters,
    sampler: Sampler<'a>,
    settings: &'a CbowSettings,
    blocks: Blocks,
    /// One per stretch of a block.
    gradients: Vec<RwLock<Gradient>>,
    /// Sum of the epoch's losses, and their number.
    loss: Mutex<(f64, u64)>,
    progress: &'a dyn Progress,
}

impl Run<'_> {
    fn epoch_and_block(&self, step: u64) -> (usize, usize) {
        (step as usize / self.blocks.count, step as usize % self.blocks.count)
    }

    fn stretches(&self, step: u64) -> usize {
        self.blocks.stretches_in(self.epoch_and_block(step).1)
    }

    /// Computes the gradient of one of a step's stretches.
    fn compute(&self, step: u64, number: usize) {
        let (epoch, block) = self.epoch_and_block(step);
        let Some(stretch) = self.blocks.of(block).nth(number) else { return };
        let steps = self.settings.epochs * self.blocks.count;
        let rate = learning_rate(self.settings.learning_rate, step as usize, steps);
        let rows = self.parameters.read();
        let mut gradient = self.gradients[number].write().unwrap_or_else(PoisonError::into_inner);
        let setting = (self.settings.negatives, rate);
        gradient.compute(self.parameters, &rows, &self.sampler, (&stretch, epoch as u32), setting);
    }

    /// Applies a step's gradients to the rows of one shard.
    fn apply(&self, step: u64, shard: usize) {
        let mut rows = self.parameters.write(shard);
        for gradient in &self.gradients[..self.stretches(step)] {
            let gradient = gradient.read().unwrap_or_else(PoisonError::into_inner);
            gradient.apply(shard, &mut rows, self.parameters.lanes());
        }
        if shard == 0 {
            self.report(step);
        }
    }

    fn report(&self, step: u64) {
        let (epoch, block) = self.epoch_and_block(step);
        let mut loss = self.loss.lock().unwrap_or_else(PoisonError::into_inner);
        for gradient in &self.gradients[..self.stretches(step)] {
            let gradient = gradient.read().unwrap_or_else(PoisonError::into_inner);
            *loss = (loss.0 + gradient.loss.0, loss.1 + gradient.loss.1);
        }
        let plays: usize = self.blocks.plays.iter().sum();
        let last = block + 1 == self.blocks.count;
        if last || block.is_multiple_of(BLOCKS_PER_REPORT) {
            let of_epoch = plays as f64 * (block + 1) as f64 / self.blocks.count as f64;
            self.progress.advance((epoch * plays) as u64 + of_epoch as u64);
        }
        if last {
            self.progress.remark(&format!("loss {:.3}", loss.0 / loss.1.max(1) as f64));
            *loss = (0.0, 0);
        }
    }
}

/// The step size falls linearly to 1/1000 of what it was.
fn learning_rate(start: f32, step: usize, steps: usize) -> f32 {
    (f64::from(start) * (1.0 - step as f64 / steps as f64).max(1e-3)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track_embeddings::CorpusWriter;

    #[test]
    fn the_step_size_falls_on_a_line() {
        let rates = [0, 25, 50, 99].map(|step| learning_rate(0.05, step, 100));
        for (rate, expected) in rates.into_iter().zip([0.05, 0.0375, 0.025, 0.0005]) {
            assert!((rate - expected).abs() < 1e-8, "{rate} for {expected}");
        }
        assert_eq!(learning_rate(0.05, 99_999, 100_000), 0.05 * 1e-3, "and stays above 0");
    }

    #[test]
    fn blocks_hold_every_play_once() {
        let folder = tempfile::tempdir().unwrap();
        let corpora = [1000usize, 1, 777].map(|plays| {
            let mut writer = CorpusWriter::create(&folder.path().join(plays.to_string())).unwrap();
            writer.push(&vec![0; plays]).unwrap();
            writer.finish().unwrap()
        });
        // A whole block; blocks of a few stretches; one stretch; one play.
        for densest in [1e-4, 8.0 / 200.0, 8.0 / 64.0, 20.0] {
            let blocks = Blocks::new(&corpora.each_ref(), densest);
            assert!((0..blocks.count).all(|block| blocks.of(block).count() == blocks.stretches_in(block)));
            let mut seen = [vec![0; 1000], vec![0; 1], vec![0; 777]];
            for stretch in (0..blocks.count).flat_map(|block| blocks.of(block)) {
                assert_eq!(stretch.offset, [0, 1000, 1001][stretch.corpus]);
                stretch.plays.for_each(|play| seen[stretch.corpus][play] += 1);
            }
            assert!(seen.iter().flatten().all(|&times| times == 1), "densest {densest}");
            let largest = (0..blocks.count).map(|block| blocks.of(block).map(|s| s.plays.len()).sum()).max();
            assert!(largest.unwrap_or(0) <= ((CHANGES_PER_BLOCK / densest) as usize).max(1));
        }
    }
}
