//! CoSeRNN: a user's preferences as one vector per session, drawn when the session begins (Hansen et al., "Contextual and
//! sequential user embeddings for large-scale music recommendation", RecSys 2020).
//!
//! Two streams run through the sessions, one of the tracks played and one of the tracks skipped. Their outputs give a
//! vector that is mixed with the user's long-term vector.

mod settings;
mod state;
#[cfg(test)]
mod tests;

use listening_data::{CounterRng, Source};
use tch::{Kind, Tensor};

use super::UserState;
use super::past_sessions::{PastSessions, Weighting};
use super::sequences::SequenceModel;
use super::session_chunks::{SESSION_CONTEXT, SessionChunk, SessionStream};
use super::session_vectors::SessionTracks;
use super::unit_vectors::{cosine_loss, unit};
use crate::Result;
use crate::network::{Cell, Dense, DenseStack, Parameters, Recurrent};

pub use settings::{CoSeRnnSettings, SessionInputs, SessionStreams};
use state::CoSeRnnState;

/// The network.
pub struct CoSeRnn {
    inputs: SessionInputs,
    streams: Vec<Stream>,
    /// Two layers upon the joined outputs of the streams.
    dense: DenseStack,
    /// To the space of the tracks.
    output: Dense,
    /// To the two weights of the mixture; none where the long-term vector is left out.
    fusion: Option<Dense>,
    long_term: PastSessions,
    /// Weight, in training, of the loss of the network's own vector.
    network_loss: f64,
}

/// Two dense layers and an LSTM over the tracks of one kind.
struct Stream {
    tracks: SessionTracks,
    dense: DenseStack,
    lstm: Recurrent,
}

impl Stream {
    fn new(
        parameters: &mut Parameters,
        name: &str,
        tracks: SessionTracks,
        inputs: usize,
        settings: &CoSeRnnSettings,
    ) -> Result<Self> {
        let CoSeRnnSettings { dense_units, lstm_units, .. } = *settings;
        Ok(Self {
            tracks,
            dense: DenseStack::new(parameters, &format!("{name}.dense"), inputs, &[dense_units; 2])?,
            lstm: Recurrent::new(parameters, &format!("{name}.lstm"), Cell::Lstm, dense_units, lstm_units, 1)?,
        })
    }

    fn of<'a>(&self, known: &Known<'a>) -> &'a SessionStream {
        match self.tracks {
            SessionTracks::Played => known.played,
            SessionTracks::Skipped => known.skipped,
            SessionTracks::All => known.all,
        }
    }

    fn shallow_clone(&self) -> Self {
        Self { tracks: self.tracks, dense: self.dense.shallow_clone(), lstm: self.lstm.shallow_clone() }
    }
}

/// What is known as sessions begin, as in [`SessionChunk`].
struct Known<'a> {
    context: &'a Tensor,
    since: &'a Tensor,
    source: &'a Tensor,
    played: &'a SessionStream,
    skipped: &'a SessionStream,
    all: &'a SessionStream,
}

/// What a run of the network gives.
struct Run {
    /// `[steps, lanes, dimension]`, of length 1: the mixture of the network's own vectors and the long-term vectors.
    vectors: Tensor,
    /// `[steps, lanes, dimension]`: the network's own vectors, of any length.
    own: Tensor,
    /// `[lanes, memory]`, after the last step.
    memory: Tensor,
}

impl CoSeRnn {
    /// Adds the parameters of a network over track vectors of `dimension` values.
    pub fn new(parameters: &mut Parameters, dimension: usize, settings: &CoSeRnnSettings) -> Result<Self> {
        settings.validate()?;
        let inputs = settings.inputs;
        let widths = [
            (inputs.context, SESSION_CONTEXT),
            (inputs.previous_session, dimension),
            (inputs.number_of_tracks, 1),
            (inputs.stream_source, Source::ALL.len()),
            (inputs.time_since, 1),
        ];
        let width = widths.iter().filter(|(taken, _)| *taken).map(|(_, width)| width).sum();
        let kinds: &[(&str, SessionTracks)] = match settings.streams {
            SessionStreams::Played => &[("played", SessionTracks::Played)],
            SessionStreams::PlayedAndSkipped => {
                &[("played", SessionTracks::Played), ("skipped", SessionTracks::Skipped)]
            }
            SessionStreams::Union => &[("union", SessionTracks::All)],
        };
        let streams = kinds.iter().map(|&(name, tracks)| Stream::new(parameters, name, tracks, width, settings));
        let streams = streams.collect::<Result<Vec<_>>>()?;
        let joined = streams.len() * settings.lstm_units;
        let fusion = settings.long_term.then(|| Dense::new(parameters, "fusion", joined, 2)).transpose()?;
        // The vector begins much shorter than the long-term vector, as a small correction of it. If it began as long, and
        // pointing anywhere, the mixture would soon leave it out, and it would never learn.
        let shorter = if settings.long_term { 1000 } else { 1 };
        Ok(Self {
            inputs,
            streams,
            dense: DenseStack::new(parameters, "dense", joined, &[settings.dense_units; 2])?,
            output: Dense::with_fan_in(
                parameters,
                "output",
                settings.dense_units,
                dimension,
                shorter * settings.dense_units,
            )?,
            fusion,
            long_term: PastSessions { weighting: Weighting::Recency, dimension },
            network_loss: if settings.long_term { settings.network_loss } else { 0.0 },
        })
    }

