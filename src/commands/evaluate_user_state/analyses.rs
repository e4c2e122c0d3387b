//! The task `analyses`: what the vectors look like, as pictures in one page.

use listening_data::write_atomically;
use listening_models::Split;
use listening_models::user_state::Part;
use listening_models::user_state::analyses::{
    ContextGrid, ContextSimilarity, Movement, NearestContexts, Quartiles, SkipRateReport, nearest_contexts,
    sample_states, similarity_by_context, skip_rate_by_similarity, state_movement,
};
use playlist_pictures::{BoxGroup, BoxNumbers, BoxPlot, HeatMap, LineChart, Page, Scatter, Series, StraightLine};
use serde::Serialize;

use super::Bench;
use crate::config::UserStateModel;

/// CoSeRNN for the analyses of sessions, FS-VAE and Average for those of plays.
pub const MODELS: &[UserStateModel] = &[UserStateModel::Cosernn, UserStateModel::FsVae, UserStateModel::Average];

/// States sampled at most, and sessions looked at around each.
const SAMPLED: usize = 4000;
const NEAREST: usize = 20;

#[derive(Serialize)]
struct OfSessions {
    model: UserStateModel,
    similarity_by_context: Vec<ContextSimilarity>,
    nearest_over_time: NearestContexts,
    nearest_over_devices: NearestContexts,
    skip_rate: SkipRateReport,
}

#[derive(Serialize)]
struct OfPlays {
    model: UserStateModel,
    movement: Movement,
}

/// Analyses the models, with the config's seed, and writes the page.
pub fn run(bench: &Bench<'_>, models: &[UserStateModel]) -> anyhow::Result<String> {
    let part = Part::all(Split::Test);
    let (plays, vectors) = (&bench.histories.histories, bench.histories.vectors());
    let (mut of_sessions, mut of_plays) = (Vec::new(), Vec::new());
    for &model in models {
        bench.measure(model, bench.config.seed, |foreteller| {
            if !model.foretells_sessions() {
                of_plays.push(OfPlays { model, movement: state_movement(plays, foreteller, part)? });
                return Ok(());
            }
            let states = sample_states(plays, foreteller, part, SAMPLED)?;
            let nearest = |grid| nearest_contexts(plays, vectors, &states, grid, NEAREST);
            of_sessions.push(OfSessions {
                model,
                similarity_by_context: similarity_by_context(plays, &states),
                nearest_over_time: nearest(ContextGrid::Time),
                nearest_over_devices: nearest(ContextGrid::Device),
                skip_rate: skip_rate_by_similarity(plays, vectors, foreteller, part)?,
            });
            Ok(())
        })?;
    }
    bench.write_json("analyses.json", &(&of_sessions, &of_plays))?;
    let mut page = Page::new("User states").text(
        "Vectors for the sessions of the test split. Boxes: quartiles and the 5th and 95th percentile. Cosine of vectors of \
         length 1.",
    );
    for analysed in &of_sessions {
        page = sessions_part(page, analysed);
    }
    if !of_plays.is_empty() {
        page = plays_part(page, &of_plays);
    }
    let path = bench.out.join("analyses.html");
    write_atomically(&path, page.html().as_bytes())?;
    Ok(format!("The pictures are in {}\n", path.display()))
}

fn sessions_part(page: Page, analysed: &OfSessions) -> Page {
    let name = analysed.model.name();
    let groups = analysed
        .similarity_by_context
        .iter()
        .map(|class| BoxGroup { name: class.class.clone(), boxes: vec![boxed(&class.within), boxed(&class.across)] });
    let similarity = BoxPlot {
        title: format!("{name}: similarity of vectors by context"),
        group_label: "context".into(),
        value_label: "cosine".into(),
        series: vec!["both in the context".into(), "one in it, one outside".into()],
        groups: groups.collect(),
    };
    let map = |nearest: &NearestContexts, title: &str| HeatMap {
        title: format!("{name}: {title}"),
        row_label: "context of the vector".into(),
        column_label: "context of the nearest sessions".into(),
        rows: nearest.classes.clone(),
        columns: nearest.classes.clone(),
        // How many times as often as by chance.
        values: nearest
            .shares
            .iter()
            .map(|row| row.iter().zip(&nearest.chance).map(|(share, chance)| share / chance.max(1e-9)).collect())
            .collect(),
    };
    let skips = &analysed.skip_rate;
    let scatter = Scatter {
        title: format!("{name}: skip rate by similarity of user and session"),
        x_label: "cosine of the user's vector and the session's".into(),
        y_label: "skip rate".into(),
        points: skips.bins.iter().map(|bin| (bin.similarity, bin.skip_rate, bin.sessions as f64)).collect(),
        // The line through all sessions; those of higher skip rates stand in the table.
        lines: skips
            .fits
            .iter()
            .take(1)
            .map(|fit| StraightLine {
                name: format!("skip rate at least {:.1}", fit.least_skip_rate),
                slope: fit.slope.value,
                intercept: fit.intercept,
            })
            .collect(),
    };
    let header = ["least skip rate", "sessions", "correlation", "95 %", "slope", "95 %"].map(String::from);
    let rows: Vec<Vec<String>> = skips
        .fits
        .iter()
        .map(|fit| {
            vec![
                format!("{:.1}", fit.least_skip_rate),
                fit.sessions.to_string(),
                format!("{:.3}", fit.correlation.value),
                format!("{:.3} to {:.3}", fit.correlation.low, fit.correlation.high),
                format!("{:.3}", fit.slope.value),
                format!("{:.3} to {:.3}", fit.slope.low, fit.slope.high),
            ]
        })
        .collect();
    page.heading(&name)
        .picture(&similarity.svg(), "Pairwise similarity of user vectors, within a context and across.")
        .picture(
            &map(&analysed.nearest_over_time, "nearest sessions over time").svg(),
            "How many times as often as by chance the sessions nearest to a vector are of each part of the week.",
        )
        .picture(&map(&analysed.nearest_over_devices, "nearest sessions by device").svg(), "The same for devices.")
        .picture(&scatter.svg(), "Sessions by similarity to the user's vector; areas tell the number of sessions.")
        .table("Skip rate against similarity, by least skip rate of the sessions.", &header, &rows)
}

fn plays_part(page: Page, analysed: &[OfPlays]) -> Page {
    let series = analysed.iter().map(|model| Series {
        name: model.model.name(),
        points: model.movement.since_first.iter().map(|(day, q)| (f64::from(*day), q.median)).collect(),
        band: model.movement.since_first.iter().map(|(_, q)| (q.first, q.third)).collect(),
    });
    let chart = LineChart {
        title: "How far a user's vector moves".into(),
        x_label: "days since the user's first target".into(),
        y_label: "1 - cosine to the first vector".into(),
        series: series.collect(),
    };
    let header = ["model", "from play to play in a session", "from session to session"].map(String::from);
    let rows: Vec<Vec<String>> = analysed
        .iter()
        .map(|model| {
            let distance = |value: f64| format!("{value:.4}");
            let movement = &model.movement;
            vec![model.model.name(), distance(movement.within_session), distance(movement.between_sessions)]
        })
        .collect();
    page.heading("Movement over time").picture(&chart.svg(), "Median over users, with the quartiles.").table(
        "Mean distance 1 - cosine between neighbouring vectors of a user.",
        &header,
        &rows,
    )
}

fn boxed(quartiles: &Quartiles) -> BoxNumbers {
    let Quartiles { low, first, median, third, high, .. } = *quartiles;
    BoxNumbers { low, first, median, third, high }
}
