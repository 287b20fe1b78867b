//! Model directories damaged by rule, each file in turn: every one must load or be refused by an
//! error that names the file, without a panic and without more memory than an intact one takes.
//! What random bytes do is the business of `fuzz/`.

#![expect(clippy::unwrap_used, reason = "a test may fail at once")]

use peak_alloc::PeakAlloc;
use semrec_text::{
    Conversion, DistilOptions, Encoder, Precision, TextError, Vectors, convert, distil,
};
use serde_json::{Map, Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;
/// Memory is counted for the whole process, so that one test runs at a time.
static ONE: Mutex<()> = Mutex::new(());

const WEIGHTS: &str = "model.safetensors";
const TEXTS: [&str; 3] = ["a red kettle for the camp stove", "", "the the the"];

fn golden(name: &str) -> PathBuf {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    golden.join("architectures").join(name)
}

/// What became of one damaged directory.
enum Outcome {
    Loaded,
    Refused(String),
}

/// A copy of a model whose files are damaged one after the other.
struct Patient {
    place: tempfile::TempDir,
    dir: PathBuf,
    /// Bytes that may be allocated: twice what the intact model takes.
    allowed: usize,
    problems: Vec<String>,
    cases: usize,
    _alone: MutexGuard<'static, ()>,
}

impl Patient {
    fn copy_of(model: &Path) -> Self {
        Self::new(|dir| copy(model, dir))
    }

    /// A model that is made by `make` where it is told.
    fn new(make: impl FnOnce(&Path)) -> Self {
        let alone = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("model");
        make(&dir);
        let mut patient = Self {
            place,
            dir,
            allowed: usize::MAX,
            problems: Vec::new(),
            cases: 0,
            _alone: alone,
        };
        // The first time also starts the threads.
        for _ in 0..2 {
            ALLOCATED.reset_peak_usage();
            let before = ALLOCATED.current_usage();
            load(&patient.dir).unwrap();
            patient.allowed = 2 * (ALLOCATED.peak_usage() - before);
        }
        patient
    }

    fn read(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.dir.join(file)).unwrap()
    }

    /// Loads the model with these bytes in the place of a file, and holds what happens against
    /// the rule.
    fn with(&mut self, file: &str, bytes: &[u8], what: &dyn Fn() -> String) -> Outcome {
        let intact = self.read(file);
        let path = self.dir.join(file);
        std::fs::write(&path, bytes).unwrap();
        ALLOCATED.reset_peak_usage();
        let before = ALLOCATED.current_usage();
        let result = catch_unwind(AssertUnwindSafe(|| load(&self.dir)));
        let taken = ALLOCATED.peak_usage().saturating_sub(before);
        std::fs::write(path, intact).unwrap();
        self.cases += 1;
        // A file may say more than the intact one, but only as much as it is longer.
        if taken > self.allowed + 4 * bytes.len() {
            self.problem(file, &format!("{}: took {taken} bytes", what()));
        }
        match result {
            Err(_) => {
                self.problem(file, &format!("{}: panicked", what()));
                Outcome::Refused(String::new())
            }
            Ok(Ok(_)) => Outcome::Loaded,
            Ok(Err(error)) => {
                let error = error.to_string();
                if !error.contains(self.dir.to_str().unwrap()) {
                    self.problem(file, &format!("{}: names no file: {error}", what()));
                }
                Outcome::Refused(error)
            }
        }
    }

    /// The same of what must not load; `must_say` is in the error.
    fn refused(&mut self, file: &str, bytes: &[u8], must_say: &str, what: &dyn Fn() -> String) {
        match self.with(file, bytes, what) {
            Outcome::Refused(error) if error.contains(must_say) => {}
            Outcome::Refused(error) => {
                self.problem(
                    file,
                    &format!("{}: expected '{must_say}' in '{error}'", what()),
                );
            }
            Outcome::Loaded => self.problem(file, &format!("{}: was loaded", what())),
        }
    }

    fn problem(&mut self, file: &str, problem: &str) {
        self.problems.push(format!("{file}, {problem}"));
    }

    /// Fails with the first problems of all.
    fn healthy(self, at_least: usize) {
        assert!(self.cases >= at_least, "{} cases", self.cases);
        let shown = &self.problems[..self.problems.len().min(20)];
        let n = self.problems.len();
        assert!(n == 0, "{n} problems:\n{}", shown.join("\n"));
        drop(self.place);
    }
}

fn load(dir: &Path) -> Result<Vectors, TextError> {
    Encoder::load(dir)?.encode(&TEXTS, &|_, _| {})
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The files of a model, relative to its directory.
fn files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()).iter().map(|f| format!("{name}/{f}")));
        } else {
            found.push(name);
        }
    }
    found.sort();
    found
}

