//! Import of real exports, where they lie beside the workspace (`../shared/data`); skipped loudly elsewhere.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::PathBuf;

use listening_data::{
    Dataset, Device, ImportOptions, ImportReport, ResponseShare, Silent, SpotifyAccountOptions, import_spotify_account,
    import_spotify_extended, inspect,
};

fn data() -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"));
    if path.join("spotify-extended").is_dir() {
        return Some(path);
    }
    eprintln!("SKIPPED: no real exports at {}", path.display());
    None
}

/// How many plays gave a response, and of how many it is missing.
fn counts(share: ResponseShare, plays: u64) -> (u64, u64) {
    let missing = (share.missing * plays as f64).round();
    ((share.share.unwrap_or(0.0) * (plays as f64 - missing)).round() as u64, missing as u64)
}

fn dropped(report: &ImportReport, reason: &str) -> u64 {
    report.counts.dropped.iter().find(|dropped| dropped.reason == reason).unwrap().rows
}

fn remark(report: &ImportReport, what: &str) -> u64 {
    report.counts.remarks.iter().find(|remark| remark.what == what).unwrap().count
}

/// The totals were computed by another program from the same rules:
/// `python3 data/tests/check_spotify_extended.py ../shared/data/spotify-extended/listener-0*.zip`.
#[test]
fn totals_are_those_of_an_independent_program() {
    let Some(data) = data() else { return };
    let folder = tempfile::tempdir().unwrap();
    // read, late, again, silent, kept, repaired, restarts, tracks, estimated, sessions
    let totals = [
        [40974, 201, 15, 194, 40564, 1945, 270, 8386, 4988, 4105],
        [30218, 2422, 30, 683, 27083, 60, 204, 6844, 3732, 1568],
        [15239, 4575, 12, 7, 10645, 6265, 318, 4708, 1979, 438],
    ];
    // (given, missing) of complete, skip and past threshold
    let responses = [
        [(23664, 125), (13150, 513), (29277, 0)],
        [(15892, 159), (9829, 205), (17583, 0)],
        [(4336, 638), (4729, 1164), (6840, 0)],
    ];
    for listener in 0..3 {
        let input = data.join(format!("spotify-extended/listener-0{}.zip", listener + 1));
        let out = folder.path().join(listener.to_string());
        let report = import_spotify_extended(&[input], &out, &ImportOptions::default(), &Silent).unwrap();
        let c = &report.counts;
        let found = [
            c.rows_read,
            dropped(&report, "arrived late without its time"),
            dropped(&report, "sent again"),
            dropped(&report, "nothing played"),
            c.rows_kept,
            remark(&report, "end reason told by the next row"),
            remark(&report, "restarts of the same track"),
            report.manifest.tracks,
            c.durations_estimated,
            report.manifest.sessions,
        ];
        assert_eq!(found, totals[listener], "listener {}", listener + 1);
        let r = report.manifest.responses;
        let found = [r.complete, r.skip, r.past_threshold].map(|share| counts(share, r.plays));
        assert_eq!(found, responses[listener], "listener {}", listener + 1);
        assert!(!c.remarks.iter().any(|remark| remark.what.contains("does not know")));
    }
}

