//! What can go wrong with listening data: each message says where, what was found, and what to do.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Result of this crate.
pub type Result<T> = std::result::Result<T, DataError>;

/// Failure to read or write listening data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The operating system refused a file operation.
    #[error("cannot {action} {}: {source}{}", path.display(), remedy(source))]
    File {
        /// What was tried, e.g. "read".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file is not what it should be as a whole.
    #[error("{}: {problem}; {remedy}", path.display())]
    BadFile {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What the user can do.
        remedy: String,
    },
    /// One row of an input file is wrong.
    #[error(
        "{file}, row {row}, field `{field}`: expected {expected}, found {found}; mend the row, or pass --lenient to \
         skip and count bad rows"
    )]
    BadRow {
        /// The file, with the archive it lies in.
        file: String,
        /// The row, counted from 1.
        row: u64,
        /// The field's name.
        field: String,
        /// What should stand there.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A dataset of another format version.
    #[error(
        "{}: dataset format version {found}, this program reads version {supported}; import the logs again, or use \
         the version of sim that wrote it", path.display()
    )]
    Version {
        /// The dataset's folder.
        path: PathBuf,
        /// Version found.
        found: u32,
        /// Version this program reads.
        supported: u32,
    },
    /// The Parquet library refused.
    #[error("{}: {source}", path.display())]
    Parquet {
        /// The Parquet file.
        path: PathBuf,
        /// The library's reason.
        source: parquet::errors::ParquetError,
    },
    /// A setting that makes no sense.
    #[error("{setting}: {problem}")]
    Setting {
        /// The setting's name.
        setting: &'static str,
        /// What is wrong and what is allowed.
        problem: String,
    },
}

/// What the user can do where the system refuses.
fn remedy(source: &std::io::Error) -> &'static str {
    match source.kind() {
        ErrorKind::NotFound => "; check the path, also that of the folder it lies in",
        ErrorKind::PermissionDenied => "; choose a place that you may use, or have its permissions changed",
        ErrorKind::StorageFull => "; free some space, or choose another disk",
        _ => "",
    }
}

impl DataError {
    /// A file error with its path.
    pub fn file(action: &'static str, path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::File { action, path: path.as_ref().to_owned(), source }
    }

    /// A file that is wrong as a whole.
    pub fn bad_file(path: impl AsRef<Path>, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::BadFile { path: path.as_ref().to_owned(), problem: problem.into(), remedy: remedy.into() }
    }

    pub(crate) fn parquet(path: impl AsRef<Path>) -> impl FnOnce(parquet::errors::ParquetError) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::Parquet { path, source }
    }
}
