//! The network beside PyTorch (`tests/golden/network.py`), and what it promises of its passes.

use super::*;
use crate::{AdaLora, Lora, Target};
use serde_json::Value;
use std::path::PathBuf;

pub(crate) const TEXTS: [&str; 5] = [
    "the river of light",
    "a stone: text, word and 37 lamps",
    "text",
    "light light the of of a river stone word text the the a",
    "why not?",
];

pub(crate) fn model(name: &str) -> PathBuf {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../text/tests/golden");
    match name {
        "tiny" => golden.join(name),
        _ => golden.join("architectures").join(name),
    }
}

pub(crate) fn golden() -> Value {
    serde_json::from_str(include_str!("../../tests/golden/network.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().unwrap().iter();
    list.map(|x| x.as_f64().unwrap()).collect()
}

/// sin(0.37 i) for each value.
fn waves(n: usize) -> Vec<f32> {
    (0u16..)
        .take(n)
        .map(|i| (f32::from(i) * 0.37).sin())
        .collect()
}

/// 0.05 sin(0.7 k + n), and so much more, where n is of the name: as the golden file sets arrays.
pub(crate) fn wave(values: &mut [f32], name: &str, more: f64) {
    let number: u32 = name.bytes().map(u32::from).sum();
    for (k, value) in (0u32..).zip(values) {
        let wave = (f64::from(k) * 0.7 + f64::from(number % 97)).sin();
        #[expect(clippy::cast_possible_truncation, reason = "as the network has it")]
        let rounded = (0.05 * wave + more) as f32;
        *value = rounded;
    }
}

/// What the golden file calls an array: without the prefix of a model with a head, gamma and beta
/// by their other names, and layers behind the pooling by their module.
fn plain(name: &str) -> String {
    let prefixes = ["bert.", "roberta.", "mpnet.", "distilbert."];
    let name = prefixes
        .iter()
        .find_map(|p| name.strip_prefix(p))
        .unwrap_or(name);
    if let Some(rest) = name.strip_prefix("head.") {
        let (place, rest) = rest.split_once('.').unwrap();
        return format!("{}.{rest}", place.parse::<usize>().unwrap() + 2);
    }
    name.replace("gamma", "weight").replace("beta", "bias")
}

/// Length, and inner product with cos(0.11 k), as the golden file has them.
fn digest(gradient: &[f32]) -> [f64; 2] {
    let length = gradient
        .iter()
        .map(|&g| f64::from(g) * f64::from(g))
        .sum::<f64>()
        .sqrt();
    let along = (0u32..)
        .zip(gradient)
        .map(|(k, &g)| f64::from(g) * (f64::from(k) * 0.11).cos());
    [length, along.sum()]
}

pub(crate) fn compare(parameters: &Parameters, gradients: &Gradients, want: &Value, what: &str) {
    let want = want.as_object().unwrap();
    let largest = want.values().map(|d| numbers(d)[0]).fold(0.0, f64::max);
    let mut compared = 0;
    for (array, gradient) in parameters.arrays().iter().zip(&gradients.arrays) {
        let name = plain(&array.name);
        let Some(wanted) = want.get(&name) else {
            assert!(
                !gradient.iter().any(|&g| g != 0.0),
                "{what}: {name} is not in the reference"
            );
            continue;
        };
        // Of what is a small difference of large numbers, as the gradients of keys are, only the
        // first digits can be right in f32; their bias has none but for rounding.
        let bound = 1e-5 * (numbers(wanted)[0] + 0.1 * largest);
        for (got, want) in digest(gradient).into_iter().zip(numbers(wanted)) {
            assert!(
                (got - want).abs() < bound,
                "{what}: {name}: {got}, expected {want}"
            );
        }
        compared += 1;
    }
    assert_eq!(compared, want.len(), "{what}: all arrays of the reference");
}

fn near(got: &[f32], want: &Value, what: &str) {
    let want = numbers(want);
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (&got, want)) in got.iter().zip(want).enumerate() {
        assert!(
            (f64::from(got) - want).abs() < 3e-6,
            "{what}: value {i}: {got}, expected {want}"
        );
    }
}

#[test]
fn gradients_of_every_weight_equal_pytorchs() {
    let golden = golden();
    for name in [
        "tiny",
        "bert",
        "roberta",
        "xlm-roberta",
        "distilbert",
        "mpnet",
    ] {
        let (network, parameters) = Network::open(&model(name), &Method::Full, 1).unwrap();
        let texts = network.tokenise(&TEXTS, Role::Passage, usize::MAX).unwrap();
        let pass = network.forward(&parameters, &texts, Manner::PLAIN);
        near(&pass.values, &golden[name]["vectors"], name);
        let mut gradients = Gradients::default();
        let slopes = waves(pass.values.len());
        network.backward(&parameters, pass, &slopes, &mut gradients);
        compare(&parameters, &gradients, &golden[name]["arrays"], name);
    }
}

#[test]
fn low_rank_changes_equal_pefts_before_and_after_merging() {
    let golden = golden();
    let lora = Lora {
        rank: 3,
        alpha: 6.0,
        dropout: 0.0,
        targets: Target::ALL.to_vec(),
    };
    let ada = AdaLora {
        lora: lora.clone(),
        target_rank: 2,
        ..AdaLora::default()
    };
    for (name, method) in [
        ("lora", Method::Lora(lora)),
        ("adalora", Method::AdaLora(ada)),
    ] {
        let (network, mut parameters) = Network::open(&model("tiny"), &method, 1).unwrap();
        let mut values = parameters.snapshot();
        for (array, values) in parameters.arrays().iter().zip(&mut values) {
            let ending = if name == "lora" { ".weight" } else { "" };
            wave(values, &format!("{}{ending}", array.name), 0.0);
        }
        parameters.restore(values);
        let texts = network.tokenise(&TEXTS, Role::Passage, usize::MAX).unwrap();
        let pass = network.forward(&parameters, &texts, Manner::PLAIN);
        near(&pass.values, &golden[name]["vectors"], name);
        let mut gradients = Gradients::default();
        let slopes = waves(pass.values.len());
        network.backward(&parameters, pass, &slopes, &mut gradients);
        compare(&parameters, &gradients, &golden[name]["arrays"], name);
        let dir = tempfile::tempdir().unwrap();
        let merged = dir.path().join("merged");
        network.write(&parameters, &merged).unwrap();
        let encoder = semrec_text::Encoder::load(&merged).unwrap();
        let vectors = encoder.encode(&TEXTS, &|_, _| {}).unwrap();
        near(vectors.as_slice(), &golden[name]["vectors"], name);
        let small = dir.path().join("small");
        std::fs::create_dir(&small).unwrap();
        let base = model("tiny").display().to_string();
        network
            .write_changes(&parameters, &method, &base, &small)
            .unwrap();
        changes_alone_are_an_encoder(&small, &golden[name]["vectors"], name);
    }
}

/// Changes without weights give the same vectors: where they lie, copied, and merged; beside other
/// weights they are refused.
fn changes_alone_are_an_encoder(small: &Path, expected: &Value, name: &str) {
    let vectors = |dir: &Path| {
        let encoder = semrec_text::Encoder::load(dir).unwrap();
        let vectors = encoder.encode(&TEXTS, &|_, _| {}).unwrap();
        (
            vectors.as_slice().to_vec(),
            encoder.fingerprint().to_owned(),
        )
    };
    assert!(!small.join("model.safetensors").exists());
    let (alone, fingerprint) = vectors(small);
    near(&alone, expected, name);
    let beside = |name: &str| small.with_file_name(name);
    let copy = beside("copy");
    semrec_text::copy_model(small, &copy).unwrap();
    assert_eq!(vectors(&copy), (alone, fingerprint));
    let merged = beside("merged-again");
    semrec_text::merge(small, &merged).unwrap();
    near(&vectors(&merged).0, expected, name);
    let said = |result: Result<(), semrec_text::TextError>| result.unwrap_err().to_string();
    let error = said(semrec_text::merge(&merged, &beside("nowhere")));
    assert!(
        error.ends_with("holds no adapter_model.safetensors to be merged"),
        "{error}"
    );
    let error = said(semrec_text::Parts::open(small).map(drop));
    assert!(error.contains("semrec model merge"), "{error}");
    // The weights of another encoder in the place of those they were made for.
    let other = model("roberta").join("model.safetensors");
    std::fs::copy(other, copy.join("model.safetensors")).unwrap();
    let error = said(semrec_text::Encoder::load(&copy).map(drop));
    assert!(
        error.contains("was made for another encoder: that has weights of the SHA-256"),
        "{error}"
    );
    // As peft alone writes it, it is known by its layers.
    std::fs::remove_file(copy.join("adapter_base.json")).unwrap();
    let error = said(semrec_text::Encoder::load(&copy).map(drop));
    assert!(error.contains("lora_A"), "{error}");
    std::fs::remove_file(copy.join("model.safetensors")).unwrap();
    let config = copy.join("adapter_config.json");
    let text = std::fs::read_to_string(&config).unwrap();
    let base = model("tiny").display().to_string();
    assert!(text.contains(&base), "{text}");
    std::fs::write(&config, text.replace(&base, "/gone")).unwrap();
    let error = said(semrec_text::Encoder::load(&copy).map(drop));
    assert!(error.contains("names /gone as what it changes"), "{error}");
}

#[test]
fn a_pair_of_texts_has_two_types() {
    let golden = &golden()["pair"];
    let (network, parameters) = Network::open(&model("tiny"), &Method::Full, 1).unwrap();
    let whole = |list: &Value| -> Vec<u32> {
        let list = list.as_array().unwrap().iter();
        list.map(|x| u32::try_from(x.as_u64().unwrap()).unwrap())
            .collect()
    };
    let pair = Sequence {
        tokens: whole(&golden["tokens"]),
        types: whole(&golden["types"])
            .iter()
            .map(|&t| u8::from(t > 0))
            .collect(),
    };
    let places = [vec![0]];
    let manner = Manner {
        want: Want::States(&places),
        ..Manner::PLAIN
    };
    let texts = [pair];
    let pass = network.forward(&parameters, &texts, manner);
    near(&pass.values, &golden["state"], "pair");
    let mut gradients = Gradients::default();
    let slopes = waves(pass.values.len());
    network.backward(&parameters, pass, &slopes, &mut gradients);
    compare(&parameters, &gradients, &golden["arrays"], "pair");
}

/// The sum whose gradients the passes give.
fn loss(network: &Network, parameters: &Parameters, texts: &[Sequence], manner: Manner<'_>) -> f64 {
    let values = network.values(parameters, texts, manner);
    let waves = waves(values.len());
    values
        .iter()
        .zip(waves)
        .map(|(&v, w)| f64::from(v) * f64::from(w))
        .sum()
}

const NOISE: Noise = Noise {
    seed: 3,
    step: 5,
    hidden: 0.2,
    attention: 0.2,
};

/// Under dropout there is no reference; both passes must at least mean the same function.
#[test]
fn gradients_under_dropout_are_those_of_differences() {
    let methods = [
        Method::Full,
        Method::TopLayers { layers: 1 },
        Method::Head { width: 0 },
        Method::Head { width: 80 },
        Method::Adapter { width: 5 },
        Method::Lora(Lora {
            dropout: 0.3,
            targets: Target::ALL.to_vec(),
            ..Lora::default()
        }),
    ];
    for method in methods {
        let (network, mut parameters) = Network::open(&model("tiny"), &method, 1).unwrap();
        let texts = network.tokenise(&TEXTS, Role::Passage, usize::MAX).unwrap();
        let manner = Manner {
            noise: NOISE,
            ..Manner::PLAIN
        };
        // Off the start, where half of the low-rank changes and adapters are zero.
        let mut start = parameters.snapshot();
        for (n, array) in start.iter_mut().enumerate() {
            for (k, x) in array.iter_mut().enumerate() {
                *x += 0.03 * ((k * 7 + n) as f32).sin();
            }
        }
        parameters.restore(start.clone());
        let mut gradients = Gradients::default();
        let pass = network.forward(&parameters, &texts, manner);
        let slopes = waves(pass.values.len());
        network.backward(&parameters, pass, &slopes, &mut gradients);
        for (n, gradient) in gradients.arrays.iter().enumerate() {
            let name = parameters.arrays()[n].name.clone();
            // Along the gradient the sum changes fastest.
            let length = digest(gradient)[0];
            if length < 1e-3 {
                assert!(
                    name.ends_with("key.bias"),
                    "{method:?}: nothing flows to {name}"
                );
                continue;
            }
            let step = 2e-3 / length;
            let mut at = |sign: f64| {
                let mut moved = start.clone();
                for (x, &g) in moved[n].iter_mut().zip(gradient) {
                    #[expect(clippy::cast_possible_truncation, reason = "a small step")]
                    let by = (sign * step * f64::from(g)) as f32;
                    *x += by;
                }
                parameters.restore(moved);
                loss(&network, &parameters, &texts, manner)
            };
            let slope = (at(1.0) - at(-1.0)) / (2.0 * step);
            let want = length * length;
            assert!(
                (slope - want).abs() < 0.03 * want + 1e-3 * length,
                "{method:?}: {name}: {slope}, expected {want}"
            );
        }
    }
}

#[test]
fn nothing_depends_on_threads_on_what_is_kept_or_on_neighbours() {
    let (network, parameters) = Network::open(&model("tiny"), &Method::Full, 1).unwrap();
    let many: Vec<String> = (0..300).map(|i| TEXTS[i % 5].repeat(1 + i % 3)).collect();
    let texts = network.tokenise(&many, Role::Passage, usize::MAX).unwrap();
    let manner = Manner {
        noise: NOISE,
        ..Manner::PLAIN
    };
    let gradients = |threads: usize, keep: bool| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let mut pass = network.forward(&parameters, &texts, manner);
            if !keep {
                pass.tapes.iter_mut().for_each(|tape| *tape = None);
            }
            let slopes = waves(pass.values.len());
            let values = pass.values.clone();
            let mut gradients = Gradients::default();
            network.backward(&parameters, pass, &slopes, &mut gradients);
            (values, gradients)
        })
    };
    let one = gradients(1, true);
    assert_eq!(one, gradients(3, true));
    assert_eq!(one, gradients(2, false));
    let alone = network.values(&parameters, &texts[..1], Manner::PLAIN);
    let beside = network.values(&parameters, &texts, Manner::PLAIN);
    for (a, b) in alone.iter().zip(&beside) {
        assert!((a - b).abs() < 1e-6);
    }
}

