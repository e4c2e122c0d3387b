//! What a fit has found: tables, and the config.

use std::fmt;
use std::path::Path;

use listening_data::{Calibration, Marginal, Marginals, SyntheticConfig};
use toml::{Table, Value};

use crate::tables::{Columns, number, section};

/// The real log beside worlds that the fit has not seen.
pub struct Check<'a> {
    pub real: &'a Marginals,
    /// With the settings before the fit.
    pub start: Marginals,
    /// With those after, the same seed.
    pub fitted: Marginals,
    /// With those after, another seed.
    pub again: Marginals,
}

impl fmt::Display for Check<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&section("Real and synthetic figures", self.figures()))?;
        f.write_str(&section("Distances from the real log", self.distances()))
    }
}

impl Check<'_> {
    fn figures(&self) -> Columns {
        let mut table = Columns::new(["figure", "real", "before", "fitted"]);
        for marginal in self.real.told() {
            let of = |marginals: &Marginals, name: &str| {
                let figures = marginals.figures(marginal);
                let found = figures.iter().find(|figure| figure.0 == name);
                found.map_or_else(|| "-".to_owned(), |(_, value)| number(*value))
            };
            for (name, value) in self.real.figures(marginal) {
                let label = format!("{}: {name}", marginal.name());
                table.add([label, number(value), of(&self.start, name), of(&self.fitted, name)]);
            }
        }
        table
    }

    fn distances(&self) -> Columns {
        let mut table = Columns::new(["marginal", "distance", "weight", "before", "fitted", "chance"]);
        let worlds = [(self.real, &self.start), (self.real, &self.fitted), (&self.fitted, &self.again)];
        let row = |distance: &dyn Fn(&Marginals, &Marginals) -> f64| {
            worlds.map(|(real, synthetic)| format!("{:.3}", distance(real, synthetic)))
        };
        for marginal in self.real.told() {
            let [before, fitted, chance] =
                row(&|real, synthetic| real.distance(synthetic, marginal).unwrap_or(f64::NAN));
            let weight = marginal.weight().to_string();
            table.add([marginal.name().into(), marginal.distance_name().into(), weight, before, fitted, chance]);
        }
        let told = |real: &Marginals, synthetic: &Marginals| self.sum(real, synthetic);
        let [before, fitted, chance] = row(&told);
        table.add(["weighted sum".into(), String::new(), String::new(), before, fitted, chance]);
        table
    }

    /// The weighted sum of distances over what the real log tells; a synthetic one tells more.
    fn sum(&self, real: &Marginals, synthetic: &Marginals) -> f64 {
        let distance = |marginal: Marginal| marginal.weight() * real.distance(synthetic, marginal).unwrap_or_default();
        self.real.told().map(distance).sum()
    }
}

/// The settings that were fitted.
pub fn parameters(fit: &Calibration) -> String {
    let mut table = Columns::new(["data.synthetic", "before", "fitted", "lowest", "highest"]);
    for fitted in &fit.parameters {
        let parameter = fitted.parameter;
        let values = [fitted.start, fitted.fitted, parameter.low, parameter.high].map(|value| value.to_string());
        let [before, after, low, high] = values;
        table.add([parameter.name.into(), before, after, low, high]);
    }
    section("Settings", table)
}

/// The fitted settings as a config, with the command and the distances in a comment.
pub fn fitted_config(out: &Path, fit: &Calibration, check: &Check) -> anyhow::Result<String> {
    let typed: Vec<String> = std::env::args().skip(1).collect();
    let mut text = format!("# Synthetic listeners fitted to a real log by\n#   sim {}\n#\n", typed.join(" "));
    for line in check.distances().to_string().lines() {
        text.push_str(format!("# {line}").trim_end());
        text.push('\n');
    }
    let (defaults, fitted) = (Table::try_from(SyntheticConfig::default())?, Table::try_from(&fit.config)?);
    let data = Table::from_iter([
        ("source".to_owned(), Value::from("synthetic")),
        ("synthetic".to_owned(), Value::Table(differences(&defaults, fitted))),
    ]);
    let name: String = out.file_stem().map_or_else(|| "listeners".into(), |name| name.to_string_lossy().into_owned());
    let config = Table::from_iter([("name".to_owned(), Value::from(name)), ("data".to_owned(), Value::Table(data))]);
    text.push('\n');
    text.push_str(&toml::to_string(&config)?);
    Ok(text)
}

/// Those keys of a table whose values differ from the defaults.
fn differences(defaults: &Table, table: Table) -> Table {
    let differing = |(key, value): (String, Value)| match (defaults.get(&key), value) {
        (Some(Value::Table(defaults)), Value::Table(table)) => {
            let inner = differences(defaults, table);
            (!inner.is_empty()).then_some((key, Value::Table(inner)))
        }
        (default, value) => (default != Some(&value)).then_some((key, value)),
    };
    table.into_iter().filter_map(differing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_holds_what_differs_from_the_defaults() {
        let defaults = Table::try_from(SyntheticConfig::default()).unwrap();
        let mut config = SyntheticConfig::default();
        assert!(differences(&defaults, Table::try_from(&config).unwrap()).is_empty());
        config.leaving.base = -2.5;
        config.size.users = 7;
        let found = differences(&defaults, Table::try_from(&config).unwrap());
        assert_eq!(toml::to_string(&found).unwrap(), "[leaving]\nbase = -2.5\n\n[size]\nusers = 7\n");
        assert_eq!(toml::from_str::<SyntheticConfig>(&toml::to_string(&found).unwrap()).unwrap(), config);
    }
}
