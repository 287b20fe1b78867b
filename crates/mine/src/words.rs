//! Texts as words: lower-cased runs of letters and digits; runs of Chinese cut by jieba.
//!
//! A text falls into clauses at punctuation, and phrases do not reach over their ends. Stop words
//! are those of English, of the languages that were found in the catalogue, units of measure, and
//! the catalogue's own: words in most of its items. Left out: stemming, which makes labels that
//! are no words.

use jieba_rs::Jieba;
use std::collections::HashSet;

/// One word of a clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// As it is counted: in lower case.
    pub text: String,
    /// Whether it may stand in a label: no stop word, no unit, no bare number, no single letter.
    pub content: bool,
}

/// Cuts texts into clauses of words.
pub struct Words {
    stop: HashSet<&'static str>,
    /// Stop words of this catalogue.
    often: HashSet<String>,
    jieba: Option<Jieba>,
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Words with {} stop words", self.stop.len())
    }
}

/// What is left of "it's", "don't" and "&amp;" when they are cut.
const LEFT_OVER: [&str; 8] = ["ll", "ve", "re", "don", "isn", "didn", "doesn", "amp"];
/// Units say how much of a thing there is, not what it is.
const UNITS: [&str; 22] = [
    "oz", "ounce", "ounces", "fl", "fluid", "ml", "cl", "mm", "cm", "inch", "inches", "ft", "mg",
    "kg", "lb", "lbs", "gram", "grams", "pack", "packs", "count", "pcs",
];

/// Whether a letter is Chinese (or a Japanese or Korean one written so).
pub(crate) fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2fa1f}')
}

impl Words {
    /// With the stop words of these languages (ISO 639-1) and of English; with the dictionary of
    /// Chinese if a text is Chinese.
    #[must_use]
    pub fn new(languages: &[&str], chinese: bool) -> Self {
        let codes = languages.iter().copied().chain(["en"]);
        let mut stop: HashSet<&'static str> = codes
            .filter_map(stop_words::lookup)
            .flatten()
            .copied()
            .collect();
        if chinese {
            stop.extend(stop_words::lookup("zh").into_iter().flatten());
        }
        stop.extend(LEFT_OVER);
        stop.extend(UNITS);
        Self {
            stop,
            often: HashSet::new(),
            jieba: chinese.then(Jieba::new),
        }
    }

    /// The clauses of a text.
    #[must_use]
    pub fn clauses(&self, text: &str) -> Vec<Vec<Word>> {
        let mut clauses = Vec::new();
        let mut clause = Vec::new();
        let mut run = String::new();
        let mut han = false;
        for c in text.chars() {
            if c.is_alphanumeric() {
                if is_han(c) != han {
                    self.end(&mut run, han, &mut clause);
                    han = is_han(c);
                }
                run.extend(c.to_lowercase());
                continue;
            }
            self.end(&mut run, han, &mut clause);
            let within = c.is_whitespace() || matches!(c, '-' | '\'' | '’' | '/' | '&' | '+');
            if !within && !clause.is_empty() {
                clauses.push(std::mem::take(&mut clause));
            }
        }
        self.end(&mut run, han, &mut clause);
        if !clause.is_empty() {
            clauses.push(clause);
        }
        clauses
    }

    fn end(&self, run: &mut String, han: bool, clause: &mut Vec<Word>) {
        if run.is_empty() {
            return;
        }
        match &self.jieba {
            Some(jieba) if han => {
                let words = jieba.cut(run, true);
                clause.extend(words.iter().map(|t| self.word(t.word.to_owned())));
            }
            _ => clause.push(self.word(run.clone())),
        }
        run.clear();
    }

    /// Counts these as stop words too.
    pub(crate) fn stop_also(&mut self, often: HashSet<String>) {
        self.often = often;
    }

    fn word(&self, text: String) -> Word {
        let several = text.chars().nth(1).is_some();
        let number = text.chars().all(char::is_numeric);
        let stop = self.stop.contains(text.as_str()) || self.often.contains(&text);
        let content = several && !number && !stop;
        Word { text, content }
    }
}

/// Words and phrases of two and three content words that follow each other in a clause.
pub(crate) fn terms(clause: &[Word], mut each: impl FnMut(&str, usize)) {
    let mut phrase = String::new();
    for (at, first) in clause.iter().enumerate() {
        if !first.content {
            continue;
        }
        phrase.clear();
        phrase.push_str(&first.text);
        each(&phrase, 1);
        let mut last = first;
        for (more, word) in clause[at + 1..].iter().take(2).enumerate() {
            // "nail nail" is no phrase.
            if !word.content || word.text == last.text {
                break;
            }
            let joined = |c: Option<char>| c.is_some_and(is_han);
            if !(joined(last.text.chars().next_back()) && joined(word.text.chars().next())) {
                phrase.push(' ');
            }
            phrase.push_str(&word.text);
            each(&phrase, more + 2);
            last = word;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(words: &Words, text: &str) -> String {
        let clauses = words.clauses(text);
        let clauses = clauses.iter().map(|clause| {
            let words = clause.iter().map(|w| {
                if w.content {
                    w.text.clone()
                } else {
                    format!("({})", w.text)
                }
            });
            words.collect::<Vec<_>>().join(" ")
        });
        clauses.collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn clauses_end_at_punctuation() {
        let words = Words::new(&[], false);
        let text = "The Nail-Polish for you, 15 ml. Über shiny!";
        assert_eq!(
            shown(&words, text),
            "(the) nail polish (for) (you) | (15) (ml) | über shiny"
        );
    }

    #[test]
    fn chinese_is_cut_into_words() {
        let words = Words::new(&["zh"], true);
        assert_eq!(
            shown(&words, "我们去北京大学，iPhone手机"),
            "(我们) (去) 北京大学 | iphone 手机"
        );
    }

    #[test]
    fn phrases_do_not_reach_over_stop_words_or_repeat() {
        let words = Words::new(&[], false);
        let mut found = Vec::new();
        for clause in words.clauses("red nail nail polish of Paris. Kit") {
            terms(&clause, |term, length| {
                found.push((term.to_owned(), length))
            });
        }
        let found: Vec<(&str, usize)> = found.iter().map(|(t, l)| (t.as_str(), *l)).collect();
        let want = [
            ("red", 1),
            ("red nail", 2),
            ("nail", 1),
            ("nail", 1),
            ("nail polish", 2),
            ("polish", 1),
            ("paris", 1),
            ("kit", 1),
        ];
        assert_eq!(found, want);
    }
}
