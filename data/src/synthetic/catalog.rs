//! The synthetic catalog: genres hold styles, styles hold artists, artists hold tracks; each adds its own direction
//! to the latent vector.

use super::config::CatalogConfig;
use super::draws::{dot, exponential, normal, normal_vector, normalise, uniform};
use super::names;
use crate::{AUDIO_FEATURES, AudioFeatures, CounterRng, Stream, Track};

/// Tracks of one album at most.
const ALBUM_TRACKS: usize = 10;
/// Year in which the listening takes place; tracks are at most `OLDEST_YEARS` old (MSSD: 1950 to 2018).
const THIS_YEAR: u16 = 2023;
const OLDEST_YEARS: f64 = 70.0;
/// Bounds of durations in seconds (MSSD: 30 to 1,800).
const DURATION_S: (f64, f64) = (30.0, 1_800.0);

/// Tracks with all that is hidden from the log.
#[derive(Clone, Debug)]
pub(super) struct Catalog {
    pub(super) tracks: Vec<Track>,
    pub(super) artists: Vec<u32>,
    pub(super) styles: Vec<u32>,
    /// Unit vectors of the styles, one after the other.
    pub(super) style_vectors: Vec<Vec<f32>>,
    /// Tracks of each style.
    pub(super) tracks_of_style: Vec<Vec<u32>>,
    dimension: usize,
    /// Unit vectors of the tracks, one after the other.
    vectors: Vec<f32>,
    /// Running sum of the popularity weights.
    cumulative_popularity: Vec<f64>,
    /// Running sums within each style, in the order of `tracks_of_style`.
    cumulative_popularity_of_style: Vec<Vec<f64>>,
}

impl Catalog {
    pub(super) fn new(config: &CatalogConfig, seed: u64) -> Self {
        let mut rng = CounterRng::new(seed, Stream::Catalog, 0, 0);
        let dimension = config.dimension as usize;
        let style_vectors = style_vectors(config, &mut rng);
        let loadings: Vec<Vec<f32>> = AUDIO_FEATURES
            .iter()
            .map(|_| {
                let mut loading = normal_vector(dimension, 1.0, &mut rng);
                normalise(&mut loading);
                loading
            })
            .collect();

        let mut catalog = Self {
            tracks: Vec::new(),
            artists: Vec::new(),
            styles: Vec::new(),
            tracks_of_style: vec![Vec::new(); style_vectors.len()],
            cumulative_popularity_of_style: vec![Vec::new(); style_vectors.len()],
            style_vectors,
            dimension,
            vectors: Vec::new(),
            cumulative_popularity: Vec::new(),
        };
        let mut popularity = 0.0;
        for (artist, count) in tracks_per_artist(config, &mut rng).into_iter().enumerate() {
            // Styles take turns by chance; the artist's number is the rank of its popularity.
            let style = rng.below(catalog.style_vectors.len());
            let centre = catalog.style_vectors[style].clone();
            let artist_vector = add(&centre, &normal_vector(dimension, config.artist_spread, &mut rng));
            let mut album = (String::new(), 0);
            for place in 0..count {
                if place % ALBUM_TRACKS == 0 {
                    let age = (config.mean_age_years * exponential(&mut rng)).min(OLDEST_YEARS);
                    album = (names::title(&mut rng), THIS_YEAR - age as u16);
                }
                let mut vector = add(&artist_vector, &normal_vector(dimension, config.track_spread, &mut rng));
                normalise(&mut vector);
                let index = catalog.tracks.len() as u32;
                let seconds = config.duration_median_s * (config.duration_spread * normal(&mut rng)).exp();
                let audio_features = audio_features(config, &vector, &loadings, &mut rng);
                let duration_ms = (1_000.0 * seconds.clamp(DURATION_S.0, DURATION_S.1)) as u32;
                catalog.tracks.push(Track {
                    id: format!("synthetic:track:{index:06}"),
                    name: names::title(&mut rng),
                    artist: names::artist(artist),
                    album: album.0.clone(),
                    duration_ms: Some(duration_ms),
                    duration_estimated: false,
                    release_year: Some(album.1),
                    audio_features,
                });
                catalog.artists.push(artist as u32);
                catalog.styles.push(style as u32);
                catalog.tracks_of_style[style].push(index);
                catalog.vectors.extend(vector);
                let rank = (artist + 1) as f64 * (place + 1) as f64;
                let weight = rank.powf(-config.popularity_exponent);
                let of_style = &mut catalog.cumulative_popularity_of_style[style];
                of_style.push(of_style.last().copied().unwrap_or(0.0) + weight);
                popularity += weight;
                catalog.cumulative_popularity.push(popularity);
            }
        }
        catalog
    }

