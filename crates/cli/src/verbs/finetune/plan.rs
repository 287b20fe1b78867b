//! Flags as what is asked of the training.

use crate::args::{
    CandidatesName, DecoderName, FinetuneArgs, LabelSource, LearnedArgs, MethodName, ObjectiveName,
    OptimiserName, PaceArgs, ParameterArgs, ScheduleName, SourceKind, TemperatureArg, TowerName,
};
use anyhow::bail;
use semrec_data::Split;
use semrec_finetune::{
    AdaLora, Ahead, CandidateSet, CouplesConfig, Elsa, Hardness, HistoriesConfig, Labels, Lora,
    Method, Mlm, Objective, QuestionsConfig, Settings, SimCse, SingleTower, SourceName, Telling,
    Temperature, Tsdae, TwoTower, UserTower,
};
use semrec_train::{Decay, Method as Rule, Optimiser};

/// Where a temperature begins that is learned.
const WARM: f32 = 0.05;

/// Values of a bottleneck.
const BOTTLENECK: usize = 64;
/// Units of a head that follows vectors.
const UNITS: usize = 8192;

/// Tokens of a text that an encoder is trained on.
const TOKENS: usize = 128;
/// More tokens than an encoder reads: what follows its vectors should know them as they will be.
const WHOLE: usize = 1 << 16;

/// Targets of a person in an epoch where each is asked in a batch.
const SOME: usize = 4;
/// More targets than a person has.
const ALL: usize = u32::MAX as usize;

/// What to train, and how.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) objective: Objective,
    pub(super) settings: Settings,
    /// How far vectors are whitened to begin with.
    pub(super) whiten: f32,
}

/// Reads the flags.
pub(super) fn of(args: &FinetuneArgs) -> anyhow::Result<Plan> {
    let objective = objective(args.objective, &args.learned, args.split)?;
    let method = method(args.method, &args.parameters, follows(&objective));
    let ranks = matches!(objective, Objective::Contrastive(_) | Objective::Elsa(_));
    let whiten = args.learned.whiten.unwrap_or(f32::from(ranks));
    if !(0.0..=1.0).contains(&whiten) {
        bail!("--whiten is {whiten}; expected 0 to 1");
    }
    Ok(Plan {
        whiten,
        settings: settings(&args.pace, method, &objective),
        objective,
    })
}

/// Against which texts targets are held where nothing was asked: the whole catalogue, unless
/// something is asked for that only the texts of a batch can give.
fn candidates(args: &LearnedArgs) -> CandidateSet {
    let of_a_batch = args.hard_negatives > 0
        || matches!(args.user_tower, TowerName::Text)
        || matches!(args.temperature, TemperatureArg::Learned);
    match args.candidates {
        Some(CandidatesName::Batch) => CandidateSet::Batch,
        Some(CandidatesName::Catalogue) => CandidateSet::Catalogue,
        None if of_a_batch => CandidateSet::Batch,
        None => CandidateSet::Catalogue,
    }
}

/// Whether the vectors go ahead: against the catalogue, where the encoder is all that is learned, and
/// what is asked for is not items that are held out, of which vectors that go ahead say nothing.
fn ahead(args: &LearnedArgs, split: Split) -> Option<Ahead> {
    let whole =
        candidates(args) == CandidateSet::Catalogue && !matches!(split, Split::ColdItems(_));
    let alone = !matches!(args.user_tower, TowerName::Attention);
    let passes = args.ahead.unwrap_or(if whole && alone {
        Ahead::default().passes
    } else {
        0
    });
    (passes > 0).then(|| Ahead {
        passes,
        ..Ahead::default()
    })
}

/// Whether the encoder follows vectors that went ahead.
fn follows(objective: &Objective) -> bool {
    matches!(objective, Objective::Contrastive(t) if t.ahead.is_some())
}

