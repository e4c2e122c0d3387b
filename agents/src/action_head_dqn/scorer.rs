//! Q values of all remaining candidates of many sessions, in pieces that stay in cache.

use listening_models::Result;
use playlist_envs::{SessionView, World};
use tch::{Device, Tensor};

use super::network::QLayers;
use super::observation::Observer;

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
        self.ends.clear();
    }

    fn push(&mut self, world: &World, index: usize, view: &SessionView<'_>, places: impl Iterator<Item = u16>) {
        self.observer.observe(world, view);
        self.observer.write_state(world, view, &mut self.states);
        let state_row = self.ends.len() as i64;
        for place in places {
            self.observer.write_candidate(world, view, place, &mut self.candidates);
            self.tracks.push(i64::from(view.track(world, place)));
            self.state_rows.push(state_row);
            self.places.push(place);
        }
        self.ends.push((index, self.places.len()));
    }

    fn tensor(&self, values: &[f32], rows: usize) -> Result<Tensor> {
        let columns = values.len() / rows.max(1);
        Ok(Tensor::f_from_slice(values)?.f_reshape([rows as i64, columns as i64])?.f_to_device(self.device)?)
    }

    /// Q values of the gathered rows. `parts` holds the tracks' part where it is known.
    fn evaluate(&self, layers: &QLayers, parts: Option<&Tensor>) -> Result<Tensor> {
        let states = self.tensor(&self.states, self.ends.len())?;
        let candidates = self.tensor(&self.candidates, self.places.len())?;
        let index = |values: &[i64]| -> Result<Tensor> { Ok(Tensor::f_from_slice(values)?.f_to_device(self.device)?) };
        let tracks = index(&self.tracks)?;
        let track_part = match parts {
            Some(parts) => parts.f_index_select(0, &tracks)?,
            None => layers.track_part(&self.table.f_index_select(0, &tracks)?)?,
        };
        let state_part = layers.state_part(&states)?.f_index_select(0, &index(&self.state_rows)?)?;
        layers.values(&state_part, &track_part, &candidates)
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
            self.push(world, index, &view, view.remaining());
            let full = self.places.len() >= ROWS;
            if (full || sessions.peek().is_none()) && !self.places.is_empty() {
                let values = tch::no_grad(|| -> Result<Vec<f32>> {
                    Ok(Vec::<f32>::try_from(self.evaluate(layers, parts.whole_catalog.as_ref())?)?)
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

    /// Q values `[rows]` of one chosen place per session, with gradient where the caller allows it.
    pub(crate) fn score_chosen<'a>(
        &mut self,
        layers: &QLayers,
        world: &World,
        chosen: impl Iterator<Item = (SessionView<'a>, u16)>,
    ) -> Result<Tensor> {
        self.clear();
        for (index, (view, place)) in chosen.enumerate() {
            self.push(world, index, &view, std::iter::once(place));
        }
        self.evaluate(layers, None)
    }
}
