//! Import of the #nowplaying sessions, where they lie beside the workspace (`../shared/data`); skipped loudly elsewhere.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::PathBuf;

use listening_data::{Dataset, ImportOptions, SessionsOptions, Silent, import_sessions};

/// The totals were computed by this script:
///
/// ```python
/// from collections import Counter
/// folder = "../shared/data/nowplaying/"
/// lines = [line.split() for file in ("test", "train") for line in open(f"{folder}{file}_sessions.txt")]
/// plays = Counter(item for line in lines for item in line)
/// print(len(lines), plays.total(), len(plays), max(map(len, lines)), plays.most_common(2), lines[0][:3])
/// ```
#[test]
fn totals_are_those_of_python() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/nowplaying"));
    if !folder.is_dir() {
        eprintln!("SKIPPED: no #nowplaying sessions at {}", folder.display());
        return;
    }
    let temporary = tempfile::tempdir().unwrap();
    let out = temporary.path().join("nowplaying");
    let options = ImportOptions::default();
    let report = import_sessions(&[folder], &out, &options, &SessionsOptions::default(), &Silent).unwrap();
    let manifest = &report.manifest;
    assert_eq!((manifest.sessions, manifest.users), (142_556, 142_556));
    assert_eq!((manifest.plays, manifest.tracks), (1_057_684, 60_416));
    assert_eq!((report.counts.rows_read, report.counts.rows_kept, report.counts.files), (1_057_684, 1_057_684, 2));
    assert_eq!(manifest.responses.complete.missing, 1.0);

    let dataset = Dataset::open(&out).unwrap();
    let catalog = dataset.catalog().unwrap();
    let mut plays = vec![0; catalog.len()];
    let mut longest = 0;
    for (number, logged) in dataset.sessions().unwrap().enumerate() {
        let session = logged.unwrap().session;
        longest = longest.max(session.plays.len());
        session.plays.iter().for_each(|play| plays[play.track as usize] += 1);
        assert_eq!((session.user as usize, session.context), (number, Default::default()));
    }
    assert_eq!(longest, 30);
    let plays_of = |id: &str| plays[catalog.iter().position(|track| track.id == id).unwrap()];
    assert_eq!((plays_of("8491"), plays_of("4423")), (2628, 1411));
    // The folder's files come in order of name: the test sessions first.
    assert_eq!(catalog[..3].iter().map(|track| track.id.as_str()).collect::<Vec<_>>(), ["58991", "42356", "33620"]);
}
