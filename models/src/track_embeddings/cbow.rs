//! Continuous bag of words with negative sampling over sequences of tracks (Mikolov et al., NIPS 2013 and arXiv
//! 1301.3781).
//!
//! A session or playlist is a sentence, a track a word. For a track o with context tracks C (those within a random
//! window of 1..=window places), h = mean of the input vectors of C, and the loss is
//! -log s(h . v'_o) - sum over k negatives n of log s(-h . v'_n), with s the logistic function, negatives drawn with
//! probability proportional to count^0.75, and frequent tracks left out of sentences (ibid., section 2.3).

mod arithmetic;
mod gradient;
mod parameters;
mod phases;
mod sampling;
mod training;
mod vocabulary;

use listening_data::{Dataset, Progress};
use serde::{Deserialize, Serialize};

use self::parameters::Parameters;
use self::vocabulary::Vocabulary;
use super::{Corpus, TrackVectors};
use crate::splits::{Split, TimeSplit};
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
            ("embeddings.cbow.dimension", self.dimension),
            ("embeddings.cbow.window", self.window),
            ("embeddings.cbow.negatives", self.negatives),
            ("embeddings.cbow.epochs", self.epochs),
        ];
        for (setting, value) in positive {
            if value == 0 {
                return Err(ModelError::setting(setting, "must be at least 1"));
            }
        }
        if self.dimension > 4096 {
            return Err(ModelError::setting("embeddings.cbow.dimension", "must be at most 4096"));
        }
        if !(self.learning_rate > 0.0 && self.learning_rate < 1.0) {
            return Err(ModelError::setting("embeddings.cbow.learning_rate", "must be above 0 and below 1"));
        }
        if !(0.0..1.0).contains(&self.subsample) {
            return Err(ModelError::setting("embeddings.cbow.subsample", "must be in 0..1"));
        }
        Ok(())
    }
}

/// Trains vectors for a catalog of `tracks` tracks on corpora that number their tracks as the catalog does.
///
/// Tracks outside the vocabulary get zeros, which stand for "unknown": what fills them, such as [`fill_from_artists`],
/// is the caller's choice. The same seed gives the same vectors, bit for bit, for any number of `threads`.
pub fn train_on_corpora(
    corpora: &[&Corpus],
    tracks: usize,
    settings: &CbowSettings,
    seed: u64,
    threads: usize,
    progress: &dyn Progress,
) -> Result<TrackVectors> {
    settings.validate()?;
    let vocabulary = Vocabulary::new(corpora, tracks, settings)?;
    let parameters = Parameters::new(&vocabulary, settings.dimension, seed);
    let plays: u64 = corpora.iter().map(|corpus| corpus.tokens().len() as u64).sum();
    progress.begin("track embeddings", plays * settings.epochs as u64, "plays");
    training::train(&parameters, &vocabulary, corpora, settings, seed, threads, progress);
    progress.end();
    let mut values = vec![0.0; tracks * settings.dimension];
    let rows = parameters.read();
    for (word, &track) in vocabulary.tracks.iter().enumerate() {
        let vector = &rows.row(word as u32).as_flattened()[..settings.dimension];
        values[track as usize * settings.dimension..][..settings.dimension].copy_from_slice(vector);
    }
    if values.iter().all(|value| value.is_finite()) {
        return Ok(TrackVectors::new(settings.dimension, values));
    }
    Err(ModelError::Diverged("the track vectors grew without bound; lower embeddings.cbow.learning_rate".into()))
}

/// Trains track vectors on the training sessions of a dataset; tracks played too seldom take their artist's mean.
///
/// `artists` gives each track's artist by number. The sessions' tracks pass through a corpus in the system's folder
/// for temporary files, 4 bytes per play.
pub fn train_cbow(
    dataset: &Dataset,
    split: &TimeSplit,
    artists: &[u32],
    settings: &CbowSettings,
    seed: u64,
    threads: usize,
    progress: &dyn Progress,
) -> Result<TrackVectors> {
    settings.validate()?;
    let folder = tempfile::tempdir().map_err(|e| ModelError::file("create", std::env::temp_dir(), e))?;
    let corpus = Corpus::of_part(dataset, split, Split::Train, &folder.path().join("corpus"))?;
    let vectors = train_on_corpora(&[&corpus], artists.len(), settings, seed, threads, progress)?;
    Ok(fill_from_artists(vectors, artists))
}

