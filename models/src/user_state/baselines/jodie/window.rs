//! Runs through a window of plays.

use tch::{Kind, Tensor};

use super::Jodie;
use super::embeddings::{Local, Moment};
use super::interactions::Interaction;
use super::t_batches::{Meeting, t_batches};
use crate::Result;
use crate::splits::Split;
use crate::user_state::squared_error;

/// What came of a window. Rows are in the order of its t-batches.
pub(super) struct Window {
    pub(super) interactions: Vec<Interaction>,
    /// `[plays, dimension]`: the vectors foretold.
    pub(super) foretold: Tensor,
    /// The squared error of the targets, and with it the changes of embeddings, each summed over the window.
    pub(super) error: Tensor,
    pub(super) loss: Tensor,
    /// Number of targets.
    pub(super) targets: usize,
}

/// What the network is given of each play of a window, a row each.
#[derive(Default)]
struct Rows {
    features: Vec<f32>,
    user_static: Vec<f32>,
    last_static: Vec<f32>,
    user_gaps: Vec<f32>,
    item_gaps: Vec<f32>,
    targets: Vec<f32>,
    weights: Vec<f32>,
}

impl Jodie<'_> {
    /// Runs from the moment given through all plays up to the end of a split, window by window, while `take` wants more.
    /// Returns whether it came to the end.
    pub(super) fn for_each_window(
        &self,
        split: Split,
        moment: &mut Moment,
        take: &mut dyn FnMut(Window) -> Result<bool>,
    ) -> Result<bool> {
        let mut plays = self.interactions(split);
        loop {
            let interactions: Vec<Interaction> = plays.by_ref().take(self.settings.window).collect();
            if interactions.is_empty() {
                return Ok(true);
            }
            if !take(self.run_window(interactions, split, moment)?)? {
                return Ok(false);
            }
        }
    }

    /// Runs through plays that stand in order of time, and carries the moment on to their end.
    pub(super) fn run_window(&self, plays: Vec<Interaction>, split: Split, moment: &mut Moment) -> Result<Window> {
        let (mut users, mut items) = (Local::new(), Local::new());
        let mut meetings = Vec::with_capacity(plays.len());
        let mut before = Vec::with_capacity(plays.len());
        for interaction in &plays {
            let track = self.item(interaction) as usize;
            let last = std::mem::replace(&mut moment.last_track[interaction.user], track);
            let last_ms = moment.last_ms[track].replace(interaction.time_ms);
            before.push((last, last_ms));
            let (user, item, last_item) = (users.place(interaction.user), items.place(track), items.place(last));
            meetings.push(Meeting { user, item, last_item });
        }
        let batches = t_batches(&meetings, users.len(), items.len());
        let mut order: Vec<usize> = (0..plays.len()).collect();
        order.sort_by_key(|&place| batches[place]);

        let mut rows = Rows::default();
        let mut targets = 0;
        for &place in &order {
            let counts = self.target(&plays[place], split).is_some();
            targets += usize::from(counts);
            self.write_rows(&plays[place], before[place], counts, &mut rows);
        }
        let column = |of: fn(&Meeting) -> usize| -> Vec<i64> {
            order.iter().map(|&place| of(&meetings[place]) as i64).collect()
        };
        let columns = [column(|m| m.user), column(|m| m.item), column(|m| m.last_item)];
        let sizes: Vec<usize> = order.chunk_by(|&a, &b| batches[a] == batches[b]).map(<[usize]>::len).collect();
        let (user_rows, item_rows) = moment.take(&self.network, &users, &items)?;
        let run = self.run_batches(user_rows, item_rows, &columns, &sizes, &rows)?;

        let mut met = vec![false; items.len()];
        meetings.iter().for_each(|meeting| met[meeting.item] = true);
        moment.users.keep(&users, &run.users, &vec![true; users.len()])?;
        moment.items.keep(&items, &run.items, &met)?;
        let interactions = order.iter().map(|&place| plays[place]).collect();
        Ok(Window { interactions, foretold: run.foretold, error: run.error, loss: run.loss, targets })
    }

    fn write_rows(&self, play: &Interaction, before: (usize, Option<i64>), counts: bool, rows: &mut Rows) {
        let (histories, vectors) = (self.histories, self.vectors);
        let (last_track, last_ms) = before;
        self.write_features(play, &mut rows.features);
        self.write_user_static(play, &mut rows.user_static);
        match last_track < vectors.tracks() {
            true => rows.last_static.extend(vectors.vector(last_track as u32)),
            false => rows.last_static.resize(rows.last_static.len() + vectors.dimension(), 0.0),
        }
        rows.user_gaps.push(histories.gap_hours(play.play).ln_1p() / 8.0);
        let item_hours = last_ms.map_or(0.0, |last| (play.time_ms - last) as f32 / 3.6e6);
        rows.item_gaps.push(item_hours.ln_1p() / 8.0);
        self.write_target(play, &mut rows.targets);
        rows.weights.push(f32::from(u8::from(counts)));
    }

    fn run_batches(
        &self,
        mut users: Tensor,
        mut items: Tensor,
        columns: &[Vec<i64>; 3],
        sizes: &[usize],
        rows: &Rows,
    ) -> Result<Run> {
        let (count, device) = (rows.weights.len() as i64, users.device());
        let tensor = |values: &[f32]| -> Result<Tensor> {
            Ok(Tensor::f_from_slice(values)?.f_reshape([count, -1])?.f_to_device(device)?)
        };
        let index = |values: &[i64]| -> Result<Tensor> { Ok(Tensor::f_from_slice(values)?.f_to_device(device)?) };
        let [user_of, item_of, last_of] = [index(&columns[0])?, index(&columns[1])?, index(&columns[2])?];
        let (features, user_gaps, item_gaps) =
            (tensor(&rows.features)?, tensor(&rows.user_gaps)?, tensor(&rows.item_gaps)?);
        let (mut users_before, mut lasts_before, mut changes) = (Vec::new(), Vec::new(), Vec::new());
        let mut start = 0;
        for &size in sizes {
            let part = |tensor: &Tensor| tensor.f_narrow(0, start, size as i64);
            let (user_of, item_of) = (part(&user_of)?, part(&item_of)?);
            let (user, item) = (users.f_index_select(0, &user_of)?, items.f_index_select(0, &item_of)?);
            lasts_before.push(items.f_index_select(0, &part(&last_of)?)?);
            let gaps = [&part(&user_gaps)?, &part(&item_gaps)?];
            let (user_after, item_after) = self.network.update(&user, &item, gaps, &part(&features)?)?;
            changes.push((user_after.f_sub(&user)?, item_after.f_sub(&item)?));
            users = users.f_index_copy(0, &user_of, &user_after)?;
            items = items.f_index_copy(0, &item_of, &item_after)?;
            users_before.push(user);
            start += size as i64;
        }
        // Predictions change nothing, so that all of them can be made at once.
        let projected = self.network.project(&Tensor::f_cat(&users_before, 0)?, &user_gaps)?;
        let lasts = Tensor::f_cat(&lasts_before, 0)?;
        let user_static = tensor(&rows.user_static)?;
        let foretold = self.network.foretell(&projected, &user_static, &lasts, &tensor(&rows.last_static)?)?;
        let weights = tensor(&rows.weights)?.f_squeeze_dim(1)?;
        let error = squared_error(&foretold, &tensor(&rows.targets)?, &weights)?;
        let (user_changes, item_changes): (Vec<Tensor>, Vec<Tensor>) = changes.into_iter().unzip();
        let squared = |changes: &[Tensor], weight: f64| -> Result<Tensor> {
            Ok(Tensor::f_cat(changes, 0)?.f_square()?.f_sum(Kind::Float)?.f_mul_scalar(weight)?)
        };
        let loss = error
            .f_add(&squared(&user_changes, self.settings.user_change)?)?
            .f_add(&squared(&item_changes, self.settings.item_change)?)?;
        Ok(Run { users, items, foretold, error, loss })
    }
}

/// The embeddings after a window's batches, and what was foretold on the way.
struct Run {
    users: Tensor,
    items: Tensor,
    foretold: Tensor,
    error: Tensor,
    loss: Tensor,
}
