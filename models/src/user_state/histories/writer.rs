//! Writes the columns of [`Histories`](super::Histories).

use std::path::Path;
use std::sync::Arc;

use listening_data::{Context, Dataset, Play, Progress, write_atomically};

use super::{FILE, MISSING, Sizes};
use crate::features::{MomentFeatures, SLOW_FEATURE_NAMES, UserTimeline, for_each_user};
use crate::splits::TimeSplit;
use crate::track_embeddings::TrackVectors;
use crate::{ColumnWriter, ModelError, Result};

/// Streams a dataset once and writes its histories into `folder`, which must exist. Memory holds one user's history.
pub fn write_histories(
    dataset: &Dataset,
    split: &TimeSplit,
    vectors: &Arc<TrackVectors>,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<()> {
    let mut writer = Writer::create(folder, vectors)?;
    let sessions = dataset.manifest().sessions;
    progress.begin("histories", sessions, "sessions");
    for_each_user(dataset, |timeline| {
        writer.write_user(timeline, split)?;
        progress.advance(writer.sizes.sessions as u64);
        Ok(())
    })?;
    progress.advance(sessions);
    progress.end();
    writer.finish(folder)
}

struct Writer {
    sizes: Sizes,
    features: MomentFeatures,
    user_number: ColumnWriter<u32>,
    first_session: ColumnWriter<u64>,
    first_play: ColumnWriter<u64>,
    start_ms: ColumnWriter<i64>,
    split: ColumnWriter<u8>,
    context: ColumnWriter<[u8; 6]>,
    slow_features: ColumnWriter<f32>,
    track: ColumnWriter<u32>,
    responses: ColumnWriter<u8>,
    gap_s: ColumnWriter<f32>,
}

impl Writer {
    fn create(folder: &Path, vectors: &Arc<TrackVectors>) -> Result<Self> {
        let slow_features = SLOW_FEATURE_NAMES.len() + vectors.dimension();
        Ok(Self {
            sizes: Sizes { users: 0, sessions: 0, plays: 0, slow_features },
            // The recent plays are read from the columns, not from the features.
            features: MomentFeatures::new(Arc::clone(vectors), 0),
            user_number: ColumnWriter::create(folder, "user_number.u32")?,
            first_session: ColumnWriter::create(folder, "first_session.u64")?,
            first_play: ColumnWriter::create(folder, "first_play.u64")?,
            start_ms: ColumnWriter::create(folder, "start_ms.i64")?,
            split: ColumnWriter::create(folder, "split.u8")?,
            context: ColumnWriter::create(folder, "context.u8")?,
            slow_features: ColumnWriter::create(folder, "slow_features.f32")?,
            track: ColumnWriter::create(folder, "track.u32")?,
            responses: ColumnWriter::create(folder, "responses.u8")?,
            gap_s: ColumnWriter::create(folder, "gap_s.f32")?,
        })
    }

    fn write_user(&mut self, timeline: &UserTimeline, split: &TimeSplit) -> Result<()> {
        self.user_number.push(&[timeline.user])?;
        self.first_session.push(&[self.sizes.sessions as u64])?;
        self.sizes.users += 1;
        let mut slow = Vec::with_capacity(timeline.sessions.len() * self.sizes.slow_features);
        let starts = timeline.sessions.iter().map(|session| session.start_ms);
        let length = self.sizes.slow_features;
        self.features.at_each(timeline, starts, |now_ms, features, _| {
            slow.resize(slow.len() + length, 0.0);
            let row = slow.len() - length;
            features.write(now_ms, &mut slow[row..]);
        });
        self.slow_features.push(&slow)?;
        let mut last_end = None;
        for (position, session) in timeline.sessions.iter().enumerate() {
            self.first_play.push(&[self.sizes.plays as u64])?;
            self.start_ms.push(&[session.start_ms])?;
            self.split.push(&[split.of(timeline.user, position as u32) as u8])?;
            self.context.push(&[packed(&session.context)])?;
            for play in &session.plays {
                self.track.push(&[play.track])?;
                self.responses.push(&[response_bits(play)])?;
                let gap_ms = last_end.map_or(0, |end: i64| (play.start_ms - end).max(0));
                self.gap_s.push(&[gap_ms as f32 / 1000.0])?;
                last_end = Some(play.end_ms());
            }
            self.sizes.sessions += 1;
            self.sizes.plays += session.plays.len();
        }
        Ok(())
    }

    fn finish(mut self, folder: &Path) -> Result<()> {
        self.first_session.push(&[self.sizes.sessions as u64])?;
        self.first_play.push(&[self.sizes.plays as u64])?;
        self.user_number.finish()?;
        self.first_session.finish()?;
        self.first_play.finish()?;
        self.start_ms.finish()?;
        self.split.finish()?;
        self.context.finish()?;
        self.slow_features.finish()?;
        self.track.finish()?;
        self.responses.finish()?;
        self.gap_s.finish()?;
        let text =
            serde_json::to_string_pretty(&self.sizes).map_err(|e| ModelError::bad_file(folder, e.to_string()))?;
        Ok(write_atomically(folder.join(FILE), text.as_bytes())?)
    }
}

pub(super) fn packed(context: &Context) -> [u8; 6] {
    let code = |code: Option<usize>| code.map_or(MISSING, |code| code as u8);
    [
        context.hour.unwrap_or(MISSING),
        context.weekday.unwrap_or(MISSING),
        code(context.device.map(|device| device.code())),
        code(context.source.map(|source| source.code())),
        code(context.premium.map(usize::from)),
        code(context.shuffle.map(usize::from)),
    ]
}

fn response_bits(play: &Play) -> u8 {
    let responses = [play.responses.complete, play.responses.skip, play.responses.past_threshold];
    responses.iter().enumerate().fold(0, |bits, (response, value)| match value {
        Some(given) => bits | u8::from(*given) << response | 1 << (3 + response),
        None => bits,
    })
}
