//! Continuous bag of words with negative sampling over sessions (Mikolov et al., NIPS 2013 and arXiv 1301.3781).
//!
//! A session is a sentence, a track a word. For a track o with context tracks C (those within a random window of
//! 1..=window places), h = mean of the input vectors of C, and the loss is
//! -log s(h . v'_o) - sum over k negatives n of log s(-h . v'_n), with s the logistic function, negatives drawn with
//! probability proportional to count^0.75, and frequent tracks left out of sentences with probability
//! 1 - sqrt(t / f) (ibid., eq. 5). Single-threaded, in the order of the log: deterministic.

use listening_data::{CounterRng, Dataset, Progress, Stream};
use serde::{Deserialize, Serialize};

use super::TrackVectors;
use super::vectors::dot;
use crate::splits::TimeSplit;
use crate::{ModelError, Result};

/// Settings of CBOW.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CbowSettings {
    /// Length of a track vector.
    pub dimension: usize,
    /// Largest distance between a track and its context, in plays.
    pub window: usize,
    /// Negative samples per track.
    pub negatives: usize,
    /// Passes over the training sessions.
    pub epochs: usize,
    /// Plays below which a track gets no vector of its own (it then takes its artist's mean).
    pub minimum_count: u32,
    /// Step size at the start; falls linearly to 1/1000 of it.
    pub learning_rate: f32,
    /// Share of plays above which a track is thinned out; 0 keeps all plays.
    pub subsample: f64,
}

impl Default for CbowSettings {
    /// word2vec's own defaults (window 5, 5 negatives, rate 0.05, subsampling 1e-3), but for the dimension: FS-VAE
    /// uses 80, CoSeRNN 40. Ten epochs and a minimum of 2 suit logs far smaller than word2vec's billion words.
    fn default() -> Self {
        Self {
            dimension: 64,
            window: 5,
            negatives: 5,
            epochs: 10,
            minimum_count: 2,
            learning_rate: 0.05,
            subsample: 1e-3,
        }
    }
}

impl CbowSettings {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> Result<()> {
        let positive = [
            ("embeddings.dimension", self.dimension),
            ("embeddings.window", self.window),
            ("embeddings.negatives", self.negatives),
            ("embeddings.epochs", self.epochs),
        ];
        for (setting, value) in positive {
            if value == 0 {
                return Err(ModelError::setting(setting, "must be at least 1"));
            }
        }
        if self.dimension > 4096 {
            return Err(ModelError::setting("embeddings.dimension", "must be at most 4096"));
        }
        if !(self.learning_rate > 0.0 && self.learning_rate < 1.0) {
            return Err(ModelError::setting("embeddings.learning_rate", "must be above 0 and below 1"));
        }
        if !(0.0..1.0).contains(&self.subsample) {
            return Err(ModelError::setting("embeddings.subsample", "must be in 0..1"));
        }
        Ok(())
    }
}

/// Trains track vectors on the training sessions.
///
/// `artists` gives each track's artist by number: a track played too seldom takes the mean vector of its artist.
pub fn train_cbow(
    dataset: &Dataset,
    split: &TimeSplit,
    artists: &[u32],
    settings: &CbowSettings,
    seed: u64,
    progress: &dyn Progress,
) -> Result<TrackVectors> {
    settings.validate()?;
    let mut counts = vec![0u32; artists.len()];
    for logged in split.training_sessions(dataset)? {
        logged?.session.plays.iter().for_each(|play| counts[play.track as usize] += 1);
    }
    let vocabulary = Vocabulary::new(&counts, settings)?;
    let mut network = Network::new(artists.len(), settings.dimension, seed);
    let total = vocabulary.plays * settings.epochs as u64;
    progress.begin("track embeddings", total, "plays");
    let mut done = 0;
    let mut sentence = Vec::new();
    for epoch in 0..settings.epochs {
        for logged in split.training_sessions(dataset)? {
            let logged = logged?;
            let mut rng = CounterRng::new(seed, Stream::Word2vec, logged.number, epoch as u32);
            sentence.clear();
            let tracks = logged.session.plays.iter().map(|play| play.track);
            let known = tracks.filter(|&track| vocabulary.kept_share[track as usize] > 0.0);
            let before = done;
            for track in known {
                done += 1;
                // A track repeated at once says nothing about its neighbours.
                if rng.uniform() < vocabulary.kept_share[track as usize] && sentence.last() != Some(&track) {
                    sentence.push(track);
                }
            }
            let rate = settings.learning_rate * (1.0 - before as f32 / total as f32).max(1e-3);
            network.learn(&sentence, &vocabulary, settings, rate, &mut rng);
            progress.advance(done);
        }
        progress.remark(&format!("loss {:.3}", network.take_loss()));
    }
    progress.end();
    Ok(fill_from_artists(TrackVectors::new(settings.dimension, network.input), &vocabulary, artists))
}

