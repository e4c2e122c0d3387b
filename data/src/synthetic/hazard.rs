//! When in a track the listener skips: proportional hazards over the seconds of the track.
//!
//! The cumulative hazard up to second s of a track of D seconds is
//! `H(s) = exp(log_hazard) * (early_share * (1 - exp(-s / early_s)) / (1 - exp(-D / early_s))
//!                           + (1 - early_share) * s / D)`,
//! so that `H(D) = exp(log_hazard)`, and most of it lies in the first seconds.

use super::config::ResponseConfig;
use super::draws::{exponential, uniform};
use crate::{CounterRng, Responses, SessionRules};

/// What hazards take from the length of a track, worked out once.
#[derive(Clone, Copy, Debug)]
pub(super) struct TrackTiming {
    /// Length in seconds.
    pub(super) duration_s: f64,
    /// As in [`SkipHazard`].
    interruption: f64,
    early_fall: f64,
}

impl TrackTiming {
    pub(super) fn new(config: &ResponseConfig, interruptions_per_hour: f64, duration_s: f64) -> Self {
        let interruption = -(-interruptions_per_hour * duration_s / 3_600.0).exp_m1();
        Self { duration_s, interruption, early_fall: (-duration_s / config.early_s).exp_m1() }
    }
}

/// The hazard of one play.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SkipHazard {
    /// Logarithm of the hazard accumulated over the whole track.
    pub log_hazard: f64,
    /// Length of the track in seconds.
    pub duration_s: f64,
    /// Probability that a play which is not skipped is interrupted before it counts as complete.
    pub interruption: f64,
    /// Satiation of the track before the play, which the log hazard holds.
    pub satiation: f64,
    /// exp(log_hazard).
    whole: f64,
    early_share: f64,
    early_s: f64,
    /// exp(-duration / early_s) - 1.
    early_fall: f64,
}

/// Probabilities of the responses to one play. `complete`, `skip` and `interrupted` sum to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResponseProbabilities {
    /// Played to its end.
    pub complete: f64,
    /// The listener moves on before the end.
    pub skip: f64,
    /// The session stops before the end.
    pub interrupted: f64,
    /// Played past the threshold.
    pub past_threshold: f64,
}

/// What became of one play.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heard {
    /// How long it played.
    pub ms_played: u32,
    /// The responses that follow from it. Neither complete nor skip: interrupted.
    pub responses: Responses,
}

impl SkipHazard {
    pub(super) fn new(config: &ResponseConfig, log_hazard: f64, satiation: f64, timing: &TrackTiming) -> Self {
        let (early_share, early_s) = (config.early_share, config.early_s);
        let TrackTiming { duration_s, interruption, early_fall } = *timing;
        let whole = log_hazard.exp();
        Self { log_hazard, duration_s, interruption, satiation, whole, early_share, early_s, early_fall }
    }

    /// Probability that the play is not skipped before `seconds`.
    pub fn survival(&self, seconds: f64) -> f64 {
        let seconds = seconds.min(self.duration_s);
        let early = (-seconds / self.early_s).exp_m1() / self.early_fall;
        let late = seconds / self.duration_s;
        (-self.whole * (self.early_share * early + (1.0 - self.early_share) * late)).exp()
    }

    /// The exact probabilities of the responses.
    pub fn probabilities(&self, rules: &SessionRules) -> ResponseProbabilities {
        let end = rules.complete_share * self.duration_s;
        let heard_out = self.survival(end);
        let interrupted = heard_out * self.interruption;
        let past_threshold = if rules.threshold_seconds > self.duration_s {
            0.0
        } else {
            // A complete play is past the threshold, also where its last 5 % hold the threshold.
            let threshold = rules.threshold_seconds.min(end);
            // Interruptions are uniform over the time up to the end.
            (self.survival(threshold) - interrupted * threshold / end).max(0.0)
        };
        ResponseProbabilities { complete: heard_out - interrupted, skip: 1.0 - heard_out, interrupted, past_threshold }
    }

    /// Draws how the play goes. Always takes the same number of random draws.
    pub fn draw(&self, rules: &SessionRules, rng: &mut CounterRng) -> Heard {
        let (early, late) = (exponential(rng), exponential(rng));
        let (interruption, moment) = (uniform(rng), uniform(rng));
        // Two independent clocks whose hazards add up to that of the play.
        let skip_s = self.early_moment(early).min(self.late_moment(late));
        let end = rules.complete_share * self.duration_s;
        let interrupted = skip_s >= end && interruption < self.interruption;
        let played_s = if interrupted { moment * end } else { skip_s.min(self.duration_s) };
        let finished = !interrupted && skip_s >= self.duration_s;
        let skipped = !interrupted && !finished;
        // Rounded down: what stops before a mark in time must not reach it in milliseconds.
        let ms_played = (1_000.0 * played_s) as u32;
        let duration_ms = (1_000.0 * self.duration_s).round() as u32;
        let responses = rules.responses(ms_played, Some(duration_ms), Some(finished), Some(skipped));
        Heard { ms_played, responses }
    }

