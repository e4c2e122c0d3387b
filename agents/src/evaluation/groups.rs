//! Groups of sessions that results are shown by: contexts, and segments of users.

use std::collections::BTreeSet;

use listening_data::{Context, Device};
use listening_models::features::{CONTEXT_FEATURES, hour_and_device};
use listening_models::user_state::evaluation::HourClass;
use playlist_envs::World;
use serde::{Deserialize, Serialize};

use super::ListenerProfiles;

/// What sessions are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    /// Part of the day at the session's start.
    Hour,
    /// Class of device.
    Device,
    /// The user's activity: thirds of the users by their training plays.
    Activity,
}

impl GroupKind {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Device => "device",
            Self::Activity => "activity",
        }
    }
}

/// The groups of the sessions of a world, by their starts. A session whose hour or device is not known is in no such group.
pub struct SessionGroups {
    names: Vec<(GroupKind, String)>,
    /// Per start, places in `names`.
    of_start: Vec<Vec<usize>>,
}

impl SessionGroups {
    /// The groups of a world's starts.
    pub fn new(world: &World, profiles: &ListenerProfiles) -> Self {
        let starts = &world.starts;
        let users: BTreeSet<u32> = (0..starts.len()).map(|start| starts.user(start)).collect();
        let thirds = Thirds::of(users.into_iter().map(|user| profiles.plays(user)).collect());
        let hours = HourClass::ALL.map(|class| (GroupKind::Hour, class.name().to_owned()));
        let devices = Device::ALL.iter().map(|device| (GroupKind::Device, device.name().to_owned()));
        let segments = thirds.names().map(|name| (GroupKind::Activity, name));
        let names: Vec<_> = hours.into_iter().chain(devices).chain(segments).collect();
        let of_start = (0..starts.len()).map(|start| {
            let features = starts.session_features(start);
            let (hour, device) = hour_and_device(&features[features.len() - CONTEXT_FEATURES..]);
            let class = HourClass::of(&Context { hour, ..Context::default() });
            let third = thirds.third(profiles.plays(starts.user(start)));
            let (of_devices, of_thirds) = (HourClass::ALL.len(), HourClass::ALL.len() + Device::ALL.len());
            let device = device.map(|device| of_devices + device.code());
            class.map(|class| class as usize).into_iter().chain(device).chain([of_thirds + third]).collect()
        });
        let of_start = of_start.collect();
        Self { names, of_start }
    }

    /// Groups of starts, given.
    #[cfg(test)]
    pub(super) fn of_places(names: Vec<(GroupKind, String)>, of_start: Vec<Vec<usize>>) -> Self {
        Self { names, of_start }
    }

    /// Kind and name of each group, in the order in which they are shown.
    pub fn names(&self) -> &[(GroupKind, String)] {
        &self.names
    }

    /// The groups of a start: places in [`Self::names`].
    pub fn of_start(&self, start: u32) -> &[usize] {
        &self.of_start[start as usize]
    }

    /// The name of a start's group of a kind.
    pub fn name(&self, start: u32, kind: GroupKind) -> Option<&str> {
        let mut groups = self.of_start(start).iter().map(|&group| &self.names[group]);
        groups.find(|(of, _)| *of == kind).map(|(_, name)| name.as_str())
    }
}

/// The largest values of the first and of the second third of some numbers.
struct Thirds([u32; 2]);

impl Thirds {
    fn of(mut values: Vec<u32>) -> Self {
        values.sort_unstable();
        let last = |thirds: usize| (values.len() * thirds).div_ceil(3).saturating_sub(1);
        Self([1, 2].map(|thirds| values.get(last(thirds)).copied().unwrap_or(0)))
    }

    /// 0 to 2.
    fn third(&self, value: u32) -> usize {
        self.0.iter().filter(|&&largest| value > largest).count()
    }

    fn names(&self) -> [String; 3] {
        let [first, second] = self.0;
        [
            format!("low (to {first} plays)"),
            format!("middle (to {second} plays)"),
            format!("high (above {second} plays)"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_divided_into_thirds() {
        let thirds = Thirds::of(vec![9, 1, 5, 3, 2, 100, 7]);
        // In order 1, 2, 3 | 5, 7 | 9, 100.
        assert_eq!(thirds.0, [3, 7]);
        assert_eq!([1, 3, 4, 7, 8, 1000].map(|plays| thirds.third(plays)), [0, 0, 1, 1, 2, 2]);
        assert_eq!(thirds.names()[1], "middle (to 7 plays)");
        let alike = Thirds::of(vec![4; 5]);
        assert_eq!(alike.third(4), 0, "users of equal activity are in one segment");
        assert_eq!(Thirds::of(Vec::new()).0, [0, 0]);
    }
}
