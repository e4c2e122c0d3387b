//! The bootstrap of many means at once: each resample is drawn once, for all policies, measures and groups.

use listening_models::user_state::evaluation::draw_users;
use serde::{Deserialize, Serialize};

/// What a resample draws with replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resampled {
    /// Users, each with all its sessions: the results hold of users like these.
    Users,
    /// Sessions, where there are fewer than 10 users: the results hold of these users alone.
    Sessions,
}

/// One mean: the sum in one column over the sum in another.
#[derive(Clone, Copy)]
pub(super) struct Ratio {
    pub above: usize,
    pub below: usize,
}

/// Sums over the sessions of each unit (what a resample draws) in each group of sessions.
pub(super) struct UnitSums {
    columns: usize,
    units: usize,
    /// Per group, the units in it, and their rows of sums.
    groups: Vec<(Vec<usize>, Vec<f64>)>,
    /// Per group, each unit's row, where it has one.
    rows: Vec<Vec<Option<usize>>>,
}

impl UnitSums {
    pub fn new(units: usize, groups: usize, columns: usize) -> Self {
        let (groups, rows) = (vec![(Vec::new(), Vec::new()); groups], vec![vec![None; units]; groups]);
        Self { columns, units, groups, rows }
    }

    /// The sums of a unit in a group.
    pub fn row(&mut self, group: usize, unit: usize) -> &mut [f64] {
        let (members, sums) = &mut self.groups[group];
        let row = *self.rows[group][unit].get_or_insert_with(|| {
            members.push(unit);
            sums.resize(members.len() * self.columns, 0.0);
            members.len() - 1
        });
        &mut sums[row * self.columns..][..self.columns]
    }

    /// Units in a group.
    pub fn units_in(&self, group: usize) -> usize {
        self.groups[group].0.len()
    }

    /// The means of a group.
    pub fn means(&self, group: usize, ratios: &[Ratio]) -> Vec<f64> {
        let mut totals = vec![0.0; self.columns];
        self.add(group, |_| 1, &mut totals);
        of_totals(&totals, ratios).collect()
    }

    /// Per group and resample the means, one after another. Resamples are shared among threads; each is a function of seed and
    /// number.
    pub fn resampled(&self, ratios: &[Ratio], resamples: u32, seed: u64, threads: usize) -> Vec<Vec<f64>> {
        let share = resamples.div_ceil(threads.max(1) as u32).max(1);
        let part = |first: u32| {
            let mut means = vec![Vec::new(); self.groups.len()];
            let (mut times, mut totals) = (vec![0u32; self.units], vec![0.0; self.columns]);
            for resample in first..(first + share).min(resamples) {
                times.fill(0);
                draw_users(self.units, resample, seed).for_each(|unit| times[unit] += 1);
                for (group, means) in means.iter_mut().enumerate() {
                    totals.fill(0.0);
                    self.add(group, |unit| times[unit], &mut totals);
                    means.extend(of_totals(&totals, ratios));
                }
            }
            means
        };
        let part = &part;
        let parts: Vec<Vec<Vec<f64>>> = std::thread::scope(|scope| {
            let firsts = (0..resamples).step_by(share as usize);
            let threads: Vec<_> = firsts.map(|first| scope.spawn(move || part(first))).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            threads.into_iter().map(join).collect()
        });
        (0..self.groups.len()).map(|group| parts.iter().flat_map(|part| &part[group]).copied().collect()).collect()
    }

    /// Adds the rows of a group, each as often as its unit was drawn.
    fn add(&self, group: usize, times: impl Fn(usize) -> u32, totals: &mut [f64]) {
        let (members, sums) = &self.groups[group];
        for (&unit, row) in members.iter().zip(sums.chunks_exact(self.columns)) {
            let times = f64::from(times(unit));
            if times > 0.0 {
                totals.iter_mut().zip(row).for_each(|(total, value)| *total += times * value);
            }
        }
    }
}

/// A mean of nothing is not a number.
fn of_totals(totals: &[f64], ratios: &[Ratio]) -> impl Iterator<Item = f64> {
    ratios.iter().map(|ratio| match totals[ratio.below] {
        0.0 => f64::NAN,
        below => totals[ratio.above] / below,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resampled_means_are_those_of_the_units_drawn() {
        // Columns: sessions, their sum. Unit 1 is in the second group alone.
        let values = [(0, 0, 1.0), (0, 2, 5.0), (1, 1, 3.0), (1, 2, 5.0), (0, 0, 2.0)];
        let mut sums = UnitSums::new(3, 2, 2);
        for (group, unit, value) in values {
            let row = sums.row(group, unit);
            row[0] += 1.0;
            row[1] += value;
        }
        let ratios = [Ratio { above: 1, below: 0 }];
        assert_eq!((sums.units_in(0), sums.means(0, &ratios), sums.means(1, &ratios)), (2, vec![8.0 / 3.0], vec![4.0]));
        let found = sums.resampled(&ratios, 50, 7, 1);
        assert_eq!(format!("{found:?}"), format!("{:?}", sums.resampled(&ratios, 50, 7, 3)), "one thread or three");
        for resample in 0..50 {
            let drawn: Vec<usize> = draw_users(3, resample, 7).collect();
            for group in 0..2 {
                let of = |&unit: &usize| values.into_iter().filter(move |&(g, u, _)| (g, u) == (group, unit));
                let all: Vec<f64> = drawn.iter().flat_map(of).map(|(.., value)| value).collect();
                let (found, expected) = (found[group][resample as usize], all.iter().sum::<f64>() / all.len() as f64);
                assert!((found - expected).abs() < 1e-12 || found.is_nan() && all.is_empty(), "{found} {expected}");
            }
        }
    }
}
