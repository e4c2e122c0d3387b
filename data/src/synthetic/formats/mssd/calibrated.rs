//! The world's features of tracks, with the marginals of the real set.

use super::marginals::{AUDIO, Deciles, RELEASE_YEAR};
use crate::AudioFeatures;
use crate::synthetic::SyntheticWorld;

/// What a table of track features shows of each track. The order of the tracks by each feature is the world's own.
pub(super) struct Calibrated {
    pub(super) audio: Vec<Option<AudioFeatures>>,
    pub(super) years: Vec<u16>,
}

impl Calibrated {
    pub(super) fn new(world: &SyntheticWorld) -> Self {
        let tracks = world.tracks();
        let mut audio: Vec<Option<AudioFeatures>> = tracks.iter().map(|track| track.audio_features).collect();
        for (place, deciles) in AUDIO.iter().enumerate() {
            let values = audio.iter().map(|features| features.map(|features| f64::from(features[place])));
            for (track, value) in mapped(values.collect(), deciles) {
                if let Some(features) = &mut audio[track] {
                    features[place] = value as f32;
                }
            }
        }
        let mut years = vec![0; tracks.len()];
        let values = tracks.iter().map(|track| track.release_year.map(f64::from));
        for (track, year) in mapped(values.collect(), &RELEASE_YEAR) {
            years[track] = year.round() as u16;
        }
        Self { audio, years }
    }
}

/// The tracks that have a value, each with the quantile of its rank.
fn mapped(values: Vec<Option<f64>>, deciles: &Deciles) -> impl Iterator<Item = (usize, f64)> {
    let mut known: Vec<(f64, usize)> =
        values.into_iter().enumerate().filter_map(|(track, value)| Some((value?, track))).collect();
    known.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let count = known.len() as f64;
    known.into_iter().enumerate().map(move |(rank, (_, track))| (track, quantile(deciles, (rank as f64 + 0.5) / count)))
}

/// Of the distribution that is even between neighbouring quantiles; `share` is below 1.
pub(super) fn quantile(deciles: &Deciles, share: f64) -> f64 {
    let place = share * 10.0;
    let (below, share) = (place as usize, place.fract());
    deciles[below] * (1.0 - share) + deciles[below + 1] * share
}
