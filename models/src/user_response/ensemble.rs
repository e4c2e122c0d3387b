//! Several models of one kind that answer together.

use super::{HEADS, Predictions, ResponseModel, Rows};
use crate::Result;

/// Models that were trained apart, from other initial weights and in another order (deep ensembles: Lakshminarayanan et al.,
/// NIPS 2017). The answer is the mean of their probabilities; how far they are apart says how little the log told them.
pub struct Ensemble {
    members: Vec<Box<dyn ResponseModel>>,
}

impl Ensemble {
    /// Of at least one member; all are asked the same rows.
    pub fn new(members: Vec<Box<dyn ResponseModel>>) -> Self {
        Self { members }
    }

    /// Asks each member, with its part of each memory, and puts the answers to each row side by side.
    fn ask(
        &self,
        rows: &Rows,
        apart: &mut Vec<Predictions>,
        mut ask: impl FnMut(usize, &dyn ResponseModel, &mut Vec<Predictions>) -> Result<()>,
    ) -> Result<()> {
        let answers = self.members.iter().enumerate().map(|(place, member)| {
            let mut answers = Vec::with_capacity(rows.len());
            ask(place, member.as_ref(), &mut answers)?;
            Ok(answers)
        });
        let answers = answers.collect::<Result<Vec<_>>>()?;
        apart.extend((0..rows.len()).flat_map(|row| answers.iter().map(move |answers| answers[row])));
        Ok(())
    }

    /// Where a member's part of a memory begins, and its length.
    fn part(&self, member: usize) -> (usize, usize) {
        let lengths = self.members.iter().map(|member| member.memory_length());
        (lengths.clone().take(member).sum(), lengths.clone().nth(member).unwrap_or(0))
    }

    fn append_means(&self, apart: &[Predictions], predictions: &mut Vec<Predictions>) {
        predictions.extend(apart.chunks_exact(self.members.len()).map(mean_prediction));
    }
}

/// The mean of several answers to one row.
pub fn mean_prediction(answers: &[Predictions]) -> Predictions {
    let sums = answers
        .iter()
        .fold([0.0; HEADS.len()], |sums: Predictions, answer| std::array::from_fn(|head| sums[head] + answer[head]));
    sums.map(|sum| sum / answers.len() as f32)
}

impl ResponseModel for Ensemble {
    fn sees_session(&self) -> bool {
        self.members.iter().any(|member| member.sees_session())
    }

    fn memory_length(&self) -> usize {
        self.members.iter().map(|member| member.memory_length()).sum()
    }

    fn members(&self) -> usize {
        self.members.len()
    }

    fn play(&self, rows: &Rows, memories: &mut [f32], predictions: &mut Vec<Predictions>) -> Result<()> {
        let mut apart = Vec::new();
        self.play_apart(rows, memories, &mut apart)?;
        self.append_means(&apart, predictions);
        Ok(())
    }

    fn play_apart(&self, rows: &Rows, memories: &mut [f32], apart: &mut Vec<Predictions>) -> Result<()> {
        let whole = self.memory_length();
        self.ask(rows, apart, |place, member, answers| {
            let (start, length) = self.part(place);
            if length == 0 {
                return member.play(rows, &mut [], answers);
            }
            let mut parts: Vec<f32> =
                memories.chunks_exact(whole).flat_map(|memory| &memory[start..start + length]).copied().collect();
            member.play(rows, &mut parts, answers)?;
            for (memory, part) in memories.chunks_exact_mut(whole).zip(parts.chunks_exact(length)) {
                memory[start..start + length].copy_from_slice(part);
            }
            Ok(())
        })
    }

    fn candidates(&self, rows: &Rows, memory: &[f32], predictions: &mut Vec<Predictions>) -> Result<()> {
        let mut apart = Vec::new();
        self.ask(rows, &mut apart, |place, member, answers| {
            let (start, length) = self.part(place);
            member.candidates(rows, &memory[start..start + length], answers)
        })?;
        self.append_means(&apart, predictions);
        Ok(())
    }

    fn another(&self) -> Box<dyn ResponseModel> {
        Box::new(Self::new(self.members.iter().map(|member| member.another()).collect()))
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::super::SequentialModel;
    use super::*;
    use crate::network::Precision;

    fn rows(count: usize, start: f32) -> Rows {
        let mut rows = Rows::default();
        for row in 0..count {
            let features: Vec<f32> = (0..21).map(|k| (start + (row * 21 + k) as f32 * 0.7).sin()).collect();
            rows.push(&features, &[], &[], &[], 0);
        }
        rows
    }

    /// Members of different sizes, each asked alone.
    #[test]
    fn the_answer_is_the_mean_and_each_member_keeps_its_memory() {
        let member = |units: &[usize], seed| -> Box<dyn ResponseModel> {
            SequentialModel::new(units, &[6], 21, seed, Device::Cpu)
                .unwrap()
                .0
                .for_simulation(Precision::Single)
                .unwrap()
        };
        let members = [member(&[5, 3], 1), member(&[4], 2)];
        let ensemble = Ensemble::new(members.iter().map(|member| member.another()).collect());
        assert_eq!(ensemble.memory_length(), 2 * (5 + 3 + 4));
        let mut memories = vec![0.0; 3 * ensemble.memory_length()];
        let mut alone = members.each_ref().map(|member| vec![0.0; 3 * member.memory_length()]);
        for step in 0..4 {
            let rows = rows(3, step as f32);
            let (mut together, mut apart) = (Vec::new(), Vec::new());
            ensemble.play(&rows, &mut memories.clone(), &mut together).unwrap();
            ensemble.play_apart(&rows, &mut memories, &mut apart).unwrap();
            let answers: [Vec<Predictions>; 2] = std::array::from_fn(|place| {
                let mut answers = Vec::new();
                members[place].play(&rows, &mut alone[place], &mut answers).unwrap();
                answers
            });
            for row in 0..3 {
                assert_eq!(apart[2 * row..2 * row + 2], [answers[0][row], answers[1][row]]);
                for head in 0..HEADS.len() {
                    let expected = (answers[0][row][head] + answers[1][row][head]) / 2.0;
                    assert!((together[row][head] - expected).abs() < 1e-7);
                }
            }
        }
        let (mut asked, mut played) = (Vec::new(), Vec::new());
        let one = &memories[..ensemble.memory_length()];
        ensemble.candidates(&rows(1, 9.0), one, &mut asked).unwrap();
        ensemble.play(&rows(1, 9.0), &mut one.to_vec(), &mut played).unwrap();
        assert!((0..HEADS.len()).all(|head| (asked[0][head] - played[0][head]).abs() < 1e-6));
    }
}