    /// The latent vector of a track, of length 1.
    pub(super) fn vector(&self, track: u32) -> &[f32] {
        let start = track as usize * self.dimension;
        &self.vectors[start..start + self.dimension]
    }

    /// Cosine of two tracks.
    pub(super) fn similarity(&self, a: u32, b: u32) -> f64 {
        dot(self.vector(a), self.vector(b))
    }

    /// Length of a track in seconds.
    pub(super) fn duration_s(&self, track: u32) -> f64 {
        f64::from(self.tracks[track as usize].duration_ms.unwrap_or(0)) / 1_000.0
    }

    /// Draws a track by popularity.
    pub(super) fn popular_track(&self, rng: &mut CounterRng) -> u32 {
        by_running_sum(&self.cumulative_popularity, rng) as u32
    }

    /// Draws a track of a style by popularity; nothing where no track has the style.
    pub(super) fn popular_track_of_style(&self, style: u32, rng: &mut CounterRng) -> Option<u32> {
        let place = by_running_sum(&self.cumulative_popularity_of_style[style as usize], rng);
        self.tracks_of_style[style as usize].get(place).copied()
    }

    /// Draws a track of the style of another.
    pub(super) fn track_in_style_of(&self, track: u32, rng: &mut CounterRng) -> u32 {
        let tracks = &self.tracks_of_style[self.styles[track as usize] as usize];
        tracks[rng.below(tracks.len())]
    }
}

/// A place drawn in proportion to the steps of a running sum; the last one where rounding leaves a rest.
fn by_running_sum(sums: &[f64], rng: &mut CounterRng) -> usize {
    let draw = uniform(rng) * sums.last().copied().unwrap_or(0.0);
    sums.partition_point(|&sum| sum <= draw).min(sums.len().saturating_sub(1))
}

fn style_vectors(config: &CatalogConfig, rng: &mut CounterRng) -> Vec<Vec<f32>> {
    let dimension = config.dimension as usize;
    let mut vectors = Vec::new();
    for _ in 0..config.genres {
        let mut genre = normal_vector(dimension, 1.0, rng);
        normalise(&mut genre);
        for _ in 0..config.styles_per_genre {
            let mut style = add(&genre, &normal_vector(dimension, config.style_spread, rng));
            normalise(&mut style);
            vectors.push(style);
        }
    }
    vectors
}

/// One track for each artist, and the others to artists by chance.
fn tracks_per_artist(config: &CatalogConfig, rng: &mut CounterRng) -> Vec<usize> {
    let mut counts = vec![1; config.artists as usize];
    for _ in config.artists..config.tracks {
        counts[rng.below(config.artists as usize)] += 1;
    }
    counts
}

