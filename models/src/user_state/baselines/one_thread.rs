//! libtorch on one thread.

/// Runs work whose operations libtorch keeps on the calling thread: sums come in one order whatever the machine, and small
/// operations take longer on many threads than on one.
pub(super) fn on_one_thread<R>(work: impl FnOnce() -> R) -> R {
    let threads = tch::get_num_threads();
    tch::set_num_threads(1);
    let result = work();
    tch::set_num_threads(threads);
    result
}
