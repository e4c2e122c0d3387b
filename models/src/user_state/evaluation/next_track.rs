//! How well the next track is foretold: distances of the vector, and the track's rank among all tracks.

use serde::{Deserialize, Serialize};

use super::ranks::exact_ranks;
use crate::splits::Split;
use crate::track_embeddings::{NearestTracks, TrackVectors};
use crate::user_state::baselines::count_targets;
use crate::user_state::{Foreteller, Foretold, Histories, Part};
use crate::{ModelError, Result};

/// Neighbours looked up in the index.
const NEIGHBOURS: usize = 100;
/// Targets ranked at once.
const BLOCK: usize = 4096;

/// Settings of the measurement.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NextTrackSettings {
    /// Targets measured at most, about: beyond it users are left out evenly.
    pub most_targets: usize,
}

impl Default for NextTrackSettings {
    fn default() -> Self {
        Self { most_targets: 200_000 }
    }
}

/// Means over targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NextTrackMetrics {
    /// Euclidean distance of the vector foretold to the track's, both on the scale of length sqrt(dimension).
    pub l2: f64,
    /// 1 - cosine of the two; 1 where the vector foretold is zero.
    pub cosine_distance: f64,
    /// Share of targets among the first 10 of all tracks with a vector.
    pub hit_rate_at_10: f64,
    /// Share of targets among the first 100.
    pub hit_rate_at_100: f64,
    /// Mean of 1 / rank among all tracks, the best rank being 1.
    pub mrr: f64,
}

impl NextTrackMetrics {
    fn add(&mut self, other: &Self) {
        self.l2 += other.l2;
        self.cosine_distance += other.cosine_distance;
        self.hit_rate_at_10 += other.hit_rate_at_10;
        self.hit_rate_at_100 += other.hit_rate_at_100;
        self.mrr += other.mrr;
    }

    fn divided(&self, count: u64) -> Self {
        let count = count.max(1) as f64;
        Self {
            l2: self.l2 / count,
            cosine_distance: self.cosine_distance / count,
            hit_rate_at_10: self.hit_rate_at_10 / count,
            hit_rate_at_100: self.hit_rate_at_100 / count,
            mrr: self.mrr / count,
        }
    }
}

/// The same ranks as far as the index finds them: a target that is not among its first 100 counts as not found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IndexedMetrics {
    /// Share of targets among the first 10.
    pub hit_rate_at_10: f64,
    /// Share of targets among the first 100.
    pub hit_rate_at_100: f64,
    /// Mean of 1 / rank within the first 100, 0 beyond.
    pub mrr_at_100: f64,
}

/// One user's means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UserMetrics {
    /// The user's number in the dataset.
    pub user: u32,
    /// Number of targets.
    pub targets: u64,
    /// Means over them.
    pub means: NextTrackMetrics,
}

/// What was measured of one model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NextTrackReport {
    /// Targets measured.
    pub targets: u64,
    /// Of every so many users one was measured; 1 for all.
    pub users_stride: usize,
    /// Means over targets, by exact ranks.
    pub exact: NextTrackMetrics,
    /// Through the index; none where there was no index, or where the model ranks tracks itself.
    pub indexed: Option<IndexedMetrics>,
    /// Each user with targets, in order of number.
    pub users: Vec<UserMetrics>,
}

/// What is measured, and with what.
#[derive(Clone, Copy)]
pub struct NextTrackTask<'a> {
    /// The plays.
    pub histories: &'a Histories,
    /// The tracks' vectors.
    pub vectors: &'a TrackVectors,
    /// The index over the same vectors, if ranks are to be looked up in it too.
    pub index: Option<&'a NearestTracks>,
    /// Whose targets count.
    pub split: Split,
    /// Settings.
    pub settings: NextTrackSettings,
    /// Threads; they change the time taken and not the result.
    pub threads: usize,
}

impl NextTrackTask<'_> {
    /// Measures one model. Memory grows with the users and the catalog.
    pub fn measure(&self, foreteller: &dyn Foreteller) -> Result<NextTrackReport> {
        if self.settings.most_targets == 0 {
            return Err(ModelError::setting("most_targets", "must be at least 1"));
        }
        let (targets, _) = count_targets(self.histories, self.vectors, Part::all(self.split));
        let stride = targets.div_ceil(self.settings.most_targets).max(1);
        let mut sums = Sums::new(self);
        let part = Part { stride, ..Part::all(self.split) };
        foreteller.foretell(part, &mut |foretold| {
            sums.push(foretold);
            if sums.tracks.len() == BLOCK { sums.rank() } else { Ok(()) }
        })?;
        sums.rank()?;
        sums.report(stride)
    }

    /// The user of a play, as counted in the histories.
    fn user_of(&self, play: usize) -> usize {
        let session = self.histories.session_of(play);
        let (mut low, mut high) = (0, self.histories.users());
        while low + 1 < high {
            let middle = (low + high) / 2;
            match self.histories.sessions_of(middle).start <= session {
                true => low = middle,
                false => high = middle,
            }
        }
        low
    }
}