#[test]
fn a_folder_of_exports_gives_one_user_per_zip_and_a_summary() {
    let Some(data) = data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let options = ImportOptions {
        track_features: Some(data.join("track-features/audio_features.csv")),
        ..ImportOptions::default()
    };
    let out = folder.path().join("all");
    let report = import_spotify_extended(&[data.join("spotify-extended")], &out, &options, &Silent).unwrap();
    assert_eq!((report.manifest.users, report.counts.rows_read), (3, 40_974 + 30_218 + 15_239));
    assert_eq!(report.counts.audio_features, 1387);

    let dataset = Dataset::open(&out).unwrap();
    let users: Vec<String> = dataset.users().unwrap().into_iter().map(|user| user.id).collect();
    assert_eq!(users, ["listener-01", "listener-02", "listener-03"]);
    let summary = inspect(&dataset, &Silent).unwrap();
    assert_eq!((summary.sessions, summary.plays), (4105 + 1568 + 438, 40_564 + 27_083 + 10_645));
    assert_eq!((summary.first_date.as_deref(), summary.last_date.as_deref()), (Some("2013-07-16"), Some("2025-07-23")));
    assert_eq!((summary.sessions_per_user.min, summary.sessions_per_user.max), (438, 4105));
    let device = summary.by_context.iter().find(|shares| shares.part == "device").unwrap();
    assert_eq!(device.groups[0].value, Device::Phone.name());
    let (after_skip, after_no_skip) = (summary.skip_streaks.after_skip, summary.skip_streaks.after_no_skip);
    assert!(after_skip > after_no_skip, "skips come in streaks: {after_skip:?} {after_no_skip:?}");
}

/// Both kinds of exports together. The totals were computed by another program from the same rules, in `data/tests`
/// of this repository with the exports' folder for `$DATA`:
/// `python3 check_spotify_account.py totals $DATA/spotify-account/*.zip -- $DATA/spotify-extended/*.zip`.
#[test]
fn account_data_join_the_extended_exports_by_artist_and_name() {
    let Some(data) = data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (extended, out) = (folder.path().join("extended"), folder.path().join("both"));
    let options = ImportOptions::default();
    let first = import_spotify_extended(&[data.join("spotify-extended")], &extended, &options, &Silent).unwrap();
    let join = SpotifyAccountOptions { join: Some(extended.clone()) };
    let report = import_spotify_account(&[data.join("spotify-account")], &out, &options, &join, &Silent).unwrap();
    assert_eq!(report.counts.rows_read, 289_463);
    assert_eq!(report.counts.rows_kept, 282_852);
    for (reason, rows) in
        [("nothing played", 4202), ("arrived late without its time", 2402), ("sent again", 7), ("exact duplicate", 0)]
    {
        assert_eq!(dropped(&report, reason), rows, "{reason}");
    }
    for (what, count) in [
        ("tracks shared with the joined dataset", 1836),
        ("shared tracks found by normalised names", 0),
        ("shared tracks with several recordings of the name", 405),
        ("tracks not in the joined dataset", 54_633 - 1836),
        ("plays of shared tracks", 11_805),
    ] {
        assert_eq!(remark(&report, what), count, "{what}");
    }
    let manifest = &report.manifest;
    assert_eq!((manifest.users, manifest.tracks), (12, 72_235));
    assert_eq!((manifest.plays, manifest.sessions), (282_852 + 78_292, 15_006 + first.manifest.sessions));

    let (both, extended) = (Dataset::open(&out).unwrap(), Dataset::open(&extended).unwrap());
    let users: Vec<String> = both.users().unwrap().into_iter().map(|user| user.id).collect();
    assert_eq!((users[2].as_str(), users[3].as_str(), users[11].as_str()), ("listener-03", "account-01", "account-09"));
    let known = extended.catalog().unwrap();
    assert!(both.catalog().unwrap().iter().zip(&known).all(|(track, known)| track.id == known.id));
    let mut sessions = both.sessions().unwrap();
    assert!(extended.sessions().unwrap().all(|session| session.unwrap() == sessions.next().unwrap().unwrap()));
    // (given, missing) of complete, skip and past threshold; plays of tracks that were known
    let (mut responses, mut shared) = ([(0, 0); 3], 0);
    for play in sessions.flat_map(|session| session.unwrap().session.plays) {
        shared += u64::from((play.track as usize) < known.len());
        let found = [play.responses.complete, play.responses.skip, play.responses.past_threshold];
        for ((given, missing), response) in responses.iter_mut().zip(found) {
            *given += u64::from(response == Some(true));
            *missing += u64::from(response.is_none());
        }
    }
    assert_eq!(responses, [(152_875, 50_386), (64_254, 65_723), (211_029, 0)]);
    assert_eq!(shared, 11_805);
}
