//! `sim train-agent`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use listening_data::{Progress, write_atomically};
use listening_models::{device_name, find_device};
use playlist_agents::{Simulation, Trainer, TrainerSetup, TrainerStop, TrainingMetrics};

use crate::config::{Config, RunArguments};
use crate::failure::UsageError;
use crate::interrupt::{self, Interrupted};
use crate::output;
use crate::pipeline::{TrainedReturns, Upstream, run_fingerprint, threads};
use crate::tables::{Columns, Pairs, count, duration, estimate};

/// Train an Action-Head DQN in a simulated world
///
/// Makes what is missing on the way (dataset, track embeddings, features, user-response model; kept under artifacts/
/// and reused while their settings stay the same), then trains the agent. The run's folder runs/NAME gets the
/// effective config.toml, metrics.json, TensorBoard events, checkpoints and the trained agent. Ctrl-C stops with a
/// checkpoint; --resume goes on from the newest whole one and gives the very run that was never interrupted.
#[derive(Args)]
#[command(after_help = "Example:
  sim train-agent --config configs/demo.toml
  sim train-agent --config configs/spotify.toml --name mine --set data.paths='[\"my_spotify_data.zip\"]'
  sim train-agent --resume --name mine")]
pub struct Options {
    #[command(flatten)]
    run: RunArguments,
    /// Go on with the run from its newest whole checkpoint; without --config, with the run's own config.toml
    #[arg(long)]
    resume: bool,
    /// Throw away what the run's folder holds and begin anew
    #[arg(long, conflicts_with = "resume")]
    overwrite: bool,
}

/// Trains, and says where the results lie.
pub fn run(options: &Options, progress: &dyn Progress) -> anyhow::Result<()> {
    let config = if options.resume { options.run.load_resumed()? } else { options.run.load()? };
    let folder = config.runs.join(&config.name);
    eprintln!("device: {}, threads: {}", device_name(find_device(&config.device)?), threads(&config));
    let upstream = Upstream::open(&config, progress)?;
    let fingerprint = run_fingerprint(&config, &upstream.fingerprint())?;
    match state_of(&folder, &fingerprint)? {
        _ if options.overwrite => remove_run(&folder)?,
        RunState::Absent => {}
        RunState::Finished => {
            let path = folder.display();
            return output::print(&format!(
                "The run in {path} has finished with this config already: nothing to do. --overwrite trains it anew.\n\n{}",
                summary(&upstream, &metrics(&folder)?, &folder)
            ));
        }
        RunState::Unfinished if options.resume => {}
        RunState::Unfinished => {
            let (path, name) = (folder.display(), &config.name);
            return Err(UsageError(format!(
                "{path} holds an unfinished run of this config; go on with `sim train-agent --resume --name {name}`, \
                 or begin anew with --overwrite"
            ))
            .into());
        }
        RunState::Other => {
            return Err(UsageError(format!(
                "{} holds a run of another config; choose another --name, or replace it with --overwrite",
                folder.display()
            ))
            .into());
        }
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let config_text = config.to_toml()?;
    write_atomically(folder.join("config.toml"), config_text.as_bytes())?;
    write_atomically(folder.join("fingerprint"), fingerprint.as_bytes())?;
    let evaluation = Simulation {
        world: upstream.held_out_world(&config)?,
        listeners: upstream.listeners(),
        sessions: config.train.evaluate_sessions,
        threads: threads(&config),
    };
    let mut trainer = Trainer::new(TrainerSetup {
        world: upstream.training_world(&config)?,
        listeners: upstream.listeners(),
        greedy: upstream.contextual.shallow_clone(),
        evaluation,
        agent: config.agent.clone(),
        train: config.train.clone(),
        seed: config.seed,
        device: upstream.logs.device,
        threads: threads(&config),
        folder: folder.clone(),
        config_text,
        fingerprint,
    })?;
    if options.resume {
        let (resumed_at, warnings) = trainer.resume()?;
        warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
        match resumed_at {
            Some(steps) => eprintln!("resuming after {} tracks", count(steps)),
            None => eprintln!("no whole checkpoint to resume from: starting at the beginning"),
        }
    }
    let stop = interrupt::stop_flag();
    if trainer.run(stop, progress)? == TrainerStop::Interrupted {
        let name = &config.name;
        let kept = format!(
            "a checkpoint is kept in {}; go on with `sim train-agent --resume --name {name}`",
            folder.display()
        );
        return Err(Interrupted(kept).into());
    }
    trainer.write_results()?;
    output::print(&summary(&upstream, trainer.metrics(), &folder))
}

enum RunState {
    Absent,
    Unfinished,
    Finished,
    Other,
}

fn state_of(folder: &Path, fingerprint: &str) -> anyhow::Result<RunState> {
    let path = folder.join("fingerprint");
    Ok(match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => RunState::Absent,
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        Ok(found) if found != fingerprint => RunState::Other,
        Ok(_) if folder.join("metrics.json").exists() => RunState::Finished,
        Ok(_) => RunState::Unfinished,
    })
}

