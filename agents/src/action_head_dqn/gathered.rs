//! What a network sees of sessions and candidates, gathered row by row.

use listening_data::prefetch;
use playlist_envs::{SessionView, World};

use super::network::Needs;
use super::observation::{CANDIDATE_FEATURES, Observer};

/// Rows of candidates, session by session, in memory that is used again.
#[derive(Default)]
pub(super) struct Gathered {
    observer: Observer,
    /// State features, session by session.
    pub(super) states: Vec<f32>,
    /// Candidate features, row by row.
    pub(super) candidates: Vec<f32>,
    /// The track of each row.
    pub(super) tracks: Vec<i64>,
    /// The session of each row, by its place in `states`.
    pub(super) state_rows: Vec<i64>,
    /// The place of each row's track in its pool.
    pub(super) places: Vec<u16>,
    /// Per session, where the network needs it: mean track and candidate features of what remains of its pool.
    pub(super) mean_tracks: Vec<f32>,
    pub(super) mean_candidates: Vec<f32>,
    /// Per session: the index that it was given, and where its rows end.
    pub(super) ends: Vec<(usize, usize)>,
}

impl Gathered {
    pub(super) fn clear(&mut self) {
        self.states.clear();
        self.candidates.clear();
        self.tracks.clear();
        self.state_rows.clear();
        self.places.clear();
        self.mean_tracks.clear();
        self.mean_candidates.clear();
        self.ends.clear();
    }

    /// Adds a session: rows for all candidates that remain, or for the chosen one.
    pub(super) fn push(
        &mut self,
        world: &World,
        index: usize,
        view: &SessionView<'_>,
        chosen: Option<u16>,
        needs: Needs,
    ) {
        self.observer.observe(world, view);
        self.observer.write_state(world, view, &mut self.states);
        let first = self.places.len();
        match chosen {
            Some(place) if !needs.mean_candidate => self.push_row(world, view, place, needs),
            _ => {
                if needs.candidate_features {
                    // Candidates lie all over the catalog: asked for together, they come while others are worked on.
                    for place in view.remaining() {
                        prefetch(world.starts.relation(view.start, usize::from(view.pool[usize::from(place)])));
                        prefetch(world.catalog.vectors.vector(view.track(world, place)));
                    }
                }
                view.remaining().for_each(|place| self.push_row(world, view, place, needs));
            }
        }
        if needs.mean_candidate {
            self.push_means(world, first);
            if let Some(chosen) = chosen {
                self.keep_row(first, chosen);
            }
        }
        self.ends.push((index, self.places.len()));
    }

    fn push_row(&mut self, world: &World, view: &SessionView<'_>, place: u16, needs: Needs) {
        if needs.candidate_features {
            self.observer.write_candidate(world, view, place, &mut self.candidates);
        } else {
            self.candidates.resize(self.candidates.len() + CANDIDATE_FEATURES, 0.0);
        }
        self.tracks.push(i64::from(view.track(world, place)));
        self.state_rows.push(self.ends.len() as i64);
        self.places.push(place);
    }

    /// The mean of the rows from `first` on.
    fn push_means(&mut self, world: &World, first: usize) {
        let (features, width) = (world.catalog.features(), world.catalog.feature_width());
        let tracks = self.tracks[first..].iter().map(|&track| &features[track as usize * width..][..width]);
        push_mean(tracks, width, &mut self.mean_tracks);
        let candidates = self.candidates[first * CANDIDATE_FEATURES..].chunks_exact(CANDIDATE_FEATURES);
        push_mean(candidates, CANDIDATE_FEATURES, &mut self.mean_candidates);
    }

    /// Of the rows from `first` on keeps only that of one place.
    fn keep_row(&mut self, first: usize, place: u16) {
        let row = first + self.places[first..].iter().position(|&other| other == place).unwrap_or(0);
        self.candidates
            .copy_within(row * CANDIDATE_FEATURES..(row + 1) * CANDIDATE_FEATURES, first * CANDIDATE_FEATURES);
        self.candidates.truncate((first + 1) * CANDIDATE_FEATURES);
        self.tracks.swap(first, row);
        self.places.swap(first, row);
        self.tracks.truncate(first + 1);
        self.places.truncate(first + 1);
        self.state_rows.truncate(first + 1);
    }
}

/// Appends the mean of rows of the same width.
fn push_mean<'a>(rows: impl ExactSizeIterator<Item = &'a [f32]>, width: usize, means: &mut Vec<f32>) {
    let (from, share) = (means.len(), 1.0 / rows.len().max(1) as f32);
    means.resize(from + width, 0.0);
    for row in rows {
        means[from..].iter_mut().zip(row).for_each(|(mean, x)| *mean += share * x);
    }
}
