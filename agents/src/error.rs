//! What can go wrong with agents.

use std::path::{Path, PathBuf};

/// Result of this crate.
pub type Result<T> = std::result::Result<T, AgentError>;

/// Failure to train, store, load or evaluate a policy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The environment failed.
    #[error(transparent)]
    Env(#[from] playlist_envs::EnvError),
    /// A model failed.
    #[error(transparent)]
    Model(#[from] listening_models::ModelError),
    /// A file could not be written atomically.
    #[error(transparent)]
    Data(#[from] listening_data::DataError),
    /// libtorch refused an operation.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    /// The operating system refused a file operation.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A checkpoint cannot be used.
    #[error("{}: {problem}", path.display())]
    Checkpoint {
        /// The checkpoint's folder.
        path: PathBuf,
        /// What is wrong and what to do.
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
    /// Logged sessions cannot be evaluated off-policy.
    #[error("off-policy evaluation: {0}")]
    OffPolicy(String),
    /// Training went astray.
    #[error("the training diverged after {env_steps} tracks (loss {loss}); lower agent.learning_rate")]
    Diverged {
        /// Tracks played.
        env_steps: u64,
        /// The loss.
        loss: f64,
    },
    /// A worker thread died.
    #[error("an actor thread stopped unexpectedly; this is a fault of the program: report it")]
    ActorLost,
}

impl AgentError {
    /// A file error with its path.
    pub fn file(action: &'static str, path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::File { action, path: path.as_ref().to_owned(), source }
    }

    /// A checkpoint that cannot be used.
    pub fn checkpoint(path: impl AsRef<Path>, problem: impl Into<String>) -> Self {
        Self::Checkpoint { path: path.as_ref().to_owned(), problem: problem.into() }
    }
}
