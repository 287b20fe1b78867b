//! A tiny random encoder learns from a small shop, by every objective and method; what was killed
//! goes on to the bit, and what cannot be learned is said.

#![expect(clippy::unwrap_used, reason = "a test may fail at once")]

use semrec_data::{Cases, Clock, Event, Interactions, Part, Row};
use semrec_finetune::{
    AdaLora, Ahead, CandidateSet, Elsa, FinetuneError, Hardness, Labels, Lora, Material, Method,
    Mlm, Network, Objective, PriorWeight, QuestionsConfig, Reranker, Settings, SimCse, SingleTower,
    SourceName, Surroundings, Target, Temperature, Tsdae, Tuned, TwoTower, UserTower, finetune,
    write_beside,
};
use semrec_train::{Decay, News, Parameters, RunFiles};
use std::cell::RefCell;
use std::path::{Path, PathBuf};

const ITEMS: u32 = 24;
const PEOPLE: u32 = 60;

fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../text/tests/golden/tiny")
}

/// A shop with two halves that nobody mixes, and texts that do not say which half they are of.
struct Shop {
    train: Interactions,
    validation: Cases,
    texts: Vec<String>,
    people: Vec<String>,
    hidden: Vec<bool>,
}

fn event(item: u32, time: i64, value: f32) -> Event {
    Event { item, value, time }
}

/// The item a person touches at a time: of the even ones for even people, else of the odd ones.
fn item(person: u32, time: u32) -> u32 {
    (2 * (person * 7 + time * 5 + time * time) + person % 2) % ITEMS
}

/// What people touched, one after the other.
fn log<I: Iterator<Item = u32>>(of: impl Fn(u32) -> I) -> Interactions {
    let mut rows = Vec::new();
    for user in 0..PEOPLE {
        rows.extend((0i64..).zip(of(user)).map(|(time, item)| Row {
            user,
            event: event(item, time, 1.0),
            kind: 0,
            part: Part::Train,
        }));
    }
    Interactions::from_rows(&rows, PEOPLE as usize, ITEMS as usize, Clock::Position)
}

fn shop() -> Shop {
    let train = log(|user| (0..6).map(move |time| item(user, time)));
    let mut validation = Cases::default();
    for user in 0..PEOPLE {
        let history = train.of_user(user);
        let seen = |i: &u32| history.iter().any(|e| e.item == *i);
        let next = (6..30).map(|time| item(user, time)).find(|i| !seen(i));
        validation.push(user, history, &[next.unwrap()]);
    }
    let words = ["lamp", "rope", "soap", "tent", "ring", "book"];
    let texts = (0..ITEMS).map(|i| {
        let i = i as usize;
        format!("{} {}", words[i % 6], words[(i / 6 + i) % 6])
    });
    Shop {
        train,
        validation,
        texts: texts.enumerate().map(|(i, t)| format!("{t} {i}")).collect(),
        people: (0..PEOPLE).map(|u| format!("kind {}", u % 2)).collect(),
        hidden: vec![false; ITEMS as usize],
    }
}

impl Shop {
    fn material(&self) -> Material<'_> {
        Material {
            teacher: None,
            train: &self.train,
            validation: &self.validation,
            items: &self.texts,
            titles: &self.texts,
            hidden: &self.hidden,
            users: Some(&self.people),
        }
    }
}

fn settings() -> Settings {
    Settings {
        epochs: 4,
        patience: Some(9),
        batch: 40,
        learning_rate: 3e-3,
        warmup: 0.0,
        decay: Decay::Constant,
        dropout: 0.0,
        max_length: 24,
        ..Settings::default()
    }
}

/// What was told of each epoch: loss and measure.
type Told = Vec<(f64, f64)>;

fn learn(
    objective: &Objective,
    settings: &Settings,
    run: Option<&Path>,
) -> Result<(Tuned, Told, Network, Parameters), FinetuneError> {
    learn_of(&shop(), objective, settings, run)
}

