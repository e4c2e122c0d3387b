//! Marginals of real logs, where they lie beside the workspace (`../shared/data`); skipped loudly elsewhere.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::PathBuf;

use listening_data::{
    Dataset, ImportOptions, Marginal, MarginalProtocol, Marginals, Silent, import_spotify_extended, inspect,
    measure_marginals, published_mssd_marginals,
};

fn data(folder: &str) -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")).join(folder);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("SKIPPED: no real data at {}", path.display());
    None
}

fn assert_figure(marginals: &Marginals, marginal: Marginal, name: &str, expected: f64) {
    let figures = marginals.figures(marginal);
    let found = figures.iter().find(|figure| figure.0 == name).unwrap().1;
    assert!((found - expected).abs() < 1e-5, "{name}: {found}, expected {expected}");
}

/// Computed by another program:
/// ```python
/// def rows(name): return [line.split() for line in open(name) if line.strip()]
/// tracks = sorted(((int(plays), int(count)) for plays, count in rows("track_counts.txt")), reverse=True)
/// plays = np.repeat(*np.array(tracks).T); n = len(plays)  # 3,604,454
/// [plays[:int(n * s)].sum() / plays.sum() for s in (.01, .1, .5)]  # [.768207, .952093, .996260]
/// skips = [(float(share), int(count)) for share, count in rows("track_skips.txt")]
/// sum(s * c for s, c in skips) / sum(c for _, c in skips)  # 49.690685
/// ends = {reason: int(count) for reason, count in rows("reason_end.txt")}
/// ends["trackdone"] / sum(ends.values())  # .343704
/// lengths = [(int(plays), int(count)) for plays, count in rows("session_lengths.txt")]
/// sum(p * c for p, c in lengths) / sum(c for _, c in lengths)  # 16.582559
/// ```
#[test]
fn published_counts_are_those_of_an_independent_program() {
    let Some(folder) = data("mssd-marginals") else { return };
    let found = published_mssd_marginals(folder).unwrap();
    assert_figure(&found, Marginal::Popularity, "top 1 % of tracks", 0.768207);
    assert_figure(&found, Marginal::Popularity, "top 10 %", 0.952093);
    assert_figure(&found, Marginal::Popularity, "top 50 %", 0.996260);
    assert_figure(&found, Marginal::TrackSkips, "left before threshold", 0.4969068);
    assert_figure(&found, Marginal::Responses, "complete", 0.343704);
    assert_figure(&found, Marginal::SessionLengths, "mean plays", 16.582559);
}

/// What `sim inspect` counts by other code.
#[test]
fn marginals_of_exports_agree_with_their_description() {
    let Some(exports) = data("spotify-extended") else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("d");
    import_spotify_extended(&[exports], &out, &ImportOptions::default(), &Silent).unwrap();
    let dataset = Dataset::open(&out).unwrap();
    let summary = inspect(&dataset, &Silent).unwrap();
    let found = measure_marginals(&dataset, MarginalProtocol::default(), &Silent).unwrap();
    assert_figure(&found, Marginal::SkipPairs, "after a skip", summary.skip_streaks.after_skip.unwrap());
    assert_figure(&found, Marginal::SkipPairs, "after no skip", summary.skip_streaks.after_no_skip.unwrap());
    assert_figure(&found, Marginal::SessionLengths, "median", summary.plays_per_session.median as f64);
    let past = summary.responses.past_threshold.share.unwrap();
    assert_figure(&found, Marginal::PastThreshold, "past threshold", past);
    for (name, position) in [("at 1st play", 0), ("at 2nd", 1), ("at 20th", 19)] {
        let expected = summary.by_position[position].responses.skip.share.unwrap();
        assert_figure(&found, Marginal::SkipByPosition, name, expected);
    }
    assert_figure(&found, Marginal::Popularity, "top 50 %", summary.popularity.top_shares[2].plays);
}
