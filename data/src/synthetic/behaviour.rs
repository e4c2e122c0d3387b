//! Who chooses the tracks of a logged session: the listener, a radio, or chance.

use super::draws::{exponential, soft_choice, uniform, weighted};
use super::{Listener, SessionState, SyntheticWorld};
use crate::{BehaviourPolicy, Context, CounterRng, Device, Source, Stream};

/// Share of plays from the library, by what the listener listens to.
const LIBRARY_SHARE_COLLECTION: f64 = 0.8;
const LIBRARY_SHARE_CATALOG: f64 = 0.1;

/// A behaviour policy at work in one session.
#[derive(Clone)]
pub(super) enum Behaviour {
    /// The listener picks from the library, among popular tracks or from the theme's style, by what the session is after.
    OwnChoice {
        /// Probability that a play comes from the library.
        library_share: f64,
        /// Draws of what theme and repeats add.
        choice: CounterRng,
    },
    /// Tracks near a seed track.
    Radio {
        /// The track that the radio was started from.
        seed: u32,
    },
    /// A pool in uniformly random order; played tracks are removed.
    Shuffled {
        /// Tracks not played yet.
        remaining: Vec<u32>,
    },
}

impl Behaviour {
    /// Chooses who chooses, and completes the session's context accordingly.
    pub(super) fn begin(
        world: &SyntheticWorld,
        listener: &Listener,
        session: &mut SessionState,
        rng: &mut CounterRng,
    ) -> Self {
        let config = &world.config.behaviour;
        let policies = [BehaviourPolicy::OwnChoice, BehaviourPolicy::Radio, BehaviourPolicy::Shuffled];
        let policy = policies[weighted(&[config.own_choice, config.radio, config.shuffled], rng)];
        // Shares of sources within a policy after MSSD: catalog 0.23, editorial and charts 0.23, radio 0.13,
        // personalised 0.02, the listener's own collection and playlists 0.40 of all plays.
        let (sources, shares): (&[Source], &[f64]) = match policy {
            BehaviourPolicy::OwnChoice => (&[Source::Catalog, Source::Collection], &[0.52, 0.48]),
            BehaviourPolicy::Radio => (&[Source::Editorial, Source::Radio, Source::Personalised], &[0.61, 0.34, 0.05]),
            BehaviourPolicy::Shuffled => (&[Source::Collection, Source::Playlist], &[0.5, 0.5]),
        };
        let source = sources[weighted(shares, rng)];
        session.context.behaviour_policy = Some(policy);
        session.context.source = Some(source);
        session.context.shuffle = Some(policy == BehaviourPolicy::Shuffled);
        let mut choice = CounterRng::new(world.seed, Stream::Choice, listener.place(), 0);
        match policy {
            BehaviourPolicy::OwnChoice => {
                let collection = source == Source::Collection;
                Self::OwnChoice {
                    library_share: if collection { LIBRARY_SHARE_COLLECTION } else { LIBRARY_SHARE_CATALOG },
                    choice,
                }
            }
            BehaviourPolicy::Radio => {
                let chosen = chosen_seed(world, listener, session, &mut choice);
                Self::Radio { seed: chosen.unwrap_or_else(|| seed_track(world, listener, rng)) }
            }
            BehaviourPolicy::Shuffled => {
                let chosen = chosen_seed(world, listener, session, &mut choice);
                Self::Shuffled { remaining: pool(world, listener, chosen, rng) }
            }
        }
    }

    /// The tracks that are left of the pool of a shuffled session; none of others.
    pub(super) fn pool(&self) -> &[u32] {
        match self {
            Self::Shuffled { remaining } => remaining,
            Self::OwnChoice { .. } | Self::Radio { .. } => &[],
        }
    }

    /// The next track, with its propensity where known; nothing where there is no track left.
    pub(super) fn next(
        &mut self,
        world: &SyntheticWorld,
        listener: &Listener,
        session: &SessionState,
        rng: &mut CounterRng,
    ) -> Option<(u32, Option<f32>)> {
        let config = &world.config.behaviour;
        let sharpness = config.sharpness;
        match self {
            Self::OwnChoice { library_share, choice } => {
                let wish = |track| sharpness * world.affinity(session.wish(), track);
                if config.repeat > 0.0
                    && uniform(choice) < config.repeat
                    && let Some(track) = soft_choice(session.heard_out(), wish, choice)
                {
                    return Some((track, None));
                }
                let library = listener.library();
                let from_library = !library.is_empty() && uniform(rng) < *library_share;
                let considered = consider(world, session, |_| match from_library {
                    true => recent(world, library, choice).unwrap_or_else(|| library[rng.below(library.len())]),
                    false => of_theme(world, session, choice).unwrap_or_else(|| world.catalog.popular_track(rng)),
                });
                let liking = |track| wish(track) + config.coherence * world.coherence_with_heard(session, track);
                soft_choice(considered.into_iter(), liking, rng).map(|track| (track, None))
            }
            Self::Radio { seed } => {
                // Half from the seed's own style, half from anywhere: radios repeat themselves, but not only.
                let considered = consider(world, session, |place| match place % 2 {
                    0 => world.catalog.track_in_style_of(*seed, rng),
                    _ => world.catalog.popular_track(rng),
                });
                let likeness = |track| sharpness * world.catalog.similarity(*seed, track);
                soft_choice(considered.into_iter(), likeness, rng).map(|track| (track, None))
            }
            Self::Shuffled { remaining } => {
                if remaining.is_empty() {
                    return None;
                }
                let propensity = 1.0 / remaining.len() as f32;
                Some((remaining.swap_remove(rng.below(remaining.len())), Some(propensity)))
            }
        }
    }
}

