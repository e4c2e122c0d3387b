//! A listener: taste, habits, and what was heard before.

use std::collections::HashMap;

use super::behaviour::device;
use super::draws::{dot, exponential, normal, normal_vector, normalise, soft_choice, uniform};
use super::mind::{FIRST_DAY_MS, Interest, Moods, TastePart};
use super::{SessionState, SyntheticWorld};
use crate::{Context, CounterRng, Responses, Stream, TrackHashes};

/// One listener's hidden state.
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    /// Number in the dataset: the row in the table of users.
    pub number: u32,
    /// Slow taste as of today: a vector of length 1 in the tracks' space.
    pub taste: Vec<f32>,
    /// What the slow taste drifts around, of length 1.
    pub mean_taste: Vec<f32>,
    /// Added to the log hazard of skipping.
    pub skip_habit: f64,
    /// Mean sessions per day.
    pub sessions_per_day: f64,
    /// Preferred hours of the day: one early, one late.
    pub hours: [f64; 2],
    /// Share of sessions around the early hour.
    pub early_share: f64,
    /// Whether the listener pays.
    pub premium: bool,
    /// Whether the listener has a car.
    pub drives: bool,
    library: Vec<u32>,
    hearings: HashMap<u32, u32, TrackHashes>,
    /// Styles that the taste is mixed from or may drift to.
    pub(super) styles: Vec<TastePart>,
    /// The listener's own moods.
    pub(super) moods: Moods,
    pub(super) interests: Vec<Interest>,
    /// The latest track that was heard out for the first time, until it becomes an interest.
    pub(super) found: Option<u32>,
    /// The last day that has dawned; -1 before day 0.
    pub(super) day: i64,
    pub(super) now_ms: i64,
    /// Sessions so far.
    sessions: u32,
    pub(super) last_session: Option<LastSession>,
}

/// How the last session went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LastSession {
    pub(super) end_ms: i64,
    /// Share of the plays that were heard out.
    pub(super) contentment: f64,
}

impl Listener {
    /// Tracks that the listener has kept, in the order in which they came.
    pub fn library(&self) -> &[u32] {
        &self.library
    }

    /// How often the listener has heard a track out.
    pub fn hearings(&self, track: u32) -> u32 {
        self.hearings.get(&track).copied().unwrap_or(0)
    }

    /// Takes a play into memory: a track heard out is more familiar, and joins the library where it is liked enough.
    pub fn remember(&mut self, world: &SyntheticWorld, session: &SessionState, track: u32, responses: Responses) {
        if responses.complete == Some(true) {
            let hearings = self.hearings.entry(track).or_default();
            *hearings += 1;
            if *hearings == 1 {
                self.found = Some(track);
            }
            let liked = world.affinity(session.leaning(), track) >= world.config.listeners.library_affinity;
            if liked && !self.library.contains(&track) {
                self.library.push(track);
            }
        }
    }

    /// Takes the end of a session into memory: when it was, and what share of its plays was heard out. A session
    /// without plays is none.
    pub fn end_session(&mut self, session: &SessionState, end_ms: i64) {
        if let Some(contentment) = session.contentment() {
            self.last_session = Some(LastSession { end_ms, contentment });
            self.sessions += 1;
        }
    }

    /// The counter of the next session's draws. Listeners' numbers have 32 bits: the places of their sessions stay
    /// apart.
    pub(super) fn place(&self) -> u64 {
        u64::from(self.number) << 32 | u64::from(self.sessions)
    }
}

impl SyntheticWorld {
    /// The listener of a number, as before the first session: a pure function of settings, seed and number.
    pub fn listener(&self, number: u32) -> Listener {
        let config = &self.config.listeners;
        let mut rng = CounterRng::new(self.seed, Stream::Listener, u64::from(number), 0);
        let skip_habit = config.skip_habit_spread * normal(&mut rng);
        // The mean of the log-normal is the setting, whatever the spread.
        let activity = (config.activity_spread * normal(&mut rng) - config.activity_spread.powi(2) / 2.0).exp();
        let (taste, styles) = self.taste(&mut rng);
        let mut listener = Listener {
            number,
            mean_taste: taste.clone(),
            taste,
            moods: self.own_moods(number, &styles),
            styles: styles.into_iter().chain(self.drift_styles(number)).collect(),
            skip_habit,
            sessions_per_day: config.sessions_per_week / 7.0 * activity,
            hours: [8.5 + 1.5 * normal(&mut rng), 18.5 + 2.0 * normal(&mut rng)],
            early_share: 0.6 * uniform(&mut rng),
            premium: uniform(&mut rng) < config.premium_share,
            drives: uniform(&mut rng) < 0.4,
            library: Vec::new(),
            hearings: HashMap::default(),
            interests: Vec::new(),
            found: None,
            day: -1,
            now_ms: FIRST_DAY_MS,
            sessions: 0,
            last_session: None,
        };
        listener.advance_to(self, FIRST_DAY_MS);
        let mut contexts = CounterRng::new(self.seed, Stream::Mood, u64::from(number), 2);
        for _ in 0..config.library_tracks {
            // A library gathers in the contexts in which one listens.
            let time_ms = FIRST_DAY_MS + self.time_of_day(&listener, &mut contexts);
            let mut context = Context::default().at(time_ms);
            context.device = Some(device(listener.drives, &context, &mut contexts));
            if let Some(track) = self.liked_track(&self.taste_in(&listener, &context), &mut rng) {
                let hearings = (config.library_hearings * exponential(&mut rng)).round() as u32;
                if listener.hearings.insert(track, hearings).is_none() {
                    listener.library.push(track);
                }
            }
        }
        listener
    }

    /// A mixture of styles, weighted by chance, plus a direction of the listener's own; and the styles' parts in it.
    fn taste(&self, rng: &mut CounterRng) -> (Vec<f32>, Vec<TastePart>) {
        let config = &self.config.listeners;
        let mut taste = vec![0.0; self.config.catalog.dimension as usize];
        let mut styles = Vec::new();
        for _ in 0..config.styles {
            // The style of a popular track: tastes gather where the hits are.
            let style = self.catalog.styles[self.catalog.popular_track(rng) as usize];
            let weight = exponential(rng) as f32;
            for (value, direction) in taste.iter_mut().zip(&self.catalog.style_vectors[style as usize]) {
                *value += weight * direction;
            }
            styles.push(TastePart { style, weight: f64::from(weight), drift: 0.0 });
        }
        let total: f64 = styles.iter().map(|part| part.weight).sum();
        styles.iter_mut().for_each(|part| part.weight /= total);
        normalise(&mut taste);
        let own = normal_vector(taste.len(), config.own_direction, rng);
        taste.iter_mut().zip(own).for_each(|(value, own)| *value += own);
        normalise(&mut taste);
        (taste, styles)
    }

    /// How well a track fits a taste, a leaning or a wish (vectors of length 1), -1 to 1.
    pub fn affinity(&self, taste: &[f32], track: u32) -> f64 {
        dot(taste, self.catalog.vector(track))
    }

    /// A popular track that fits a taste.
    fn liked_track(&self, taste: &[f32], rng: &mut CounterRng) -> Option<u32> {
        let behaviour = &self.config.behaviour;
        let considered: Vec<u32> = (0..behaviour.considered).map(|_| self.catalog.popular_track(rng)).collect();
        soft_choice(considered.into_iter(), |track| behaviour.sharpness * self.affinity(taste, track), rng)
    }
}