#[test]
fn what_is_not_trained_stays_and_is_written_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    for (i, method) in [
        Method::Full,
        Method::TopLayers { layers: 2 },
        Method::Head { width: 0 },
        Method::Head { width: 80 },
    ]
    .iter()
    .enumerate()
    {
        let (network, parameters) = Network::open(&model("tiny"), method, 1).unwrap();
        let out = dir.path().join(i.to_string());
        network.write(&parameters, &out).unwrap();
        let before = semrec_text::Encoder::load(&model("tiny")).unwrap();
        let after = semrec_text::Encoder::load(&out).unwrap();
        let before = before.encode(&TEXTS, &|_, _| {}).unwrap();
        let after = after.encode(&TEXTS, &|_, _| {}).unwrap();
        for (a, b) in before.as_slice().iter().zip(after.as_slice()) {
            assert!((a - b).abs() < 1e-6, "{method:?}");
        }
        let problem = network.write(&parameters, &out).unwrap_err().to_string();
        assert!(problem.contains("is there already"), "{problem}");
    }
}

#[test]
fn units_are_at_least_two_for_each_value() {
    let open = |width| Network::open(&model("tiny"), &Method::Head { width }, 1);
    let (_, parameters) = open(72).unwrap();
    assert_eq!(parameters.len(), 72 * 36 + 72 + 36 * 72 + 36);
    let error = open(71).unwrap_err().to_string();
    assert!(
        error.contains("71") && error.contains("at least 72"),
        "{error}"
    );
}

