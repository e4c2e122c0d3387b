//! Every marginal of small logs counted by hand, and of small files.

use super::*;
use crate::{Context, DatasetWriter, Play, Responses, Session, Silent, SourceInfo, Track, User};

/// A play: complete, skipped early, skipped late, interrupted, or of unknown end.
fn responses(kind: char) -> Responses {
    let (complete, skip, past_threshold) = match kind {
        'c' => (Some(true), Some(false), Some(true)),
        'e' => (Some(false), Some(true), Some(false)),
        'l' => (Some(false), Some(true), Some(true)),
        'i' => (Some(false), Some(false), Some(true)),
        _ => (None, None, None),
    };
    Responses { complete, skip, past_threshold }
}

/// A session of plays, each a track and how it went.
fn session(user: u32, plays: &[(u32, char)]) -> Session {
    let play = |&(track, kind)| Play { track, responses: responses(kind), ..Play::default() };
    Session { user, start_ms: 0, context: Context::default(), plays: plays.iter().map(play).collect() }
}

fn marginals_of(sessions: &[Session], tracks: usize, protocol: MarginalProtocol) -> Marginals {
    let mut tally = MarginalTally::new(tracks, protocol);
    sessions.iter().for_each(|session| tally.add(session));
    tally.marginals()
}

fn figure(marginals: &Marginals, marginal: Marginal, name: &str) -> f64 {
    marginals.figures(marginal).into_iter().find(|figure| figure.0 == name).unwrap().1
}