/// Half the layers of the smallest model, so that all of its header can be tried.
fn one_layer(precision: Precision) -> Patient {
    let conversion = Conversion {
        precision: Some(precision),
        layers: Some(vec![0]),
        ..Conversion::default()
    };
    Patient::new(|dir| convert(&golden("bert"), dir, &conversion).unwrap())
}

/// Token vectors alone.
fn fast_tier() -> Patient {
    let texts: Vec<String> = (0..40)
        .map(|i| format!("kettle {i} of the river"))
        .collect();
    let options = DistilOptions {
        dimensions: Some(4),
    };
    Patient::new(|dir| {
        distil(&golden("bert"), dir, &texts, &options, &|_, _, _| {}).unwrap();
    })
}

/// Header and values of a safetensors file.
fn parse(bytes: &[u8]) -> (Map<String, Value>, Vec<u8>) {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    let (header, values) = bytes[8..].split_at(usize::try_from(length).unwrap());
    (serde_json::from_slice(header).unwrap(), values.to_vec())
}

fn file(header: &Map<String, Value>, values: &[u8]) -> Vec<u8> {
    let header = serde_json::to_vec(header).unwrap();
    [&(header.len() as u64).to_le_bytes(), &header[..], values].concat()
}

/// Whether the forward pass reads a tensor: not the heads that are trained on top.
fn is_read(name: &str) -> bool {
    !name.starts_with("cls.") && !name.contains("pooler") && !name.ends_with("position_ids")
}

#[test]
fn weights_cut_short() {
    let mut patient = Patient::copy_of(&golden("bert"));
    let whole = patient.read(WEIGHTS);
    for length in (0..whole.len()).step_by(97) {
        patient.refused(WEIGHTS, &whole[..length], "", &|| format!("{length} bytes"));
    }
    patient.healthy(1900);
}

#[test]
fn every_byte_of_the_header() {
    let makes: [fn() -> Patient; 2] = [|| one_layer(Precision::Single), fast_tier];
    for make in makes {
        let mut patient = make();
        let whole = patient.read(WEIGHTS);
        let length = u64::from_le_bytes(whole[..8].try_into().unwrap());
        let end = 8 + usize::try_from(length).unwrap();
        for at in 0..end {
            for value in [b'9', 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                patient.with(WEIGHTS, &bytes, &|| format!("byte {at} is {value}"));
            }
        }
        patient.healthy(2 * 100);
    }
}

#[test]
fn tensors_that_are_not_what_the_header_says() {
    let huge = 1_u64 << 63;
    let lies = [
        ("data_offsets", json!([0, huge])),
        ("data_offsets", json!([u64::MAX, u64::MAX])),
        ("data_offsets", json!([8, 4])),
        ("data_offsets", json!([0, 0])),
        ("data_offsets", json!([0])),
        ("data_offsets", json!([-4, 4])),
        ("shape", json!([1_u64 << 32, 1_u64 << 32])),
        ("shape", json!([huge, 2])),
        ("shape", json!([0, huge])),
        ("shape", json!([])),
        ("shape", json!([1.5])),
        ("shape", json!(vec![1; 10_000])),
        ("dtype", json!("F64")),
        ("dtype", json!("BOOL")),
        ("dtype", json!("F4")),
        ("dtype", json!("X7")),
        ("dtype", json!(null)),
    ];
    for precision in [Precision::Single, Precision::Int8] {
        let mut patient = one_layer(precision);
        let (header, values) = parse(&patient.read(WEIGHTS));
        for name in header.keys().filter(|name| *name != "__metadata__") {
            for (field, lie) in &lies {
                let mut header = header.clone();
                header[name][field] = lie.clone();
                let bytes = file(&header, &values);
                let must_say = format!("tensor '{name}'");
                let what = || format!("{name}: {field} {lie}");
                // Values that nobody reads may be of any type of their size.
                if is_read(name) || *field != "dtype" {
                    patient.refused(WEIGHTS, &bytes, &must_say, &what);
                } else {
                    patient.with(WEIGHTS, &bytes, &what);
                }
            }
            let mut header = header.clone();
            header.remove(name);
            let bytes = file(&header, &values);
            if is_read(name) {
                patient.refused(WEIGHTS, &bytes, "is missing", &|| {
                    format!("{name} is removed")
                });
            } else {
                patient.with(WEIGHTS, &bytes, &|| format!("{name} is removed"));
            }
        }
        patient.healthy(300);
    }
}

