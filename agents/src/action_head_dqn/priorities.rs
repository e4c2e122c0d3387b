//! Prioritised replay, proportional variant (Schaul et al., ICLR 2016): a transition is drawn with probability p^alpha /
//! sum p^alpha, where p is its absolute temporal-difference error when last learnt from, and a little.
//!
//! Transitions are numbered through the whole training; number n has the leaf n modulo the leaves of a sum tree. Every
//! node is computed anew from its two children, so that the tree is a function of its leaves: one that is loaded is, bit
//! for bit, the one that was saved.

use std::ops::Range;

use listening_data::CounterRng;

use crate::AgentSettings;

/// Added to errors, so that nothing is forgotten (Schaul et al., section 3.3; the value is that of OpenAI Baselines).
const EPSILON: f32 = 1e-6;
/// No session is longer (`world.max_length`): the replay can hold one that alone is above its capacity.
const LONGEST_SESSION: usize = 256;

/// Exponents of the priorities.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Exponents {
    /// Of priorities: 0 draws evenly.
    pub(crate) alpha: f32,
    /// Of importance weights, at the start of training; rises linearly to 1 at its end.
    pub(crate) beta: f64,
}

impl Exponents {
    /// Those of the settings, where they ask for priorities.
    pub(crate) fn new(settings: &AgentSettings) -> Option<Self> {
        settings.prioritized.then_some(Self { alpha: settings.priority_alpha, beta: settings.priority_beta })
    }

    fn beta_at(&self, progress: f64) -> f64 {
        self.beta + (1.0 - self.beta) * progress.clamp(0.0, 1.0)
    }
}

/// The priorities of the transitions in a replay.
pub(super) struct Priorities {
    exponents: Exponents,
    /// Sum tree: the root at 1, the children of node i at 2 i and 2 i + 1, the leaves in the second half.
    sums: Vec<f64>,
    /// The highest priority ever given.
    highest: f32,
}

impl Priorities {
    /// For a replay that holds no more than `capacity` transitions, or one session.
    pub(super) fn new(capacity: usize, exponents: Exponents) -> Self {
        let leaves = capacity.max(LONGEST_SESSION).next_power_of_two();
        Self { exponents, sums: vec![0.0; 2 * leaves], highest: 1.0 }
    }

    fn leaves(&self) -> usize {
        self.sums.len() / 2
    }

    fn leaf(&self, number: u64) -> usize {
        self.leaves() + (number % self.leaves() as u64) as usize
    }

    fn put(&mut self, number: u64, powered: f32) {
        let mut node = self.leaf(number);
        self.sums[node] = f64::from(powered);
        while node > 1 {
            node /= 2;
            self.sums[node] = self.sums[2 * node] + self.sums[2 * node + 1];
        }
    }

    /// New transitions enter at the highest priority, so that each is learnt from soon (algorithm 1, line 6).
    pub(super) fn enter(&mut self, numbers: Range<u64>) {
        let powered = self.highest.powf(self.exponents.alpha);
        numbers.for_each(|number| self.put(number, powered));
    }

    /// Forgets transitions.
    pub(super) fn leave(&mut self, numbers: Range<u64>) {
        numbers.for_each(|number| self.put(number, 0.0));
    }

    /// Takes the absolute errors of transitions just learnt from. Errors that are no numbers are passed over: the training
    /// then tells by its loss that it has diverged.
    pub(super) fn learnt(&mut self, numbers: &[u64], errors: &[f32]) {
        for (&number, error) in numbers.iter().zip(errors).filter(|(_, error)| error.is_finite()) {
            let priority = error.abs() + EPSILON;
            self.highest = self.highest.max(priority);
            self.put(number, priority.powf(self.exponents.alpha));
        }
    }

    /// Draws `count` of the transitions `held`, one from each of as many equal parts of the priorities' sum (appendix
    /// B.2.1), and their importance weights: (1 / P)^beta over the highest in the batch, at this share of the training done.
    pub(super) fn sample(
        &self,
        count: usize,
        held: &Range<u64>,
        rng: &mut CounterRng,
        progress: f64,
    ) -> (Vec<u64>, Vec<f32>) {
        let part = self.sums[1] / count as f64;
        let nodes: Vec<usize> = (0..count).map(|k| self.find((k as f64 + f64::from(rng.uniform())) * part)).collect();
        let lowest = nodes.iter().map(|&node| self.sums[node]).fold(f64::INFINITY, f64::min);
        let beta = self.exponents.beta_at(progress);
        let weights = nodes.iter().map(|&node| (lowest / self.sums[node]).powf(beta) as f32).collect();
        let leaves = self.leaves() as u64;
        let number = |&node: &usize| held.start + (node as u64 + leaves - held.start % leaves) % leaves;
        (nodes.iter().map(number).collect(), weights)
    }

    /// The leaf in which the sum from the first one on passes `mass`.
    fn find(&self, mut mass: f64) -> usize {
        let mut node = 1;
        while node < self.leaves() {
            let (left, right) = (self.sums[2 * node], self.sums[2 * node + 1]);
            // By rounding a mass may lie beyond the last leaf that has any.
            let go_right = mass >= left && right > 0.0;
            mass -= if go_right { left } else { 0.0 };
            node = 2 * node + usize::from(go_right);
        }
        node
    }

