//! Sampled responses that are logically consistent.

use listening_data::CounterRng;
use listening_models::user_response::Predictions;

/// The sampled responses to one play.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlayResponses {
    /// Played to its end.
    pub complete: bool,
    /// Moved on before the end.
    pub skip: bool,
    /// Played past the threshold.
    pub past_threshold: bool,
}

impl PlayResponses {
    /// As 0 and 1: complete, skip, past threshold.
    pub fn as_floats(self) -> [f32; 3] {
        [self.complete, self.skip, self.past_threshold].map(|yes| if yes { 1.0 } else { 0.0 })
    }

    /// As bits 0 to 2: complete, skip, past threshold.
    pub fn bits(self) -> u8 {
        u8::from(self.complete) | u8::from(self.skip) << 1 | u8::from(self.past_threshold) << 2
    }

    /// From [`Self::bits`].
    pub fn from_bits(bits: u8) -> Self {
        Self { complete: bits & 1 == 1, skip: bits >> 1 & 1 == 1, past_threshold: bits >> 2 & 1 == 1 }
    }
}

/// Makes the heads' probabilities possible together: complete and skip exclude each other, so their sum is at most 1
/// (both are scaled down where it is not); a complete play of a track longer than the threshold is past it, so past
/// threshold is at least as likely as complete.
pub fn consistent_probabilities(predicted: &Predictions, longer_than_threshold: bool) -> [f32; 3] {
    let [complete, skip, past, _] = *predicted;
    let scale = 1.0 / (complete + skip).max(1.0);
    let (complete, skip) = (complete * scale, skip * scale);
    let past = if longer_than_threshold { past.max(complete) } else { past.min(1.0 - complete) };
    [complete, skip, past]
}

/// Samples the responses so that each has its (consistent) probability: complete, skip or neither by one draw; past
/// threshold by a second, given whether the play was complete.
pub fn sample_responses(probabilities: [f32; 3], longer_than_threshold: bool, rng: &mut CounterRng) -> PlayResponses {
    let [complete, skip, past] = probabilities;
    let draw = rng.uniform();
    let is_complete = draw < complete;
    let is_skip = !is_complete && draw < complete + skip;
    let past_draw = rng.uniform();
    // P(past) = P(complete) [track is longer] + (1 - P(complete)) P(past | not complete).
    let from_complete = if longer_than_threshold { complete } else { 0.0 };
    let past_otherwise = (past - from_complete) / (1.0 - complete).max(1e-6);
    let past_threshold = if is_complete { longer_than_threshold } else { past_draw < past_otherwise };
    PlayResponses { complete: is_complete, skip: is_skip, past_threshold }
}

#[cfg(test)]
mod tests {
    use super::*;
    use listening_data::Stream;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn responses_never_contradict_each_other(
            predicted in proptest::array::uniform4(0.0f32..=1.0), longer in any::<bool>(), session in any::<u64>()
        ) {
            let probabilities = consistent_probabilities(&predicted, longer);
            prop_assert!(probabilities[0] + probabilities[1] <= 1.0 + 1e-6);
            let responses = sample_responses(probabilities, longer, &mut CounterRng::new(1, Stream::Response, session, 0));
            prop_assert!(!(responses.complete && responses.skip));
            if responses.complete {
                prop_assert_eq!(responses.past_threshold, longer);
            }
            prop_assert_eq!(PlayResponses::from_bits(responses.bits()), responses);
        }
    }

    /// A fault of a peer: probabilities squeezed into [0.50, 0.73]. Sampled shares must be the predicted ones.
    #[test]
    fn sampled_shares_are_the_predicted_probabilities() {
        for (predicted, longer) in [
            ([0.6, 0.3, 0.8, 0.0], true),
            ([0.02, 0.95, 0.1, 0.0], true),
            ([0.4, 0.1, 0.2, 0.0], false),
            ([0.9, 0.4, 0.1, 0.0], true),
        ] {
            let probabilities = consistent_probabilities(&predicted, longer);
            let draws = 40_000;
            let mut shares = [0.0f64; 3];
            for session in 0..draws {
                let mut rng = CounterRng::new(1, Stream::Response, session, 0);
                let responses = sample_responses(probabilities, longer, &mut rng).as_floats();
                shares.iter_mut().zip(responses).for_each(|(share, x)| *share += f64::from(x) / draws as f64);
            }
            for (share, probability) in shares.iter().zip(probabilities) {
                let p = f64::from(probability);
                // Five standard errors.
                let allowed = 5.0 * (p * (1.0 - p) / draws as f64).sqrt() + 1e-9;
                assert!((share - p).abs() <= allowed, "{predicted:?}: {shares:?} against {probabilities:?}");
            }
        }
    }
}
