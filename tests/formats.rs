//! Every format: written by `synthesize --format`, read by `import`, described by `inspect`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::Path;

use serde_json::Value;
use support::sim;
use tempfile::tempdir;

const SMALL: &str = "--set data.synthetic.size.users=12 --set data.synthetic.size.days=20 --seed 3";

/// Writes the synthetic log in a format and imports it; the summary of `inspect`.
fn round_trip(folder: &Path, format: &str, options: &str) -> Value {
    sim(folder, &format!("synthesize --format {format} --out log-{format} {SMALL}")).expect(0);
    let import = format!("import {format} log-{format} --out data-{format} {options}");
    sim(folder, &import).expect(0).prints(&["Rows", "kept", &format!("sim inspect data-{format}")]);
    let description = sim(folder, &format!("inspect data-{format} --json")).expect(0);
    serde_json::from_str(&description.out).unwrap()
}

#[test]
fn what_a_format_can_carry_comes_back() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    sim(folder, &format!("synthesize --out direct {SMALL}")).expect(0);
    let direct: Value = serde_json::from_str(&sim(folder, "inspect direct --json").expect(0).out).unwrap();
    let (plays, users) = (&direct["summary"]["plays"], &direct["summary"]["users"]);
    for format in ["spotify-extended", "spotify-account", "yambda", "lastfm-1k", "sessions"] {
        let summary = &round_trip(folder, format, "")["summary"];
        if format == "spotify-account" {
            // Ends are told to the minute: a track skipped twice at once, after the same time, looks like a row sent twice.
            let (found, written) = (summary["plays"].as_u64().unwrap(), plays.as_u64().unwrap());
            assert!(found <= written && written - found <= written / 500, "{format}: {found} of {written}");
        } else {
            assert_eq!(&summary["plays"], plays, "{format}");
        }
        if format != "sessions" {
            assert_eq!(&summary["users"], users, "{format}");
        }
    }
    let generic = &round_trip(folder, "generic", "--mapping log-generic/mapping.toml")["summary"];
    assert_eq!((&generic["plays"], &generic["users"]), (plays, users));
    // MSSD cuts histories into its own sessions; a playlist holds each track once.
    assert!(round_trip(folder, "mssd", "")["summary"]["plays"].as_u64() > Some(0));
    assert!(round_trip(folder, "mpd", "")["summary"]["plays"].as_u64() > Some(0));
    let refused = sim(folder, "train-agent --set data.source=dataset --set data.paths=[\"data-mpd\"]");
    refused.expect(2).says(&["data-mpd", "playlists", "embeddings.playlists"]);
}

#[test]
fn an_input_of_another_kind_is_refused_by_name() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("notes.txt"), "these are,\nno plays\n").unwrap();
    for import in
        ["mssd notes.txt", "yambda notes.txt", "lastfm-1k notes.txt", "mpd notes.txt", "spotify-account notes.txt"]
    {
        sim(folder, &format!("import {import} --out data")).expect(1).says(&["notes.txt"]);
        assert!(!folder.join("data").exists() && !folder.join("data.partial").exists(), "{import}");
    }
    std::fs::write(folder.join("mapping.toml"), "[columns]\nuser = \"u\"\ntrak = \"t\"\n").unwrap();
    let refused = sim(folder, "import generic notes.txt --mapping mapping.toml --out data").expect(1);
    refused.says(&["mapping.toml", "trak", "track"]);
}
