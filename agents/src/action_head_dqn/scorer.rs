//! Q values of all remaining candidates of many sessions, in pieces that stay in cache.

use listening_models::Result;
use playlist_envs::{SessionView, World};
use tch::{Device, Tensor};

use super::network::{QLayers, Rows, means};
use super::observation::{CANDIDATE_FEATURES, Observer};

/// Candidates that go through the network at once. A constant, so that results do not depend on threads.
const ROWS: usize = 2048;

/// Gathers observations and evaluates the network on them.
pub(crate) struct Scorer {
    device: Device,
    /// The catalog's track features `[tracks, features]` on the device.
    table: Tensor,
    observer: Observer,
    states: Vec<f32>,
    candidates: Vec<f32>,
    tracks: Vec<i64>,
    /// Per row, its state's row.
    state_rows: Vec<i64>,
    places: Vec<u16>,
    /// Per state, where the network is dueling: mean track and candidate features of what remains of its pool.
    mean_tracks: Vec<f32>,
    mean_candidates: Vec<f32>,
    /// Per session gathered: its index, and where its rows end.
    ends: Vec<(usize, usize)>,
}

/// The first layer's part of the tracks, computed for a version of the weights.
pub(crate) struct TrackParts {
    whole_catalog: Option<Tensor>,
}

impl TrackParts {
    /// Another handle, for use on another thread.
    pub(crate) fn shallow_clone(&self) -> Self {
        Self { whole_catalog: self.whole_catalog.as_ref().map(Tensor::shallow_clone) }
    }
}

impl Scorer {
    pub(crate) fn new(world: &World, device: Device) -> Result<Self> {
        let catalog = &world.catalog;
        let shape = [catalog.tracks() as i64, catalog.feature_width() as i64];
        let table = Tensor::f_from_slice(catalog.features())?.f_reshape(shape)?.f_to_device(device)?;
        Ok(Self::over(table, device))
    }

