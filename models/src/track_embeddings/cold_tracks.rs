//! Vectors for tracks that have none, from their audio features and their artist, by ridge regression.

mod inputs;
mod quality;
mod ridge;
#[cfg(test)]
mod tests;

use listening_data::Track;
use serde::{Deserialize, Serialize};

use self::inputs::Inputs;
pub use self::quality::{ColdTrackQuality, MethodQuality};
use self::ridge::{NormalEquations, Weights};
use super::TrackVectors;
use crate::{ModelError, Result};

/// Settings of the regression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ColdTrackSettings {
    /// Penalties to choose from.
    pub strengths: Vec<f64>,
    /// Number of tracks at which an artist's mean counts half.
    pub artist_shrinkage: f64,
    /// Share of the tracks that have a vector (and, apart from that, of their artists) held out to choose the penalty,
    /// and again to measure quality.
    pub held_out: f64,
    /// Neighbours compared.
    pub neighbours: usize,
}

impl Default for ColdTrackSettings {
    /// Ours: penalties a factor of ten apart, beyond both ends of what was chosen in trials.
    fn default() -> Self {
        Self { strengths: vec![1.0, 10.0, 100.0, 1e3, 1e4], artist_shrinkage: 1.0, held_out: 0.2, neighbours: 10 }
    }
}

impl ColdTrackSettings {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> Result<()> {
        if self.strengths.is_empty() || !self.strengths.iter().all(|&x| x > 0.0 && x.is_finite()) {
            return Err(ModelError::setting("embeddings.cold_tracks.strengths", "must be one or more numbers above 0"));
        }
        if !(self.artist_shrinkage >= 0.0 && self.artist_shrinkage.is_finite()) {
            return Err(ModelError::setting("embeddings.cold_tracks.artist_shrinkage", "must be 0 or more"));
        }
        if !(self.held_out > 0.0 && self.held_out <= 0.4) {
            return Err(ModelError::setting("embeddings.cold_tracks.held_out", "must be above 0 and at most 0.4"));
        }
        if self.neighbours == 0 {
            return Err(ModelError::setting("embeddings.cold_tracks.neighbours", "must be at least 1"));
        }
        Ok(())
    }
}

/// What was done, and how good it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColdTrackReport {
    /// Tracks that had a vector.
    pub known: usize,
    /// Tracks that were given one.
    pub filled: usize,
    /// Tracks of which nothing is known: they stay without.
    pub unknown: usize,
    /// The penalty chosen.
    pub strength: f64,
    /// On held-out tracks, whose artists may have other tracks.
    pub held_out_tracks: ColdTrackQuality,
    /// On all tracks of held-out artists, of which only the features are known.
    pub held_out_artists: ColdTrackQuality,
}

/// Gives tracks without a vector one that is predicted from their features and their artist.
///
/// `vectors` has zeros for the tracks without; those with a vector keep it. `artists` numbers each track's artist, as
/// [`listening_data::artist_numbers`] does.
pub fn fill_cold_tracks(
    catalog: &[Track],
    artists: &[u32],
    vectors: &TrackVectors,
    settings: &ColdTrackSettings,
    seed: u64,
) -> Result<(TrackVectors, ColdTrackReport)> {
    settings.validate()?;
    if catalog.len() != vectors.tracks() || artists.len() != vectors.tracks() {
        let problem = format!("are for {} tracks, the catalog has {}", vectors.tracks(), catalog.len());
        return Err(ModelError::setting("vectors", problem));
    }
    let known: Vec<bool> = (0..catalog.len() as u32).map(|track| vectors.known(track)).collect();
    let tracks = Tracks { catalog, artists, vectors, settings };
    let measured = quality::measure(&tracks, &known, seed)?;

    let model = Model::fit(&tracks, &known, true, measured.strength)?;
    let mut values = vectors.values().to_vec();
    let (mut filled, mut unknown) = (0, 0);
    for (track, row) in values.chunks_exact_mut(vectors.dimension()).enumerate().filter(|(track, _)| !known[*track]) {
        match model.predict(track as u32) {
            Some(predicted) => {
                row.copy_from_slice(&predicted);
                filled += 1;
            }
            None => unknown += 1,
        }
    }
    let report = ColdTrackReport {
        known: known.iter().filter(|&&known| known).count(),
        filled,
        unknown,
        strength: measured.strength,
        held_out_tracks: measured.tracks,
        held_out_artists: measured.artists,
    };
    Ok((TrackVectors::new(vectors.dimension(), values), report))
}

/// The catalog, and what is to be learnt from it.
#[derive(Clone, Copy)]
struct Tracks<'a> {
    catalog: &'a [Track],
    artists: &'a [u32],
    vectors: &'a TrackVectors,
    settings: &'a ColdTrackSettings,
}

/// A fitted regression.
struct Model<'a> {
    inputs: Inputs<'a>,
    weights: Weights,
}

impl<'a> Model<'a> {
    /// Fits to the tracks marked in `training`, with or without audio features.
    fn fit(tracks: &Tracks<'a>, training: &'a [bool], audio: bool, strength: f64) -> Result<Self> {
        let (inputs, equations) = equations(tracks, training, audio);
        Ok(Self { weights: equations.solve(strength)?, inputs })
    }

    /// The vector predicted for a track; none if nothing is known of it.
    fn predict(&self, track: u32) -> Option<Vec<f32>> {
        self.inputs.known(track).then(|| self.weights.predict(&self.inputs.row(track)))
    }
}

fn equations<'a>(tracks: &Tracks<'a>, training: &'a [bool], audio: bool) -> (Inputs<'a>, NormalEquations) {
    let inputs = Inputs::new(*tracks, training, audio);
    let mut equations = NormalEquations::new(inputs.len(), tracks.vectors.dimension());
    for track in (0..tracks.catalog.len() as u32).filter(|&track| training[track as usize]) {
        equations.add(&inputs.row(track), tracks.vectors.vector(track));
    }
    (inputs, equations)
}
