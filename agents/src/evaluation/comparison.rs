//! Compares policies on the same sessions.

use std::collections::{BTreeMap, BTreeSet};

use listening_models::user_state::evaluation::Interval;
use serde::Serialize;

use super::resampling::{Ratio, UnitSums};
use super::{
    Exposure, GroupKind, Measure, MeasuredSession, Resampled, ReturnHistogram, SessionGroups, bimodality_coefficient,
};
use crate::statistics::{LEAST_UNITS, two_sided_p_value};
use crate::{Estimate, holm_adjusted};

const MEASURES: usize = Measure::ALL.len();

/// The group of all sessions; the others follow.
const ALL_SESSIONS: usize = 0;

/// A policy and its sessions, in order of their numbers.
pub struct PlayedPolicy {
    /// Its name.
    pub policy: String,
    /// Its sessions.
    pub sessions: Vec<MeasuredSession>,
    /// The tracks that it could have played: [`super::offered_tracks`].
    pub offered: Vec<u32>,
}

/// How policies are compared.
pub struct ComparisonSettings {
    /// The policy that the others are compared with; one of those played.
    pub reference: String,
    /// Resamples of the bootstrap.
    pub resamples: u32,
    /// Seed of their draws.
    pub seed: u64,
    /// Threads; they change the time taken, not the result.
    pub threads: usize,
}

/// The difference of two policies in a measure, with its interval of 95 %.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The policy's mean less the reference's.
    pub mean: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Two-sided p-value of no difference: the difference over its standard error (the standard deviation of the resamples) is
    /// held against the normal distribution. The share of resamples beyond 0 would never be below 1 / resamples, and times
    /// the number of comparisons nothing could be found any more.
    pub p_value: f64,
    /// The same, adjusted for all comparisons of this measure by Holm's method.
    pub adjusted_p_value: f64,
}

impl Difference {
    /// The difference with this interval, alone of its kind.
    pub(crate) fn new(Estimate { mean, low, high }: Estimate, standard_error: f64) -> Self {
        let p_value = two_sided_p_value(mean, standard_error);
        Self { mean, low, high, p_value, adjusted_p_value: p_value }
    }

    /// Adjusts the p-values for all comparisons of a family.
    pub(crate) fn adjust(family: &mut [&mut Self]) {
        let p_values: Vec<f64> = family.iter().map(|difference| difference.p_value).collect();
        for (difference, adjusted) in family.iter_mut().zip(holm_adjusted(&p_values)) {
            difference.adjusted_p_value = adjusted;
        }
    }
}

/// The measures of a policy on some sessions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// Means over the sessions for which a measure is defined; a measure without such is left out.
    #[serde(flatten)]
    pub measures: BTreeMap<Measure, Estimate>,
    /// Differences from the reference; none of the reference itself.
    pub minus_reference: BTreeMap<Measure, Difference>,
}

/// A policy's results over all sessions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PolicySummary {
    /// The policy's name.
    pub policy: String,
    /// Its measures.
    #[serde(flatten)]
    pub measured: Measured,
    /// Return less that of the policy `random`, where it was played.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub return_minus_random: Option<Estimate>,
    /// How its plays are spread over the tracks.
    pub exposure: Exposure,
    /// [`bimodality_coefficient`] of its returns.
    pub bimodality_coefficient: Option<f64>,
}

/// The policies' results over the sessions of one group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupSummary {
    /// What the sessions are grouped by.
    pub kind: GroupKind,
    /// The group.
    pub group: String,
    /// Sessions per policy.
    pub sessions: u64,
    /// Users they are of.
    pub users: u64,
    /// Per policy, in the order of [`Comparison::policies`].
    pub policies: Vec<Measured>,
}

/// Policies compared on the same sessions. Intervals of 95 % are by the bootstrap over users, each drawn with all sessions;
/// all policies share the draws, so that differences are paired.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Sessions per policy.
    pub sessions: u64,
    /// Users they are of.
    pub users: u64,
    /// What was drawn.
    pub resampled: Resampled,
    /// How often.
    pub resamples: u32,
    /// The policy that the others are compared with.
    pub reference: String,
    /// Per policy, in the order given.
    pub policies: Vec<PolicySummary>,
    /// The returns of the policies, in the same order.
    pub return_histogram: ReturnHistogram,
    /// The same by group; groups of fewer than 10 users are left out. They have a file of their own.
    #[serde(skip)]
    pub groups: Vec<GroupSummary>,
}

