//! Writes synthetic listeners as the Music Streaming Sessions Dataset. Usage: `write_mssd OUT LISTENERS TRACKS`.

use std::path::Path;

use listening_data::{SessionRules, Silent, SyntheticConfig, SyntheticFormat, synthesize_log};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [out, listeners, tracks] = arguments.as_slice() else {
        return Err("usage: write_mssd OUT LISTENERS TRACKS".into());
    };
    let mut config = SyntheticConfig::default();
    config.size.users = listeners.parse()?;
    config.catalog.tracks = tracks.parse()?;
    config.catalog.artists = (config.catalog.tracks / 6).max(1);
    let log = synthesize_log(SyntheticFormat::Mssd, &config, &SessionRules::default(), 1, Path::new(out), &Silent)?;
    println!("{log:?}");
    Ok(())
}
