//! Folders, archives and compressed files; cut ones; independence of the size of blocks.

use super::*;
use crate::importers::test_bench::{gzip, tar};

#[test]
fn folders_archives_and_compressed_files_give_the_same() {
    let bench = Bench::new();
    let (log, features) = valid_files();
    let plain = import(&bench, &[bench.write("a/log_0.csv", &log), bench.write("a/tf_0.csv", &features)]).unwrap();
    let counts = &plain.report.counts;
    assert_eq!((counts.files, counts.rows_read, counts.audio_features), (2, 7, 2));
    bench.write("b/training_set/log_0_20180715_000000000000.csv.gz", gzip(&log));
    bench.write("b/track_features/tf_000000000000.csv.gz", gzip(&features));
    bench.write("b/submissions/sample.csv", "0,1,1");
    bench.write("b/readme.pdf", "");
    let zst = zstd::encode_all(log.as_bytes(), 1).unwrap();
    let inner = gzip(&log);
    let both: &[(&str, &[u8])] =
        &[("data/track_features/tf_mini.csv", features.as_bytes()), ("data/training_set/log_mini.csv", log.as_bytes())];
    for inputs in [
        vec![bench.path("b")],
        vec![bench.write("c/x.zst", zst), bench.path("a/tf_0.csv")],
        vec![bench.write("d/mini.tar.gz", gzip(tar(both)))],
        vec![bench.write("e/set.tar", tar(&[("log_0.csv.gz", &inner)])), bench.path("a/tf_0.csv")],
    ] {
        let imported = import(&bench, &inputs).unwrap();
        assert_eq!(imported.report.manifest.fingerprint, plain.report.manifest.fingerprint, "{inputs:?}");
        assert_eq!(imported.report.counts, plain.report.counts);
    }
}

#[test]
fn the_size_of_blocks_changes_nothing() {
    let bench = Bench::new();
    let (log, features) = valid_files();
    let inputs = [bench.write("log_0.csv", &log), bench.write("tf_0.csv", &features)];
    let whole = import(&bench, &inputs).unwrap();
    // The header must fit into 16 blocks, at which a line is cut.
    for block_bytes in [FEATURES.len() / 16 + 1, 100, 700] {
        let imported = import_in_blocks(&bench, &inputs, block_bytes).unwrap();
        assert_eq!(imported.report.manifest.fingerprint, whole.report.manifest.fingerprint);
        assert_eq!(imported.report.counts, whole.report.counts);
    }
}

#[test]
fn a_session_that_goes_on_in_the_next_file_is_one() {
    let (first, second) = (row(ANN, 1, 2, "x", PLAYED, NOON), row(ANN, 2, 2, "y", PLAYED, NOON));
    let bench = Bench::new();
    let files = [("log_0.csv", format!("{LOG}{first}")), ("log_1.csv", format!("{LOG}{second}"))];
    let imported = import_files(&bench, &[(files[0].0, &files[0].1), (files[1].0, &files[1].1)]);
    assert_eq!(tracks(&imported), [["x", "y"]]);
}

#[test]
fn a_cut_file_is_an_error_and_lenient_import_keeps_what_stands_before_the_cut() {
    let mut bench = Bench::new();
    let rows: String = (0..3000).map(|number| session(&format!("0_{number:x}"), &[&format!("{number}")])).collect();
    let packed = gzip(format!("{LOG}{rows}"));
    let cut = bench.write("log_0.csv.gz", &packed[..packed.len() / 2]);
    let archive = gzip(tar(&[("log_0.csv", format!("{LOG}{rows}").as_bytes())]));
    let cut_archive = bench.write("set.tar.gz", &archive[..archive.len() / 2]);
    for (path, name) in [(&cut, "log_0.csv.gz"), (&cut_archive, "set.tar.gz!log_0.csv")] {
        let error = message(import_in_blocks(&bench, std::slice::from_ref(path), 10_000));
        assert!(error.contains(name) && error.contains("cut short or damaged"), "{error}");
    }
    bench.options.lenient = true;
    let imported = import_in_blocks(&bench, std::slice::from_ref(&cut), 10_000).unwrap();
    let kept = imported.report.counts.rows_kept;
    assert!((1..3000).contains(&kept), "{kept}");
    assert_eq!(imported.remark("files cut"), 1);
    // A plain file that is cut in the middle of a row.
    let text = format!("{LOG}{}", session(ANN, &["x", "y"]));
    let path = bench.write("log_1.csv", &text[..text.len() - 60]);
    assert_eq!(import(&bench, std::slice::from_ref(&path)).unwrap().report.counts.rows_bad, 1);
    bench.options.lenient = false;
    assert!(failure(&bench, &[path]).contains("row 2"));
}
