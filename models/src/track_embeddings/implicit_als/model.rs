//! The factors of users and tracks, and what is asked of them.

use std::path::Path;

use super::factor_table::{FactorTable, Side};
use super::interactions::Interactions;
use super::scoring::{ScoredTrack, TrackTiles};
use crate::simd::{AlignedFloats, Chunk, LANES};
use crate::tensors::{SavedTensor, TensorFile, save_tensors};
use crate::track_embeddings::TrackVectors;
use crate::{ModelError, Result};

const FILE: &str = "implicit_als.safetensors";

/// Users and tracks as vectors whose dot product, plus biases if there are any, says how much a user likes a track.
///
/// Users and tracks without plays have a zero vector and a zero bias.
#[derive(Clone, Debug)]
pub struct ImplicitAls {
    pub(super) users: FactorTable,
    pub(super) tracks: FactorTable,
}

impl ImplicitAls {
    /// Takes factors `[users, factors]` and `[tracks, factors]`, row by row, without biases.
    pub fn from_factors(factors: usize, users: &[f32], tracks: &[f32]) -> Result<Self> {
        for (name, values) in [("users", users), ("tracks", tracks)] {
            if factors == 0 || values.len() % factors != 0 || values.iter().any(|x| !x.is_finite()) {
                let problem = format!(
                    "{} values of {name} are not rows of {factors} finite factors; give rows of equal length",
                    values.len()
                );
                return Err(ModelError::setting("als.factors", problem));
            }
        }
        let table = |side, values: &[f32]| filled(side, factors, values, None);
        Ok(Self { users: table(Side::User, users), tracks: table(Side::Track, tracks) })
    }

    /// Length of a vector.
    pub fn factors(&self) -> usize {
        self.users.factors()
    }

    /// Number of users.
    pub fn users(&self) -> usize {
        self.users.rows()
    }

    /// Number of tracks.
    pub fn tracks(&self) -> usize {
        self.tracks.rows()
    }

    /// A user's vector.
    pub fn user_vector(&self, user: u32) -> &[f32] {
        self.users.vector(user as usize)
    }

    /// A track's vector.
    pub fn track_vector(&self, track: u32) -> &[f32] {
        self.tracks.vector(track as usize)
    }

    /// A user's bias; 0 in a model without biases.
    pub fn user_bias(&self, user: u32) -> f32 {
        self.users.bias(user as usize)
    }

    /// A track's bias; 0 in a model without biases.
    pub fn track_bias(&self, track: u32) -> f32 {
        self.tracks.bias(track as usize)
    }

    /// The tracks' vectors scaled to length 1, in the place of CBOW's. Biases are left out.
    pub fn track_vectors(&self) -> TrackVectors {
        let rows = (0..self.tracks()).flat_map(|track| self.tracks.vector(track));
        TrackVectors::new(self.factors(), rows.copied().collect())
    }

    /// Lays the tracks out for [`Recommender::recommend`].
    pub fn recommender(&self) -> Recommender<'_> {
        let listed = (0..self.tracks()).map(|track| self.tracks.vector(track).iter().any(|&x| x != 0.0)).collect();
        Recommender { model: self, tiles: TrackTiles::new(self.tracks.chunks(), self.tracks.width(), listed) }
    }

    /// Writes `implicit_als.safetensors` into a folder: `user_factors` `[users, factors]`, `track_factors`
    /// `[tracks, factors]`, `user_biases` `[users]` and `track_biases` `[tracks]`, the latter two empty in a model
    /// without biases.
    pub fn save(&self, folder: &Path) -> Result<()> {
        let factors = |table: &FactorTable| -> Vec<f32> {
            (0..table.rows()).flat_map(|row| table.vector(row)).copied().collect()
        };
        let biases = |table: &FactorTable| -> Vec<f32> {
            (0..table.rows()).filter(|_| table.biases()).map(|row| table.bias(row)).collect()
        };
        let (users, tracks) = (factors(&self.users), factors(&self.tracks));
        let (user_biases, track_biases) = (biases(&self.users), biases(&self.tracks));
        let tensors = [
            ("user_factors".to_owned(), SavedTensor::floats(&[self.users(), self.factors()], &users)),
            ("track_factors".to_owned(), SavedTensor::floats(&[self.tracks(), self.factors()], &tracks)),
            ("user_biases".to_owned(), SavedTensor::floats(&[user_biases.len()], &user_biases)),
            ("track_biases".to_owned(), SavedTensor::floats(&[track_biases.len()], &track_biases)),
        ];
        save_tensors(&folder.join(FILE), &tensors)
    }

    /// Reads what [`Self::save`] wrote.
    pub fn load(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let file = TensorFile::open(&path)?;
        let factors = |name: &str| match file.floats(name)? {
            (&[_, factors], values) if factors > 0 && values.iter().all(|x| x.is_finite()) => Ok((factors, values)),
            (shape, _) => {
                let problem = format!("`{name}` has shape {shape:?}, expected finite [rows, factors]");
                Err(ModelError::bad_file(&path, problem))
            }
        };
        let (length, users) = factors("user_factors")?;
        let (track_length, tracks) = factors("track_factors")?;
        if length != track_length {
            let problem = format!("users have {length} factors, tracks {track_length}; expected as many");
            return Err(ModelError::bad_file(&path, problem));
        }
        let biases = |name: &str| match file.floats(name)? {
            (&[_], values) if values.iter().all(|x| x.is_finite()) => Ok(values),
            (shape, _) => {
                let problem = format!("`{name}` has shape {shape:?}, expected finite [rows] or [0]");
                Err(ModelError::bad_file(&path, problem))
            }
        };
        let (user_biases, track_biases) = (biases("user_biases")?, biases("track_biases")?);
        let found = (user_biases.len(), track_biases.len());
        let rows = (users.len() / length, tracks.len() / length);
        if found != rows && found != (0, 0) {
            let problem = format!("(users, tracks) with biases are {found:?}, expected {rows:?} or (0, 0)");
            return Err(ModelError::bad_file(&path, problem));
        }
        let biased = found != (0, 0);
        Ok(Self {
            users: filled(Side::User, length, &users, biased.then_some(&user_biases)),
            tracks: filled(Side::Track, length, &tracks, biased.then_some(&track_biases)),
        })
    }
}

