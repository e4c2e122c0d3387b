//! JODIE (Kumar, Zhang and Leskovec, KDD 2019): users and tracks have embeddings which change with every play, each from
//! the other's; a user's is projected into the future to foretell the next track.

mod embeddings;
mod interactions;
mod network;
mod t_batches;
mod training;
mod units;
mod window;

use serde::{Deserialize, Serialize};

use crate::network::Parameters;
use crate::track_embeddings::TrackVectors;
use crate::user_state::baselines::one_thread::on_one_thread;
use crate::user_state::{Foreteller, Foretold, Histories, Part};
use crate::{ModelError, Result};
use embeddings::Moment;
pub use network::{JodieLengths, JodieNetwork};
use units::Unit;

/// Settings of JODIE.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JodieSettings {
    /// Length of the dynamic embeddings (paper: 128).
    pub embedding_length: usize,
    /// Weight of the squared change of a user's embedding by a play (1 in the authors' code).
    pub user_change: f64,
    /// Weight of the squared change of a track's embedding by a play (1 in the authors' code).
    pub item_change: f64,
    /// Plays, in order of time, after which the weights move and gradients are cut (ours; the authors cut time into 500
    /// spans).
    pub window: usize,
}

impl Default for JodieSettings {
    fn default() -> Self {
        Self { embedding_length: 128, user_change: 1.0, item_change: 1.0, window: 2000 }
    }
}

impl JodieSettings {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> Result<()> {
        if self.embedding_length == 0 || self.window == 0 {
            return Err(ModelError::setting("embedding_length, window", "must be at least 1"));
        }
        if [self.user_change, self.item_change].iter().any(|weight| !weight.is_finite() || *weight < 0.0) {
            return Err(ModelError::setting("user_change, item_change", "must be 0 or more"));
        }
        Ok(())
    }
}

/// The model with the histories that it runs through: all users' plays, in order of time.
///
/// Memory grows with users and tracks, and not with plays.
pub struct Jodie<'a> {
    network: JodieNetwork,
    histories: &'a Histories,
    vectors: &'a TrackVectors,
    settings: JodieSettings,
    unit: Unit,
}

impl<'a> Jodie<'a> {
    /// Adds the parameters. Features of a play are its track's vector, responses and time as in
    /// [`PlayChunk`](crate::user_state::PlayChunk); the static embedding of a user is what is known at the session's
    /// start, that of a track its vector.
    pub fn new(
        parameters: &mut Parameters,
        histories: &'a Histories,
        vectors: &'a TrackVectors,
        settings: JodieSettings,
    ) -> Result<Self> {
        Self::of(parameters, histories, vectors, settings, Unit::Play)
    }

    /// The same over sessions: a user meets one item per session, the track most often played in it, and the vector of all
    /// tracks played is foretold. Features of a session are the vectors and numbers of its tracks played and skipped and
    /// what it was streamed from; the static embedding of a user is the context of the session that begins, that of an item
    /// the track's vector.
    pub fn over_sessions(
        parameters: &mut Parameters,
        histories: &'a Histories,
        vectors: &'a TrackVectors,
        settings: JodieSettings,
    ) -> Result<Self> {
        Self::of(parameters, histories, vectors, settings, Unit::Session)
    }

    fn of(
        parameters: &mut Parameters,
        histories: &'a Histories,
        vectors: &'a TrackVectors,
        settings: JodieSettings,
        unit: Unit,
    ) -> Result<Self> {
        settings.validate()?;
        let network = JodieNetwork::new(parameters, unit.lengths(histories, vectors, &settings))?;
        Ok(Self { network, histories, vectors, settings, unit })
    }

    fn beginning(&self) -> Moment {
        Moment::new(self.histories.users(), self.vectors.tracks(), self.settings.embedding_length)
    }
}

impl Foreteller for Jodie<'_> {
    /// Runs through the plays of all users, those not in the part too: they move the tracks' embeddings.
    fn foretell(&self, part: Part, take: &mut dyn FnMut(Foretold<'_>) -> Result<()>) -> Result<()> {
        let in_part = |user: usize| user % part.stride == part.shard;
        let foretell = || {
            self.for_each_window(part.split, &mut self.beginning(), &mut |window| {
                let values = Vec::<f32>::try_from(window.foretold.f_reshape([-1])?)?;
                let rows = values.chunks_exact(self.vectors.dimension());
                for (interaction, vector) in window.interactions.iter().zip(rows) {
                    if let Some(target) = self.target(interaction, part.split).filter(|_| in_part(interaction.user)) {
                        take(Foretold { target, vector, rank: None })?;
                    }
                }
                Ok(true)
            })
        };
        on_one_thread(|| tch::no_grad(foretell))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
