//! From plays to the columns of their table.

use super::events::NO_RATIO;
use crate::SessionRules;
use crate::dataset::{PLAYS_AT_ONCE, PlayColumns, SessionRow};
use crate::table::Values;

/// What a row group holds of a play until an encoder takes it apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    pub(super) track: u32,
    pub(super) time_s: u32,
    /// 0 where not known.
    pub(super) length_s: u32,
    /// Percent played, or [`NO_RATIO`].
    pub(super) ratio_pct: u16,
}

/// How long a play lasted; 0 where share or length is not told.
#[inline]
pub(super) fn ms_played(ratio_pct: u16, length_s: u32) -> u32 {
    let ms = u64::from(ratio_pct) * u64::from(length_s) * 10;
    // Without a branch: the second is all ones or all zeros.
    (ms.min(i32::MAX as u64) as u32) & u32::from(ratio_pct != NO_RATIO).wrapping_neg()
}

/// From where on a play has a response.
#[derive(Clone, Copy)]
pub(super) struct Thresholds {
    /// In whole percent: the product of share and length may fall short of the time played by a rounding.
    complete_pct: u16,
    past_ms: u32,
}

impl Thresholds {
    pub(super) fn of(rules: &SessionRules) -> Self {
        Self {
            complete_pct: (rules.complete_share * 100.0 - 1e-9).ceil() as u16,
            past_ms: (rules.threshold_seconds * 1000.0).ceil() as u32,
        }
    }

    /// The columns of some plays: the responses are those of [`SessionRules::responses`]. Each is made in a loop without
    /// branches: what a play was cannot be foreseen.
    pub(super) fn columns(self, sessions: &[SessionRow], heard: &[Heard]) -> PlayColumns {
        let (mut tracks, mut starts_ms) = (Vec::with_capacity(heard.len()), Vec::with_capacity(heard.len()));
        let mut times_ms = Vec::with_capacity(heard.len());
        let flags = || Vec::with_capacity(heard.len());
        let (mut share_told, mut time_told, mut complete, mut past_threshold) = (flags(), flags(), flags(), flags());
        for heard in heard.chunks(PLAYS_AT_ONCE) {
            tracks.extend(heard.iter().map(|play| play.track as i32));
            starts_ms.extend(heard.iter().map(|play| i64::from(play.time_s) * 1000));
            times_ms.extend(heard.iter().map(|play| ms_played(play.ratio_pct, play.length_s) as i32));
            share_told.extend(heard.iter().map(|play| play.ratio_pct != NO_RATIO));
            time_told.extend(heard.iter().map(|play| (play.ratio_pct != NO_RATIO) & (play.length_s > 0)));
            complete.extend(heard.iter().map(|play| self.is_complete(play)));
            past_threshold.extend(heard.iter().map(|play| self.is_past(play)));
        }
        // A player leaves a track before its end only for a reason: the listener wanted another, or the same from its
        // beginning. Of the last play it is not told.
        let left = tracks.iter().zip(tracks.iter().skip(1)).map(|(track, following)| track != following).chain([false]);
        let of_share = share_told.iter().zip(&complete);
        let mut skip: Vec<bool> = left.zip(of_share).map(|(left, (told, complete))| left & told & !complete).collect();
        let mut skip_told = share_told.clone();
        let mut end = 0;
        for session in sessions {
            end += session.plays as usize;
            // Nothing follows the last play of a session.
            let last = end - 1;
            skip[last] = false;
            skip_told[last] = complete[last];
        }
        PlayColumns {
            tracks,
            starts_ms,
            ms_played: Values::told(times_ms, time_told.clone()),
            complete: Values::told(complete, share_told),
            skip: Values::told(skip, skip_told),
            past_threshold: Values::told(past_threshold, time_told),
            skip_steps: None,
            propensities: None,
        }
    }

    /// Whether it is told to have been complete.
    #[inline]
    fn is_complete(self, play: &Heard) -> bool {
        (play.ratio_pct >= self.complete_pct) & (play.ratio_pct != NO_RATIO)
    }

    /// Whether it is told to have been past the threshold. A complete play can have a short time of its own: the track as a
    /// whole is past it.
    #[inline]
    fn is_past(self, play: &Heard) -> bool {
        let long = ms_played(play.ratio_pct, play.length_s) >= self.past_ms;
        let whole = self.is_complete(play) & (play.length_s * 1000 >= self.past_ms);
        (play.ratio_pct != NO_RATIO) & (play.length_s > 0) & (long | whole)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Context;

    proptest! {
        #[test]
        fn responses_are_those_of_the_rules(
            ratio_pct in prop_oneof![0u16..200, Just(NO_RATIO)],
            length_s in prop_oneof![0u32..400, Just(0), Just(i32::MAX as u32 / 1000)],
            (complete_share, threshold_seconds) in prop_oneof![Just((0.95, 30.0)), (0.01f64..=1.0, 0.0f64..400.0)],
        ) {
            let rules = SessionRules { complete_share, threshold_seconds, ..SessionRules::default() };
            let play = Heard { track: 0, time_s: 5, length_s, ratio_pct };
            let session = SessionRow { user: 0, start_ms: 5000, context: Context::default(), plays: 1 };
            let columns = Thresholds::of(&rules).columns(&[session], &[play]);
            let finished = f64::from(ratio_pct) >= complete_share * 100.0 - 1e-9;
            let duration_ms = (length_s > 0).then_some(length_s * 1000);
            let expected = rules.responses(ms_played(ratio_pct, length_s), duration_ms, Some(finished), None);
            let share_told = ratio_pct != NO_RATIO;
            let of = |values: &Values<bool>| (values.known() == 1).then_some(values.yes() == 1);
            prop_assert_eq!(of(&columns.complete), expected.complete.filter(|_| share_told));
            let time_told = share_told && length_s > 0;
            prop_assert_eq!(of(&columns.past_threshold), expected.past_threshold.filter(|_| time_told));
        }
    }
}
