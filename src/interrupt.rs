//! What Ctrl-C does: it ends the program at once, or, once a command has asked for it, tells that command to stop.

use std::sync::atomic::{AtomicBool, Ordering};

/// Exit code of an interrupted command, as shells report it.
pub const INTERRUPTED: u8 = 130;

/// A command stopped because it was asked to; the text says what was kept and how to go on.
#[derive(Debug)]
pub struct Interrupted(pub String);

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Interrupted {}

static GRACEFUL: AtomicBool = AtomicBool::new(false);
static STOP: AtomicBool = AtomicBool::new(false);

/// Installs the handler. Unfinished datasets lie in folders called `*.partial`, which the next run replaces.
pub fn install() {
    // Without a handler Ctrl-C still ends the program: no reason to fail.
    let _ = ctrlc::set_handler(|| {
        if GRACEFUL.load(Ordering::SeqCst) && !STOP.swap(true, Ordering::SeqCst) {
            eprintln!("\nstopping after this step; interrupt again to stop at once");
        } else {
            eprintln!("\ninterrupted");
            // Not `std::process::exit`: libtorch's destructors would run under threads that still compute, and crash.
            // SAFETY: `_exit` ends the process at once; standard error is not buffered.
            unsafe { libc::_exit(i32::from(INTERRUPTED)) }
        }
    });
}

/// From now on the first Ctrl-C only raises the flag returned here; the second ends the program at once.
pub fn stop_flag() -> &'static AtomicBool {
    GRACEFUL.store(true, Ordering::SeqCst);
    &STOP
}
