//! What can go wrong in simulation.

/// Result of this crate.
pub type Result<T> = std::result::Result<T, EnvError>;

/// Failure to build or step an environment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvError {
    /// A model failed.
    #[error(transparent)]
    Model(#[from] listening_models::ModelError),
    /// A policy chose what may not be played.
    #[error(
        "session {session}, step {step}: action {action} may not be played (pool of {pool}, {remaining} remaining); \
         actions are places in the pool that have not been played in this session"
    )]
    InvalidAction {
        /// The session's number.
        session: u64,
        /// Steps taken before.
        step: u32,
        /// The action.
        action: u32,
        /// Size of the pool.
        pool: usize,
        /// Candidates not yet played.
        remaining: usize,
    },
    /// The number of actions is not the number of sessions.
    #[error("{found} actions for {expected} parallel sessions")]
    ActionCount {
        /// Parallel sessions.
        expected: usize,
        /// Actions given.
        found: usize,
    },
    /// A setting that makes no sense.
    #[error("{setting}: {problem}")]
    Setting {
        /// The setting's name in the config.
        setting: &'static str,
        /// What is wrong and what is allowed.
        problem: String,
    },
    /// Session starts were not taken from the synthetic dataset whose listeners are asked.
    #[error(
        "session start {start} is of user {user}, for whom the synthetic listeners have no such session; the starts were \
         made from another dataset: make them again"
    )]
    OtherListeners {
        /// The row in the table of starts.
        start: usize,
        /// Its user.
        user: u32,
    },
    /// Listeners were asked in a session of which they were not told.
    #[error("session {session} has not begun for the listeners that are asked to answer in it")]
    NotBegun {
        /// The session's number.
        session: u64,
    },
    /// What was logged has an answer to the logged track alone.
    #[error("session {session}, play {play}: what was logged tells no answer to a track that was not played there")]
    NotLogged {
        /// The session's number.
        session: u64,
        /// Plays before.
        play: usize,
    },
    /// Nothing is known of whether these listeners come back.
    #[error("world.episode.sessions: these listeners do not tell whether they come back; set it to 1")]
    NoReturns,
    /// An environment broke its contract; found by [`crate::check_env`].
    #[error("environment check: {0}")]
    Contract(String),
}
