//! When a listener listens: moments by preferred hours, and whether the listener comes back at them.

use super::draws::{normal, poisson, uniform};
use super::mind::{DAY_MS, FIRST_DAY_MS};
use super::{Listener, SessionState, SyntheticWorld};
use crate::{CounterRng, SessionRules, Stream};

/// Standard deviation in hours of a session's start around a preferred hour.
const HOUR_SPREAD: f64 = 2.0;
/// Share of tracks heard out at which a listener comes back at the mean rate; also before the first session.
const USUAL_CONTENTMENT: f64 = 0.5;

/// The moments at which one listener may listen, from day 0 on: a pure function of settings, seed and number.
///
/// With c the share of tracks heard out in the last session, sessions begin at the listener's rate times
/// `exp(returning (c - 0.5))`: a Poisson process, thinned from the rate at c = 1.
#[derive(Clone, Debug)]
pub struct Calendar {
    rng: CounterRng,
    /// The next day to draw.
    day: i64,
    /// Moments drawn and not come yet, the latest first.
    moments: Vec<i64>,
    /// Moments that have come.
    come: u32,
}

impl Calendar {
    /// When the listener begins the next session, in milliseconds since 1970 (local), if that is before `before_ms`.
    pub fn next_session(
        &mut self,
        world: &SyntheticWorld,
        rules: &SessionRules,
        listener: &Listener,
        before_ms: i64,
    ) -> Option<i64> {
        loop {
            while self.moments.is_empty() {
                if FIRST_DAY_MS + self.day * DAY_MS >= before_ms {
                    return None;
                }
                self.draw_day(world, listener);
            }
            let start_ms = self.moments.last().copied().filter(|&moment| moment < before_ms)?;
            self.moments.pop();
            let place = u64::from(listener.number) << 32 | u64::from(self.come);
            self.come += 1;
            // Who is still listening does not begin anew.
            let still = listener.last_session.is_some_and(|last| !rules.opens_session(last.end_ms, start_ms));
            let mut rng = CounterRng::new(world.seed, Stream::Return, place, 0);
            if !still && uniform(&mut rng) < world.return_probability(listener) {
                return Some(start_ms);
            }
        }
    }

    fn draw_day(&mut self, world: &SyntheticWorld, listener: &Listener) {
        let highest = (world.config.mind.returning * (1.0 - USUAL_CONTENTMENT)).exp();
        for _ in 0..poisson(listener.sessions_per_day * highest, &mut self.rng) {
            let time_ms = world.time_of_day(listener, &mut self.rng);
            self.moments.push(FIRST_DAY_MS + self.day * DAY_MS + time_ms);
        }
        self.moments.sort_unstable_by(|a, b| b.cmp(a));
        self.day += 1;
    }
}

impl SyntheticWorld {
    /// The moments of a listener, from day 0 on.
    pub fn calendar(&self, listener: &Listener) -> Calendar {
        let rng = CounterRng::new(self.seed, Stream::Listener, u64::from(listener.number), 1);
        Calendar { rng, day: 0, moments: Vec::new(), come: 0 }
    }

    /// A time of day around one of the listener's hours, in milliseconds.
    pub(super) fn time_of_day(&self, listener: &Listener, rng: &mut CounterRng) -> i64 {
        let preferred = listener.hours[usize::from(uniform(rng) >= listener.early_share)];
        // The day is a circle: late is also early.
        let hour = (preferred + HOUR_SPREAD * normal(rng)).rem_euclid(24.0);
        ((hour / 24.0 * DAY_MS as f64) as i64).min(DAY_MS - 1)
    }

    /// Probability that the listener begins another session within some hours of one that ends as it stands. The hours that the
    /// listener prefers are left out: over a day they make no difference.
    pub fn returns_within(&self, listener: &Listener, session: &SessionState, hours: f64) -> f64 {
        let contentment = session.contentment().unwrap_or(USUAL_CONTENTMENT);
        let per_hour =
            listener.sessions_per_day / 24.0 * (self.config.mind.returning * (contentment - USUAL_CONTENTMENT)).exp();
        1.0 - (-per_hour * hours).exp()
    }

    /// Probability that a moment of the calendar is taken.
    pub fn return_probability(&self, listener: &Listener) -> f64 {
        let contentment = listener.last_session.map_or(USUAL_CONTENTMENT, |last| last.contentment);
        (self.config.mind.returning * (contentment - 1.0)).exp()
    }
}

#[cfg(test)]
mod tests;
