//! How a failed command ends: one message with its causes, and an exit code that tells whose turn it is.

use std::process::ExitCode;

use listening_data::DataError;
use listening_models::ModelError;
use playlist_agents::AgentError;
use playlist_envs::EnvError;

use crate::interrupt::{INTERRUPTED, Interrupted};

/// Something went wrong while working.
const FAILED: u8 = 1;
/// The user has to change the command or the config.
const WRONG_USAGE: u8 = 2;

/// Wrong usage or config: the message says what to change.
#[derive(Debug)]
pub struct UsageError(pub String);

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// Prints the error to standard error and returns the exit code.
pub fn report(error: &anyhow::Error) -> ExitCode {
    let kind = if error.is::<Interrupted>() { "interrupted" } else { "error" };
    eprintln!("{kind}: {}", message(error));
    ExitCode::from(exit_code(error))
}

/// The error and its causes, each said once: many errors repeat their cause in their own text.
fn message(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        let cause = cause.trim_end();
        if !text.contains(cause) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(cause);
        }
    }
    text
}

fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<Interrupted>() {
        return INTERRUPTED;
    }
    if error.chain().any(wrong_usage) { WRONG_USAGE } else { FAILED }
}

/// Errors that pass another crate's error on unchanged are no link of the chain themselves: they are looked into.
fn wrong_usage(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.is::<UsageError>()
        || cause.downcast_ref().is_some_and(of_data)
        || cause.downcast_ref().is_some_and(of_models)
        || cause.downcast_ref().is_some_and(of_envs)
        || cause.downcast_ref().is_some_and(of_agents)
}

fn of_data(error: &DataError) -> bool {
    matches!(error, DataError::Setting { .. })
}

fn of_models(error: &ModelError) -> bool {
    match error {
        ModelError::Setting { .. } | ModelError::Device { .. } => true,
        ModelError::Data(error) => of_data(error),
        _ => false,
    }
}

fn of_envs(error: &EnvError) -> bool {
    match error {
        EnvError::Setting { .. } => true,
        EnvError::Model(error) => of_models(error),
        _ => false,
    }
}

fn of_agents(error: &AgentError) -> bool {
    match error {
        AgentError::Setting { .. } => true,
        AgentError::Env(error) => of_envs(error),
        AgentError::Model(error) => of_models(error),
        AgentError::Data(error) => of_data(error),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn causes_are_said_once() {
        let source = std::io::Error::other("disk full");
        let error = anyhow::Error::from(DataError::file("write", "a.parquet", source)).context("importing");
        assert_eq!(message(&error), "importing: cannot write a.parquet: disk full");
        assert_eq!(exit_code(&error), FAILED);
    }

    #[test]
    fn settings_and_usage_are_the_users_turn() {
        let setting = || DataError::Setting { setting: "size.users", problem: "must be at least 1".into() };
        let nested: Result<(), _> = Err(ModelError::Data(setting()));
        let errors = [
            UsageError("no".into()).into(),
            anyhow::Error::from(setting()).context("synthesize"),
            nested.context("train").unwrap_err(),
            EnvError::Setting { setting: "world.pool", problem: "is empty".into() }.into(),
        ];
        for error in errors {
            assert_eq!(exit_code(&error), WRONG_USAGE, "{error:#}");
        }
    }
}