fn add(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// Median and standard deviation of each feature on its own scale (logit for those in 0..1), from the quartiles in
/// MSSD.
const AUDIO_SCALES: [(f64, f64); AUDIO_FEATURES.len()] = [
    (0.29, 0.82),
    (0.52, 1.33),
    // Logarithm of the decibels below zero.
    (2.09, 0.52),
    (-2.94, 0.81),
    (-1.26, 3.13),
    (-8.4, 10.7),
    (-1.91, 0.92),
    (-0.11, 1.45),
    // Beats per minute.
    (120.0, 30.0),
];

fn audio_features(
    config: &CatalogConfig,
    vector: &[f32],
    loadings: &[Vec<f32>],
    rng: &mut CounterRng,
) -> Option<AudioFeatures> {
    let noise = (1.0 - config.audio_signal.powi(2)).sqrt();
    let mut features = [0.0; AUDIO_FEATURES.len()];
    for (place, feature) in features.iter_mut().enumerate() {
        // A unit vector's component along a direction has variance 1 / dimension.
        let latent = dot(vector, &loadings[place]) * (vector.len() as f64).sqrt();
        let (median, spread) = AUDIO_SCALES[place];
        let value = median + spread * (config.audio_signal * latent + noise * normal(rng));
        *feature = match AUDIO_FEATURES[place] {
            "loudness" => -value.exp().min(60.0),
            "tempo" => value.clamp(40.0, 240.0),
            _ => 1.0 / (1.0 + (-value).exp()),
        } as f32;
    }
    (uniform(rng) >= config.audio_missing).then_some(features)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artists_are_chosen_by_the_law_of_zipf() {
        let config = CatalogConfig { tracks: 50, artists: 50, popularity_exponent: 1.0, ..CatalogConfig::default() };
        let catalog = Catalog::new(&config, 1);
        let mut rng = CounterRng::new(2, Stream::Listening, 0, 0);
        let draws = 50_000;
        let mut counts = [0.0; 50];
        for _ in 0..draws {
            counts[catalog.popular_track(&mut rng) as usize] += 1.0;
        }
        let harmonic: f64 = (1..=50).map(|rank| 1.0 / f64::from(rank)).sum();
        let chi_square: f64 = counts
            .iter()
            .enumerate()
            .map(|(place, count): (usize, &f64)| {
                let expected = f64::from(draws) / harmonic / (place + 1) as f64;
                (count - expected).powi(2) / expected
            })
            .sum();
        // 49 degrees of freedom: exceeds 85.4 once in a thousand.
        assert!(chi_square < 85.4, "{chi_square}");
    }

    #[test]
    fn tracks_of_an_artist_are_more_alike_than_tracks_of_a_style_or_none() {
        let catalog = Catalog::new(&CatalogConfig::default(), 4);
        let mean = |related: &dyn Fn(usize, usize) -> bool| {
            let pairs = (0..600).flat_map(|a| (0..a).map(move |b| (a, b))).filter(|&(a, b)| related(a, b));
            let similarities: Vec<f64> = pairs.map(|(a, b)| catalog.similarity(a as u32, b as u32)).collect();
            similarities.iter().sum::<f64>() / similarities.len() as f64
        };
        let artist = mean(&|a, b| catalog.artists[a] == catalog.artists[b]);
        let style = mean(&|a, b| catalog.styles[a] == catalog.styles[b] && catalog.artists[a] != catalog.artists[b]);
        let none = mean(&|a, b| catalog.styles[a] / 4 != catalog.styles[b] / 4);
        assert!(artist > style + 0.05 && style > none + 0.3 && none.abs() < 0.2, "{artist} {style} {none}");
    }

    #[test]
    fn audio_features_follow_the_latent_vector_and_some_are_missing() {
        let catalog = Catalog::new(&CatalogConfig::default(), 4);
        let missing = catalog.tracks.iter().filter(|track| track.audio_features.is_none()).count();
        assert!((200..400).contains(&missing), "{missing}");
        // Neighbours by latent vector differ less in energy than strangers do.
        let energy = |track: u32| catalog.tracks[track as usize].audio_features.map(|features| features[1]);
        let mut differences = [(0.0, 0); 2];
        for a in 0..400 {
            for b in 0..a {
                if let (Some(x), Some(y)) = (energy(a), energy(b)) {
                    let (sum, count) = &mut differences[usize::from(catalog.similarity(a, b) > 0.8)];
                    *sum += (x - y).abs();
                    *count += 1;
                }
            }
        }
        let [strangers, neighbours] = differences.map(|(sum, count)| sum / count as f32);
        assert!(neighbours < 0.85 * strangers, "{neighbours} {strangers}");
    }
}
