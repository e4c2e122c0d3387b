//! What every column means, every packing and error, and what must hold for any input.

use proptest::prelude::*;

use super::*;
use crate::importers::test_bench::{Bench, Imported, gzip, message, zip};
use crate::{Device, Responses, Session, Silent, Source};

const YES: Option<bool> = Some(true);
const NO: Option<bool> = Some(false);

const PLAIN: &str =
    "[columns]\nuser = \"u\"\ntrack = \"t\"\nstart = \"s\"\nseconds_played = \"p\"\n[time]\nunit = \"seconds\"\n";

fn import(bench: &Bench, mapping: &str, inputs: &[PathBuf]) -> Result<Imported> {
    let generic = GenericOptions { mapping: bench.write("mapping.toml", mapping), pools: None };
    bench.import(|out, options| super::import(inputs, out, options, &generic, &Silent, bench.run_records))
}

fn import_text(bench: &Bench, mapping: &str, log: &str) -> Imported {
    import(bench, mapping, &[bench.write("log.csv", log)]).unwrap()
}

fn failure(bench: &Bench, mapping: &str, inputs: &[PathBuf]) -> String {
    message(import(bench, mapping, inputs))
}

/// User, track and start in seconds of every play, a list per session.
fn plays(imported: &Imported) -> Vec<Vec<(&str, &str, i64)>> {
    let starts = |session: &Session| session.plays.iter().map(|play| play.start_ms / 1000).collect::<Vec<_>>();
    let sessions = imported.track_ids().into_iter().zip(&imported.sessions);
    let play = |user| move |(track, start)| (user, track, start);
    sessions
        .map(|((user, tracks), session)| tracks.into_iter().zip(starts(session)).map(play(user)).collect())
        .collect()
}

fn responses(imported: &Imported) -> Vec<(Option<bool>, Option<bool>, Option<bool>)> {
    let plays = imported.sessions.iter().flat_map(|session| &session.plays);
    let of = |Responses { complete, skip, past_threshold }| (complete, skip, past_threshold);
    plays.map(|play| of(play.responses)).collect()
}

/// The example of `docs/formats/generic.md`, which must work as it stands there.
#[test]
fn the_documented_example_works() {
    let page = include_str!("../../../../docs/formats/generic.md");
    let block = |language: &str| {
        let begin = page.find(&format!("```{language}\n")).unwrap() + language.len() + 4;
        &page[begin..begin + page[begin..].find("```").unwrap()]
    };
    let imported = import_text(&Bench::new(), block("toml"), block("csv"));
    assert_eq!(imported.users, ["ann", "bob"]);
    let track = &imported.catalog[0];
    assert_eq!(
        (track.id.as_str(), track.name.as_str(), track.artist.as_str()),
        ("t7", "Say \"Yes\", again", "The Foxes")
    );
    assert_eq!((track.duration_ms, track.duration_estimated), (Some(200_500), false));
    // date -u -d '2024-12-18 14:35:19' +%s
    assert_eq!(plays(&imported)[0], [("ann", "t7", 1_734_532_519), ("ann", "t9", 1_734_532_719)]);
    assert_eq!(plays(&imported)[1], [("bob", "t7", 1_734_537_600)]);
    assert_eq!(responses(&imported), [(YES, NO, YES), (NO, YES, NO), (NO, NO, YES)]);
    let context = imported.sessions[0].context;
    assert_eq!((context.device, context.source, context.shuffle), (Some(Device::Phone), Some(Source::Radio), YES));
    let context = imported.sessions[1].context;
    assert_eq!((context.device, context.source, context.shuffle), (None, Some(Source::Playlist), None));
    assert_eq!((context.hour, context.weekday), (Some(16), Some(2)));
}

