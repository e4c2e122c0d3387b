//! The catalog on its way into its table: made and encoded in parts, and never whole in memory.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use super::schema::{CATALOG, layout};
use super::writer::GROUP_ROWS;
use crate::parallel::in_order;
use crate::table::{ColumnValues, TableWriter, Texts, Values};
use crate::{AUDIO_FEATURES, DataError, Result, Track};

/// Writes so many tracks, which `track` makes from their numbers, on all cores; answers the fingerprint.
pub(super) fn write_catalog<'a>(
    path: &Path,
    tracks: usize,
    track: impl Fn(usize) -> Cow<'a, Track> + Sync,
) -> Result<String> {
    let layout = layout(CATALOG).map_err(DataError::parquet(path))?;
    let mut table = TableWriter::create(path, Arc::clone(&layout))?;
    let mut firsts = (0..tracks).step_by(GROUP_ROWS);
    in_order(
        || Ok(firsts.next()),
        |first| {
            let mut columns = CatalogColumns::default();
            (first..tracks.min(first + GROUP_ROWS)).for_each(|number| columns.push(&track(number)));
            layout.encode(&columns.into_columns(first)).map_err(DataError::parquet(path))
        },
        |group| table.append(group),
    )?;
    table.close()
}

/// Some tracks, taken apart.
#[derive(Default)]
struct CatalogColumns {
    ids: Texts,
    names: Texts,
    artists: Texts,
    albums: Texts,
    durations_ms: Values<i32>,
    estimated: Vec<bool>,
    years: Values<i32>,
    /// Of the tracks that have them, with their places here: few sources tell of any.
    features: Vec<(usize, [f32; AUDIO_FEATURES.len()])>,
}

impl CatalogColumns {
    fn push(&mut self, track: &Track) {
        let place = self.estimated.len();
        self.ids.push(&track.id);
        self.names.push(&track.name);
        self.artists.push(&track.artist);
        self.albums.push(&track.album);
        self.durations_ms.push(track.duration_ms.map(|ms| ms as i32));
        self.estimated.push(track.duration_estimated);
        self.years.push(track.release_year.map(i32::from));
        self.features.extend(track.audio_features.map(|features| (place, features)));
    }

    /// The table's columns; `first` is the number of the first track.
    fn into_columns(self, first: usize) -> Vec<ColumnValues> {
        let tracks = self.estimated.len();
        let mut columns = vec![
            ColumnValues::Int(Values::required((first as i32..).take(tracks))),
            ColumnValues::Text(self.ids),
            ColumnValues::Text(self.names),
            ColumnValues::Text(self.artists),
            ColumnValues::Text(self.albums),
            ColumnValues::Int(self.durations_ms),
            ColumnValues::Bool(Values::all(self.estimated)),
            ColumnValues::Int(self.years),
        ];
        for feature in 0..AUDIO_FEATURES.len() {
            if self.features.is_empty() {
                columns.push(ColumnValues::Missing(tracks));
                continue;
            }
            let (mut values, mut told) = (vec![0.0; tracks], vec![false; tracks]);
            for (place, features) in &self.features {
                (values[*place], told[*place]) = (features[feature], true);
            }
            columns.push(ColumnValues::Float(Values::told(values, told)));
        }
        columns
    }
}
