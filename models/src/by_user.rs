//! Sessions of one user at a time, from a stream in order of user.

use crate::Result;

/// Gives the items of each user, at least one, to `take`, which may keep them. Items of one user follow each other; memory holds
/// those of one.
pub(crate) fn by_user<T>(
    items: impl Iterator<Item = Result<T>>,
    user: impl Fn(&T) -> u32,
    mut take: impl FnMut(&mut Vec<T>) -> Result<()>,
) -> Result<()> {
    let mut of_user: Vec<T> = Vec::new();
    for item in items {
        let item = item?;
        if of_user.last().is_some_and(|last| user(last) != user(&item)) {
            take(&mut of_user)?;
            of_user.clear();
        }
        of_user.push(item);
    }
    if of_user.is_empty() { Ok(()) } else { take(&mut of_user) }
}
