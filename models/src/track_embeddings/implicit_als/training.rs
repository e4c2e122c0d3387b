//! The alternation.

use listening_data::Progress;

use super::factor_table::{FactorTable, Side};
use super::interactions::{Confidences, Interactions};
use super::loss::loss;
use super::model::ImplicitAls;
use super::normal_equations::half_step;
use super::settings::AlsSettings;
use crate::{ModelError, Result};

/// Alternating least squares in progress.
///
/// Holds the factors and 8 bytes per distinct pair besides the interactions.
pub struct AlsTraining<'a> {
    settings: AlsSettings,
    by_user: Confidences<'a>,
    by_track: Confidences<'a>,
    threads: usize,
    model: ImplicitAls,
}

impl<'a> AlsTraining<'a> {
    /// Begins with small random factors, a function of the seed alone; biases begin at 0.
    pub fn new(interactions: &'a Interactions, settings: AlsSettings, seed: u64, threads: usize) -> Result<Self> {
        settings.validate()?;
        let AlsSettings { factors, biases, .. } = settings;
        let (users, tracks) = (interactions.users(), interactions.tracks());
        let played = |user: usize| !interactions.tracks_of(user as u32).is_empty();
        let heard = |track: usize| !interactions.users_of(track as u32).is_empty();
        let model = ImplicitAls {
            users: FactorTable::random(Side::User, users, factors, biases, seed, played),
            tracks: FactorTable::random(Side::Track, tracks, factors, biases, seed, heard),
        };
        Self::resume(interactions, settings, model, threads)
    }

    /// Goes on from given factors.
    pub fn resume(
        interactions: &'a Interactions,
        settings: AlsSettings,
        model: ImplicitAls,
        threads: usize,
    ) -> Result<Self> {
        settings.validate()?;
        let found = (model.users(), model.tracks(), model.factors(), model.users.biases());
        let expected = (interactions.users(), interactions.tracks(), settings.factors, settings.biases);
        if found != expected {
            let problem = format!(
                "the model has (users, tracks, factors, biases) {found:?}, interactions and settings {expected:?}; \
                 begin anew or use those that the model was made with"
            );
            return Err(ModelError::setting("als", problem));
        }
        if interactions.pairs() == 0 {
            let problem = "no user played any track in the training sessions; import more logs";
            return Err(ModelError::TooLittleData(problem.to_owned()));
        }
        let by_user = Confidences::new(interactions.by_user(), |plays| settings.weight(plays));
        let by_track = Confidences::new(interactions.by_track(), |plays| settings.weight(plays));
        Ok(Self { settings, by_user, by_track, threads: threads.max(1), model })
    }

    /// Solves for all users, then for all tracks. The result is the same for any number of threads.
    pub fn iterate(&mut self) -> Result<()> {
        let ImplicitAls { users, tracks } = &mut self.model;
        half_step(users, tracks, &self.by_user, &self.settings, self.threads)?;
        half_step(tracks, users, &self.by_track, &self.settings, self.threads)
    }

    /// The loss of the present factors: sum of c (p - x.y - b_u - b_i)^2 over all users and tracks plus lambda times
    /// the squared lengths of all vectors, over the sum of c.
    ///
    /// O(pairs factors); Cholesky lowers it with every half-step.
    pub fn loss(&self) -> Result<f64> {
        loss(&self.model.users, &self.model.tracks, &self.by_user, self.settings.regularization, self.threads)
    }

    /// The present factors.
    pub fn model(&self) -> &ImplicitAls {
        &self.model
    }
}

/// Factorises interactions by all iterations of the settings.
pub fn train_implicit_als(
    interactions: &Interactions,
    settings: &AlsSettings,
    seed: u64,
    threads: usize,
    progress: &dyn Progress,
) -> Result<ImplicitAls> {
    let mut training = AlsTraining::new(interactions, settings.clone(), seed, threads)?;
    progress.begin("implicit ALS", settings.iterations as u64, "iterations");
    for iteration in 0..settings.iterations {
        training.iterate()?;
        progress.advance(iteration as u64 + 1);
    }
    progress.remark(&format!("loss {:.5}", training.loss()?));
    progress.end();
    Ok(training.model)
}
