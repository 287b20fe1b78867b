//! Which parameters of an encoder are trained.
//!
//! | method | trained | source |
//! |---|---|---|
//! | `full` | everything | |
//! | `top-layers` | the top k layers; what is below is computed once | |
//! | `lora` | `W + α/r · B·A` for each chosen `W` | Hu et al. 2021 |
//! | `adalora` | `W + 1/r · P·diag(λ)·Q`, whose λ are cut to a budget by importance | Zhang et al. 2023 |
//! | `adapter` | a bottleneck behind attention and behind the feed-forward layer | Houlsby et al. 2019 |
//! | `head` | a linear layer behind the pooling, or two with rectified units between them | |

use crate::FinetuneError;
use serde::{Deserialize, Serialize};

/// A linear layer of a transformer that LoRA can be put beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// Query of attention.
    Query,
    /// Key of attention.
    Key,
    /// Value of attention.
    Value,
    /// Output of attention.
    Output,
    /// First layer of the feed-forward part.
    Up,
    /// Second layer of the feed-forward part.
    Down,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Query,
        Self::Key,
        Self::Value,
        Self::Output,
        Self::Up,
        Self::Down,
    ];
}

/// Low-rank changes beside linear layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lora {
    /// `r`.
    pub rank: usize,
    /// `α`: the change is multiplied by `α/r`.
    pub alpha: f32,
    /// Share of the input of `A` that is dropped while training.
    pub dropout: f32,
    /// The linear layers that have one, of every layer.
    pub targets: Vec<Target>,
}

/// LoRA with a budget of ranks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdaLora {
    /// Rank of each change at the start; the change is multiplied by `α/r` of it.
    pub lora: Lora,
    /// Mean rank at the end.
    pub target_rank: usize,
    /// Share of the steps before ranks are cut.
    pub start: f32,
    /// Share of the steps at the end without cuts.
    pub end: f32,
    /// Steps between two cuts.
    pub every: u64,
    /// `β₁`, of the mean of the sensitivity.
    pub beta1: f32,
    /// `β₂`, of its uncertainty.
    pub beta2: f32,
    /// `γ`, of the penalty that keeps `P` and `Q` orthogonal.
    pub orthogonal: f32,
}

/// Which parameters are trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum Method {
    /// All.
    Full,
    /// Those of the top layers.
    TopLayers {
        /// How many.
        layers: usize,
    },
    /// Low-rank changes.
    Lora(Lora),
    /// Low-rank changes within a budget.
    AdaLora(AdaLora),
    /// Bottlenecks.
    Adapter {
        /// Values of a bottleneck.
        width: usize,
    },
    /// Layers behind the pooling; the encoder itself stays as it is.
    Head {
        /// Rectified units between two linear layers; 0 for one linear layer.
        width: usize,
    },
}

impl Default for Lora {
    fn default() -> Self {
        Self {
            rank: 16,
            alpha: 32.0,
            dropout: 0.05,
            targets: vec![Target::Query, Target::Value],
        }
    }
}

impl Default for AdaLora {
    fn default() -> Self {
        Self {
            lora: Lora {
                rank: 12,
                ..Lora::default()
            },
            target_rank: 8,
            start: 0.1,
            end: 0.4,
            every: 10,
            beta1: 0.85,
            beta2: 0.85,
            orthogonal: 0.5,
        }
    }
}

impl Method {
    /// Holds the settings against an encoder of so many layers.
    ///
    /// # Errors
    /// [`FinetuneError::Setting`].
    pub fn check(&self, layers: usize) -> Result<(), FinetuneError> {
        let fail = |name, problem| Err(FinetuneError::Setting { name, problem });
        match self {
            Self::Full | Self::Head { .. } => Ok(()),
            Self::TopLayers { layers: top } if *top == 0 || *top > layers => fail(
                "top layers",
                format!("are {top}; expected 1 to the {layers} there are"),
            ),
            Self::TopLayers { .. } => Ok(()),
            Self::Adapter { width: 0 } => {
                fail("adapter width", "is 0; expected at least 1".to_owned())
            }
            Self::Adapter { .. } => Ok(()),
            Self::Lora(lora) => lora.check(),
            Self::AdaLora(ada) => {
                ada.lora.check()?;
                if ada.target_rank == 0 || ada.target_rank > ada.lora.rank {
                    return fail(
                        "target rank",
                        format!(
                            "is {}; expected 1 to the rank at the start, {}",
                            ada.target_rank, ada.lora.rank
                        ),
                    );
                }
                if !(ada.start >= 0.0 && ada.end >= 0.0 && ada.start + ada.end < 1.0) {
                    return fail(
                        "shares of the steps before and after cuts",
                        format!(
                            "are {} and {}; expected together less than 1",
                            ada.start, ada.end
                        ),
                    );
                }
                Ok(())
            }
        }
    }
}

impl Lora {
    fn check(&self) -> Result<(), FinetuneError> {
        let fail = |name, problem| Err(FinetuneError::Setting { name, problem });
        if self.rank == 0 {
            return fail("rank", "is 0; expected at least 1".to_owned());
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return fail(
                "LoRA's dropout",
                format!("is {}; expected 0 to below 1", self.dropout),
            );
        }
        if self.targets.is_empty() {
            return fail(
                "LoRA's targets",
                "are none; expected at least one of query, key, value, output, up, down".to_owned(),
            );
        }
        Ok(())
    }
}
