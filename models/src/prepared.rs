//! One pass over a dataset that writes all that training and simulation need: examples for the user-response model,
//! and session starts for the environment.
//!
//! Both are columns in files, memory-mapped when read. The pass keeps in memory the catalog's totals and vectors, and
//! the sessions and history of one user.

mod encoded_states;
mod examples;
mod recorded_sessions;
mod session_starts;
mod session_states;
mod start_builder;

pub use encoded_states::EncodedStates;
pub use examples::Examples;
pub use recorded_sessions::{RecordedCounts, RecordedPlay, RecordedSessions, prepare_recorded};
pub use session_starts::{SOURCES, SessionStarts};
pub use session_states::{MeanStates, SessionStates, StartDraw, StateAtStart};
pub use start_builder::{SessionStart, StartBuilder};

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use listening_data::{Dataset, LoggedSession, Progress, Session, write_atomically};
use serde::{Deserialize, Serialize};

use crate::by_user::by_user;
use crate::features::{Tally, TrackTotals, UserHistory, UserTimeline};
use crate::splits::{Split, TimeSplit};
use crate::{ModelError, Result};
use examples::ExamplesWriter;
use session_starts::{StartLengths, StartsWriter};

const FILE: &str = "prepared.json";

/// Settings of the preparation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PrepareSettings {
    /// About how many session starts the training world keeps, drawn evenly from the training sessions.
    pub training_starts: usize,
    /// About how many session starts are kept for evaluation, drawn evenly from the held-out sessions.
    pub held_out_starts: usize,
    /// Candidates kept per session start and pool source.
    pub candidates_per_source: usize,
}

impl Default for PrepareSettings {
    /// With 3 x 128 candidates of 17 numbers each, a start takes 26 kB: 6,000 starts take 160 MB of mapped files.
    fn default() -> Self {
        Self { training_starts: 4000, held_out_starts: 2000, candidates_per_source: 128 }
    }
}

