//! The listeners of Spotify's exports by number.

use std::collections::HashMap;

use super::spotify_archive::Owner;
use crate::{DataError, Result, User};

/// Users by their id.
#[derive(Default)]
pub(super) struct Users {
    numbers: HashMap<String, u32>,
    pub(super) users: Vec<User>,
    /// Owners whose rows carry no username, by the user they became.
    claims: HashMap<u32, usize>,
}

impl Users {
    /// The user of a row: its username, else the owner of its file.
    pub(super) fn number(&mut self, username: Option<&str>, owner: usize, owners: &[Owner]) -> Result<u32> {
        if let Some(username) = username {
            return Ok(self.by_id(username));
        }
        let number = self.by_id(&owners[owner].user);
        let claimant = *self.claims.entry(number).or_insert(owner);
        if claimant == owner {
            return Ok(number);
        }
        let problem =
            format!("would have the same user id `{}` as {}", owners[owner].user, owners[claimant].origin.display());
        let remedy = "rename one of the two if they are different people; put the files of one person into one folder \
                      and pass that, so that rows in both are counted once";
        Err(DataError::bad_file(&owners[owner].origin, problem, remedy))
    }

    fn by_id(&mut self, id: &str) -> u32 {
        if let Some(&number) = self.numbers.get(id) {
            return number;
        }
        let number = self.users.len() as u32;
        self.users.push(User { id: id.to_owned() });
        self.numbers.insert(id.to_owned(), number);
        number
    }
}
