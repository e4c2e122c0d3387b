//! The results of `sim evaluate-policy` on the screen and in files.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use listening_data::write_atomically;
use playlist_agents::{
    Comparison, Difference, Estimate, GroupKind, Measure, Measured, PlayedPolicy, PolicySummary, Resampled,
    SessionGroups,
};
use playlist_pictures::{Histogram, Page};

use crate::tables::{Columns, count, estimate, number, optional_share, p_value, section};

/// Measures that have no column of their own kind among the counts of `sessions.csv`.
const MEASURED: [Measure; 6] = [
    Measure::Minutes,
    Measure::Diversity,
    Measure::Novelty,
    Measure::ArtistRepeats,
    Measure::Smoothness,
    Measure::Miscalibration,
];

/// The tables: over all sessions, and by group where asked for.
pub(super) fn report(comparison: &Comparison, kinds: &[GroupKind]) -> String {
    let all: Vec<&Measured> = comparison.policies.iter().map(|policy| &policy.measured).collect();
    let mut text = section("Responses", responses(comparison, &all)) + &section("What is played", played(comparison));
    text.extend(episodes(comparison, &all).map(|table| section("Episodes", table)));
    for kind in kinds {
        for group in comparison.groups.iter().filter(|group| group.kind == *kind) {
            let (sessions, users) = (count(group.sessions), count(group.users));
            let title = format!("{}: {}, {sessions} sessions of {users} users", kind.name(), group.group);
            text += &section(&title, responses(comparison, &group.policies.iter().collect::<Vec<_>>()));
        }
    }
    let drawn = match comparison.resampled {
        Resampled::Users => "the bootstrap over users",
        Resampled::Sessions => {
            "the bootstrap over sessions: there are too few users to draw from, and the\nresults hold of these alone"
        }
    };
    let (sessions, users) = (count(comparison.sessions), count(comparison.users));
    let what = if episodes(comparison, &all).is_some() { "episodes" } else { "sessions" };
    text + &format!(
        "Means over {sessions} {what} of {users} users, with intervals of 95 % by {drawn}; p adjusted for all\n\
         comparisons (Holm). Bimodality above 0.556 speaks for two kinds of sessions.\n"
    )
}

/// What the policies gain in the run's own world, beside what they gain before listeners whom the agent did not know.
pub(super) fn beside(own: &Comparison, independent: &Comparison) -> String {
    let difference = format!("return minus {}", own.reference);
    let mut table = Columns::new([
        "policy",
        &format!("{difference}, own world"),
        "independent world",
        "adjusted p",
        "return there",
    ]);
    for (here, there) in own.policies.iter().zip(&independent.policies) {
        let of = |policy: &PolicySummary| policy.measured.minus_reference.get(&Measure::Return).copied();
        let (Some(own), Some(independent)) = (of(here), of(there)) else { continue };
        table.add([
            here.policy.clone(),
            as_estimate(&own),
            as_estimate(&independent),
            p_value(independent.adjusted_p_value),
            there.measured.measures.get(&Measure::Return).map_or_else(missing, estimate),
        ]);
    }
    section("Gains before listeners of an independent model of other users", table)
}

fn responses(comparison: &Comparison, measured: &[&Measured]) -> Columns {
    let difference = format!("return minus {}", comparison.reference);
    let names = ["policy", "return", &difference, "adjusted p", "completed", "skipped", "minutes", "length"];
    let mut table = Columns::new(names);
    for (policy, measured) in comparison.policies.iter().zip(measured) {
        let mean = |measure| measured.measures.get(&measure).map(|estimate| estimate.mean);
        let paired = measured.minus_reference.get(&Measure::Return);
        table.add([
            policy.policy.clone(),
            measured.measures.get(&Measure::Return).map_or_else(missing, estimate),
            paired.map_or_else(missing, as_estimate),
            paired.map_or_else(missing, |difference| p_value(difference.adjusted_p_value)),
            optional_share(mean(Measure::CompletionRate)),
            optional_share(mean(Measure::SkipRate)),
            mean(Measure::Minutes).map_or_else(missing, number),
            mean(Measure::SessionLength).map_or_else(missing, number),
        ]);
    }
    table
}

