//! A fast tier out of an encoder: one vector a token, fitted so that their mean is what the
//! encoder makes of a whole text.
//!
//! 1. Every token of the vocabulary goes through the encoder alone (Model2Vec, Tulkens and van
//!    Dongen 2024), and is weighted by a/(a + p) with p its share of the tokens of the texts
//!    (smooth inverse frequency, Arora et al. 2017, a = 10⁻³): the tokens' vectors E₀.
//! 2. Where fewer dimensions are asked for, everything is projected on the main directions of the
//!    encoder's vectors of the texts.
//! 3. With X the tokens of the texts, `[n, vocabulary]` with rows that sum to 1, and Y the
//!    encoder's vectors: a linear map W, ‖X·E₀·W − Y‖² + μ‖W‖², which serves every token, and then
//!    an own correction Δ for each token that occurs, ‖X·(E₀·W + Δ) − Y‖² + λ‖Δ‖²
//!    ([`regression`]).
//!
//! λ is the one with the largest mean cosine on every tenth text, which it is not fitted on; the
//! result is then fitted on all. Left out: phrases, and anything beyond a sum of tokens (word
//! order, negation).

mod regression;
mod tokens;

use crate::convert::{Stored, save};
use crate::static_tokens::{MODEL_TYPE, TENSOR};
use crate::{Encoder, TextError, Vectors};
use regression::Counts;
use safetensors::Dtype;
use serde_json::json;
use std::collections::HashSet;
use std::path::Path;

/// Texts that are fitted on, at most; evenly taken from all.
const MAX_TEXTS: usize = 50_000;
/// Every how many texts one is held out.
const HOLD_OUT: usize = 10;
/// Penalties tried for a token's own correction.
const PENALTIES: [f32; 4] = [0.003, 0.01, 0.03, 0.1];
/// The `a` of the weights by frequency.
const FREQUENCY: f64 = 1e-3;

/// What the fast tier should be like.
#[derive(Clone, Debug, Default)]
pub struct DistilOptions {
    /// Length of its vectors; that of the encoder's by default.
    pub dimensions: Option<usize>,
}

/// How well it stands for the encoder.
#[derive(Clone, Debug, PartialEq)]
pub struct Distilled {
    /// Tokens with a vector.
    pub tokens: usize,
    /// Different texts it was fitted on.
    pub texts: usize,
    /// Mean cosine to the encoder on held-out texts of the tokens' own vectors, before the fit.
    pub cosine_before: f64,
    /// The same after it.
    pub cosine: f64,
}

/// Writes the fast tier of an encoder, fitted on texts, to a directory that does not exist yet.
///
/// `progress` is called with what is done, how much of it, and of how much. Memory: about
/// 4·dim·(5·tokens that occur + texts) bytes beside the vocabulary.
///
/// # Errors
/// [`TextError`] if the encoder does not load or is a fast tier itself, there are fewer than 20
/// different texts, the target exists, or a file cannot be written.
pub fn distil<S: AsRef<str> + Sync>(
    source: &Path,
    target: &Path,
    texts: &[S],
    options: &DistilOptions,
    progress: &(dyn Fn(&str, usize, usize) + Sync),
) -> Result<Distilled, TextError> {
    let encoder = Encoder::load(source)?;
    if encoder.layers() == 0 {
        return Err(TextError::format(source, "is a fast tier already"));
    }
    let texts = different(texts);
    if texts.len() < 2 * HOLD_OUT {
        return Err(TextError::format(
            source,
            format!(
                "{} different texts to fit on; expected at least {}",
                texts.len(),
                2 * HOLD_OUT
            ),
        ));
    }
    crate::convert::stage(target, |staged| {
        let teacher = encoder.encode(&texts, &|done, of| progress("texts", done, of))?;
        let alone = tokens::alone(&encoder, &|done, of| progress("tokens", done, of))?;
        let sequences = tokens::of_texts(&encoder, &texts)?;
        let counts = Counts::new(&sequences, alone.len());
        let weighted = weighted(alone, &counts);
        let cut = options.dimensions.map(|cut| cut.clamp(1, encoder.dim()));
        let (teacher, weighted) = match cut.filter(|&cut| cut < encoder.dim()) {
            Some(cut) => {
                let projection = regression::main_directions(&teacher, cut)?;
                let mut teacher = regression::multiply(&teacher, &projection);
                teacher.normalise();
                (teacher, regression::multiply(&weighted, &projection))
            }
            None => (teacher, weighted),
        };
        let (fitted, report) = fit(&counts, &weighted, &teacher, progress)?;
        write(source, staged, &encoder, &fitted)?;
        Ok(report)
    })
}

