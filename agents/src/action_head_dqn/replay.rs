//! The replay of transitions.
//!
//! Stored by session: start, pool (2 bytes per candidate), what was played, responses and rewards. A transition is a
//! session and a position; its state, its remaining candidates and those of the state after it follow from the prefix.
//! For a pool of K and sessions of length T this takes about 7 + (2 K + 120) / T bytes per transition: 23 bytes at
//! K = 100, T = 20, where K feature vectors of 19 numbers would take 7,600. Where user states move within sessions each
//! transition takes 4 bytes per number of the state in addition.

use std::collections::VecDeque;
use std::ops::Range;

use listening_data::{CounterRng, Stream};
use listening_models::{SavedTensor, TensorFile};
use playlist_envs::{FinishedSession, PlayResponses};

use super::priorities::{Exponents, Priorities};
use crate::Result;

/// A transition: a session and the position of the action in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transition<'a> {
    pub(crate) session: &'a FinishedSession,
    pub(crate) position: usize,
}

/// Transitions drawn for a gradient step.
pub(crate) struct Batch<'a> {
    pub(crate) transitions: Vec<Transition<'a>>,
    /// Their numbers, counted from the beginning of the training.
    pub(crate) numbers: Vec<u64>,
    /// What their losses are multiplied with: importance weights; all 1 where they are drawn evenly.
    pub(crate) weights: Vec<f32>,
}

/// Holds the latest transitions, whole sessions at a time.
pub(crate) struct Replay {
    capacity: usize,
    sessions: VecDeque<FinishedSession>,
    /// Per session, how many transitions came before its end since the beginning.
    ends: VecDeque<u64>,
    dropped: u64,
    priorities: Option<Priorities>,
}

impl Replay {
    /// An empty replay, from which transitions are drawn by their priorities where there are exponents.
    pub(crate) fn new(capacity: usize, exponents: Option<Exponents>) -> Self {
        let priorities = exponents.map(|exponents| Priorities::new(capacity, exponents));
        Self { capacity, sessions: VecDeque::new(), ends: VecDeque::new(), dropped: 0, priorities }
    }

    /// Number of transitions.
    pub(crate) fn len(&self) -> usize {
        let held = self.held();
        (held.end - held.start) as usize
    }

    /// The numbers of the transitions.
    fn held(&self) -> Range<u64> {
        self.dropped..self.ends.back().copied().unwrap_or(self.dropped)
    }

    /// Adds a session and drops the oldest ones that no longer fit.
    pub(crate) fn push(&mut self, session: FinishedSession) {
        let before = self.held();
        let end = before.end + session.played.len() as u64;
        self.ends.push_back(end);
        self.sessions.push_back(session);
        while self.len() > self.capacity && self.sessions.len() > 1 {
            self.sessions.pop_front();
            self.dropped = self.ends.pop_front().unwrap_or(0);
        }
        if let Some(priorities) = &mut self.priorities {
            priorities.leave(before.start..self.dropped);
            priorities.enter(before.end..end);
        }
    }

