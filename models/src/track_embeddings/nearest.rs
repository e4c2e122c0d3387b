//! Nearest neighbours among the tracks of a catalog: exact for small catalogs, by an index for large ones.

mod best;
mod best_first;
mod codes;
mod dot_products;
mod exact;
mod files;
mod graph;
mod settings;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::thread;

use best::BestTracks;
use best_first::{LinkedTracks, Scratch};
pub use dot_products::dot_products;
use graph::Graph;
pub use settings::IndexSettings;

use super::TrackVectors;
use crate::{ModelError, Result};

/// A track found near a query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    /// The track's number.
    pub track: u32,
    /// Dot product of its vector with the query: the cosine, if the query has length 1.
    pub similarity: f32,
}

impl Neighbour {
    /// The more similar first, among equals the lower track number.
    fn order(a: &Self, b: &Self) -> Ordering {
        b.similarity.total_cmp(&a.similarity).then(a.track.cmp(&b.track))
    }
}

/// The tracks of a catalog, ready to be searched.
///
/// Tracks without a vector and tracks taken out are never neighbours.
pub struct NearestTracks {
    vectors: TrackVectors,
    /// Tracks taken out by [`Self::remove`].
    removed: Vec<bool>,
    /// Tracks that may be neighbours.
    present: Vec<bool>,
    index: Option<Index>,
}

struct Index {
    settings: IndexSettings,
    graph: Graph,
    linked: LinkedTracks,
}

impl NearestTracks {
    /// Exact search: the reference, and the faster way for small catalogs.
    pub fn exact(vectors: TrackVectors) -> Self {
        let removed = vec![false; vectors.tracks()];
        let present = (0..vectors.tracks() as u32).map(|track| vectors.known(track)).collect();
        Self { vectors, removed, present, index: None }
    }

    /// Builds an index, whatever the size of the catalog. `linked` is told how many tracks have been linked so far.
    pub fn indexed(vectors: TrackVectors, settings: &IndexSettings, linked: &mut dyn FnMut(u64)) -> Result<Self> {
        settings.validate()?;
        let mut nearest = Self::exact(vectors);
        let mut graph = Graph::new(nearest.vectors.dimension(), settings)?;
        graph.reserve(nearest.known().count())?;
        for (done, track) in nearest.known().enumerate() {
            graph.add(track, nearest.vectors.vector(track))?;
            linked(done as u64 + 1);
        }
        nearest.index = Some(Index::new(graph, &nearest.vectors, settings));
        Ok(nearest)
    }

    /// Exact search below `settings.exact_below` tracks with a vector, an index from there on.
    pub fn new(vectors: TrackVectors, settings: &IndexSettings, linked: &mut dyn FnMut(u64)) -> Result<Self> {
        settings.validate()?;
        let exact = Self::exact(vectors);
        if exact.known().count() < settings.exact_below {
            return Ok(exact);
        }
        Self::indexed(exact.vectors, settings, linked)
    }

    fn known(&self) -> impl Iterator<Item = u32> {
        (0..self.vectors.tracks() as u32).filter(|&track| self.vectors.known(track))
    }

    /// The vectors that are searched.
    pub fn vectors(&self) -> &TrackVectors {
        &self.vectors
    }

    /// Whether an index is used.
    pub fn is_indexed(&self) -> bool {
        self.index.is_some()
    }

    /// The `count` tracks of largest dot product with `query`, best first; among equals the lower track number first.
    ///
    /// With an index some of them may be missed, and others stand in their place.
    pub fn nearest(&self, query: &[f32], count: usize) -> Result<Vec<Neighbour>> {
        Ok(self.nearest_batch(query, count, 1)?.pop().unwrap_or_default())
    }

    /// The same for many queries, one after another in `queries`. The number of threads changes the time, not the
    /// result.
    pub fn nearest_batch(&self, queries: &[f32], count: usize, threads: usize) -> Result<Vec<Vec<Neighbour>>> {
        let dimension = self.vectors.dimension();
        if !queries.len().is_multiple_of(dimension) || !queries.iter().all(|x| x.is_finite()) {
            let problem = format!("must be finite vectors of {dimension} values, got {} values", queries.len());
            return Err(ModelError::setting("queries", problem));
        }
        let search = |queries: &[f32]| match &self.index {
            None => exact::search(self.vectors.values(), &self.present, dimension, queries, count),
            Some(index) => {
                let mut scratch = Scratch::default();
                let one = |query| self.search_index(index, query, count, &mut scratch);
                queries.chunks_exact(dimension).map(one).collect()
            }
        };
        let rows = queries.len() / dimension;
        let part = rows.div_ceil(threads.max(1)).max(1) * dimension;
        if rows <= 1 || threads <= 1 {
            return Ok(search(queries));
        }
        Ok(thread::scope(|scope| {
            let running: Vec<_> = queries.chunks(part).map(|queries| scope.spawn(|| search(queries))).collect();
            let join = |thread: thread::ScopedJoinHandle<'_, Vec<_>>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            running.into_iter().flat_map(join).collect()
        }))
    }