#[test]
fn values_that_are_no_numbers() {
    for precision in [Precision::Single, Precision::Half, Precision::Int8] {
        let mut patient = one_layer(precision);
        let (header, values) = parse(&patient.read(WEIGHTS));
        for (name, entry) in header.iter().filter(|(name, _)| *name != "__metadata__") {
            let offset = |i: usize| usize::try_from(entry["data_offsets"][i].as_u64().unwrap());
            let (begin, end) = (offset(0).unwrap(), offset(1).unwrap());
            // The bytes of a NaN, and what is infinite, with the sign.
            let bad: &[&[u8]] = match entry["dtype"].as_str().unwrap() {
                "F32" => &[&[0, 0, 0xc0, 0x7f], &[0, 0, 0x80, 0xff]],
                "F16" => &[&[0, 0x7e], &[0, 0xfc]],
                _ => &[],
            };
            for bad in bad {
                let middle = begin + (end - begin) / bad.len() / 2 * bad.len();
                for at in [begin, middle, end - bad.len()] {
                    let mut values = values.clone();
                    values[at..at + bad.len()].copy_from_slice(bad);
                    let bytes = file(&header, &values);
                    let what = || format!("{name}: {bad:?} at {at}");
                    if is_read(name) {
                        let must_say = format!("tensor '{name}' holds a NaN or an infinity");
                        patient.refused(WEIGHTS, &bytes, &must_say, &what);
                    } else {
                        patient.with(WEIGHTS, &bytes, &what);
                    }
                }
            }
        }
        patient.healthy(60);
    }
}

/// What no configuration means, and sizes of which two multiply beyond any memory.
fn odd_values() -> Vec<Value> {
    vec![
        json!(0),
        json!(1),
        json!(-1),
        json!(3),
        json!(1.5),
        json!(1 << 28),
        json!((1 << 28) + 1),
        json!(u64::MAX),
        json!(1e308),
        json!(null),
        json!(true),
        json!(""),
        json!("x"),
        json!([]),
        json!([1_000_000_000]),
        json!({}),
    ]
}

#[test]
fn every_entry_of_every_configuration() {
    let models = [
        "bert",
        "xlm-roberta",
        "distilbert",
        "mpnet",
        "gpt2",
        "llama",
        "qwen2",
        "qwen3",
    ];
    let check = |mut patient: Patient| {
        for name in files(&patient.dir) {
            let object = serde_json::from_slice::<Map<String, Value>>(&patient.read(&name));
            // The tokenizer is for its own test.
            let Some(object) = object.ok().filter(|_| name != "tokenizer.json") else {
                continue;
            };
            for key in object.keys() {
                for value in odd_values() {
                    let mut changed = object.clone();
                    changed[key] = value.clone();
                    let bytes = serde_json::to_vec(&changed).unwrap();
                    patient.with(&name, &bytes, &|| format!("{key} is {value}"));
                }
                let mut changed = object.clone();
                changed.remove(key);
                let bytes = serde_json::to_vec(&changed).unwrap();
                patient.with(&name, &bytes, &|| format!("{key} is removed"));
            }
        }
        patient.healthy(50);
    };
    check(fast_tier());
    check(one_layer(Precision::Int8));
    for name in models {
        check(Patient::copy_of(&golden(name)));
    }
}

/// A tokenizer may be whole and yet put in what the model does not have.
#[test]
fn tokens_that_nobody_knows() {
    let mut patient = Patient::copy_of(&golden("bert"));
    let whole: Value = serde_json::from_slice(&patient.read("tokenizer.json")).unwrap();
    let mut numbered = whole.clone();
    numbered["post_processor"]["special_tokens"]["[CLS]"]["ids"] = json!([93]);
    let mut nameless = whole.clone();
    let tokens = &mut nameless["post_processor"]["special_tokens"];
    tokens.as_object_mut().unwrap().remove("[SEP]").unwrap();
    let mut nested = nameless.clone();
    nested["post_processor"] = json!({
        "type": "Sequence", "processors": [nameless["post_processor"]],
    });
    let undescribed = "puts in '[SEP]', which is not among its special_tokens";
    for (tokenizer, must_say) in [
        (
            numbered,
            "puts a token numbered 93 around texts; config.json says there are 93",
        ),
        (nameless, undescribed),
        (nested, undescribed),
    ] {
        let bytes = serde_json::to_vec(&tokenizer).unwrap();
        patient.refused("tokenizer.json", &bytes, must_say, &|| must_say.to_owned());
    }
    patient.healthy(3);
}

#[test]
fn texts_of_the_directory_cut_short_and_garbled() {
    let mut patient = Patient::copy_of(&golden("distilbert"));
    for name in files(&patient.dir) {
        if name.ends_with(".safetensors") {
            continue;
        }
        let whole = patient.read(&name);
        for length in (0..whole.len()).step_by(11) {
            patient.with(&name, &whole[..length], &|| format!("{length} bytes"));
        }
        for at in (0..whole.len()).step_by(5) {
            for value in [b'9', b'"'] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                patient.with(&name, &bytes, &|| format!("byte {at} is {value}"));
            }
        }
    }
    patient.healthy(1000);
}