    /// `[steps, lanes, width]`: what a stream takes in.
    fn inputs(&self, known: &Known<'_>, stream: &SessionStream) -> Result<Tensor> {
        let parts = [
            (self.inputs.context, known.context),
            (self.inputs.previous_session, &stream.vectors),
            (self.inputs.number_of_tracks, &stream.numbers),
            (self.inputs.stream_source, known.source),
            (self.inputs.time_since, known.since),
        ];
        let taken: Vec<&Tensor> = parts.iter().filter(|(taken, _)| *taken).map(|(_, part)| *part).collect();
        Ok(Tensor::f_cat(&taken, 2)?)
    }

    fn forward(&self, known: &Known<'_>, memory: &Tensor) -> Result<Run> {
        let (mut outputs, mut after, mut at) = (Vec::new(), Vec::new(), 0);
        for stream in &self.streams {
            let inputs = stream.dense.forward(&self.inputs(known, stream.of(known))?)?;
            let length = stream.lstm.state_length() as i64;
            let (output, state) = stream.lstm.forward(&inputs, &memory.f_narrow(1, at, length)?)?;
            outputs.push(output);
            after.push(state);
            at += length;
        }
        let joined = Tensor::f_cat(&outputs, 2)?;
        let own = self.output.forward(&self.dense.forward(&joined)?)?;
        let before = memory.f_narrow(1, at, self.long_term.memory_length() as i64)?;
        let (long_term, carried) = self.long_term.forward(&known.played.vectors, &before)?;
        after.push(carried);
        let vectors = match &self.fusion {
            Some(fusion) => {
                let weights = fusion.forward(&joined)?.f_softmax(-1, Kind::Float)?;
                let mixed = own.f_mul(&weights.f_narrow(2, 0, 1)?)?;
                unit(&mixed.f_add(&long_term.f_mul(&weights.f_narrow(2, 1, 1)?)?)?)?
            }
            None => unit(&own)?,
        };
        Ok(Run { vectors, own, memory: Tensor::f_cat(&after, 1)? })
    }

    fn run(&self, chunk: &SessionChunk, memory: &Tensor) -> Result<Run> {
        let SessionChunk { context, since, source, played, skipped, all, .. } = chunk;
        self.forward(&Known { context, since, source, played, skipped, all }, memory)
    }

    /// Another handle on the same parameters.
    fn another(&self) -> Self {
        Self {
            inputs: self.inputs,
            streams: self.streams.iter().map(Stream::shallow_clone).collect(),
            dense: self.dense.shallow_clone(),
            output: self.output.shallow_clone(),
            fusion: self.fusion.as_ref().map(Dense::shallow_clone),
            long_term: self.long_term,
            network_loss: self.network_loss,
        }
    }
}

impl SequenceModel for CoSeRnn {
    type Chunk = SessionChunk;

    /// Per stream the state of its LSTM; then the sum and the number of the past sessions.
    fn memory_length(&self) -> usize {
        let states: usize = self.streams.iter().map(|stream| stream.lstm.state_length()).sum();
        states + self.long_term.memory_length()
    }

    /// The vectors are of length 1.
    fn foretell(&self, chunk: &SessionChunk, memory: &Tensor) -> Result<(Tensor, Tensor)> {
        let Run { vectors, memory, .. } = self.run(chunk, memory)?;
        Ok((vectors, memory))
    }

    fn loss(&self, chunk: &SessionChunk, memory: &Tensor, _noise: &mut CounterRng) -> Result<(Tensor, Tensor)> {
        let Run { vectors, own, memory } = self.run(chunk, memory)?;
        let mut loss = cosine_loss(&vectors, &chunk.targets, &chunk.weights)?;
        if self.network_loss > 0.0 {
            let of_own = cosine_loss(&unit(&own)?, &chunk.targets, &chunk.weights)?;
            loss = loss.f_add(&of_own.f_mul_scalar(self.network_loss)?)?;
        }
        Ok((loss, memory))
    }

    /// That of the mixture alone.
    fn measured_loss(&self, chunk: &SessionChunk, memory: &Tensor, _: &mut CounterRng) -> Result<(Tensor, Tensor)> {
        let (foretold, memory) = self.foretell(chunk, memory)?;
        Ok((cosine_loss(&foretold, &chunk.targets, &chunk.weights)?, memory))
    }

    fn user_state(&self) -> Option<Box<dyn UserState>> {
        Some(Box::new(CoSeRnnState(self.another())))
    }

    fn shallow_clone(&self) -> Box<dyn SequenceModel<Chunk = SessionChunk>> {
        Box::new(self.another())
    }
}
