//! What a listener is after: slow taste, moods by context, momentary interests, and the theme of a session.

use super::catalog::Catalog;
use super::draws::{add_scaled, dot, exponential, normal_vector, normalise, poisson, uniform, weighted};
use super::{Listener, SyntheticConfig, SyntheticWorld};
use crate::{Context, CounterRng, Device, Stream};

/// Start of day 0: Monday 1 January 2024, in milliseconds since 1970.
pub(super) const FIRST_DAY_MS: i64 = 1_704_067_200_000;
pub(super) const DAY_MS: i64 = 86_400_000;

/// Strength of the moods of the hour classes morning (6 to 9), working hours (10 to 16), evening (17 to 22) and night:
/// the rarer the context, the further from the taste (Hansen et al. 2020, section 3). The sizes are ours.
const HOUR_MOODS: [f64; 4] = [1.1, 0.9, 0.6, 1.4];
/// Strength of the moods of the device classes in the hand (phone, tablet), computer (with web players), room
/// (speaker, television) and car.
const DEVICE_MOODS: [f64; 4] = [0.4, 1.0, 1.1, 1.4];

/// Places of the classes of hour and device that moods go by, each 0 to 3; nothing where the context does not tell.
///
/// Hours: 6 to 9, 10 to 16, 17 to 22, 23 to 5. Devices: phone and tablet, computer and web, speaker and television, car.
pub fn mood_classes(context: &Context) -> (Option<usize>, Option<usize>) {
    let hour = context.hour.map(|hour| match hour {
        6..=9 => 0,
        10..=16 => 1,
        17..=22 => 2,
        _ => 3,
    });
    let device = context.device.map(|device| match device {
        Device::Phone | Device::Tablet => 0,
        Device::Computer | Device::Web => 1,
        Device::Speaker | Device::Television => 2,
        Device::Car => 3,
    });
    (hour, device)
}

/// Directions of length 1, one for each class of hour and of device.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Moods {
    pub(super) hours: [Vec<f32>; 4],
    pub(super) devices: [Vec<f32>; 4],
}

impl Moods {
    /// Moods that all listeners have in common: in each class of context, a style in which there are hits.
    pub(super) fn shared(catalog: &Catalog, seed: u64) -> Self {
        let mut rng = CounterRng::new(seed, Stream::Mood, 0, 0);
        Self::draw(|| {
            let style = catalog.styles[catalog.popular_track(&mut rng) as usize];
            catalog.style_vectors[style as usize].clone()
        })
    }

    /// Draws the directions, first of the hours, then of the devices.
    fn draw(mut direction: impl FnMut() -> Vec<f32>) -> Self {
        Self { hours: std::array::from_fn(|_| direction()), devices: std::array::from_fn(|_| direction()) }
    }

    fn of<'a>(&'a self, context: &Context) -> impl Iterator<Item = (f64, &'a [f32])> {
        let (hour, device) = mood_classes(context);
        let hour = hour.map(|class| (HOUR_MOODS[class], self.hours[class].as_slice()));
        hour.into_iter().chain(device.map(|class| (DEVICE_MOODS[class], self.devices[class].as_slice())))
    }
}

/// A momentary interest in such music as one track.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Interest {
    pub(super) track: u32,
    pub(super) since_ms: i64,
}

impl Interest {
    /// 1 when it arrives, halved every half-life; 0 before.
    fn strength(&self, now_ms: i64, half_life_days: f64) -> f64 {
        let days = (now_ms - self.since_ms) as f64 / DAY_MS as f64;
        if days < 0.0 { 0.0 } else { (-days / half_life_days).exp2() }
    }
}

/// Half-lives after which an interest is forgotten: less than 0.1 % is left.
const HALF_LIVES_KEPT: f64 = 10.0;

impl Listener {
    /// Lets time pass until `time_ms` (milliseconds since 1970, local): the taste drifts from day to day, interests
    /// arrive and fade. Time never runs backwards: an earlier time changes nothing.
    ///
    /// What happens on a day is a pure function of settings, seed, number, day and, for interests, the latest track
    /// that the listener has found; it does not matter in how many steps time passes. Begin each session with it.
    pub fn advance_to(&mut self, world: &SyntheticWorld, time_ms: i64) {
        let config = &world.config.mind;
        let today = (time_ms - FIRST_DAY_MS).div_euclid(DAY_MS);
        while self.day < today {
            self.day += 1;
            if config.drift > 0.0 {
                self.drift(world);
            }
            if config.interest > 0.0 {
                self.gain_interests(world);
            }
        }
        self.now_ms = self.now_ms.max(time_ms);
        let kept_ms = HALF_LIVES_KEPT * config.interest_half_life_days * DAY_MS as f64;
        let now_ms = self.now_ms;
        self.interests.retain(|interest| ((now_ms - interest.since_ms) as f64) < kept_ms);
    }

