//! Encoders made smaller: what becomes of their vectors, their files and their errors.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use semrec_text::{Conversion, Encoder, Kernels, Precision, choose_layers, convert, even_layers};
use std::path::{Path, PathBuf};

const TEXTS: [&str; 4] = [
    "a red kettle for the camp stove",
    "noise-cancelling headphones, over the ear",
    "",
    "hand cream with shea butter and a long description of what it does for dry hands",
];

fn model(name: &str) -> PathBuf {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    golden.join("architectures").join(name)
}

fn mean_cosine(a: &Encoder, b: &Encoder) -> f32 {
    let (a, b) = (
        a.encode(&TEXTS, &|_, _| {}).unwrap(),
        b.encode(&TEXTS, &|_, _| {}).unwrap(),
    );
    // An empty text has no vector where the tokenizer adds nothing to it.
    let pairs: Vec<_> = a
        .rows()
        .zip(b.rows())
        .filter(|(a, _)| a.iter().any(|&x| x != 0.0))
        .collect();
    let dots = pairs
        .iter()
        .map(|(a, b)| a.iter().zip(*b).map(|(a, b)| a * b).sum::<f32>());
    dots.sum::<f32>() / pairs.len() as f32
}

fn bytes(dir: &Path) -> u64 {
    dir.join("model.safetensors").metadata().unwrap().len()
}

#[test]
fn fewer_bits_keep_the_vectors() {
    let place = tempfile::tempdir().unwrap();
    for (name, precision, at_least, share) in [
        ("bert", Precision::Half, 0.999_999, 0.6),
        ("bert", Precision::Int8, 0.998, 0.5),
        ("mpnet", Precision::Int8, 0.998, 0.5),
        ("distilbert", Precision::Int8, 0.998, 0.5),
        ("qwen3", Precision::Int8, 0.995, 0.5),
        ("gpt2", Precision::Half, 0.999_999, 0.6),
    ] {
        let target = place.path().join(format!("{name}-{precision:?}"));
        let conversion = Conversion {
            precision: Some(precision),
            ..Conversion::default()
        };
        convert(&model(name), &target, &conversion).unwrap();
        assert!(
            (bytes(&target) as f64) < share * bytes(&model(name)) as f64,
            "{name}"
        );
        let whole = Encoder::load(&model(name)).unwrap();
        for kernels in [Kernels::Auto, Kernels::Vectors, Kernels::MultiplyAdd] {
            let small = Encoder::load_with(&target, kernels).unwrap();
            let cosine = mean_cosine(&whole, &small);
            assert!(
                cosine > at_least,
                "{name} {precision:?} {kernels:?}: {cosine}"
            );
        }
    }
}

#[test]
fn back_to_f32_gives_the_same_vectors() {
    let place = tempfile::tempdir().unwrap();
    let (half, single) = (place.path().join("half"), place.path().join("single"));
    let to = |precision| Conversion {
        precision: Some(precision),
        ..Conversion::default()
    };
    convert(&model("bert"), &half, &to(Precision::Half)).unwrap();
    convert(&half, &single, &to(Precision::Single)).unwrap();
    let encode = |dir: &Path| {
        let encoder = Encoder::load_with(dir, Kernels::MultiplyAdd).unwrap();
        encoder.encode(&TEXTS, &|_, _| {}).unwrap()
    };
    // The factor of the queries is rounded to f16 in one and not in the other.
    let worst = encode(&half)
        .rows()
        .zip(encode(&single).rows())
        .flat_map(|(a, b)| {
            a.iter()
                .zip(b)
                .map(|(a, b)| (a - b).abs())
                .collect::<Vec<_>>()
        })
        .fold(0.0, f32::max);
    assert!(worst < 2e-4, "{worst}");
}

#[test]
fn what_is_not_asked_for_stays_to_the_bit() {
    let place = tempfile::tempdir().unwrap();
    let (small, again) = (place.path().join("small"), place.path().join("again"));
    let int8 = Conversion {
        precision: Some(Precision::Int8),
        ..Conversion::default()
    };
    convert(&model("bert"), &small, &int8).unwrap();
    for conversion in [Conversion::default(), int8] {
        convert(&small, &again, &conversion).unwrap();
        let read = |dir: &Path| std::fs::read(dir.join("model.safetensors")).unwrap();
        assert_eq!(read(&again), read(&small));
        std::fs::remove_dir_all(&again).unwrap();
    }
    // Widened again, the scales are not left behind.
    let wide = Conversion {
        precision: Some(Precision::Single),
        ..Conversion::default()
    };
    convert(&small, &again, &wide).unwrap();
    let bytes = std::fs::read(again.join("model.safetensors")).unwrap();
    let header = usize::from(u16::from_le_bytes([bytes[0], bytes[1]]));
    let header = std::str::from_utf8(&bytes[8..8 + header]).unwrap();
    assert!(
        !header.contains("weight_scale") && !header.contains("I8"),
        "{header}"
    );
}

