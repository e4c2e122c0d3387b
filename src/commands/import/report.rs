//! What an import prints.

use std::path::Path;

use listening_data::{Content, ImportReport, ResponseShares};

use crate::tables::{Columns, count, optional_share, section, share};

/// What became of the rows, what the dataset holds, and what to do next.
pub fn describe(report: &ImportReport, out: &Path) -> String {
    let mut text = section("Rows", rows(report));
    text += &section("Dataset", contents(report));
    if report.manifest.content == Content::Sessions {
        text += &section("Responses", responses(&report.manifest.responses));
    }
    let remarks: Vec<_> = report.counts.remarks.iter().filter(|remark| remark.count > 0).collect();
    if !remarks.is_empty() {
        let mut table = Columns::new(["", "count"]);
        remarks.iter().for_each(|remark| table.add([remark.what.clone(), count(remark.count)]));
        text += &section("Worth knowing", table);
    }
    let path = out.display();
    text + &format!("The dataset lies in {path}. Look at it: sim inspect {path}\n")
}

fn rows(report: &ImportReport) -> Columns {
    let counts = &report.counts;
    let mut table = Columns::new(["", "rows", "share"]);
    let mut add = |name: &str, rows: u64| {
        table.add([name.to_owned(), count(rows), share(rows as f64 / counts.rows_read.max(1) as f64)]);
    };
    let files = if counts.files == 1 { "file" } else { "files" };
    add(&format!("read from {} {files}", count(counts.files)), counts.rows_read);
    add("kept", counts.rows_kept);
    for dropped in counts.dropped.iter().filter(|dropped| dropped.rows > 0) {
        add(&format!("dropped: {}", dropped.reason), dropped.rows);
    }
    if counts.rows_bad > 0 {
        add("dropped: bad row", counts.rows_bad);
    }
    table
}

fn contents(report: &ImportReport) -> Columns {
    let (counts, manifest) = (&report.counts, &report.manifest);
    let mut table = Columns::new(["", "count"]);
    let mut add = |name: &str, value: u64| table.add([name.to_owned(), count(value)]);
    let playlists = manifest.content == Content::Playlists;
    if !playlists {
        add("users", manifest.users);
    }
    add("tracks", manifest.tracks);
    add("  duration given", counts.durations_given);
    add("  duration estimated", counts.durations_estimated);
    add("  duration unknown", counts.durations_unknown);
    add("  with audio features", counts.audio_features);
    add(if playlists { "playlists" } else { "sessions" }, manifest.sessions);
    if manifest.pools > 0 {
        add("  with a candidate pool", manifest.pools);
    }
    add(if playlists { "places in playlists" } else { "plays" }, manifest.plays);
    if manifest.feedback > 0 {
        add("likes, dislikes and the like", manifest.feedback);
    }
    table
}

fn responses(shares: &ResponseShares) -> Columns {
    let mut table = Columns::new(["", "share of plays", "not known"]);
    let named = [("complete", shares.complete), ("skipped", shares.skip), ("past threshold", shares.past_threshold)];
    for (name, response) in named {
        table.add([name.to_owned(), optional_share(response.share), share(response.missing)]);
    }
    table
}