/// Targets that wait to be ranked, and what has been measured.
struct Sums<'a> {
    task: &'a NextTrackTask<'a>,
    queries: Vec<f32>,
    tracks: Vec<u32>,
    users_of: Vec<usize>,
    own_ranks: Vec<Option<u32>>,
    users: Vec<(u64, NextTrackMetrics)>,
    indexed: Option<IndexedMetrics>,
}

impl<'a> Sums<'a> {
    fn new(task: &'a NextTrackTask<'a>) -> Self {
        Self {
            task,
            queries: Vec::with_capacity(BLOCK * task.vectors.dimension()),
            tracks: Vec::with_capacity(BLOCK),
            users_of: Vec::with_capacity(BLOCK),
            own_ranks: Vec::with_capacity(BLOCK),
            users: vec![Default::default(); task.histories.users()],
            indexed: task.index.map(|_| IndexedMetrics::default()),
        }
    }

    fn push(&mut self, foretold: Foretold<'_>) {
        self.queries.extend(foretold.vector);
        self.tracks.push(self.task.histories.track(foretold.target));
        self.users_of.push(self.task.user_of(foretold.target));
        self.own_ranks.push(foretold.rank);
    }

    /// Ranks what waits.
    fn rank(&mut self) -> Result<()> {
        let NextTrackTask { vectors, index, threads, .. } = *self.task;
        let dimension = vectors.dimension();
        let ranked_by_model = self.own_ranks.iter().all(Option::is_some);
        let ranks = match ranked_by_model {
            true => self.own_ranks.iter().map(|rank| rank.unwrap_or(u32::MAX)).collect(),
            false => exact_ranks(vectors, &self.queries, &self.tracks, threads),
        };
        for (place, query) in self.queries.chunks_exact(dimension).enumerate() {
            let rank = self.own_ranks[place].unwrap_or(ranks[place]);
            let (count, sums) = &mut self.users[self.users_of[place]];
            *count += 1;
            sums.add(&metrics(query, vectors.vector(self.tracks[place]), rank));
        }
        if !ranked_by_model || self.tracks.is_empty() {
            self.look_up(index)?;
        } else {
            self.indexed = None;
        }
        self.queries.clear();
        self.tracks.clear();
        self.users_of.clear();
        self.own_ranks.clear();
        Ok(())
    }

    fn look_up(&mut self, index: Option<&NearestTracks>) -> Result<()> {
        let (Some(index), Some(sums)) = (index, &mut self.indexed) else { return Ok(()) };
        let found = index.nearest_batch(&self.queries, NEIGHBOURS, self.task.threads)?;
        let queries = self.queries.chunks_exact(self.task.vectors.dimension());
        for ((found, track), query) in found.iter().zip(&self.tracks).zip(queries) {
            let tells = query.iter().any(|&x| x != 0.0);
            if let Some(rank) = found.iter().position(|near| near.track == *track).filter(|_| tells) {
                sums.hit_rate_at_10 += f64::from(u8::from(rank < 10));
                sums.hit_rate_at_100 += f64::from(u8::from(rank < 100));
                sums.mrr_at_100 += 1.0 / (rank + 1) as f64;
            }
        }
        Ok(())
    }

    fn report(self, users_stride: usize) -> Result<NextTrackReport> {
        let targets: u64 = self.users.iter().map(|(count, _)| count).sum();
        if targets == 0 {
            let problem =
                format!("no {:?} sessions with plays that were not skipped; import more logs", self.task.split);
            return Err(ModelError::TooLittleData(problem));
        }
        let mut exact = NextTrackMetrics::default();
        self.users.iter().for_each(|(_, sums)| exact.add(sums));
        let indexed = self.indexed.map(|sums| IndexedMetrics {
            hit_rate_at_10: sums.hit_rate_at_10 / targets as f64,
            hit_rate_at_100: sums.hit_rate_at_100 / targets as f64,
            mrr_at_100: sums.mrr_at_100 / targets as f64,
        });
        let users = self.users.iter().enumerate().filter(|(_, (count, _))| *count > 0);
        let user = |(user, (targets, sums)): (usize, &(u64, NextTrackMetrics))| UserMetrics {
            user: self.task.histories.user_number(user),
            targets: *targets,
            means: sums.divided(*targets),
        };
        Ok(NextTrackReport {
            targets,
            users_stride,
            exact: exact.divided(targets),
            indexed,
            users: users.map(user).collect(),
        })
    }
}

/// Those of one target; `vector` has length 1.
fn metrics(foretold: &[f32], vector: &[f32], rank: u32) -> NextTrackMetrics {
    let scale = (vector.len() as f64).sqrt();
    let (mut square, mut length, mut product) = (0.0, 0.0, 0.0);
    for (&x, &v) in foretold.iter().zip(vector) {
        let (x, v) = (f64::from(x), f64::from(v));
        square += (x - scale * v).powi(2);
        length += x * x;
        product += x * v;
    }
    let cosine = if length > 0.0 { product / length.sqrt() } else { 0.0 };
    NextTrackMetrics {
        l2: square.sqrt(),
        cosine_distance: 1.0 - cosine,
        hit_rate_at_10: f64::from(u8::from(rank < 10)),
        hit_rate_at_100: f64::from(u8::from(rank < 100)),
        mrr: 1.0 / (f64::from(rank) + 1.0),
    }
}

#[cfg(test)]
mod tests;
