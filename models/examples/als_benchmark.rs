//! Implicit ALS under the command of `benches/als/compare.py`: one iteration per line of standard input.
//!
//! Arguments: a file of plays (`users`, `tracks` as u32, then `user`, `track` as u32 and `plays` as f32 for each pair,
//! little-endian), a folder with initial factors as `ImplicitAls::save` writes them, the settings as JSON, threads.
//! Commands: `iterate` prints the seconds it took, `loss` the loss, `evaluate FILE` the ranking metrics on later plays
//! as JSON, without known tracks and with them, `save FOLDER` writes the factors and prints `saved`.

use std::error::Error;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

use listening_models::track_embeddings::{
    AlsSettings, AlsTraining, ImplicitAls, Interactions, RankingSettings, evaluate_ranking,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [plays, initial, settings, threads] = arguments.as_slice() else {
        return Err("expected arguments: PLAYS INITIAL_FOLDER SETTINGS_JSON THREADS".into());
    };
    let settings: AlsSettings = serde_json::from_str(settings)?;
    let threads = threads.parse()?;
    let interactions = read_plays(plays)?;
    let mut training = AlsTraining::resume(&interactions, settings, ImplicitAls::load(Path::new(initial))?, threads)?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let answer = match line.split_once(' ').unwrap_or((&line, "")) {
            ("iterate", "") => {
                let start = Instant::now();
                training.iterate()?;
                start.elapsed().as_secs_f64().to_string()
            }
            ("loss", "") => training.loss()?.to_string(),
            ("evaluate", file) => {
                let later = read_plays(file)?;
                let evaluate = |exclude_known| {
                    let ranking = RankingSettings { exclude_known, ..RankingSettings::default() };
                    evaluate_ranking(training.model(), &interactions, &later, ranking, threads)
                };
                serde_json::to_string(&[evaluate(true)?, evaluate(false)?])?
            }
            ("save", folder) => {
                training.model().save(Path::new(folder))?;
                "saved".to_owned()
            }
            _ => return Err(format!("unknown command `{line}`").into()),
        };
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn read_plays(path: &str) -> Result<Interactions, Box<dyn Error>> {
    let bytes = std::fs::read(path)?;
    let words: Vec<u32> = bytemuck::allocation::pod_collect_to_vec(&bytes);
    let [users, tracks, rest @ ..] = words.as_slice() else {
        return Err(format!("{path} is too short").into());
    };
    let triples: Vec<_> = rest.chunks_exact(3).map(|t| (t[0], t[1], f32::from_bits(t[2]))).collect();
    Ok(Interactions::from_triples(*users as usize, *tracks as usize, &triples)?)
}
