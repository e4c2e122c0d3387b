//! Skip rate against the similarity of user and session: whether sessions that lie far from the user's vector are skipped
//! more.

use serde::{Deserialize, Serialize};

use super::super::evaluation::Interval;
use super::super::foreteller::Foreteller;
use super::super::histories::Histories;
use super::super::sequences::Part;
use super::super::session_vectors::{SessionTracks, session_vector};
use crate::Result;
use crate::track_embeddings::{TrackVectors, dot};

/// Least skip rates of the sessions that take part.
const LEAST_SKIP_RATES: [f64; 6] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5];

/// Bins of similarity from -1 to 1.
const BINS: usize = 20;

/// A straight line through the sessions of at least some skip rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineFit {
    /// Least skip rate.
    pub least_skip_rate: f64,
    /// Sessions.
    pub sessions: u64,
    /// Pearson correlation of similarity and skip rate; the interval of 95 % is Fisher's (1921).
    pub correlation: Interval,
    /// Slope of the skip rate over the similarity (least squares), with 1.96 standard errors.
    pub slope: Interval,
    /// Skip rate of the line at similarity 0.
    pub intercept: f64,
}

/// The sessions of about one similarity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SkipRateBin {
    /// Mean similarity.
    pub similarity: f64,
    /// Mean skip rate.
    pub skip_rate: f64,
    /// Sessions.
    pub sessions: u64,
}

/// Skip rate against similarity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SkipRateReport {
    /// By least skip rate; those of fewer than four sessions are left out.
    pub fits: Vec<LineFit>,
    /// All sessions, by similarity.
    pub bins: Vec<SkipRateBin>,
}

/// Measures the cosine of the user's vector to the vector of all tracks of a session, and the share of them skipped, over
/// the sessions of a part in which each response is known.
pub fn skip_rate_by_similarity(
    histories: &Histories,
    vectors: &TrackVectors,
    foreteller: &dyn Foreteller,
    part: Part,
) -> Result<SkipRateReport> {
    let mut fits = LEAST_SKIP_RATES.map(|_| Sums::default());
    let mut bins = [Sums::default(); BINS];
    let mut all = vec![0.0; vectors.dimension()];
    foreteller.foretell(part, &mut |foretold| {
        let plays = histories.plays_of(foretold.target);
        if plays.is_empty() || plays.clone().any(|play| histories.responses(play)[1] == 0.0) {
            return Ok(());
        }
        session_vector(histories, vectors, foretold.target, SessionTracks::All, &mut all);
        let length = dot(foretold.vector, foretold.vector).sqrt().max(1e-12);
        let similarity = f64::from(dot(foretold.vector, &all) / length);
        let skip_rate = plays.clone().filter(|&play| histories.skipped(play)).count() as f64 / plays.len() as f64;
        for (sums, least) in fits.iter_mut().zip(LEAST_SKIP_RATES) {
            if skip_rate >= least {
                sums.add(similarity, skip_rate);
            }
        }
        let bin = ((similarity + 1.0) / 2.0 * BINS as f64) as usize;
        bins[bin.min(BINS - 1)].add(similarity, skip_rate);
        Ok(())
    })?;
    let fits = fits.iter().zip(LEAST_SKIP_RATES).filter_map(|(sums, least)| sums.fit(least)).collect();
    let bins = bins.iter().filter(|sums| sums.count > 0.0).map(|sums| SkipRateBin {
        similarity: sums.x / sums.count,
        skip_rate: sums.y / sums.count,
        sessions: sums.count as u64,
    });
    Ok(SkipRateReport { fits, bins: bins.collect() })
}

/// What a straight line needs of its points.
#[derive(Clone, Copy, Default)]
struct Sums {
    count: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Sums {
    fn add(&mut self, x: f64, y: f64) {
        self.count += 1.0;
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.xy += x * y;
        self.yy += y * y;
    }

    /// `None` for fewer than four points, and where all have the same similarity or skip rate.
    fn fit(&self, least_skip_rate: f64) -> Option<LineFit> {
        let Self { count, x, y, .. } = *self;
        let (xx, xy, yy) = (self.xx - x * x / count, self.xy - x * y / count, self.yy - y * y / count);
        if count < 4.0 || xx < 1e-12 || yy < 1e-12 {
            return None;
        }
        let (slope, correlation) = (xy / xx, (xy / (xx * yy).sqrt()).clamp(-1.0, 1.0));
        let residual = (yy - slope * xy).max(0.0) / (count - 2.0);
        let slope_error = 1.96 * (residual / xx).sqrt();
        let (z, z_error) = (correlation.atanh(), 1.96 / (count - 3.0).sqrt());
        let (low, high) = ((z - z_error).tanh(), (z + z_error).tanh());
        Some(LineFit {
            least_skip_rate,
            sessions: count as u64,
            correlation: Interval { value: correlation, low, high },
            slope: Interval { value: slope, low: slope - slope_error, high: slope + slope_error },
            intercept: (y - slope * x) / count,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ```python
    /// from scipy.stats import linregress, pearsonr
    /// x, y = [.1, .4, .5, .9, .3], [.8, .5, .6, .1, .4]
    /// line = linregress(x, y)
    /// print(line.rvalue, line.slope, line.intercept, 1.96 * line.stderr)
    /// print(pearsonr(x, y).confidence_interval())
    /// ```
    #[test]
    fn the_line_is_scipys() {
        let mut sums = Sums::default();
        for (x, y) in [(0.1, 0.8), (0.4, 0.5), (0.5, 0.6), (0.9, 0.1), (0.3, 0.4)] {
            sums.add(x, y);
        }
        let fit = sums.fit(0.0).unwrap();
        let found = [fit.correlation.value, fit.slope.value, fit.intercept, fit.slope.high - fit.slope.value];
        assert!(
            found.iter().zip(&[-0.8660499, -0.7556818, 0.8125000, 0.4936563]).all(|(a, b)| (a - b).abs() < 1e-6),
            "{found:?}"
        );
        // scipy takes 1.959964 for 1.96.
        let interval = [fit.correlation.low, fit.correlation.high];
        assert!(interval.iter().zip(&[-0.991060, 0.068739]).all(|(a, b)| (a - b).abs() < 1e-4), "{interval:?}");
        assert!(Sums { count: 3.0, ..sums }.fit(0.0).is_none());
    }
}