    /// The powered priorities of these transitions, and the highest priority ever given, for a file.
    pub(super) fn saved(&self, held: Range<u64>) -> (Vec<f32>, f32) {
        (held.map(|number| self.sums[self.leaf(number)] as f32).collect(), self.highest)
    }

    /// Takes back what [`Self::saved`] gave.
    pub(super) fn load(&mut self, held: Range<u64>, powered: &[f32], highest: f32) {
        held.zip(powered).for_each(|(number, &powered)| self.put(number, powered));
        self.highest = highest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use listening_data::Stream;

    const EXPONENTS: Exponents = Exponents { alpha: 0.6, beta: 0.4 };

    fn rng(step: u64) -> CounterRng {
        CounterRng::new(1, Stream::Replay, step, 0)
    }

    /// Against a walk along all leaves, while transitions enter, change and leave, around the end of the tree's leaves.
    #[test]
    fn a_mass_is_found_in_the_leaf_of_a_walk_along_all() {
        let mut priorities = Priorities::new(1, EXPONENTS);
        let leaves = priorities.leaves() as u64;
        let first = leaves - 20;
        priorities.enter(first..first + 60);
        priorities.leave(first..first + 13);
        let held = first + 13..first + 60;
        let errors: Vec<f32> = (0..30).map(|k| (k as f32 * 1.7).sin() * 3.0).collect();
        let numbers: Vec<u64> = held.clone().step_by(2).collect();
        priorities.learnt(&numbers, &errors[..numbers.len()]);
        let highest =
            errors[..numbers.len()].iter().fold(1.0, |highest: f32, error| highest.max(error.abs() + EPSILON));
        assert_eq!(priorities.highest, highest);
        // By the formula, in the order of the leaves.
        let mut powered = vec![0.0; leaves as usize];
        for number in held.clone() {
            let place = numbers.iter().position(|&other| other == number);
            let priority = place.map_or(1.0, |place| errors[place].abs() + EPSILON);
            powered[(number % leaves) as usize] = f64::from(priority.powf(0.6));
        }
        let total: f64 = powered.iter().sum();
        assert!((priorities.sums[1] - total).abs() < 1e-9);
        for step in 0..1000 {
            let mass = total * (f64::from(step) + 0.5) / 1000.0;
            let mut passed = 0.0;
            let walked = powered.iter().position(|&p| {
                passed += p;
                passed > mass
            });
            assert_eq!(priorities.find(mass) - leaves as usize, walked.unwrap(), "{step}");
        }
        // Beyond the end: the last leaf with any mass, never an empty one.
        let last = priorities.find(total * 2.0);
        assert!(priorities.sums[last] > 0.0);
        let (drawn, _) = priorities.sample(500, &held, &mut rng(0), 0.0);
        assert!(drawn.iter().all(|number| held.contains(number)));
    }

    /// Shares of draws are P, and the weights undo them: (N P)^-beta over the highest.
    #[test]
    fn transitions_are_drawn_by_priority_and_weighted_against_it() {
        let mut priorities = Priorities::new(8, EXPONENTS);
        let held = 100..104;
        priorities.enter(held.clone());
        let errors = [0.1, 0.4, 2.0, 0.0];
        priorities.learnt(&[100, 101, 102, 103], &errors);
        let powered = errors.map(|error: f32| f64::from(error + EPSILON).powf(0.6));
        let total: f64 = powered.iter().sum();
        let mut counts = [0.0; 4];
        for step in 0..500 {
            let (numbers, weights) = priorities.sample(64, &held, &mut rng(step), 0.5);
            let lowest = numbers.iter().map(|&number| powered[(number - 100) as usize]).fold(f64::INFINITY, f64::min);
            for (number, weight) in numbers.iter().zip(weights) {
                let place = (number - 100) as usize;
                counts[place] += 1.0;
                // Beta is half-way from 0.4 to 1; N and the sum cancel.
                let expected = (lowest / powered[place]).powf(0.7);
                assert!((f64::from(weight) - expected).abs() < 1e-5, "{weight} {expected}");
            }
        }
        for (count, powered) in counts.iter().zip(powered) {
            // Standard deviation of a share below 0.003.
            assert!((count / 32_000.0 - powered / total).abs() < 0.01, "{counts:?}");
        }
        // The next one enters with the highest priority so far.
        priorities.enter(104..105);
        assert_eq!(priorities.sums[priorities.leaf(104)], priorities.sums[priorities.leaf(102)]);
        priorities.learnt(&[104], &[f32::NAN]);
        assert!(priorities.sums[1].is_finite());
    }

    #[test]
    fn with_alpha_0_all_are_drawn_alike_and_weigh_1() {
        let mut priorities = Priorities::new(8, Exponents { alpha: 0.0, beta: 0.4 });
        priorities.enter(0..5);
        priorities.learnt(&[0, 1, 2], &[5.0, 0.0, 1.0]);
        let (numbers, weights) = priorities.sample(5, &(0..5), &mut rng(3), 0.0);
        assert_eq!(numbers, [0, 1, 2, 3, 4], "one from each fifth");
        assert_eq!(weights, [1.0; 5]);
    }
}
