//! `sim generate-playlist`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use listening_data::{Device, Progress, Session};
use listening_models::network::Precision;
use listening_models::{SessionStarts, StartBuilder, start_after_log};
use playlist_agents::{AgentModel, DqnPolicy, GreedyPolicy};
use playlist_envs::{MovingStates, PlayResponses, SessionBatch, World, consistent_probabilities};
use serde::Serialize;

use super::train_agent::{agent_file, check_unchanged, open_run};
use crate::failure::UsageError;
use crate::output;
use crate::pipeline::Upstream;
use crate::tables::Columns;

const HOUR_MS: i64 = 3_600_000;

/// Make a playlist for a listener
///
/// Takes the listener as the log leaves them, draws a candidate pool, and lets the run's agent pick one track after
/// the other. For each track it shows the agent's Q value (the discounted reward expected from here on) and the
/// responses that the user-response model predicts. The agent is told after each track that the listener responded as
/// is most probable. The same seed gives the same pool and playlist.
#[derive(Args)]
#[command(after_help = "Example:
  sim generate-playlist --run runs/demo --user synthetic:listener:000007
  sim generate-playlist --run runs/mine --user my_spotify_data --length 15 --hour 8 --json")]
pub struct Options {
    /// The run's folder
    #[arg(long, value_name = "RUN")]
    run: PathBuf,
    /// The listener, by the identifier in the dataset's users.parquet
    #[arg(long, value_name = "USER")]
    user: String,
    /// Tracks in the playlist; the world's max_length unless given
    #[arg(long)]
    length: Option<usize>,
    /// Hour of the day at which it is played, 0 to 23; an hour after the last session unless given
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..24))]
    hour: Option<u8>,
    /// Device it is played on; that of the last session unless given
    #[arg(long, value_parser = parse_device)]
    listening_device: Option<Device>,
    /// Seed of the candidate pool
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn parse_device(name: &str) -> Result<Device, String> {
    let names: Vec<&str> = Device::ALL.iter().map(|device| device.name()).collect();
    Device::from_name(name).ok_or_else(|| format!("expected one of {}", names.join(", ")))
}

#[derive(Serialize)]
struct Playlist {
    user: String,
    pool: usize,
    tracks: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    position: usize,
    track_id: String,
    name: String,
    artist: String,
    q: f32,
    complete: f32,
    skip: f32,
    past_threshold: f32,
}

/// Makes the playlist and prints it.
pub fn run(options: &Options, progress: &dyn Progress) -> anyhow::Result<()> {
    let (folder, config) = open_run(&options.run)?;
    let longest = config.world.max_length;
    if options.length.is_some_and(|length| !(1..=longest).contains(&length)) {
        let problem = format!("--length: must be in 1..={longest}, the session length that the agent was trained for");
        return Err(UsageError(problem).into());
    }
    let upstream = Upstream::open(&config, progress)?;
    check_unchanged(&folder, &config, &upstream)?;
    let users = upstream.logs.dataset.users()?;
    let user = users.iter().position(|user| user.id == options.user).ok_or_else(|| {
        let some: Vec<&str> = users.iter().take(5).map(|user| user.id.as_str()).collect();
        let near =
            users.iter().map(|user| user.id.as_str()).min_by_key(|id| strsim::damerau_levenshtein(id, &options.user));
        let near = near.map_or_else(String::new, |id| format!("; did you mean `{id}`?"));
        UsageError(format!(
            "--user: the dataset has no listener `{}`{near} (the first are {})",
            options.user,
            some.join(", ")
        ))
    })?;
    let mut states = upstream.logs.session_states(&config)?;
    let catalog = &upstream.logs.catalog;
    let per_source = config.features.candidates_per_source;
    let builder =
        StartBuilder::new(&catalog.vectors, &catalog.artists, &upstream.logs.data.totals, per_source, options.seed);
    let next = |last: &Session| next_session(last, options);
    let start =
        start_after_log(&upstream.logs.dataset, &upstream.logs.split, user as u32, &next, &mut *states, &builder)?;
    let start = start.context("the listener has no session in the log")?;
    let world = upstream.world(&config, Arc::new(SessionStarts::one(start)), options.seed)?;
    let playlist = playlist(options, &upstream, &world, &folder)?;
    if options.json {
        return output::print(&serde_json::to_string_pretty(&playlist)?);
    }
    let mut table = Columns::new(["", "track", "artist", "Q", "complete", "skip", "past threshold"]);
    for entry in &playlist.tracks {
        table.add([
            entry.position.to_string(),
            entry.name.clone(),
            entry.artist.clone(),
            format!("{:.2}", entry.q),
            format!("{:.2}", entry.complete),
            format!("{:.2}", entry.skip),
            format!("{:.2}", entry.past_threshold),
        ]);
    }
    output::print(&format!("{table}\nchosen from {} candidates for {}", playlist.pool, playlist.user))
}

/// What is known of the session to come: an hour after the last, in the same context but for what the user said.
fn next_session(last: &Session, options: &Options) -> Session {
    let end = last.plays.last().map_or(last.start_ms, listening_data::Play::end_ms);
    let mut start_ms = end + HOUR_MS;
    if let Some(hour) = options.hour {
        let wanted = i64::from(hour) - start_ms.div_euclid(HOUR_MS).rem_euclid(24);
        start_ms += wanted.rem_euclid(24) * HOUR_MS;
    }
    let mut context = last.context.at(start_ms);
    context.device = options.listening_device.or(context.device);
    Session { user: last.user, start_ms, context, plays: Vec::new() }
}

fn playlist(
    options: &Options,
    upstream: &Upstream,
    world: &Arc<World>,
    folder: &std::path::Path,
) -> anyhow::Result<Playlist> {
    let model = AgentModel::load(world, &agent_file(folder)?, upstream.logs.device)?;
    let mut agent = DqnPolicy::new(Arc::clone(world), model, Precision::Single, upstream.logs.device)?;
    let mut sessions = SessionBatch::new(world, 1);
    sessions.begin(world, 0, 0);
    let mut moving = MovingStates::new(world, 1)?;
    let mut user_model = GreedyPolicy::new(upstream.contextual.shallow_clone());
    let predictions = user_model.predictions(world, &sessions.view(0))?.to_vec();
    let mut tracks = Vec::new();
    let pool = sessions.view(0).pool.len();
    let length = options.length.unwrap_or(world.settings.max_length).min(pool);
    while tracks.len() < length {
        let values = agent.values(sessions.view(0))?;
        let best = values.iter().copied().reduce(|best, next| if next.1 > best.1 { next } else { best });
        let Some((place, q)) = best else { break };
        let track = sessions.view(0).track(world, place);
        let longer = world.catalog.longer_than_threshold[track as usize];
        let probabilities = consistent_probabilities(&predictions[usize::from(place)], longer);
        let [complete, skip, past_threshold] = probabilities;
        let known = &upstream.logs.tracks[track as usize];
        tracks.push(Entry {
            position: tracks.len() + 1,
            track_id: known.id.clone(),
            name: known.name.clone(),
            artist: known.artist.clone(),
            q,
            complete,
            skip,
            past_threshold,
        });
        let is_complete = complete >= skip && complete >= 0.5;
        let most_probable = PlayResponses {
            complete: is_complete,
            skip: !is_complete && skip >= 0.5,
            past_threshold: past_threshold >= 0.5,
        };
        sessions.record(0, place, most_probable, world.settings.reward.of(probabilities));
        if let Some(moving) = &mut moving {
            moving.advance(world, &mut sessions, &[true])?;
        }
    }
    Ok(Playlist { user: options.user.clone(), pool, tracks })
}
