//! What is wrong with the texts: their languages, what is empty, cut, or says nothing.
//!
//! - **Language** by whatlang, where a text has [`LETTERS`] letters and it is sure, and else among
//!   the languages that are frequent in the catalogue. A script with one language in it is known
//!   by itself.
//! - **Boilerplate**: clauses between full stops or line breaks of [`CLAUSE`] letters or more that
//!   stand in many items, of which each says nothing about any of them.
//! - **Near the mean**: the vector is less than [`NEAR`] times as far from the mean of all as the
//!   median item is, as are those of texts that could be about anything.

use crate::numbers::index;
use rayon::prelude::*;
use semrec_text::Vectors;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Letters below which no language is guessed.
const LETTERS: usize = 20;
/// Share of the sure texts from which on a language is frequent.
const FREQUENT: f64 = 0.05;
/// Letters of a clause that can be boilerplate.
const CLAUSE: usize = 24;
/// Clauses of boilerplate that are listed.
const LISTED: usize = 20;
/// Share of the median distance from the mean below which a text says nothing.
const NEAR: f32 = 0.85;

/// A clause that stands in many items.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Boilerplate {
    /// The clause.
    pub text: String,
    /// In how many items it stands.
    pub items: usize,
}

/// What a text was found to be.
#[derive(Clone, Copy)]
enum Found {
    Empty,
    Short,
    Unclear,
    Sure(whatlang::Lang),
}

/// The language of each text by name, `too short to tell`, `unclear` or empty for no text; and the
/// two-letter codes of the languages of at least one text of a hundred.
///
/// First each text by itself, where it is sure of one of all languages and has one of its stop
/// words, which titles that merely look like it have not. Those that are rare among
/// the sure ones are believed of long texts alone, as short ones with foreign names look like
/// them; what is left is then in the likeliest of the frequent languages.
pub(crate) fn languages(texts: &[String]) -> (Vec<&'static str>, Vec<&'static str>) {
    let all = whatlang::Detector::new();
    let mut found: Vec<Found> = texts.par_iter().map(|t| detect(t, &all, true)).collect();
    let counts = counted(&found);
    let sure: usize = counts.values().map(|c| c.1).sum();
    let often = counts
        .values()
        .filter(|c| c.1 as f64 >= FREQUENT * sure as f64);
    let often: Vec<whatlang::Lang> = often.map(|c| c.0).collect();
    if !often.is_empty() {
        let among = whatlang::Detector::with_allowlist(often.clone());
        found.par_iter_mut().zip(texts).for_each(|(found, text)| {
            let again = match found {
                Found::Unclear => true,
                Found::Sure(lang) => !often.contains(lang) && letters(text) < 3 * LETTERS,
                Found::Empty | Found::Short => false,
            };
            if again {
                *found = detect(text, &among, false);
            }
        });
    }
    let codes = counted(&found).into_values();
    let codes = codes.filter(|c| c.1 * 100 >= texts.len());
    let codes = codes.filter_map(|c| two_letters(c.0)).collect();
    let names = found.into_iter().map(|found| match found {
        Found::Empty => "",
        Found::Short => "too short to tell",
        Found::Unclear => "unclear",
        Found::Sure(lang) => lang.eng_name(),
    });
    (names.collect(), codes)
}

/// How many texts are surely in each language, by its code.
fn counted(found: &[Found]) -> BTreeMap<&'static str, (whatlang::Lang, usize)> {
    let mut counts = BTreeMap::new();
    for found in found {
        if let Found::Sure(lang) = found {
            counts.entry(lang.code()).or_insert((*lang, 0)).1 += 1;
        }
    }
    counts
}

fn letters(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphabetic()).count()
}

/// Whether a text has a word that every longer text of the language has; taken for granted where
/// no such words are known.
fn has_stop_word(text: &str, lang: whatlang::Lang) -> bool {
    let Some(stop) = two_letters(lang).and_then(stop_words::lookup) else {
        return true;
    };
    let mut words = text.split(|c: char| !c.is_alphanumeric());
    words.any(|word| !word.is_empty() && stop.contains(&word.to_lowercase().as_str()))
}

/// The language of a text among those of the detector; only if that is sure, or the likeliest.
fn detect(text: &str, detector: &whatlang::Detector, sure: bool) -> Found {
    if text.trim().is_empty() {
        return Found::Empty;
    }
    let foreign = text.chars().any(|c| c.is_alphabetic() && !c.is_ascii());
    match detector.detect(text) {
        // A script with one language in it is known by a few letters.
        Some(info) if info.confidence() >= 1.0 && foreign && letters(text) > 1 => {
            Found::Sure(info.lang())
        }
        _ if letters(text) < LETTERS => Found::Short,
        Some(info) if !sure || (info.is_reliable() && has_stop_word(text, info.lang())) => {
            Found::Sure(info.lang())
        }
        _ => Found::Unclear,
    }
}

/// ISO 639-3 codes of whatlang beside the two letters of stop words.
const CODES: &[(&str, &str)] = &[
    ("ara", "ar"),
    ("cat", "ca"),
    ("ces", "cs"),
    ("cmn", "zh"),
    ("dan", "da"),
    ("deu", "de"),
    ("ell", "el"),
    ("eng", "en"),
    ("fin", "fi"),
    ("fra", "fr"),
    ("hun", "hu"),
    ("ind", "id"),
    ("ita", "it"),
    ("nld", "nl"),
    ("nob", "no"),
    ("pol", "pl"),
    ("por", "pt"),
    ("ron", "ro"),
    ("rus", "ru"),
    ("slv", "sl"),
    ("spa", "es"),
    ("swe", "sv"),
    ("tur", "tr"),
    ("ukr", "uk"),
];