    /// How the play most probably goes: heard out, or skipped at the median moment of its skips.
    pub fn most_probable(&self, rules: &SessionRules) -> Heard {
        let expected = self.probabilities(rules);
        let duration_ms = (1_000.0 * self.duration_s).round() as u32;
        if expected.complete >= expected.skip {
            let responses = rules.responses(duration_ms, Some(duration_ms), Some(true), Some(false));
            return Heard { ms_played: duration_ms, responses };
        }
        // Survival falls: halve the interval that holds the moment where half of the skips have happened.
        let wanted = 1.0 - expected.skip / 2.0;
        let (mut from, mut to) = (0.0, rules.complete_share * self.duration_s);
        for _ in 0..40 {
            let middle = (from + to) / 2.0;
            if self.survival(middle) > wanted { from = middle } else { to = middle }
        }
        let ms_played = (1_000.0 * from) as u32;
        Heard { ms_played, responses: rules.responses(ms_played, Some(duration_ms), Some(false), Some(true)) }
    }

    /// When the early hazard reaches `hazard`; never, if it does not within the track.
    fn early_moment(&self, hazard: f64) -> f64 {
        let share = hazard / (self.whole * self.early_share);
        let fall = share * self.early_fall;
        if share < 1.0 { -self.early_s * fall.ln_1p() } else { f64::INFINITY }
    }

    /// When the late hazard reaches `hazard`; never, if it does not within the track.
    fn late_moment(&self, hazard: f64) -> f64 {
        let share = hazard / (self.whole * (1.0 - self.early_share));
        if share < 1.0 { share * self.duration_s } else { f64::INFINITY }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stream;

    fn hazard(log_hazard: f64, duration_s: f64) -> SkipHazard {
        let config = ResponseConfig { early_share: 0.75, early_s: 10.0, ..ResponseConfig::default() };
        // An interruption in ten.
        let per_hour = -(0.9f64).ln() * 3_600.0 / duration_s;
        SkipHazard::new(&config, log_hazard, 0.0, &TrackTiming::new(&config, per_hour, duration_s))
    }

    /// The median of many draws of the same play.
    #[test]
    fn the_most_probable_course_is_that_of_most_draws() {
        let rules = SessionRules::default();
        let often_skipped = hazard(0.5, 200.0);
        let found = often_skipped.most_probable(&rules);
        assert_eq!(found.responses.skip, Some(true));
        let mut skips: Vec<u32> = (0..20_000)
            .map(|number| often_skipped.draw(&rules, &mut CounterRng::new(1, Stream::Response, number, 0)))
            .filter(|heard| heard.responses.skip == Some(true))
            .map(|heard| heard.ms_played)
            .collect();
        skips.sort_unstable();
        let median = f64::from(skips[skips.len() / 2]);
        assert!((f64::from(found.ms_played) / median - 1.0).abs() < 0.05, "{} {median}", found.ms_played);
        let heard_out = hazard(-3.0, 200.0).most_probable(&rules);
        assert_eq!((heard_out.ms_played, heard_out.responses.complete), (200_000, Some(true)));
    }

    #[test]
    fn probabilities_are_those_computed_by_hand() {
        let rules = SessionRules::default();
        // Hazard 1 over 200 s; at 30 s: 0.75 (1 - e^-3) + 0.25 * 0.15; at 190 s: 0.75 + 0.25 * 0.95.
        let found = hazard(0.0, 200.0).probabilities(&rules);
        let at_30 = (-(0.75 * (1.0 - (-3f64).exp()) + 0.0375)).exp();
        let at_190 = (-(0.75 + 0.2375f64)).exp();
        assert!((found.skip - (1.0 - at_190)).abs() < 1e-6, "{found:?}");
        assert!((found.complete - 0.9 * at_190).abs() < 1e-6);
        assert!((found.interrupted - 0.1 * at_190).abs() < 1e-6);
        assert!((found.past_threshold - (at_30 - 0.1 * at_190 * 30.0 / 190.0)).abs() < 1e-6);
        assert_eq!(hazard(0.0, 20.0).probabilities(&rules).past_threshold, 0.0);
        // The extremes are reached.
        assert!(hazard(5.0, 200.0).probabilities(&rules).skip > 0.999);
        assert!(hazard(-9.0, 200.0).probabilities(&rules).skip < 0.001);
    }

    #[test]
    fn draws_agree_with_the_probabilities_and_responses_with_each_other() {
        let rules = SessionRules::default();
        for (case, (log_hazard, duration_s)) in
            [(-1.5, 180.0), (0.0, 215.0), (1.0, 40.0), (0.5, 31.0)].iter().enumerate()
        {
            let hazard = hazard(*log_hazard, *duration_s);
            let expected = hazard.probabilities(&rules);
            let mut counts = [0.0; 4];
            let draws = 40_000;
            for draw in 0..draws {
                let mut rng = CounterRng::new(8, Stream::Response, draw, case as u32);
                let heard = hazard.draw(&rules, &mut rng);
                let Responses { complete, skip, past_threshold } = heard.responses;
                let (complete, skip, past) = (complete.unwrap(), skip.unwrap(), past_threshold.unwrap());
                assert!(!(complete && skip));
                assert!(f64::from(heard.ms_played) <= 1_000.0 * duration_s);
                assert_eq!(past, complete || heard.ms_played >= 30_000, "all tracks are longer than 30 s");
                for (count, holds) in counts.iter_mut().zip([complete, skip, !complete && !skip, past]) {
                    *count += f64::from(u8::from(holds));
                }
            }
            let expected = [expected.complete, expected.skip, expected.interrupted, expected.past_threshold];
            for (count, probability) in counts.iter().zip(expected) {
                // Four standard errors, at most 0.01.
                let error = (probability * (1.0 - probability) / draws as f64).sqrt();
                assert!((count / draws as f64 - probability).abs() < 4.0 * error + 1e-9, "{count} {probability}");
            }
        }
    }
}
