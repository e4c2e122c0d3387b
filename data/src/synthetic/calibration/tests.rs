//! A fit finds what made a log.

use super::*;
use crate::Marginal;

fn known() -> SyntheticConfig {
    let mut config = SyntheticConfig::default();
    (config.size.users, config.size.days) = (300, 14);
    (config.catalog.tracks, config.catalog.artists) = (600, 100);
    (config.response.base, config.response.early_share, config.response.streak) = (-1.2, 0.85, 1.2);
    (config.leaving.base, config.leaving.interruptions_per_hour) = (-2.2, 3.0);
    (config.behaviour.repeat, config.response.position) = (0.5, 0.4);
    config
}

/// Starting from the defaults, far from what made the log, the fit gets as near as another seed of the true settings is,
/// in worlds that the fit has not seen.
#[test]
fn a_fit_gets_as_near_to_a_log_as_another_log_of_the_same_listeners() {
    let (truth, rules, protocol) = (known(), SessionRules::default(), MarginalProtocol::default());
    let of = |config: &SyntheticConfig, seed| synthetic_marginals(config, &rules, protocol, seed, &Silent).unwrap();
    let target = CalibrationTarget { marginals: of(&truth, 11), protocol };
    let mut start = SyntheticConfig::default();
    (start.size, start.catalog) = (truth.size.clone(), truth.catalog.clone());
    let settings = CalibrationSettings { users: 300, days: 14, evaluations: 300, seed: 5 };
    let fit = calibrate_listeners(&start, &rules, &target, &settings, &Silent).unwrap();
    let distance = |config: &SyntheticConfig| {
        let seeds = [21, 22, 23];
        seeds.map(|seed| target.marginals.total_distance(&of(config, seed))).iter().sum::<f64>() / seeds.len() as f64
    };
    let [at_start, at_end, floor] = [&start, &fit.config, &truth].map(distance);
    println!("start {at_start:.3}, fitted {at_end:.3}, true settings with other seeds {floor:.3}");
    for FittedParameter { parameter, start, fitted } in &fit.parameters {
        println!("{} {start} -> {fitted}, true {}", parameter.name, parameter.value(&truth));
        assert!((parameter.low..=parameter.high).contains(fitted));
    }
    assert!(at_start > 4.0 * floor, "the start is no challenge: {at_start} against {floor}");
    assert!(at_end < 1.5 * floor, "{at_end} against {floor}");
    assert!(fit.distance < fit.start_distance && fit.config.size == start.size);
}

#[test]
fn only_what_the_target_tells_is_fitted_and_the_same_fit_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("session_lengths.txt"), "10 500\n11 300\n20 200\n").unwrap();
    let target = CalibrationTarget::of_mssd_counts(folder.path()).unwrap();
    let settings = CalibrationSettings { users: 20, days: 7, evaluations: 12, seed: 2 };
    let fit = || calibrate_listeners(&known(), &SessionRules::default(), &target, &settings, &Silent).unwrap();
    let found = fit();
    let names: Vec<&str> = found.parameters.iter().map(|fitted| fitted.parameter.name).collect();
    assert_eq!(names, ["leaving.base", "leaving.session_spread"]);
    let mut rest = found.config.clone();
    rest.leaving = known().leaving;
    assert_eq!(rest, known());
    assert_eq!(found, fit());
}

/// What the world tells without being written is what is measured of the dataset that is written.
#[test]
fn a_world_is_measured_as_its_dataset_is() {
    let rules = SessionRules::default();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d");
    crate::synthesize(&known(), &rules, 4, &path, &Silent).unwrap();
    let target = CalibrationTarget::of_dataset(&Dataset::open(&path).unwrap(), &Silent).unwrap();
    assert_eq!(target.protocol, MarginalProtocol::default());
    assert_eq!(target.marginals, synthetic_marginals(&known(), &rules, target.protocol, 4, &Silent).unwrap());
    assert!(target.marginals.told().eq(Marginal::ALL));
}

#[test]
fn every_default_lies_within_its_bounds_and_each_parameter_has_its_own_key() {
    let config = SyntheticConfig::default();
    for parameter in &PARAMETERS {
        let value = parameter.value(&config);
        assert!((parameter.low..=parameter.high).contains(&value), "{} {value}", parameter.name);
        for (place, expected) in [(0.0, parameter.low), (1.0, parameter.high)] {
            let mut changed = config.clone();
            parameter.set_at(&mut changed, place);
            assert!((parameter.value(&changed) - expected).abs() < 1e-3);
            assert!(changed.validate().is_ok(), "{}", parameter.name);
            let (section, key) = parameter.name.split_once('.').unwrap();
            let table = toml::Table::try_from(&changed).unwrap();
            assert_eq!(table[section][key].as_float(), Some(parameter.value(&changed)), "{}", parameter.name);
        }
    }
}
