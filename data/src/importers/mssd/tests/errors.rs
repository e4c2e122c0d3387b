//! Every error names the file, the row and the field, and says what to do; lenient import counts instead.

use super::*;
use crate::importers::test_bench::assert_all;

#[test]
fn a_wrong_cell_of_a_log_is_named_with_file_row_and_field() {
    let mut bench = Bench::new();
    let bad = row(BEA, 1, 2, "x", SKIPPED, NOON);
    for (from, to, parts) in [
        (BEA, "", &["field `session_id`", "1 to 48 bytes", "\"\""][..]),
        (BEA, &"b".repeat(49), &["field `session_id`", "bbb"]),
        (",1,2,", ",0,2,", &["field `session_position`", "from 1 to 2", "\"0\""]),
        (",1,2,", ",3,2,", &["field `session_position`", "from 1 to 2", "\"3\""]),
        (",1,2,", ",1,x,", &["field `session_length`", "from 1 to 255", "\"x\""]),
        ("t_x", "", &["field `track_id_clean`", "1 to 255 bytes"]),
        ("false,true,true,false", "no,true,true,false", &["field `skip_1`", "true or false", "\"no\""]),
        ("false,true,true,false", "false,,true,false", &["field `skip_2`", "\"\""]),
        ("false,true,true,false", "false,true,TRUTH,false", &["field `skip_3`"]),
        ("false,true,true,false", "false,true,true,2", &["field `not_skipped`"]),
        (",0,true,12", ",0,on,12", &["field `hist_user_behavior_is_shuffle`", "\"on\""]),
        ("12,2018", "24,2018", &["field `hour_of_day`", "from 0 to 23", "\"24\""]),
        ("2018-07-15", "15.7.2018", &["field `date`", "2018-07-15 or 7/15/18", "\"15.7.2018\""]),
        ("2018-07-15", "2018-02-29", &["field `date`"]),
        ("15,true,user", "15,yes,user", &["field `premium`"]),
        (",trackdone", "", &["field `(whole line)`", "21 cells", "found 20"]),
    ] {
        let text = format!("{LOG}{}{}{}", session(ANN, &["y"]), bad.replacen(from, to, 1), session("0_c", &["z"]));
        let path = bench.write("log_0.csv", &text);
        bench.options.lenient = false;
        let error = failure(&bench, std::slice::from_ref(&path));
        assert_all(&error, parts);
        assert_all(&error, &["log_0.csv", "row 2", "--lenient"]);
        bench.options.lenient = true;
        let counts = import(&bench, &[path]).unwrap().report.counts;
        assert_eq!((counts.rows_read, counts.rows_bad, counts.rows_kept), (3, 1, 2));
    }
}

#[test]
fn the_row_is_that_of_the_file_whatever_the_block() {
    let bench = Bench::new();
    let rows: String = (0..50).map(|number| session(&format!("0_{number}"), &["x"])).collect();
    let path = bench.write("log_0.csv", format!("{LOG}{rows}{}", session(ANN, &["x"]).replace("true", "yes")));
    assert_all(&message(import_in_blocks(&bench, &[path], 300)), &["row 51"]);
}

#[test]
fn text_that_is_not_utf8_is_named() {
    let bench = Bench::new();
    let mut text = format!("{LOG}{}", session(ANN, &["x"])).into_bytes();
    let place = text.windows(3).rposition(|window| window == b"t_x").unwrap();
    text[place] = 0xE9;
    assert_all(&failure(&bench, &[bench.write("log_0.csv", &text)]), &["row 1", "track_id_clean", "UTF-8"]);
}

#[test]
fn a_wrong_cell_of_the_features_is_named_with_file_row_and_field() {
    let mut bench = Bench::new();
    let log = bench.write("log_0.csv", format!("{LOG}{}", session(ANN, &["x"])));
    for (from, to, parts) in [
        ("t_x", "", &["field `track_id`"][..]),
        ("200.5", "long", &["field `duration`", "a number", "\"long\""]),
        ("200.5", "-1", &["field `duration`", "seconds from 0 to 2147483.647"]),
        ("2012", "20120", &["field `release_year`", "a year from 0 to 9999"]),
        ("7.5,0.5", "7.5,NaN", &["field `energy`", "NaN"]),
        ("120.5", "1e39", &["field `tempo`", "single precision"]),
        ("0.7\n", "0.7x\n", &["field `acoustic_vector_7`"]),
        (",major", "", &["field `(whole line)`", "30 cells", "found 29"]),
    ] {
        let row = features("x", "200.5", "2012");
        let text = format!("{FEATURES}{}{}", features("y", "1", "2"), row.replacen(from, to, 1));
        let inputs = [log.clone(), bench.write("tf_0.csv", text)];
        bench.options.lenient = false;
        assert_all(&failure(&bench, &inputs), parts);
        assert_all(&failure(&bench, &inputs), &["tf_0.csv", "row 2"]);
        bench.options.lenient = true;
        assert_eq!(import(&bench, &inputs).unwrap().remark("bad rows of track features"), 1);
    }
}

#[test]
fn a_missing_column_is_named_with_the_nearest_one_present() {
    let bench = Bench::new();
    for (header, from, to, parts) in [
        (LOG, "not_skipped", "not_skiped", &["no column `not_skipped`", "nearest is `not_skiped`"][..]),
        (LOG, "session_length", "length", &["no column `session_length`", "log_*.csv"]),
        (LOG, "track_id_clean", "track", &["no column `track_id_clean`"]),
        (LOG, "hist_user_behavior_is_shuffle", "is_shuffle", &["nearest is"]),
        (INPUT, "session_id", "id", &["no column `session_id`"]),
        (FEATURES, "valence", "valance", &["no column `valence`", "nearest is `valance`"]),
        (FEATURES, "acoustic_vector_7", "x", &["no column `acoustic_vector_7`", "nearest is `acoustic_vector_0`"]),
    ] {
        let text = header.replacen(from, to, 1);
        assert_all(&failure(&bench, &[bench.write("log_0.csv", text)]), parts);
    }
    let headless = bench.write("log_0.csv", session(ANN, &["x"]));
    assert_all(&failure(&bench, &[headless]), &["no column `track_id`", "with its header line"]);
    assert_all(&failure(&bench, &[bench.write("log_0.csv", "")]), &["log_0.csv", "is empty"]);
}

#[test]
fn inputs_without_plays_are_refused() {
    let bench = Bench::new();
    let only_features = bench.write("tf_0.csv", format!("{FEATURES}{}", features("x", "1", "2")));
    assert_all(&failure(&bench, &[only_features]), &["holds no plays (0 rows read)", "log_*.csv"]);
    let only_second_half = bench.write("log_input_0.csv", format!("{INPUT}{ANN},2,2,t_x\n"));
    assert_all(&failure(&bench, &[only_second_half]), &["holds no plays (1 rows read)"]);
    bench.write("folder/sessions.txt", "");
    assert_all(&failure(&bench, &[bench.path("folder")]), &["no file of this format", "log_*.csv"]);
    assert_all(&failure(&bench, &[bench.path("nowhere")]), &["nowhere"]);
    assert_all(&failure(&bench, &[]), &["none given"]);
    fs::create_dir(bench.path("out")).unwrap();
    let log = bench.write("log_0.csv", format!("{LOG}{}", session(ANN, &["x"])));
    let error = import_mssd(&[log], &bench.path("out"), &bench.options, &Silent).unwrap_err().to_string();
    assert_all(&error, &["exists already"]);
}