#[test]
fn vectors_can_begin_whitened() {
    for name in ["tiny", "distilbert"] {
        let encoder = semrec_text::Encoder::load(&model(name)).unwrap();
        let many: Vec<String> = (0..60).map(|i| format!("{} {i}", TEXTS[i % 5])).collect();
        let vectors = encoder.encode(&many, &|_, _| {}).unwrap();
        let config = semrec_text::WhiteningConfig {
            power: 0.7,
            ..semrec_text::WhiteningConfig::default()
        };
        let whitening = Whitening::fit(&vectors, 0..60, &config).unwrap();
        let want = whitening.apply(&vectors);
        for method in [Method::Lora(Lora::default()), Method::Head { width: 100 }] {
            let how = (&method, Some(&whitening));
            let (network, parameters) = Network::open_whitened(&model(name), how, 1).unwrap();
            let texts = network.tokenise(&many, Role::Passage, usize::MAX).unwrap();
            let dir = tempfile::tempdir().unwrap();
            let out = dir.path().join("tuned");
            network.write(&parameters, &out).unwrap();
            let tuned = semrec_text::Encoder::load(&out).unwrap();
            let written = tuned.encode(&many, &|_, _| {}).unwrap();
            let got = network.values(&parameters, &texts, Manner::PLAIN);
            for ((got, written), want) in got.iter().zip(written.as_slice()).zip(want.as_slice()) {
                assert!((got - want).abs() < 2e-5, "{name}: {got}, expected {want}");
                assert!(
                    (written - want).abs() < 2e-5,
                    "{name}: {written}, expected {want}"
                );
            }
            // What was written is an encoder to go on from, all of whose layers are trained.
            let (again, parameters) = Network::open(&out, &Method::Full, 1).unwrap();
            let got = again.values(&parameters, &texts, Manner::PLAIN);
            let off = got.iter().zip(want.as_slice()).map(|(a, b)| (a - b).abs());
            assert!(off.fold(0.0, f32::max) < 2e-5, "{name}");
        }
    }
}

