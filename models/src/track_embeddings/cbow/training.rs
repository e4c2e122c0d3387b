//! Synchronous blocks in two phases: gradients in parallel from parameters that stand still, then rows in parallel.
//!
//! A stretch's gradient depends on the stretch, and a row's new value on the gradients in the order of their stretches;
//! neither depends on which thread does the work. So the result is the same for any number of threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};

use listening_data::Progress;

use super::CbowSettings;
use super::barrier::PhaseBarrier;
use super::gradient::Gradient;
use super::parameters::{Parameters, SHARDS};
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
    let largest = blocks.of(0).count();
    let threads = threads.clamp(1, largest.max(1));
    let run = Run {
        parameters,
        sampler: Sampler { corpora, vocabulary, window: settings.window, seed },
        settings,
        gradients: (0..largest).map(|_| RwLock::default()).collect(),
        blocks,
        next_stretch: AtomicUsize::new(0),
        next_shard: AtomicUsize::new(0),
        barrier: PhaseBarrier::new(threads),
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| run.work(None));
        }
        run.work(Some(progress));
    });
}

/// What the threads share.
struct Run<'a> {
    parameters: &'a Parameters,
    sampler: Sampler<'a>,
    settings: &'a CbowSettings,
    blocks: Blocks,
    /// One per stretch of a block.
    gradients: Vec<RwLock<Gradient>>,
    next_stretch: AtomicUsize,
    next_shard: AtomicUsize,
    barrier: PhaseBarrier,
}

impl Run<'_> {
    /// The work of one thread; the one with `progress` reports.
    fn work(&self, progress: Option<&dyn Progress>) {
        let plays: u64 = self.blocks.plays.iter().map(|&plays| plays as u64).sum();
        let steps = self.settings.epochs * self.blocks.count;
        for epoch in 0..self.settings.epochs {
            let mut loss = (0.0, 0);
            for block in 0..self.blocks.count {
                let step = epoch * self.blocks.count + block;
                let stretches: Vec<Stretch> = self.blocks.of(block).collect();
                let rate = learning_rate(self.settings.learning_rate, step, steps);
                self.compute(&stretches, epoch as u32, rate);
                self.barrier.wait(|| self.next_stretch.store(0, Ordering::Relaxed));
                self.apply(stretches.len());
                if progress.is_some() {
                    for gradient in &self.gradients[..stretches.len()] {
                        let gradient = gradient.read().unwrap_or_else(PoisonError::into_inner);
                        loss = (loss.0 + gradient.loss.0, loss.1 + gradient.loss.1);
                    }
                }
                self.barrier.wait(|| self.next_shard.store(0, Ordering::Relaxed));
                if let Some(progress) = progress
                    && step % BLOCKS_PER_REPORT == 0
                {
                    progress.advance((plays as f64 * step as f64 / self.blocks.count as f64) as u64);
                }
            }
            if let Some(progress) = progress {
                progress.advance(plays * (epoch as u64 + 1));
                progress.remark(&format!("loss {:.3}", loss.0 / loss.1.max(1) as f64));
            }
        }
    }

    fn compute(&self, stretches: &[Stretch], epoch: u32, rate: f32) {
        let rows = self.parameters.read();
        loop {
            let number = self.next_stretch.fetch_add(1, Ordering::Relaxed);
            let Some(stretch) = stretches.get(number) else { return };
            let mut gradient = self.gradients[number].write().unwrap_or_else(PoisonError::into_inner);
            let step = (self.settings.negatives, rate);
            gradient.compute(self.parameters, &rows, &self.sampler, (stretch, epoch), step);
        }
    }

    fn apply(&self, stretches: usize) {
        loop {
            let shard = self.next_shard.fetch_add(1, Ordering::Relaxed);
            if shard >= SHARDS {
                return;
            }
            let mut rows = self.parameters.write(shard);
            for gradient in &self.gradients[..stretches] {
                let gradient = gradient.read().unwrap_or_else(PoisonError::into_inner);
                gradient.apply(shard, &mut rows, self.parameters.lanes());
            }
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
