//! How long work tells of its progress; the command line turns it into a bar with rate and time left.

/// Receives the progress of one stage. Implementations are shared between threads.
pub trait Progress: Sync {
    /// Begins a stage of `total` units (0 where the total is unknown).
    fn begin(&self, stage: &str, total: u64, unit: &'static str);
    /// All work done since the begin, in units of the stage; a resumed stage first tells what was done before. The
    /// last call before the end tells the whole.
    fn advance(&self, done: u64);
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
