//! Settings of implicit alternating least squares.

use serde::{Deserialize, Serialize};

use crate::{ModelError, Result};

/// Settings of implicit alternating least squares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlsSettings {
    /// Length of a user's and a track's vector.
    pub factors: usize,
    /// lambda, the weight of the squared lengths of all vectors in the loss.
    pub regularization: f32,
    /// How confidence grows with the number of plays.
    pub confidence: Confidence,
    /// alpha of the confidence.
    pub alpha: f32,
    /// eps of the logarithmic confidence, in plays; the linear one does not use it.
    pub log_scale: f32,
    /// Times that all users and then all tracks are solved for.
    pub iterations: usize,
    /// How the normal equations of a user or track are solved.
    pub solver: Solver,
    /// Steps of the conjugate gradient; Cholesky does not use them.
    pub conjugate_gradient_steps: usize,
    /// Whether every user and every track has a bias besides its vector.
    pub biases: bool,
}

/// Confidence c of a pair with r plays; 1 without plays (Hu et al. 2008, section 3 and eq. 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// 1 + alpha r
    Linear,
    /// 1 + alpha ln(1 + r / eps)
    Log,
}

/// How the normal equations of one user or track are solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Solver {
    /// Exactly, by a Cholesky factorisation: O(pairs factors^2 + rows factors^3) per half-step.
    Cholesky,
    /// A few steps from the vector of the iteration before (Takács et al., RecSys 2011):
    /// O(steps (pairs factors + rows factors^2)) per half-step.
    ConjugateGradient,
}

impl Default for AlsSettings {
    /// alpha 40 is Hu et al.'s (section 6); regularization, iterations, solver and steps are those of the `implicit`
    /// package; 64 factors make the vectors as long as CBOW's default; a log scale of one play is ours.
    fn default() -> Self {
        Self {
            factors: 64,
            regularization: 0.01,
            confidence: Confidence::Linear,
            alpha: 40.0,
            log_scale: 1.0,
            iterations: 15,
            solver: Solver::ConjugateGradient,
            conjugate_gradient_steps: 3,
            biases: false,
        }
    }
}

impl AlsSettings {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> Result<()> {
        let counts = [
            ("embeddings.als.factors", self.factors, 2048),
            ("embeddings.als.iterations", self.iterations, usize::MAX),
            ("embeddings.als.conjugate_gradient_steps", self.conjugate_gradient_steps, usize::MAX),
        ];
        for (setting, value, most) in counts {
            if value == 0 || value > most {
                let problem = match most {
                    usize::MAX => "must be at least 1".to_owned(),
                    most => format!("must be in 1..={most}, not {value}"),
                };
                return Err(ModelError::setting(setting, problem));
            }
        }
        let positive = [
            ("embeddings.als.regularization", self.regularization),
            ("embeddings.als.alpha", self.alpha),
            ("embeddings.als.log_scale", self.log_scale),
        ];
        for (setting, value) in positive {
            if !(value > 0.0 && value.is_finite()) {
                return Err(ModelError::setting(setting, format!("must be above 0 and finite, not {value}")));
            }
        }
        Ok(())
    }

    /// c - 1 of a pair with `plays` plays.
    pub(super) fn weight(&self, plays: f32) -> f32 {
        match self.confidence {
            Confidence::Linear => self.alpha * plays,
            Confidence::Log => self.alpha * (plays / self.log_scale).ln_1p(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidence_grows_as_in_the_paper() {
        let linear = AlsSettings { alpha: 2.0, ..AlsSettings::default() };
        assert_eq!(linear.weight(3.0), 6.0);
        let log = AlsSettings { confidence: Confidence::Log, log_scale: 0.5, ..linear };
        // 2 ln(1 + 3 / 0.5) = 2 ln 7
        assert!((log.weight(3.0) - 3.891_820_3).abs() < 1e-5);
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let default = AlsSettings::default;
        assert!(default().validate().is_ok());
        let wrong = [
            AlsSettings { factors: 0, ..default() },
            AlsSettings { factors: 5000, ..default() },
            AlsSettings { iterations: 0, ..default() },
            AlsSettings { conjugate_gradient_steps: 0, ..default() },
            AlsSettings { regularization: 0.0, ..default() },
            AlsSettings { alpha: f32::NAN, ..default() },
            AlsSettings { log_scale: -1.0, ..default() },
        ];
        for settings in wrong {
            assert!(settings.validate().is_err(), "{settings:?}");
        }
    }
}
