//! What the network is made of, in the config and in files.

use std::path::Path;

use listening_models::{SavedTensor, TensorFile};

use crate::{AgentError, AgentSettings, Result};

/// The network but for the sizes of its inputs. Files hold it beside the weights, so that loading needs no config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Architecture {
    /// Widths of the hidden layers, at least one.
    pub(crate) hidden: Vec<usize>,
    /// Whether hidden layers are normalised.
    pub(crate) layer_norm: bool,
    /// Whether Q is the value of the state and the advantage of the candidate.
    pub(crate) dueling: bool,
    /// Whether candidates are seen in relation to user and session.
    pub(crate) candidate_features: bool,
    /// Quantiles of the return per candidate; 0 for its mean alone.
    pub(crate) quantiles: usize,
}

impl Architecture {
    /// The one that the settings ask for.
    pub(crate) fn new(settings: &AgentSettings) -> Self {
        Self {
            hidden: settings.hidden.clone(),
            layer_norm: settings.layer_norm,
            dueling: settings.dueling,
            candidate_features: settings.candidate_features,
            quantiles: settings.quantiles,
        }
    }

    /// Width of the first layer, and those of the hidden layers above it.
    pub(crate) fn widths(&self) -> (usize, &[usize]) {
        self.hidden.split_first().map_or((1, &[]), |(&first, rest)| (first, rest))
    }

    /// Numbers that the network gives per candidate; their mean is Q.
    pub(crate) fn outputs(&self) -> usize {
        self.quantiles.max(1)
    }

    /// The tensors that say so in a file.
    pub(crate) fn saved(&self) -> Vec<(String, SavedTensor<'static>)> {
        let hidden: Vec<u32> = self.hidden.iter().map(|&width| width as u32).collect();
        vec![
            ("hidden_widths".into(), SavedTensor::integers(&[hidden.len()], &hidden).into_owned()),
            ("layer_norm".into(), SavedTensor::number(u32::from(self.layer_norm))),
            ("dueling".into(), SavedTensor::number(u32::from(self.dueling))),
            ("candidate_features".into(), SavedTensor::number(u32::from(self.candidate_features))),
            ("quantiles".into(), SavedTensor::number(self.quantiles as u32)),
        ]
    }

    /// Reads what [`Self::saved`] gave; `path` is for messages.
    pub(crate) fn load(file: &TensorFile, path: &Path) -> Result<Self> {
        let numbers = |name: &str| file.integers(name).ok().filter(|numbers| !numbers.is_empty());
        let find = |name: &str| {
            let problem = format!(
                "says nothing of `{name}`, which is a part of the network's architecture: it was made by an earlier \
                 version; train the agent again"
            );
            numbers(name).ok_or_else(|| AgentError::checkpoint(path, problem))
        };
        Ok(Self {
            hidden: find("hidden_widths")?.iter().map(|&width| width as usize).collect(),
            layer_norm: find("layer_norm")?[0] == 1,
            dueling: find("dueling")?[0] == 1,
            candidate_features: find("candidate_features")?[0] == 1,
            quantiles: find("quantiles")?[0] as usize,
        })
    }
}
