//! The traps of `docs/formats/spotify-extended.md`, one test each.

use super::*;
use crate::Device;

const YES: Option<bool> = Some(true);
const NO: Option<bool> = Some(false);

#[test]
fn ts_is_the_end_in_utc_and_the_context_is_that_of_the_start() {
    let mut bench = Bench::new();
    bench.options.utc_offset_minutes = 90;
    // Ends on Sunday 23:01:00 UTC after 120 s: starts at 22:59, which is Monday 00:29 at UTC+1:30.
    let imported = import_rows_in(&bench, &[row("2014-07-27T23:01:00Z", 120_000, "a", "clickrow", "trackdone")]);
    let session = &imported.sessions[0];
    // date -u -d '2014-07-28 00:29:00' +%s
    assert_eq!(session.start_ms, 1_406_507_340_000);
    assert_eq!((session.context.hour, session.context.weekday), (Some(0), Some(0)));
    assert_eq!((session.context.device, session.context.shuffle), (Some(Device::Phone), YES));
    assert_eq!((session.context.premium, session.context.source), (None, None));
    assert_eq!(imported.users, ["alice"]);
    assert_eq!((imported.catalog[0].name.as_str(), imported.catalog[0].artist.as_str()), ("Name of a", "Artist"));
}

#[test]
fn sessions_end_after_twenty_minutes_without_listening() {
    let imported = import_rows(&[
        row("2020-01-01T10:00:00Z", 60_000, "a", "clickrow", "trackdone"),
        // Starts 19:59 after the end of the first.
        row("2020-01-01T10:20:59Z", 60_000, "b", "trackdone", "trackdone"),
        // Starts 20:00 after the end of the second.
        row("2020-01-01T10:41:59Z", 60_000, "c", "trackdone", "trackdone"),
    ]);
    let lengths: Vec<usize> = imported.sessions.iter().map(|session| session.plays.len()).collect();
    assert_eq!(lengths, [2, 1]);
}

#[test]
fn end_reasons_tell_the_response_and_skipped_does_not() {
    for skipped in [json!(null), json!(false), json!(true)] {
        let imported = import_rows(&[
            with(row("2020-01-01T10:00:00Z", 200_000, "a", "clickrow", "trackdone"), json!({ "skipped": skipped })),
            with(row("2020-01-01T10:00:10Z", 10_000, "b", "trackdone", "fwdbtn"), json!({ "skipped": skipped })),
            with(row("2020-01-01T10:00:20Z", 10_000, "c", "fwdbtn", "backbtn"), json!({ "skipped": skipped })),
            with(row("2020-01-01T10:00:30Z", 10_000, "d", "backbtn", "endplay"), json!({ "skipped": skipped })),
            with(row("2020-01-01T10:00:40Z", 10_000, "e", "clickrow", "logout"), json!({ "skipped": skipped })),
        ]);
        let expected = [("a", YES, NO), ("b", NO, YES), ("c", NO, YES), ("d", NO, YES), ("e", NO, NO)];
        assert_eq!(plays(&imported), expected);
    }
}

#[test]
fn a_play_replaced_with_nothing_after_it_was_left_not_skipped() {
    let rows = |skipped| {
        [
            with(row("2020-01-01T10:00:00Z", 50_000, "a", "clickrow", "endplay"), json!({ "skipped": skipped })),
            row("2020-01-01T11:00:00Z", 50_000, "b", "clickrow", "trackdone"),
        ]
    };
    assert_eq!(plays(&import_rows(&rows(json!(false))))[0], ("a", NO, NO));
    // Here alone `skipped` is asked: the reason tells less.
    assert_eq!(plays(&import_rows(&rows(json!(true))))[0], ("a", NO, YES));
}

#[test]
fn a_track_that_begins_anew_was_not_skipped() {
    for (end, start) in [("backbtn", "backbtn"), ("endplay", "clickrow"), ("clickrow", "clickrow")] {
        let imported = import_rows(&[
            row("2020-01-01T10:00:00Z", 50_000, "a", "clickrow", end),
            row("2020-01-01T10:03:20Z", 200_000, "a", start, "trackdone"),
        ]);
        assert_eq!(plays(&imported), [("a", NO, NO), ("a", YES, NO)]);
        assert_eq!(imported.report.counts.restarts, 1);
    }
}

