//! The neighbourhood graph of the catalog, built and kept by the library `usearch`.
//!
//! The graph is HNSW's (Malkov and Yashunin 2016, arXiv 1603.09320). Tracks are inserted one after another in the order
//! of their numbers by one thread, and the library draws levels from a generator with a fixed seed: the same vectors
//! and settings give the same graph.

use std::path::Path;

use usearch::{IndexOptions, MetricKind, ScalarKind};

use super::codes::CodeLayout;
use super::settings::IndexSettings;
use crate::{ModelError, Result};

/// The library's index over codes, with track numbers as keys.
pub struct Graph {
    index: usearch::Index,
    layout: CodeLayout,
    connectivity: usize,
}

impl Graph {
    /// A graph without tracks for vectors of `dimension` values.
    pub fn new(dimension: usize, settings: &IndexSettings) -> Result<Self> {
        let layout = CodeLayout::new(dimension);
        let index = usearch::Index::new(&IndexOptions {
            dimensions: layout.length,
            metric: MetricKind::IP,
            quantization: ScalarKind::I8,
            connectivity: settings.connectivity,
            expansion_add: settings.build_expansion,
            expansion_search: settings.expansion,
            multi: false,
        })
        .map_err(refused)?;
        let mut graph = Self { index, layout, connectivity: settings.connectivity };
        graph.set_metric();
        Ok(graph)
    }

    /// Tells the library how to compare codes.
    fn set_metric(&mut self) {
        let layout = self.layout;
        let metric = move |a: *const i8, b: *const i8| {
            // SAFETY: the library hands over codes of the length it was made for.
            let [a, b] = [a, b].map(|code| unsafe { std::slice::from_raw_parts(code, layout.length) });
            1.0 - layout.dot(a, b)
        };
        self.index.change_metric::<i8>(Box::new(metric));
    }

    /// Makes room for `tracks` tracks in all.
    pub fn reserve(&self, tracks: usize) -> Result<()> {
        self.index.reserve_capacity_and_threads(tracks, 1).map_err(refused)
    }

    /// Whether the graph holds a track.
    pub fn contains(&self, track: u32) -> bool {
        self.index.contains(u64::from(track))
    }

    /// Links a new track. Room must have been reserved.
    pub fn add(&mut self, track: u32, vector: &[f32]) -> Result<()> {
        let mut code = vec![0; self.layout.length];
        self.layout.encode(vector, &mut code);
        self.index.add(u64::from(track), &code).map_err(refused)
    }

    /// Takes a track out, if it is there.
    pub fn remove(&mut self, track: u32) -> Result<()> {
        self.index.remove(u64::from(track)).map_err(refused)?;
        Ok(())
    }

    /// Links per track.
    pub fn links(&self) -> usize {
        2 * self.connectivity
    }

    /// Writes the linked tracks of one track to the front of `links`, and returns how many there are.
    ///
    /// `keys` is room for [`Self::links`] numbers.
    pub fn copy_links(&self, track: u32, keys: &mut [u64], links: &mut [u32]) -> usize {
        let count = self.index.neighbors(u64::from(track), 0).drain_into(keys);
        let mut copied = 0;
        // A track that was taken out stays in its neighbours' lists under a number beyond all tracks.
        for link in keys[..count].iter().filter_map(|&key| u32::try_from(key).ok()) {
            links[copied] = link;
            copied += 1;
        }
        copied
    }

    /// Writes the library's file.
    pub fn save(&self, path: &Path) -> Result<()> {
        self.index.save(as_text(path)?).map_err(refused)
    }

    /// Reads the library's file, whose checksum the caller has checked: the library trusts its contents.
    pub fn load(path: &Path, dimension: usize, settings: &IndexSettings) -> Result<Self> {
        let mut graph = Self::new(dimension, settings)?;
        graph.index.load(as_text(path)?).map_err(|e| ModelError::bad_file(path, e.to_string()))?;
        let found = (graph.index.dimensions(), graph.index.connectivity());
        let expected = (graph.layout.length, settings.connectivity);
        if found != expected {
            let problem = format!("has (code length, connectivity) {found:?}, expected {expected:?}");
            return Err(ModelError::bad_file(path, problem));
        }
        // Loading puts the library's own metric in place.
        graph.set_metric();
        Ok(graph)
    }
}

fn refused(reason: impl std::fmt::Display) -> ModelError {
    ModelError::Index(reason.to_string())
}

fn as_text(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| ModelError::bad_file(path, "the index library needs a path in UTF-8"))
}
