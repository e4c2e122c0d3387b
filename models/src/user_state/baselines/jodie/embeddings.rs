//! The dynamic embeddings of all users and items as time goes on.

use std::collections::HashMap;

use tch::Tensor;

use super::network::JodieNetwork;
use crate::Result;

/// Some rows of a table, taken out for a window.
pub(super) struct Local {
    /// The rows' numbers in the table.
    numbers: Vec<usize>,
    places: HashMap<usize, usize>,
}

impl Local {
    pub(super) fn new() -> Self {
        Self { numbers: Vec::new(), places: HashMap::new() }
    }

    /// The place of a row in the window.
    pub(super) fn place(&mut self, number: usize) -> usize {
        *self.places.entry(number).or_insert_with(|| {
            self.numbers.push(number);
            self.numbers.len() - 1
        })
    }

    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }
}

/// One embedding per user or per item; those that have met nobody have the first embedding, which is learnt.
pub(super) struct Embeddings {
    length: usize,
    values: Vec<f32>,
    met: Vec<bool>,
}

impl Embeddings {
    pub(super) fn new(count: usize, length: usize) -> Self {
        Self { length, values: vec![0.0; count * length], met: vec![false; count] }
    }

    pub(super) fn forget(&mut self) {
        self.met.fill(false);
    }

    /// `[rows, length]`: rows of the window, and the first embedding where there is none yet.
    pub(super) fn take(&self, local: &Local, first: &Tensor) -> Result<Tensor> {
        let mut rows = vec![0.0f32; local.len() * self.length];
        let mut new = vec![1.0f32; local.len()];
        for (place, &number) in local.numbers.iter().enumerate().filter(|&(_, &number)| self.met[number]) {
            let stored = &self.values[number * self.length..][..self.length];
            rows[place * self.length..][..self.length].copy_from_slice(stored);
            new[place] = 0.0;
        }
        let (count, length) = (local.len() as i64, self.length as i64);
        let rows = Tensor::f_from_slice(&rows)?.f_reshape([count, length])?.f_to_device(first.device())?;
        let new = Tensor::f_from_slice(&new)?.f_reshape([count, 1])?.f_to_device(first.device())?;
        Ok(rows.f_add(&new.f_mul(first)?)?)
    }

    /// Keeps the rows of a window that has ended; of those that met nobody nothing is kept.
    pub(super) fn keep(&mut self, local: &Local, rows: &Tensor, met: &[bool]) -> Result<()> {
        let rows = Vec::<f32>::try_from(rows.f_detach()?.f_reshape([-1])?)?;
        for (place, &number) in local.numbers.iter().enumerate().filter(|&(place, _)| met[place]) {
            self.met[number] = true;
            let stored = &mut self.values[number * self.length..][..self.length];
            stored.copy_from_slice(&rows[place * self.length..][..self.length]);
        }
        Ok(())
    }
}

/// Where time stands.
pub(super) struct Moment {
    pub(super) users: Embeddings,
    pub(super) items: Embeddings,
    /// Per user the last track; one past the tracks for none.
    pub(super) last_track: Vec<usize>,
    /// Per track when it was played last.
    pub(super) last_ms: Vec<Option<i64>>,
}

impl Moment {
    pub(super) fn new(users: usize, tracks: usize, length: usize) -> Self {
        Self {
            users: Embeddings::new(users, length),
            // The last is that of no track.
            items: Embeddings::new(tracks + 1, length),
            last_track: vec![tracks; users],
            last_ms: vec![None; tracks],
        }
    }

    /// Goes back to before all plays.
    pub(super) fn forget(&mut self) {
        let tracks = self.last_ms.len();
        self.users.forget();
        self.items.forget();
        self.last_track.fill(tracks);
        self.last_ms.fill(None);
    }

    /// `[users of the window, length]` and `[tracks of the window, length]`.
    pub(super) fn take(&self, network: &JodieNetwork, users: &Local, items: &Local) -> Result<(Tensor, Tensor)> {
        Ok((self.users.take(users, &network.first_user()?)?, self.items.take(items, &network.first_item()?)?))
    }
}
