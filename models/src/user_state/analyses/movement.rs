//! How a user's vector moves: from one play to the next, and over days.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::foreteller::Foreteller;
use super::super::histories::Histories;
use super::super::sequences::Part;
use super::Quartiles;
use crate::Result;
use crate::track_embeddings::dot;

/// Days over which vectors are followed.
const DAYS: usize = 28;

const DAY_MS: i64 = 86_400_000;

/// Cosine distances 1 - cos between vectors of the same user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Movement {
    /// Mean from one target to the user's next in the same session; 0 where there is none.
    pub within_session: f64,
    /// Mean from the last target of a session to the first of the next with one; 0 where there is none.
    pub between_sessions: f64,
    /// From the user's first target, by days since its session began, where there are any.
    pub since_first: Vec<(u32, Quartiles)>,
}

/// Follows the vectors foretold for plays, of up to 1,000 users who are chosen evenly. The foreteller gives a user's
/// targets in the order of time.
pub fn state_movement(histories: &Histories, foreteller: &dyn Foreteller, part: Part) -> Result<Movement> {
    const MOST_USERS: usize = 1000;
    let part = Part { stride: part.stride.max(histories.users().div_ceil(MOST_USERS)), ..part };
    let mut users: BTreeMap<usize, Followed> = BTreeMap::new();
    let (mut within, mut between) = (Mean::default(), Mean::default());
    // Per day one value of each user, the first of that day: so memory is bounded by the users.
    let mut by_day = vec![Vec::new(); DAYS];
    foreteller.foretell(part, &mut |foretold| {
        let session = histories.session_of(foretold.target);
        let start_ms = histories.start_ms(session);
        let length = dot(foretold.vector, foretold.vector).sqrt().max(1e-12);
        let vector: Vec<f32> = foretold.vector.iter().map(|x| x / length).collect();
        let user = users.entry(histories.user_of(session)).or_insert_with(|| Followed {
            first: vector.clone(),
            first_ms: start_ms,
            last: None,
            day: 0,
        });
        if let Some((last_session, last)) = &user.last {
            let distance = f64::from(1.0 - dot(last, &vector));
            if *last_session == session { within.add(distance) } else { between.add(distance) }
        }
        let day = ((start_ms - user.first_ms).max(0) / DAY_MS) as usize;
        if day > user.day {
            user.day = day;
            if let Some(values) = by_day.get_mut(day) {
                values.push(f64::from(1.0 - dot(&user.first, &vector)));
            }
        }
        user.last = Some((session, vector));
        Ok(())
    })?;
    let days = by_day.iter_mut().enumerate();
    let since_first = days.filter_map(|(day, values)| Some((day as u32, Quartiles::of(values)?))).collect();
    Ok(Movement { within_session: within.value(), between_sessions: between.value(), since_first })
}

/// What is kept of a user.
struct Followed {
    first: Vec<f32>,
    first_ms: i64,
    last: Option<(usize, Vec<f32>)>,
    /// The last day that has its value.
    day: usize,
}

#[derive(Default)]
struct Mean {
    sum: f64,
    count: u64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    fn value(&self) -> f64 {
        self.sum / self.count.max(1) as f64
    }
}
