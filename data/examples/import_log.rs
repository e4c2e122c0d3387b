//! Imports a log and prints what became of its rows. Usage: `import_log FORMAT INPUT OUT`, with FORMAT `mssd`.

use std::path::{Path, PathBuf};

use listening_data::{ImportOptions, Silent, import_mssd};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [format, input, out] = arguments.as_slice() else { return Err("usage: import_log FORMAT INPUT OUT".into()) };
    let (inputs, options) = ([PathBuf::from(input)], ImportOptions::default());
    let report = match format.as_str() {
        "mssd" => import_mssd(&inputs, Path::new(out), &options, &Silent)?,
        other => return Err(format!("unknown format {other:?}").into()),
    };
    println!("{}", report.counts.rows_kept);
    Ok(())
}
