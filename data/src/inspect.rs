//! What a dataset looks like: counts, distributions and response shares, from one pass over its sessions.
//!
//! Memory is bounded by the catalog and the users: two numbers per track, one per user.

mod distributions;

use serde::Serialize;

use self::distributions::Counts;
pub use self::distributions::{HistogramBucket, Popularity, Quantiles, RankedPlays, TopShare};
use crate::response_shares::ResponseTally;
use crate::time::date_of;
use crate::{BehaviourPolicy, Context, Dataset, Device, Progress, ResponseShares, Responses, Result, Session, Source};

/// Positions in the session that are told apart.
const POSITIONS: usize = 20;

/// What a dataset looks like; see [`inspect`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DatasetSummary {
    /// Tracks in the catalog.
    pub tracks: u64,
    /// Listeners.
    pub users: u64,
    /// Sessions.
    pub sessions: u64,
    /// Plays.
    pub plays: u64,
    /// Date of the first play, as `2014-07-27`; `None` without plays.
    pub first_date: Option<String>,
    /// Date of the last play.
    pub last_date: Option<String>,
    /// Sessions per user, over the users with at least one.
    pub sessions_per_user: Quantiles,
    /// Plays per session.
    pub plays_per_session: Quantiles,
    /// Plays per session in buckets that double in width.
    pub plays_per_session_histogram: Vec<HistogramBucket>,
    /// Response shares of all plays.
    pub responses: ResponseShares,
    /// Response shares at the first positions of the session.
    pub by_position: Vec<PositionShares>,
    /// Response shares by each part of the context.
    pub by_context: Vec<ContextShares>,
    /// Share of the plays whose track the user had played before; `None` without plays.
    pub repeat_rate: Option<f64>,
    /// How plays spread over tracks.
    pub popularity: Popularity,
    /// Whether skips come in streaks.
    pub skip_streaks: SkipStreaks,
}

/// Response shares at one position.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PositionShares {
    /// Position in the session, from 1.
    pub position: u32,
    /// Shares among the plays at that position.
    pub responses: ResponseShares,
}

/// Response shares by one part of the context.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ContextShares {
    /// The part: `hour`, `weekday`, `device`, `source`, `premium`, `shuffle` or `behaviour_policy`.
    pub part: &'static str,
    /// One group per value, in a fixed order; values without sessions are left out.
    pub groups: Vec<ContextGroup>,
}

/// The sessions with one value of a part of the context.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ContextGroup {
    /// The value; `missing` where the source does not tell.
    pub value: &'static str,
    /// Sessions with it.
    pub sessions: u64,
    /// Shares among their plays.
    pub responses: ResponseShares,
}

/// Skip shares after a skip and after none, among plays of one session that follow each other, where both responses
/// are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct SkipStreaks {
    /// P(skip | the play before was skipped).
    pub after_skip: Option<f64>,
    /// P(skip | the play before was not skipped).
    pub after_no_skip: Option<f64>,
    /// Pairs of plays that follow each other, with both responses known.
    pub pairs: u64,
}

/// Looks through a dataset.
pub fn inspect(dataset: &Dataset, progress: &dyn Progress) -> Result<DatasetSummary> {
    let manifest = dataset.manifest();
    let mut pass = Pass::new(manifest.tracks as usize, manifest.users as usize);
    progress.begin("reading sessions", manifest.sessions, "sessions");
    for logged in dataset.sessions()? {
        let logged = logged?;
        pass.add(&logged.session);
        if logged.number % 4096 == 0 {
            progress.advance(logged.number);
        }
    }
    progress.advance(manifest.sessions);
    progress.end();
    Ok(pass.summary())
}

/// The state of the pass.
struct Pass {
    sessions: u64,
    plays: u64,
    repeats: u64,
    first_ms: Option<i64>,
    last_ms: Option<i64>,
    sessions_by_user: Vec<u64>,
    plays_by_track: Vec<u64>,
    /// The last user who played each track, plus one: the sessions come user by user, so that this tells whether the
    /// present user has played it, without a set per user.
    played_by: Vec<u64>,
    lengths: Counts,
    all: ResponseTally,
    by_position: [ResponseTally; POSITIONS],
    by_context: Vec<ContextTally>,
    /// (pairs, skips) after no skip and after a skip.
    streaks: [(u64, u64); 2],
}

impl Pass {
    fn new(tracks: usize, users: usize) -> Self {
        Self {
            sessions: 0,
            plays: 0,
            repeats: 0,
            first_ms: None,
            last_ms: None,
            sessions_by_user: vec![0; users],
            plays_by_track: vec![0; tracks],
            played_by: vec![0; tracks],
            lengths: Counts::default(),
            all: ResponseTally::default(),
            by_position: [ResponseTally::default(); POSITIONS],
            by_context: CONTEXT_PARTS.iter().map(ContextTally::new).collect(),
            streaks: [(0, 0); 2],
        }
    }

