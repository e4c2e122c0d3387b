//! Drives the real binary.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

/// What a command left behind.
pub struct Outcome {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Outcome {
    /// The outcome, if the exit code is the expected one.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "standard output:\n{}\nstandard error:\n{}", self.out, self.err);
        self
    }

    /// Asserts that each text stands in the message of the error.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.err.contains(text), "`{text}` is missing in:\n{}", self.err);
        }
        self
    }
}

#[allow(dead_code, reason = "not every file of tests looks at results")]
impl Outcome {
    /// Asserts that each text stands in the results.
    #[track_caller]
    pub fn prints(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.out.contains(text), "`{text}` is missing in:\n{}", self.out);
        }
        self
    }
}

/// Runs `sim` in a folder, with arguments separated by spaces.
pub fn sim(folder: &Path, arguments: &str) -> Outcome {
    let output = Command::new(env!("CARGO_BIN_EXE_sim"))
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .expect("sim starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("sim writes UTF-8");
    Outcome { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}
