//! What can go wrong with models.

use std::path::{Path, PathBuf};

/// Result of this crate.
pub type Result<T> = std::result::Result<T, ModelError>;

/// Failure to train, store, load or run a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Listening data could not be read or written.
    #[error(transparent)]
    Data(#[from] listening_data::DataError),
    /// libtorch refused an operation.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    /// The nearest-neighbour library refused an operation.
    #[error("nearest-neighbour index: {0}")]
    Index(String),
    /// The operating system refused a file operation.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A model file is not what it should be.
    #[error("{}: {problem}; the file is damaged or of another version and must be made again", path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A setting that makes no sense.
    #[error("{setting}: {problem}")]
    Setting {
        /// The setting's name in the config.
        setting: &'static str,
        /// What is wrong and what is allowed.
        problem: String,
    },
    /// The listening data cannot carry the model asked for.
    #[error("{0}")]
    TooLittleData(String),
    /// Histories of one dataset were used with another.
    #[error(
        "session {session} is not in the histories: they were made from other listening data and must be made again"
    )]
    OtherHistories {
        /// The session's number in the dataset.
        session: u64,
    },
    /// Training went astray.
    #[error("{0}")]
    Diverged(String),
    /// Who follows the training could not write down how it goes.
    #[error("{0}")]
    Watcher(Box<dyn std::error::Error + Send + Sync>),
    /// The device asked for cannot be used.
    #[error("device `{device}`: {problem}")]
    Device {
        /// The device as asked for.
        device: String,
        /// Why it cannot be used, and what can.
        problem: String,
    },
}

impl ModelError {
    /// A file error with its path.
    pub fn file(action: &'static str, path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::File { action, path: path.as_ref().to_owned(), source }
    }

    /// A model file that is not what it should be.
    pub fn bad_file(path: impl AsRef<Path>, problem: impl Into<String>) -> Self {
        Self::BadFile { path: path.as_ref().to_owned(), problem: problem.into() }
    }

    /// A setting that makes no sense.
    pub fn setting(setting: &'static str, problem: impl Into<String>) -> Self {
        Self::Setting { setting, problem: problem.into() }
    }
}
