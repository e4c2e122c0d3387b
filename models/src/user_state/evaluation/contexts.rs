//! Classes of contexts by which results are shown.

use std::ops::Range;

use listening_data::Context;

use super::super::histories::Histories;

/// Part of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HourClass {
    /// 0 to 5 h.
    Night,
    /// 6 to 11 h.
    Morning,
    /// 12 to 17 h.
    Afternoon,
    /// 18 to 23 h.
    Evening,
}

impl HourClass {
    /// All classes, in order.
    pub const ALL: [Self; 4] = [Self::Night, Self::Morning, Self::Afternoon, Self::Evening];

    /// The class of a context's hour, where known.
    pub fn of(context: &Context) -> Option<Self> {
        context.hour.and_then(|hour| Self::ALL.get(usize::from(hour) / 6).copied())
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Night => "night",
            Self::Morning => "morning",
            Self::Afternoon => "afternoon",
            Self::Evening => "evening",
        }
    }
}

/// How rare a context (hour class and device) has been among a user's sessions so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContextRarity {
    /// Less than one session in twenty.
    Rare,
    /// Less than one in five.
    Occasional,
    /// Less than one in two.
    Common,
    /// The rest.
    Usual,
}

impl ContextRarity {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rare => "below 5 %",
            Self::Occasional => "5 to 20 %",
            Self::Common => "20 to 50 %",
            Self::Usual => "50 % and more",
        }
    }
}

/// Past sessions without which a context is not called rare.
const LEAST_PAST: usize = 10;

/// How rare a session's context is among the `past` sessions of its user; `None` where hour or device is missing, or where
/// the user has fewer than 10.
pub fn context_rarity(histories: &Histories, past: Range<usize>, session: usize) -> Option<ContextRarity> {
    let class = |session| {
        let context = histories.context(session);
        Some((HourClass::of(&context)?, context.device?))
    };
    let own = class(session)?;
    if past.len() < LEAST_PAST {
        return None;
    }
    let share = past.clone().filter(|&past| class(past) == Some(own)).count() as f64 / past.len() as f64;
    Some(match share {
        share if share < 0.05 => ContextRarity::Rare,
        share if share < 0.2 => ContextRarity::Occasional,
        share if share < 0.5 => ContextRarity::Common,
        _ => ContextRarity::Usual,
    })
}
