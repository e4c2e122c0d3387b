//! A user's history as a line of events, each at the moment when it is known.

use listening_data::{Context, Dataset, Feedback, Play, Session};

use crate::Result;
use crate::by_user::by_user;

/// Something that a user did.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A play, known with its responses when it has ended. The flag tells whether it is the first of its
    /// session to be known.
    Play(&'a Play, &'a Context, bool),
    /// A like, dislike or the like, known when it is given.
    Feedback(&'a Feedback),
}

/// One user's sessions and feedback, whole.
#[derive(Clone, Debug, Default)]
pub struct UserTimeline {
    /// Index into the table of users.
    pub user: u32,
    /// Sessions in order of time.
    pub sessions: Vec<Session>,
    /// Likes, dislikes and the like in order of time.
    pub feedback: Vec<Feedback>,
}

impl UserTimeline {
    /// All events in the order in which they became known, with that moment in milliseconds since 1970.
    ///
    /// A play is known at its end: while it plays nobody knows how it will be responded to. Where it is not known how
    /// long it played, that is its start.
    pub fn events(&self) -> Vec<(i64, Event<'_>)> {
        let plays = self.sessions.iter().flat_map(|session| {
            let context = &session.context;
            // Where plays overlap it is not the first of the log: of that nothing is known while it plays.
            let first_known = (0..session.plays.len()).min_by_key(|&position| session.plays[position].end_ms());
            let plays = session.plays.iter().enumerate();
            plays
                .map(move |(position, play)| (play.end_ms(), Event::Play(play, context, Some(position) == first_known)))
        });
        let feedback = self.feedback.iter().map(|feedback| (feedback.at_ms, Event::Feedback(feedback)));
        let mut events: Vec<_> = plays.chain(feedback).collect();
        // Stable: plays that end together stay in the order of the log.
        events.sort_by_key(|(known_ms, _)| *known_ms);
        events
    }
}

/// Gives the timeline of every user who has sessions to `take`, in order of user. Memory holds one user's history.
pub fn for_each_user(dataset: &Dataset, mut take: impl FnMut(&UserTimeline) -> Result<()>) -> Result<()> {
    let mut feedback = dataset.feedback()?.peekable();
    let mut timeline = UserTimeline::default();
    by_user(
        dataset.sessions()?.map(|logged| Ok(logged?.session)),
        |session| session.user,
        |sessions| {
            timeline.user = sessions[0].user;
            std::mem::swap(&mut timeline.sessions, sessions);
            timeline.feedback.clear();
            while let Some(item) = feedback.next_if(|item| item.as_ref().map_or(true, |f| f.user <= timeline.user)) {
                let item = item?;
                if item.user == timeline.user {
                    timeline.feedback.push(item);
                }
            }
            take(&timeline)
        },
    )
}
