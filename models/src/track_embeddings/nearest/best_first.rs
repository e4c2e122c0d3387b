//! Best-first search through the graph, over a compact copy of its lowest level.
//!
//! The copy holds links and codes in two plain tables, so that all neighbours of a track can be fetched from memory
//! before the first is scored; the library's own search, which follows one pointer after another, answers about half as
//! many queries. Instead of descending through the upper levels, a query starts at the best of some hundred fixed
//! tracks.

use listening_data::prefetch;

use super::codes::CodeLayout;
use super::dot_products::products_of_codes;
use super::graph::Graph;

/// One starting track is kept for so many tracks.
const TRACKS_PER_START: usize = 512;
/// Best starting tracks from which a query sets out.
const STARTS: usize = 4;
/// No track.
const NONE: u32 = u32::MAX;

/// The lowest level of the graph.
pub struct LinkedTracks {
    layout: CodeLayout,
    links_per_track: usize,
    links: Vec<u32>,
    codes: Vec<i8>,
    starts: Vec<u32>,
}

/// Working memory of a query, to be used again by the next.
#[derive(Default)]
pub struct Scratch {
    visited: Vec<u64>,
    pool: Vec<Candidate>,
    fresh: Vec<u32>,
    scores: Vec<f32>,
    query: Vec<i8>,
}

#[derive(Clone, Copy)]
struct Candidate {
    score: f32,
    track: u32,
    expanded: bool,
}

impl LinkedTracks {
    /// Copies the graph over the tracks whose vectors are `values`, rows of `dimension`.
    pub fn new(graph: &Graph, values: &[f32], dimension: usize) -> Self {
        let tracks = values.len() / dimension;
        let layout = CodeLayout::new(dimension);
        let links_per_track = graph.links();
        let mut links = vec![NONE; tracks * links_per_track];
        let mut codes = vec![0; tracks * layout.length];
        let mut keys = vec![0; links_per_track];
        let mut linked = Vec::new();
        for track in (0..tracks as u32).filter(|&track| graph.contains(track)) {
            let place = track as usize;
            layout.encode(
                &values[place * dimension..][..dimension],
                &mut codes[place * layout.length..][..layout.length],
            );
            graph.copy_links(track, &mut keys, &mut links[place * links_per_track..][..links_per_track]);
            linked.push(track);
        }
        let starts = linked.into_iter().step_by(TRACKS_PER_START).collect();
        Self { layout, links_per_track, links, codes, starts }
    }

    /// The approximately `expansion` nearest tracks to a query, best first by their codes.
    pub fn search<'s>(
        &self,
        query: &[f32],
        expansion: usize,
        scratch: &'s mut Scratch,
    ) -> impl Iterator<Item = u32> + use<'s> {
        let tracks = self.links.len() / self.links_per_track;
        scratch.visited.clear();
        scratch.visited.resize(tracks.div_ceil(64), 0);
        scratch.query.resize(self.layout.length, 0);
        self.layout.encode(query, &mut scratch.query);
        scratch.pool.clear();

        scratch.fresh.clear();
        scratch.fresh.extend_from_slice(&self.starts);
        self.score(scratch);
        scratch.take_fresh(STARTS.min(expansion));
        for start in &scratch.pool {
            scratch.visited[start.track as usize / 64] |= 1 << (start.track % 64);
        }

        // The pool is sorted; all before `next` have been expanded.
        let mut next = 0;
        while let Some(candidate) = scratch.pool.get_mut(next) {
            if candidate.expanded {
                next += 1;
                continue;
            }
            candidate.expanded = true;
            let links = &self.links[candidate.track as usize * self.links_per_track..][..self.links_per_track];
            scratch.fresh.clear();
            for &link in links.iter().take_while(|&&link| link != NONE) {
                let (word, bit) = (link as usize / 64, 1 << (link % 64));
                if scratch.visited[word] & bit == 0 {
                    scratch.visited[word] |= bit;
                    scratch.fresh.push(link);
                }
            }
            self.score(scratch);
            next = next.min(scratch.take_fresh(expansion));
            if let Some(candidate) = scratch.pool[next..].iter().find(|candidate| !candidate.expanded) {
                prefetch(&self.links[candidate.track as usize * self.links_per_track..][..self.links_per_track]);
            }
        }
        scratch.pool.iter().map(|candidate| candidate.track)
    }

    fn score(&self, scratch: &mut Scratch) {
        products_of_codes(self.layout, &scratch.query, &self.codes, &scratch.fresh, &mut scratch.scores);
    }
}

impl Scratch {
    /// Sorts the freshly scored tracks into the pool of at most `limit`; returns the first place that changed.
    fn take_fresh(&mut self, limit: usize) -> usize {
        let mut first = self.pool.len();
        for (&track, &score) in self.fresh.iter().zip(&self.scores) {
            if self.pool.len() == limit {
                if self.pool[limit - 1].score >= score {
                    continue;
                }
                self.pool.pop();
            }
            let place = self.pool.partition_point(|candidate| candidate.score >= score);
            self.pool.insert(place, Candidate { score, track, expanded: false });
            first = first.min(place);
        }
        first
    }
}
