//! Writes TensorBoard event files.
//!
//! `tensorboard-rs` frames and checksums the records; its `SummaryWriter` is not used, since it cannot write text,
//! lets two writers of the same second destroy each other's file, and aborts on a full disk (`docs/decisions.md`).

use std::fs::{File, OpenOptions};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use protobuf::{Message, RepeatedField};
use tensorboard_proto::event::{Event, SessionLog, SessionLog_SessionStatus};
use tensorboard_proto::summary::{Summary, Summary_Value, SummaryMetadata, SummaryMetadata_PluginData};
use tensorboard_proto::tensor::TensorProto;
use tensorboard_proto::types::DataType;
use tensorboard_rs::record_writer::RecordWriter;
use tensorboard_rs::summary;

use crate::{AgentError, Result};

/// One event file.
pub struct Recorder {
    path: PathBuf,
    writer: RecordWriter<BufWriter<File>>,
}

impl Recorder {
    /// Begins a new event file in a folder. With `resumed_at`, TensorBoard forgets what older files say of later steps.
    pub fn create(folder: &Path, resumed_at: Option<u64>) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(|e| AgentError::file("create", folder, e))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
        let path =
            folder.join(format!("events.out.tfevents.{:010}.sim.{:09}", now / 1_000_000_000, now % 1_000_000_000));
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let file = file.map_err(|e| AgentError::file("create", &path, e))?;
        let mut recorder = Self { path, writer: RecordWriter::new(BufWriter::new(file)) };
        let mut event = Event::new();
        event.set_file_version("brain.Event:2".into());
        recorder.write(0, event)?;
        if let Some(step) = resumed_at {
            let mut session = SessionLog::new();
            session.set_status(SessionLog_SessionStatus::START);
            let mut event = Event::new();
            event.set_session_log(session);
            recorder.write(step + 1, event)?;
        }
        Ok(recorder)
    }

    /// Writes one number.
    pub fn scalar(&mut self, name: &str, step: u64, value: f64) -> Result<()> {
        let mut event = Event::new();
        event.set_summary(summary::scalar(name, value as f32));
        self.write(step, event)
    }

    /// Writes a text, shown as Markdown.
    pub fn text(&mut self, name: &str, step: u64, text: &str) -> Result<()> {
        let mut plugin = SummaryMetadata_PluginData::new();
        plugin.set_plugin_name("text".into());
        let mut metadata = SummaryMetadata::new();
        metadata.set_plugin_data(plugin);
        let mut tensor = TensorProto::new();
        tensor.set_dtype(DataType::DT_STRING);
        tensor.set_string_val(RepeatedField::from_vec(vec![text.as_bytes().to_vec()]));
        let mut value = Summary_Value::new();
        value.set_tag(name.to_owned());
        value.set_metadata(metadata);
        value.set_tensor(tensor);
        let mut summary = Summary::new();
        summary.set_value(RepeatedField::from_vec(vec![value]));
        let mut event = Event::new();
        event.set_summary(summary);
        self.write(step, event)
    }

    fn write(&mut self, step: u64, mut event: Event) -> Result<()> {
        event.set_wall_time(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64()));
        event.set_step(step as i64);
        let bytes =
            event.write_to_bytes().map_err(|e| AgentError::file("write", &self.path, std::io::Error::other(e)))?;
        self.writer.write(&bytes).map_err(|e| AgentError::file("write", &self.path, e))
    }

    /// Hands everything to the operating system.
    pub fn flush(&mut self) -> Result<()> {
        self.writer.flush().map_err(|e| AgentError::file("write", &self.path, e))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // Whoever needs to know of a failure has called flush.
        let _ = self.writer.flush();
    }
}
