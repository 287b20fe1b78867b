//! Contributions put into words.

use crate::catalogue::Catalogue;
use crate::reply::{Reason, WordShare};
use crate::shared_facts::SharedFacts;
use crate::words::shared;
use semrec_models::{Cause, Contribution};

/// Reasons that are told; the rest is small.
const TOLD: usize = 2;
/// Facts that are told of two items.
const FACTS: usize = 3;
/// Models whose vectors of items hold their facts.
const READERS: [&str; 4] = ["content", "l3ae", "feature-als", "sasrec"];
/// Longest title in a sentence, in characters.
const TITLE: usize = 48;

/// Contributions as reasons, largest first, with the words that two texts share and the facts that
/// two items have in common.
pub(crate) fn reasons(
    contributions: &[Contribution],
    (items, facts): (&Catalogue, Option<&SharedFacts>),
    item: u32,
    text_words: &[WordShare],
) -> Vec<Reason> {
    contributions
        .iter()
        .map(|c| {
            let (cause, of) = match c.cause {
                Cause::History(h) => ("history", Some(h)),
                Cause::Text => ("text", None),
                Cause::Item => ("item", None),
            };
            let words = match c.cause {
                Cause::Text => text_words.to_vec(),
                Cause::History(h) if c.source == "content" => {
                    shared(&items.text(h), &items.text(item), 4)
                        .into_iter()
                        .map(|word| WordShare { word, amount: None })
                        .collect()
                }
                Cause::History(_) | Cause::Item => Vec::new(),
            };
            let facts = match (c.cause, facts) {
                (Cause::History(h), Some(facts)) if READERS.contains(&c.source.as_str()) => {
                    facts.of(h, item, FACTS)
                }
                _ => Vec::new(),
            };
            Reason {
                source: c.source.clone(),
                cause,
                item: of.map(|h| items.id(h).to_owned()),
                title: of.map(|h| items.title(h).to_owned()),
                amount: c.amount,
                words,
                facts,
            }
        })
        .collect()
}

/// The source through which most of the score goes back to the person; if nothing does, the one
/// with the largest part at all.
pub(crate) fn leading_source(contributions: &[Contribution]) -> Option<&str> {
    let largest = |personal: bool| {
        let mut sums: Vec<(&str, f32)> = Vec::new();
        for c in contributions {
            if personal && c.cause == Cause::Item {
                continue;
            }
            match sums.iter_mut().find(|(source, _)| *source == c.source) {
                Some((_, sum)) => *sum += c.amount,
                None => sums.push((&c.source, c.amount)),
            }
        }
        sums.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))
    };
    largest(true)
        .filter(|(_, sum)| *sum > 0.0)
        .or_else(|| largest(false))
        .map(|(source, _)| source)
}

/// The largest positive reasons as one sentence, those of the person before those of the item;
/// empty if there are none.
pub(crate) fn sentence(reasons: &[Reason]) -> String {
    let mut clauses: Vec<String> = Vec::new();
    let positive = || reasons.iter().filter(|r| r.amount > 0.0);
    // A popular item is recommended to everyone; what is told first is why to this person.
    let general = |r: &&Reason| r.cause == "item" || r.source.contains("popularity");
    let personal = positive().filter(|r| !general(r));
    for reason in personal.chain(positive().filter(general)) {
        let clause = clause(reason);
        if !clauses.contains(&clause) {
            clauses.push(clause);
        }
        if clauses.len() == TOLD {
            break;
        }
    }
    clauses.join("; ")
}

fn clause(reason: &Reason) -> String {
    let words: Vec<&str> = reason.words.iter().map(|w| w.word.as_str()).collect();
    let title = reason.title.as_deref().map(short);
    match (reason.cause, title) {
        ("text", _) if words.is_empty() => "fits what was written".to_owned(),
        ("text", _) => format!(
            "fits what was written, most of all “{}”",
            words.join("”, “")
        ),
        ("history", Some(title)) if reason.source == "content" => {
            let said = (!words.is_empty()).then(|| format!("both say {}", words.join(", ")));
            format!("reads like “{title}”{}", in_brackets(said, &reason.facts))
        }
        ("history", Some(title)) => format!(
            "people who chose “{title}” chose it too{}",
            in_brackets(None, &reason.facts)
        ),
        _ => for_itself(&reason.source).to_owned(),
    }
}

/// Why an item is recommended for its own sake ([`Cause::Item`]), by the source that says so.
pub fn for_itself(source: &str) -> &'static str {
    match source {
        "rating" => "people rate it highly",
        _ => "many people choose it",
    }
}

/// What two items have in common, behind what is said of them.
fn in_brackets(said: Option<String>, facts: &[String]) -> String {
    let have = (!facts.is_empty()).then(|| format!("both have {}", facts.join(", ")));
    let parts: Vec<String> = said.into_iter().chain(have).collect();
    if parts.is_empty() {
        return String::new();
    }
    format!(" ({})", parts.join("; "))
}

/// The beginning of a long title.
fn short(title: &str) -> String {
    if title.chars().count() <= TITLE {
        return title.to_owned();
    }
    let start: String = title.chars().take(TITLE - 1).collect();
    format!("{}…", start.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(source: &str, cause: &'static str, title: &str, amount: f32) -> Reason {
        Reason {
            source: source.to_owned(),
            cause,
            item: None,
            title: (!title.is_empty()).then(|| title.to_owned()),
            amount,
            words: Vec::new(),
            facts: Vec::new(),
        }
    }

    #[test]
    fn a_sentence_tells_the_largest_two_once_each() {
        let told = sentence(&[
            reason("ease", "history", "Heat", 2.0),
            reason("item-knn", "history", "Heat", 1.0),
            reason("content", "history", "Ronin", 0.5),
            reason("popularity", "item", "", 0.4),
            reason("content", "text", "", 0.3),
        ]);
        insta::assert_snapshot!(told, @"people who chose “Heat” chose it too; reads like “Ronin”");
        assert_eq!(sentence(&[reason("ease", "history", "Heat", -1.0)]), "");
        let told = sentence(&[
            reason("rating", "item", "", 2.0),
            reason("popularity", "item", "", 1.0),
        ]);
        insta::assert_snapshot!(told, @"people rate it highly; many people choose it");
        let word = WordShare {
            word: "heist".to_owned(),
            amount: None,
        };
        let told = sentence(&[
            Reason {
                words: vec![word],
                facts: vec!["director: Mann".to_owned(), "year: 1995".to_owned()],
                ..reason("content", "history", "Heat", 2.0)
            },
            Reason {
                facts: vec!["genre: Crime".to_owned()],
                ..reason("l3ae", "history", "Ronin", 1.0)
            },
        ]);
        insta::assert_snapshot!(told, @"reads like “Heat” (both say heist; both have director: Mann, year: 1995); people who chose “Ronin” chose it too (both have genre: Crime)");
    }

    #[test]
    fn the_leading_source_is_the_one_with_the_largest_personal_sum() {
        let part = |source: &str, cause, amount| Contribution {
            source: source.to_owned(),
            cause,
            amount,
        };
        let crowd = part("popularity", Cause::Item, 2.0);
        let (a, b) = (
            part("a", Cause::History(1), 0.6),
            part("b", Cause::Text, 0.4),
        );
        let parts = [crowd.clone(), a, b.clone(), b];
        assert_eq!(leading_source(&parts), Some("b"));
        let against = part("a", Cause::History(1), -0.1);
        assert_eq!(leading_source(&[crowd, against]), Some("popularity"));
        assert_eq!(leading_source(&[]), None);
    }
}
