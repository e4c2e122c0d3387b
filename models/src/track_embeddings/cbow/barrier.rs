//! A barrier for phases of some hundred microseconds.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Turns to wait before the processor is offered to others.
const SPINS: usize = 4096;

/// Lets threads pass when all have arrived.
///
/// `std::sync::Barrier` puts threads to sleep, and waking one takes as long as a phase here; waiting threads spin for
/// some microseconds, then yield, so that a shared processor is not held from the thread that all wait for.
pub struct PhaseBarrier {
    threads: usize,
    arrived: AtomicUsize,
    phase: AtomicUsize,
}

impl PhaseBarrier {
    /// A barrier for a number of threads.
    pub fn new(threads: usize) -> Self {
        Self { threads, arrived: AtomicUsize::new(0), phase: AtomicUsize::new(0) }
    }

    /// Waits for all threads; the last to arrive runs `between` before any passes.
    pub fn wait(&self, between: impl FnOnce()) {
        let phase = self.phase.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            between();
            self.arrived.store(0, Ordering::Relaxed);
            self.phase.store(phase.wrapping_add(1), Ordering::Release);
            return;
        }
        let mut turns = 0;
        while self.phase.load(Ordering::Acquire) == phase {
            if turns < SPINS {
                turns += 1;
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_thread_passes_before_all_have_arrived() {
        let (threads, phases) = (3, 2000);
        let barrier = PhaseBarrier::new(threads);
        let (arrivals, between) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    for phase in 1..=phases {
                        arrivals.fetch_add(1, Ordering::SeqCst);
                        barrier.wait(|| drop(between.fetch_add(1, Ordering::SeqCst)));
                        assert!(arrivals.load(Ordering::SeqCst) >= phase * threads);
                        assert_eq!(between.load(Ordering::SeqCst), phase);
                        barrier.wait(|| ());
                    }
                });
            }
        });
    }
}