#[test]
fn a_small_log_is_measured_as_counted_by_hand() {
    let sessions = [
        session(0, &[(0, 'c'), (1, 'e'), (2, 'l'), (3, '?')]),
        session(0, &[(0, 'e'), (1, 'i')]),
        session(1, &[(0, 'c')]),
    ];
    let found = marginals_of(&sessions, 5, MarginalProtocol::default());
    let counts = |marginal| found.counts(marginal).unwrap();
    assert_eq!(counts(Marginal::SessionLengths)[0][..5], [1.0, 1.0, 0.0, 1.0, 0.0]);
    assert_eq!(counts(Marginal::Responses), [[2.0, 3.0, 1.0]]);
    assert_eq!(counts(Marginal::PastThreshold), [[4.0, 2.0]]);
    assert_eq!(counts(Marginal::SkipByPosition)[..4], [[2.0, 1.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]);
    // One apart: complete-skip, skip-skip; skip-interrupted. Two apart: complete-skip.
    assert_eq!(counts(Marginal::SkipPairs)[..2], [[0.0, 1.0, 1.0, 1.0], [0.0, 1.0, 0.0, 0.0]]);
    // Nobody has played 50 tracks.
    assert_eq!(found.counts(Marginal::Repeats), None);
    // Left before the threshold: track 0 one of three plays, track 1 one of two, track 2 none of one; track 3 is unknown.
    let left = (1.0 / 3.0 + 0.5) / 3.0;
    let of_tracks = counts(Marginal::TrackSkips)[0].to_vec();
    assert!((figure(&found, Marginal::TrackSkips, "left before threshold") - left).abs() < 1e-12, "{of_tracks:?}");
    // Four tracks with 3, 2, 1 and 1 plays of 7; the fifth was not played.
    assert!((figure(&found, Marginal::Popularity, "top 50 %") - 5.0 / 7.0).abs() < 1e-12);
    // A hundredth of four tracks is .04 of the first.
    assert!((figure(&found, Marginal::Popularity, "top 1 % of tracks") - 0.04 * 3.0 / 7.0).abs() < 1e-12);
    assert!((figure(&found, Marginal::SessionLengths, "mean plays") - 7.0 / 3.0).abs() < 1e-12);
    assert_eq!(figure(&found, Marginal::SessionLengths, "median"), 2.0);
    assert_eq!(figure(&found, Marginal::SkipByPosition, "at 1st play"), 1.0 / 3.0);
}

#[test]
fn repeats_are_told_by_how_many_plays_ago_they_were() {
    // 50 plays of 50 tracks by each of two listeners; then one played 1 play ago, 12 ago, 50 ago, 51 ago and never.
    let tracks: Vec<u32> = (0..50).chain([49, 39, 2, 2, 2, 60]).collect();
    // Play 51 repeats the one before; play 52 (track 39 was play 40) 12 ago; play 53 (play 3) 50 ago; then 1 ago, 1 ago.
    let plays: Vec<(u32, char)> = tracks.iter().map(|&track| (track, 'c')).collect();
    let both = [session(0, &plays[..30]), session(0, &plays[30..]), session(1, &plays[..50])];
    let found = marginals_of(&both, 61, MarginalProtocol::default());
    assert_eq!(found.counts(Marginal::Repeats).unwrap(), [[3.0, 2.0, 1.0]]);
    // 51 ago is no longer within the window.
    let late: Vec<(u32, char)> = (0..51).chain([0]).map(|track| (track, 'c')).collect();
    let found = marginals_of(&[session(0, &late)], 61, MarginalProtocol::default());
    assert_eq!(found.counts(Marginal::Repeats).unwrap(), [[0.0, 0.0, 2.0]]);
}

#[test]
fn the_autocorrelation_is_that_of_the_pairs() {
    // Skips 1 1 0 0 1 1: pairs one apart 11 10 00 01 11.
    let found = marginals_of(
        &[session(0, &[(0, 'e'), (0, 'e'), (0, 'c'), (0, 'c'), (0, 'e'), (0, 'e')])],
        1,
        MarginalProtocol::default(),
    );
    assert_eq!(found.counts(Marginal::SkipPairs).unwrap()[0], [1.0, 1.0, 1.0, 2.0]);
    // numpy.corrcoef([1, 1, 0, 0, 1], [1, 0, 0, 1, 1])[0, 1] = 0.16666666666666663
    assert!((figure(&found, Marginal::SkipPairs, "autocorrelation, 1 apart") - 1.0 / 6.0).abs() < 1e-12);
    assert_eq!(figure(&found, Marginal::SkipPairs, "after a skip"), 2.0 / 3.0);
    // Five apart there is one pair, which tells no correlation.
    assert!(found.figures(Marginal::SkipPairs).iter().all(|(name, _)| !name.contains("5 apart")));
}

#[test]
fn sessions_are_cut_and_left_out_by_the_protocol() {
    let long: Vec<(u32, char)> = (0..25).map(|play| (play, if play < 20 { 'i' } else { 'c' })).collect();
    let sessions = [session(0, &long), session(0, &long[..9]), session(1, &long[..10])];
    let found = marginals_of(&sessions, 25, MarginalProtocol { skip_is_incomplete: true, ..MarginalProtocol::MSSD });
    let lengths = &found.counts(Marginal::SessionLengths).unwrap()[0];
    assert_eq!((lengths[9], lengths[19], lengths.iter().sum::<f64>()), (1.0, 1.0, 2.0));
    // What is incomplete is skipped, and what comes after the twentieth play is not seen.
    assert_eq!(found.counts(Marginal::Responses).unwrap(), [[0.0, 30.0, 0.0]]);
}

#[test]
fn a_dataset_is_measured_as_its_sessions_are() {
    let sessions = [session(0, &[(0, 'c'), (1, 'e')]), session(1, &[(1, 'l')])];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d");
    let mut writer = DatasetWriter::create(&path).unwrap();
    sessions.iter().for_each(|session| writer.write_session(session).unwrap());
    writer.finish(&vec![Track::default(); 2], &vec![User::default(); 2], &SourceInfo::new("test")).unwrap();
    let dataset = Dataset::open(&path).unwrap();
    let found = measure_marginals(&dataset, MarginalProtocol::default(), &Silent).unwrap();
    assert_eq!(found, marginals_of(&sessions, 2, MarginalProtocol::default()));
    assert_eq!(MarginalProtocol::of(dataset.manifest()), MarginalProtocol::default());
}

#[test]
fn the_total_is_the_weighted_sum_of_what_the_real_log_tells() {
    let real = marginals_of(&[session(0, &[(0, 'c'), (1, 'c')])], 2, MarginalProtocol::default());
    let other = marginals_of(&[session(0, &[(0, 'e'), (0, 'e')])], 2, MarginalProtocol::default());
    assert_eq!(real.total_distance(&real), 0.0);
    // Responses, threshold, positions, pairs and tracks are disjoint; lengths agree; one track has all hundredths alike.
    assert_eq!(real.distance(&other, Marginal::Popularity), Some(0.0));
    assert_eq!(real.distance(&other, Marginal::Repeats), None);
    assert_eq!(real.total_distance(&other), 5.0);
    assert_eq!(real.total_distance(&Marginals::default()), 6.25);
}

/// The published counts, written to a folder.
fn published(files: &[(&str, &str)]) -> Result<Marginals> {
    let folder = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, text)| std::fs::write(folder.path().join(name), text).unwrap());
    published_mssd_marginals(folder.path())
}

