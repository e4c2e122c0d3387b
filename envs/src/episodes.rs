//! Episodes of several sessions of one listener. A session's number tells its episode and its place there, so that whatever
//! is drawn for a session is still a function of its number alone.

/// Bits of a session's number that name its episode; those above are the sessions of the episode before it.
const EPISODE_BITS: u32 = 40;

/// The number of the episode of a session: that of its first session.
pub fn episode_of(number: u64) -> u64 {
    number & ((1 << EPISODE_BITS) - 1)
}

/// Sessions of the episode before a session.
pub fn place_in_episode(number: u64) -> usize {
    (number >> EPISODE_BITS) as usize
}

/// The number of the session that follows in the episode.
pub fn next_in_episode(number: u64) -> u64 {
    number + (1 << EPISODE_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_tell_episode_and_place() {
        let third = next_in_episode(next_in_episode(77));
        assert_eq!((episode_of(third), place_in_episode(third), place_in_episode(77)), (77, 2, 0));
        assert_ne!(next_in_episode(77), 78);
    }
}
