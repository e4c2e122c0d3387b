//! Numbers for identifiers, in the order in which they are first met.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::Track;

/// Identifiers by number, kept in one piece of memory: about 16 bytes beside the text of each.
#[derive(Default)]
pub(super) struct Ids {
    numbers: HashTable<u32>,
    text: Vec<u8>,
    /// Where the text of each identifier ends.
    ends: Vec<u64>,
}

impl Ids {
    /// What [`Self::number_hashed`] wants to know of an identifier; may be computed by another thread.
    pub(super) fn hash(id: &[u8]) -> u64 {
        // A fixed seed: results must not depend on it anyway, and times are then the same from run to run.
        FixedState::default().hash_one(id)
    }

    /// The number of an identifier; the next free one if it is new.
    pub(super) fn number(&mut self, id: &[u8]) -> u32 {
        self.number_hashed(id, Self::hash(id))
    }

    /// The number of an identifier whose hash is known.
    pub(super) fn number_hashed(&mut self, id: &[u8], hash: u64) -> u32 {
        if let Some(&number) = self.numbers.find(hash, |&number| text_of(&self.text, &self.ends, number) == id) {
            return number;
        }
        let number = self.ends.len() as u32;
        self.text.extend_from_slice(id);
        self.ends.push(self.text.len() as u64);
        let rehash = |&number: &u32| Self::hash(text_of(&self.text, &self.ends, number));
        self.numbers.insert_unique(hash, number, rehash);
        number
    }

    /// The number of an identifier that was met before.
    pub(super) fn find(&self, id: &[u8]) -> Option<u32> {
        self.find_hashed(id, Self::hash(id))
    }

    /// The number of an identifier that was met before and whose hash is known.
    pub(super) fn find_hashed(&self, id: &[u8], hash: u64) -> Option<u32> {
        self.numbers.find(hash, |&number| text_of(&self.text, &self.ends, number) == id).copied()
    }

    /// The identifier of a number.
    pub(super) fn id(&self, number: u32) -> &[u8] {
        text_of(&self.text, &self.ends, number)
    }

    /// A track of each identifier, of which nothing else is known.
    pub(super) fn catalog(&self) -> Vec<Track> {
        let track = |number| Track { id: String::from_utf8_lossy(self.id(number)).into_owned(), ..Track::default() };
        (0..self.len() as u32).map(track).collect()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }
}

fn text_of<'a>(text: &'a [u8], ends: &[u64], number: u32) -> &'a [u8] {
    let number = number as usize;
    let begin = if number == 0 { 0 } else { ends[number - 1] as usize };
    &text[begin..ends[number] as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn numbers_are_those_of_a_plain_map(ids in proptest::collection::vec("[ab]{0,4}", 0..200)) {
            let (mut numbers, mut expected) = (Ids::default(), HashMap::new());
            for id in &ids {
                prop_assert_eq!(numbers.find(id.as_bytes()), expected.get(id).copied());
                let next = expected.len() as u32;
                let number = *expected.entry(id.clone()).or_insert(next);
                prop_assert_eq!(numbers.number(id.as_bytes()), number);
                prop_assert_eq!(numbers.id(number), id.as_bytes());
            }
            prop_assert_eq!(numbers.len(), expected.len());
        }
    }
}