/// How many sessions the listeners come back for; nothing where every session stands alone.
fn episodes(comparison: &Comparison, measured: &[&Measured]) -> Option<Columns> {
    let difference = format!("minus {}", comparison.reference);
    let mut table = Columns::new(["policy", "sessions per episode", &difference, "adjusted p"]);
    let mut several = false;
    for (policy, measured) in comparison.policies.iter().zip(measured) {
        let sessions = measured.measures.get(&Measure::Sessions)?;
        several |= sessions.mean > 1.0;
        let paired = measured.minus_reference.get(&Measure::Sessions);
        table.add([
            policy.policy.clone(),
            estimate(sessions),
            paired.map_or_else(missing, as_estimate),
            paired.map_or_else(missing, |difference| p_value(difference.adjusted_p_value)),
        ]);
    }
    several.then_some(table)
}

fn as_estimate(&Difference { mean, low, high, .. }: &Difference) -> String {
    estimate(&Estimate { mean, low, high })
}

fn played(comparison: &Comparison) -> Columns {
    let mut table = Columns::new([
        "policy",
        "diversity",
        "novelty",
        "artist repeats",
        "smoothness",
        "miscalibration",
        "coverage",
        "Gini",
        "bimodality",
    ]);
    for policy in &comparison.policies {
        let measures = &policy.measured.measures;
        let mean = |measure| measures.get(&measure).map_or_else(missing, |estimate| number(estimate.mean));
        table.add([
            policy.policy.clone(),
            mean(Measure::Diversity),
            mean(Measure::Novelty),
            optional_share(measures.get(&Measure::ArtistRepeats).map(|estimate| estimate.mean)),
            mean(Measure::Smoothness),
            mean(Measure::Miscalibration),
            optional_share(Some(policy.exposure.coverage)),
            number(policy.exposure.gini),
            policy.bimodality_coefficient.map_or_else(missing, number),
        ]);
    }
    table
}

fn missing() -> String {
    "-".to_owned()
}

/// Writes everything into a folder.
pub(super) fn write(
    folder: &Path,
    comparison: &Comparison,
    played: &[PlayedPolicy],
    groups: &SessionGroups,
) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let files = [
        ("policies.json", serde_json::to_string_pretty(comparison)?),
        ("policies.csv", policies_csv(comparison)?),
        ("groups.csv", groups_csv(comparison)?),
        ("sessions.csv", sessions_csv(played, groups)?),
        ("policies.html", page(comparison).html()),
    ];
    files.iter().try_for_each(|(name, text)| Ok(write_atomically(folder.join(name), text.as_bytes())?))
}

/// Columns of a measure of a policy.
const MEASURE_COLUMNS: &str =
    "policy,measure,mean,low,high,reference,difference,difference_low,difference_high,p_value,adjusted_p_value";

fn policies_csv(comparison: &Comparison) -> Result<String, std::fmt::Error> {
    let mut rows = format!("{MEASURE_COLUMNS}\n");
    for summary in &comparison.policies {
        let policy = &summary.policy;
        measure_rows(&mut rows, "", comparison, policy, &summary.measured)?;
        if let Some(Estimate { mean, low, high }) = summary.return_minus_random {
            writeln!(rows, "{policy},return_minus_random,{mean},{low},{high},,,,,,")?;
        }
        let (exposure, bimodality) = (summary.exposure, summary.bimodality_coefficient.map_or_else(String::new, text));
        writeln!(rows, "{policy},coverage,{},,,,,,,,", exposure.coverage)?;
        writeln!(rows, "{policy},gini,{},,,,,,,,", exposure.gini)?;
        writeln!(rows, "{policy},bimodality_coefficient,{bimodality},,,,,,,,")?;
    }
    Ok(rows)
}

