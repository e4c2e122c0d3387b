//! Phases of work that threads do together, one phase after the other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Bits of the state that count the items taken in a phase; the others count the phases.
const ITEM_BITS: u32 = 16;
/// Turns to wait, some ten microseconds, before the processor is given to others.
const SPINS: usize = 2048;
/// How long a thread is away then. On a busy machine the thread that all wait for may be put off for milliseconds.
const NAP: Duration = Duration::from_micros(50);

/// Where a run of phases stands.
///
/// A phase ends when its items are done, not when all threads have come to a barrier: a thread that the system has put
/// off holds up the others only with the item in its hands, so that on a busy machine one thread goes on alone. (Waiting
/// asleep, as at `std::sync::Barrier`, takes as long as a phase here.)
#[derive(Default)]
pub struct Phases {
    state: AtomicU64,
    done: AtomicU64,
}

impl Phases {
    /// Takes part in phases 0..count until all are done; `items` tells the number of a phase's items, at least one and
    /// below 2^16, and `work` does one item of a phase. To be called by each thread with the same `count` and `items`.
    pub fn run(&self, count: u64, items: impl Fn(u64) -> u64, work: impl Fn(u64, u64)) {
        let mut turns = 0;
        loop {
            let state = self.state.load(Ordering::Acquire);
            let (phase, item) = (state >> ITEM_BITS, state & ((1 << ITEM_BITS) - 1));
            if phase == count {
                return;
            }
            let total = items(phase);
            if item < total {
                let taken = self.state.compare_exchange(state, state + 1, Ordering::AcqRel, Ordering::Relaxed);
                if taken.is_ok() {
                    work(phase, item);
                    if self.done.fetch_add(1, Ordering::AcqRel) + 1 == total {
                        self.done.store(0, Ordering::Relaxed);
                        self.state.store((phase + 1) << ITEM_BITS, Ordering::Release);
                    }
                }
                turns = 0;
            } else if turns < SPINS {
                turns += 1;
                std::hint::spin_loop();
            } else {
                std::thread::sleep(NAP);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_done_once_and_phases_follow_one_another() {
        let (count, items) = (2000, |phase: u64| 1 + phase % 5);
        let (phases, all_done) = (Phases::default(), AtomicU64::new(0));
        let times: Vec<AtomicU64> = (0..count * 5).map(|_| AtomicU64::new(0)).collect();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    phases.run(count, items, |phase, item| {
                        let before: u64 = (0..phase).map(items).sum();
                        let done = all_done.load(Ordering::SeqCst);
                        assert!(done >= before && done < before + items(phase), "phase {phase}");
                        times[(phase * 5 + item) as usize].fetch_add(1, Ordering::SeqCst);
                        all_done.fetch_add(1, Ordering::SeqCst);
                    });
                });
            }
        });
        for (number, times) in times.iter().enumerate() {
            let (phase, item) = (number as u64 / 5, number as u64 % 5);
            assert_eq!(times.load(Ordering::SeqCst), u64::from(item < items(phase)));
        }
    }
}
