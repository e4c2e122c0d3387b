//! The sessions of a dataset, each with what was known before it, how it went, and whether its listener came back.

use listening_data::{CounterRng, Dataset, LoggedSession, Progress, Stream};

use super::{FEATURES, SLOW_FEATURES, SessionSummary};
use crate::Result;
use crate::features::{TrackTotals, UserHistory};
use crate::splits::{Split, TimeSplit};

/// Sessions that are drawn from a dataset at most.
const MOST_SESSIONS: f64 = 200_000.0;

/// Features and labels, one after another.
#[derive(Default)]
pub(super) struct ReturnRows {
    pub(super) features: Vec<f32>,
    pub(super) returned: Vec<bool>,
}

/// The training and the test sessions. One is left out where the log ends within the hours after it.
pub(super) fn gather(
    dataset: &Dataset,
    split: &TimeSplit,
    totals: &TrackTotals,
    artists: &[u32],
    (hours, seed): (f32, u64),
    progress: &dyn Progress,
) -> Result<[ReturnRows; 2]> {
    let sessions = dataset.manifest().sessions;
    let share = MOST_SESSIONS / sessions.max(1) as f64;
    progress.begin("returns", 2 * sessions, "sessions");
    let mut log_end = i64::MIN;
    for (number, logged) in (1..).zip(dataset.sessions()?) {
        log_end = log_end.max(logged?.session.start_ms);
        progress.advance(number);
    }
    let gap_ms = (f64::from(hours) * 3_600_000.0) as i64;
    let mut gathering = Gathering { totals, artists, gap_ms, log_end, draw: (seed, share), rows: Default::default() };
    let mut user: Vec<(LoggedSession, Split)> = Vec::new();
    let mut done = sessions;
    for item in split.sessions(dataset)? {
        let item = item?;
        if user.last().is_some_and(|(last, _)| last.session.user != item.0.session.user) {
            gathering.add_user(&user);
            user.clear();
        }
        user.push(item);
        done += 1;
        progress.advance(done);
    }
    gathering.add_user(&user);
    progress.end();
    Ok(gathering.rows)
}

struct Gathering<'a> {
    totals: &'a TrackTotals,
    artists: &'a [u32],
    gap_ms: i64,
    /// When the last session of the log began.
    log_end: i64,
    /// Seed, and share of the sessions that are taken.
    draw: (u64, f64),
    rows: [ReturnRows; 2],
}

impl Gathering<'_> {
    fn add_user(&mut self, sessions: &[(LoggedSession, Split)]) {
        let base = self.totals.base_rates();
        let mut history = UserHistory::default();
        for (place, (logged, split)) in sessions.iter().enumerate() {
            let session = &logged.session;
            let part = match split {
                Split::Train => Some(0),
                Split::Validation => None,
                Split::Test => Some(1),
            };
            let next = sessions.get(place + 1).map(|(next, _)| next.session.start_ms);
            if let (Some(part), Some(returned)) = (part, self.returned(session.plays.last(), next))
                && self.draws(logged.number)
            {
                let rows = &mut self.rows[part];
                let mut row = [0.0; FEATURES];
                history.write_slow_features(session.start_ms, &base, &mut row[..SLOW_FEATURES]);
                let mut summary = SessionSummary::default();
                for play in &session.plays {
                    let r = &play.responses;
                    summary.add([r.complete, r.skip, r.past_threshold].map(|given| given == Some(true)));
                }
                summary.write(&mut row[SLOW_FEATURES..]);
                rows.features.extend_from_slice(&row);
                rows.returned.push(returned);
            }
            history.observe(session, self.artists);
        }
    }

    /// Whether the next session begins soon enough after the last play; nothing where the log ends before that could be said
    /// of everybody: of the last sessions only those would be known whose listeners came back.
    fn returned(&self, last: Option<&listening_data::Play>, next_ms: Option<i64>) -> Option<bool> {
        let latest = last?.end_ms() + self.gap_ms;
        (latest <= self.log_end).then(|| next_ms.is_some_and(|next| next <= latest))
    }

    fn draws(&self, number: u64) -> bool {
        let (seed, share) = self.draw;
        share >= 1.0 || f64::from(CounterRng::new(seed, Stream::Sampling, number, 1).uniform()) < share
    }
}
