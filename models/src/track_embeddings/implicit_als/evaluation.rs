//! How well recommendations meet what users played later.

use serde::{Deserialize, Serialize};

use super::interactions::Interactions;
use super::model::ImplicitAls;
use crate::{ModelError, Result};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RankingSettings {
    /// k, the length of the recommended list.
    pub at: usize,
    /// Whether tracks that the user already played are neither recommended nor counted as relevant.
    pub exclude_known: bool,
}

impl Default for RankingSettings {
    /// Ten tracks, new ones only: what a recommendation is for. (People mostly replay what they know, so measures with
    /// known tracks are higher.)
    fn default() -> Self {
        Self { at: 10, exclude_known: true }
    }
}

/// Quality of recommended lists of k tracks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RankingMetrics {
    /// Users with plays to learn from and at least one relevant track; the means are over these.
    pub users: u64,
    /// Mean share of the k places that hold a relevant track.
    pub precision: f64,
    /// Mean normalised discounted cumulative gain (Järvelin and Kekäläinen 2002), relevance 0 or 1: the sum of
    /// 1 / log2(1 + place) over hits, divided by the largest possible.
    pub ndcg: f64,
    /// Half the width of the 95 % interval of `ndcg`: 1.96 standard errors over users.
    pub ndcg_interval: f64,
    /// Share of the catalog's tracks that are in the list of at least one of these users.
    pub coverage: f64,
}

/// Recommends to every user of `known` and compares with what they played in `later`.
///
/// Memory grows with users times k.
pub fn evaluate_ranking(
    model: &ImplicitAls,
    known: &Interactions,
    later: &Interactions,
    settings: RankingSettings,
    threads: usize,
) -> Result<RankingMetrics> {
    for (name, interactions) in [("known", known), ("later", later)] {
        if (interactions.users(), interactions.tracks()) != (model.users(), model.tracks()) {
            return Err(ModelError::TooLittleData(format!(
                "the {name} plays are of {} users and {} tracks, the model of {} and {}; use those of one dataset",
                interactions.users(),
                interactions.tracks(),
                model.users(),
                model.tracks()
            )));
        }
    }
    let relevant_to = |user: u32| -> Vec<u32> {
        let played = known.tracks_of(user);
        let counts = |track: &u32| !settings.exclude_known || played.binary_search(track).is_err();
        later.tracks_of(user).iter().copied().filter(counts).collect()
    };
    let users: Vec<u32> = (0..known.users() as u32)
        .filter(|&user| !known.tracks_of(user).is_empty() && !relevant_to(user).is_empty())
        .collect();
    if users.is_empty() || settings.at == 0 {
        let problem = "no user has both plays to learn from and later plays to find, or k is 0; import more logs";
        return Err(ModelError::TooLittleData(problem.to_owned()));
    }
    let excluded = settings.exclude_known.then_some(known);
    let lists = model.recommender().recommend(&users, excluded, settings.at, threads)?;
    let mut recommended = vec![false; model.tracks()];
    let (mut precision, mut gains) = (0.0, Vec::with_capacity(users.len()));
    for (&user, list) in users.iter().zip(&lists) {
        let tracks: Vec<u32> = list.iter().map(|scored| scored.track).collect();
        tracks.iter().for_each(|&track| recommended[track as usize] = true);
        let relevant = relevant_to(user);
        let hits = tracks.iter().filter(|track| relevant.binary_search(track).is_ok()).count();
        precision += hits as f64 / settings.at as f64;
        gains.push(ndcg(&tracks, &relevant, settings.at));
    }
    let count = users.len() as f64;
    let mean = gains.iter().sum::<f64>() / count;
    let variance = gains.iter().map(|gain| (gain - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    Ok(RankingMetrics {
        users: users.len() as u64,
        precision: precision / count,
        ndcg: mean,
        ndcg_interval: 1.96 * (variance / count).sqrt(),
        coverage: recommended.iter().filter(|&&track| track).count() as f64 / recommended.len() as f64,
    })
}

/// NDCG at k of a list, best first; `relevant` ascends and is not empty.
fn ndcg(list: &[u32], relevant: &[u32], k: usize) -> f64 {
    let gain = |place: usize| 1.0 / (place as f64 + 2.0).log2();
    let hits = (0..list.len().min(k)).filter(|&place| relevant.binary_search(&list[place]).is_ok());
    hits.map(gain).sum::<f64>() / (0..relevant.len().min(k)).map(gain).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::ndcg;

    /// The numbers are scikit-learn's; the list is 0, 1, 2, ... in each case:
    /// ```python
    /// from sklearn.metrics import ndcg_score
    /// ndcg_score([[1,0,1,1,0,0,0]], [[7,6,5,4,3,2,1]], k=3)   # 0.7039180890341348
    /// ndcg_score([[0,1,0,0,0,1,1]], [[7,6,5,4,3,2,1]], k=5)   # 0.2960819109658652
    /// ndcg_score([[0,0,0,0,0,0,1]], [[7,6,5,4,3,2,1]], k=5)   # 0.0
    /// ```
    #[test]
    fn ndcg_agrees_with_scikit_learn() {
        let cases =
            [(&[0, 2, 3][..], 3, 0.703_918_089_034_134_8), (&[1, 5, 6], 5, 0.296_081_910_965_865_2), (&[6], 5, 0.0)];
        for (relevant, k, expected) in cases {
            let list: Vec<u32> = (0..k as u32).collect();
            assert!((ndcg(&list, relevant, k) - expected).abs() < 1e-12, "{relevant:?} at {k}");
        }
    }
}
