//! How well a vector foretells what is heard in the next plays, near and far (De Boom et al. 2017, section 4.3).

use serde::{Deserialize, Serialize};

use super::{Foreteller, Histories, Part};
use crate::track_embeddings::NearestTracks;
use crate::{ModelError, Result};

/// What is measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HorizonSettings {
    /// Per horizon: the first and the last play looked at, counted from the next one, which is 1.
    pub horizons: Vec<[usize; 2]>,
    /// Tracks retrieved: those nearest to the vector.
    pub retrieved: usize,
    /// Of every so many targets one is looked at, since the horizons of neighbours overlap.
    pub stride: usize,
}

impl Default for HorizonSettings {
    fn default() -> Self {
        Self { horizons: vec![[1, 10], [11, 50], [51, 200]], retrieved: 100, stride: 10 }
    }
}

/// Precision over one horizon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HorizonPrecision {
    /// The first and the last play looked at.
    pub horizon: [usize; 2],
    /// Share of the retrieved tracks that are heard (and not skipped) within the horizon, mean over moments.
    pub precision: f64,
    /// The most that any retrieval could reach: the share of the retrieved tracks for which there are different tracks
    /// in the horizon.
    pub reachable: f64,
    /// Moments whose horizon lies within the history.
    pub moments: u64,
    /// Mean precision of each user with such moments: the user's number in the dataset, and the mean.
    pub by_user: Vec<(u32, f64)>,
}

/// Measures the precision of what is retrieved by the vectors foretold for the targets of a part, at each horizon. The
/// tracks of a horizon are those of the same user's next plays, up to the end of the part.
pub fn horizon_precision(
    foreteller: &dyn Foreteller,
    histories: &Histories,
    nearest: &NearestTracks,
    part: Part,
    settings: &HorizonSettings,
    threads: usize,
) -> Result<Vec<HorizonPrecision>> {
    let wrong = settings.horizons.iter().any(|&[first, last]| first == 0 || last < first);
    if wrong || settings.retrieved == 0 || settings.stride == 0 {
        return Err(ModelError::setting("horizons, retrieved, stride", "must be at least 1, with first <= last"));
    }
    let mut tallies: Vec<Tally> = settings.horizons.iter().map(|&horizon| Tally::new(horizon)).collect();
    let (mut moments, mut queries): (Vec<usize>, Vec<f32>) = (Vec::new(), Vec::new());
    let measure = |moments: &mut Vec<usize>, queries: &mut Vec<f32>, tallies: &mut Vec<Tally>| -> Result<()> {
        let found = nearest.nearest_batch(queries, settings.retrieved, threads)?;
        for (&play, found) in moments.iter().zip(&found) {
            let user = histories.user_of(histories.session_of(play));
            let end = histories.plays_of_all(histories.sessions_until(user, part.split)).end;
            let retrieved: Vec<u32> = found.iter().map(|neighbour| neighbour.track).collect();
            tallies.iter_mut().for_each(|tally| tally.add(histories, user, play, end, &retrieved, settings.retrieved));
        }
        moments.clear();
        queries.clear();
        Ok(())
    };
    foreteller.foretell(part, &mut |foretold| {
        if foretold.target.is_multiple_of(settings.stride) && foretold.vector.iter().any(|&x| x != 0.0) {
            moments.push(foretold.target);
            queries.extend_from_slice(foretold.vector);
        }
        const BLOCK: usize = 1024;
        if moments.len() == BLOCK { measure(&mut moments, &mut queries, &mut tallies) } else { Ok(()) }
    })?;
    measure(&mut moments, &mut queries, &mut tallies)?;
    Ok(tallies.into_iter().map(|tally| tally.finish(histories)).collect())
}

/// Sums over the moments of one horizon.
struct Tally {
    horizon: [usize; 2],
    precision: f64,
    reachable: f64,
    moments: u64,
    /// Per user with moments: sum and count.
    by_user: std::collections::BTreeMap<usize, (f64, u64)>,
}