/// Draws the tracks that are considered for one play, without those already played.
fn consider(world: &SyntheticWorld, session: &SessionState, draw: impl FnMut(u32) -> u32) -> Vec<u32> {
    let draws = (0..world.config.behaviour.considered).map(draw);
    draws.filter(|&track| !session.has_played(track)).collect()
}

/// A track of the theme's style, with the probability of the setting.
fn of_theme(world: &SyntheticWorld, session: &SessionState, choice: &mut CounterRng) -> Option<u32> {
    let share = world.config.behaviour.theme_share;
    let style = session.theme().filter(|_| share > 0.0 && uniform(choice) < share)?;
    world.catalog.popular_track_of_style(style, choice)
}

/// A track of the library whose age is exponential; nothing where all are drawn alike or the draw is too old.
fn recent(world: &SyntheticWorld, library: &[u32], choice: &mut CounterRng) -> Option<u32> {
    let mean = world.config.behaviour.library_recent;
    if mean == 0.0 {
        return None;
    }
    let age = (mean * exponential(choice)) as usize;
    library.len().checked_sub(age + 1).map(|place| library[place])
}

/// A track of the library that fits what the session is after; nothing where seeds are drawn by chance.
fn chosen_seed(
    world: &SyntheticWorld,
    listener: &Listener,
    session: &SessionState,
    choice: &mut CounterRng,
) -> Option<u32> {
    let config = &world.config.behaviour;
    if config.seed_sharpness == 0.0 {
        return None;
    }
    let draw = |_| recent(world, listener.library(), choice).unwrap_or_else(|| seed_track(world, listener, choice));
    let considered: Vec<u32> = (0..config.considered).map(draw).collect();
    let fit = |track| config.seed_sharpness * world.affinity(session.wish(), track);
    soft_choice(considered.into_iter(), fit, choice)
}

/// A track of the library, or a popular one where the library is empty.
fn seed_track(world: &SyntheticWorld, listener: &Listener, rng: &mut CounterRng) -> u32 {
    match listener.library() {
        [] => world.catalog.popular_track(rng),
        library => library[rng.below(library.len())],
    }
}

/// Distinct tracks for a shuffled session: the library, the style of a seed track and popular tracks in turn. May
/// be smaller than drawn where the catalog is small. The seed is drawn from the library unless it is `chosen`.
fn pool(world: &SyntheticWorld, listener: &Listener, chosen: Option<u32>, rng: &mut CounterRng) -> Vec<u32> {
    let config = &world.config.behaviour;
    let sizes = (config.pool_max - config.pool_min) as usize + 1;
    let size = config.pool_min as usize + rng.below(sizes);
    let seed = chosen.unwrap_or_else(|| seed_track(world, listener, rng));
    let mut pool = Vec::with_capacity(size);
    // Repeats are dropped, so more draws are made than tracks are wanted.
    for draw in 0..4 * size {
        let track = match draw % 3 {
            0 => seed_track(world, listener, rng),
            1 => world.catalog.track_in_style_of(seed, rng),
            _ => world.catalog.popular_track(rng),
        };
        if pool.len() < size && !pool.contains(&track) {
            pool.push(track);
        }
    }
    pool
}

/// Draws a device: cars in commuting hours, computers in office hours, speakers in the evening, else the phone.
pub(super) fn device(drives: bool, context: &Context, rng: &mut CounterRng) -> Device {
    let hour = context.hour.unwrap_or(12);
    let workday = context.weekday.unwrap_or(0) < 5;
    let commuting = workday && matches!(hour, 7..=8 | 16..=18);
    let office = workday && matches!(hour, 9..=16);
    let evening = matches!(hour, 18..=23);
    let weight = |base: f64, raised: bool| if raised { 6.0 * base } else { base };
    let weights: Vec<f64> = Device::ALL
        .iter()
        .map(|device| match device {
            Device::Phone => 0.6,
            Device::Tablet => 0.02,
            Device::Computer => weight(0.08, office),
            Device::Web => weight(0.03, office),
            Device::Speaker => weight(0.06, evening),
            Device::Television => weight(0.01, evening),
            Device::Car => weight(if drives { 0.06 } else { 0.0 }, commuting),
        })
        .collect();
    Device::ALL[weighted(&weights, rng)]
}

#[cfg(test)]
mod tests;
