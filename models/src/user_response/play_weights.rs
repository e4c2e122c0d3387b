//! Which logged plays teach a user model, and how much each.

use serde::{Deserialize, Serialize};

use super::UserShare;
use crate::prepared::Examples;
use crate::{ModelError, Result};

/// Largest weight of a play, in mean weights: a play that was all but impossible must not outweigh a whole batch (truncated
/// importance sampling, Ionides 2008).
const LARGEST: f32 = 10.0;

/// Which plays a model learns from. Listeners like what they chose themselves better than what is chosen for them; plays with a
/// known propensity were drawn, and are like what a policy plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrainingPlays {
    /// All alike.
    #[default]
    All,
    /// Those whose propensity is known.
    WithPropensity,
    /// These, each weighted by the inverse of its propensity: as if every candidate had been as likely (Horvitz and Thompson
    /// 1952; Schnabel et al., ICML 2016).
    InversePropensity,
}

/// The weights of the plays of a log.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlayWeights {
    plays: TrainingPlays,
    /// Mean of the inverse propensities of the training plays.
    mean_inverse: f32,
}

impl PlayWeights {
    /// For these users' plays; refuses a log in which none would count.
    pub(super) fn new(plays: TrainingPlays, users: UserShare, splits: [&Examples; 2]) -> Result<Self> {
        let mut mean_inverse = 1.0;
        if plays != TrainingPlays::All {
            for (examples, split) in splits.into_iter().zip(["training", "validation"]).rev() {
                let known = (0..examples.len()).filter(|&play| users.holds(examples.user[play]));
                let inverses = known.filter_map(|play| examples.propensity(play)).map(|p| 1.0 / f64::from(p));
                let (sum, count) = inverses.fold((0.0, 0u64), |(sum, count), inverse| (sum + inverse, count + 1));
                if count == 0 {
                    return Err(ModelError::TooLittleData(format!(
                        "no {split} play of these users has a propensity; set user_model.plays = \"all\", or import a log that \
                         tells how likely each play was"
                    )));
                }
                mean_inverse = (sum / count as f64) as f32;
            }
        }
        Ok(Self { plays, mean_inverse })
    }

    /// The weight of a play; 0 for one that does not count.
    pub(super) fn of(&self, examples: &Examples, play: usize) -> f32 {
        match (self.plays, examples.propensity(play)) {
            (TrainingPlays::All, _) | (TrainingPlays::WithPropensity, Some(_)) => 1.0,
            (_, None) => 0.0,
            (TrainingPlays::InversePropensity, Some(p)) => (1.0 / (p * self.mean_inverse)).min(LARGEST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plays_count_by_how_unlikely_they_were() {
        let session = vec![[Some(true); 4]; 5];
        let examples = Examples::of_labels(std::slice::from_ref(&session)).with_propensities(&[
            Some(0.5),
            None,
            Some(0.25),
            Some(0.25),
            Some(0.001),
        ]);
        let weights = |plays| {
            let weights = PlayWeights::new(plays, UserShare::All, [&examples, &examples]).unwrap();
            (0..5).map(|play| weights.of(&examples, play)).collect::<Vec<_>>()
        };
        assert_eq!(weights(TrainingPlays::All), [1.0; 5]);
        assert_eq!(weights(TrainingPlays::WithPropensity), [1.0, 0.0, 1.0, 1.0, 1.0]);
        // Inverses 2, 4, 4 and 1000: their mean is 252.5; none is above ten of it.
        let expected = [2.0 / 252.5, 0.0, 4.0 / 252.5, 4.0 / 252.5, 1000.0 / 252.5];
        let found = weights(TrainingPlays::InversePropensity);
        assert!(found.iter().zip(expected).all(|(x, y)| (x - y).abs() < 1e-6), "{found:?}");
        let none = Examples::of_labels(&[session]);
        let refused = PlayWeights::new(TrainingPlays::WithPropensity, UserShare::All, [&none, &none]);
        assert!(refused.unwrap_err().to_string().contains("propensity"));
    }
}
