//! Which facts two items have in common, for explanations.

use semrec_data::Facts;

/// The facts of a catalogue, and how many items have each.
#[derive(Debug)]
pub(crate) struct SharedFacts {
    facts: Facts,
    counts: Vec<u32>,
}

impl SharedFacts {
    pub(crate) fn new(facts: Facts) -> Self {
        let counts = facts.counts(|_| true);
        Self { facts, counts }
    }

    /// The facts that both items have, as `genres: Crime`, those of the fewest items first; at most
    /// `most`.
    /// An item that is newer than the facts has none.
    pub(crate) fn of(&self, a: u32, b: u32, most: usize) -> Vec<String> {
        if a.max(b) as usize >= self.facts.n_items() {
            return Vec::new();
        }
        let others = self.facts.of_item(b);
        let own = self.facts.of_item(a).iter().copied();
        let mut both: Vec<u32> = own.filter(|f| others.binary_search(f).is_ok()).collect();
        both.sort_by_key(|&fact| (self.counts[fact as usize], fact));
        both.truncate(most);
        let told = both.iter().map(|&fact| self.facts.name(fact).to_string());
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rarest_come_first() {
        let facts = Facts::new(
            &[
                vec![("genre", "Crime"), ("year", "1995")],
                vec![("genre", "Crime"), ("year", "1995")],
                vec![("genre", "Crime")],
            ],
            &[
                vec![("director", "Mann")],
                vec![("director", "Mann")],
                vec![],
            ],
        );
        let facts = SharedFacts::new(facts);
        assert_eq!(facts.of(0, 1, 2), ["year: 1995", "director: Mann"]);
        assert_eq!(facts.of(0, 2, 2), ["genre: Crime"]);
    }
}
