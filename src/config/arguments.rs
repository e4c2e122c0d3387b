//! The options by which commands take their config.

use std::path::PathBuf;

use clap::Args;

use super::{Config, Override};
use crate::failure::UsageError;

/// Options of commands that need a config.
#[derive(Args, Clone, Debug, Default)]
pub struct ConfigArguments {
    /// TOML file with settings; those it does not name keep their defaults
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Set one key, over the file; may be given several times, e.g. --set data.synthetic.size.users=300
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<Override>,
    /// Seed of every random draw (key `seed`)
    #[arg(long, value_parser = clap::value_parser!(i64).range(0..))]
    pub seed: Option<i64>,
}

impl ConfigArguments {
    /// The effective config, checked.
    pub fn load(&self) -> anyhow::Result<Config> {
        self.load_with(&[])
    }

    /// The effective config with more overrides, over all others.
    pub fn load_with(&self, more: &[Override]) -> anyhow::Result<Config> {
        let mut overrides = self.set.clone();
        overrides.extend(self.seed.map(|seed| Override::option("seed", seed)));
        overrides.extend_from_slice(more);
        let config = Config::load(self.config.as_deref(), &overrides)?;
        config.validate()?;
        Ok(config)
    }
}

/// Options of commands that make a run.
#[derive(Args, Clone, Debug, Default)]
pub struct RunArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Name of the run: its results lie in runs/NAME (key `name`)
    #[arg(long)]
    name: Option<String>,
    /// Where networks run: auto, cpu, cuda or cuda:NUMBER (key `device`)
    #[arg(long)]
    device: Option<String>,
    /// Threads; 0 for as many as there are cores (key `threads`)
    #[arg(long)]
    threads: Option<u32>,
}

impl RunArguments {
    /// The effective config of a run to go on with: without a file, the one that the run's folder holds.
    pub fn load_resumed(&self) -> anyhow::Result<Config> {
        let mut resumed = self.clone();
        if self.config.config.is_none() {
            let Config { runs, name, .. } = self.load()?;
            let run = runs.join(&name);
            if !run.join("config.toml").exists() {
                let problem = format!("there is no run in {}; name the one to resume with --name", run.display());
                return Err(UsageError(problem).into());
            }
            resumed.config.config = Some(run.join("config.toml"));
        }
        resumed.load()
    }

    /// The effective config, checked.
    pub fn load(&self) -> anyhow::Result<Config> {
        let name = self.name.as_ref().map(|name| Override::option("name", name.as_str()));
        let device = self.device.as_ref().map(|device| Override::option("device", device.as_str()));
        let threads = self.threads.map(|threads| Override::option("threads", i64::from(threads)));
        let overrides: Vec<_> = [name, device, threads].into_iter().flatten().collect();
        self.config.load_with(&overrides)
    }
}
