//! Trains VAE-CF: Adam on bags of users' training sessions, early stopping on the validation split's targets.

use std::collections::BTreeSet;

use listening_data::{CounterRng, Stream};
use tch::{Kind, Tensor};

use super::VaeCf;
use super::bags::{BagBatch, for_each_batch, heard};
use crate::network::Parameters;
use crate::permutation::Permutation;
use crate::splits::Split;
use crate::user_state::baselines::early_stopping::EarlyStopping;
use crate::user_state::baselines::one_thread::on_one_thread;
use crate::user_state::{Part, SequenceTrainingReport, TrainingRun, TrainingWatcher, standard_normal};
use crate::{ModelError, Result};

impl VaeCf<'_> {
    /// Trains until the validation loss no longer falls, and leaves the best weights in `parameters`. Each epoch takes
    /// each user's bag once, after a number of training sessions drawn anew. The training loss is per bag; the validation
    /// loss is the mean negative log likelihood of the modelled targets. Of the run's settings `lanes`, `steps` and
    /// `checkpoint_every` are not looked at. A checkpoint is written after each epoch; training that the watcher stopped
    /// gives nothing, and goes on from there.
    pub fn train(
        &self,
        parameters: &mut Parameters,
        run: &TrainingRun<'_>,
        watcher: &mut dyn TrainingWatcher,
    ) -> Result<Option<SequenceTrainingReport>> {
        run.settings.validate()?;
        on_one_thread(|| self.train_here(parameters, run, watcher))
    }

    fn train_here(
        &self,
        parameters: &mut Parameters,
        run: &TrainingRun<'_>,
        watcher: &mut dyn TrainingWatcher,
    ) -> Result<Option<SequenceTrainingReport>> {
        let users = self.histories.users();
        let mut stopping = EarlyStopping::begin(parameters, run, users as u64)?;
        run.progress.begin(run.name, (users * run.settings.max_epochs) as u64, "users");
        while let Some(epoch) = stopping.next_epoch(run) {
            let order = Permutation::new(users, run.seed, epoch as u32);
            for start in (0..users).step_by(self.settings.users_per_update) {
                if watcher.interrupted() {
                    return Ok(None);
                }
                let places = start..users.min(start + self.settings.users_per_update);
                let mut noise = CounterRng::new(run.seed, Stream::Noise, stopping.updates(), 0);
                let batch = self.training_batch(places.clone().map(|place| order.at(place)), &mut noise);
                let bags = batch.bags.len();
                let loss = self.training_loss(&batch, stopping.updates(), parameters, &mut noise)?;
                let error = loss.f_double_value(&[])?;
                stopping.step(run, parameters, (&loss, error), bags, places.len())?;
            }
            let validation = self.validation_loss()?;
            stopping.end_epoch(run, watcher, parameters, validation)?;
        }
        run.progress.end();
        Ok(Some(stopping.finish(parameters)?))
    }

    /// Each user's bag after one or more training sessions.
    fn training_batch(&self, users: impl Iterator<Item = usize>, noise: &mut CounterRng) -> BagBatch {
        let mut batch = BagBatch::default();
        for user in users {
            let sessions = self.histories.sessions_until(user, Split::Train);
            let count = if sessions.is_empty() { 0 } else { 1 + noise.below(sessions.len()) };
            let mut bag = BTreeSet::new();
            sessions.take(count).for_each(|session| heard(self.histories, &self.modelled, session, &mut bag));
            batch.bags.push(bag.into_iter().collect());
        }
        batch
    }

    fn training_loss(
        &self,
        batch: &BagBatch,
        updates: u64,
        parameters: &Parameters,
        noise: &mut CounterRng,
    ) -> Result<Tensor> {
        let (tracks, device) = (self.modelled.len(), parameters.device());
        let bags = batch.tensor(tracks, device)?;
        let share = 1.0 - self.settings.dropout as f32;
        let mut kept = vec![0.0f32; batch.bags.len() * tracks];
        for (bag, row) in batch.bags.iter().zip(kept.chunks_exact_mut(tracks)) {
            for &place in bag {
                row[place as usize] = if noise.uniform() < share { 1.0 / share } else { 0.0 };
            }
        }
        let kept = Tensor::f_from_slice(&kept)?.f_reshape(bags.size())?.f_to_device(device)?;
        let deviations = standard_normal(&[bags.size()[0], self.settings.latent as i64], noise, &bags)?;
        let anneal = self.settings.anneal_updates;
        let beta = self.settings.beta * if updates < anneal { updates as f64 / anneal as f64 } else { 1.0 };
        self.network.loss(&bags, &kept, &deviations, beta)
    }

    fn validation_loss(&self) -> Result<f64> {
        let (mut sum, mut count) = (0.0, 0u64);
        let tracks = self.modelled.len();
        tch::no_grad(|| {
            let part = Part::all(Split::Validation);
            for_each_batch(self.histories, self.vectors, &self.modelled, part, &mut |batch| {
                let logits = self.network.logits(&batch.tensor(tracks, self.targets.device())?)?;
                let logs = Vec::<f32>::try_from(logits.f_log_softmax(1, Kind::Float)?.f_reshape([-1])?)?;
                for (logs, targets) in logs.chunks_exact(tracks).zip(&batch.targets) {
                    let places = targets.iter().map(|&play| self.modelled.place(self.histories.track(play)));
                    for log in places.filter_map(|place| logs.get(place)) {
                        sum -= f64::from(*log);
                        count += 1;
                    }
                }
                Ok(())
            })
        })?;
        if count == 0 {
            let problem = "VAE-CF needs listeners with validation sessions of tracks heard in training";
            return Err(ModelError::TooLittleData(problem.into()));
        }
        Ok(sum / count as f64)
    }
}