#[test]
fn bottlenecks_are_read_beside_the_weights() {
    let method = Method::Adapter { width: 5 };
    let (network, mut parameters) = Network::open(&model("tiny"), &method, 1).unwrap();
    let mut values = parameters.snapshot();
    for (n, array) in values.iter_mut().enumerate() {
        for (k, x) in array.iter_mut().enumerate() {
            *x += 0.2 * ((k * 3 + n) as f32).sin();
        }
    }
    parameters.restore(values);
    let texts = network.tokenise(&TEXTS, Role::Passage, usize::MAX).unwrap();
    let want = network.values(&parameters, &texts, Manner::PLAIN);
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("tuned");
    network.write(&parameters, &out).unwrap();
    let plain = semrec_text::Encoder::load(&model("tiny")).unwrap();
    let tuned = semrec_text::Encoder::load(&out).unwrap();
    assert_ne!(plain.fingerprint(), tuned.fingerprint());
    assert_eq!(tuned.parameters(), plain.parameters() + parameters.len());
    let got = tuned.encode(&TEXTS, &|_, _| {}).unwrap();
    for (got, want) in got.as_slice().iter().zip(&want) {
        assert!((got - want).abs() < 3e-6, "{got}, expected {want}");
    }
    let problem = Network::open(&out, &Method::Full, 1)
        .unwrap_err()
        .to_string();
    assert!(problem.contains("cannot be merged"), "{problem}");
}

#[test]
fn a_model_that_reads_one_way_is_refused_by_name() {
    let problem = Network::open(&model("gpt2"), &Method::Full, 1)
        .unwrap_err()
        .to_string();
    assert!(
        problem.ends_with(
            "config.json: model_type 'gpt2' can be used but not fine-tuned; expected bert, \
             roberta, xlm-roberta, distilbert or mpnet, reading both ways"
        ),
        "{problem}"
    );
}
