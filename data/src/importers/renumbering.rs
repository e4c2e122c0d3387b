//! New numbers for old ones, in the order in which they are first needed.

/// Gives numbers in order of appearance, so that what is never needed gets none.
pub(super) struct Renumbering {
    new: Vec<u32>,
    /// The old number of each new one.
    pub(super) old: Vec<u32>,
}

impl Renumbering {
    /// For old numbers below `count`.
    pub(super) fn new(count: usize) -> Self {
        Self { new: vec![u32::MAX; count], old: Vec::new() }
    }

    /// The new number of an old one.
    pub(super) fn number(&mut self, old: u32) -> u32 {
        let new = &mut self.new[old as usize];
        if *new == u32::MAX {
            *new = self.old.len() as u32;
            self.old.push(old);
        }
        *new
    }

    /// Takes what has a number, in the order of the new numbers.
    pub(super) fn pick<T: Default>(&self, all: &mut [T]) -> Vec<T> {
        self.old.iter().map(|&old| std::mem::take(&mut all[old as usize])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_in_order_of_appearance() {
        let mut numbers = Renumbering::new(5);
        assert_eq!([3, 1, 3, 4, 1].map(|old| numbers.number(old)), [0, 1, 0, 2, 1]);
        assert_eq!(numbers.old, [3, 1, 4]);
        assert_eq!(numbers.pick(&mut ["a", "b", "c", "d", "e"]), ["d", "b", "e"]);
    }
}