#[test]
fn rows_in_any_order_become_sessions_by_the_gap() {
    let mut bench = Bench::new();
    bench.options.utc_offset_minutes = -1;
    let log = "t,p,u,s\na,10,x,5000\nb,10,y,100\na,10,y,60\nc,1,x,5000\nd,10,x,6211\ne,5,x,7410.25\n";
    let imported = import_text(&bench, PLAIN, log);
    let expected = [
        // Of one time: in the order of the file. The offset takes a minute off.
        vec![("x", "a", 4940), ("x", "c", 4940)],
        // 1,201 s after the end of a, and 1,189 s after that of d.
        vec![("x", "d", 6151), ("x", "e", 7350)],
        vec![("y", "a", 0), ("y", "b", 40)],
    ];
    assert_eq!(plays(&imported), expected);
    let ids: Vec<&str> = imported.catalog.iter().map(|track| track.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "c", "d", "e"], "in the order of the file");
}

#[test]
fn sessions_of_the_log_are_kept() {
    let mapping = PLAIN.replace("track =", "session = \"id\"\ntrack =");
    let log = "u,t,s,p,id\nx,a,0,1,1\nx,b,9000,1,1\nx,c,9001,1,2\ny,d,0,1,2\n";
    let imported = import_text(&Bench::new(), &mapping, log);
    let expected = [vec![("x", "a", 0), ("x", "b", 9000)], vec![("x", "c", 9001)], vec![("y", "d", 0)]];
    assert_eq!(plays(&imported), expected);
}

/// Of six sessions: one without a pool, one that another of its user cuts in two, and one whose pool names a track twice and
/// tracks that nobody played. In memory and out of it.
#[test]
fn pools_come_from_a_table_of_their_own() {
    let mapping = PLAIN.replace("track =", "session = \"id\"\npropensity = \"q\"\ntrack =");
    let log = "u,t,s,p,id,q\nx,a,0,1,one,0.5\nx,b,10,1,one,1\nx,c,20,1,cut,0.5\nx,d,30,1,two,\nx,c,40,1,cut,\ny,a,0,1,three,0.25\n";
    let table = "t,id\nd,three\nnew,three\na,three\nb,one\na,one\nc,cut\nd,cut\nz,absent\nd,three\nother,three\n";
    for run_records in [2, 1 << 20] {
        let bench = Bench::new();
        let import = |table: &str, lenient: bool| {
            let pools = Some(bench.write("pools.csv", table));
            let generic = GenericOptions { mapping: bench.write("mapping.toml", &mapping), pools };
            let inputs = [bench.write("log.csv", log)];
            bench.import(|out, options| {
                let options = ImportOptions { lenient, ..options.clone() };
                super::import(&inputs, out, &options, &generic, &Silent, run_records)
            })
        };
        let imported = import(table, false).unwrap();
        let dataset = crate::Dataset::open(bench.path("out")).unwrap();
        let ids = |track: u32| imported.catalog[track as usize].id.as_str();
        let pools: Vec<(u64, Vec<&str>)> = dataset
            .pools()
            .unwrap()
            .map(|pool| pool.unwrap())
            .map(|pool| (pool.session, pool.tracks.iter().map(|&track| ids(track)).collect()))
            .collect();
        // Sessions: one, cut, two, cut, three.
        assert_eq!(pools, [(0, vec!["a", "b"]), (4, vec!["a", "d", "new", "other"])]);
        assert_eq!((imported.report.manifest.pools, imported.catalog.len()), (2, 7));
        assert_eq!(
            (
                imported.remark("candidate pools of sessions that are not"),
                imported.remark("candidate pools of sessions in pieces")
            ),
            (1, 1)
        );
        let bad = "t,id\na,one\n,one\n";
        let error = message(import(bad, false));
        assert!(error.contains("pools.csv") && error.contains("row 2") && error.contains('t'), "{error}");
        assert_eq!(import(bad, true).unwrap().remark("bad lines of candidate pools"), 1);
        let error = message(import("track,id\na,one\n", false));
        assert!(error.contains("has no column `t`"), "{error}");
    }
    let bench = Bench::new();
    let generic =
        GenericOptions { mapping: bench.write("mapping.toml", PLAIN), pools: Some(bench.write("pools.csv", table)) };
    let inputs = [bench.write("log.csv", "u,t,s,p\nx,a,0,1\n")];
    let error = message(bench.import(|out, options| super::import(&inputs, out, options, &generic, &Silent, 10)));
    assert!(error.contains("columns.session"), "{error}");
}

