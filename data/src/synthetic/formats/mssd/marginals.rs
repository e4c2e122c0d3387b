//! Shares of values in the Music Streaming Sessions Dataset, as counts: session lengths of the whole training set, the
//! rest of the mini set's rows (reasons, context) or of all tracks (features). The synthetic world has no such
//! quantities of its own; its audio features and release years are mapped to these, keeping their order; the rest of what it
//! has (tracks, durations, responses, premium, sources) is written as it is.

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

/// Quantiles of a feature: at 1, 10, 20 to 90 and 99 %, from its counts by hundredths.
pub(super) type Deciles = [f64; 11];

/// `beat_strength`.
pub(super) const BEAT_STRENGTH: Deciles = [0.124, 0.234, 0.303, 0.359, 0.411, 0.459, 0.508, 0.558, 0.615, 0.691, 0.849];
/// `bounciness`.
pub(super) const BOUNCINESS: Deciles = [0.097, 0.210, 0.286, 0.354, 0.418, 0.480, 0.541, 0.602, 0.667, 0.746, 0.886];
/// `dyn_range_mean`.
pub(super) const DYN_RANGE_MEAN: Deciles =
    [3.450, 4.721, 5.479, 6.158, 6.832, 7.520, 8.242, 9.033, 9.971, 11.324, 15.649];
/// `flatness`.
pub(super) const FLATNESS: Deciles = [0.837, 0.930, 0.959, 0.977, 0.991, 1.002, 1.013, 1.024, 1.035, 1.049, 1.072];
/// `mechanism`.
pub(super) const MECHANISM: Deciles = [0.092, 0.166, 0.233, 0.308, 0.393, 0.485, 0.581, 0.673, 0.762, 0.860, 0.985];
/// `organism`.
pub(super) const ORGANISM: Deciles = [0.019, 0.131, 0.214, 0.293, 0.375, 0.455, 0.528, 0.602, 0.706, 0.835, 0.934];

/// The world's own audio features, in the order of [`AUDIO_FEATURES`](crate::AUDIO_FEATURES).
pub(super) const AUDIO: [Deciles; 9] = [
    [0.115, 0.293, 0.395, 0.465, 0.522, 0.573, 0.622, 0.672, 0.724, 0.788, 0.905],
    [0.017, 0.200, 0.350, 0.460, 0.546, 0.626, 0.698, 0.770, 0.844, 0.917, 0.989],
    [-30.207, -17.009, -12.927, -10.771, -9.263, -8.104, -7.124, -6.226, -5.324, -4.236, -2.007],
    [0.025, 0.029, 0.034, 0.039, 0.044, 0.051, 0.062, 0.083, 0.132, 0.262, 0.888],
    [0.000, 0.002, 0.013, 0.048, 0.116, 0.221, 0.368, 0.554, 0.746, 0.905, 0.992],
    [0.000, 0.000, 0.000, 0.000, 0.002, 0.003, 0.005, 0.086, 0.635, 0.875, 0.963],
    [0.038, 0.073, 0.090, 0.103, 0.113, 0.130, 0.162, 0.225, 0.315, 0.437, 0.949],
    [0.031, 0.110, 0.206, 0.299, 0.383, 0.474, 0.561, 0.657, 0.757, 0.871, 0.970],
    [64.426, 81.703, 92.162, 100.238, 110.164, 119.724, 126.485, 134.452, 144.399, 164.181, 195.686],
];

/// `release_year`.
pub(super) const RELEASE_YEAR: Deciles =
    [1965.0, 1996.0, 2004.0, 2008.0, 2011.0, 2013.0, 2015.0, 2016.0, 2017.0, 2018.0, 2019.0];
