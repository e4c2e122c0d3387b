//! Settings of CoSeRNN, its ablations among them.

use serde::{Deserialize, Serialize};

use crate::{ModelError, Result};

/// Which tracks of past sessions the network runs through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionStreams {
    /// Those played.
    Played,
    /// Those played and those skipped, each in a stream of its own (the paper's choice).
    PlayedAndSkipped,
    /// All in one stream.
    Union,
}

/// What each stream takes in; all in the paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionInputs {
    /// Weekday, hour and device of the session that begins.
    pub context: bool,
    /// The vector of the session before.
    pub previous_session: bool,
    /// Its number of tracks.
    pub number_of_tracks: bool,
    /// What it was streamed from.
    pub stream_source: bool,
    /// The time since.
    pub time_since: bool,
}

impl Default for SessionInputs {
    fn default() -> Self {
        Self { context: true, previous_session: true, number_of_tracks: true, stream_source: true, time_since: true }
    }
}

/// Settings of CoSeRNN.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CoSeRnnSettings {
    /// Units of each LSTM (400: the official code).
    pub lstm_units: usize,
    /// Units of each dense layer (200: the official code).
    pub dense_units: usize,
    /// Streams.
    pub streams: SessionStreams,
    /// Inputs.
    pub inputs: SessionInputs,
    /// Whether the long-term vector is mixed in.
    pub long_term: bool,
    /// Weight, in training, of the loss of the network's own vector beside that of the mixture (0: the paper).
    pub network_loss: f64,
}

impl Default for CoSeRnnSettings {
    fn default() -> Self {
        Self {
            lstm_units: 400,
            dense_units: 200,
            streams: SessionStreams::PlayedAndSkipped,
            inputs: SessionInputs::default(),
            long_term: true,
            network_loss: 1.0,
        }
    }
}

impl CoSeRnnSettings {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> Result<()> {
        if self.lstm_units == 0 || self.dense_units == 0 {
            return Err(ModelError::setting("lstm_units, dense_units", "must be at least 1"));
        }
        if !(self.network_loss.is_finite() && self.network_loss >= 0.0) {
            return Err(ModelError::setting("network_loss", "must be a number of at least 0"));
        }
        let SessionInputs { context, previous_session, number_of_tracks, stream_source, time_since } = self.inputs;
        if !(context || previous_session || number_of_tracks || stream_source || time_since) {
            return Err(ModelError::setting("inputs", "all are left out; take in at least one"));
        }
        Ok(())
    }
}
