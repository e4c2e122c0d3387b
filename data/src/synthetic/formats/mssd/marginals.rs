//! Shares of values in the Music Streaming Sessions Dataset, as counts: session lengths of the whole training set, the
//! rest of the mini set's rows (reasons, context) or of all tracks (features). The synthetic world has no such
//! quantities of its own; what it has (tracks, responses, premium, sources, audio features) is written as it is.

/// Sessions by length, 10 to 20; longer ones were cut at 20.
pub(super) const SESSION_LENGTHS: [f64; 11] = [
    11_025_730.0,
    9_611_839.0,
    8_407_692.0,
    7_344_162.0,
    6_460_309.0,
    5_664_259.0,
    4_994_670.0,
    4_400_713.0,
    3_917_839.0,
    3_477_536.0,
    59_645_965.0,
];

/// The shortest session.
pub(super) const SHORTEST: usize = 10;

/// `context_type` of what the world calls editorial: an editorial playlist or charts.
pub(super) const EDITORIAL: [(&str, f64); 2] = [("editorial_playlist", 35_663.0), ("charts", 2_441.0)];

/// `hist_user_behavior_reason_end` of a skip. Half of the 14,823 rows that ended by `endplay` are taken for skips
/// (something else was started), half for interruptions.
pub(super) const SKIP_ENDS: [(&str, f64); 5] =
    [("fwdbtn", 81_389.0), ("backbtn", 13_129.0), ("endplay", 7_411.0), ("remote", 267.0), ("clickrow", 8.0)];

/// `hist_user_behavior_reason_end` of an interruption.
pub(super) const INTERRUPTION_ENDS: [(&str, f64); 2] = [("endplay", 7_412.0), ("logout", 563.0)];

/// `hist_user_behavior_reason_start` where the row before does not tell it.
pub(super) const STARTS: [(&str, f64); 9] = [
    ("trackdone", 55_075.0),
    ("fwdbtn", 79_912.0),
    ("backbtn", 13_034.0),
    ("appload", 1_942.0),
    ("trackerror", 92.0),
    ("clickrow", 17_514.0),
    ("playbtn", 155.0),
    ("remote", 136.0),
    ("endplay", 20.0),
];

/// `hist_user_behavior_reason_start` after `endplay`, `logout` and the like: the starts that no button and no end of a
/// track brought about.
pub(super) const RESTARTS: [(&str, f64); 3] = [("clickrow", 17_514.0), ("appload", 1_942.0), ("playbtn", 155.0)];

/// `us_popularity_estimate` by whole percent, 90 to 100.
pub(super) const US_POPULARITY: [f64; 11] = [
    96_307.0, 236_778.0, 294_982.0, 341_170.0, 377_800.0, 400_898.0, 421_827.0, 428_686.0, 430_549.0, 445_330.0,
    232_061.0,
];

/// `key`, 0 (C) to 11.
pub(super) const KEYS: [f64; 12] = [
    438_070.0, 345_976.0, 394_127.0, 118_509.0, 281_898.0, 308_690.0, 222_667.0, 450_332.0, 227_319.0, 389_052.0,
    254_687.0, 275_061.0,
];

/// `mode`.
pub(super) const MODES: [(&str, f64); 2] = [("major", 2_414_637.0), ("minor", 1_291_751.0)];

/// `time_signature`, 0 to 5.
pub(super) const TIME_SIGNATURES: [f64; 6] = [3_312.0, 45_164.0, 0.0, 393_780.0, 3_186_542.0, 77_590.0];

/// Quartiles and bounds of a feature: drawn from the normal distribution of that median and distance of quartiles.
pub(super) struct Spread {
    pub(super) quartiles: [f64; 3],
    pub(super) bounds: [f64; 2],
}

const fn spread(lower: f64, median: f64, upper: f64, least: f64, most: f64) -> Spread {
    Spread { quartiles: [lower, median, upper], bounds: [least, most] }
}

/// `beat_strength`.
pub(super) const BEAT_STRENGTH: Spread = spread(0.332, 0.459, 0.585, 0.0, 1.0);
/// `bounciness`.
pub(super) const BOUNCINESS: Spread = spread(0.321, 0.480, 0.634, 0.0, 0.986);
/// `dyn_range_mean`.
pub(super) const DYN_RANGE_MEAN: Spread = spread(5.822, 7.520, 9.477, 0.0, 52.6);
/// `flatness`.
pub(super) const FLATNESS: Spread = spread(0.969, 1.002, 1.029, 0.0, 1.168);
/// `mechanism`.
pub(super) const MECHANISM: Spread = spread(0.269, 0.485, 0.717, 0.0, 1.0);
/// `organism`.
pub(super) const ORGANISM: Spread = spread(0.253, 0.455, 0.648, 0.0, 0.979);
