//! The table of track features.

use std::fmt::Write;

use super::calibrated::{Calibrated, quantile};
use super::marginals::*;
use crate::synthetic::SyntheticWorld;
use crate::synthetic::draws::{normal, uniform, weighted};
use crate::{AUDIO_FEATURES, AudioFeatures, CounterRng, Stream};

/// Standard deviation of the noise on each element of the acoustic vector. The latent vector has length 1 in (by
/// default) 12 dimensions, so about 0.3 in each: the vector tells most of the latent one, and not all.
const ACOUSTIC_NOISE: f64 = 0.1;

pub(super) const HEADER: &str = "track_id,duration,release_year,us_popularity_estimate,acousticness,beat_strength,\
    bounciness,danceability,dyn_range_mean,energy,flatness,instrumentalness,key,liveness,loudness,mechanism,mode,\
    organism,speechiness,tempo,time_signature,valence,acoustic_vector_0,acoustic_vector_1,acoustic_vector_2,\
    acoustic_vector_3,acoustic_vector_4,acoustic_vector_5,acoustic_vector_6,acoustic_vector_7\n";

/// The identifier of a track: a made-up one whose last part is the track's number.
pub(super) fn track_id(track: u32) -> String {
    // Multiplication by an odd constant (of the golden ratio) scatters neighbours.
    let scattered = u64::from(track + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let [a, b, c, d] = [scattered >> 32, scattered >> 16 & 0xFFFF, scattered >> 4 & 0xFFF, scattered >> 8 & 0x3FFF];
    format!("t_{a:08x}-{b:04x}-4{c:03x}-{:04x}-{track:012x}", d | 0x8000)
}

/// The line of a track. Cells of the world's own audio features are empty where a track has none.
pub(super) fn push_line(
    world: &SyntheticWorld,
    calibrated: &Calibrated,
    number: u32,
    text: &mut String,
) -> std::fmt::Result {
    let track = &world.tracks()[number as usize];
    let mut rng = CounterRng::new(world.seed, Stream::Catalog, u64::from(number), 1);
    let seconds = f64::from(track.duration_ms.unwrap_or(0)) / 1000.0;
    let features = calibrated.audio[number as usize];
    write!(text, "{},{seconds:.3},{},", track_id(number), calibrated.years[number as usize])?;
    let popularity = 90.0 + weighted(&US_POPULARITY, &mut rng) as f64 + uniform(&mut rng) - 0.5;
    write!(text, "{:.6},", popularity.clamp(90.0, 100.0))?;
    audio(features, "acousticness", text)?;
    drawn(&BEAT_STRENGTH, &mut rng, text)?;
    drawn(&BOUNCINESS, &mut rng, text)?;
    audio(features, "danceability", text)?;
    drawn(&DYN_RANGE_MEAN, &mut rng, text)?;
    audio(features, "energy", text)?;
    drawn(&FLATNESS, &mut rng, text)?;
    audio(features, "instrumentalness", text)?;
    write!(text, "{},", weighted(&KEYS, &mut rng))?;
    audio(features, "liveness", text)?;
    audio(features, "loudness", text)?;
    drawn(&MECHANISM, &mut rng, text)?;
    let [major, minor] = MODES;
    write!(text, "{},", MODES[weighted(&[major.1, minor.1], &mut rng)].0)?;
    drawn(&ORGANISM, &mut rng, text)?;
    audio(features, "speechiness", text)?;
    audio(features, "tempo", text)?;
    write!(text, "{},", weighted(&TIME_SIGNATURES, &mut rng))?;
    audio(features, "valence", text)?;
    let latent = world.track_vector(number);
    for element in 0..8 {
        let value = f64::from(latent[element % latent.len()]) + ACOUSTIC_NOISE * normal(&mut rng);
        write!(text, "{value:.6}{}", if element == 7 { '\n' } else { ',' })?;
    }
    Ok(())
}

/// One of the world's audio features; the shortest text that is read as the same number.
fn audio(features: Option<AudioFeatures>, name: &str, text: &mut String) -> std::fmt::Result {
    let place = AUDIO_FEATURES.iter().position(|&feature| feature == name);
    match features.zip(place) {
        Some((features, place)) => write!(text, "{},", features[place]),
        None => write!(text, ","),
    }
}

/// A draw from the distribution that is even between neighbouring quantiles.
fn drawn(deciles: &Deciles, rng: &mut CounterRng, text: &mut String) -> std::fmt::Result {
    write!(text, "{:.6},", quantile(deciles, uniform(rng)))
}
