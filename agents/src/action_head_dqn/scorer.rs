//! Q values of all remaining candidates of many sessions, in pieces that stay in cache.

use std::cell::OnceCell;
use std::sync::Arc;

use listening_models::Result;
use listening_models::network::Precision;
use playlist_envs::{SessionView, World};
use tch::{Device, Tensor};

use super::gathered::Gathered;
use super::network::{Needs, PackedNetwork, QLayers, Rows, Spare, means};
use crate::policy::best_remaining;

/// Candidates that are gathered before they are valued. A constant, so that results do not depend on threads.
const ROWS: usize = 2048;

/// Gathers observations and evaluates networks on them.
pub(crate) struct Scorer {
    device: Device,
    precision: Precision,
    /// The catalog's track features `[tracks, features]` on the device, once libtorch has been asked for anything.
    table: OnceCell<Tensor>,
    gathered: Gathered,
    spare: Spare,
    values: Vec<f32>,
}

/// A network made ready to value many candidates with its present weights. The first layer's part of the tracks is computed
/// for the whole catalog where that is less work.
pub(crate) enum ScoringNetwork {
    /// On the CPU.
    Packed { network: Arc<PackedNetwork>, track_parts: Option<Arc<Vec<f32>>> },
    /// Where the network is on another device, or is none that can be packed.
    Layers { layers: QLayers, track_parts: Option<Tensor> },
}

impl ScoringNetwork {
    /// Another handle, for use on another thread.
    pub(crate) fn shallow_clone(&self) -> Self {
        match self {
            Self::Packed { network, track_parts } => {
                Self::Packed { network: Arc::clone(network), track_parts: track_parts.clone() }
            }
            Self::Layers { layers, track_parts } => Self::Layers {
                layers: layers.shallow_clone(),
                track_parts: track_parts.as_ref().map(Tensor::shallow_clone),
            },
        }
    }

    fn needs(&self) -> Needs {
        match self {
            Self::Packed { network, .. } => network.needs(),
            Self::Layers { layers, .. } => layers.needs(),
        }
    }
}

impl Scorer {
    /// A scorer for sessions of one world.
    pub(crate) fn new(device: Device) -> Self {
        Self::over(OnceCell::new(), device)
    }

    /// Values candidates in this precision, on the CPU.
    pub(crate) fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// With the catalog on the device from the start, so that scorers made of this one share it.
    pub(crate) fn with_table(self, world: &World) -> Result<Self> {
        self.table(world)?;
        Ok(self)
    }

    fn over(table: OnceCell<Tensor>, device: Device) -> Self {
        Self {
            device,
            precision: Precision::Single,
            table,
            gathered: Gathered::default(),
            spare: Spare::default(),
            values: Vec::new(),
        }
    }

    /// Another scorer for the same world, for use on another thread.
    pub(crate) fn another(&self) -> Self {
        let table = self.table.get().map_or_else(OnceCell::new, |table| OnceCell::from(table.shallow_clone()));
        Self::over(table, self.device).with_precision(self.precision)
    }

    fn table(&self, world: &World) -> Result<&Tensor> {
        if let Some(table) = self.table.get() {
            return Ok(table);
        }
        let catalog = &world.catalog;
        let shape = [catalog.tracks() as i64, catalog.feature_width() as i64];
        let table = Tensor::f_from_slice(catalog.features())?.f_reshape(shape)?.f_to_device(self.device)?;
        Ok(self.table.get_or_init(|| table))
    }

    /// Makes a network ready for `rows` candidates.
    pub(crate) fn ready(&self, world: &World, layers: &QLayers, rows: usize) -> Result<ScoringNetwork> {
        let whole_catalog = world.catalog.tracks() <= rows;
        let packed = if self.device == Device::Cpu { PackedNetwork::new(layers, self.precision)? } else { None };
        if let Some(network) = packed {
            let track_parts = whole_catalog.then(|| Arc::new(network.track_parts(world.catalog.features())));
            return Ok(ScoringNetwork::Packed { network: Arc::new(network), track_parts });
        }
        let track_parts =
            if whole_catalog { Some(tch::no_grad(|| layers.track_part(self.table(world)?))?) } else { None };
        Ok(ScoringNetwork::Layers { layers: layers.shallow_clone(), track_parts })
    }

    fn tensor(&self, values: &[f32], rows: usize) -> Result<Tensor> {
        let columns = values.len() / rows.max(1);
        Ok(Tensor::f_from_slice(values)?.f_reshape([rows as i64, columns as i64])?.f_to_device(self.device)?)
    }