    fn over(table: Tensor, device: Device) -> Self {
        Self {
            device,
            table,
            observer: Observer::default(),
            states: Vec::new(),
            candidates: Vec::new(),
            tracks: Vec::new(),
            state_rows: Vec::new(),
            places: Vec::new(),
            mean_tracks: Vec::new(),
            mean_candidates: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// Another scorer of the same catalog, for use on another thread.
    pub(crate) fn another(&self) -> Self {
        Self::over(self.table.shallow_clone(), self.device)
    }

    /// Computes the tracks' part for the whole catalog where that is less work than for `rows` candidates.
    pub(crate) fn track_parts(&self, layers: &QLayers, rows: usize) -> Result<TrackParts> {
        let worth_it = self.table.size()[0] as usize <= rows;
        let whole_catalog = if worth_it { Some(tch::no_grad(|| layers.track_part(&self.table))?) } else { None };
        Ok(TrackParts { whole_catalog })
    }

    fn clear(&mut self) {
        self.states.clear();
        self.candidates.clear();
        self.tracks.clear();
        self.state_rows.clear();
        self.places.clear();
        self.mean_tracks.clear();
        self.mean_candidates.clear();
        self.ends.clear();
    }

    /// Gathers a session: rows for all candidates that remain, or for the chosen one.
    fn push(&mut self, world: &World, index: usize, view: &SessionView<'_>, chosen: Option<u16>, layers: &QLayers) {
        let dueling = layers.dueling();
        self.observer.observe(world, view);
        self.observer.write_state(world, view, &mut self.states);
        let first = self.places.len();
        match chosen {
            Some(place) if !dueling => self.push_row(world, view, place, layers),
            _ => view.remaining().for_each(|place| self.push_row(world, view, place, layers)),
        }
        if dueling {
            self.push_means(world, first);
            if let Some(chosen) = chosen {
                self.keep_row(first, chosen);
            }
        }
        self.ends.push((index, self.places.len()));
    }

    fn push_row(&mut self, world: &World, view: &SessionView<'_>, place: u16, layers: &QLayers) {
        if layers.sees_candidates() {
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

    fn tensor(&self, values: &[f32], rows: usize) -> Result<Tensor> {
        let columns = values.len() / rows.max(1);
        Ok(Tensor::f_from_slice(values)?.f_reshape([rows as i64, columns as i64])?.f_to_device(self.device)?)
    }

    /// Returns `[rows, outputs]` of the gathered rows. `parts` holds the tracks' part where it is known.
    fn evaluate(&self, layers: &QLayers, parts: Option<&Tensor>) -> Result<Tensor> {
        let index = |values: &[i64]| -> Result<Tensor> { Ok(Tensor::f_from_slice(values)?.f_to_device(self.device)?) };
        let tracks = index(&self.tracks)?;
        let track_part = match parts {
            Some(parts) => parts.f_index_select(0, &tracks)?,
            None => layers.track_part(&self.table.f_index_select(0, &tracks)?)?,
        };
        let states = self.ends.len();
        let mean_candidate = match layers.dueling() {
            true => Some([self.tensor(&self.mean_tracks, states)?, self.tensor(&self.mean_candidates, states)?]),
            false => None,
        };
        layers.returns(&Rows {
            states: self.tensor(&self.states, states)?,
            of_states: index(&self.state_rows)?,
            track_part,
            candidates: self.tensor(&self.candidates, self.places.len())?,
            mean_candidate,
        })
    }

    /// Calls `each` with a session's index, its remaining places and their Q values, session by session.
    pub(crate) fn score_remaining<'a>(
        &mut self,
        layers: &QLayers,
        parts: &TrackParts,
        world: &World,
        sessions: impl Iterator<Item = (usize, SessionView<'a>)>,
        mut each: impl FnMut(usize, &[u16], &[f32]),
    ) -> Result<()> {
        self.clear();
        let mut sessions = sessions.peekable();
        while let Some((index, view)) = sessions.next() {
            self.push(world, index, &view, None, layers);
            let full = self.places.len() >= ROWS;
            if (full || sessions.peek().is_none()) && !self.places.is_empty() {
                let values = tch::no_grad(|| -> Result<Vec<f32>> {
                    Ok(Vec::<f32>::try_from(means(&self.evaluate(layers, parts.whole_catalog.as_ref())?)?)?)
                })?;
                let mut from = 0;
                for &(index, end) in &self.ends {
                    each(index, &self.places[from..end], &values[from..end]);
                    from = end;
                }
                self.clear();
            }
        }
        Ok(())
    }

    /// Returns `[rows, outputs]` of one chosen place per session, with gradient where the caller allows it.
    pub(crate) fn score_chosen<'a>(
        &mut self,
        layers: &QLayers,
        world: &World,
        chosen: impl Iterator<Item = (SessionView<'a>, u16)>,
    ) -> Result<Tensor> {
        self.clear();
        for (index, (view, place)) in chosen.enumerate() {
            self.push(world, index, &view, Some(place), layers);
        }
        self.evaluate(layers, None)
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

#[cfg(test)]
mod tests {
    use super::super::architecture::Architecture;
    use super::super::network::{QNetwork, Shape};
    use super::*;
    use crate::AgentSettings;
    use playlist_envs::{FinishedSession, PlayResponses, WorldSettings, small_world};

    /// The mean candidate is that of the features of all that remain, and a chosen one's Q is what it is among them.
    #[test]
    fn a_chosen_candidate_is_seen_beside_all_that_remain() {
        let folder = tempfile::tempdir().unwrap();
        let (world, _) = small_world(folder.path(), 30, WorldSettings::default(), 1).unwrap();
        let session = FinishedSession {
            number: 0,
            start: 3,
            pool: (0..20).rev().collect(),
            played: (0..19).map(|k| (k * 7) % 20).collect(),
            responses: (0..19).map(|k| PlayResponses::from_bits(k % 2)).collect(),
            rewards: vec![0.0; 19],
            states: Vec::new(),
            terminated: false,
            returned: false,
        };
        let settings = AgentSettings { dueling: true, quantiles: 0, ..AgentSettings::default() };
        let shape = Shape::new(&world, &Architecture::new(&settings));
        let network = QNetwork::new(&shape, 1, Device::Cpu).unwrap();
        let layers = &network.layers;
        let mut scorer = Scorer::new(&world, Device::Cpu).unwrap();
        let positions = [0, 4, 19];
        let views = || positions.iter().map(|&position| session.view().at(position));
        let parts = scorer.track_parts(layers, usize::MAX).unwrap();
        let mut scored = Vec::new();
        scorer
            .score_remaining(layers, &parts, &world, views().enumerate(), |index, places, values| {
                scored.extend(places.iter().zip(values).map(|(&place, &value)| (index, place, value)));
            })
            .unwrap();
        assert_eq!(scored.len(), 20 + 16 + 1);
        for (index, place, value) in scored {
            let view = session.view().at(positions[index]);
            let chosen = [(session.view().at(2), session.played[5]), (view, place)];
            let alone = tch::no_grad(|| scorer.score_chosen(layers, &world, chosen.into_iter())).unwrap();
            assert!((alone.double_value(&[1, 0]) - f64::from(value)).abs() < 1e-4, "{place}");
            // By the definition, from features written anew.
            let remaining: Vec<u16> = view.remaining().collect();
            let mean = |features: &dyn Fn(u16) -> Vec<f32>| -> Vec<f64> {
                let all: Vec<Vec<f32>> = remaining.iter().map(|&place| features(place)).collect();
                let sum = |column: usize| all.iter().map(|row| f64::from(row[column])).sum::<f64>();
                (0..all[0].len()).map(|column| sum(column) / all.len() as f64).collect()
            };
            let of_track = |place: u16| {
                let width = world.catalog.feature_width();
                world.catalog.features()[view.track(&world, place) as usize * width..][..width].to_vec()
            };
            let of_candidate = |place: u16| {
                let (mut observer, mut features) = (Observer::default(), Vec::new());
                observer.observe(&world, &view);
                observer.write_candidate(&world, &view, place, &mut features);
                features
            };
            for (found, expected) in
                [(&scorer.mean_tracks, mean(&of_track)), (&scorer.mean_candidates, mean(&of_candidate))]
            {
                assert_eq!(found.len(), 2 * expected.len());
                for (found, expected) in found[expected.len()..].iter().zip(expected) {
                    assert!(
                        (f64::from(*found) - expected).abs() < 1e-4 * expected.abs().max(1.0),
                        "{found} {expected}"
                    );
                }
            }
        }
    }

    /// Without candidate features, tracks alone tell candidates apart: whatever their relation to user and session.
    #[test]
    fn candidate_features_can_be_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let (world, _) = small_world(folder.path(), 30, WorldSettings::default(), 1).unwrap();
        let session = FinishedSession {
            number: 0,
            start: 3,
            pool: (0..20).collect(),
            played: vec![4],
            responses: vec![PlayResponses::default()],
            rewards: vec![0.0],
            states: Vec::new(),
            terminated: false,
            returned: false,
        };
        for candidate_features in [true, false] {
            let settings = AgentSettings { candidate_features, ..AgentSettings::default() };
            let network = QNetwork::new(&Shape::new(&world, &Architecture::new(&settings)), 1, Device::Cpu).unwrap();
            let mut scorer = Scorer::new(&world, Device::Cpu).unwrap();
            scorer.push(&world, 0, &session.view(), None, &network.layers);
            assert_eq!(scorer.candidates.len(), 19 * CANDIDATE_FEATURES);
            assert_eq!(scorer.candidates.iter().any(|&feature| feature != 0.0), candidate_features);
        }
    }
}
