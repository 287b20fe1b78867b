//! What a topic is called: its heaviest terms, phrases before the words they are made of.

use crate::ctfidf::Weighed;
use crate::vocabulary::Vocabulary;

/// Share of a word's items a phrase must have to stand in its place.
const COVERS: f64 = 0.5;
/// Terms of a label.
const TERMS: usize = 3;

/// The heaviest single words.
pub(crate) fn top_words(vocabulary: &Vocabulary, weighed: &[Weighed], most: usize) -> Vec<u32> {
    let words = weighed.iter().map(|w| w.term);
    let single = words.filter(|&t| vocabulary.terms[t as usize].words == 1);
    single.take(most).collect()
}

/// Whether a phrase has a word of another term.
fn share_a_word(a: &str, b: &str) -> bool {
    let has = |phrase: &str, word: &str| {
        phrase.split(' ').any(|w| w == word)
            || (word.chars().any(crate::words::is_han) && phrase.contains(word))
    };
    a.split(' ').any(|word| has(b, word)) || b.split(' ').any(|word| has(a, word))
}

/// The label of a topic, its terms joined by commas.
pub(crate) fn label(vocabulary: &Vocabulary, weighed: &[Weighed]) -> String {
    let text = |w: &Weighed| vocabulary.terms[w.term as usize].text.as_str();
    let mut chosen: Vec<&str> = Vec::new();
    for candidate in weighed {
        if chosen.len() == TERMS {
            break;
        }
        let longer = weighed.iter().filter(|w| {
            vocabulary.terms[w.term as usize].words
                > vocabulary.terms[candidate.term as usize].words
                && share_a_word(text(w), text(candidate))
                && f64::from(w.items) >= COVERS * f64::from(candidate.items)
        });
        let taken = longer.into_iter().next().unwrap_or(candidate);
        if !chosen.iter().any(|c| share_a_word(c, text(taken))) {
            chosen.push(text(taken));
        }
    }
    chosen.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Words;

    #[test]
    fn a_phrase_stands_for_its_words() {
        let texts = [
            "nail polish red",
            "nail polish blue",
            "nail polish, red",
            "nail file",
        ];
        let vocabulary = Vocabulary::new(&mut Words::new(&[], false), &texts.map(str::to_owned));
        let weighed: Vec<Weighed> = [("nail", 4), ("polish", 3), ("nail polish", 3), ("red", 2)]
            .iter()
            .map(|(term, items)| Weighed {
                term: (0..)
                    .zip(&vocabulary.terms)
                    .find(|(_, t)| t.text == *term)
                    .unwrap()
                    .0,
                weight: 1.0,
                items: *items,
            })
            .collect();
        assert_eq!(label(&vocabulary, &weighed), "nail polish, red");
        assert_eq!(top_words(&vocabulary, &weighed, 2).len(), 2);
        assert!(share_a_word("北京大学", "大学"));
        assert!(!share_a_word("party dress", "art"));
    }
}
