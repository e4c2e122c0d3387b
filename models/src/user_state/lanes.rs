//! Lanes: how sequences of different lengths are run through side by side.
//!
//! A *lane* runs through sequences one after another, each from its first item to its last; a chunk holds the next `steps`
//! items of every lane. The state that a network carries from chunk to chunk is set to zero where a lane comes to a new
//! sequence. So each item is run through once per epoch, whatever the length of a sequence.
//!
//! Of every few sequences that wait the longest come first: then neighbouring lanes end together, a chunk holds few empty
//! steps, and at the end of an epoch only short sequences are left.

use std::ops::Range;

use super::sequences::Part;
use crate::Result;
use crate::permutation::Permutation;

/// Items (plays or sessions) that one lane runs through.
#[derive(Clone, Default)]
pub(super) struct Lane {
    /// Items still to be foretold.
    pub items: Range<usize>,
    /// What may be seen of the history: nothing before its start has any part, and no target lies beyond its end.
    pub around: Range<usize>,
    /// Whether the next chunk begins the sequence.
    pub begins: bool,
}

impl Lane {
    /// A sequence not yet begun.
    pub fn new(items: Range<usize>, around: Range<usize>) -> Self {
        Self { items, around, begins: true }
    }
}

/// The users who take part, in the part's order.
pub(super) fn users_of(part: Part, users: usize) -> impl Iterator<Item = usize> + Send {
    let order = part.shuffled.map(|(seed, epoch)| Permutation::new(users, seed, epoch));
    let places = (part.shard..users).step_by(part.stride);
    places.map(move |place| order.as_ref().map_or(place, |order| order.at(place)))
}

/// Sequences per lane that are put in order of length at a time.
const WAITING: usize = 16;

/// Chunks made from sequences that wait for a free lane.
pub(super) struct Chunks<S, M> {
    sequences: S,
    /// Those next in line, the next one last.
    waiting: Vec<Lane>,
    lanes: Vec<Lane>,
    steps: usize,
    make: M,
}

impl<C, S: Iterator<Item = Lane>, M: Fn(&[Lane]) -> Result<C>> Chunks<S, M> {
    /// `make` makes a chunk of what each lane holds in it, of which nothing may be left.
    pub fn new(sequences: S, lanes: usize, steps: usize, make: M) -> Self {
        Self { sequences, waiting: Vec::new(), lanes: vec![Lane::default(); lanes], steps, make }
    }

    fn next_sequence(&mut self) -> Option<Lane> {
        if self.waiting.is_empty() {
            let some = self.sequences.by_ref().filter(|sequence| !sequence.items.is_empty());
            self.waiting.extend(some.take(WAITING * self.lanes.len()));
            self.waiting.sort_by_key(|sequence| sequence.items.len());
        }
        self.waiting.pop()
    }

    /// The items of each lane in the next chunk; `None` at the end.
    fn advance(&mut self) -> Option<Vec<Lane>> {
        for number in 0..self.lanes.len() {
            if self.lanes[number].items.is_empty() {
                self.lanes[number] = self.next_sequence().unwrap_or_default();
            }
        }
        if self.lanes.iter().all(|lane| lane.items.is_empty()) {
            return None;
        }
        let part = self.lanes.iter_mut().map(|lane| {
            let middle = lane.items.end.min(lane.items.start + self.steps);
            let now = Lane { items: lane.items.start..middle, ..lane.clone() };
            lane.items.start = middle;
            lane.begins = false;
            now
        });
        Some(part.collect())
    }
}

impl<C, S: Iterator<Item = Lane>, M: Fn(&[Lane]) -> Result<C>> Iterator for Chunks<S, M> {
    type Item = Result<C>;

    fn next(&mut self) -> Option<Self::Item> {
        let lanes = self.advance()?;
        Some((self.make)(&lanes))
    }

    fn nth(&mut self, count: usize) -> Option<Self::Item> {
        for _ in 0..count {
            self.advance()?;
        }
        self.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sequences of 1 to 40 items in no order: each item is run through once, in its sequence's order, and few steps of
    /// the chunks stay empty.
    #[test]
    fn lanes_run_through_every_item_once_and_leave_few_steps_empty() {
        let mut end = 0;
        let sequences: Vec<Range<usize>> = (0..400)
            .map(|number| {
                let start = end;
                end += 1 + number * 7919 % 40;
                start..end
            })
            .collect();
        let lanes = sequences.iter().map(|range| Lane::new(range.clone(), range.clone()));
        let chunks = Chunks::new(lanes, 16, 10, |lanes| Ok(lanes.to_vec()));
        let (mut seen, mut begun, mut cells) = (Vec::new(), 0, 0);
        for chunk in chunks {
            let chunk = chunk.unwrap();
            cells += 16 * chunk.iter().map(|lane| lane.items.len()).max().unwrap();
            for lane in chunk.iter().filter(|lane| !lane.items.is_empty()) {
                assert_eq!(lane.begins, lane.items.start == lane.around.start);
                begun += usize::from(lane.begins);
                seen.extend(lane.items.clone());
            }
        }
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..end) && begun == sequences.len());
        assert!(end as f64 / cells as f64 > 0.85, "{end} of {cells}");
    }
}