/// Compares policies that have played the same sessions.
pub fn compare(played: &[PlayedPolicy], groups: &SessionGroups, settings: &ComparisonSettings) -> Comparison {
    let resampled = Resamples::draw(played, groups, settings);
    let place = |name: &str| played.iter().position(|played| played.policy == name);
    let (reference, random) = (place(&settings.reference).unwrap_or(0), place("random"));
    let mut overall = resampled.measured(ALL_SESSIONS, reference);
    adjust(&mut overall.iter_mut().collect::<Vec<_>>());
    let returns: Vec<Vec<f64>> = played
        .iter()
        .map(|played| played.sessions.iter().map(|session| session.outcome.total_reward).collect())
        .collect();
    let minus_random = |policy| {
        let (estimate, _) = resampled.difference(ALL_SESSIONS, [policy, random?], Measure::Return)?;
        Some(estimate)
    };
    let summary = |(policy, (played, measured)): (usize, (&PlayedPolicy, Measured))| PolicySummary {
        policy: played.policy.clone(),
        measured,
        return_minus_random: minus_random(policy),
        exposure: Exposure::of(&played.sessions, &played.offered),
        bimodality_coefficient: bimodality_coefficient(&returns[policy]),
    };
    let (sessions, users) = resampled.sizes[ALL_SESSIONS];
    Comparison {
        sessions,
        users,
        resampled: resampled.drawn,
        resamples: settings.resamples,
        reference: settings.reference.clone(),
        policies: played.iter().zip(overall).enumerate().map(summary).collect(),
        return_histogram: ReturnHistogram::of(&returns),
        groups: by_group(&resampled, groups, reference),
    }
}

fn by_group(resampled: &Resamples, groups: &SessionGroups, reference: usize) -> Vec<GroupSummary> {
    let mut summaries: Vec<GroupSummary> = Vec::new();
    for (group, (kind, name)) in groups.names().iter().enumerate() {
        let (sessions, users) = resampled.sizes[group + 1];
        if resampled.units[group + 1] >= LEAST_UNITS {
            let policies = resampled.measured(group + 1, reference);
            summaries.push(GroupSummary { kind: *kind, group: name.clone(), sessions, users, policies });
        }
    }
    for kind in [GroupKind::Hour, GroupKind::Device, GroupKind::Activity] {
        let of_kind = summaries.iter_mut().filter(|summary| summary.kind == kind);
        adjust(&mut of_kind.flat_map(|summary| &mut summary.policies).collect::<Vec<_>>());
    }
    summaries
}

/// Adjusts the p-values for all comparisons of each measure.
fn adjust(compared: &mut [&mut Measured]) {
    for measure in Measure::ALL {
        let mut family: Vec<&mut Difference> =
            compared.iter_mut().filter_map(|measured| measured.minus_reference.get_mut(&measure)).collect();
        Difference::adjust(&mut family);
    }
}

/// The means of all policies, measures and groups, and those of the resamples.
struct Resamples {
    drawn: Resampled,
    /// Per group the means by policy and measure.
    means: Vec<Vec<f64>>,
    /// Per group and resample the same.
    resampled: Vec<Vec<f64>>,
    /// Per group, what is drawn of it.
    units: Vec<usize>,
    /// Per group, sessions and users.
    sizes: Vec<(u64, u64)>,
    policies: usize,
}