#[test]
fn ends_give_starts_and_shares_give_times() {
    let mapping =
        "[columns]\nuser = \"u\"\ntrack = \"t\"\nend = \"e\"\nplayed_ratio = \"r\"\nduration_seconds = \"d\"\n";
    let log = "u,t,e,r,d\nx,a,2024-12-18T14:35:19Z,0.5,200\nx,b,2024-12-18T14:35:20Z,0.96,100\nx,c,2024-12-18T14:35:21Z,0.5,\n";
    let imported = import_text(&Bench::new(), mapping, log);
    let played: Vec<_> = imported.sessions[0].plays.iter().map(|play| play.ms_played).collect();
    assert_eq!(played, [Some(100_000), Some(96_000), None]);
    assert_eq!(plays(&imported)[0][..2], [("x", "a", 1_734_532_419), ("x", "b", 1_734_532_424)]);
    assert_eq!(responses(&imported), [(NO, None, YES), (YES, NO, YES), (None, None, None)]);
}

#[test]
fn responses_are_taken_from_the_log_and_completed_by_the_time_played() {
    let mapping = "[columns]\nuser = \"u\"\ntrack = \"t\"\nstart = \"s\"\nms_played = \"ms\"\nduration_ms = \"d\"\n\
                   complete = \"c\"\nskip = \"k\"\n[time]\nunit = \"seconds\"\n";
    let log = "u,t,s,ms,d,c,k\n\
               x,a,0,1000,100000,true,\n\
               x,a,1,1000,100000,,yes\n\
               x,a,2,95000,100000,,yes\n\
               x,b,3,1000,,,1\n\
               x,b,4,1000,,0,\n\
               x,b,5,,,,\n\
               x,a,6,,,T,\n\
               x,a,7,40000,0,f,f\n";
    let expected = [
        (YES, NO, YES),
        (NO, YES, NO),
        (YES, NO, YES), // 95 % is complete
        (NO, YES, NO),
        (NO, None, NO),
        (None, None, None),
        (YES, NO, YES), // the duration is known from other rows
        (NO, NO, YES),
    ];
    assert_eq!(responses(&import_text(&Bench::new(), mapping, log)), expected);
}

#[test]
fn words_tell_responses_too() {
    let mapping = format!(
        "{PLAIN}[values.complete]\ntrackdone = true\n\"*\" = false\n[values.skip]\nfwdbtn = true\nlogout = \"missing\"\n\"*\" = false\n"
    );
    let mapping = mapping.replace("track =", "complete = \"why\"\nskip = \"why\"\ntrack =");
    let log = "u,t,s,p,why\nx,a,0,1,trackdone\nx,a,1,1,fwdbtn\nx,a,2,1,logout\n";
    assert_eq!(responses(&import_text(&Bench::new(), &mapping, log)), [(YES, NO, NO), (NO, YES, NO), (NO, None, NO)]);
}

#[test]
fn any_packing_and_delimiter_gives_the_same() {
    let bench = Bench::new();
    let log = "u,t,s,p\nx,\"a\n\"\"1\",0,10\nx,b,20,10\n";
    let plain = import_text(&bench, PLAIN, log);
    assert_eq!(plain.catalog[0].id, "a\n\"1");
    for (name, bytes) in [
        ("a/log.csv.gz", gzip(log)),
        ("b/log.csv.zst", zstd::encode_all(log.as_bytes(), 1).unwrap()),
        ("c/log.zip", zip(&[("x/log.csv", log.as_bytes()), ("x/readme.txt", b"no")])),
        ("d/log.tsv", log.replace(',', "\t").into_bytes()),
        ("e/log.tsv.gz", gzip(log.replace(',', "\t"))),
        ("f/bom.csv", format!("\u{feff}{log}").into_bytes()),
        ("g/windows.csv", log.replace(",10\n", ",10\r\n").replace(",p\n", ",p\r\n").into_bytes()),
    ] {
        let path = bench.write(name, bytes);
        let inputs = [path.clone(), path.parent().unwrap().to_owned()];
        for input in inputs {
            let imported = import(&bench, PLAIN, &[input]).unwrap();
            assert_eq!(imported.report.manifest.fingerprint, plain.report.manifest.fingerprint, "{name}");
        }
    }
    let mapping = format!("{PLAIN}[file]\ndelimiter = \"|\"\n");
    let imported = import_text(&bench, &mapping, &log.replace(',', "|"));
    assert_eq!(imported.report.manifest.fingerprint, plain.report.manifest.fingerprint);
    let mapping = format!("{PLAIN}[file]\nquotes = false\n");
    let imported = import_text(&bench, &mapping, "u,t,s,p\nx,\"a,0,1\nx,b\",9,1\n");
    assert_eq!(plays(&imported), [[("x", "\"a", 0), ("x", "b\"", 9)]]);
}