fn filled(side: Side, factors: usize, values: &[f32], biases: Option<&[f32]>) -> FactorTable {
    let mut table = FactorTable::zeros(side, values.len() / factors, factors, biases.is_some());
    let bias_column = table.bias_column();
    for (row, values) in values.chunks_exact(factors).enumerate() {
        table.row_mut(row)[..factors].copy_from_slice(values);
        if let (Some(column), Some(biases)) = (bias_column, biases) {
            table.row_mut(row)[column] = biases[row];
        }
    }
    table
}

/// Finds the tracks that users like most. Holds a second copy of the tracks' vectors.
pub struct Recommender<'a> {
    model: &'a ImplicitAls,
    tiles: TrackTiles,
}

impl Recommender<'_> {
    /// For each user the `count` tracks of largest x.y (+ b_u + b_i), best first; ties by track number.
    ///
    /// Exact. Tracks without plays are never recommended, nor those that the user played in `known`, if it is given.
    /// A user's result does not depend on who else is asked about.
    pub fn recommend(
        &self,
        users: &[u32],
        known: Option<&Interactions>,
        count: usize,
        threads: usize,
    ) -> Result<Vec<Vec<ScoredTrack>>> {
        let queries: Vec<_> = users.iter().map(|&user| self.model.users.row_chunks(user as usize)).collect();
        self.tiles.best(&queries, |place| known.map_or(&[], |known| known.tracks_of(users[place])), count, threads)
    }
}

/// Finds the tracks whose vectors point the same way. Holds two copies of the vectors.
pub struct SimilarTracks {
    width: usize,
    rows: AlignedFloats,
    tiles: TrackTiles,
}

impl SimilarTracks {
    /// Lays track vectors out for the search.
    pub fn new(vectors: &TrackVectors) -> Self {
        let width = vectors.dimension().div_ceil(LANES);
        let mut rows = AlignedFloats::zeros(vectors.tracks() * width);
        let padded = rows.floats_mut().chunks_exact_mut(width * LANES);
        for (row, vector) in padded.zip(vectors.values().chunks_exact(vectors.dimension())) {
            row[..vectors.dimension()].copy_from_slice(vector);
        }
        let listed = (0..vectors.tracks() as u32).map(|track| vectors.known(track)).collect();
        let tiles = TrackTiles::new(rows.chunks(), width, listed);
        Self { width, rows, tiles }
    }

    /// For each track the `count` others of largest cosine, best first; ties by track number.
    ///
    /// Exact. Tracks without a vector are never found, and to them every track is equally far (0).
    pub fn similar(&self, tracks: &[u32], count: usize, threads: usize) -> Result<Vec<Vec<ScoredTrack>>> {
        let row = |&track: &u32| -> &[Chunk] { &self.rows.chunks()[track as usize * self.width..][..self.width] };
        let queries: Vec<_> = tracks.iter().map(row).collect();
        self.tiles.best(&queries, |place| &tracks[place..=place], count, threads)
    }
}
