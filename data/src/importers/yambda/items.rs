//! Numbers for the set's tracks and users, in the order in which they are met.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use memmap2::MmapMut;

/// Identifiers below this have a place in a table; the set's go up to 9.4 million.
const DIRECT: usize = 1 << 24;
const NONE: u32 = u32::MAX;

/// Numbers for identifiers that are whole numbers.
#[derive(Default)]
struct Numbers {
    /// By identifier: the number with its bits turned over, so that none yet is 0 and the system gives memory only to the
    /// parts that are written to. Without it, or where the system has no room for it, all identifiers are `others`.
    table: Option<MmapMut>,
    others: HashMap<u32, u32, FixedState>,
    ids: Vec<u32>,
}

impl Numbers {
    /// With a table of small identifiers.
    fn with_table() -> Self {
        let table = MmapMut::map_anon(DIRECT * size_of::<u32>()).ok();
        // Most look-ups meet a page of their own, and finding it in the page table takes longer than the look-up. It is
        // only advice: where the system has no large pages, small ones do.
        #[cfg(target_os = "linux")]
        let _ = table.as_ref().map(|table| table.advise(memmap2::Advice::HugePage));
        Self { table, ..Self::default() }
    }

    /// The table of small identifiers.
    fn direct(&self) -> &[u32] {
        self.table.as_deref().map_or(&[], bytemuck::cast_slice)
    }

    fn number(&mut self, id: u32) -> u32 {
        let next = self.ids.len() as u32;
        let direct: &mut [u32] = self.table.as_deref_mut().map_or(&mut [], bytemuck::cast_slice_mut);
        let stored = match direct.get_mut(id as usize) {
            Some(stored) => stored,
            None => self.others.entry(id).or_insert(!NONE),
        };
        if *stored == !NONE {
            *stored = !next;
            self.ids.push(id);
        }
        !*stored
    }

    fn find(&self, id: u32) -> Option<u32> {
        let stored = self.direct().get(id as usize).or_else(|| self.others.get(&id));
        stored.map(|stored| !stored).filter(|&number| number != NONE)
    }
}

/// The number of an item, or that it has none yet.
#[derive(Clone, Copy)]
pub(super) struct Known(u32);

impl Known {
    pub(super) const NOT: Self = Self(NONE);
}

/// The set's users by number. They are met one after the other: a look-up per user needs no table, whose pages would take
/// longer to be given than the look-ups.
#[derive(Default)]
pub(super) struct Users(Numbers);

impl Users {
    pub(super) fn number(&mut self, uid: u32) -> u32 {
        self.0.number(uid)
    }

    pub(super) fn is_known(&self, uid: u32) -> bool {
        self.0.find(uid).is_some()
    }

    pub(super) fn ids(&self) -> &[u32] {
        &self.0.ids
    }
}

/// The set's tracks by number.
pub(super) struct Items {
    numbers: Numbers,
    /// By number, in seconds; 0 where not known.
    lengths: Vec<u32>,
    /// How many lengths are not known.
    lengths_unknown: usize,
}

impl Default for Items {
    fn default() -> Self {
        Self { numbers: Numbers::with_table(), lengths: Vec::new(), lengths_unknown: 0 }
    }
}

impl Items {
    /// Looks some items up at once. Each lies anywhere in a table far larger than the caches: asked for together, the
    /// memory answers them at the same time, asked for one by one each has to be waited for (a quarter of the import's time).
    pub(super) fn look_up(&self, items: impl Iterator<Item = u32>, known: &mut Vec<Known>) {
        known.clear();
        let direct = self.numbers.direct();
        known.extend(items.map(|item| Known(direct.get(item as usize).map_or(NONE, |stored| !stored))));
    }

    pub(super) fn number(&mut self, item: u32) -> u32 {
        let number = self.numbers.number(item);
        if number as usize == self.lengths.len() {
            self.lengths.push(0);
            self.lengths_unknown += 1;
        }
        number
    }

    /// The number of a track that was played, perhaps known before; the first length that is told is the track's.
    pub(super) fn played(&mut self, item: u32, length_s: u32, known: Known) -> u32 {
        let number = if known.0 == NONE { self.number(item) } else { known.0 };
        if self.lengths_unknown > 0 && length_s > 0 {
            let length = &mut self.lengths[number as usize];
            if *length == 0 {
                *length = length_s;
                self.lengths_unknown -= 1;
            }
        }
        number
    }

    pub(super) fn find(&self, item: u32) -> Option<u32> {
        self.numbers.find(item)
    }

    pub(super) fn count(&self) -> usize {
        self.lengths.len()
    }

    /// Length of a track by its number.
    pub(super) fn duration_ms(&self, track: usize) -> Option<u32> {
        Some(self.lengths[track] * 1000).filter(|&ms| ms > 0)
    }

    /// Identifier of a track by its number.
    pub(super) fn id(&self, track: usize) -> u32 {
        self.numbers.ids[track]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_a_plain_map() {
        let (mut numbers, mut expected) = (Numbers::with_table(), std::collections::HashMap::new());
        for n in 0..3000u64 {
            // Few identifiers, near and far: some meet again, some are above the table.
            let id = (n * n * 2_654_435_761 % 701) as u32 * if n % 3 == 0 { 5_999_993 } else { 3 };
            assert_eq!(numbers.find(id), expected.get(&id).copied());
            let next = expected.len() as u32;
            assert_eq!(numbers.number(id), *expected.entry(id).or_insert(next));
        }
        assert!(numbers.others.len() > 100 && numbers.ids.len() == expected.len());
    }
}