#[test]
fn published_counts_become_marginals() {
    let found = published(&[
        ("session_lengths.txt", "0 0\r\r\n\r\r\n10 30\r\r\n20 10\r\r\n"),
        ("reason_end.txt", "trackdone 6\nfwdbtn 4\nendplay 4\nlogout 1\nbackbtn 1"),
        ("track_counts.txt", "1 60\n10 40\n"),
        ("track_skips.txt", "0.0 1\n50.0 2\n100.0 1\n"),
    ])
    .unwrap();
    let lengths = &found.counts(Marginal::SessionLengths).unwrap()[0];
    assert_eq!((lengths[9], lengths[19], lengths.len()), (30.0, 10.0, 200));
    assert_eq!(found.counts(Marginal::Responses).unwrap(), [[6.0, 7.0, 3.0]]);
    assert_eq!(found.counts(Marginal::TrackSkips).unwrap(), [[2.0, 2.0]]);
    // A hundred tracks: 40 with 10 plays of 460 in all.
    let popularity = &found.counts(Marginal::Popularity).unwrap()[0];
    assert!(popularity.iter().zip(0..).all(|(&plays, place)| plays == if place < 40 { 10.0 } else { 1.0 }));
    assert_eq!(figure(&found, Marginal::Popularity, "top 10 %"), 100.0 / 460.0);
    assert_eq!(found.told().count(), 4);
}

#[test]
fn malformed_counts_are_named_by_file_and_line() {
    let problem = |name: &str, text: &str| published(&[(name, text)]).unwrap_err().to_string();
    let lengths = |text: &str| problem("session_lengths.txt", text);
    assert!(lengths("10 5\n\n11\n").contains("session_lengths.txt: line 3: expected a value and a count, found `11`"));
    assert!(lengths("10 5.5").contains("line 1: expected a whole number as the count, found `5.5`"));
    assert!(lengths("10 -5").contains("line 1"));
    assert!(lengths("10 5\n21 3").contains("line 2: expected a session length of the set, 10 to 20, found `21`"));
    assert!(lengths("10.5 3").contains("a whole number of plays"));
    assert!(
        problem("reason_end.txt", "trackdone 1\nfwd 1")
            .contains("line 2: expected an end reason of the set (trackdone")
    );
    assert!(problem("track_skips.txt", "101 1").contains("per cent of skips, 0 to 100, found `101`"));
    assert!(problem("track_skips.txt", "NaN 1").contains("found `NaN`"));
    assert!(problem("track_counts.txt", "x 1").contains("a whole number of plays, found `x`"));
    // Files of another kind only, or counts of nothing, or no folder.
    for files in [[("tempo.txt", "1 1")], [("session_lengths.txt", "10 0")]] {
        assert!(published(&files).unwrap_err().to_string().contains("holds no counts; name the folder that holds"));
    }
    assert!(published_mssd_marginals("/nowhere").unwrap_err().to_string().contains("/nowhere: is no folder"));
}