    /// One day of an Ornstein-Uhlenbeck process around the mean taste. Its stationary law is that of a normal vector
    /// of expected length `drift`, from which day 0 is drawn.
    fn drift(&mut self, world: &SyntheticWorld) {
        let config = &world.config.mind;
        let mut rng = CounterRng::new(world.seed, Stream::Drift, u64::from(self.number), self.day as u32);
        let kept = if self.day == 0 { 0.0 } else { (-1.0 / (7.0 * config.drift_weeks)).exp() };
        let added = normal_vector(self.mean_taste.len(), config.drift * (1.0 - kept * kept).sqrt(), &mut rng);
        self.offset.iter_mut().zip(&added).for_each(|(value, added)| *value = kept as f32 * *value + added);
        self.taste.clone_from(&self.mean_taste);
        add_scaled(&mut self.taste, 1.0, &self.offset);
        normalise(&mut self.taste);
    }

    /// The interests that arrive on the day, at uniform times.
    fn gain_interests(&mut self, world: &SyntheticWorld) {
        let config = &world.config.mind;
        let mut rng = CounterRng::new(world.seed, Stream::Interest, u64::from(self.number), self.day as u32);
        for _ in 0..poisson(config.interests_per_week / 7.0, &mut rng) {
            let since_ms = FIRST_DAY_MS + self.day * DAY_MS + (uniform(&mut rng) * DAY_MS as f64) as i64;
            let heard = uniform(&mut rng) < config.interest_heard;
            let by_chance = world.catalog.popular_track(&mut rng);
            let found = if heard { self.found.take() } else { None };
            self.interests.push(Interest { track: found.unwrap_or(by_chance), since_ms });
        }
    }
}

impl SyntheticWorld {
    /// A listener's own moods: the styles of the taste, weighted anew in each class of context.
    pub(super) fn own_moods(&self, number: u32, styles: &[(u32, f64)]) -> Moods {
        let mut rng = CounterRng::new(self.seed, Stream::Mood, u64::from(number), 1);
        Moods::draw(|| {
            let mut direction = vec![0.0; self.config.catalog.dimension as usize];
            for &(style, _) in styles {
                add_scaled(&mut direction, exponential(&mut rng), &self.catalog.style_vectors[style as usize]);
            }
            normalise(&mut direction);
            direction
        })
    }

    /// The slow taste shifted by the moods of a context, of length 1.
    pub fn taste_in(&self, listener: &Listener, context: &Context) -> Vec<f32> {
        let mut taste = listener.taste.clone();
        if self.add_moods(&mut taste, listener, context) {
            normalise(&mut taste);
        }
        taste
    }

    /// What fits the listener now, in a context: the slow taste shifted by moods and momentary interests, of length 1.
    pub fn leaning(&self, listener: &Listener, context: &Context) -> Vec<f32> {
        let config = &self.config.mind;
        let mut leaning = listener.taste.clone();
        let mut shifted = self.add_moods(&mut leaning, listener, context);
        for interest in &listener.interests {
            let strength = interest.strength(listener.now_ms, config.interest_half_life_days);
            add_scaled(&mut leaning, config.interest * strength, self.catalog.vector(interest.track));
            shifted = true;
        }
        // A taste that nothing shifts keeps its bits.
        if shifted {
            normalise(&mut leaning);
        }
        leaning
    }

    /// Adds the moods; whether there are any.
    fn add_moods(&self, taste: &mut [f32], listener: &Listener, context: &Context) -> bool {
        let SyntheticConfig { mind, .. } = &self.config;
        if mind.mood == 0.0 {
            return false;
        }
        let shared = self.moods.of(context).map(|mood| (mind.mood_shared, mood));
        let own = listener.moods.of(context).map(|mood| (1.0 - mind.mood_shared, mood));
        for (share, (strength, direction)) in shared.chain(own) {
            add_scaled(taste, mind.mood * share * strength, direction);
        }
        true
    }

    /// The style that a session is about: one of the taste's styles or of the present interests, in proportion to its
    /// weight there and to how well it fits the leaning.
    pub(super) fn theme(&self, listener: &Listener, leaning: &[f32]) -> Option<u32> {
        if self.config.behaviour.theme == 0.0 && self.config.behaviour.theme_share == 0.0 {
            return None;
        }
        let mind = &self.config.mind;
        let interests = listener.interests.iter().map(|interest| {
            let strength = interest.strength(listener.now_ms, mind.interest_half_life_days);
            (self.catalog.styles[interest.track as usize], mind.interest * strength)
        });
        let styles: Vec<(u32, f64)> = listener.styles.iter().copied().chain(interests).collect();
        let fit = |style: u32| dot(leaning, &self.catalog.style_vectors[style as usize]);
        let weights: Vec<f64> = styles
            .iter()
            .map(|&(style, weight)| weight * (self.config.behaviour.sharpness * fit(style)).exp())
            .collect();
        let mut rng = CounterRng::new(self.seed, Stream::Theme, listener.place(), 0);
        styles.get(weighted(&weights, &mut rng)).map(|&(style, _)| style)
    }

    /// What the listener is after in a session: the leaning, with the theme added.
    pub(super) fn wish(&self, leaning: &[f32], theme: Option<u32>) -> Vec<f32> {
        let mut wish = leaning.to_vec();
        let strength = self.config.behaviour.theme;
        if let Some(style) = theme.filter(|_| strength > 0.0) {
            add_scaled(&mut wish, strength, &self.catalog.style_vectors[style as usize]);
            normalise(&mut wish);
        }
        wish
    }
}

#[cfg(test)]
mod tests;
