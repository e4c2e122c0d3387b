//! Progress on standard error: a bar in a terminal, a line every few seconds in a log.

use std::io::IsTerminal;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use listening_data::Progress;

use crate::tables::{duration, rate, share, size};

/// A stage that is done before this needs no bar.
const BAR_AFTER: Duration = Duration::from_secs(1);
/// Work reported this soon was done before.
const AT_ONCE: Duration = Duration::from_millis(1);
/// Time between two lines in a log.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How progress is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Silent,
    Bar,
    Lines,
}

/// Shows one stage after the other; safe to advance from many threads.
pub struct TerminalProgress {
    manner: Manner,
    stage: Mutex<Option<Stage>>,
}

struct Stage {
    name: String,
    total: u64,
    unit: &'static str,
    done: u64,
    /// The part of `done` that a resumed stage began with.
    before: u64,
    remark: String,
    started: Instant,
    last_line: Instant,
    bar: Option<ProgressBar>,
}

impl TerminalProgress {
    /// Progress in the manner that suits standard error.
    pub fn new(quiet: bool) -> Self {
        let manner = match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Manner::Silent,
            (false, true) => Manner::Bar,
            (false, false) => Manner::Lines,
        };
        Self { manner, stage: Mutex::new(None) }
    }

    fn stage(&self) -> MutexGuard<'_, Option<Stage>> {
        // A thread that panicked leaves numbers that are still fit to show.
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut Stage)) {
        if self.manner == Manner::Silent {
            return;
        }
        if let Some(stage) = self.stage().as_mut() {
            change(stage);
            stage.show(self.manner);
        }
    }
}

impl Progress for TerminalProgress {
    fn begin(&self, stage: &str, total: u64, unit: &'static str) {
        if self.manner == Manner::Silent {
            return;
        }
        // A stage that failed to end gives way.
        self.end();
        let now = Instant::now();
        let (name, remark) = (stage.to_owned(), String::new());
        *self.stage() =
            Some(Stage { name, total, unit, done: 0, before: 0, remark, started: now, last_line: now, bar: None });
    }

    fn advance(&self, done: u64) {
        self.update(|stage| {
            // What was done before a resumed stage began counts towards the amount, not towards the rate.
            if stage.done == 0 && stage.started.elapsed() < AT_ONCE {
                stage.before = done;
            }
            // Threads may tell of their work in another order than they did it.
            stage.done = stage.done.max(done);
        });
    }

    fn remark(&self, text: &str) {
        self.update(|stage| stage.remark = text.to_owned());
    }

    fn end(&self) {
        if let Some(stage) = self.stage().take() {
            stage.clear();
            eprintln!("{}", stage.summary(stage.started.elapsed()));
        }
    }
}

impl Drop for TerminalProgress {
    /// A stage that an error cut short leaves no bar behind.
    fn drop(&mut self) {
        if let Some(stage) = self.stage().take() {
            stage.clear();
        }
    }
}

impl Stage {
    fn show(&mut self, manner: Manner) {
        let elapsed = self.started.elapsed();
        if manner == Manner::Lines {
            if self.last_line.elapsed() >= LINE_EVERY {
                self.last_line = Instant::now();
                eprintln!("{}: {}", self.name, self.status(elapsed));
            }
            return;
        }
        if self.bar.is_none() && elapsed >= BAR_AFTER {
            self.bar = Some(new_bar(&self.name, self.total));
        }
        if let Some(bar) = &self.bar {
            bar.set_position(self.done);
            bar.set_message(self.status(elapsed));
        }
    }

    fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Amount, share, rate, time left and remark.
    fn status(&self, elapsed: Duration) -> String {
        let Self { total, unit, done, .. } = *self;
        let mut parts = vec![size(done, unit)];
        if total > 0 {
            parts = vec![format!("{} of {}", share((done as f64 / total as f64).min(1.0)), size(total, unit))];
        }
        if let Some(per_second) = self.per_second(elapsed) {
            parts.push(rate(per_second, unit));
            if total > done {
                let left = Duration::try_from_secs_f64((total - done) as f64 / per_second).unwrap_or(Duration::MAX);
                parts.push(format!("{} left", duration(left)));
            }
        }
        if !self.remark.is_empty() {
            parts.push(self.remark.clone());
        }
        parts.join(", ")
    }

    fn per_second(&self, elapsed: Duration) -> Option<f64> {
        let done = self.done - self.before;
        (done > 0 && !elapsed.is_zero()).then(|| done as f64 / elapsed.as_secs_f64())
    }

    /// What is left of a stage when it has ended.
    fn summary(&self, elapsed: Duration) -> String {
        let mut text = format!("{}: ", self.name);
        if self.done > 0 {
            text.push_str(&format!("{} in ", size(self.done, self.unit)));
        }
        text.push_str(&duration(elapsed));
        if let Some(per_second) = self.per_second(elapsed) {
            text.push_str(&format!(", {}", rate(per_second, self.unit)));
        }
        if !self.remark.is_empty() {
            text.push_str(&format!(", {}", self.remark));
        }
        text
    }
}

fn new_bar(name: &str, total: u64) -> ProgressBar {
    let bar = if total > 0 { ProgressBar::new(total) } else { ProgressBar::new_spinner() };
    let template = if total > 0 { "{prefix} [{bar:24}] {msg}" } else { "{prefix} {spinner} {msg}" };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(name.to_owned());
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(total: u64, done: u64, remark: &str) -> Stage {
        let now = Instant::now();
        let (name, remark) = ("training".to_owned(), remark.to_owned());
        Stage { name, total, unit: "steps", done, before: 0, remark, started: now, last_line: now, bar: None }
    }

    #[test]
    fn the_status_tells_amount_rate_time_left_and_remark() {
        let ten_seconds = Duration::from_secs(10);
        let text = stage(4_000, 1_000, "loss 0.25").status(ten_seconds);
        assert_eq!(text, "25.0 % of 4,000 steps, 100 steps/s, 30.0 s left, loss 0.25");
        assert_eq!(stage(0, 1_000, "").status(ten_seconds), "1,000 steps, 100 steps/s");
        assert_eq!(stage(10, 0, "").status(ten_seconds), "0.0 % of 10 steps");
    }

    #[test]
    fn the_summary_tells_time_and_rate() {
        assert_eq!(
            stage(4_000, 4_000, "loss 0.25").summary(Duration::from_secs(100)),
            "training: 4,000 steps in 1 min 40 s, 40.0 steps/s, loss 0.25"
        );
        assert_eq!(stage(10, 0, "").summary(Duration::from_millis(300)), "training: 0.3 s");
    }

    #[test]
    fn what_was_done_before_a_resume_is_no_speed() {
        let resumed = Stage { before: 3_000, ..stage(4_000, 3_500, "") };
        let text = resumed.status(Duration::from_secs(10));
        assert_eq!(text, "87.5 % of 4,000 steps, 50.0 steps/s, 10.0 s left");
    }

    #[test]
    fn reports_of_threads_may_come_in_any_order() {
        let progress = TerminalProgress { manner: Manner::Lines, stage: Mutex::new(None) };
        progress.begin("counting", 800, "steps");
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let progress = &progress;
                scope.spawn(move || (1..=100).for_each(|step| progress.advance(100 * thread + step)));
            }
        });
        assert_eq!(progress.stage().as_ref().unwrap().done, 800);
    }
}