fn learn_of(
    shop: &Shop,
    objective: &Objective,
    settings: &Settings,
    run: Option<&Path>,
) -> Result<(Tuned, Told, Network, Parameters), FinetuneError> {
    let (network, mut parameters) = Network::open(&tiny(), &settings.method, 1)?;
    let told = RefCell::new(Vec::new());
    let surroundings = Surroundings {
        seed: 1,
        identity: "a shop",
        run: run.map(|dir| RunFiles { dir, now: &|| 1e9 }),
        test: Some(&shop.validation),
        told: &|news: &News<'_>| {
            if let News::Epoch { loss, measured, .. } = news {
                told.borrow_mut().push((*loss, measured.value));
            }
        },
    };
    let asked = (objective, settings);
    let on = (&network, &mut parameters);
    let tuned = finetune(on, &shop.material(), asked, &surroundings)?;
    Ok((tuned, told.into_inner(), network, parameters))
}

/// The best measure is above the first one, and the loss of the last epoch below that of the first.
fn learns(objective: &Objective, settings: &Settings) -> Tuned {
    let (tuned, told, ..) = learn(objective, settings, None).unwrap();
    let losses: Vec<f64> = told.iter().map(|t| t.0).filter(|l| !l.is_nan()).collect();
    assert!(losses.last() < losses.first(), "{told:?}");
    let best = told.iter().map(|t| t.1).fold(0.0, f64::max);
    assert!(best > told[0].1, "{told:?}");
    assert_eq!(tuned.kept.map(|k| k.1), Some(best));
    tuned
}

fn towers(towers: TwoTower) -> Objective {
    Objective::Contrastive(towers)
}

#[test]
fn two_towers_learn_with_every_user_tower_and_source() {
    for user_tower in [
        UserTower::Mean,
        UserTower::default(),
        UserTower::Attention,
        UserTower::Text,
    ] {
        learns(
            &towers(TwoTower {
                user_tower,
                temperature: Temperature::Learned(0.2),
                ..TwoTower::default()
            }),
            &settings(),
        );
    }
    learns(
        &towers(TwoTower {
            source: SourceName::Pairs(semrec_finetune::CouplesConfig::default()),
            ..TwoTower::default()
        }),
        &settings(),
    );
    learns(
        &towers(TwoTower {
            hard: Some(Hardness {
                count: 2,
                margin: 0.0,
            }),
            ..TwoTower::default()
        }),
        &Settings {
            fgm: 0.1,
            accumulate: 2,
            batch: 20,
            dropout: 0.05,
            ..settings()
        },
    );
}

/// Against the catalogue, by the loss itself and by vectors that go ahead; the last epoch is kept
/// where it is to be.
#[test]
fn texts_are_held_against_the_catalogue() {
    let whole = TwoTower {
        candidates: CandidateSet::Catalogue,
        ..TwoTower::default()
    };
    learns(&towers(whole), &settings());
    let ahead = towers(TwoTower {
        ahead: Some(Ahead {
            learning_rate: 1e-2,
            ..Ahead::default()
        }),
        ..whole
    });
    let slowly = Settings {
        learning_rate: 3e-4,
        ..settings()
    };
    learns(&ahead, &slowly);
    let last = Settings {
        patience: None,
        learning_rate: 1e-6,
        ..settings()
    };
    let (tuned, told, ..) = learn(&ahead, &last, None).unwrap();
    assert_eq!(tuned.kept, Some((4, told[4].1)));
    let nowhere = towers(TwoTower {
        ahead: Some(Ahead {
            passes: 0,
            ..Ahead::default()
        }),
        ..whole
    });
    let error = learn(&nowhere, &settings(), None).unwrap_err().to_string();
    assert!(error.starts_with("ahead is 0 passes"), "{error}");
}

/// A shop of which everybody wants three things: people had two of them, and are asked for the third.
fn staples() -> Shop {
    let train = log(|user| {
        let rare = (0..3).map(move |time| 3 + (user * 7 + time * 5 + time * user) % (ITEMS - 3));
        rare.chain([user % 3, (user + 1) % 3])
    });
    let mut validation = Cases::default();
    for user in 0..PEOPLE {
        validation.push(user, train.of_user(user), &[(user + 2) % 3]);
    }
    Shop {
        train,
        validation,
        ..shop()
    }
}

