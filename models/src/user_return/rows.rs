//! The sessions of a dataset, each with what was known before it, how it went, and whether its listener came back.

use listening_data::{CounterRng, Dataset, LoggedSession, Play, Progress, Stream};

use super::{SLOW_FEATURES, SessionSummary, row_of};
use crate::Result;
use crate::by_user::by_user;
use crate::features::{TrackTotals, UserHistory, response_array};

/// Sessions that are drawn from a dataset at most.
const MOST_SESSIONS: f64 = 200_000.0;

/// Features and labels, one after another.
#[derive(Default)]
pub(super) struct ReturnRows {
    pub(super) features: Vec<f32>,
    pub(super) returned: Vec<bool>,
}

/// Share of the log's time, at its end, whose sessions are held out. Ours; that of the other models' test sessions.
const HELD_OUT: f64 = 0.15;

/// The sessions of most of the log's time, and those of its end. They are parted by the calendar and not by each user's
/// sessions: the last session of a user is by its choice one after which nobody comes back. A session is left out where its part
/// ends within the hours after it.
pub(super) fn gather(
    dataset: &Dataset,
    totals: &TrackTotals,
    artists: &[u32],
    (hours, seed): (f32, u64),
    progress: &dyn Progress,
) -> Result<[ReturnRows; 2]> {
    let sessions = dataset.manifest().sessions;
    progress.begin("returns", 2 * sessions, "sessions");
    let (mut first, mut last) = (i64::MAX, i64::MIN);
    for (number, logged) in (1..).zip(dataset.sessions()?) {
        let start_ms = logged?.session.start_ms;
        (first, last) = (first.min(start_ms), last.max(start_ms));
        progress.advance(number);
    }
    let mut gathering = Gathering {
        totals,
        artists,
        gap_ms: (f64::from(hours) * 3_600_000.0) as i64,
        held_out_from: last - (HELD_OUT * last.saturating_sub(first) as f64) as i64,
        log_end: last,
        draw: (seed, MOST_SESSIONS / sessions.max(1) as f64),
        rows: Default::default(),
    };
    let mut done = sessions;
    by_user(
        dataset.sessions()?.map(|logged| Ok(logged?)),
        |logged| logged.session.user,
        |of_user| {
            done += of_user.len() as u64;
            progress.advance(done);
            gathering.add_user(of_user);
            Ok(())
        },
    )?;
    progress.end();
    Ok(gathering.rows)
}

struct Gathering<'a> {
    totals: &'a TrackTotals,
    artists: &'a [u32],
    gap_ms: i64,
    /// When the sessions that are held out begin.
    held_out_from: i64,
    /// When the last session of the log began.
    log_end: i64,
    /// Seed, and share of the sessions that are taken.
    draw: (u64, f64),
    rows: [ReturnRows; 2],
}

impl Gathering<'_> {
    fn add_user(&mut self, sessions: &[LoggedSession]) {
        let base = self.totals.base_rates();
        let mut history = UserHistory::default();
        for (place, logged) in sessions.iter().enumerate() {
            let session = &logged.session;
            let held_out = session.start_ms >= self.held_out_from;
            let part_end = if held_out { self.log_end } else { self.held_out_from };
            let next = sessions.get(place + 1).map(|next| next.session.start_ms);
            if let Some(returned) = self.returned(session.plays.last(), next, part_end)
                && self.draws(logged.number)
            {
                let rows = &mut self.rows[usize::from(held_out)];
                let mut slow = [0.0; SLOW_FEATURES];
                history.write_slow_features(session.start_ms, &base, &mut slow);
                let mut summary = SessionSummary::default();
                for play in &session.plays {
                    summary.add(response_array(&play.responses).map(|given| given == Some(true)));
                }
                rows.features.extend_from_slice(&row_of(&slow, &summary));
                rows.returned.push(returned);
            }
            history.observe(session, self.artists);
        }
    }

    /// Whether the next session begins soon enough after the last play; nothing where the part of the log ends before that could
    /// be said of everybody: of its last sessions only those would be known whose listeners came back.
    fn returned(&self, last: Option<&Play>, next_ms: Option<i64>, part_end: i64) -> Option<bool> {
        let latest = last?.end_ms() + self.gap_ms;
        (latest <= part_end).then(|| next_ms.is_some_and(|next| next <= latest))
    }

    fn draws(&self, number: u64) -> bool {
        let (seed, share) = self.draw;
        share >= 1.0 || f64::from(CounterRng::new(seed, Stream::Sampling, number, 1).uniform()) < share
    }
}
