//! Which words two texts share, and how to leave out one.

use std::collections::BTreeSet;

/// Words that say nothing of what a thing is.
const STOP: &[&str] = &[
    "a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "has", "in", "is", "it", "its",
    "of", "on", "or", "that", "the", "this", "to", "was", "were", "which", "with", "you", "your",
];

/// Lower-case words of letters and digits, in order.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(str::to_lowercase)
}

/// The telling words of `a` that `b` has too, each once, in the order of `a`, at most `most`.
pub(crate) fn shared(a: &str, b: &str, most: usize) -> Vec<String> {
    let other: BTreeSet<String> = words(b).collect();
    let mut seen = BTreeSet::new();
    words(a)
        .filter(|w| w.chars().count() > 1 && !STOP.contains(&w.as_str()))
        .filter(|w| other.contains(w) && seen.insert(w.clone()))
        .take(most)
        .collect()
}

/// The words of a text as written, and the text without each of them; at most `most`.
pub(crate) fn leave_one_out(text: &str, most: usize) -> Vec<(String, String)> {
    let all: Vec<&str> = text.split_whitespace().collect();
    (0..all.len())
        .filter(|&i| {
            let word = all[i].to_lowercase();
            !STOP.contains(&word.as_str())
        })
        .take(most)
        .map(|i| {
            let rest: Vec<&str> = all[..i].iter().chain(&all[i + 1..]).copied().collect();
            let word = all[i].trim_matches(|c: char| !c.is_alphanumeric());
            (word.to_owned(), rest.join(" "))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_words_are_the_telling_ones() {
        assert_eq!(
            shared("The Lord of the Rings (2001)", "rings, and the lord", 5),
            ["lord", "rings"]
        );
        assert!(shared("the of", "the of", 5).is_empty());
    }

    #[test]
    fn each_word_is_left_out_once() {
        let got = leave_one_out("headphones for flights!", 5);
        assert_eq!(
            got,
            [
                ("headphones".to_owned(), "for flights!".to_owned()),
                ("flights".to_owned(), "headphones for".to_owned())
            ]
        );
    }
}
