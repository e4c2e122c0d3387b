//! How near predicted vectors come to true ones, on tracks that were held out.

use listening_data::{CounterRng, Stream};
use serde::{Deserialize, Serialize};

use super::{Model, Tracks, equations};
use crate::track_embeddings::{NearestTracks, TrackVectors, dot};
use crate::{ModelError, Result};

/// Quality on one set of held-out tracks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColdTrackQuality {
    /// Tracks held out of which anything is known.
    pub tracks: usize,
    /// Of these, those with audio features.
    pub with_audio_features: usize,
    /// The regression.
    pub regression: MethodQuality,
    /// The regression without audio features.
    pub without_audio_features: MethodQuality,
    /// The mean of the artist's other tracks, the mean of all where there are none.
    pub artist_mean: MethodQuality,
    /// The mean of all tracks.
    pub mean_of_all: MethodQuality,
    /// Another track's vector, drawn at random.
    pub random_track: MethodQuality,
    /// Cosine gained by audio features, over the held-out tracks that have them: mean and half width of its 95 %
    /// interval.
    pub gain_of_audio_features: (f64, f64),
    /// Cosine gained over the artist's mean, over all held-out tracks.
    pub gain_over_artist_mean: (f64, f64),
}

/// Quality of one method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MethodQuality {
    /// Cosine between predicted and true vector: mean and half width of its 95 % interval over tracks.
    pub cosine: (f64, f64),
    /// Share of the true vector's nearest training tracks that are among those of the predicted one: the same.
    pub neighbour_recall: (f64, f64),
}

pub(super) struct Measured {
    pub strength: f64,
    pub tracks: ColdTrackQuality,
    pub artists: ColdTrackQuality,
}

/// What is held out: tracks one by one, or all tracks of an artist together.
#[derive(Clone, Copy)]
enum Unit {
    Track,
    Artist,
}

/// Chooses the penalty on some held-out tracks, and measures on others, which had no part in the choice.
pub(super) fn measure(tracks: &Tracks<'_>, known: &[bool], seed: u64) -> Result<Measured> {
    let parts = |unit| {
        let part = (0..known.len()).map(|track| known[track].then(|| part(tracks, track, unit, seed)));
        part.collect::<Vec<Option<Part>>>()
    };
    let by_track = parts(Unit::Track);
    let strength = choose_strength(tracks, &by_track)?;
    let artists = quality(tracks, &parts(Unit::Artist), strength, seed)?;
    Ok(Measured { strength, tracks: quality(tracks, &by_track, strength, seed)?, artists })
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Training,
    /// Held out to choose the penalty.
    Choice,
    /// Held out to measure.
    Test,
}

fn part(tracks: &Tracks<'_>, track: usize, unit: Unit, seed: u64) -> Part {
    let (number, step) = match unit {
        Unit::Track => (track as u64, 0),
        Unit::Artist => (u64::from(tracks.artists[track]), 1),
    };
    let draw = f64::from(CounterRng::new(seed, Stream::Sampling, number, step).uniform());
    match draw / tracks.settings.held_out {
        share if share < 1.0 => Part::Test,
        share if share < 2.0 => Part::Choice,
        _ => Part::Training,
    }
}

/// Marks the tracks of some parts.
fn marked(parts: &[Option<Part>], wanted: &[Part]) -> Vec<bool> {
    parts.iter().map(|part| part.is_some_and(|part| wanted.contains(&part))).collect()
}

fn too_few(what: &str) -> ModelError {
    ModelError::TooLittleData(format!("there are no {what} to hold out: too few tracks have a vector to learn from"))
}

/// The penalty with the highest mean cosine on the tracks held out for the choice; of equal ones the first.
fn choose_strength(tracks: &Tracks<'_>, parts: &[Option<Part>]) -> Result<f64> {
    let training = marked(parts, &[Part::Training]);
    let choice = marked(parts, &[Part::Choice]);
    let (inputs, equations) = equations(tracks, &training, true);
    let rows: Vec<(u32, Vec<f64>)> = (0..parts.len() as u32)
        .filter(|&track| choice[track as usize] && inputs.known(track))
        .map(|track| (track, inputs.row(track)))
        .collect();
    if rows.is_empty() || !training.contains(&true) {
        return Err(too_few("tracks"));
    }
    let mut best = (f64::NEG_INFINITY, 0.0);
    for &strength in &tracks.settings.strengths {
        let weights = equations.solve(strength)?;
        let cosines = rows.iter().map(|(track, row)| cosine(&weights.predict(row), tracks.vectors.vector(*track)));
        let mean = cosines.sum::<f64>() / rows.len() as f64;
        if mean > best.0 {
            best = (mean, strength);
        }
    }
    Ok(best.1)
}