impl Tally {
    fn new(horizon: [usize; 2]) -> Self {
        Self { horizon, precision: 0.0, reachable: 0.0, moments: 0, by_user: Default::default() }
    }

    fn add(&mut self, histories: &Histories, user: usize, play: usize, end: usize, retrieved: &[u32], most: usize) {
        let [first, last] = self.horizon;
        let (from, to) = (play + first - 1, play + last);
        if to > end {
            return;
        }
        let heard: std::collections::HashSet<u32> =
            (from..to).filter(|&later| !histories.skipped(later)).map(|later| histories.track(later)).collect();
        let hits = retrieved.iter().filter(|track| heard.contains(track)).count();
        let precision = hits as f64 / most as f64;
        self.precision += precision;
        self.reachable += heard.len().min(most) as f64 / most as f64;
        self.moments += 1;
        let sum = self.by_user.entry(user).or_default();
        *sum = (sum.0 + precision, sum.1 + 1);
    }

    fn finish(self, histories: &Histories) -> HorizonPrecision {
        let mean = |sum: f64, count: u64| sum / count.max(1) as f64;
        HorizonPrecision {
            horizon: self.horizon,
            precision: mean(self.precision, self.moments),
            reachable: mean(self.reachable, self.moments),
            moments: self.moments,
            by_user: self
                .by_user
                .into_iter()
                .map(|(user, (sum, count))| (histories.user_number(user), mean(sum, count)))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::splits::Split;
    use crate::user_state::Foretold;
    use crate::user_state::histories::tests::synthetic;

    /// Foretells the vector of a later play: precise at that distance, by construction.
    struct Seer<'a> {
        histories: &'a Histories,
        nearest: &'a NearestTracks,
        ahead: usize,
    }

    impl Foreteller for Seer<'_> {
        fn foretell(&self, part: Part, take: &mut dyn FnMut(Foretold<'_>) -> Result<()>) -> Result<()> {
            for user in 0..self.histories.users() {
                let plays = self.histories.plays_of_all(self.histories.sessions_until(user, part.split));
                for target in plays.clone().filter(|target| target + self.ahead < plays.end) {
                    let vector = self.nearest.vectors().vector(self.histories.track(target + self.ahead));
                    take(Foretold { target, vector, rank: None })?;
                }
            }
            Ok(())
        }
    }

    #[test]
    fn what_is_heard_later_counts_at_its_horizon_alone() {
        let (histories, vectors) = synthetic(12, 20);
        let nearest = NearestTracks::exact(vectors);
        let settings = HorizonSettings { horizons: vec![[1, 3], [4, 4], [5, 9]], retrieved: 1, stride: 1 };
        let seer = Seer { histories: &histories, nearest: &nearest, ahead: 3 };
        let part = Part::all(Split::Test);
        let found = horizon_precision(&seer, &histories, &nearest, part, &settings, 2).unwrap();
        // The fourth play from the target on is the one foretold: it is a hit unless it was skipped.
        let (mut hits, mut moments) = (0.0, 0.0);
        for user in 0..histories.users() {
            let plays = histories.plays_of_all(histories.sessions_until(user, Split::Test));
            for target in plays.clone().filter(|target| target + 4 <= plays.end) {
                moments += 1.0;
                hits += f64::from(u8::from(!histories.skipped(target + 3)));
            }
        }
        assert_eq!(found[1].moments as f64, moments);
        assert!((found[1].precision - hits / moments).abs() < 1e-12, "{found:?}");
        assert!((found[1].reachable - hits / moments).abs() < 1e-12);
        assert!(found[0].precision < 0.2 && found[2].precision < 0.2, "{found:?}");
        let by_user: f64 = found[1].by_user.iter().map(|(_, mean)| mean).sum();
        assert!(by_user > 0.0 && found[1].by_user.len() == histories.users());
    }
}
