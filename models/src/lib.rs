//! listening-models
