//! Blocks of work shared out among threads.

use std::sync::{Mutex, PoisonError};

use crate::Result;

/// Calls `work` once for every block, on `threads` threads that each take the next block when they are free.
///
/// Each thread has its own `scratch`. What a block yields must depend on the block alone; then the result is the same
/// for any number of threads.
pub(super) fn for_each_block<B: Send, S>(
    threads: usize,
    blocks: impl Iterator<Item = B> + Send,
    scratch: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, B) -> Result<()> + Sync,
) -> Result<()> {
    let blocks = Mutex::new(blocks);
    let run = || {
        let mut scratch = scratch();
        loop {
            // Taken in a statement of its own: the lock is released before the work begins.
            let next = blocks.lock().unwrap_or_else(PoisonError::into_inner).next();
            match next {
                Some(block) => work(&mut scratch, block)?,
                None => return Ok(()),
            }
        }
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mut result = run();
        for thread in others {
            result = result.and(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        result
    })
}
