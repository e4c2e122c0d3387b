//! playlist-agents