/// Removes what a run consists of, and nothing else that lies in its folder.
fn remove_run(folder: &Path) -> anyhow::Result<()> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let removed = match name.as_str() {
            "checkpoints" | "evaluation" | "evaluation-independent" | "evaluation-oracle" | "evaluation-logged" => {
                std::fs::remove_dir_all(&path)
            }
            "config.toml" | "fingerprint" | "metrics.json" | "agent.safetensors" => std::fs::remove_file(&path),
            _ if name.starts_with("events.out.tfevents.") => std::fs::remove_file(&path),
            _ => Ok(()),
        };
        removed.with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

fn metrics(folder: &Path) -> anyhow::Result<TrainingMetrics> {
    let path = folder.join("metrics.json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

fn summary(upstream: &Upstream, metrics: &TrainingMetrics, folder: &Path) -> String {
    let mut stages = Columns::new(["stage", "made in", "folder"]);
    for note in &upstream.notes {
        let made_in = note.made_in.map_or_else(|| "reused".to_owned(), duration);
        stages.add([note.stage.to_owned(), made_in, note.folder.display().to_string()]);
    }
    let mut heads =
        Columns::new(["user-response model", "log loss", "constant", "rates", "AUC", "calibration error", "base rate"]);
    for head in &upstream.user_model.report.test.heads {
        let four = |value: f64| format!("{value:.4}");
        heads.add([
            head.head.clone(),
            four(head.model.log_loss),
            four(head.constant_log_loss),
            four(head.rates_log_loss),
            format!("{:.3}", head.model.auc),
            four(head.model.calibration_error),
            format!("{:.3}", head.model.base_rate),
        ]);
    }
    if let Some(TrainedReturns { report, .. }) = &upstream.returns {
        let four = |value: f64| format!("{value:.4}");
        heads.add([
            format!("returns within {} h", report.hours),
            four(report.test.log_loss),
            four(report.constant_log_loss),
            "-".to_owned(),
            format!("{:.3}", report.test.auc),
            four(report.test.calibration_error),
            format!("{:.3}", report.test.base_rate),
        ]);
    }
    let mut agent = Pairs::new();
    agent.add("tracks played", count(metrics.env_steps));
    agent.add("sessions", count(metrics.sessions));
    agent.add("gradient steps", count(metrics.gradient_steps));
    if let Some(last) = metrics.evaluations.last() {
        agent.add("held-out return, agent", estimate(&last.total_reward));
    }
    for (name, reference) in &metrics.references {
        agent.add(&format!("held-out return, {name}"), estimate(reference));
    }
    let path = folder.display();
    format!(
        "{stages}\n\n{heads}\nlog losses on the test sessions; constant and rates are the baselines\n\n{agent}\n\n\
         The run lies in {path}.\nCompare policies:  sim evaluate-policy --run {path}\nSee the curves:    tensorboard --logdir {path}"
    )
}

/// The folder of the run that a command names, and its config.
pub fn open_run(folder: &Path) -> anyhow::Result<(PathBuf, Config)> {
    let path = folder.join("config.toml");
    if !path.exists() {
        let problem = format!(
            "{}: not a run (it has no config.toml); pass a folder that `sim train-agent` made",
            folder.display()
        );
        return Err(UsageError(problem).into());
    }
    let config = Config::load(Some(&path), &[])?;
    config.validate()?;
    Ok((folder.to_owned(), config))
}

/// Says where the networks run, makes what is missing upstream of a run, and refuses it where that has changed since it was
/// trained with the config `trained`.
pub fn open_upstream(
    folder: &Path,
    trained: &Config,
    config: &Config,
    progress: &dyn Progress,
) -> anyhow::Result<Upstream> {
    config.validate()?;
    eprintln!("device: {}, threads: {}", device_name(find_device(&config.device)?), threads(config));
    let upstream = Upstream::open(config, progress)?;
    check_unchanged(folder, trained, &upstream)?;
    Ok(upstream)
}

/// Refuses a run whose data or models have changed since it was trained: its agent would be measured in another world.
pub fn check_unchanged(folder: &Path, config: &Config, upstream: &Upstream) -> anyhow::Result<()> {
    match state_of(folder, &run_fingerprint(config, &upstream.fingerprint())?)? {
        RunState::Finished | RunState::Unfinished => Ok(()),
        RunState::Absent | RunState::Other => {
            let path = folder.display();
            let problem = format!(
                "{path}: the config or the listening data have changed since this agent was trained; train it again"
            );
            Err(UsageError(problem).into())
        }
    }
}

/// The trained agent's file in a run's folder.
pub fn agent_file(folder: &Path) -> anyhow::Result<PathBuf> {
    let path = folder.join("agent.safetensors");
    if path.exists() {
        return Ok(path);
    }
    let problem = format!(
        "{}: the agent is not trained yet; finish the run with `sim train-agent --resume --name {}`",
        folder.display(),
        folder.file_name().unwrap_or_default().to_string_lossy()
    );
    Err(UsageError(problem).into())
}
