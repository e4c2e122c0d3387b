use listening_data::{Context, DatasetWriter, Play, Responses, Session, Silent, SourceInfo, Track, User};

use super::*;
use crate::splits::{SplitShares, TimeSplit};

/// The numbers are scikit-learn's:
/// ```python
/// import numpy as np
/// from sklearn.linear_model import LogisticRegression
/// x = np.array([[np.sin(1.7 * i + 2.3 * j) for j in range(3)] for i in range(12)])
/// y = np.array([1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 1, 1])
/// m = LogisticRegression(C=1.0, tol=1e-12, max_iter=10_000).fit(x, y)
/// print(m.coef_[0].tolist(), m.intercept_[0])
/// ```
#[test]
fn weights_agree_with_scikit_learn() {
    let x: Vec<f64> = (0..36).map(|k| (1.7 * f64::from(k / 3) + 2.3 * f64::from(k % 3)).sin()).collect();
    let x = Tensor::from_slice(&x).reshape([12, 3]);
    let y = Tensor::from_slice(&[1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0]);
    let found = Vec::<f64>::try_from(newton(&x, &y).unwrap()).unwrap();
    let expected = [-0.7429193616385334, 0.48016059846332143, 0.10308037539957232, 0.3535817716047991];
    assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6), "{found:?}");
}

const HOUR_MS: i64 = 3_600_000;

/// Sessions of 10 minutes: what was played is heard out or skipped, by its mark.
fn dataset(folder: &Path, users: &[Vec<(i64, bool)>]) -> Dataset {
    let mut writer = DatasetWriter::create(folder.join("d")).unwrap();
    for (user, sessions) in users.iter().enumerate() {
        for &(hour, complete) in sessions {
            let play = Play {
                track: 0,
                start_ms: hour * HOUR_MS,
                ms_played: Some(600_000),
                responses: Responses { complete: Some(complete), skip: Some(!complete), past_threshold: Some(true) },
                ..Play::default()
            };
            let (user, start_ms) = (user as u32, hour * HOUR_MS);
            writer.write_session(&Session { user, start_ms, context: Context::default(), plays: vec![play] }).unwrap();
        }
    }
    let ids: Vec<User> = (0..users.len()).map(|user| User { id: user.to_string() }).collect();
    writer.finish(&[Track::default()], &ids, &SourceInfo::new("test")).unwrap();
    Dataset::open(folder.join("d")).unwrap()
}

fn train(dataset: &Dataset, hours: f32) -> Result<(ReturnModel, ReturnReport)> {
    ReturnModel::train(dataset, &totals(dataset), &[0], (hours, 1), &Silent)
}

fn totals(dataset: &Dataset) -> TrackTotals {
    TrackTotals::count(dataset, &TimeSplit::new(dataset, SplitShares::default()).unwrap()).unwrap()
}

/// Who hears a session out comes back the next day, who skips comes back after three days: within 30 hours or not.
#[test]
fn a_session_heard_out_brings_the_listener_back() {
    let mut users = Vec::new();
    for user in 0..40i64 {
        let (mut hour, mut sessions) = (user, Vec::new());
        while hour < 800 {
            let complete = (user * 7 + sessions.len() as i64 * 5) % 3 > 0;
            sessions.push((hour, complete));
            hour += if complete { 24 } else { 72 };
        }
        users.push(sessions);
    }
    let folder = tempfile::tempdir().unwrap();
    let (model, report) = train(&dataset(folder.path(), &users), 30.0).unwrap();
    assert!(report.test.auc > 0.999 && report.test.log_loss < 0.2 * report.constant_log_loss, "{report:?}");
    let after = |responses| {
        let mut session = SessionSummary::default();
        session.add(responses);
        model.probability(&[0.5; SLOW_FEATURES], &session)
    };
    assert!(after([true, false, true]) > 0.8 && after([false, true, true]) < 0.2);
    let path = folder.path().join("returns.safetensors");
    model.save(&path).unwrap();
    assert_eq!(ReturnModel::load(&path).unwrap(), model);
}

/// By hand, with 5 hours, and a log that ends at 40 h, of which the last 6 h are held out. Of the first 34: user 0 comes back after
/// 4 h 50 min, not after 9 h 50 min, and not after 15 h; user 2 does not come back; who came at 30 h may or may not come back within 5
/// hours, whatever user 1 did. Of the last 6: user 3 does not come back after 34 h 10 min; of 36 h on nothing is known.
#[test]
fn what_the_log_does_not_tell_is_left_out() {
    let users = [
        vec![(0, true), (5, true), (15, false)],
        vec![(30, true), (32, true), (36, true)],
        vec![(1, false)],
        vec![(34, false), (40, true)],
    ];
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path(), &users);
    let gathered = rows::gather(&dataset, &totals(&dataset), &[0], (5.0, 1), &Silent).unwrap();
    let found = gathered.map(|rows| {
        let complete = rows.features.chunks_exact(FEATURES).map(|row| row[SLOW_FEATURES - AMOUNTS]);
        complete.zip(rows.returned).collect::<Vec<(f32, bool)>>()
    });
    let train = vec![(1.0, true), (1.0, false), (0.0, false), (0.0, false)];
    assert_eq!(found, [train, vec![(0.0, false)]]);
}

#[test]
fn a_log_that_tells_of_no_return_is_refused() {
    let users: Vec<Vec<(i64, bool)>> = (0..20).map(|user| vec![(100 * user, true)]).collect();
    let folder = tempfile::tempdir().unwrap();
    let error = train(&dataset(folder.path(), &users), 24.0).unwrap_err().to_string();
    assert!(error.contains("come back within 24 hours"), "{error}");
}