/// Gives tracks without a vector the mean vector of their artist's tracks that have one; zeros where there is none.
pub fn fill_from_artists(vectors: TrackVectors, artists: &[u32]) -> TrackVectors {
    let dimension = vectors.dimension();
    let artist_count = artists.iter().max().map_or(0, |&last| last as usize + 1);
    let mut means = vec![0.0; artist_count * dimension];
    for (track, &artist) in artists.iter().enumerate() {
        let mean = &mut means[artist as usize * dimension..][..dimension];
        mean.iter_mut().zip(vectors.vector(track as u32)).for_each(|(m, x)| *m += x);
    }
    let mut values = Vec::with_capacity(vectors.values().len());
    for (track, &artist) in artists.iter().enumerate() {
        let mean = &means[artist as usize * dimension..][..dimension];
        let track = track as u32;
        values.extend_from_slice(if vectors.known(track) { vectors.vector(track) } else { mean });
    }
    TrackVectors::new(dimension, values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::splits::SplitShares;
    use crate::track_embeddings::{CorpusWriter, dot};
    use listening_data::{Context, CounterRng, DatasetWriter, Play, Session, Silent, SourceInfo, Stream, Track, User};

    /// Two worlds of ten tracks each that never meet in a session; tracks 20 and 21 are played once.
    fn two_worlds(folder: &std::path::Path) -> Dataset {
        let mut writer = DatasetWriter::create(folder.join("d")).unwrap();
        let mut rng = CounterRng::new(3, Stream::Sampling, 0, 0);
        for number in 0..600i64 {
            let world = number % 2;
            let play = |track: i64| Play { track: track as u32, start_ms: number, ..Play::default() };
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
        train_cbow(dataset, &split, &artists, &settings, seed, 2, &Silent).unwrap()
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

    /// Sequences on a ring of tracks: each play is a few places from the one before.
    fn ring(folder: &std::path::Path, tracks: usize, sequences: usize, seed: u64) -> Corpus {
        let mut writer = CorpusWriter::create(&folder.join(seed.to_string())).unwrap();
        let mut rng = CounterRng::new(seed, Stream::Sampling, 0, 0);
        for _ in 0..sequences {
            let mut at = rng.below(tracks);
            let mut step = || {
                at = (at + 1 + rng.below(3)) % tracks;
                at as u32
            };
            writer.push(&[(); 25].map(|()| step())).unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn the_vectors_are_the_same_for_any_number_of_threads() {
        let folder = tempfile::tempdir().unwrap();
        let corpora = [ring(folder.path(), 3000, 900, 1), ring(folder.path(), 2500, 350, 2)];
        let settings = CbowSettings { dimension: 20, epochs: 2, ..CbowSettings::default() };
        let train =
            |threads, seed| train_on_corpora(&corpora.each_ref(), 3001, &settings, seed, threads, &Silent).unwrap();
        let alone = train(1, 1);
        for threads in [2, 3, 8] {
            assert!(train(threads, 1) == alone, "{threads} threads");
        }
        assert!(train(2, 2) != alone);
        assert!(alone.known(0) && !alone.known(3000), "a track that is never played has no vector");
    }

    fn tiny(sequences: &[&[u32]], minimum_count: u32) -> Result<TrackVectors> {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = CorpusWriter::create(&folder.path().join("corpus")).unwrap();
        sequences.iter().for_each(|sequence| writer.push(sequence).unwrap());
        let corpus = writer.finish().unwrap();
        let settings = CbowSettings { dimension: 4, epochs: 50, minimum_count, ..CbowSettings::default() };
        train_on_corpora(&[&corpus], 3, &settings, 1, 2, &Silent)
    }

    #[test]
    fn tiny_corpora_give_vectors_or_a_clear_refusal() {
        for (sequences, minimum) in
            [(&[][..], 1), (&[&[1u32][..]], 1), (&[&[1, 1, 1, 1]], 1), (&[&[0, 1, 0]], 2), (&[&[0, 1], &[1, 2]], 5)]
        {
            let message = tiny(sequences, minimum).unwrap_err().to_string();
            assert!(message.contains("embeddings need 2"), "{message}");
        }
        let message = tiny(&[&[0, 7]], 1).unwrap_err().to_string();
        assert!(message.contains("track number 7") && message.contains("only 3 tracks"), "{message}");
        for sequences in [&[&[0u32, 1][..]][..], &[&[0], &[1]], &[&[0, 0, 0, 1]], &[&[0, 1, 2, 0, 1, 2]]] {
            let vectors = tiny(sequences, 1).unwrap();
            assert!(vectors.known(0) && vectors.known(1) && vectors.values().iter().all(|x| x.is_finite()));
        }
    }

    /// Where every listener repeats few tracks over and over, the steps of one block add up on few rows.
    #[test]
    fn repeated_tracks_do_not_make_vectors_diverge() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = CorpusWriter::create(&folder.path().join("corpus")).unwrap();
        (0..1000u32).for_each(|user| writer.push(&[2 * user, 2 * user + 1].repeat(100)).unwrap());
        let corpus = writer.finish().unwrap();
        let settings = CbowSettings { dimension: 8, epochs: 3, ..CbowSettings::default() };
        let vectors = train_on_corpora(&[&corpus], 2000, &settings, 1, 2, &Silent).unwrap();
        let near = (0..1000).filter(|&user| dot(vectors.vector(2 * user), vectors.vector(2 * user + 1)) > 0.5).count();
        assert!(near > 900, "{near} pairs lie together");
    }
}
