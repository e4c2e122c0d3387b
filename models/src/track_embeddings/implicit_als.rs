//! Implicit matrix factorisation by alternating least squares (Hu, Koren, Volinsky, "Collaborative filtering for
//! implicit feedback datasets", ICDM 2008).
//!
//! User u and track i have vectors x_u and y_i, and with biases numbers b_u and b_i, that minimise
//!
//! ```text
//! sum over all u, i of c_ui (p_ui - x_u.y_i - b_u - b_i)^2 + lambda (sum |x_u|^2 + sum |y_i|^2)
//! ```
//!
//! with p = 1 where u played i and 0 elsewhere, and the confidence c = 1 + alpha r or 1 + alpha ln(1 + r / eps) for r
//! plays. Given the tracks, each user's best vector solves a linear system, and the other way round: the two are solved
//! in turn.
//!
//! ```
//! use listening_models::track_embeddings::{AlsSettings, Interactions, train_implicit_als};
//!
//! // (user, track, plays): users 0, 1 and 2 share a taste, user 3 has another.
//! let plays = [(0, 0, 3.0), (0, 1, 1.0), (1, 0, 2.0), (1, 1, 1.0), (1, 2, 4.0), (2, 1, 2.0), (2, 2, 1.0), (3, 3, 5.0)];
//! let interactions = Interactions::from_triples(4, 4, &plays)?;
//! let settings = AlsSettings { factors: 2, regularization: 1.0, alpha: 1.0, ..AlsSettings::default() };
//! let model = train_implicit_als(&interactions, &settings, 7, 1, &listening_data::Silent)?;
//! let best = model.recommender().recommend(&[0], Some(&interactions), 1, 1)?;
//! assert_eq!(best[0][0].track, 2);
//! # Ok::<(), listening_models::ModelError>(())
//! ```

mod cholesky;
mod conjugate_gradient;
mod evaluation;
mod factor_table;
mod interactions;
mod kernels;
mod loss;
mod model;
mod normal_equations;
mod parallel;
mod scoring;
mod settings;
#[cfg(test)]
mod tests;
mod training;

pub use evaluation::{RankingMetrics, RankingSettings, evaluate_ranking};
pub use interactions::Interactions;
pub use model::{ImplicitAls, Recommender, SimilarTracks};
pub use scoring::ScoredTrack;
pub use settings::{AlsSettings, Confidence, Solver};
pub use training::{AlsTraining, train_implicit_als};