#[test]
fn blank_end_reasons_are_told_by_the_row_that_follows_at_once() {
    let after = |ts: &str, start: &str, platform: &str| {
        let imported = import_rows(&[
            row("2017-01-01T10:00:00Z", 60_000, "a", "clickrow", ""),
            with(row(ts, 60_000, "b", start, "trackdone"), json!({ "platform": platform })),
        ]);
        let counts = &imported.report.counts;
        assert_eq!(counts.end_reasons_repaired + counts.end_reasons_unknown, 1);
        (plays(&imported)[0].1, plays(&imported)[0].2, counts.end_reasons_repaired)
    };
    assert_eq!(after("2017-01-01T10:01:00Z", "trackdone", "android"), (YES, NO, 1));
    assert_eq!(after("2017-01-01T10:01:00Z", "fwdbtn", "android"), (NO, YES, 1));
    assert_eq!(after("2017-01-01T10:01:00Z", "clickrow", "android"), (NO, YES, 1));
    assert_eq!(after("2017-01-01T10:01:00Z", "appload", "android"), (NO, NO, 1));
    assert_eq!(after("2017-01-01T10:01:00Z", "playbtn", "android"), (None, None, 0));
    // Up to 5 s for what a listener pressed, the whole session for what the player did.
    assert_eq!(after("2017-01-01T10:01:05Z", "fwdbtn", "android"), (NO, YES, 1));
    assert_eq!(after("2017-01-01T10:01:06Z", "fwdbtn", "android"), (None, None, 0));
    assert_eq!(after("2017-01-01T10:11:00Z", "trackdone", "android"), (YES, NO, 1));
    assert_eq!(after("2017-01-01T10:11:00Z", "appload", "android"), (NO, NO, 1));
    assert_eq!(after("2017-01-01T10:21:00Z", "trackdone", "android"), (None, None, 0));
    // Another device's row tells nothing.
    assert_eq!(after("2017-01-01T10:01:00Z", "trackdone", "web_player"), (None, None, 0));
}

#[test]
fn a_repaired_end_gives_durations_too() {
    let imported = import_rows(&[
        row("2017-01-01T10:00:00Z", 200_000, "a", "clickrow", ""),
        row("2017-01-01T10:00:40Z", 40_000, "b", "trackdone", ""),
        row("2017-01-01T10:03:57Z", 197_000, "a", "fwdbtn", ""),
    ]);
    assert_eq!((imported.catalog[0].duration_ms, imported.catalog[0].duration_estimated), (Some(200_000), true));
    // The last row's end is told by nothing, but it played 98.5 % of the duration.
    assert_eq!(plays(&imported), [("a", YES, NO), ("b", NO, YES), ("a", YES, NO)]);
    assert_eq!(imported.report.counts.durations_unknown, 1);
}

#[test]
fn soundless_rows_stay_only_where_the_listener_stepped_over_the_track() {
    let imported = import_rows(&[
        row("2020-01-01T10:00:00Z", 60_000, "a", "clickrow", "fwdbtn"),
        row("2020-01-01T10:00:01Z", 0, "b", "fwdbtn", "fwdbtn"),
        row("2020-01-01T10:00:02Z", 0, "c", "fwdbtn", ""),
        row("2020-01-01T10:00:03Z", 900, "d", "fwdbtn", "endplay"),
        row("2020-01-01T10:00:04Z", 0, "e", "clickrow", "endplay"),
        row("2020-01-01T10:00:05Z", 0, "f", "clickrow", "trackdone"),
        row("2020-01-01T10:00:06Z", 0, "g", "appload", "unknown"),
        row("2020-01-01T10:03:10Z", 180_000, "h", "clickrow", "trackdone"),
    ]);
    let expected = [("a", NO, YES), ("b", NO, YES), ("c", NO, YES), ("d", NO, YES), ("h", YES, NO)];
    assert_eq!(plays(&imported), expected);
    assert_eq!(dropped(&imported, "nothing played"), 3);
    let ids: Vec<&str> = imported.catalog.iter().map(|track| &track.id[14..]).collect();
    assert_eq!(ids, ["a", "b", "c", "d", "h"], "a track without plays is not in the catalog");
}

#[test]
fn overlaps_of_seconds_are_rounding_and_longer_ones_are_two_devices() {
    let imported = import_rows(&[
        row("2020-01-01T10:00:00Z", 60_000, "a", "clickrow", "trackdone"),
        // Starts 2 s before the first ends.
        row("2020-01-01T10:00:58Z", 60_000, "b", "trackdone", "trackdone"),
        // On the computer from 09:59:30 on.
        with(row("2020-01-01T10:01:00Z", 90_000, "c", "clickrow", "trackdone"), json!({ "platform": "windows" })),
    ]);
    let starts: Vec<i64> =
        imported.sessions[0].plays.iter().map(|play| (play.start_ms - imported.sessions[0].start_ms) / 1000).collect();
    // The second is moved to the end of the first; the third keeps its place behind the second.
    assert_eq!(starts, [0, 60, 60]);
    assert_eq!(imported.report.counts.overlapping, 1);
    assert_eq!(imported.sessions.len(), 1);
}

#[test]
fn quick_skips_keep_their_order() {
    // By their starts, c would come before b: its end less its length is 09:59:59.5.
    let imported = import_rows(&[
        row("2020-01-01T10:00:00Z", 60_000, "a", "clickrow", "fwdbtn"),
        row("2020-01-01T10:00:00Z", 0, "b", "fwdbtn", "fwdbtn"),
        row("2020-01-01T10:03:00Z", 180_500, "c", "fwdbtn", "trackdone"),
    ]);
    assert_eq!(plays(&imported).iter().map(|play| play.0).collect::<Vec<_>>(), ["a", "b", "c"]);
}

