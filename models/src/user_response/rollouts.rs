//! Sessions continued by a model: the first plays as logged, then the logged tracks with responses of the model's own.
//!
//! Two questions are asked so. **Roll-outs** (Tomasi et al. 2023 observe five tracks): do sessions that the model continues look
//! like those that listeners continued? **Skip challenge** (WSDM Cup 2019, Brost et al. 2019): which tracks of a session's second
//! half are skipped, given the first?

use listening_data::{CounterRng, Stream};
use serde::{Deserialize, Serialize};

use super::response_model::go_through;
use super::{Predictions, ResponseModel, TrackTable};
use crate::prepared::Examples;
use crate::{ModelError, Result};

/// Sessions of at least so many plays, at most `most` of them, evenly spaced.
fn long_enough(examples: &Examples, plays: usize, most: usize) -> Vec<usize> {
    let sessions: Vec<usize> = (0..examples.sessions()).filter(|&s| examples.plays(s).len() >= plays).collect();
    let stride = sessions.len().div_ceil(most.max(1)).max(1);
    sessions.into_iter().step_by(stride).collect()
}

/// A rate in logged sessions, and in the same sessions as the model continued them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RateBeside {
    /// What it is a rate of, e.g. `place: 6`.
    pub name: String,
    /// Plays counted.
    pub count: u64,
    /// Among the logged plays.
    pub logged: f64,
    /// Among the model's.
    pub simulated: f64,
}

/// Roll-outs beside what happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolloutReport {
    /// Sessions continued.
    pub sessions: u64,
    /// Plays observed of each.
    pub observed: usize,
    /// Share of skips by place in the session, and after 0, 1, 2, 3 and more skips in a row.
    pub skip_rates: Vec<RateBeside>,
    /// Mean of |simulated - logged| over the places, by plays.
    pub place_error: f64,
    /// The same over the lengths of streaks before.
    pub streak_error: f64,
}

const LAST_PLACE: usize = 20;
const LONGEST_STREAK: usize = 4;
const MOST_SESSIONS: usize = 50_000;

/// Rolls out the sessions of a split after their first `observed` plays, with sampled responses.
pub fn roll_out(
    model: &dyn ResponseModel,
    examples: &Examples,
    table: &TrackTable<'_>,
    observed: usize,
    seed: u64,
) -> Result<RolloutReport> {
    let sessions = long_enough(examples, observed + 1, MOST_SESSIONS);
    if sessions.is_empty() {
        let problem = format!("no test session has more than {observed} plays; import more logs");
        return Err(ModelError::TooLittleData(problem));
    }
    let sample = |play: usize, predicted: &Predictions| {
        let mut rng = CounterRng::new(seed, Stream::Response, play as u64, 0);
        let draw = rng.uniform();
        // Complete and skip exclude each other.
        let scale = 1.0 / (predicted[0] + predicted[1]).max(1.0);
        let complete = draw < predicted[0] * scale;
        let skip = !complete && draw < (predicted[0] + predicted[1]) * scale;
        [Some(complete), Some(skip), Some(complete || rng.uniform() < predicted[2])]
    };
    // What was answered, by play: 2 for a skip, 1 for none; 0 where nothing was.
    let mut simulated = vec![0u8; examples.len()];
    go_through(model, examples, table, &sessions, |plays, play, predicted| {
        let given = (play >= plays.start + observed).then(|| sample(play, predicted))?;
        simulated[play] = 1 + u8::from(given[1] == Some(true));
        Some(given)
    })?;
    // Per place and per streak: plays, logged skips, simulated skips.
    let (mut places, mut streaks) = ([[0.0; 3]; LAST_PLACE], [[0.0; 3]; LONGEST_STREAK]);
    let mut streak_plays = [0.0; LONGEST_STREAK];
    for &session in &sessions {
        let (mut logged_streak, mut own_streak) = (0, 0);
        for (place, play) in examples.plays(session).enumerate() {
            let logged = examples.labels(play)[1];
            if place >= observed {
                let Some(logged) = logged else { break };
                let own = simulated[play] == 2;
                if let Some(sums) = places.get_mut(place) {
                    add(sums, logged, own);
                }
                let of_logged = &mut streaks[logged_streak.min(LONGEST_STREAK - 1)];
                (of_logged[0], of_logged[1]) = (of_logged[0] + 1.0, of_logged[1] + f64::from(u8::from(logged)));
                let at_own = own_streak.min(LONGEST_STREAK - 1);
                streaks[at_own][2] += f64::from(u8::from(own));
                streak_plays[at_own] += 1.0;
                own_streak = if own { own_streak + 1 } else { 0 };
            } else {
                own_streak = if logged == Some(true) { own_streak + 1 } else { 0 };
            }
            logged_streak = if logged == Some(true) { logged_streak + 1 } else { 0 };
        }
    }
    let by_place: Vec<RateBeside> = (observed..LAST_PLACE)
        .filter(|&place| places[place][0] > 0.0)
        .map(|place| rate(format!("place: {}", place + 1), places[place], places[place][0]))
        .collect();
    let by_streak: Vec<RateBeside> = (0..LONGEST_STREAK)
        .filter(|&streak| streaks[streak][0] > 0.0 && streak_plays[streak] > 0.0)
        .map(|streak| {
            let more = if streak + 1 == LONGEST_STREAK { " and more" } else { "" };
            rate(format!("skips in a row before: {streak}{more}"), streaks[streak], streak_plays[streak])
        })
        .collect();
    Ok(RolloutReport {
        sessions: sessions.len() as u64,
        observed,
        place_error: mean_error(&by_place),
        streak_error: mean_error(&by_streak),
        skip_rates: by_place.into_iter().chain(by_streak).collect(),
    })
}

