//! A bounded sample of user vectors, for analyses that compare all with all.

use std::collections::BTreeMap;

use super::super::foreteller::Foreteller;
use super::super::histories::Histories;
use super::super::sequences::Part;
use crate::Result;

/// Vectors of one user at most.
const MOST_OF_A_USER: usize = 100;

/// A user's vector at the start of a session.
#[derive(Clone, Debug, PartialEq)]
pub struct SampledState {
    /// The user.
    pub user: usize,
    /// The session.
    pub session: usize,
    /// The vector, of length 1.
    pub vector: Vec<f32>,
}

/// The vectors of about `most` sessions of a part, of users chosen evenly; of each user the first hundred. In order of
/// sessions.
pub fn sample_states(
    histories: &Histories,
    foreteller: &dyn Foreteller,
    part: Part,
    most: usize,
) -> Result<Vec<SampledState>> {
    let of_part = |session: &usize| histories.split(*session) == part.split;
    let per_user = (0..histories.users())
        .map(|user| histories.sessions_of(user).filter(of_part).count().min(MOST_OF_A_USER))
        .sum::<usize>();
    let sparser = Part { stride: part.stride.max(per_user.div_ceil(most.max(1))), ..part };
    let (mut states, mut counts) = (Vec::new(), BTreeMap::<usize, usize>::new());
    foreteller.foretell(sparser, &mut |foretold| {
        let user = histories.user_of(foretold.target);
        let count = counts.entry(user).or_default();
        if *count < MOST_OF_A_USER {
            *count += 1;
            let length = foretold.vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
            let vector = foretold.vector.iter().map(|x| x / length).collect();
            states.push(SampledState { user, session: foretold.target, vector });
        }
        Ok(())
    })?;
    states.sort_by_key(|state: &SampledState| state.session);
    Ok(states)
}
