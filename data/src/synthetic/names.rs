//! Made-up names of artists, albums and tracks.

use crate::CounterRng;

const ADJECTIVES: [&str; 24] = [
    "Amber", "Bitter", "Crimson", "Distant", "Electric", "Fading", "Gentle", "Hollow", "Idle", "Jaded", "Kindred",
    "Lunar", "Mellow", "Northern", "Open", "Paper", "Quiet", "Restless", "Silver", "Tender", "Undone", "Velvet",
    "Wild", "Young",
];

const NOUNS: [&str; 24] = [
    "Avenues",
    "Bells",
    "Canyons",
    "Dancers",
    "Echoes",
    "Foxes",
    "Gardens",
    "Harbours",
    "Islands",
    "Junctions",
    "Kites",
    "Lanterns",
    "Mirrors",
    "Nights",
    "Oceans",
    "Pilots",
    "Quarters",
    "Rivers",
    "Shadows",
    "Trains",
    "Umbrellas",
    "Valleys",
    "Windows",
    "Years",
];

/// The name of an artist. Names are unique, since datasets tell artists apart by name.
pub(super) fn artist(number: usize) -> String {
    let (adjective, noun) = (ADJECTIVES[number % 24], NOUNS[number / 24 % 24]);
    match number / (24 * 24) {
        0 => format!("The {adjective} {noun}"),
        more => format!("The {adjective} {noun} {}", more + 1),
    }
}

/// A title; titles may repeat, as real ones do.
pub(super) fn title(rng: &mut CounterRng) -> String {
    format!("{} {}", ADJECTIVES[rng.below(24)], NOUNS[rng.below(24)])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn artists_have_names_of_their_own() {
        let names: BTreeSet<String> = (0..2_000).map(super::artist).collect();
        assert_eq!(names.len(), 2_000);
    }
}
