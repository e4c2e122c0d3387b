//! What a listener is after: slow taste, moods by context, momentary interests, and the theme of a session.

use super::catalog::Catalog;
use super::draws::{add_scaled, dot, exponential, normal, normalise, poisson, uniform, weighted};
use super::{Listener, SyntheticWorld};
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

/// A mood for each class of hour and of device.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Moods {
    pub(super) hours: [Mood; 4],
    pub(super) devices: [Mood; 4],
}

/// What a class of context calls for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mood {
    /// A vector of length 1 in the tracks' space.
    pub(super) direction: Vec<f32>,
    /// The style that weighs most in it.
    pub(super) style: u32,
}

impl Moods {
    /// Moods that all listeners have in common: in each class of context, a style in which there are hits.
    pub(super) fn shared(catalog: &Catalog, seed: u64) -> Self {
        let mut rng = CounterRng::new(seed, Stream::Mood, 0, 0);
        Self::draw(|| {
            let style = catalog.styles[catalog.popular_track(&mut rng) as usize];
            Mood { direction: catalog.style_vectors[style as usize].clone(), style }
        })
    }

    /// Draws the moods, first of the hours, then of the devices.
    fn draw(mut mood: impl FnMut() -> Mood) -> Self {
        Self { hours: std::array::from_fn(|_| mood()), devices: std::array::from_fn(|_| mood()) }
    }

    /// The moods of a context with their strengths.
    fn of<'a>(&'a self, context: &Context) -> impl Iterator<Item = (f64, &'a Mood)> {
        let (hour, device) = mood_classes(context);
        let hour = hour.map(|class| (HOUR_MOODS[class], &self.hours[class]));
        hour.into_iter().chain(device.map(|class| (DEVICE_MOODS[class], &self.devices[class])))
    }
}

/// A style's part in a listener's taste.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct TastePart {
    pub(super) style: u32,
    /// Weight in the mean taste; the weights sum to 1.
    pub(super) weight: f64,
    /// What the drift would add to the weight; a weight does not fall below 0.
    pub(super) drift: f64,
}

impl TastePart {
    /// The weight as of today.
    fn weight_now(&self) -> f64 {
        (self.weight + self.drift).max(0.0)
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

    /// One day of Ornstein-Uhlenbeck processes, one for the weight of each style. Their stationary law, from which
    /// day 0 is drawn, is normal, with an expected squared length of `drift` squared for all together.
    fn drift(&mut self, world: &SyntheticWorld) {
        let config = &world.config.mind;
        let mut rng = CounterRng::new(world.seed, Stream::Drift, u64::from(self.number), self.day as u32);
        let spread = config.drift / (self.styles.len() as f64).sqrt();
        let kept = if self.day == 0 { 0.0 } else { (-1.0 / (7.0 * config.drift_weeks)).exp() };
        self.taste.clone_from(&self.mean_taste);
        for part in &mut self.styles {
            part.drift = kept * part.drift + spread * (1.0 - kept * kept).sqrt() * normal(&mut rng);
            add_scaled(
                &mut self.taste,
                part.weight_now() - part.weight,
                &world.catalog.style_vectors[part.style as usize],
            );
        }
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
    /// Styles that a listener's taste may drift to: as many as it is mixed from, those of popular tracks.
    pub(super) fn drift_styles(&self, number: u32) -> impl Iterator<Item = TastePart> {
        // The last step, far from those of the days.
        let mut rng = CounterRng::new(self.seed, Stream::Drift, u64::from(number), u32::MAX);
        let count = if self.config.mind.drift > 0.0 { self.config.listeners.styles } else { 0 };
        (0..count).map(move |_| {
            let style = self.catalog.styles[self.catalog.popular_track(&mut rng) as usize];
            TastePart { style, weight: 0.0, drift: 0.0 }
        })
    }

    /// A listener's own moods: the styles of the taste, weighted anew in each class of context.
    pub(super) fn own_moods(&self, number: u32, styles: &[TastePart]) -> Moods {
        let mut rng = CounterRng::new(self.seed, Stream::Mood, u64::from(number), 1);
        Moods::draw(|| {
            let mut direction = vec![0.0; self.config.catalog.dimension as usize];
            let mut heaviest = (0, 0.0);
            for &TastePart { style, .. } in styles {
                let weight = exponential(&mut rng);
                add_scaled(&mut direction, weight, &self.catalog.style_vectors[style as usize]);
                if weight > heaviest.1 {
                    heaviest = (style, weight);
                }
            }
            normalise(&mut direction);
            Mood { direction, style: heaviest.0 }
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
        let mut shifted = false;
        for (length, mood) in self.moods_in(listener, context) {
            add_scaled(taste, length, &mood.direction);
            shifted = true;
        }
        shifted
    }

    /// The moods in a context, shared and own, with their lengths; none where moods are switched off.
    fn moods_in<'a>(&'a self, listener: &'a Listener, context: &Context) -> impl Iterator<Item = (f64, &'a Mood)> {
        let (mood, shared) = (self.config.mind.mood, self.config.mind.mood_shared);
        let all = self.moods.of(context).map(move |(strength, of)| (mood * shared * strength, of));
        let own = listener.moods.of(context).map(move |(strength, of)| (mood * (1.0 - shared) * strength, of));
        all.chain(own).filter(|(length, _)| *length > 0.0)
    }

    /// The style that a session is about: one of those that the leaning is made of, in proportion to its weight there
    /// and to `exp(theme_sharpness * fit)`, the fit being its cosine with the leaning.
    pub(super) fn theme(&self, listener: &Listener, context: &Context, leaning: &[f32]) -> Option<u32> {
        let (mind, behaviour) = (&self.config.mind, &self.config.behaviour);
        if behaviour.theme == 0.0 && behaviour.theme_share == 0.0 {
            return None;
        }
        let taste = listener.styles.iter().map(|part| (part.style, part.weight_now()));
        let moods = self.moods_in(listener, context).map(|(length, mood)| (mood.style, length));
        let interests = listener.interests.iter().map(|interest| {
            let strength = interest.strength(listener.now_ms, mind.interest_half_life_days);
            (self.catalog.styles[interest.track as usize], mind.interest * strength)
        });
        let styles: Vec<(u32, f64)> = taste.chain(moods).chain(interests).collect();
        let fit = |style: u32| dot(leaning, &self.catalog.style_vectors[style as usize]);
        let weights: Vec<f64> =
            styles.iter().map(|&(style, weight)| weight * (behaviour.theme_sharpness * fit(style)).exp()).collect();
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
