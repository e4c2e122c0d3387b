//! Planning: beam search through a model of the session.

use playlist_envs::{PlanningModel, SessionBatch, SessionView, World};

use crate::{Policy, Result};

/// Plays the first track of the best plan that it finds: of all continuations by one track the `width` of highest expected
/// return are gone on with, `depth` tracks deep. A plan's return is the sum of the expected rewards, each times the
/// probability that the listener is still there. Plans are made anew after each response.
pub struct BeamPolicy<M: PlanningModel> {
    name: &'static str,
    model: M,
    width: usize,
    depth: usize,
}

/// A plan in the making.
struct Plan<S> {
    state: S,
    places: Vec<u16>,
    total: f32,
    /// The probability that the listener hears the next track.
    there: f32,
}

impl<M: PlanningModel> BeamPolicy<M> {
    /// Plays the track of highest expected reward: looks no further than the next track.
    pub fn greedy(name: &'static str, model: M) -> Self {
        Self::new(name, model, 1, 1)
    }

    /// Plans by this model; width and depth are at least 1.
    pub fn new(name: &'static str, model: M, width: usize, depth: usize) -> Self {
        Self { name, model, width: width.max(1), depth: depth.max(1) }
    }

    fn best_first(&mut self, world: &World, view: &SessionView<'_>, state: M::State) -> Result<u32> {
        let left = (world.settings.max_length.min(view.pool.len()) - view.position()).min(self.depth);
        let mut plans = vec![Plan { state, places: Vec::new(), total: 0.0, there: 1.0 }];
        for step in 1..=left {
            // Total, plan and place.
            let mut found: Vec<(f32, usize, u16)> = Vec::new();
            for (number, plan) in plans.iter().enumerate() {
                let open: Vec<u16> = view.remaining().filter(|place| !plan.places.contains(place)).collect();
                let rewards = self.model.rewards(world, view, &plan.state, &open)?;
                let total = |reward: f32| plan.total + plan.there * reward;
                found.extend(open.iter().zip(rewards).map(|(&place, reward)| (total(reward), number, place)));
            }
            // Equal totals stay in order, so that ties go to the first.
            found.sort_by(|a, b| b.0.total_cmp(&a.0));
            found.truncate(self.width);
            let first = |&(_, number, place): &(f32, usize, u16)| *plans[number].places.first().unwrap_or(&place);
            if step == left {
                return Ok(found.first().map_or(0, |best| u32::from(first(best))));
            }
            plans = found
                .iter()
                .map(|&(total, number, place)| {
                    let plan = &plans[number];
                    let places = plan.places.iter().copied().chain([place]).collect();
                    let (state, stays) = self.model.after(world, view, &plan.state, place)?;
                    Ok(Plan { state, places, total, there: plan.there * stays })
                })
                .collect::<Result<_>>()?;
        }
        Ok(0)
    }
}

impl<M: PlanningModel + 'static> Policy for BeamPolicy<M> {
    fn name(&self) -> &str {
        self.name
    }

    fn choose(&mut self, world: &World, sessions: &SessionBatch, actions: &mut Vec<u32>) -> Result<()> {
        actions.clear();
        let states = self.model.stand(world, sessions)?;
        for (index, state) in states.into_iter().enumerate() {
            actions.push(self.best_first(world, &sessions.view(index), state)?);
        }
        Ok(())
    }

    fn fork(&self) -> Result<Box<dyn Policy>> {
        Ok(Box::new(Self { name: self.name, model: self.model.fork(), width: self.width, depth: self.depth }))
    }
}

#[cfg(test)]
mod tests {
    use playlist_envs::{PoolSettings, Result, WorldSettings, small_world};

    use super::*;

    /// Listeners of whom all is known: what a track is worth depends on the one before more than on itself.
    struct Toy;

    fn reward(before: Option<u16>, place: u16) -> f32 {
        let after = (f32::from(before.map_or(7, |place| place + 1)) * 3.7).sin();
        after + 0.3 * (f32::from(place) * 1.9).sin()
    }

    fn stays(place: u16) -> f32 {
        if place.is_multiple_of(3) { 0.6 } else { 0.9 }
    }

    impl PlanningModel for Toy {
        type State = Option<u16>;

        fn stand(&mut self, _: &World, sessions: &SessionBatch) -> Result<Vec<Option<u16>>> {
            Ok((0..sessions.len()).map(|index| sessions.view(index).played.last().copied()).collect())
        }

        fn rewards(&mut self, _: &World, _: &SessionView<'_>, state: &Option<u16>, places: &[u16]) -> Result<Vec<f32>> {
            Ok(places.iter().map(|&place| reward(*state, place)).collect())
        }

        fn after(&mut self, _: &World, _: &SessionView<'_>, _: &Option<u16>, place: u16) -> Result<(Option<u16>, f32)> {
            Ok((Some(place), stays(place)))
        }

        fn fork(&self) -> Self {
            Self
        }
    }

    /// The best return of up to `depth` tracks, and the first of them, by trying all.
    fn best(before: Option<u16>, left: &[u16], depth: usize) -> (f32, u16) {
        let mut found = (f32::NEG_INFINITY, 0);
        for &place in left {
            let rest: Vec<u16> = left.iter().copied().filter(|&other| other != place).collect();
            let later = if depth > 1 && !rest.is_empty() { best(Some(place), &rest, depth - 1).0 } else { 0.0 };
            let total = reward(before, place) + stays(place) * later;
            if total > found.0 {
                found = (total, place);
            }
        }
        found
    }

    #[test]
    fn a_wide_beam_finds_what_trying_all_finds_and_a_narrow_one_is_greedy() {
        let folder = tempfile::tempdir().unwrap();
        let settings = WorldSettings {
            max_length: 4,
            pool: PoolSettings { min_size: 5, max_size: 7, ..PoolSettings::default() },
            ..WorldSettings::default()
        };
        let (world, _) = small_world(folder.path(), 30, settings, 1).unwrap();
        let mut sessions = SessionBatch::new(&world, 12);
        (0..12).for_each(|index| sessions.begin(&world, index, index as u64));
        let mut planned = 0;
        for position in 0..4 {
            // In the last place there is one track to plan.
            let depth = 3.min(4 - position);
            let choose = |width: usize, sessions: &SessionBatch| {
                let mut actions = Vec::new();
                BeamPolicy::new("beam", Toy, width, 3).choose(&world, sessions, &mut actions).unwrap();
                actions
            };
            let (wide, narrow) = (choose(1000, &sessions), choose(1, &sessions));
            for index in 0..12 {
                let view = sessions.view(index);
                let open: Vec<u16> = view.remaining().collect();
                let before = view.played.last().copied();
                assert_eq!(wide[index], u32::from(best(before, &open, depth).1), "session {index}, place {position}");
                assert_eq!(narrow[index], u32::from(best(before, &open, 1).1));
                planned += usize::from(wide[index] != narrow[index]);
            }
            for (index, &action) in wide.iter().enumerate() {
                sessions.record(index, action as u16, playlist_envs::PlayResponses::default(), 0.0);
            }
        }
        assert!(planned > 5, "planning must matter here");
    }
}