fn add(sums: &mut [f64; 3], logged: bool, own: bool) {
    sums[0] += 1.0;
    sums[1] += f64::from(u8::from(logged));
    sums[2] += f64::from(u8::from(own));
}

fn rate(name: String, [count, logged, own]: [f64; 3], own_count: f64) -> RateBeside {
    RateBeside { name, count: count as u64, logged: logged / count, simulated: own / own_count }
}

fn mean_error(rates: &[RateBeside]) -> f64 {
    let total: f64 = rates.iter().map(|rate| rate.count as f64).sum();
    rates.iter().map(|rate| rate.count as f64 * (rate.simulated - rate.logged).abs()).sum::<f64>() / total.max(1.0)
}

/// A way to foretell skips in the second half of sessions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChallengeScore {
    /// The model or baseline.
    pub name: String,
    /// Mean average accuracy: per session the mean over the places i of its second half of (accuracy up to i if place i was
    /// right, else 0); then over the sessions (WSDM Cup 2019).
    pub mean_average_accuracy: f64,
    /// Share of sessions of whose second half the first track was right.
    pub first_prediction_accuracy: f64,
}

/// The skip challenge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChallengeReport {
    /// Sessions: those of at least 10 plays whose skips are all known.
    pub sessions: u64,
    /// The model, and what it must beat: each session's last observed response repeated.
    pub scores: Vec<ChallengeScore>,
}

const SHORTEST: usize = 10;

/// Foretells the second half (the larger one where plays are odd) of the sessions of a split. The model is told of no response in
/// it: it goes on with those that it finds most probable.
pub fn skip_challenge(
    model: &dyn ResponseModel,
    name: &str,
    examples: &Examples,
    table: &TrackTable<'_>,
) -> Result<ChallengeReport> {
    let known = |&session: &usize| examples.plays(session).all(|play| examples.labels(play)[1].is_some());
    let sessions: Vec<usize> = long_enough(examples, SHORTEST, MOST_SESSIONS).into_iter().filter(known).collect();
    if sessions.is_empty() {
        let problem = format!("no test session has {SHORTEST} plays with known skips; import more logs");
        return Err(ModelError::TooLittleData(problem));
    }
    let most_probable = |predicted: &Predictions| {
        let skip = predicted[1] > predicted[0].max(0.5) || predicted[1] >= 0.5;
        [Some(!skip && predicted[0] >= 0.5), Some(skip), Some(predicted[2] >= 0.5)]
    };
    let mut foretold = vec![false; examples.len()];
    let half = |plays: usize| plays / 2;
    go_through(model, examples, table, &sessions, |plays, play, predicted| {
        let given = (play >= plays.start + half(plays.len())).then(|| most_probable(predicted))?;
        foretold[play] = given[1] == Some(true);
        Some(given)
    })?;
    let score = |name: &str, foretold: &dyn Fn(usize, usize) -> bool| {
        let (mut accuracy, mut first) = (0.0, 0.0);
        for &session in &sessions {
            let plays = examples.plays(session);
            let middle = plays.start + half(plays.len());
            let right: Vec<bool> =
                (middle..plays.end).map(|play| Some(foretold(middle - 1, play)) == examples.labels(play)[1]).collect();
            accuracy += average_accuracy(&right);
            first += f64::from(u8::from(right[0]));
        }
        let count = sessions.len() as f64;
        let (mean_average_accuracy, first_prediction_accuracy) = (accuracy / count, first / count);
        ChallengeScore { name: name.to_owned(), mean_average_accuracy, first_prediction_accuracy }
    };
    let scores = vec![
        score(name, &|_, play| foretold[play]),
        score("last response repeated", &|last, _| examples.labels(last)[1] == Some(true)),
    ];
    Ok(ChallengeReport { sessions: sessions.len() as u64, scores })
}

