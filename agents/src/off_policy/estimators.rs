//! The estimators. Each gives one value per session; their mean is the estimate, and their spread its error: where an
//! estimate is a ratio, values are its linearisation (the delta method).

use super::LoggedStep;

type Sessions<'a> = &'a [Vec<LoggedStep>];

/// Discounted sum of rewards.
fn discounted_return(session: &[LoggedStep], gamma: f64) -> f64 {
    session.iter().rev().fold(0.0, |after, step| step.reward + gamma * after)
}

/// rho_1 ... rho_T of a session.
fn weight(session: &[LoggedStep]) -> f64 {
    session.iter().map(LoggedStep::ratio).product()
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// w G (Horvitz and Thompson 1952; Precup et al. 2000).
pub(super) fn ips(sessions: Sessions<'_>, gamma: f64) -> Vec<f64> {
    sessions.iter().map(|session| weight(session) * discounted_return(session, gamma)).collect()
}

/// Sum of w G divided by sum of w (Swaminathan and Joachims 2015).
pub(super) fn snips(sessions: Sessions<'_>, gamma: f64) -> Vec<f64> {
    let weights: Vec<f64> = sessions.iter().map(|session| weight(session)).collect();
    let returns: Vec<f64> = sessions.iter().map(|session| discounted_return(session, gamma)).collect();
    let (ratio, residuals) = self_normalised(&weights, &returns);
    residuals.into_iter().map(|residual| ratio + residual).collect()
}

/// Sum over plays of gamma^t (rho_1 ... rho_t) r_t (Precup et al. 2000).
pub(super) fn per_decision_ips(sessions: Sessions<'_>, gamma: f64) -> Vec<f64> {
    let value = |session: &Vec<LoggedStep>| {
        let (mut sum, mut weight, mut discount) = (0.0, 1.0, 1.0);
        for step in session {
            weight *= step.ratio();
            sum += discount * weight * step.reward;
            discount *= gamma;
        }
        sum
    };
    sessions.iter().map(value).collect()
}

/// Sum over positions of gamma^t times the self-normalised mean reward there, with weights rho_1 ... rho_t (McInerney et
/// al. 2020, section 4). A session that has ended keeps its weight, with rewards of 0: else the sessions that go on would
/// stand for it.
pub(super) fn rips(sessions: Sessions<'_>, gamma: f64) -> Vec<f64> {
    let longest = sessions.iter().map(Vec::len).max().unwrap_or(0);
    let mut weights = vec![1.0; sessions.len()];
    let mut values = vec![0.0; sessions.len()];
    let mut discount = 1.0;
    for position in 0..longest {
        for (weight, session) in weights.iter_mut().zip(sessions) {
            *weight *= session.get(position).map_or(1.0, LoggedStep::ratio);
        }
        let reward = |session: &Vec<LoggedStep>| session.get(position).map_or(0.0, |step| step.reward);
        let rewards: Vec<f64> = sessions.iter().map(reward).collect();
        let (ratio, residuals) = self_normalised(&weights, &rewards);
        values.iter_mut().zip(residuals).for_each(|(value, residual)| *value += discount * (ratio + residual));
        discount *= gamma;
    }
    values
}

/// The weighted mean of values, and each session's part in its error: w (x - mean) divided by the mean weight. Where no
/// session has a weight nothing is known, and the mean is taken to be 0.
fn self_normalised(weights: &[f64], values: &[f64]) -> (f64, Vec<f64>) {
    let mean_weight = mean(weights.iter().copied());
    if mean_weight <= 0.0 {
        return (0.0, vec![0.0; values.len()]);
    }
    let pairs = || weights.iter().zip(values);
    let ratio = mean(pairs().map(|(weight, value)| weight * value)) / mean_weight;
    (ratio, pairs().map(|(weight, value)| weight * (value - ratio) / mean_weight).collect())
}

/// From the last play backwards V = v + rho (r + gamma V' - q), with the model's values q of the track played and v of the
/// state (Jiang and Li 2016, equation 10).
pub(super) fn doubly_robust(sessions: Sessions<'_>, gamma: f64) -> Vec<f64> {
    let before = |after: f64, step: &LoggedStep| {
        step.state_value + step.ratio() * (step.reward + gamma * after - step.action_value)
    };
    sessions.iter().map(|session| session.iter().rev().fold(0.0, before)).collect()
}
