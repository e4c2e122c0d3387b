//! Track vectors learnt from sessions, and the nearest neighbours among them.

mod cbow;
mod corpus;
mod next_track;
mod vectors;
mod word2vec_text;

pub use cbow::{CbowSettings, fill_from_artists, train_cbow, train_on_corpora};
pub use corpus::{Corpus, CorpusWriter};
pub use next_track::{HitRates, next_track_hit_rates};
pub use vectors::{TrackVectors, dot};
pub use word2vec_text::{read_track_ids, read_word2vec_text, write_track_ids, write_word2vec_text};
