//! T-batches: interactions that can be worked on at the same time with the same result as one after another in order of
//! time (Kumar et al., KDD 2019, section 3.3).

/// A meeting of a user and an item, all numbered from 0 within a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meeting {
    pub(super) user: usize,
    pub(super) item: usize,
    /// The item that the user met before, which the prediction looks at.
    pub(super) last_item: usize,
}

/// The number of the batch of each meeting, from 0; `meetings` stand in order of time.
///
/// A batch reads before it writes. A meeting comes in a later batch than all earlier ones of its user, of its item and of
/// its last item, and no earlier than meetings before it that look at its item as their last. The last two are ours: the
/// paper's batches may look at last items as they are some interactions later.
pub(super) fn t_batches(meetings: &[Meeting], users: usize, items: usize) -> Vec<usize> {
    let (mut user_free, mut item_free, mut item_read) = (vec![0; users], vec![0; items], vec![0; items]);
    let mut batches = Vec::with_capacity(meetings.len());
    for &Meeting { user, item, last_item } in meetings {
        let batch: usize =
            [user_free[user], item_free[item], item_free[last_item], item_read[item]].into_iter().max().unwrap_or(0);
        user_free[user] = batch + 1;
        item_free[item] = batch + 1;
        item_read[last_item] = item_read[last_item].max(batch);
        batches.push(batch);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_small_case_by_hand() {
        let meeting = |user, item, last_item| Meeting { user, item, last_item };
        // Users 0 and 1 start with items 0 and 1 (item 3 stands for none); user 0 goes on to 1 from 0; user 2 meets 0,
        // which user 0 has looked at as its last in batch 1; user 1 goes on to 2.
        let meetings = [meeting(0, 0, 3), meeting(1, 1, 3), meeting(0, 1, 0), meeting(2, 0, 3), meeting(1, 2, 1)];
        assert_eq!(t_batches(&meetings, 3, 4), [0, 0, 1, 1, 2]);
    }

    proptest! {
        /// Items and users count their writes; each meeting must read the counts that it reads one after another.
        #[test]
        fn batches_read_what_meetings_in_order_read(pairs in proptest::collection::vec((0usize..4, 0usize..5), 0..60)) {
            let mut last = [5; 4];
            let meetings: Vec<Meeting> = pairs
                .into_iter()
                .map(|(user, item)| Meeting { user, item, last_item: std::mem::replace(&mut last[user], item) })
                .collect();
            let run = |batches: &[usize]| {
                let (mut users, mut items) = (vec![0u64; 4], vec![0u64; 6]);
                let mut seen = vec![(0, 0, 0); meetings.len()];
                for batch in 0..=batches.iter().copied().max().unwrap_or(0) {
                    let members: Vec<usize> = (0..meetings.len()).filter(|&place| batches[place] == batch).collect();
                    for &place in &members {
                        let Meeting { user, item, last_item } = meetings[place];
                        seen[place] = (users[user], items[item], items[last_item]);
                    }
                    for &place in &members {
                        users[meetings[place].user] += 1;
                        items[meetings[place].item] += 1;
                    }
                }
                seen
            };
            let one_by_one: Vec<usize> = (0..meetings.len()).collect();
            prop_assert_eq!(run(&t_batches(&meetings, 4, 6)), run(&one_by_one));
        }
    }
}
