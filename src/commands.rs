//! The commands. Each file holds its options, which teach by their help, and `run`.

pub mod bench;
pub mod calibrate_listeners;
pub mod completions;
pub mod evaluate_estimators;
pub mod evaluate_policy;
pub mod evaluate_user_model;
pub mod evaluate_user_state;
pub mod generate_playlist;
pub mod import;
pub mod inspect;
pub mod show_config;
pub mod synthesize;
pub mod train_agent;
pub mod train_embeddings;
pub mod train_user_model;
pub mod train_user_state;
pub mod validate_simulator;