fn settings(pace: &PaceArgs, method: Method, objective: &Objective) -> Settings {
    let whole =
        matches!(objective, Objective::Contrastive(t) if t.candidates == CandidateSet::Catalogue);
    let follows = follows(objective);
    let wide = matches!(method, Method::Head { width } if width > 0);
    let learning_rate = match method {
        // A step that learns from the whole log can be a longer one.
        Method::Full | Method::TopLayers { .. } if whole => 1e-4,
        Method::Full | Method::TopLayers { .. } => 2e-5,
        Method::Lora(_) | Method::AdaLora(_) | Method::Adapter { .. } => 5e-4,
        Method::Head { .. } if wide => 1e-4,
        Method::Head { .. } => 1e-3,
    };
    let batch = match objective {
        Objective::Bce(_) => 16,
        Objective::Contrastive(_) if follows && wide => 128,
        Objective::Contrastive(_) if follows => 64,
        Objective::Contrastive(_) | Objective::Elsa(_) => 256,
        Objective::Mlm(_) | Objective::Simcse(_) | Objective::Tsdae(_) | Objective::Distil => 64,
    };
    let longest = if matches!(method, Method::Head { .. }) {
        WHOLE
    } else {
        TOKENS
    };
    Settings {
        method,
        epochs: pace.epochs,
        patience: (!pace.r#final).then_some(pace.patience),
        batch: pace.batch.unwrap_or(batch),
        accumulate: pace.accumulate,
        learning_rate: pace.learning_rate.unwrap_or(learning_rate),
        warmup: pace.warmup,
        decay: match pace.schedule {
            ScheduleName::Constant => Decay::Constant,
            ScheduleName::Linear => Decay::Linear,
            ScheduleName::Cosine => Decay::Cosine,
        },
        optimiser: Optimiser {
            method: match pace.optimiser {
                OptimiserName::Adamw => Rule::ADAMW,
                OptimiserName::Sgd => Rule::Sgd { momentum: 0.9 },
            },
            weight_decay: pace.weight_decay,
            clip: pace.clip,
        },
        dropout: pace.dropout.unwrap_or(if follows { 0.0 } else { 0.1 }),
        max_length: pace.max_length.unwrap_or(longest),
        fgm: pace.fgm,
    }
}

/// A head that follows vectors is a wide one where nothing else is said: it is the memory.
fn method(name: MethodName, args: &ParameterArgs, follows: bool) -> Method {
    let lora = |rank: usize| Lora {
        rank,
        alpha: args.alpha.unwrap_or(2.0 * rank as f32),
        targets: args.targets.iter().map(|&t| t.into()).collect(),
        ..Lora::default()
    };
    match name {
        MethodName::Full => Method::Full,
        MethodName::TopLayers => Method::TopLayers {
            layers: args.layers,
        },
        MethodName::Lora => Method::Lora(lora(args.rank.unwrap_or(16))),
        MethodName::Adalora => Method::AdaLora(AdaLora {
            lora: lora(args.rank.unwrap_or(12)),
            target_rank: args.target_rank,
            ..AdaLora::default()
        }),
        MethodName::Adapter => Method::Adapter {
            width: args.width.unwrap_or(BOTTLENECK),
        },
        MethodName::Head => Method::Head {
            width: args.width.unwrap_or(if follows { UNITS } else { 0 }),
        },
    }
}

fn objective(name: ObjectiveName, args: &LearnedArgs, split: Split) -> anyhow::Result<Objective> {
    let user_tower = match args.user_tower {
        TowerName::Mean => UserTower::Mean,
        TowerName::Recency => UserTower::default(),
        TowerName::Attention => UserTower::Attention,
        TowerName::Text => UserTower::Text,
    };
    Ok(match name {
        ObjectiveName::Bce => Objective::Bce(SingleTower {
            questions: QuestionsConfig {
                labels: match args.labels {
                    LabelSource::Sampled => Labels::Sampled {
                        negatives: args.negatives,
                    },
                    LabelSource::Given => Labels::Given,
                },
                targets: args.per_person.unwrap_or(SOME),
                length: args.history,
            },
        }),
        ObjectiveName::Contrastive => Objective::Contrastive(TwoTower {
            user_tower,
            temperature: match args.temperature {
                TemperatureArg::Learned => Temperature::Learned(WARM),
                TemperatureArg::Fixed(x) => Temperature::Fixed(x),
            },
            source: match args.source {
                SourceKind::History => SourceName::Histories,
                SourceKind::Pairs => SourceName::Pairs(CouplesConfig::default()),
            },
            histories: HistoriesConfig {
                targets: args.per_person.unwrap_or(match candidates(args) {
                    CandidateSet::Batch => SOME,
                    CandidateSet::Catalogue => ALL,
                }),
                length: args.history,
            },
            hard: (args.hard_negatives > 0).then_some(Hardness {
                count: args.hard_negatives,
                margin: args.margin,
            }),
            candidates: candidates(args),
            ahead: ahead(args, split),
            prior: args.prior,
        }),
        ObjectiveName::Elsa => Objective::Elsa(Elsa {
            user_tower,
            ..Elsa::default()
        }),
        ObjectiveName::Mlm => Objective::Mlm(Mlm::default()),
        ObjectiveName::Simcse => Objective::Simcse(SimCse {
            temperature: match args.temperature {
                TemperatureArg::Learned => {
                    bail!("--temperature learned is of contrastive; simcse takes a number")
                }
                TemperatureArg::Fixed(x) => x,
            },
        }),
        ObjectiveName::Tsdae => Objective::Tsdae(Tsdae {
            decoder: match args.decoder {
                DecoderName::Transformer => Telling::Transformer,
                DecoderName::Words => Telling::Words,
            },
            ..Tsdae::default()
        }),
        ObjectiveName::Distil => Objective::Distil,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Verb};
    use clap::Parser;
    use semrec_finetune::PriorWeight;

    fn plan(line: &str) -> Plan {
        let words = "semrec finetune shop --out tuned ".to_owned() + line;
        let cli = Cli::try_parse_from(words.split_whitespace()).unwrap();
        let Verb::Finetune(args) = cli.verb else {
            panic!("finetune was asked for")
        };
        of(&args).unwrap()
    }

    #[test]
    fn one_tower_is_trained_as_bert_is_unless_told_otherwise() {
        let plan = plan("--method full --objective bce");
        assert_eq!(plan.settings, Settings::default());
        let Settings {
            epochs,
            batch,
            learning_rate,
            max_length,
            ..
        } = plan.settings;
        assert_eq!((epochs, batch, max_length), (5, 16, 128));
        assert!((learning_rate - 2e-5).abs() < 1e-12);
    }

    #[test]
    fn targets_are_held_against_the_catalogue_where_that_can_be() {
        for (flags, wanted) in [
            ("", CandidateSet::Catalogue),
            ("--candidates batch", CandidateSet::Batch),
            ("--temperature learned", CandidateSet::Batch),
            ("--user-tower text", CandidateSet::Batch),
            ("--hard-negatives 1", CandidateSet::Batch),
        ] {
            let plan = plan(&format!("--method full --objective contrastive {flags}"));
            let Objective::Contrastive(towers) = &plan.objective else {
                panic!("{:?}", plan.objective)
            };
            assert_eq!(towers.candidates, wanted, "{flags}");
        }
    }

    #[test]
    fn vectors_go_ahead_where_the_encoder_alone_is_learned() {
        for (flags, passes, batch, dropout) in [
            ("", Some(3), 64, 0.0),
            ("--ahead 7 --dropout 0.2 --batch 9", Some(7), 9, 0.2),
            ("--ahead 0", None, 256, 0.1),
            ("--candidates batch", None, 256, 0.1),
            ("--user-tower attention", None, 256, 0.1),
            ("--split cold-items:0.1", None, 256, 0.1),
        ] {
            let plan = plan(&format!("--method full --objective contrastive {flags}"));
            let Objective::Contrastive(towers) = &plan.objective else {
                panic!("{:?}", plan.objective)
            };
            assert_eq!(towers.ahead.map(|a| a.passes), passes, "{flags}");
            let settings = &plan.settings;
            assert_eq!(
                (settings.batch, settings.dropout),
                (batch, dropout),
                "{flags}"
            );
            assert_eq!(settings.patience, Some(2), "{flags}");
        }
        let last = plan("--method full --objective contrastive --final");
        assert_eq!(last.settings.patience, None);
    }

    #[test]
    fn a_head_that_follows_vectors_is_wide() {
        for (flags, width, rate, batch) in [
            ("--objective contrastive", 8192, 1e-4, 128),
            ("--objective contrastive --width 0", 0, 1e-3, 64),
            ("--objective contrastive --ahead 0", 0, 1e-3, 256),
            (
                "--objective contrastive --ahead 0 --width 800",
                800,
                1e-4,
                256,
            ),
            ("--objective elsa", 0, 1e-3, 256),
        ] {
            let settings = plan(&format!("--method head {flags}")).settings;
            assert_eq!(settings.method, Method::Head { width }, "{flags}");
            assert_eq!(settings.batch, batch, "{flags}");
            assert_eq!(settings.max_length, WHOLE, "{flags}");
            assert!((settings.learning_rate - rate).abs() < 1e-9, "{flags}");
        }
    }

    #[test]
    fn flags_reach_method_and_objective() {
        let plan = plan(
            "--method lora --rank 4 --targets query,up --objective contrastive --temperature \
             learned --user-tower attention --source pairs --hard-negatives 2 --schedule cosine \
             --prior auto",
        );
        let Method::Lora(lora) = &plan.settings.method else {
            panic!("{:?}", plan.settings.method)
        };
        assert_eq!((lora.rank, lora.alpha, lora.targets.len()), (4, 8.0, 2));
        assert_eq!(plan.settings.decay, Decay::Cosine);
        let Objective::Contrastive(towers) = &plan.objective else {
            panic!("{:?}", plan.objective)
        };
        assert_eq!(towers.temperature, Temperature::Learned(WARM));
        assert_eq!(towers.user_tower, UserTower::Attention);
        assert!(matches!(towers.source, SourceName::Pairs(_)));
        assert_eq!(towers.hard.map(|h| h.count), Some(2));
        assert_eq!(towers.prior, PriorWeight::Validated);
    }
}
