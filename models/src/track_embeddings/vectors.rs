//! The table of track vectors and exact nearest-neighbour search.

use std::path::Path;

use crate::tensors::{SavedTensor, TensorFile, save_tensors};
use crate::{ModelError, Result};

const FILE: &str = "track_vectors.safetensors";

/// One unit vector per track of the catalog; zeros for tracks without one.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackVectors {
    dimension: usize,
    values: Vec<f32>,
}

impl TrackVectors {
    /// Takes rows of `dimension` values and scales each to unit length (zeros stay zeros).
    pub fn new(dimension: usize, mut values: Vec<f32>) -> Self {
        for row in values.chunks_exact_mut(dimension) {
            let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
            if length > 0.0 {
                row.iter_mut().for_each(|x| *x /= length);
            }
        }
        Self { dimension, values }
    }

    /// Length of a vector.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Number of tracks.
    pub fn tracks(&self) -> usize {
        self.values.len() / self.dimension
    }

    /// The vector of one track.
    pub fn vector(&self, track: u32) -> &[f32] {
        &self.values[track as usize * self.dimension..][..self.dimension]
    }

    /// Whether the track has a vector.
    pub fn known(&self, track: u32) -> bool {
        self.vector(track).iter().any(|&x| x != 0.0)
    }

    /// All vectors, row by row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The `count` tracks with a vector of largest dot product with `query`, best first; ties by track number.
    ///
    /// Exact, O(tracks x dimension).
    pub fn nearest(&self, query: &[f32], count: usize) -> Vec<u32> {
        let mut scored: Vec<(f32, u32)> = (0..self.tracks() as u32)
            .filter(|&track| self.known(track))
            .map(|track| (dot(self.vector(track), query), track))
            .collect();
        let order = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if count < scored.len() {
            scored.select_nth_unstable_by(count, order);
            scored.truncate(count);
        }
        scored.sort_unstable_by(order);
        scored.into_iter().map(|(_, track)| track).collect()
    }

    /// Writes `track_vectors.safetensors` into a folder.
    pub fn save(&self, folder: &Path) -> Result<()> {
        let shape = [self.tracks(), self.dimension];
        save_tensors(&folder.join(FILE), &[("vectors".into(), SavedTensor::floats(&shape, &self.values))])
    }

    /// Reads what [`Self::save`] wrote for a catalog of `tracks` tracks.
    pub fn load(folder: &Path, tracks: usize) -> Result<Self> {
        let path = folder.join(FILE);
        let file = TensorFile::open(&path)?;
        let (shape, values) = file.floats("vectors")?;
        match *shape {
            [rows, dimension] if rows == tracks && dimension > 0 => Ok(Self { dimension, values }),
            _ => Err(ModelError::bad_file(&path, format!("has shape {shape:?}, expected [{tracks}, dimension]"))),
        }
    }
}

/// Dot product of two vectors of equal length.
///
/// Eight partial sums let the compiler use vector registers; the order of additions is fixed.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nearest_is_what_sorting_everything_gives(
            values in proptest::collection::vec(-1.0f32..1.0, 3 * 40), query in proptest::array::uniform3(-1.0f32..1.0), count in 0usize..50
        ) {
            let vectors = TrackVectors::new(3, values);
            let mut all: Vec<u32> = (0..40).collect();
            all.sort_by(|&a, &b| dot(vectors.vector(b), &query).total_cmp(&dot(vectors.vector(a), &query)).then(a.cmp(&b)));
            all.truncate(count);
            prop_assert_eq!(vectors.nearest(&query, count), all);
        }
    }

    #[test]
    fn vectors_are_unit_or_unknown_and_survive_the_disk() {
        let vectors = TrackVectors::new(2, vec![3.0, 4.0, 0.0, 0.0]);
        assert_eq!(vectors.vector(0), [0.6, 0.8]);
        assert!(vectors.known(0) && !vectors.known(1));
        assert_eq!(vectors.nearest(&[1.0, 0.0], 5), [0], "tracks without a vector are never neighbours");
        let folder = tempfile::tempdir().unwrap();
        vectors.save(folder.path()).unwrap();
        assert_eq!(TrackVectors::load(folder.path(), 2).unwrap(), vectors);
        assert!(TrackVectors::load(folder.path(), 3).is_err());
    }
}