#[test]
fn equal_rows_and_rows_sent_again_count_once() {
    let first = row("2020-01-01T10:00:00Z", 60_123, "a", "clickrow", "trackdone");
    let imported = import_rows(&[
        first.clone(),
        first,
        // The same play 29 s later: it would overlap itself.
        row("2020-01-01T10:00:29Z", 60_123, "a", "clickrow", "trackdone"),
        // A true repeat.
        row("2020-01-01T10:01:29Z", 60_123, "a", "trackdone", "trackdone"),
    ]);
    assert_eq!((dropped(&imported, "exact duplicate"), dropped(&imported, "sent again")), (1, 1));
    assert_eq!(plays(&imported).len(), 2);
}

#[test]
fn podcasts_audiobooks_and_rows_without_track_are_left_out_but_tell_how_the_play_before_ended() {
    let nothing = json!({ "spotify_track_uri": null });
    let podcast = json!({ "spotify_track_uri": null, "spotify_episode_uri": "spotify:episode:x" });
    let audiobook = json!({ "spotify_track_uri": null, "audiobook_uri": "spotify:show:x" });
    let imported = import_rows(&[
        row("2017-01-01T10:00:00Z", 60_000, "a", "clickrow", ""),
        with(row("2017-01-01T10:01:00Z", 60_000, "-", "clickrow", "trackdone"), podcast),
        with(row("2017-01-01T10:02:00Z", 60_000, "-", "clickrow", "trackdone"), audiobook),
        with(row("2017-01-01T10:03:00Z", 60_000, "-", "clickrow", "trackdone"), nothing),
    ]);
    assert_eq!(plays(&imported), [("a", NO, YES)]);
    for reason in ["podcast", "audiobook", "no track uri"] {
        assert_eq!(dropped(&imported, reason), 1, "{reason}");
    }
}

#[test]
fn late_arrivals_are_placed_by_their_own_time_or_dropped() {
    let late = |stamp: Value| {
        let late = |track: &str, second: u64| {
            let stamp = if stamp.is_null() { Value::Null } else { json!(stamp.as_u64().unwrap() + second) };
            with(
                row("2017-01-03T20:00:00Z", 60_000, track, "trackdone", "trackdone"),
                json!({ "offline": true, "offline_timestamp": stamp }),
            )
        };
        let mut rows = vec![row("2017-01-03T19:59:00Z", 30_000, "z", "clickrow", "trackdone")];
        rows.extend([late("c", 120), late("a", 0), late("b", 60)]);
        import_rows(&rows)
    };
    let late_rows = late(Value::Null);
    assert_eq!(dropped(&late_rows, "arrived late without its time"), 3);
    assert_eq!(plays(&late_rows), [("z", YES, NO)]);
    // date -u -d '2017-01-01 08:00:00' +%s
    let placed = late(json!(1_483_257_600));
    assert_eq!(plays(&placed).iter().map(|play| play.0).collect::<Vec<_>>(), ["a", "b", "c", "z"]);
    assert_eq!(placed.report.counts.placed_by_offline_time, 3);
    assert_eq!(placed.sessions[0].start_ms, 1_483_257_600_000);
    assert_eq!(placed.sessions.len(), 2);
}

#[test]
fn a_resumed_rest_neither_gives_a_duration_nor_a_short_listen() {
    let imported = import_rows(&[
        row("2020-01-01T10:00:00Z", 200_000, "a", "clickrow", "trackdone"),
        row("2020-01-01T11:00:00Z", 5_000, "a", "appload", "trackdone"),
        row("2020-01-01T12:00:00Z", 5_000, "b", "appload", "trackdone"),
    ]);
    assert_eq!(imported.catalog[0].duration_ms, Some(200_000));
    assert_eq!(imported.catalog[1].duration_ms, None);
    let past: Vec<_> = imported.sessions.iter().map(|session| session.plays[0].responses.past_threshold).collect();
    assert_eq!(past, [YES, YES, NO]);
}

#[test]
fn local_files_are_tracks() {
    let local = json!({
        "spotify_track_uri": "spotify:local:The+Band:Demos:First:200",
        "master_metadata_track_name": null, "master_metadata_album_artist_name": null
    });
    let imported = import_rows(&[with(row("2020-01-01T10:00:00Z", 195_000, "-", "clickrow", "fwdbtn"), local)]);
    let track = &imported.catalog[0];
    assert_eq!((track.name.as_str(), track.artist.as_str(), track.album.as_str()), ("First", "The Band", "Album"));
    assert_eq!((track.duration_ms, track.duration_estimated), (Some(200_000), false));
    assert_eq!(imported.sessions[0].plays[0].responses.complete, YES);
    assert_eq!(imported.report.counts.durations_given, 1);
}

#[test]
fn new_reasons_are_reported_and_taken_for_unknown() {
    let imported = import_rows(&[row("2020-01-01T10:00:00Z", 60_000, "a", "teleported", "teleported")]);
    assert_eq!(imported.report.counts.unfamiliar_reasons["teleported"], 2);
    assert_eq!(plays(&imported), [("a", None, None)]);
}