/// What everybody touches is learned where that is asked for or the validation part says so, and the
/// tower tells of it.
#[test]
fn what_everybody_touches_is_learned() {
    let ahead = |prior| {
        towers(TwoTower {
            candidates: CandidateSet::Catalogue,
            ahead: Some(Ahead::default()),
            prior,
            ..TwoTower::default()
        })
    };
    let patient = Settings {
        epochs: 20,
        patience: Some(20),
        learning_rate: 1e-3,
        ..settings()
    };
    let of = |shop: &Shop, prior| {
        let (tuned, told, ..) = learn_of(shop, &ahead(prior), &patient, None).unwrap();
        let best = told.iter().map(|t| t.1).fold(0.0, f64::max);
        (tuned.tower.unwrap().prior, best)
    };
    let (none, without) = of(&staples(), PriorWeight::Fixed(0.0));
    assert_eq!(none, None);
    let (found, with) = of(&staples(), PriorWeight::Validated);
    assert!(found.unwrap().weight > 0.0);
    assert!(with > without + 0.1, "{with} with, {without} without");
    let (asked, _) = of(&staples(), PriorWeight::Fixed(0.25));
    assert!((asked.unwrap().weight - 2.5).abs() < 1e-6);

    let last = Settings {
        patience: None,
        ..patient.clone()
    };
    let attentive = towers(TwoTower {
        candidates: CandidateSet::Catalogue,
        user_tower: UserTower::Attention,
        ahead: Some(Ahead::default()),
        prior: PriorWeight::Fixed(0.1),
        ..TwoTower::default()
    });
    let slow = towers(TwoTower {
        prior: PriorWeight::Fixed(0.1),
        ..TwoTower::default()
    });
    for (objective, settings, said) in [
        (&ahead(PriorWeight::Validated), &last, "a final training"),
        (&ahead(PriorWeight::Fixed(-0.1)), &patient, "is -0.1"),
        (&attentive, &patient, "a user tower without parameters"),
        (&slow, &patient, "vectors that go ahead"),
    ] {
        let error = learn(objective, settings, None).unwrap_err().to_string();
        assert!(error.starts_with("prior is"), "{error}");
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn every_method_learns() {
    let lora = Lora {
        rank: 4,
        alpha: 8.0,
        dropout: 0.0,
        targets: Target::ALL.to_vec(),
    };
    let ada = AdaLora {
        lora: lora.clone(),
        target_rank: 2,
        every: 2,
        ..AdaLora::default()
    };
    for method in [
        Method::TopLayers { layers: 1 },
        Method::Lora(lora),
        Method::AdaLora(ada),
        Method::Adapter { width: 8 },
        Method::Head { width: 0 },
        Method::Head { width: 100 },
    ] {
        let settings = Settings {
            method,
            learning_rate: 1e-2,
            ..settings()
        };
        learns(&towers(TwoTower::default()), &settings);
    }
}

#[test]
fn elsa_learns() {
    learns(&Objective::Elsa(Elsa::default()), &settings());
}

/// Texts alone say nothing of the two halves of the shop: the loss falls, no more is asked.
#[test]
fn texts_alone_are_learned() {
    for objective in [
        Objective::Mlm(Mlm::default()),
        Objective::Simcse(SimCse::default()),
        Objective::Tsdae(Tsdae::default()),
    ] {
        let settings = Settings {
            batch: 8,
            dropout: 0.1,
            epochs: 8,
            ..settings()
        };
        let (_, told, ..) = learn(&objective, &settings, None).unwrap();
        let losses: Vec<f64> = told[1..].iter().map(|t| t.0).collect();
        assert!(losses[7] < losses[0], "{}: {losses:?}", objective.name());
    }
}

#[test]
fn one_tower_learns_and_its_head_is_a_re_ranker() {
    let objective = Objective::Bce(SingleTower {
        questions: QuestionsConfig {
            labels: Labels::Sampled { negatives: 1 },
            ..QuestionsConfig::default()
        },
    });
    let tuned = learns(&objective, &settings());
    let test = tuned.test.unwrap();
    assert!(test.auc > 0.6, "{test:?}");
    assert_eq!(tuned.reports.len(), 4);
    assert_eq!(test.classes[1].support, PEOPLE as usize);
    // Written and opened, it says the same as the classifier of the training.
    let (_, _, network, parameters) = learn(&objective, &settings(), None).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("tuned");
    network.write(&parameters, &target).unwrap();
    write_beside(&target, &parameters, None).unwrap();
    let reranker = Reranker::open(&target).unwrap();
    let likely = |a: &str, b: &str| reranker.probabilities(&[(a, b)], 24).unwrap()[0];
    let (one, other) = (likely("lamp lamp 0", "soap soap 2"), likely("x", "y"));
    assert!(one > 0.0 && one < 1.0 && one != other);
    let error = Reranker::open(&tiny()).unwrap_err().to_string();
    assert!(error.contains("tune it with the objective bce"), "{error}");
}

/// Stopped after two epochs and begun again, or made in one go: the same numbers.
#[test]
fn a_run_goes_on_to_the_bit() {
    let objective = towers(TwoTower {
        temperature: Temperature::Learned(0.1),
        ..TwoTower::default()
    });
    let settings = Settings {
        dropout: 0.1,
        warmup: 0.2,
        ..settings()
    };
    let dir = tempfile::tempdir().unwrap();
    let (tuned, told, _, expected) = learn(&objective, &settings, Some(dir.path())).unwrap();
    assert_eq!(told.len(), 5);
    // Begun again at its end, there is nothing left to do.
    let (again, told, _, parameters) = learn(&objective, &settings, Some(dir.path())).unwrap();
    assert!(told.is_empty());
    assert_eq!((again.kept, &parameters), (tuned.kept, &expected));
    let curve = std::fs::read_to_string(again.dir.unwrap().join("curve.csv")).unwrap();
    assert!(curve.contains(",4,validation/ndcg@10,"), "{curve}");
    // Another setting is another run.
    let other = Settings {
        learning_rate: 1e-3,
        ..settings
    };
    let (_, told, ..) = learn(&objective, &other, Some(dir.path())).unwrap();
    assert_eq!(told.len(), 5);
}

#[test]
fn what_cannot_be_learned_is_said() {
    let said = |objective: &Objective, settings: Settings| {
        learn(objective, &settings, None).unwrap_err().to_string()
    };
    let contrastive = towers(TwoTower::default());
    let one = Settings {
        batch: 1,
        ..settings()
    };
    assert_eq!(
        said(&contrastive, one),
        "batch is 1; its examples are each other's negatives, expected at least 2"
    );
    let wild = Settings {
        learning_rate: 1e30,
        ..settings()
    };
    let error = said(&contrastive, wild);
    assert!(
        error.starts_with("training diverged in step 2") && error.contains("batch 2 of epoch 1"),
        "{error}"
    );
    let shallow = Settings {
        method: Method::TopLayers { layers: 1 },
        fgm: 0.1,
        ..settings()
    };
    assert!(said(&contrastive, shallow).starts_with("fgm moves the words' vectors"));
    let given = Objective::Bce(SingleTower {
        questions: QuestionsConfig {
            labels: Labels::Given,
            ..QuestionsConfig::default()
        },
    });
    let error = said(&given, settings());
    assert!(error.contains("both classes are needed"), "{error}");
    let cold = towers(TwoTower {
        temperature: Temperature::Fixed(0.0),
        ..TwoTower::default()
    });
    assert_eq!(
        said(&cold, settings()),
        "temperature is 0; expected at least 0.01"
    );
}

/// Texts that are all empty, or all the same, teach nothing.
#[test]
fn texts_have_to_differ() {
    for text in ["", "lamp"] {
        let mut shop = shop();
        shop.texts.fill(text.to_owned());
        let (network, mut parameters) = Network::open(&tiny(), &Method::Full, 1).unwrap();
        let around = Surroundings {
            seed: 1,
            identity: "",
            run: None,
            test: None,
            told: &|_| {},
        };
        let asked = (&towers(TwoTower::default()), &settings());
        let on = (&network, &mut parameters);
        let error = finetune(on, &shop.material(), asked, &around).unwrap_err();
        assert!(error.to_string().contains("texts that differ"), "{error}");
    }
}