/// sum_i A(i) L(i) / T: A(i) is the accuracy of the first i places, L(i) whether place i was right.
fn average_accuracy(right: &[bool]) -> f64 {
    let (mut hits, mut sum) = (0.0, 0.0);
    for (place, &right) in right.iter().enumerate() {
        if right {
            hits += 1.0;
            sum += hits / (place + 1) as f64;
        }
    }
    sum / right.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::super::Rows;
    use super::*;
    use crate::features::SO_FAR_FEATURES;
    use crate::track_embeddings::TrackVectors;

    /// Skips for certain where the play before was skipped, and else completes.
    struct Persistent;

    impl ResponseModel for Persistent {
        fn sees_session(&self) -> bool {
            true
        }

        /// How many plays there were, to see that it is carried.
        fn memory_length(&self) -> usize {
            1
        }

        fn play(&self, rows: &Rows, memories: &mut [f32], predictions: &mut Vec<Predictions>) -> Result<()> {
            memories.iter_mut().for_each(|plays| *plays += 1.0);
            let width = rows.features(0..1).len();
            predictions.extend(rows.features(0..rows.len()).chunks_exact(width).map(|row| {
                let skip = if row[width - SO_FAR_FEATURES + 1] > 0.0 { 1.0 } else { 0.0 };
                [1.0 - skip, skip, 1.0 - skip, 0.0]
            }));
            Ok(())
        }

        fn candidates(&self, _: &Rows, _: &[f32], _: &mut Vec<Predictions>) -> Result<()> {
            Ok(())
        }

        fn another(&self) -> Box<dyn ResponseModel> {
            Box::new(Self)
        }
    }

    /// Sessions as texts: s for a skip, c for a complete play, ? for unknown.
    fn sessions(texts: &[&str]) -> Examples {
        let labels = |letter: char| match letter {
            's' => [Some(false), Some(true), Some(false), Some(false)],
            'c' => [Some(true), Some(false), Some(true), Some(false)],
            _ => [None; 4],
        };
        Examples::of_labels(&texts.iter().map(|text| text.chars().map(labels).collect()).collect::<Vec<_>>())
    }

    fn with_table<T>(run: impl FnOnce(&TrackTable<'_>) -> T) -> T {
        let vectors = TrackVectors::new(1, vec![1.0]);
        run(&TrackTable { values: &[1.0], width: 1, vectors: &vectors, artists: &[0] })
    }

    #[test]
    fn sessions_go_on_with_the_models_own_responses() {
        // Too short for a continuation, one ends after skips, one after a complete play.
        let examples = sessions(&["ss", "csc", "cssccs", "sccsc"]);
        let report = with_table(|table| roll_out(&Persistent, &examples, table, 2, 1)).unwrap();
        assert_eq!((report.sessions, report.observed), (3, 2));
        let rates: Vec<_> =
            report.skip_rates.iter().map(|r| (r.name.as_str(), r.count, r.logged, r.simulated)).collect();
        // The first two sessions go on with skips alone, the third with none.
        let expected = [
            ("place: 3", 3, 1.0 / 3.0, 2.0 / 3.0),
            ("place: 4", 2, 0.5, 0.5),
            ("place: 5", 2, 0.0, 0.5),
            ("place: 6", 1, 1.0, 1.0),
            ("skips in a row before: 0", 4, 0.5, 0.0),
            ("skips in a row before: 1", 3, 1.0 / 3.0, 1.0),
            ("skips in a row before: 2", 1, 0.0, 1.0),
        ];
        assert_eq!(rates, expected);
        assert!((report.place_error - (3.0 / 3.0 + 2.0 * 0.5) / 8.0).abs() < 1e-12, "{}", report.place_error);
        let message = with_table(|table| roll_out(&Persistent, &examples, table, 6, 1)).unwrap_err().to_string();
        assert!(message.contains("more than 6 plays"), "{message}");
    }

    #[test]
    fn the_challenge_tells_nothing_of_the_second_half() {
        let examples = sessions(&["ccccsssccs", "sssscccccc", "ccccccccc?", "ccc"]);
        let report = with_table(|table| skip_challenge(&Persistent, "persistent", &examples, table)).unwrap();
        assert_eq!(report.sessions, 2, "long enough, and all skips known");
        let [own, repeated] = report.scores.as_slice() else { panic!("a model and a baseline") };
        // Of the first session s|ssccs is foretold as sssss, of the second c|ccccc as ccccc.
        let first = (1.0 + 1.0 + 3.0 / 5.0) / 5.0;
        assert!((own.mean_average_accuracy - (first + 1.0) / 2.0).abs() < 1e-12, "{own:?}");
        assert_eq!(own.first_prediction_accuracy, 1.0);
        assert_eq!(own.mean_average_accuracy, repeated.mean_average_accuracy);
    }

    /// The examples of the challenge's page: (1 1 0 0) scores higher than (0 0 1 1).
    #[test]
    fn average_accuracy_is_that_of_the_challenge() {
        assert_eq!(average_accuracy(&[true, true, false, false]), 0.5);
        assert!((average_accuracy(&[false, false, true, true]) - (1.0 / 3.0 + 0.5) / 4.0).abs() < 1e-12);
        assert_eq!(average_accuracy(&[true; 7]), 1.0);
        assert_eq!(average_accuracy(&[false; 3]), 0.0);
    }
}
