//! Rows as fixed-size records, for sorting outside the memory.

use std::cmp::{Ordering, Reverse};

use bytemuck::{Pod, Zeroable};

use crate::Device;

/// Stands for the track of a row that plays none (a podcast): such rows are kept until the plays around them are
/// understood, for their start tells how the play before them ended.
pub(super) const NO_TRACK: u32 = u32::MAX;

/// Bits of [`Record::flags`] and [`Listen::flags`].
pub(super) mod flag {
    pub(in super::super) const SHUFFLE_KNOWN: u8 = 1;
    pub(in super::super) const SHUFFLE: u8 = 2;
    pub(in super::super) const SKIPPED_KNOWN: u8 = 4;
    pub(in super::super) const SKIPPED: u8 = 8;
    pub(in super::super) const PLACED_BY_OFFLINE_TIME: u8 = 16;
    pub(in super::super) const REPAIRED: u8 = 32;
    pub(in super::super) const UNKNOWN_END: u8 = 64;
}

/// Packs a response that may be missing into two bits.
pub(super) fn pack(value: Option<bool>, known: u8, yes: u8) -> u8 {
    match value {
        None => 0,
        Some(false) => known,
        Some(true) => known | yes,
    }
}

/// The value that [`pack`] packed.
pub(super) fn unpack(flags: u8, known: u8, yes: u8) -> Option<bool> {
    (flags & known != 0).then_some(flags & yes != 0)
}

/// A device as a byte: its code, or 255 where unknown.
pub(super) fn device_code(device: Option<Device>) -> u8 {
    device.map_or(u8::MAX, |device| device.code() as u8)
}

/// The device of a [`device_code`].
pub(super) fn device_from_code(code: u8) -> Option<Device> {
    Device::ALL.get(usize::from(code)).copied()
}

/// One row, ordered by user and end.
///
/// The end, not the start, gives the order: it is what the export records. A start is the end less the time played,
/// and falls before the true end of the play before by up to some seconds, so that a quick skip would change places
/// with the play after it. Of plays that end in the same second, the longest came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Record {
    pub(super) end_ms: i64,
    /// Place among all rows read; tells apart rows that end together.
    pub(super) sequence: u64,
    pub(super) user: u32,
    pub(super) track: u32,
    pub(super) ms_played: u32,
    pub(super) reason_start: u8,
    pub(super) reason_end: u8,
    pub(super) device: u8,
    pub(super) flags: u8,
}

impl Record {
    pub(super) fn start_ms(&self) -> i64 {
        self.end_ms - i64::from(self.ms_played)
    }

    /// The record without its place: equal for rows that are the same.
    pub(super) fn without_sequence(self) -> [u8; size_of::<Self>()] {
        bytemuck::cast(Self { sequence: 0, ..self })
    }
}

impl Ord for Record {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |record: &Self| (record.user, record.end_ms, Reverse(record.ms_played), record.sequence);
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Record {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A play that stays, with the outcome of its end; ordered by its place among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Listen {
    pub(super) place: u64,
    pub(super) start_ms: i64,
    pub(super) user: u32,
    pub(super) track: u32,
    pub(super) ms_played: u32,
    pub(super) outcome: u8,
    pub(super) device: u8,
    pub(super) flags: u8,
    pub(super) unused: u8,
}
