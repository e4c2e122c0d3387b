//! The description of a dataset as text, the most asked first.

use listening_data::{DatasetSummary, Manifest, Popularity, Quantiles, ResponseShares};

use crate::tables::{Columns, Pairs, bar, count, number, optional_share, section, share};

/// Positions that are shown: the first ones, where sessions differ most, then a few.
const POSITIONS: [u32; 8] = [1, 2, 3, 4, 5, 10, 15, 20];

/// The whole description.
pub fn describe(manifest: &Manifest, summary: &DatasetSummary) -> String {
    let parts = [
        section("Dataset", contents(manifest, summary)),
        section("Distributions", distributions(summary)),
        section("Session lengths (plays)", histogram(summary)),
        section("Responses: shares of the plays where the response is known", responses(summary)),
        section("Popularity", popularity(&summary.popularity)),
        section("Skip streaks", skip_streaks(summary)),
    ];
    parts.concat().trim_end().to_owned()
}

fn contents(manifest: &Manifest, summary: &DatasetSummary) -> Pairs {
    let mut pairs = Pairs::new();
    pairs.add("source", manifest.source.format.clone());
    let dates = summary.first_date.as_deref().zip(summary.last_date.as_deref());
    pairs.add("dates", dates.map_or_else(|| "-".to_owned(), |(first, last)| format!("{first} to {last}")));
    pairs.add("users", count(summary.users));
    pairs.add("tracks", count(summary.tracks));
    pairs.add("sessions", count(summary.sessions));
    pairs.add("plays", count(summary.plays));
    if manifest.pools > 0 {
        pairs.add("pools", format!("{} sessions with a recorded candidate pool", count(manifest.pools)));
    }
    pairs.add(
        "repeat rate",
        format!("{} of plays, the user had played the track before", optional_share(summary.repeat_rate)),
    );
    pairs.add("fingerprint", manifest.fingerprint.clone());
    pairs
}

fn distributions(summary: &DatasetSummary) -> Columns {
    let mut table = Columns::new(["", "mean", "min", "10 %", "25 %", "median", "75 %", "90 %", "99 %", "max"]);
    let named = [("sessions per user", summary.sessions_per_user), ("plays per session", summary.plays_per_session)];
    for (name, of) in named {
        let Quantiles { min, p10, p25, median, p75, p90, p99, max, mean } = of;
        let [min, p10, p25, median, p75, p90, p99, max] = [min, p10, p25, median, p75, p90, p99, max].map(count);
        table.add([name.to_owned(), number(mean), min, p10, p25, median, p75, p90, p99, max]);
    }
    table
}

fn histogram(summary: &DatasetSummary) -> String {
    let buckets = &summary.plays_per_session_histogram;
    let largest = buckets.iter().map(|bucket| bucket.count).max().unwrap_or(0);
    let lines = buckets.iter().map(|bucket| {
        let range = match bucket.to {
            to if to == bucket.from => count(to),
            to => format!("{} to {}", count(bucket.from), count(to)),
        };
        let part = share(bucket.count as f64 / summary.sessions.max(1) as f64);
        format!("{range:>14}  {part:>7}  {}", bar(bucket.count, largest))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn responses(summary: &DatasetSummary) -> Columns {
    let mut table = Columns::new(["", "plays", "complete", "skipped", "past threshold"]);
    let mut add = |name: String, shares: &ResponseShares| {
        let ResponseShares { plays, complete, skip, past_threshold } = shares;
        let [complete, skip, past] = [complete, skip, past_threshold].map(|response| optional_share(response.share));
        table.add([name, count(*plays), complete, skip, past]);
    };
    add("all".to_owned(), &summary.responses);
    for at in summary.by_position.iter().filter(|at| POSITIONS.contains(&at.position)) {
        add(format!("position {}", at.position), &at.responses);
    }
    // A part of the context that the source never tells says nothing.
    let told = summary.by_context.iter().filter(|part| part.groups.iter().any(|group| group.value != "missing"));
    for part in told {
        for group in &part.groups {
            add(format!("{}: {}", part.part.replace('_', " "), group.value), &group.responses);
        }
    }
    table
}

fn popularity(popularity: &Popularity) -> Pairs {
    let mut pairs = Pairs::new();
    for top in &popularity.top_shares {
        pairs.add(&format!("top {:.0} % of tracks", 100.0 * top.tracks), format!("{} of plays", share(top.plays)));
    }
    let ranked = popularity.ranked_plays.iter().filter_map(|at| Some((at.rank, at.plays?)));
    for (rank, plays) in ranked {
        pairs.add(&format!("track of rank {}", count(rank)), format!("{} plays", count(plays)));
    }
    pairs.add("played only once", format!("{} of tracks", share(popularity.played_once)));
    pairs
}

fn skip_streaks(summary: &DatasetSummary) -> Pairs {
    let streaks = &summary.skip_streaks;
    let mut pairs = Pairs::new();
    pairs.add("skipped after a skip", optional_share(streaks.after_skip));
    pairs.add("skipped after no skip", optional_share(streaks.after_no_skip));
    pairs.add("pairs of plays", count(streaks.pairs));
    pairs
}