    fn search_index(&self, index: &Index, query: &[f32], count: usize, scratch: &mut Scratch) -> Vec<Neighbour> {
        let dimension = self.vectors.dimension();
        let mut expansion = index.settings.expansion.max(count + count / 20);
        // Tracks taken out still lead the way to others; where they crowd out the rest, more candidates are looked at.
        while expansion < self.present.len() {
            let found = index.linked.search(query, expansion, scratch);
            let mut best = BestTracks::new(count);
            let mut present = 0;
            for track in found.filter(|&track| self.present[track as usize]) {
                let mut similarity = [0.0];
                dot_products::dot_products(self.vectors.vector(track), query, dimension, &mut similarity);
                best.offer(Neighbour { track, similarity: similarity[0] });
                present += 1;
            }
            if present >= count {
                return best.into_sorted();
            }
            expansion *= 4;
        }
        exact::search(self.vectors.values(), &self.present, dimension, query, count).pop().unwrap_or_default()
    }

    /// Sets the candidates that an index's query keeps: more find more of the true neighbours, and take longer.
    pub fn set_expansion(&mut self, expansion: usize) -> Result<()> {
        if let Some(index) = &mut self.index {
            let settings = IndexSettings { expansion, ..index.settings.clone() };
            settings.validate()?;
            index.settings = settings;
        }
        Ok(())
    }

    /// Takes a track out, so that it is never a neighbour; false if it was not one anyway.
    pub fn remove(&mut self, track: u32) -> bool {
        move_over(track, &mut self.present, &mut self.removed)
    }

    /// Brings back a track that was taken out; false if it was not.
    pub fn add(&mut self, track: u32) -> bool {
        move_over(track, &mut self.removed, &mut self.present)
    }

    /// Goes over to a newer table of vectors, which may have more tracks: only tracks whose vector is new or another
    /// one are linked again, and they are neighbours even if they had been taken out. Returns how many there are.
    ///
    /// The index stays as good as its library's updates are; after changing most vectors a new one is better.
    pub fn update(&mut self, vectors: TrackVectors) -> Result<usize> {
        if vectors.dimension() != self.vectors.dimension() || vectors.tracks() < self.vectors.tracks() {
            let shape = |vectors: &TrackVectors| (vectors.tracks(), vectors.dimension());
            let problem = format!(
                "are {:?} (tracks, dimension) where {:?} were: the dimension must stay and no track may go; build anew",
                shape(&vectors),
                shape(&self.vectors)
            );
            return Err(ModelError::setting("vectors", problem));
        }
        let before = self.vectors.tracks() as u32;
        let all = 0..vectors.tracks() as u32;
        let changed: Vec<u32> = all
            .filter(|&track| match track < before {
                true => vectors.vector(track) != self.vectors.vector(track),
                false => vectors.known(track),
            })
            .collect();
        if let Some(index) = &mut self.index {
            index.graph.reserve(vectors.tracks())?;
            for &track in &changed {
                index.graph.remove(track)?;
                if vectors.known(track) {
                    index.graph.add(track, vectors.vector(track))?;
                }
            }
            index.linked = LinkedTracks::new(&index.graph, vectors.values(), vectors.dimension());
        }
        self.removed.resize(vectors.tracks(), false);
        self.present.resize(vectors.tracks(), false);
        for &track in &changed {
            self.removed[track as usize] = false;
            self.present[track as usize] = vectors.known(track);
        }
        self.vectors = vectors;
        Ok(changed.len())
    }
}

/// Moves a track from one set to the other; false if it is not in the one.
fn move_over(track: u32, from: &mut [bool], to: &mut [bool]) -> bool {
    let place = track as usize;
    let was_there = from.get(place).copied().unwrap_or(false);
    if was_there {
        (from[place], to[place]) = (false, true);
    }
    was_there
}

impl Index {
    fn new(graph: Graph, vectors: &TrackVectors, settings: &IndexSettings) -> Self {
        let linked = LinkedTracks::new(&graph, vectors.values(), vectors.dimension());
        Self { settings: settings.clone(), graph, linked }
    }
}
