//! Work on pieces of a file by several threads, with the results taken in the order of the pieces.

use std::io::Read;
use std::panic::resume_unwind;

use crossbeam::channel::{Receiver, Sender, bounded};

use crate::Result;

/// Pieces per thread that are under way at once: one being worked on, one waiting.
const PIECES_PER_THREAD: usize = 2;

/// Reads pieces one after the other with `read`, works on them with `work` on all cores, and gives the results to
/// `take` in the order of the pieces, on one thread. So whatever `take` builds does not depend on the number of
/// threads. Memory holds a few pieces and results per core. `read` stays on the calling thread.
///
/// `read` answers `None` at the end. The first error, in the order of the pieces, ends the work.
pub(crate) fn in_order<P: Send, R: Send>(
    mut read: impl FnMut() -> Result<Option<P>>,
    work: impl Fn(P) -> Result<R> + Sync,
    mut take: impl FnMut(R) -> Result<()> + Send,
) -> Result<()> {
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
    let (jobs, waiting) = bounded::<(P, Sender<Result<R>>)>(threads);
    let (promises, promised) = bounded::<Receiver<Result<R>>>(threads * PIECES_PER_THREAD);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let (waiting, work) = (waiting.clone(), &work);
                scope.spawn(move || {
                    for (piece, answer) in waiting {
                        // Nobody waits for the answer after an error before it.
                        let _ = answer.send(work(piece));
                    }
                })
            })
            .collect();
        drop(waiting);
        let taker = scope.spawn(move || -> Result<()> {
            for promise in promised {
                // Without an answer its worker has panicked, which the join below passes on.
                let Ok(result) = promise.recv() else { break };
                take(result?)?;
            }
            Ok(())
        });
        let mut end = Ok(());
        loop {
            match read() {
                Ok(Some(piece)) => {
                    let (answer, promise) = bounded(1);
                    // Both fail only when the taker has stopped at an error.
                    if jobs.send((piece, answer)).is_err() || promises.send(promise).is_err() {
                        break;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    end = Err(error);
                    break;
                }
            }
        }
        drop((jobs, promises));
        let taken = taker.join().unwrap_or_else(|panic| resume_unwind(panic));
        for worker in workers {
            worker.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
        taken.and(end)
    })
}

/// Does two things at the same time.
pub(crate) fn at_once<A: Send, B>(one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B) -> (A, B) {
    std::thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        (one.join().unwrap_or_else(|panic| resume_unwind(panic)), other)
    })
}

/// The blocks of a text, cut at line ends.
pub(crate) struct LineBlocks<R> {
    reader: R,
    size: usize,
    rest: Vec<u8>,
    /// Number of the next line, from 1; 0 when lines are not counted.
    next_line: u64,
    ended: bool,
}

/// Some whole lines.
pub(crate) struct LineBlock {
    /// The text; only the last line of a file may lack its line end.
    pub(crate) text: Vec<u8>,
    /// Number of the first line in the file, from 1.
    pub(crate) first_line: u64,
}

impl<R: Read> LineBlocks<R> {
    /// Blocks of about `size` bytes; a line longer than that is a block of its own up to `16 * size`, where it is cut
    /// (no known format has such lines, and memory must not grow with damage).
    pub(crate) fn new(reader: R, size: usize) -> Self {
        Self { reader, size, rest: Vec::new(), next_line: 1, ended: false }
    }

    /// The next block; `None` at the end.
    pub(crate) fn next_block(&mut self) -> std::io::Result<Option<LineBlock>> {
        let mut text = std::mem::take(&mut self.rest);
        let mut searched = 0;
        loop {
            let begin = text.len();
            if !self.ended && begin < searched + self.size {
                let wanted = searched + self.size - begin;
                text.reserve(wanted);
                let read = (&mut self.reader).take(wanted as u64).read_to_end(&mut text)?;
                self.ended = read < wanted;
            }
            if self.ended {
                break;
            }
            if let Some(end) = memchr::memrchr(b'\n', &text[searched..]) {
                self.rest = text.split_off(searched + end + 1);
                break;
            }
            searched = text.len();
            if searched >= 16 * self.size {
                break;
            }
        }
        if text.is_empty() {
            return Ok(None);
        }
        let first_line = self.next_line;
        self.next_line += memchr::memchr_iter(b'\n', &text).count() as u64;
        Ok(Some(LineBlock { text, first_line }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DataError;
    use proptest::prelude::*;

    #[test]
    fn results_come_in_order_and_the_first_error_ends_the_work() {
        let run = |bad: Option<u32>| {
            let (mut next, mut taken) = (0, Vec::new());
            let read = || {
                next += 1;
                Ok((next <= 500).then_some(next))
            };
            let work = |piece: u32| {
                std::thread::sleep(std::time::Duration::from_micros(u64::from(piece * 7919 % 300)));
                match bad {
                    Some(bad) if piece >= bad => Err(DataError::bad_file(piece.to_string(), "", "")),
                    _ => Ok(piece * 2),
                }
            };
            let end = in_order(read, work, |result| {
                taken.push(result);
                Ok(())
            });
            (taken, end)
        };
        let (taken, end) = run(None);
        assert!(end.is_ok() && taken.into_iter().eq((1..=500).map(|n| n * 2)));
        let (taken, end) = run(Some(77));
        assert!(taken.into_iter().eq((1..77).map(|n| n * 2)));
        assert!(end.unwrap_err().to_string().starts_with("77"), "the error of the first bad piece");
    }

    proptest! {
        #[test]
        fn blocks_are_whole_lines_and_together_the_text(
            lines in proptest::collection::vec("[a-z]{0,12}", 0..60), size in 1usize..40, ends in any::<bool>()
        ) {
            let mut text = lines.join("\n");
            if ends { text.push('\n') }
            let mut blocks = LineBlocks::new(text.as_bytes(), size);
            let mut read = Vec::new();
            while let Some(block) = blocks.next_block().unwrap() {
                let before = read.iter().filter(|&&byte| byte == b'\n').count() as u64;
                prop_assert_eq!(block.first_line, before + 1);
                prop_assert!(read.last().is_none_or(|&byte| byte == b'\n') || size * 16 < 13);
                read.extend(block.text);
            }
            prop_assert_eq!(read, text.into_bytes());
        }
    }
}