fn groups_csv(comparison: &Comparison) -> Result<String, std::fmt::Error> {
    let mut rows = format!("by,group,sessions,users,{MEASURE_COLUMNS}\n");
    for group in &comparison.groups {
        let prefix = format!("{},{},{},{},", group.kind.name(), group.group, group.sessions, group.users);
        for (summary, measured) in comparison.policies.iter().zip(&group.policies) {
            measure_rows(&mut rows, &prefix, comparison, &summary.policy, measured)?;
        }
    }
    Ok(rows)
}

fn measure_rows(
    rows: &mut String,
    prefix: &str,
    comparison: &Comparison,
    policy: &str,
    measured: &Measured,
) -> std::fmt::Result {
    for (measure, Estimate { mean, low, high }) in &measured.measures {
        write!(rows, "{prefix}{policy},{},{mean},{low},{high},", measure.name())?;
        match measured.minus_reference.get(measure) {
            Some(Difference { mean, low, high, p_value, adjusted_p_value }) => {
                writeln!(rows, "{},{mean},{low},{high},{p_value},{adjusted_p_value}", comparison.reference)?;
            }
            None => writeln!(rows, ",,,,,")?,
        }
    }
    Ok(())
}

fn sessions_csv(played: &[PlayedPolicy], groups: &SessionGroups) -> Result<String, std::fmt::Error> {
    const KINDS: [GroupKind; 3] = [GroupKind::Hour, GroupKind::Device, GroupKind::Activity];
    let mut rows =
        String::from("policy,session,return,length,completions,skips,past_threshold,terminated,user,sessions");
    KINDS.iter().try_for_each(|kind| write!(rows, ",{}", kind.name()))?;
    MEASURED.iter().try_for_each(|measure| write!(rows, ",{}", measure.name()))?;
    for PlayedPolicy { policy, sessions, .. } in played {
        for (number, session) in sessions.iter().enumerate() {
            let o = &session.outcome;
            let (complete, skips, past) = (o.completions, o.skips, o.past_threshold);
            write!(rows, "\n{policy},{number},{},{},{complete},{skips},{past}", o.total_reward, o.length)?;
            write!(rows, ",{},{},{}", o.terminated, o.user, o.sessions)?;
            for kind in KINDS {
                write!(rows, ",{}", groups.name(session.start, kind).unwrap_or_default())?;
            }
            for measure in MEASURED {
                write!(rows, ",{}", session.value(measure).map_or_else(String::new, text))?;
            }
        }
    }
    rows.push('\n');
    Ok(rows)
}

fn text(value: f64) -> String {
    value.to_string()
}

/// The returns of each policy as a picture.
fn page(comparison: &Comparison) -> Page {
    let histogram = &comparison.return_histogram;
    let sessions = comparison.sessions.max(1) as f64;
    let shares = |counts: &[u64]| counts.iter().map(|&count| count as f64 / sessions).collect::<Vec<_>>();
    let highest = histogram.counts.iter().flat_map(|counts| shares(counts)).fold(0.0, f64::max);
    let mut page = Page::new("Returns of the policies").text(
        "Shares of the sessions by their return, on common axes; the line is the mean. Where the returns have two peaks, the \
         mean speaks of sessions that hardly occur.",
    );
    for (summary, counts) in comparison.policies.iter().zip(&histogram.counts) {
        let mean = summary.measured.measures.get(&Measure::Return).map(|estimate| estimate.mean);
        let picture = Histogram {
            title: summary.policy.clone(),
            x_label: "return".into(),
            y_label: "share of the sessions".into(),
            edges: histogram.edges.clone(),
            heights: shares(counts),
            highest,
            marks: mean.into_iter().collect(),
        };
        let bimodality = summary.bimodality_coefficient.map_or_else(missing, number);
        page = page
            .picture(&picture.svg(), &format!("Bimodality coefficient {bimodality} (an even distribution: 0.556)."));
    }
    page
}