    fn add(&mut self, session: &Session) {
        self.sessions += 1;
        self.plays += session.plays.len() as u64;
        self.sessions_by_user[session.user as usize] += 1;
        self.lengths.add(session.plays.len() as u64);
        let mut in_session = ResponseTally::default();
        for (position, play) in session.plays.iter().enumerate() {
            in_session.add(&play.responses);
            if let Some(tally) = self.by_position.get_mut(position) {
                tally.add(&play.responses);
            }
            let track = play.track as usize;
            self.plays_by_track[track] += 1;
            let user = u64::from(session.user) + 1;
            self.repeats += u64::from(std::mem::replace(&mut self.played_by[track], user) == user);
            self.first_ms = Some(self.first_ms.map_or(play.start_ms, |first| first.min(play.start_ms)));
            self.last_ms = Some(self.last_ms.map_or(play.start_ms, |last| last.max(play.start_ms)));
        }
        self.all.merge(&in_session);
        for tally in &mut self.by_context {
            tally.add(&session.context, &in_session);
        }
        for pair in session.plays.windows(2) {
            let [Responses { skip: Some(before), .. }, Responses { skip: Some(skip), .. }] =
                [pair[0].responses, pair[1].responses]
            else {
                continue;
            };
            let (pairs, skips) = &mut self.streaks[usize::from(before)];
            *pairs += 1;
            *skips += u64::from(skip);
        }
    }

    fn summary(self) -> DatasetSummary {
        let mut sessions_per_user = Counts::default();
        self.sessions_by_user.iter().filter(|&&sessions| sessions > 0).for_each(|&count| sessions_per_user.add(count));
        let [after_no_skip, after_skip] =
            self.streaks.map(|(pairs, skips)| (pairs > 0).then(|| skips as f64 / pairs as f64));
        let by_position = self
            .by_position
            .iter()
            .zip(1..)
            .map(|(tally, position)| PositionShares { position, responses: tally.shares() });
        DatasetSummary {
            tracks: self.plays_by_track.len() as u64,
            users: self.sessions_by_user.len() as u64,
            sessions: self.sessions,
            plays: self.plays,
            first_date: self.first_ms.map(date_of),
            last_date: self.last_ms.map(date_of),
            sessions_per_user: sessions_per_user.quantiles(),
            plays_per_session: self.lengths.quantiles(),
            plays_per_session_histogram: self.lengths.histogram(),
            responses: self.all.shares(),
            by_position: by_position.filter(|shares| shares.responses.plays > 0).collect(),
            by_context: self.by_context.into_iter().map(ContextTally::shares).collect(),
            repeat_rate: (self.plays > 0).then(|| self.repeats as f64 / self.plays as f64),
            popularity: Popularity::new(self.plays_by_track),
            skip_streaks: SkipStreaks { after_skip, after_no_skip, pairs: self.streaks.iter().map(|s| s.0).sum() },
        }
    }
}

/// A part of the context: its name, the names of its values, and which value a context has.
type ContextPart = (&'static str, fn() -> Vec<&'static str>, fn(&Context) -> Option<usize>);

/// Quarters of the day, six hours each from midnight.
const DAY: [&str; 4] = ["night 0-5", "morning 6-11", "afternoon 12-17", "evening 18-23"];
const NO_YES: [&str; 2] = ["no", "yes"];

const CONTEXT_PARTS: [ContextPart; 7] = [
    ("hour", || DAY.to_vec(), |context| context.hour.map(|hour| usize::from(hour.min(23) / 6))),
    ("weekday", || vec!["weekday", "weekend"], |context| context.weekday.map(|day| usize::from(day >= 5))),
    ("device", || Device::ALL.iter().map(|v| v.name()).collect(), |context| context.device.map(Device::code)),
    ("source", || Source::ALL.iter().map(|v| v.name()).collect(), |context| context.source.map(Source::code)),
    ("premium", || NO_YES.to_vec(), |context| context.premium.map(usize::from)),
    ("shuffle", || NO_YES.to_vec(), |context| context.shuffle.map(usize::from)),
    (
        "behaviour_policy",
        || BehaviourPolicy::ALL.iter().map(|v| v.name()).collect(),
        |context| context.behaviour_policy.map(BehaviourPolicy::code),
    ),
];

struct ContextTally {
    part: &'static str,
    value_of: fn(&Context) -> Option<usize>,
    /// Value, sessions and responses; the missing value stands last.
    values: Vec<(&'static str, u64, ResponseTally)>,
}

impl ContextTally {
    fn new((part, values, value_of): &ContextPart) -> Self {
        let values = values().into_iter().chain(["missing"]);
        Self { part, value_of: *value_of, values: values.map(|value| (value, 0, ResponseTally::default())).collect() }
    }

    fn add(&mut self, context: &Context, responses: &ResponseTally) {
        let missing = self.values.len() - 1;
        let (_, sessions, tally) = &mut self.values[(self.value_of)(context).unwrap_or(missing)];
        *sessions += 1;
        tally.merge(responses);
    }

    fn shares(self) -> ContextShares {
        let groups = self.values.into_iter().filter(|(_, sessions, _)| *sessions > 0);
        let groups = groups.map(|(value, sessions, tally)| ContextGroup { value, sessions, responses: tally.shares() });
        ContextShares { part: self.part, groups: groups.collect() }
    }
}

#[cfg(test)]
mod tests;