#[test]
fn errors_name_file_row_column_and_remedy() {
    let mut bench = Bench::new();
    let good = "u,t,s,p\nx,a,0,1\nx,b,9,1\nx,c,18,1\n";
    for (from, to, parts) in [
        ("x,b,9,1", "x,b,soon,1", &["field `s`", "seconds since 1970", "\"soon\""][..]),
        ("x,b,9,1", "x,b,1e300,1", &["field `s`"]),
        ("x,b,9,1", "x,b,9,-1", &["field `p`", "a number from 0 on", "\"-1\""]),
        ("x,b,9,1", "x,b,9,nan", &["field `p`"]),
        ("x,b,9,1", ",b,9,1", &["field `u`", "some text"]),
        ("x,b,9,1", "x,b,9", &["(whole row)", "3 cells"]),
    ] {
        let path = bench.write("log.csv", good.replace(from, to));
        bench.options.lenient = false;
        let error = failure(&bench, PLAIN, std::slice::from_ref(&path));
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        assert!(error.contains("log.csv, row 2") && error.contains("--lenient"), "{error}");
        bench.options.lenient = true;
        let counts = import(&bench, PLAIN, &[path]).unwrap().report.counts;
        assert_eq!((counts.rows_read, counts.rows_bad, counts.rows_kept), (3, 1, 2));
    }
    bench.options.lenient = false;
    let mut latin = good.as_bytes().to_vec();
    latin[10] = 0xE9;
    for (name, bytes, parts) in [
        ("latin.csv", latin, &["latin.csv, row 1", "field `t`", "UTF-8 text"][..]),
        ("header.csv", b"user,t,s,p\nx,a,0,1\n".to_vec(), &["has no column `u`", "for `user`", "did you mean"]),
        ("empty.csv", Vec::new(), &["is empty"]),
        ("none.csv", b"u,t,s,p\n".to_vec(), &["holds no plays", "0 rows read"]),
        ("cut.csv.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec(), &["cut.csv.gz"]),
        ("cut.parquet", b"PAR1 and no more".to_vec(), &["cut.parquet", "no Parquet file, or damaged"]),
    ] {
        let error = failure(&bench, PLAIN, &[bench.write(name, bytes)]);
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
    let log = bench.write("log.csv", good);
    assert!(failure(&bench, "[columns]\nusr = \"u\"\n", &[log]).contains("mapping.toml: unknown field `usr`"));
    assert!(failure(&bench, PLAIN, &[bench.path("absent.csv")]).contains("absent.csv"));
    let mapping = format!("{PLAIN}[values.device]\nphone = \"phone\"\n").replace("track =", "device = \"t\"\ntrack =");
    let error = failure(&bench, &mapping, &[bench.write("log.csv", good)]);
    assert!(error.contains("field `t`") && error.contains("mapping's [values]"), "{error}");
}

#[test]
fn parquet_and_csv_give_the_same() {
    use crate::table::{ColumnValues, TableLayout, TableWriter, Values};
    let bench = Bench::new();
    let schema = "message schema { required binary u (UTF8); required int32 t; \
                  required int64 s (TIMESTAMP_MILLIS); optional int32 p; optional boolean k; }";
    let path = bench.path("log.parquet");
    let layout = TableLayout::new(schema, &[], &[], &[]).unwrap();
    let mut table = TableWriter::create(&path, layout).unwrap();
    let played = [Some(10), None, Some(30)];
    table
        .write(&[
            ColumnValues::texts(["x", "y", "x"].into_iter()),
            ColumnValues::Int(Values::required([7, 8, 9].into_iter())),
            ColumnValues::Long(Values::required([0, 5_250, 20_000].into_iter())),
            ColumnValues::Int(Values::optional(played.into_iter())),
            ColumnValues::Bool(Values::optional([Some(true), None, Some(false)].into_iter())),
        ])
        .unwrap();
    table.close().unwrap();
    let mapping = PLAIN.replace("track =", "skip = \"k\"\ntrack =");
    let parquet = import(&bench, &mapping, &[path]).unwrap();
    let csv = import_text(&bench, &mapping, "u,t,s,p,k\nx,7,0,10,1\ny,8,5.25,,\nx,9,20,30,0\n");
    assert_eq!(parquet.report.manifest.fingerprint, csv.report.manifest.fingerprint);
    assert_eq!(plays(&parquet)[0].len(), 2);
}

/// A log of `count` rows, out of order, with quotes and gaps.
fn mixed_log(count: u32) -> String {
    let mut text = "s,u,t,p\n".to_owned();
    for i in 0..count {
        let track = if i % 5 == 0 { format!("\"a,\n{}\"", i % 7) } else { format!("t{}", i % 11) };
        text += &format!("{},u{},{track},{}\n", i * 7919 % 90_000, i * i % 3, i % 400);
    }
    text
}

#[test]
fn the_same_input_gives_the_same_dataset_in_any_memory_and_blocks() {
    let mut bench = Bench::new();
    let log = bench.write("log.csv", mixed_log(2000));
    let whole = import(&bench, PLAIN, std::slice::from_ref(&log)).unwrap();
    assert_eq!(whole.report.counts.rows_kept, 2000);
    for run_records in [1, 7, 512] {
        bench.run_records = run_records;
        let spilled = import(&bench, PLAIN, std::slice::from_ref(&log)).unwrap();
        assert_eq!(spilled.report.manifest.fingerprint, whole.report.manifest.fingerprint, "{run_records}");
    }
    let mapping = Mapping::parse(PLAIN).unwrap();
    let reader = RowReader { mapping: &mapping, time_unit: mapping.time_unit, utc_offset_ms: 0 };
    let text = mixed_log(500);
    let read = |block_bytes: usize| {
        let mut ids = Vec::new();
        let format = CsvFormat { block_bytes, ..CsvFormat::new(Dialect { delimiter: b',', quotes: true }, false) };
        let take = |rows: Rows| {
            assert!(rows.bad.is_empty());
            ids.extend(rows.rows.iter().map(|(_, row)| (rows.text_of(row.track).to_owned(), row.time_ms)));
            Ok(())
        };
        csv_log::read_csv("log.csv", text.as_bytes(), format, &reader, take).unwrap();
        ids
    };
    let expected = read(1 << 20);
    assert_eq!(expected.len(), 500);
    for block_bytes in [16, 50, 333] {
        assert_eq!(read(block_bytes), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Damage to any byte, and cuts anywhere: strict import fails with a message or succeeds, lenient import counts
    /// every row; neither panics.
    #[test]
    fn damaged_files_never_panic(position in 0usize..2000, byte in any::<u8>(), cut in any::<bool>()) {
        let mut bench = Bench::new();
        let mut bytes = mixed_log(40).into_bytes();
        let position = position % bytes.len();
        if cut { bytes.truncate(position) } else { bytes[position] = byte }
        fuzz_csv(&bytes);
        let path = bench.write("log.csv", bytes);
        if let Err(error) = import(&bench, PLAIN, std::slice::from_ref(&path)) {
            let error = error.to_string();
            prop_assert!(error.contains("log.csv"), "{}", error);
        }
        bench.options.lenient = true;
        if let Ok(imported) = import(&bench, PLAIN, &[path]) {
            let counts = &imported.report.counts;
            prop_assert_eq!(counts.rows_read, counts.rows_kept + counts.rows_bad);
        }
    }

    #[test]
    fn mappings_never_panic(text in "(\\[(columns|time|values\\.skip|file)\\]\n|(user|track|start|unit|x) = (\"[a-z]{0,3}\"|true|7)\n){0,8}") {
        fuzz_mapping(text.as_bytes());
    }
}
