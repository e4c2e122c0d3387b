//! Synthetic listeners written in a format and imported again, for the tests of each format.

use std::path::PathBuf;

use crate::synthetic::{CatalogConfig, SizeConfig, SyntheticConfig, SyntheticFormat, SyntheticWorld, synthesize_log};
use crate::{Dataset, Session, SessionRules, Silent, Track};

/// A world of few tracks, so that most are heard often.
pub(super) fn small(users: u32) -> SyntheticConfig {
    SyntheticConfig {
        size: SizeConfig { users, days: 14 },
        catalog: CatalogConfig { tracks: 200, artists: 80, ..CatalogConfig::default() },
        ..SyntheticConfig::default()
    }
}

pub(super) struct RoundTrip {
    folder: tempfile::TempDir,
    config: SyntheticConfig,
    seed: u64,
    pub(super) world: SyntheticWorld,
    /// What the listeners did; users numbered as an import does, which sees none that never listened.
    pub(super) sessions: Vec<Session>,
}

impl RoundTrip {
    pub(super) fn new(config: &SyntheticConfig, seed: u64) -> Self {
        let world = SyntheticWorld::new(config, seed).unwrap();
        let histories = (0..config.size.users).map(|user| world.history(&SessionRules::default(), user));
        let histories = histories.filter(|history| !history.is_empty()).zip(0..);
        let sessions = histories.flat_map(|(history, user)| history.into_iter().map(move |s| Session { user, ..s }));
        let sessions = sessions.collect();
        Self { folder: tempfile::tempdir().unwrap(), config: config.clone(), seed, world, sessions }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the log; answers where it lies.
    pub(super) fn write(&self, format: SyntheticFormat) -> PathBuf {
        let out = self.path("log");
        let rules = SessionRules::default();
        let log = synthesize_log(format, &self.config, &rules, self.seed, &out, &Silent).unwrap();
        let plays: usize = self.sessions.iter().map(|session| session.plays.len()).sum();
        assert_eq!((log.sessions, log.plays), (self.sessions.len() as u64, plays as u64));
        assert!(!self.path("log.partial").exists());
        let again = synthesize_log(format, &self.config, &rules, self.seed, &out, &Silent);
        assert!(again.unwrap_err().to_string().contains("exists already"));
        out
    }

    /// Sessions and catalog of the dataset `imported`.
    pub(super) fn imported(&self) -> (Vec<Session>, Vec<Track>) {
        let dataset = Dataset::open(self.path("imported")).unwrap();
        (dataset.sessions().unwrap().map(|logged| logged.unwrap().session).collect(), dataset.catalog().unwrap())
    }
}
