//! Synthetic listeners written as Yambda come back as they were, but for what the format cannot carry.

use super::*;
use crate::{
    BehaviourPolicy, CatalogConfig, SessionRules, SizeConfig, SyntheticConfig, SyntheticFormat, SyntheticWorld,
    synthesize_log,
};

/// 1 January 2024, the first day of all synthetic logs.
const FIRST_DAY_MS: i64 = 1_704_067_200_000;

#[test]
fn synthetic_listeners_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let config = SyntheticConfig {
        size: SizeConfig { users: 12, days: 14 },
        catalog: CatalogConfig { tracks: 400, artists: 80, ..CatalogConfig::default() },
        ..SyntheticConfig::default()
    };
    let (rules, seed, input) = (SessionRules::default(), 7, folder.path().join("set"));
    let log = synthesize_log(SyntheticFormat::Yambda, &config, &rules, seed, &input, &Silent).unwrap();
    let (dataset, report) = import_set(&input);
    assert_eq!(report.manifest.plays, log.plays);

    let world = SyntheticWorld::new(&config, seed).unwrap();
    let (catalog, users) = (dataset.catalog().unwrap(), dataset.users().unwrap());
    let mut written = (0..12).flat_map(|number| world.history(&rules, number));
    for session in dataset.sessions().unwrap() {
        let (found, original) = (session.unwrap().session, written.next().unwrap());
        assert_eq!(users[found.user as usize].id, ((original.user + 1) * 10).to_string());
        let recommended = original.context.behaviour_policy != Some(BehaviourPolicy::OwnChoice);
        assert_eq!(found.context.source, recommended.then_some(Source::Personalised));
        assert_eq!(found.plays.len(), original.plays.len());
        let session_plays = original.plays.len();
        for (position, (found, original)) in found.plays.iter().zip(&original.plays).enumerate() {
            assert_eq!(catalog[found.track as usize].id, (original.track + 1).to_string());
            assert_eq!(found.start_ms, (original.start_ms - FIRST_DAY_MS) / 5000 * 5000);
            assert_eq!(found.responses.complete, original.responses.complete);
            let ends_session = position + 1 == session_plays;
            let complete = original.responses.complete == Some(true);
            let skip = if ends_session { complete.then_some(false) } else { original.responses.skip };
            assert_eq!(found.responses.skip, skip);
            // Shares are cut to whole percent, lengths to 5 s.
            let duration_ms = world.tracks()[original.track as usize].duration_ms.unwrap();
            let (off, ms_played) = (duration_ms / 100 + 5000, original.ms_played.unwrap());
            assert!(found.ms_played.unwrap().abs_diff(ms_played) <= off);
            if ms_played.abs_diff(30_000) > off {
                assert_eq!(found.responses.past_threshold, original.responses.past_threshold);
            }
        }
    }
    assert!(written.next().is_none());
    // Artists and albums are told apart as before.
    for (found, original) in catalog.iter().map(|track| (track, track.id.parse::<usize>().unwrap() - 1)) {
        let original = &world.tracks()[original];
        let same = |other: &&crate::Track| {
            let other_original = &world.tracks()[other.id.parse::<usize>().unwrap() - 1];
            let artists = (other.artist == found.artist) == (other_original.artist == original.artist);
            let album = |track: &crate::Track| (track.artist.clone(), track.album.clone());
            artists && (album(other) == album(found)) == (album(other_original) == album(original))
        };
        assert!(!found.artist.is_empty() && catalog.iter().take(50).all(|other| same(&other)));
    }
}