fn quality(tracks: &Tracks<'_>, parts: &[Option<Part>], strength: f64, seed: u64) -> Result<ColdTrackQuality> {
    let training = marked(parts, &[Part::Training, Part::Choice]);
    let full = Model::fit(tracks, &training, true, strength)?;
    let silent = Model::fit(tracks, &training, false, strength)?;
    let dimension = tracks.vectors.dimension();
    let others: Vec<u32> = (0..parts.len() as u32).filter(|&track| training[track as usize]).collect();
    let held_out: Vec<u32> = (0..parts.len() as u32)
        .filter(|&track| parts[track as usize] == Some(Part::Test) && full.inputs.known(track))
        .collect();
    if held_out.is_empty() || others.is_empty() {
        return Err(too_few("tracks or artists"));
    }
    let mean: Vec<f32> = full.inputs.mean().iter().map(|&x| x as f32).collect();

    let truth: Vec<Vec<f32>> = held_out.iter().map(|&track| tracks.vectors.vector(track).to_vec()).collect();
    let predicted = |predict: &dyn Fn(u32) -> Vec<f32>| held_out.iter().map(|&track| predict(track)).collect();
    let regression: Vec<Vec<f32>> = predicted(&|track| full.weights.predict(&full.inputs.row(track)));
    let without: Vec<Vec<f32>> = predicted(&|track| silent.weights.predict(&silent.inputs.row(track)));
    let artist: Vec<Vec<f32>> = predicted(&|track| match full.inputs.artist_mean(track) {
        Some((_, mean)) => mean.iter().map(|&x| x as f32).collect(),
        None => mean.clone(),
    });
    let all: Vec<Vec<f32>> = predicted(&|_| mean.clone());
    let random: Vec<Vec<f32>> = predicted(&|track| {
        let other = others[CounterRng::new(seed, Stream::Sampling, u64::from(track), 2).below(others.len())];
        tracks.vectors.vector(other).to_vec()
    });

    let values = others.iter().flat_map(|&track| tracks.vectors.vector(track)).copied().collect();
    let neighbours = Neighbourhoods::new(TrackVectors::new(dimension, values), &truth, tracks.settings.neighbours)?;
    let method = |predicted: &[Vec<f32>]| -> Result<MethodQuality> {
        Ok(MethodQuality {
            cosine: interval(&cosines(predicted, &truth)),
            neighbour_recall: interval(&neighbours.recall(predicted)?),
        })
    };
    let gain = |other: &[Vec<f32>]| -> Vec<f64> {
        cosines(&regression, &truth).iter().zip(cosines(other, &truth)).map(|(a, b)| a - b).collect()
    };
    let audible: Vec<bool> =
        held_out.iter().map(|&track| tracks.catalog[track as usize].audio_features.is_some()).collect();
    let gains: Vec<f64> =
        gain(&without).into_iter().zip(&audible).filter(|(_, audible)| **audible).map(|(gain, _)| gain).collect();
    Ok(ColdTrackQuality {
        tracks: held_out.len(),
        with_audio_features: gains.len(),
        regression: method(&regression)?,
        without_audio_features: method(&without)?,
        artist_mean: method(&artist)?,
        mean_of_all: method(&all)?,
        random_track: method(&random)?,
        gain_of_audio_features: interval(&gains),
        gain_over_artist_mean: interval(&gain(&artist)),
    })
}

/// The true neighbours of the held-out tracks among the training tracks.
struct Neighbourhoods {
    nearest: NearestTracks,
    truth: Vec<Vec<u32>>,
    count: usize,
}

impl Neighbourhoods {
    fn new(training: TrackVectors, truth: &[Vec<f32>], count: usize) -> Result<Self> {
        let mut neighbourhoods = Self { nearest: NearestTracks::exact(training), truth: Vec::new(), count };
        neighbourhoods.truth = neighbourhoods.find(truth)?;
        Ok(neighbourhoods)
    }

    fn find(&self, vectors: &[Vec<f32>]) -> Result<Vec<Vec<u32>>> {
        let found = self.nearest.nearest_batch(&vectors.concat(), self.count, 1)?;
        Ok(found.into_iter().map(|found| found.into_iter().map(|neighbour| neighbour.track).collect()).collect())
    }

    fn recall(&self, predicted: &[Vec<f32>]) -> Result<Vec<f64>> {
        let share = |(found, truth): (Vec<u32>, &Vec<u32>)| {
            truth.iter().filter(|track| found.contains(track)).count() as f64 / truth.len() as f64
        };
        Ok(self.find(predicted)?.into_iter().zip(&self.truth).map(share).collect())
    }
}

fn cosines(predicted: &[Vec<f32>], truth: &[Vec<f32>]) -> Vec<f64> {
    predicted.iter().zip(truth).map(|(a, b)| cosine(a, b)).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let lengths = f64::from(dot(a, a)).sqrt() * f64::from(dot(b, b)).sqrt();
    if lengths > 0.0 { f64::from(dot(a, b)) / lengths } else { 0.0 }
}

/// Mean and 1.96 standard errors.
fn interval(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    (mean, 1.96 * (variance / count).sqrt())
}