impl PrepareSettings {
    /// Refuses settings that make no sense.
    pub fn validate(&self) -> Result<()> {
        if self.training_starts == 0 || self.held_out_starts == 0 {
            return Err(ModelError::setting(
                "features.training_starts, features.held_out_starts",
                "must be at least 1",
            ));
        }
        // A candidate's slot is stored in 16 bits.
        if !(1..=(1 << 16) / SOURCES.len()).contains(&self.candidates_per_source) {
            return Err(ModelError::setting("features.candidates_per_source", "must be in 1..=21845"));
        }
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
struct Sizes {
    #[serde(flatten)]
    lengths: StartLengths,
    train: (usize, usize),
    validation: (usize, usize),
    test: (usize, usize),
    training_starts: usize,
    held_out_starts: usize,
}

/// What [`prepare`] wrote.
pub struct PreparedData {
    /// Length of the user state inside the session features.
    pub user_state: usize,
    /// Examples of the training sessions.
    pub train: Examples,
    /// Examples of the validation sessions.
    pub validation: Examples,
    /// Examples of the test sessions.
    pub test: Examples,
    /// Starts of training sessions.
    pub training_starts: Arc<SessionStarts>,
    /// Starts of held-out sessions.
    pub held_out_starts: Arc<SessionStarts>,
    /// Totals of the training sessions.
    pub totals: TrackTotals,
}

impl PreparedData {
    /// Opens a folder that [`prepare`] filled, for a catalog of `tracks` tracks.
    pub fn open(folder: &Path, tracks: usize) -> Result<Self> {
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path).map_err(|e| ModelError::file("read", &path, e))?;
        let sizes: Sizes = serde_json::from_str(&text).map_err(|e| ModelError::bad_file(&path, e.to_string()))?;
        let examples = |name: &str, size| Examples::open(&folder.join(name), size, sizes.lengths.user_state);
        let starts = |name: &str, count| SessionStarts::open(&folder.join(name), count, sizes.lengths);
        Ok(Self {
            user_state: sizes.lengths.user_state,
            train: examples("train", sizes.train)?,
            validation: examples("validation", sizes.validation)?,
            test: examples("test", sizes.test)?,
            training_starts: Arc::new(starts("training_starts", sizes.training_starts)?),
            held_out_starts: Arc::new(starts("held_out_starts", sizes.held_out_starts)?),
            totals: TrackTotals::load(folder, tracks)?,
        })
    }
}

/// Streams the dataset once more and writes examples and session starts into `folder`, which must exist.
pub fn prepare(
    dataset: &Dataset,
    split: &TimeSplit,
    states: &mut dyn SessionStates,
    builder: &StartBuilder<'_>,
    settings: &PrepareSettings,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<()> {
    settings.validate()?;
    let totals = builder.totals();
    totals.save(folder)?;
    let sessions = dataset.manifest().sessions;
    let training = u64::from(totals.sessions);
    let shares = [
        settings.training_starts as f64 / training.max(1) as f64,
        settings.held_out_starts as f64 / (sessions - training).max(1) as f64,
    ];
    let lengths = StartLengths::new(states, builder, builder.candidates_per_source());
    let mut writer = Writer {
        examples: [
            ExamplesWriter::create(&folder.join("train"))?,
            ExamplesWriter::create(&folder.join("validation"))?,
            ExamplesWriter::create(&folder.join("test"))?,
        ],
        starts: [
            StartsWriter::create(&folder.join("training_starts"))?,
            StartsWriter::create(&folder.join("held_out_starts"))?,
        ],
        draw: StartDraw { seed: builder.seed(), shares },
        states,
        builder,
    };
    progress.begin("features", sessions, "sessions");
    let mut done = 0;
    by_user(
        split.sessions(dataset)?,
        |(logged, _)| logged.session.user,
        |of_user| {
            done += of_user.len() as u64;
            progress.advance(done);
            writer.write_user(of_user)
        },
    )?;
    progress.end();
    let [train, validation, test] = writer.examples;
    let [training_starts, held_out_starts] = writer.starts;
    let sizes = Sizes {
        lengths,
        train: train.finish()?,
        validation: validation.finish()?,
        test: test.finish()?,
        training_starts: training_starts.finish()?,
        held_out_starts: held_out_starts.finish()?,
    };
    for (name, count) in [("training", sizes.training_starts), ("held-out", sizes.held_out_starts)] {
        if count == 0 {
            return Err(ModelError::TooLittleData(format!(
                "the dataset has no {name} session to start simulated sessions from; import more logs"
            )));
        }
    }
    let text = serde_json::to_string_pretty(&sizes).map_err(|e| ModelError::bad_file(folder, e.to_string()))?;
    Ok(write_atomically(folder.join(FILE), text.as_bytes())?)
}

struct Writer<'a> {
    examples: [ExamplesWriter; 3],
    starts: [StartsWriter; 2],
    draw: StartDraw,
    states: &'a mut dyn SessionStates,
    builder: &'a StartBuilder<'a>,
}

impl Writer<'_> {
    /// Walks through one user's sessions; what is written of a session is from before it.
    fn write_user(&mut self, sessions: &[(LoggedSession, Split)]) -> Result<()> {
        let training = sessions.iter().filter(|(_, split)| *split == Split::Train);
        let own = own_tallies(training.map(|(logged, _)| &logged.session));
        let mut history = UserHistory::default();
        for (logged, split) in sessions {
            let state = self.states.at_start(logged, &self.draw)?;
            let moment = self.builder.moment(&history, state, &own, &logged.session);
            self.examples[*split as usize].write_session(&logged.session, &moment)?;
            if self.draw.keeps(logged.number, *split) {
                let part = usize::from(*split != Split::Train);
                self.starts[part].write(&self.builder.build(&moment, logged.session.user, logged.number))?;
            }
            history.observe(&logged.session, self.builder.artists());
        }
        Ok(())
    }
}

/// The session start of a user after all logged sessions, with the context given; `None` where the user has none.
///
/// Streams the dataset up to the user's last session.
pub fn start_after_log(
    dataset: &Dataset,
    split: &TimeSplit,
    user: u32,
    start: &dyn Fn(&Session) -> Session,
    states: &mut dyn SessionStates,
    builder: &StartBuilder<'_>,
) -> Result<Option<SessionStart>> {
    let mut timeline = UserTimeline { user, ..UserTimeline::default() };
    let (mut training, mut number) = (0, 0);
    for item in split.sessions(dataset)? {
        let (logged, split) = item?;
        if logged.session.user > user {
            break;
        }
        if logged.session.user == user {
            training += usize::from(split == Split::Train);
            number = logged.number;
            timeline.sessions.push(logged.session);
        }
    }
    for feedback in dataset.feedback()? {
        let feedback = feedback?;
        if feedback.user == user {
            timeline.feedback.push(feedback);
        }
    }
    let Some(last) = timeline.sessions.last() else { return Ok(None) };
    let next = start(last);
    // The training sessions of a user are the earliest.
    let own = own_tallies(timeline.sessions[..training].iter());
    let mut history = UserHistory::default();
    timeline.sessions.iter().for_each(|session| history.observe(session, builder.artists()));
    let state = states.after_log(&timeline, &next)?;
    Ok(Some(builder.build(&builder.moment(&history, state, &own, &next), user, number)))
}

/// Per track, a user's own part of the training totals.
fn own_tallies<'a>(sessions: impl Iterator<Item = &'a Session>) -> HashMap<u32, Tally> {
    let mut own: HashMap<u32, Tally> = HashMap::new();
    for play in sessions.flat_map(|session| &session.plays) {
        own.entry(play.track).or_default().add(&play.responses);
    }
    own
}