/// The first of each text, evenly thinned where there are too many.
fn different<S: AsRef<str>>(texts: &[S]) -> Vec<&str> {
    let mut seen = HashSet::new();
    let mut kept: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
    kept.retain(|text| !text.trim().is_empty() && seen.insert(*text));
    let n = kept.len();
    if n > MAX_TEXTS {
        kept = (0..MAX_TEXTS).map(|i| kept[i * n / MAX_TEXTS]).collect();
    }
    kept
}

/// Token vectors times their weights by frequency.
fn weighted(mut alone: Vectors, counts: &Counts) -> Vectors {
    let total = counts.total().max(1) as f64;
    for token in 0..alone.len() {
        let share = counts.of(token) as f64 / total;
        #[expect(clippy::cast_possible_truncation, reason = "between 0 and 1")]
        let weight = (FREQUENCY / (FREQUENCY + share)) as f32;
        alone.row_mut(token).iter_mut().for_each(|x| *x *= weight);
    }
    alone
}

/// Chooses the penalty on held-out texts, then fits on all.
fn fit(
    counts: &Counts,
    weighted: &Vectors,
    teacher: &Vectors,
    progress: &(dyn Fn(&str, usize, usize) + Sync),
) -> Result<(Vectors, Distilled), TextError> {
    let (held, kept): (Vec<usize>, Vec<usize>) =
        (0..teacher.len()).partition(|i| i % HOLD_OUT == HOLD_OUT - 1);
    let part = |rows: &[usize]| {
        let vectors = rows.iter().flat_map(|&i| teacher.row(i)).copied().collect();
        (counts.rows(rows), Vectors::new(teacher.dim(), vectors))
    };
    let (train, train_teacher) = part(&kept);
    let (test, test_teacher) = part(&held);
    let cosine_before = test.mean_cosine(weighted, &test_teacher);
    let steps = PENALTIES.len() + 1;
    let mapped = regression::map_all(&train, weighted, &train_teacher)?;
    let mut best = (f64::MIN, PENALTIES[0]);
    for (i, &penalty) in PENALTIES.iter().enumerate() {
        let fitted = regression::correct(&train, &mapped, &train_teacher, penalty);
        let cosine = test.mean_cosine(&fitted, &test_teacher);
        if cosine > best.0 {
            best = (cosine, penalty);
        }
        progress("fit", i + 1, steps);
    }
    let mapped = regression::map_all(counts, weighted, teacher)?;
    let fitted = regression::correct(counts, &mapped, teacher, best.1);
    progress("fit", steps, steps);
    let report = Distilled {
        tokens: fitted.len(),
        texts: teacher.len(),
        cosine_before,
        cosine: best.0,
    };
    Ok((fitted, report))
}

fn write(
    source: &Path,
    staged: &Path,
    encoder: &Encoder,
    fitted: &Vectors,
) -> Result<(), TextError> {
    let json = |name: &str, value: serde_json::Value| {
        let path = staged.join(name);
        std::fs::write(&path, format!("{value:#}\n")).map_err(|e| TextError::io(path, e))
    };
    for name in ["tokenizer.json", "tokenizer_config.json"] {
        let from = source.join(name);
        if from.is_file() {
            std::fs::copy(&from, staged.join(name)).map_err(|e| TextError::io(from, e))?;
        }
    }
    json(
        "config.json",
        json!({
            "model_type": MODEL_TYPE, "architectures": ["StaticModel"],
            "hidden_dim": fitted.dim(), "normalize": true, "seq_length": encoder.max_tokens(),
            "distilled_from": encoder.fingerprint(),
        }),
    )?;
    json(
        "sentence_bert_config.json",
        json!({"max_seq_length": encoder.max_tokens()}),
    )?;
    json(
        "config_sentence_transformers.json",
        json!({"prompts": {
            "query": encoder.query_prompt(), "passage": encoder.passage_prompt(),
        }}),
    )?;
    let halves = fitted.as_slice().iter();
    let halves = halves.flat_map(|&x| crate::compute::to_f16(x).to_le_bytes());
    let table = Stored {
        name: TENSOR.to_owned(),
        dtype: Dtype::F16,
        shape: vec![fitted.len(), fitted.dim()],
        bytes: halves.collect(),
    };
    save(&staged.join("model.safetensors"), &[table])
}