    /// Draws `count` transitions with replacement, evenly or by their priorities; a function of the seed, the gradient
    /// step, the share of the training done and the contents.
    pub(crate) fn sample(&self, count: usize, seed: u64, gradient_step: u64, progress: f64) -> Batch<'_> {
        let mut rng = CounterRng::new(seed, Stream::Replay, gradient_step, 0);
        let (numbers, weights): (Vec<u64>, _) = match &self.priorities {
            Some(priorities) => priorities.sample(count, &self.held(), &mut rng, progress),
            None => ((0..count).map(|_| self.dropped + rng.below(self.len()) as u64).collect(), vec![1.0; count]),
        };
        Batch { transitions: numbers.iter().map(|&number| self.at(number)).collect(), numbers, weights }
    }

    /// Takes the absolute errors of transitions drawn since the last session was added.
    pub(crate) fn learnt(&mut self, numbers: &[u64], errors: &[f32]) {
        if let Some(priorities) = &mut self.priorities {
            priorities.learnt(numbers, errors);
        }
    }

    fn at(&self, number: u64) -> Transition<'_> {
        let index = self.ends.partition_point(|&end| end <= number);
        let session = &self.sessions[index];
        let first = self.ends[index] - session.played.len() as u64;
        Transition { session, position: (number - first) as usize }
    }

    /// The contents for a file.
    pub(crate) fn saved(&self) -> Vec<(String, SavedTensor<'static>)> {
        let numbers: Vec<u32> = self.sessions.iter().flat_map(|s| [s.number as u32, (s.number >> 32) as u32]).collect();
        let heads: Vec<u32> = self
            .sessions
            .iter()
            .flat_map(|s| {
                [
                    s.start,
                    s.pool.len() as u32,
                    s.played.len() as u32,
                    u32::from(s.terminated) | u32::from(s.returned) << 1,
                ]
            })
            .collect();
        let bytes = |values: Vec<u16>| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let pools = bytes(self.sessions.iter().flat_map(|s| s.pool.iter().copied()).collect());
        let played = bytes(self.sessions.iter().flat_map(|s| s.played.iter().copied()).collect());
        let responses: Vec<u8> = self.sessions.iter().flat_map(|s| s.responses.iter().map(|r| r.bits())).collect();
        let rewards: Vec<f32> = self.sessions.iter().flat_map(|s| s.rewards.iter().copied()).collect();
        let states: Vec<f32> = self.sessions.iter().flat_map(|s| s.states.iter().copied()).collect();
        let state_length = self.sessions.front().map_or(0, |s| s.states.len() / (s.played.len() + 1));
        let counts = [self.dropped as u32, (self.dropped >> 32) as u32, state_length as u32];
        let mut saved: Vec<(String, SavedTensor<'static>)> = vec![
            ("counts".into(), SavedTensor::integers(&[3], &counts).into_owned()),
            ("numbers".into(), SavedTensor::integers(&[numbers.len()], &numbers).into_owned()),
            ("heads".into(), SavedTensor::integers(&[heads.len()], &heads).into_owned()),
            ("pools".into(), SavedTensor::bytes(&pools).into_owned()),
            ("played".into(), SavedTensor::bytes(&played).into_owned()),
            ("responses".into(), SavedTensor::bytes(&responses).into_owned()),
            ("rewards".into(), SavedTensor::floats(&[rewards.len()], &rewards).into_owned()),
            ("states".into(), SavedTensor::floats(&[states.len()], &states).into_owned()),
        ];
        if let Some(priorities) = &self.priorities {
            let (powered, highest) = priorities.saved(self.held());
            saved.push(("priorities".into(), SavedTensor::floats(&[powered.len()], &powered).into_owned()));
            saved.push(("highest_priority".into(), SavedTensor::floats(&[1], &[highest]).into_owned()));
        }
        saved
    }

    /// Reads what [`Self::saved`] gave.
    pub(crate) fn load(capacity: usize, exponents: Option<Exponents>, file: &TensorFile) -> Result<Self> {
        let (counts, numbers, heads) = (file.integers("counts")?, file.integers("numbers")?, file.integers("heads")?);
        let shorts = |bytes: &[u8]| -> Vec<u16> {
            bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
        };
        let (mut pools, mut played) =
            (shorts(file.bytes("pools")?).into_iter(), shorts(file.bytes("played")?).into_iter());
        let mut responses = file.bytes("responses")?.iter().map(|&bits| PlayResponses::from_bits(bits));
        let (_, rewards) = file.floats("rewards")?;
        let mut rewards = rewards.into_iter();
        let (_, states) = file.floats("states")?;
        let (mut states, state_length) = (states.into_iter(), counts[2] as usize);
        let wide = |pair: &[u32]| u64::from(pair[0]) | u64::from(pair[1]) << 32;
        let dropped = wide(&counts);
        let mut replay = Self { dropped, ..Self::new(capacity, exponents) };
        let mut end = dropped;
        for (number, head) in numbers.chunks_exact(2).map(wide).zip(heads.chunks_exact(4)) {
            let length = head[2] as usize;
            end += length as u64;
            replay.ends.push_back(end);
            replay.sessions.push_back(FinishedSession {
                number,
                start: head[0],
                pool: pools.by_ref().take(head[1] as usize).collect(),
                played: played.by_ref().take(length).collect(),
                responses: responses.by_ref().take(length).collect(),
                rewards: rewards.by_ref().take(length).collect(),
                states: states.by_ref().take((length + 1) * state_length).collect(),
                terminated: head[3] & 1 == 1,
                returned: head[3] >> 1 == 1,
            });
        }
        let held = replay.held();
        if let Some(priorities) = &mut replay.priorities {
            let (_, powered) = file.floats("priorities")?;
            let (_, highest) = file.floats("highest_priority")?;
            priorities.load(held, &powered, highest.first().copied().unwrap_or(1.0));
        }
        Ok(replay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(number: u64, length: usize) -> FinishedSession {
        FinishedSession {
            number,
            start: number as u32,
            pool: (0..10).collect(),
            played: (0..length as u16).collect(),
            responses: vec![PlayResponses::from_bits(1); length],
            rewards: (0..length).map(|t| number as f32 + t as f32 / 10.0).collect(),
            states: (0..2 * (length + 1)).map(|place| number as f32 - place as f32).collect(),
            terminated: number.is_multiple_of(2),
            returned: number.is_multiple_of(3),
        }
    }

    #[test]
    fn the_latest_transitions_are_kept_and_each_is_drawn_as_often() {
        let mut replay = Replay::new(12, None);
        for number in 0..6 {
            replay.push(session(number, 1 + number as usize));
        }
        // Lengths 5 and 6 fit into 12, and 4 more does not.
        assert_eq!(replay.len(), 11);
        let mut drawn = std::collections::HashMap::new();
        for step in 0..2000 {
            for transition in replay.sample(11, 1, step, 0.0).transitions {
                *drawn.entry((transition.session.number, transition.position)).or_insert(0) += 1;
            }
        }
        assert_eq!(drawn.len(), 11);
        // 2000 draws expected each, standard deviation 43.
        assert!(drawn.values().all(|&count: &i32| (count - 2000).abs() < 220), "{drawn:?}");
    }

    #[test]
    fn a_saved_replay_gives_the_same_draws() {
        for exponents in [None, Some(Exponents { alpha: 0.6, beta: 0.4 })] {
            let mut replay = Replay::new(30, exponents);
            for number in 0..20 {
                replay.push(session(number, 1 + number as usize % 7));
                let numbers = replay.sample(8, 5, number, 0.1).numbers;
                let errors: Vec<f32> = numbers.iter().map(|&number| (number as f32).sin().abs()).collect();
                replay.learnt(&numbers, &errors);
            }
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("replay.safetensors");
            listening_models::save_tensors(&path, &replay.saved()).unwrap();
            let mut loaded = Replay::load(30, exponents, &TensorFile::open(&path).unwrap()).unwrap();
            assert_eq!(loaded.sessions, replay.sessions);
            for step in 0..10 {
                // Both go on alike.
                let drawn = [&mut loaded, &mut replay].map(|replay| {
                    replay.push(session(step, 3));
                    let batch = replay.sample(8, 5, step, 0.3);
                    let keys: Vec<_> = batch.transitions.iter().map(|t| (t.session.number, t.position)).collect();
                    let (numbers, weights) = (batch.numbers, batch.weights);
                    replay.learnt(&numbers, &[0.5; 8]);
                    (keys, numbers, weights)
                });
                assert_eq!(drawn[0], drawn[1]);
            }
        }
    }

    /// What has left is never drawn, what is new comes first, and an error of 0 is drawn hardly ever.
    #[test]
    fn priorities_follow_the_sessions() {
        let mut replay = Replay::new(12, Some(Exponents { alpha: 1.0, beta: 1.0 }));
        for number in 0..100 {
            replay.push(session(number, 1 + number as usize % 5));
            let batch = replay.sample(replay.len(), 1, number, 0.0);
            let drawn = batch.transitions.iter().filter(|t| t.session.number == number).count();
            let held = replay.sessions.front().unwrap().number..=number;
            assert!(batch.transitions.iter().all(|t| held.contains(&t.session.number)));
            // All others have been learnt to the end.
            assert!(drawn >= batch.numbers.len() - 1, "{drawn} of {}", batch.numbers.len());
            let all: Vec<u64> = replay.held().collect();
            replay.learnt(&all, &vec![0.0; all.len()]);
        }
    }
}