fn two_letters(lang: whatlang::Lang) -> Option<&'static str> {
    CODES.iter().find(|c| c.0 == lang.code()).map(|c| c.1)
}

/// Clauses that stand in one item of a hundred, and five, or more; and which items have one.
pub(crate) fn boilerplate(texts: &[String]) -> (Vec<Boilerplate>, Vec<bool>) {
    let clauses: Vec<Vec<String>> = texts.par_iter().map(|t| clauses(t)).collect();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for clause in clauses.iter().flatten() {
        *counts.entry(clause).or_default() += 1;
    }
    let least = (texts.len() / 100).max(5);
    let has = |clauses: &Vec<String>| clauses.iter().any(|c| counts[c.as_str()] >= least);
    let of: Vec<bool> = clauses.iter().map(has).collect();
    let mut found: Vec<Boilerplate> = counts
        .into_iter()
        .filter(|(_, n)| *n >= least)
        .map(|(text, items)| Boilerplate {
            text: text.to_owned(),
            items,
        })
        .collect();
    found.sort_unstable_by(|a, b| b.items.cmp(&a.items).then_with(|| a.text.cmp(&b.text)));
    found.truncate(LISTED);
    (found, of)
}

/// The distinct longer clauses of a text.
fn clauses(text: &str) -> Vec<String> {
    let parts = text.split(['.', '!', '?', '\n', '。', '！', '？', '|']);
    let long = parts.map(str::trim).filter(|p| {
        // A Chinese letter says about as much as two others.
        let letters = p
            .chars()
            .map(|c| if crate::words::is_han(c) { 2 } else { 1 });
        letters.sum::<usize>() >= CLAUSE
    });
    let mut long: Vec<String> = long.map(str::to_lowercase).collect();
    long.sort_unstable();
    long.dedup();
    long
}

/// Rows of the encoder's vectors that are near the mean, nearest first, with their distance as a
/// share of the median's; rows of zeros aside.
pub(crate) fn near_the_mean(vectors: &Vectors) -> Vec<(u32, f32)> {
    let said = |row: &&[f32]| row.iter().any(|&x| x != 0.0);
    let mut mean = vec![0.0_f64; vectors.dim()];
    let mut n = 0.0;
    for row in vectors.rows().filter(said) {
        n += 1.0;
        for (m, &x) in mean.iter_mut().zip(row) {
            *m += f64::from(x);
        }
    }
    mean.iter_mut().for_each(|m| *m /= f64::max(n, 1.0));
    let distance = |row: &[f32]| {
        let apart = row
            .iter()
            .zip(&mean)
            .map(|(&x, m)| (f64::from(x) - m).powi(2));
        crate::numbers::narrow(apart.sum::<f64>().sqrt())
    };
    let rows = (0..).zip(vectors.rows()).filter(|(_, row)| said(row));
    let mut found: Vec<(u32, f32)> = rows.map(|(i, r)| (index(i), distance(r))).collect();
    found.sort_unstable_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    let median = found.get(found.len() / 2).map_or(1.0, |f| f.1).max(1e-9);
    let near = found.into_iter().map(|(i, d)| (i, d / median));
    near.take_while(|f| f.1 < NEAR).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_that_are_sure() {
        let texts = [
            "The quick brown fox jumps over the lazy dog and runs away from the hunters",
            "Der schnelle braune Fuchs springt über den faulen Hund und läuft vor den Jägern weg",
            "我们今天去北京大学看书",
            "xy",
            "",
        ];
        let (names, codes) = languages(&texts.map(str::to_owned));
        assert_eq!(
            names,
            ["English", "German", "Mandarin", "too short to tell", ""]
        );
        assert_eq!(codes, ["zh", "de", "en"]);
    }

    /// A title that looks French alone is English among many English ones.
    #[test]
    fn short_texts_are_what_the_catalogue_is() {
        let title = "Ambre Solaire Spray, Lotion Crystal";
        let alone = languages(&[title.to_owned()]).0[0];
        assert_ne!(alone, "English");
        let mut texts = vec![
                "The quick brown fox jumps over the lazy dog and runs away from the hunters"
                    .to_owned();
                30
            ];
        texts.push(title.to_owned());
        assert_eq!(languages(&texts).0[30], "English");
    }

    #[test]
    fn a_clause_of_many_items_is_boilerplate() {
        let mut texts: Vec<String> = (0..7)
            .map(|i| format!("Item {i}. Free shipping on all orders today!"))
            .collect();
        texts.push("An item of its own, which nobody else has. Short.".into());
        let (found, of) = boilerplate(&texts);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].text.as_str(), found[0].items),
            ("free shipping on all orders today", 7)
        );
        assert_eq!(of.iter().filter(|x| **x).count(), 7);
    }

    /// The mean of (±4, 0), (0, ±4) and (1, 0) is (0.2, 0): its last row is 0.8 away, the median
    /// √(0.2² + 4²).
    #[test]
    fn what_is_near_the_mean_by_hand() {
        let data = vec![4.0, 0.0, -4.0, 0.0, 0.0, 4.0, 0.0, -4.0, 1.0, 0.0, 0.0, 0.0];
        let found = near_the_mean(&Vectors::new(2, data));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, 4);
        assert!((found[0].1 - 0.8 / 16.04_f32.sqrt()).abs() < 1e-6);
    }
}