impl Resamples {
    fn draw(played: &[PlayedPolicy], groups: &SessionGroups, settings: &ComparisonSettings) -> Self {
        let sessions = played.first().map_or(&[][..], |played| &played.sessions);
        let users = places(sessions.iter().map(|session| session.outcome.user));
        let drawn = if users.count >= LEAST_UNITS { Resampled::Users } else { Resampled::Sessions };
        let (units, unit_of) = match drawn {
            Resampled::Users => (users.count, users.of.clone()),
            Resampled::Sessions => (sessions.len(), (0..sessions.len()).collect()),
        };
        // Column 0 counts the sessions, the next are the sums, and the last count the sessions of measures that some lack.
        let mut columns = 1 + played.len() * MEASURES;
        let mut ratios = Vec::with_capacity(played.len() * MEASURES);
        for played in played {
            for measure in Measure::ALL {
                let everywhere = played.sessions.iter().all(|session| session.value(measure).is_some());
                let below = if everywhere { 0 } else { columns };
                columns += usize::from(!everywhere);
                ratios.push(Ratio { above: 1 + ratios.len(), below });
            }
        }
        let all_groups = 1 + groups.names().len();
        let mut sums = UnitSums::new(units, all_groups, columns);
        let (mut counts, mut members) = (vec![0; all_groups], vec![BTreeSet::new(); all_groups]);
        for (number, session) in sessions.iter().enumerate() {
            let of_session =
                std::iter::once(ALL_SESSIONS).chain(groups.of_start(session.start).iter().map(|group| group + 1));
            for group in of_session {
                counts[group] += 1;
                members[group].insert(users.of[number]);
                let row = sums.row(group, unit_of[number]);
                row[0] += 1.0;
                let values = played.iter().flat_map(|played| played.sessions[number].values);
                for (ratio, value) in ratios.iter().zip(values) {
                    row[ratio.above] += value.unwrap_or(0.0);
                    row[ratio.below] += if ratio.below > 0 && value.is_some() { 1.0 } else { 0.0 };
                }
            }
        }
        Self {
            drawn,
            means: (0..all_groups).map(|group| sums.means(group, &ratios)).collect(),
            resampled: sums.resampled(&ratios, settings.resamples, settings.seed, settings.threads),
            units: (0..all_groups).map(|group| sums.units_in(group)).collect(),
            sizes: counts.into_iter().zip(members).map(|(count, users)| (count, users.len() as u64)).collect(),
            policies: played.len(),
        }
    }

    /// Per policy, the measures of a group.
    fn measured(&self, group: usize, reference: usize) -> Vec<Measured> {
        let means = &self.means[group];
        let of_policy = |policy: usize| {
            let estimates = Measure::ALL.into_iter().filter_map(|measure| {
                let place = policy * MEASURES + measure as usize;
                let resampled = self.resampled(group, place).collect();
                means[place].is_finite().then(|| (measure, estimate(means[place], resampled)))
            });
            let differences = Measure::ALL.into_iter().filter(|_| policy != reference).filter_map(|measure| {
                let (estimate, standard_error) = self.difference(group, [policy, reference], measure)?;
                Some((measure, Difference::new(estimate, standard_error)))
            });
            Measured { measures: estimates.collect(), minus_reference: differences.collect() }
        };
        (0..self.policies).map(of_policy).collect()
    }

    /// The first policy's mean less the second's, and the standard error; `None` where the measure is not defined.
    fn difference(&self, group: usize, policies: [usize; 2], measure: Measure) -> Option<(Estimate, f64)> {
        let [first, second] = policies.map(|policy| policy * MEASURES + measure as usize);
        let means = &self.means[group];
        let pairs = self.resampled(group, first).zip(self.resampled(group, second));
        let resampled: Vec<f64> = pairs.map(|(first, second)| first - second).filter(|x| x.is_finite()).collect();
        let count = resampled.len() as f64;
        let middle = resampled.iter().sum::<f64>() / count;
        let variance = resampled.iter().map(|x| (x - middle).powi(2)).sum::<f64>() / (count - 1.0);
        let value = means[first] - means[second];
        value.is_finite().then(|| (estimate(value, resampled), variance.sqrt()))
    }

    /// A mean in each resample.
    fn resampled(&self, group: usize, place: usize) -> impl Iterator<Item = f64> {
        self.resampled[group].iter().skip(place).step_by(self.policies * MEASURES).copied()
    }
}

fn estimate(value: f64, resampled: Vec<f64>) -> Estimate {
    let Interval { value, low, high } = Interval::of_resamples(value, resampled);
    Estimate { mean: value, low, high }
}

/// Consecutive numbers in place of names, in the order in which these are met first.
struct Places {
    count: usize,
    of: Vec<usize>,
}

fn places(names: impl Iterator<Item = u32>) -> Places {
    let mut known: BTreeMap<u32, usize> = BTreeMap::new();
    let of = names
        .map(|name| {
            let next = known.len();
            *known.entry(name).or_insert(next)
        })
        .collect();
    Places { count: known.len(), of }
}

#[cfg(test)]
mod tests;
