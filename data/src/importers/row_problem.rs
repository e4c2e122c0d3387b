//! What is wrong with a row of a log.

use std::borrow::Cow;

use crate::DataError;

/// What is wrong with a row: its field, what should stand there, and what does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RowProblem {
    pub(super) field: Cow<'static, str>,
    pub(super) expected: Cow<'static, str>,
    pub(super) found: String,
}

impl RowProblem {
    pub(super) fn new(
        field: impl Into<Cow<'static, str>>,
        expected: impl Into<Cow<'static, str>>,
        found: impl Into<String>,
    ) -> Self {
        Self { field: field.into(), expected: expected.into(), found: found.into() }
    }

    /// The error of a row of a file, counted from 1.
    pub(super) fn at(self, file: &str, row: u64) -> DataError {
        let Self { field, expected, found } = self;
        DataError::BadRow { file: file.to_owned(), row, field: field.into(), expected: expected.into(), found }
    }
}

/// Text as an error shows it: quoted, and not longer than a line of the screen.
pub(super) fn shown(text: &str) -> String {
    format!("{:?}", text.chars().take(60).collect::<String>())
}