struct Vocabulary {
    /// Plays of known tracks in the training sessions.
    plays: u64,
    /// Per track, the probability that a play is kept; 0 for tracks outside the vocabulary.
    kept_share: Vec<f32>,
    /// Tracks of the vocabulary with their cumulative sampling weight.
    cumulative: Vec<(f64, u32)>,
}

impl Vocabulary {
    fn new(counts: &[u32], settings: &CbowSettings) -> Result<Self> {
        let known = |count: u32| count >= settings.minimum_count.max(1);
        let plays: u64 = counts.iter().filter(|&&count| known(count)).map(|&count| u64::from(count)).sum();
        let kept = |count: u32| {
            let share = f64::from(count) / plays.max(1) as f64;
            match count {
                count if !known(count) => 0.0,
                _ if settings.subsample == 0.0 => 1.0,
                _ => (settings.subsample / share).sqrt().min(1.0) as f32,
            }
        };
        let mut weight = 0.0;
        let mut cumulative = Vec::new();
        for (track, &count) in counts.iter().enumerate().filter(|(_, count)| known(**count)) {
            weight += f64::from(count).powf(0.75);
            cumulative.push((weight, track as u32));
        }
        if cumulative.len() < 2 {
            return Err(ModelError::TooLittleData(format!(
                "the training sessions hold {} tracks with at least {} plays, and embeddings need 2; import more \
                 logs or lower embeddings.minimum_count",
                cumulative.len(),
                settings.minimum_count
            )));
        }
        Ok(Self { plays, kept_share: counts.iter().map(|&count| kept(count)).collect(), cumulative })
    }

    fn negative(&self, rng: &mut CounterRng) -> u32 {
        let last = self.cumulative.len() - 1;
        let target = f64::from(rng.uniform()) * self.cumulative[last].0;
        let place = self.cumulative.partition_point(|&(weight, _)| weight <= target);
        self.cumulative[place.min(last)].1
    }
}

struct Network {
    dimension: usize,
    input: Vec<f32>,
    output: Vec<f32>,
    hidden: Vec<f32>,
    gradient: Vec<f32>,
    loss: f64,
    examples: u64,
}

impl Network {
    fn new(tracks: usize, dimension: usize, seed: u64) -> Self {
        let mut input = Vec::with_capacity(tracks * dimension);
        for track in 0..tracks {
            let mut rng = CounterRng::new(seed, Stream::Weights, track as u64, u32::MAX);
            input.extend((0..dimension).map(|_| (rng.uniform() - 0.5) / dimension as f32));
        }
        let zeros = vec![0.0; dimension];
        let output = vec![0.0; tracks * dimension];
        Self { dimension, input, output, hidden: zeros.clone(), gradient: zeros, loss: 0.0, examples: 0 }
    }

    fn learn(
        &mut self,
        sentence: &[u32],
        vocabulary: &Vocabulary,
        settings: &CbowSettings,
        rate: f32,
        rng: &mut CounterRng,
    ) {
        for (place, &target) in sentence.iter().enumerate() {
            let reach = 1 + rng.below(settings.window);
            let window = place.saturating_sub(reach)..(place + reach + 1).min(sentence.len());
            let context = || window.clone().filter(|&other| other != place).map(|other| sentence[other] as usize);
            let size = window.len() - 1;
            if size == 0 {
                continue;
            }
            self.hidden.fill(0.0);
            self.gradient.fill(0.0);
            for track in context() {
                let row = &self.input[track * self.dimension..][..self.dimension];
                self.hidden.iter_mut().zip(row).for_each(|(h, x)| *h += x / size as f32);
            }
            self.push(target, 1.0, rate);
            for _ in 0..settings.negatives {
                let negative = vocabulary.negative(rng);
                if negative != target {
                    self.push(negative, 0.0, rate);
                }
            }
            // As in word2vec's code, each context vector takes the whole gradient of the mean.
            for track in context() {
                let row = &mut self.input[track * self.dimension..][..self.dimension];
                row.iter_mut().zip(&self.gradient).for_each(|(x, g)| *x += g);
            }
        }
    }