#[test]
fn layers_dimensions_and_length() {
    let place = tempfile::tempdir().unwrap();
    for name in ["bert", "distilbert", "gpt2", "qwen3"] {
        let target = place.path().join(name);
        let conversion = Conversion {
            layers: Some(vec![1]),
            dimensions: Some(8),
            max_tokens: Some(16),
            ..Conversion::default()
        };
        convert(&model(name), &target, &conversion).unwrap();
        let small = Encoder::load(&target).unwrap();
        assert_eq!(
            (small.layers(), small.dim(), small.max_tokens()),
            (1, 8, 16),
            "{name}"
        );
        for row in small.encode(&TEXTS, &|_, _| {}).unwrap().rows() {
            let length = row.iter().map(|x| x * x).sum::<f32>();
            assert!(
                (length - 1.0).abs() < 1e-5 || length == 0.0,
                "{name}: {length}"
            );
        }
    }
    // Who may read the directory around it may read the model.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = place
            .path()
            .join("bert")
            .metadata()
            .unwrap()
            .permissions()
            .mode();
        assert_ne!(mode & 0o077, 0, "{mode:o}");
    }
    // All layers kept: the vectors stay what they are.
    let target = place.path().join("all");
    let conversion = Conversion {
        layers: Some(vec![0, 1]),
        ..Conversion::default()
    };
    convert(&model("bert"), &target, &conversion).unwrap();
    let (whole, same) = (
        Encoder::load(&model("bert")).unwrap(),
        Encoder::load(&target).unwrap(),
    );
    assert_eq!(
        whole.encode(&TEXTS, &|_, _| {}).unwrap(),
        same.encode(&TEXTS, &|_, _| {}).unwrap()
    );
}

#[test]
fn the_layer_that_matters_less_goes() {
    let (kept, cosine) = choose_layers(&model("bert"), 1, &TEXTS, &|_, _| {}).unwrap();
    let place = tempfile::tempdir().unwrap();
    let whole = Encoder::load(&model("bert")).unwrap();
    let cosines = [0, 1].map(|layer| {
        let target = place.path().join(layer.to_string());
        let conversion = Conversion {
            layers: Some(vec![layer]),
            ..Conversion::default()
        };
        convert(&model("bert"), &target, &conversion).unwrap();
        mean_cosine(&whole, &Encoder::load(&target).unwrap())
    });
    let best = usize::from(cosines[1] > cosines[0]);
    assert_eq!(kept, [best]);
    assert!((cosine - f64::from(cosines[best])).abs() < 1e-5);
}

#[test]
fn evenly_spaced() {
    for (layers, count, want) in [
        (6, 3, &[0, 3, 5][..]),
        (12, 4, &[0, 4, 7, 11]),
        (6, 1, &[0]),
        (6, 6, &[0, 1, 2, 3, 4, 5]),
        (2, 5, &[0, 1]),
    ] {
        assert_eq!(even_layers(layers, count), want);
    }
}

#[test]
fn what_cannot_be_made_is_said_and_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let target = place.path().join("small");
    let source = model("bert");
    let cases = [
        (
            Conversion {
                layers: Some(vec![1, 2]),
                ..Conversion::default()
            },
            "has layers 0 to 1; expected some of them in ascending order, got [1, 2]",
        ),
        (
            Conversion {
                dimensions: Some(4096),
                ..Conversion::default()
            },
            "has vectors of 48 values; expected a cut from 1 to that, got 4096",
        ),
        (
            Conversion {
                max_tokens: Some(2),
                ..Conversion::default()
            },
            "reads up to 100 tokens; expected a limit from 3 to that, got 2",
        ),
    ];
    for (conversion, want) in cases {
        let error = convert(&source, &target, &conversion)
            .unwrap_err()
            .to_string();
        assert!(error.ends_with(want), "{error}");
    }
    std::fs::create_dir(&target).unwrap();
    let error = convert(&source, &target, &Conversion::default()).unwrap_err();
    assert!(error.to_string().contains("is there already"), "{error}");
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
}
