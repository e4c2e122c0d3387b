//! playlist-envs