    /// One logistic step on the pair (hidden, output vector of `track`).
    fn push(&mut self, track: u32, label: f32, rate: f32) {
        let row = &mut self.output[track as usize * self.dimension..][..self.dimension];
        let score = dot(&self.hidden, row);
        let predicted = 1.0 / (1.0 + (-score).exp());
        let probability = if label > 0.5 { predicted } else { 1.0 - predicted };
        self.loss -= f64::from(probability.max(1e-7).ln());
        self.examples += 1;
        let step = rate * (label - predicted);
        for ((x, h), g) in row.iter_mut().zip(&self.hidden).zip(&mut self.gradient) {
            *g += step * *x;
            *x += step * h;
        }
    }

    /// Mean loss per example since the last call.
    fn take_loss(&mut self) -> f64 {
        let mean = self.loss / self.examples.max(1) as f64;
        (self.loss, self.examples) = (0.0, 0);
        mean
    }
}

/// Gives tracks outside the vocabulary the mean vector of their artist's known tracks; zeros where there is none.
fn fill_from_artists(vectors: TrackVectors, vocabulary: &Vocabulary, artists: &[u32]) -> TrackVectors {
    let dimension = vectors.dimension();
    let artist_count = artists.iter().max().map_or(0, |&last| last as usize + 1);
    let known = |track: usize| vocabulary.kept_share[track] > 0.0;
    let mut means = vec![0.0; artist_count * dimension];
    for (track, &artist) in artists.iter().enumerate().filter(|(track, _)| known(*track)) {
        let mean = &mut means[artist as usize * dimension..][..dimension];
        mean.iter_mut().zip(vectors.vector(track as u32)).for_each(|(m, x)| *m += x);
    }
    let mut values = Vec::with_capacity(vectors.values().len());
    for (track, &artist) in artists.iter().enumerate() {
        let mean = &means[artist as usize * dimension..][..dimension];
        values.extend_from_slice(if known(track) { vectors.vector(track as u32) } else { mean });
    }
    TrackVectors::new(dimension, values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::splits::SplitShares;
    use listening_data::{Context, DatasetWriter, Play, Responses, Session, Silent, SourceInfo, Track, User};

    /// Two worlds of ten tracks each that never meet in a session; tracks 20 and 21 are played once.
    fn two_worlds(folder: &std::path::Path) -> Dataset {
        let mut writer = DatasetWriter::create(folder.join("d")).unwrap();
        let mut rng = CounterRng::new(3, Stream::Sampling, 0, 0);
        for number in 0..600i64 {
            let world = number % 2;
            let play = |track: i64| Play {
                track: track as u32,
                start_ms: number,
                ms_played: 1,
                responses: Responses::default(),
                propensity: None,
            };
            let mut plays: Vec<Play> = (0..8).map(|_| play(10 * world + rng.below(10) as i64)).collect();
            if number < 2 {
                plays.push(play(20 + number));
            }
            writer.write_session(&Session { user: 0, start_ms: number, context: Context::default(), plays }).unwrap();
        }
        writer.finish(&vec![Track::default(); 23], &[User { id: "u".into() }], &SourceInfo::new("test")).unwrap();
        Dataset::open(folder.join("d")).unwrap()
    }

    fn train(dataset: &Dataset, seed: u64) -> TrackVectors {
        let split = TimeSplit::new(dataset, SplitShares::default()).unwrap();
        // Track 20 shares an artist with track 0, track 21 with track 10; track 22 stands alone.
        let artists: Vec<u32> = (0..20).chain([0, 10, 22]).collect();
        let settings = CbowSettings { dimension: 16, epochs: 5, subsample: 0.0, ..CbowSettings::default() };
        train_cbow(dataset, &split, &artists, &settings, seed, &Silent).unwrap()
    }

    #[test]
    fn tracks_heard_together_lie_together() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = two_worlds(folder.path());
        let vectors = train(&dataset, 1);
        for track in 0..20u32 {
            let neighbours = vectors.nearest(vectors.vector(track), 10);
            let same = neighbours.iter().filter(|&&n| n < 20 && n / 10 == track / 10).count();
            assert!(same >= 9, "track {track}: {neighbours:?}");
        }
        assert_eq!(vectors.vector(20), vectors.vector(0), "a seldom track takes its artist's mean");
        assert!(!vectors.known(22));
        assert_eq!(vectors, train(&dataset, 1), "same seed, same vectors");
        assert_ne!(vectors, train(&dataset, 2));
    }
}
