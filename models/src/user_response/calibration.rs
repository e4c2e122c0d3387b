//! Temperatures that calibrate a trained model (Guo et al., ICML 2017, section 4.2).

use super::contextual::sigmoid;
use super::response_model::for_each_prediction;
use super::training::{MOST_VALIDATION_PLAYS, TrainingInput};
use super::{HEADS, ResponseModel};
use crate::Result;
use crate::metrics::log_loss;

/// Finds the temperature of each head that minimises the validation log loss, by golden-section search over
/// ln(1 / temperature) in -1..1; the loss is convex in the inverse temperature.
pub(super) fn calibrate(model: &mut dyn ResponseModel, input: &TrainingInput<'_>) -> Result<()> {
    let mut logits: [Vec<(f32, bool)>; HEADS.len()] = Default::default();
    let examples = &input.data.validation;
    for_each_prediction(model, examples, &input.tracks, MOST_VALIDATION_PLAYS, |play, predicted, labels| {
        if !input.users.holds(examples.user[play]) {
            return;
        }
        for (head, pairs) in logits.iter_mut().enumerate() {
            let p = predicted[head].clamp(1e-7, 1.0 - 1e-7);
            pairs.extend(labels[head].map(|label| ((p / (1.0 - p)).ln(), label)));
        }
    })?;
    // A head whose response is never known stays as it is.
    let known = model.inverse_temperature().iter_mut().zip(&logits).filter(|(_, pairs)| !pairs.is_empty());
    for (inverse_temperature, pairs) in known {
        let loss = |log_scale: f64| -> f64 {
            let scale = log_scale.exp() as f32;
            pairs.iter().map(|&(logit, label)| log_loss(sigmoid(logit * scale), label)).sum()
        };
        *inverse_temperature = golden_section(loss, -1.0, 1.0).exp() as f32;
    }
    Ok(())
}

/// The minimum of a unimodal function.
fn golden_section(function: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    let (mut a, mut b) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut at_a, mut at_b) = (function(a), function(b));
    for _ in 0..20 {
        if at_a < at_b {
            (high, b, at_b) = (b, a, at_a);
            a = high - ratio * (high - low);
            at_a = function(a);
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + ratio * (high - low);
            at_b = function(b);
        }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_section_finds_the_minimum() {
        assert!((golden_section(|x| (x - 0.3).powi(2), -1.0, 1.0) - 0.3).abs() < 1e-4);
    }
}
