//! What metrics need to know of the training data and the catalogue.

use semrec_data::Interactions;

/// Counts over the events that the models were fitted on, and the vectors of the items.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// Distinct training users who touched each item, `[n_items]`.
    pub item_users: Vec<u32>,
    /// Training events of each user, `[n_users]`.
    pub user_events: Vec<u32>,
    /// Users with any training event.
    pub training_users: usize,
    /// Unit vectors of the items, `[n_items, dim]` row-major (zero where there is no text), and
    /// `dim`; without them diversity is left out.
    pub item_vectors: Option<(&'a [f32], usize)>,
}

impl<'a> Context<'a> {
    /// Counts what is in `training`: the full part for test figures, the train part for
    /// validation figures.
    ///
    /// # Panics
    /// If there are vectors, but not one of length `dim` for each item.
    #[must_use]
    pub fn new(training: &Interactions, item_vectors: Option<(&'a [f32], usize)>) -> Self {
        let n_items = training.n_items();
        if let Some((vectors, dim)) = item_vectors {
            assert_eq!(vectors.len(), n_items * dim, "one vector for each item");
        }
        let user_events: Vec<u32> = (0..training.n_users())
            .map(|u| training.of_user(u32::try_from(u).unwrap_or(u32::MAX)).len())
            .map(|n| u32::try_from(n).unwrap_or(u32::MAX))
            .collect();
        Self {
            item_users: training.item_counts(),
            training_users: user_events.iter().filter(|&&n| n > 0).count(),
            user_events,
            item_vectors,
        }
    }

    /// Number of items in the catalogue.
    #[must_use]
    pub fn n_items(&self) -> usize {
        self.item_users.len()
    }
}
