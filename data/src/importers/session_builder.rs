//! Gathers plays that come in order of user and time into sessions.

use crate::{Context, DatasetWriter, Play, Result, SessionRules};

/// Writes the sessions of plays that come in order of user, then time.
pub(super) struct SessionBuilder<'a> {
    rules: &'a SessionRules,
    writer: &'a mut DatasetWriter,
    user: u32,
    context: Context,
    plays: Vec<Play>,
    /// Latest end so far.
    end_ms: i64,
}

impl<'a> SessionBuilder<'a> {
    pub(super) fn new(rules: &'a SessionRules, writer: &'a mut DatasetWriter) -> Self {
        Self { rules, writer, user: 0, context: Context::default(), plays: Vec::new(), end_ms: 0 }
    }

    /// Adds the next play. It opens a session if its user differs from that of the play before, or if the pause since
    /// then is long enough; the session's context is then that of this play, with hour and weekday from its start.
    ///
    /// A play that starts before the end of the one before (times cut to whole seconds or minutes, two devices at
    /// once) stays in its session; a start before that of the play before is moved to it.
    pub(super) fn push(&mut self, user: u32, context: Context, play: Play) -> Result<()> {
        let opens = self.user != user || self.rules.opens_session(self.end_ms, play.start_ms);
        self.push_as(user, context, play, opens)
    }

    /// Adds the next play, where the source tells whether it opens a session. Sessions of one user never start before
    /// the one before: such a start is moved to that, too.
    pub(super) fn push_as(&mut self, user: u32, context: Context, mut play: Play, opens: bool) -> Result<()> {
        // The end is as the source has it, also where the start is moved.
        let end_ms = play.end_ms();
        if self.user == user
            && let Some(last) = self.plays.last()
        {
            play.start_ms = play.start_ms.max(last.start_ms);
        }
        if opens || self.plays.is_empty() {
            self.end_session()?;
            self.user = user;
            self.context = context.at(play.start_ms);
            self.end_ms = play.start_ms;
        }
        self.end_ms = self.end_ms.max(end_ms);
        self.plays.push(play);
        Ok(())
    }

    fn end_session(&mut self) -> Result<()> {
        if let Some(first) = self.plays.first() {
            self.writer.write_plays(self.user, first.start_ms, self.context, &self.plays)?;
            self.plays.clear();
        }
        Ok(())
    }

    /// Writes the last session.
    pub(super) fn finish(mut self) -> Result<()> {
        self.end_session()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dataset, SourceInfo, Track, User};

    #[test]
    fn sessions_end_at_a_pause_and_at_a_new_user() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d");
        let mut writer = DatasetWriter::create(&path).unwrap();
        let rules = SessionRules::default();
        let mut builder = SessionBuilder::new(&rules, &mut writer);
        let minute = 60_000;
        let mut push = |user, start_minutes: i64, played_minutes: Option<u32>| {
            let ms_played = played_minutes.map(|minutes| minutes * 60_000);
            let play = Play { start_ms: start_minutes * minute, ms_played, ..Play::default() };
            builder.push(user, Context::default(), play).unwrap();
        };
        push(0, 0, Some(10));
        push(0, 29, None); // 19 minutes after the end
        push(0, 28, None); // out of order
        push(0, 49, Some(1)); // 20 minutes after the last end
        push(1, 50, Some(1));
        builder.finish().unwrap();
        let users = [User { id: "a".into() }, User { id: "b".into() }];
        writer.finish(&[Track::default()], &users, &SourceInfo::new("test")).unwrap();
        let sessions: Vec<_> = Dataset::open(path).unwrap().sessions().unwrap().map(|s| s.unwrap().session).collect();
        let starts: Vec<Vec<i64>> =
            sessions.iter().map(|s| s.plays.iter().map(|play| play.start_ms / minute).collect()).collect();
        assert_eq!(starts, [vec![0, 29, 29], vec![49], vec![50]]);
        assert_eq!(sessions[2].context.hour, Some(0));
    }
}
