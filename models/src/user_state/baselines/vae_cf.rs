//! VAE-CF (Liang et al., WWW 2018): a variational autoencoder of the bag of tracks that a user has heard, with a
//! multinomial likelihood.

mod bags;
mod network;
mod settings;
mod training;

use tch::{Kind, Tensor};

use crate::network::Parameters;
use crate::track_embeddings::TrackVectors;
use crate::user_state::baselines::one_thread::on_one_thread;
use crate::user_state::{Foreteller, Foretold, Histories, Part};
use crate::{ModelError, Result};
use bags::{Modelled, for_each_batch};
use network::VaeCfNetwork;
pub use settings::VaeCfSettings;

/// The model with the histories that it runs through.
///
/// The vector foretold is the mean of the targets' vectors under the model's distribution over tracks, the best guess in
/// squared error; tracks rank by their probability, and those that are not modelled come after all others in order of
/// how often they were played in training.
pub struct VaeCf<'a> {
    network: VaeCfNetwork,
    modelled: Modelled,
    /// `[modelled tracks, dimension]`: their vectors, of length sqrt(dimension).
    targets: Tensor,
    histories: &'a Histories,
    vectors: &'a TrackVectors,
    settings: VaeCfSettings,
}

impl<'a> VaeCf<'a> {
    /// Chooses the tracks and adds the parameters.
    pub fn new(
        parameters: &mut Parameters,
        histories: &'a Histories,
        vectors: &'a TrackVectors,
        settings: VaeCfSettings,
    ) -> Result<Self> {
        settings.validate()?;
        let modelled = Modelled::new(histories, vectors, settings.tracks)?;
        if modelled.len() == 0 {
            let problem = "VAE-CF needs training plays that were not skipped; import more logs";
            return Err(ModelError::TooLittleData(problem.into()));
        }
        let scale = (vectors.dimension() as f32).sqrt();
        let rows = modelled.tracks().iter().flat_map(|&track| vectors.vector(track));
        let values: Vec<f32> = rows.map(|x| scale * x).collect();
        let targets = Tensor::f_from_slice(&values)?.f_reshape([-1, vectors.dimension() as i64])?;
        Ok(Self {
            network: VaeCfNetwork::new(parameters, modelled.len(), &settings)?,
            targets: targets.f_to_device(parameters.device())?,
            modelled,
            histories,
            vectors,
            settings,
        })
    }

    /// The rank of a track, from 0, by the scores of the modelled tracks; among equals the more played first.
    fn rank(&self, scores: &[f32], track: u32) -> u32 {
        let place = self.modelled.place(track);
        let Some(&own) = scores.get(place) else { return place as u32 };
        let before = |(other, &score): (usize, &f32)| score > own || score == own && other < place;
        scores.iter().enumerate().filter(|&pair| before(pair)).count() as u32
    }
}

impl Foreteller for VaeCf<'_> {
    fn foretell(&self, part: Part, take: &mut dyn FnMut(Foretold<'_>) -> Result<()>) -> Result<()> {
        let (tracks, dimension) = (self.modelled.len(), self.vectors.dimension());
        let foretell = || {
            for_each_batch(self.histories, self.vectors, &self.modelled, part, &mut |batch| {
                let logits = self.network.logits(&batch.tensor(tracks, self.targets.device())?)?;
                let means = logits.f_softmax(1, Kind::Float)?.f_matmul(&self.targets)?;
                let means = Vec::<f32>::try_from(means.f_reshape([-1])?)?;
                let scores = Vec::<f32>::try_from(logits.f_reshape([-1])?)?;
                let rows = means.chunks_exact(dimension).zip(scores.chunks_exact(tracks));
                for ((vector, scores), targets) in rows.zip(&batch.targets) {
                    for &target in targets {
                        let rank = Some(self.rank(scores, self.histories.track(target)));
                        take(Foretold { target, vector, rank })?;
                    }
                }
                Ok(())
            })
        };
        on_one_thread(|| tch::no_grad(foretell))
    }
}

#[cfg(test)]
mod tests;
