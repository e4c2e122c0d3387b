//! Pieces of a batch, whose number does not depend on the number of threads that take them up.

use tch::Tensor;

use crate::Result;

/// Runs over pieces of work, on one thread each if there are several threads. Results are in order.
pub(crate) fn in_threads<W: Send, R: Send>(work: Vec<W>, threads: usize, run: &(impl Fn(W) -> R + Sync)) -> Vec<R> {
    if threads <= 1 {
        return work.into_iter().map(run).collect();
    }
    std::thread::scope(|scope| {
        let running: Vec<_> = work
            .into_iter()
            .map(|piece| {
                scope.spawn(move || {
                    tch::set_num_threads(1);
                    run(piece)
                })
            })
            .collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, R>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        running.into_iter().map(join).collect()
    })
}

/// Adds the gradients of the pieces, in order; nothing of no piece.
pub(crate) fn sum_gradients(pieces: impl IntoIterator<Item = Vec<Tensor>>) -> Result<Vec<Tensor>> {
    let mut pieces = pieces.into_iter();
    let mut sum = pieces.next().unwrap_or_default();
    for gradients in pieces {
        sum = sum.iter().zip(&gradients).map(|(a, b)| a.f_add(b)).collect::<std::result::Result<_, _>>()?;
    }
    Ok(sum)
}
