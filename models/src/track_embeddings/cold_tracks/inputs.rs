//! What is known of a track without its plays: audio features, year, length, and its artist's other tracks.

use listening_data::{AUDIO_FEATURES, Track};

use super::Tracks;

/// Audio features, release year, logarithm of the length.
const NUMBERS: usize = AUDIO_FEATURES.len() + 2;
/// A constant, the numbers, whether audio features, year, length and artist are missing.
const FIXED: usize = 1 + NUMBERS + 4;

/// Makes the inputs of the regression, for tracks in training and for others.
pub(super) struct Inputs<'a> {
    tracks: Tracks<'a>,
    training: &'a [bool],
    audio: bool,
    /// Mean and standard deviation of each number over the training tracks that have it.
    moments: [(f64, f64); NUMBERS],
    mean: Vec<f64>,
    /// Per artist, number of its training tracks and sum of their vectors.
    artist_counts: Vec<u32>,
    artist_sums: Vec<f64>,
}

impl<'a> Inputs<'a> {
    /// Looks at the tracks marked in `training`. Without `audio` all audio features count as missing.
    pub fn new(tracks: Tracks<'a>, training: &'a [bool], audio: bool) -> Self {
        let Tracks { catalog, artists, vectors, .. } = tracks;
        let dimension = vectors.dimension();
        let artist_count = artists.iter().max().map_or(0, |&last| last as usize + 1);
        let mut mean = vec![0.0; dimension];
        let mut artist_counts = vec![0; artist_count];
        let mut artist_sums = vec![0.0; artist_count * dimension];
        let mut sums = [(0.0, 0.0, 0.0); NUMBERS];
        for place in (0..catalog.len()).filter(|&place| training[place]) {
            let artist = artists[place] as usize;
            artist_counts[artist] += 1;
            let artist_sum = &mut artist_sums[artist * dimension..][..dimension];
            for ((sum, total), &x) in artist_sum.iter_mut().zip(&mut mean).zip(vectors.vector(place as u32)) {
                *sum += f64::from(x);
                *total += f64::from(x);
            }
            for (sum, number) in sums.iter_mut().zip(numbers(&catalog[place], audio)) {
                if let Some(x) = number {
                    *sum = (sum.0 + 1.0, sum.1 + x, sum.2 + x * x);
                }
            }
        }
        let total = f64::from(artist_counts.iter().sum::<u32>().max(1));
        mean.iter_mut().for_each(|x| *x /= total);
        let moments = sums.map(|(count, sum, squares)| {
            let mean = sum / f64::max(count, 1.0);
            let variance = squares / f64::max(count, 1.0) - mean * mean;
            // A number that never varies says nothing; it becomes 0.
            (mean, if variance > 1e-12 { variance.sqrt() } else { f64::INFINITY })
        });
        Self { tracks, training, audio, moments, mean, artist_counts, artist_sums }
    }

    /// Length of an input.
    pub fn len(&self) -> usize {
        FIXED + self.mean.len()
    }

    /// Mean vector of the training tracks.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Whether anything is known of a track.
    pub fn known(&self, track: u32) -> bool {
        self.artist_mean(track).is_some()
            || numbers(&self.tracks.catalog[track as usize], self.audio).iter().any(Option::is_some)
    }

    /// Number and mean vector of the other training tracks by the track's artist.
    pub fn artist_mean(&self, track: u32) -> Option<(f64, Vec<f64>)> {
        let (place, dimension) = (track as usize, self.mean.len());
        let artist = self.tracks.artists[place] as usize;
        // A track in training must not see its own vector, as a cold track has none to see.
        let own = self.training[place];
        let count = f64::from(self.artist_counts[artist] - u32::from(own));
        let sums = &self.artist_sums[artist * dimension..][..dimension];
        let others = sums.iter().zip(self.tracks.vectors.vector(track));
        let mean = others.map(|(sum, &x)| (sum - if own { f64::from(x) } else { 0.0 }) / count).collect();
        (count > 0.0).then_some((count, mean))
    }

    /// The input of one track.
    pub fn row(&self, track: u32) -> Vec<f64> {
        let numbers = numbers(&self.tracks.catalog[track as usize], self.audio);
        let artist = self.artist_mean(track);
        let mut row = Vec::with_capacity(self.len());
        row.push(1.0);
        let standardised = numbers.iter().zip(self.moments);
        row.extend(standardised.map(|(number, (mean, spread))| number.map_or(0.0, |x| (x - mean) / spread)));
        let missing = |absent: bool| f64::from(u8::from(absent));
        let [.., year, length] = numbers;
        row.extend([numbers[0].is_none(), year.is_none(), length.is_none(), artist.is_none()].map(missing));
        match artist {
            // Few tracks say little of an artist: the mean is drawn towards that of all tracks. Scaled so that its
            // values vary about as much as the standardised numbers, since one penalty holds for all.
            Some((count, mean)) => {
                let trust = count / (count + self.tracks.settings.artist_shrinkage) * (self.mean.len() as f64).sqrt();
                row.extend(mean.iter().zip(&self.mean).map(|(x, all)| trust * (x - all)));
            }
            None => row.resize(self.len(), 0.0),
        }
        row
    }
}

/// A track's numbers as they are. A length that was estimated from plays is left out: that there is one tells that
/// somebody heard the track to its end.
fn numbers(track: &Track, audio: bool) -> [Option<f64>; NUMBERS] {
    let features = track.audio_features.filter(|_| audio);
    let mut numbers = [None; NUMBERS];
    for (feature, number) in numbers.iter_mut().take(AUDIO_FEATURES.len()).enumerate() {
        *number = features.map(|features| f64::from(features[feature])).filter(|x| x.is_finite());
    }
    numbers[AUDIO_FEATURES.len()] = track.release_year.map(f64::from);
    let length = track.duration_ms.filter(|&length| length > 0 && !track.duration_estimated);
    numbers[AUDIO_FEATURES.len() + 1] = length.map(|length| f64::from(length).ln());
    numbers
}