    /// Returns `[rows, outputs]` of the gathered rows. `track_parts` are those of the whole catalog where they are known.
    fn evaluate(&self, world: &World, layers: &QLayers, track_parts: Option<&Tensor>) -> Result<Tensor> {
        let index = |values: &[i64]| -> Result<Tensor> { Ok(Tensor::f_from_slice(values)?.f_to_device(self.device)?) };
        let gathered = &self.gathered;
        let tracks = index(&gathered.tracks)?;
        let track_part = match track_parts {
            Some(parts) => parts.f_index_select(0, &tracks)?,
            None => layers.track_part(&self.table(world)?.f_index_select(0, &tracks)?)?,
        };
        let states = gathered.ends.len();
        let mean_candidate = match layers.needs().mean_candidate {
            true => {
                Some([self.tensor(&gathered.mean_tracks, states)?, self.tensor(&gathered.mean_candidates, states)?])
            }
            false => None,
        };
        layers.returns(&Rows {
            states: self.tensor(&gathered.states, states)?,
            of_states: index(&gathered.state_rows)?,
            track_part,
            candidates: self.tensor(&gathered.candidates, gathered.places.len())?,
            mean_candidate,
        })
    }

    /// Replaces `values` by Q of the gathered rows.
    fn value(&mut self, world: &World, network: &ScoringNetwork) -> Result<()> {
        match network {
            ScoringNetwork::Packed { network, track_parts } => {
                let (features, parts) = (world.catalog.features(), track_parts.as_deref().map(Vec::as_slice));
                network.values(&self.gathered, (features, parts), &mut self.spare, &mut self.values);
            }
            ScoringNetwork::Layers { layers, track_parts } => {
                let q = tch::no_grad(|| means(&self.evaluate(world, layers, track_parts.as_ref())?))?;
                self.values = Vec::<f32>::try_from(q)?;
            }
        }
        Ok(())
    }

    /// Calls `each` with a session's index, its remaining places and their Q values, session by session.
    pub(crate) fn score_remaining<'a>(
        &mut self,
        network: &ScoringNetwork,
        world: &World,
        sessions: impl Iterator<Item = (usize, SessionView<'a>)>,
        mut each: impl FnMut(usize, &[u16], &[f32]),
    ) -> Result<()> {
        let needs = network.needs();
        self.gathered.clear();
        let mut sessions = sessions.peekable();
        while let Some((index, view)) = sessions.next() {
            self.gathered.push(world, index, &view, None, needs);
            let full = self.gathered.places.len() >= ROWS;
            if (full || sessions.peek().is_none()) && !self.gathered.places.is_empty() {
                self.value(world, network)?;
                let mut from = 0;
                for &(index, end) in &self.gathered.ends {
                    each(index, &self.gathered.places[from..end], &self.values[from..end]);
                    from = end;
                }
                self.gathered.clear();
            }
        }
        Ok(())
    }

    /// Calls `each` with a session's index and the remaining place of highest Q, session by session.
    pub(crate) fn best_remaining<'a>(
        &mut self,
        network: &ScoringNetwork,
        world: &World,
        sessions: impl Iterator<Item = (usize, SessionView<'a>)>,
        mut each: impl FnMut(usize, u32),
    ) -> Result<()> {
        self.score_remaining(network, world, sessions, |index, places, values| {
            each(index, best_remaining(places.iter().copied().zip(values.iter().copied())));
        })
    }

    /// Returns `[rows, outputs]` of one chosen place per session, with gradient where the caller allows it.
    pub(crate) fn score_chosen<'a>(
        &mut self,
        layers: &QLayers,
        world: &World,
        chosen: impl Iterator<Item = (SessionView<'a>, u16)>,
    ) -> Result<Tensor> {
        self.gathered.clear();
        for (index, (view, place)) in chosen.enumerate() {
            self.gathered.push(world, index, &view, Some(place), layers.needs());
        }
        self.evaluate(world, layers, None)
    }
}

#[cfg(test)]
mod tests {
    use super::super::architecture::Architecture;
    use super::super::network::{QNetwork, Shape};
    use super::super::observation::{CANDIDATE_FEATURES, Observer};
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
        let mut scorer = Scorer::new(Device::Cpu);
        let positions = [0, 4, 19];
        let views = || positions.iter().map(|&position| session.view().at(position));
        let ready = scorer.ready(&world, layers, usize::MAX).unwrap();
        let mut scored = Vec::new();
        scorer
            .score_remaining(&ready, &world, views().enumerate(), |index, places, values| {
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
            for (found, expected) in [
                (&scorer.gathered.mean_tracks, mean(&of_track)),
                (&scorer.gathered.mean_candidates, mean(&of_candidate)),
            ] {
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
            let mut gathered = Gathered::default();
            gathered.push(&world, 0, &session.view(), None, network.layers.needs());
            assert_eq!(gathered.candidates.len(), 19 * CANDIDATE_FEATURES);
            assert_eq!(gathered.candidates.iter().any(|&feature| feature != 0.0), candidate_features);
        }
    }
}
