//! Policies before recorded sessions: what they would have returned, by off-policy estimators.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use listening_data::{Progress, SyntheticSource, write_atomically};
use listening_models::RecordedCounts;
use playlist_agents::{
    Estimate, GreedyPolicy, OffPolicyEstimate, OffPolicyEstimator, OffPolicyEvaluation, RecordedLog,
};
use playlist_envs::{OracleListeners, RewardKind, WorldSettings};
use serde::Serialize;

use super::Options;
use crate::config::Config;
use crate::failure::UsageError;
use crate::output;
use crate::pipeline::{Upstream, threads};
use crate::tables::{Columns, count, estimate, p_value, section};

/// About how many recorded sessions are taken, unless told.
const SESSIONS: u64 = 20_000;
/// Tracks per session that are looked at, unless told.
const LENGTH: u8 = 5;
/// Share of each policy's tracks that are random, unless told.
const RANDOM_PERCENT: u8 = 90;
/// Times that recorded sessions are begun anew to ask the synthetic listeners themselves.
const TIMES_PLAYED: u64 = 10;

/// The estimates, beside what synthetic listeners say themselves.
#[derive(Serialize)]
struct Results {
    #[serde(flatten)]
    evaluation: OffPolicyEvaluation,
    /// Share of each policy's tracks that are random.
    random_share: f32,
    /// Tracks per session at most.
    length: usize,
    /// By policy, its return with the listeners of the log; where they can be asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    with_the_listeners: Vec<Estimate>,
}

/// Estimates what the policies would return, and prints it.
pub(super) fn run(
    options: &Options,
    folder: &Path,
    config: &Config,
    upstream: &Upstream,
    progress: &dyn Progress,
) -> anyhow::Result<()> {
    let logs = &upstream.logs;
    let wanted = options.sessions.unwrap_or(SESSIONS) as usize;
    let length = usize::from(options.length.unwrap_or(LENGTH)).min(config.world.max_length);
    let recorded = logs.recorded_sessions(config, (wanted, length), &mut Vec::new(), progress)?;
    if recorded.is_empty() {
        let problem = format!(
            "--listeners logged: no held-out session can be used; a session needs a recorded pool, and each of its first \
             {length} plays a propensity, all responses and a track of the pool that was not played before{}",
            left_out(&recorded.counts)
        );
        return Err(UsageError(problem).into());
    }
    let mut settings = WorldSettings { session_end: true, skips_in_a_row: 0, ..config.world.clone() };
    settings.episode.sessions = 1;
    settings.reward.kind = RewardKind::Sampled;
    let world = logs.recorded_world(settings, &recorded, config.evaluate.seed)?;
    let random_share = f32::from(options.random_percent.unwrap_or(RANDOM_PERCENT)) / 100.0;
    let policies = options.policies(config, upstream, &world, folder, None, progress)?;
    let model = GreedyPolicy::new(upstream.contextual.shallow_clone());
    let log = RecordedLog::new(Arc::clone(&world), Arc::clone(&recorded), model, (random_share, length))?;
    let evaluation = log.evaluate(&policies, progress)?;
    let with_the_listeners = match SyntheticSource::of(logs.dataset.manifest()) {
        Some(source) => {
            let listeners = OracleListeners::new(&source, &world.starts, progress)?;
            log.play(&policies, &listeners, TIMES_PLAYED, threads(config), progress)?
        }
        None => Vec::new(),
    };
    let results = Results { evaluation, random_share, length, with_the_listeners };
    let out = options.out.clone().unwrap_or_else(|| folder.join(options.listeners.folder()));
    std::fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
    write_atomically(out.join("off-policy.json"), serde_json::to_string_pretty(&results)?.as_bytes())?;
    write_atomically(out.join("off-policy.csv"), csv(&results)?.as_bytes())?;
    let text = report(&results);
    output::print(&format!("{text}{}\nThe results lie in {}.", left_out(&recorded.counts), out.display()))
}

/// Why sessions were left out, if any were.
fn left_out(counts: &RecordedCounts) -> String {
    let why = [
        (counts.without_propensity, "plays without a propensity"),
        (counts.outside_pool, "plays outside their pool or repeated"),
        (counts.without_response, "plays with a missing response"),
        (counts.pool_too_large, "pools of more than 1,000 tracks"),
    ];
    let line = |(sessions, why): &(u64, &str)| format!("\nLeft out: {} sessions with {why}.", count(*sessions));
    why.iter().filter(|(sessions, _)| *sessions > 0).map(line).collect()
}

fn report(results: &Results) -> String {
    let OffPolicyEvaluation { sessions, users, logged, policies } = &results.evaluation;
    let mut text = String::new();
    for estimator in [OffPolicyEstimator::DoublyRobust, OffPolicyEstimator::Rips, OffPolicyEstimator::Snips] {
        text += &section(&format!("Return by {}", estimator.name()), table(results, estimator));
    }
    let warned = policies.iter().filter_map(|policy| Some((policy, policy.estimates.first()?.warning()?)));
    for (policy, warning) in warned {
        text += &format!("Warning: {}: {warning}.\n", policy.policy);
    }
    let spread = match users {
        10.. => "by the spread between users",
        _ => "by the spread between sessions: they hold of these few users alone",
    };
    text + &format!(
        "{} recorded sessions of {} users, their first {} tracks; as they were logged they returned {}. {:.0} % of each\n\
         policy's tracks are random. Intervals of 95 % {spread}; p adjusted for all policies (Holm).\n",
        count(*sessions),
        count(*users),
        results.length,
        estimate(logged),
        100.0 * results.random_share
    )
}

fn table(results: &Results, estimator: OffPolicyEstimator) -> Columns {
    let asked = !results.with_the_listeners.is_empty();
    let last = if asked { "with the listeners" } else { "" };
    let mut table = Columns::new(["policy", "return", "return minus logged", "adjusted p", "effective sessions", last]);
    for (place, policy) in results.evaluation.policies.iter().enumerate() {
        let at = policy.estimates.iter().position(|estimate| estimate.estimator == estimator).unwrap_or(0);
        let (found, difference) = (&policy.estimates[at], &policy.minus_logged[at]);
        let minus = Estimate { mean: difference.mean, low: difference.low, high: difference.high };
        table.add([
            policy.policy.clone(),
            estimate(&found.total_reward),
            estimate(&minus),
            p_value(difference.adjusted_p_value),
            format!("{:.0}", found.effective_sessions),
            results.with_the_listeners.get(place).map_or_else(String::new, estimate),
        ]);
    }
    table
}

fn csv(results: &Results) -> Result<String, std::fmt::Error> {
    let mut rows = String::from(
        "policy,estimator,return,low,high,minus_logged,minus_logged_low,minus_logged_high,p_value,adjusted_p_value,\
         effective_sessions,with_the_listeners\n",
    );
    for (place, policy) in results.evaluation.policies.iter().enumerate() {
        let truth = results.with_the_listeners.get(place).map_or_else(String::new, |truth| truth.mean.to_string());
        for (found, d) in policy.estimates.iter().zip(&policy.minus_logged) {
            let OffPolicyEstimate { estimator, total_reward: r, effective_sessions } = found;
            write!(rows, "{},{},{},{},{},", policy.policy, estimator.name(), r.mean, r.low, r.high)?;
            write!(rows, "{},{},{},{},{},", d.mean, d.low, d.high, d.p_value, d.adjusted_p_value)?;
            writeln!(rows, "{effective_sessions},{truth}")?;
        }
    }
    Ok(rows)
}
