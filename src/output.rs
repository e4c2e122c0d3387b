//! Results go to standard output, everything else to standard error.

use std::io::{ErrorKind, Write};

use anyhow::Context;

/// Prints a result. A reader that has seen enough (`sim inspect d | head`) is no failure.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    match write!(out, "{text}{newline}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write the result"),
    }
}
