//! How long work tells of its progress; the command line turns it into a bar with rate and time left.

/// Receives the progress of one stage. Implementations are shared between threads.
pub trait Progress: Sync {
    /// Begins a stage of `total` units (0 where the total is unknown).
    fn begin(&self, stage: &str, total: u64, unit: &'static str);
    /// `more` units are done, since the last call or the begin. So that threads can count together, and that the
    /// stage's end tells what was really done, every unit is reported. A resumed stage first reports what was done
    /// before it was interrupted.
    fn advance(&self, more: u64);
    /// A short remark shown beside the bar, such as the current loss.
    fn remark(&self, text: &str);
    /// Ends the stage.
    fn end(&self);
}

/// Progress that nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _stage: &str, _total: u64, _unit: &'static str) {}
    fn advance(&self, _done: u64) {}
    fn remark(&self, _text: &str) {}
    fn end(&self) {}
}
