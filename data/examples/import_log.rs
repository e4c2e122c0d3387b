//! Imports a log, for measurements of speed and memory: `import_log FORMAT INPUT OUT`, with FORMAT `mssd` or `yambda`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use listening_data::{ImportOptions, Silent, import_mssd, import_yambda};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [format, input, out] = &arguments[..] else {
        eprintln!("usage: import_log FORMAT INPUT OUT");
        return ExitCode::from(2);
    };
    let (inputs, out, options) = ([PathBuf::from(input)], PathBuf::from(out), ImportOptions::default());
    let begin = Instant::now();
    let result = match format.as_str() {
        "mssd" => import_mssd(&inputs, &out, &options, &Silent),
        "yambda" => import_yambda(&inputs, &out, &options, &Silent),
        _ => {
            eprintln!("unknown format {format}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(report) => {
            let (rows, seconds) = (report.counts.rows_read, begin.elapsed().as_secs_f64());
            println!("rows {rows} seconds {seconds:.3} rows_per_s {:.0}", rows as f64 / seconds);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
