//! An opened bundle, and what was written since.

use crate::bundle::{BundleInfo, ENCODER, INDEX, read_data, read_results};
use crate::catalogue::{Catalogue, Change};
use crate::encoding::Encoding;
use crate::item_index::ItemIndex;
use crate::shared_facts::SharedFacts;
use crate::{EngineError, Recommendation};
use semrec_data::{Dataset, Facts, Record, Role};
use semrec_models::{Recommender, Tensors, load, renew};
use semrec_text::Vectors;
use std::path::Path;
use std::sync::Arc;

/// An opened bundle with what was written since. The encoder is read when the first text has to be
/// encoded.
#[derive(Debug)]
pub struct Engine {
    path: Arc<Path>,
    pub(crate) info: Arc<BundleInfo>,
    /// What was measured before the bundle was made.
    results: Option<Arc<serde_json::Value>>,
    pub(crate) dataset: Arc<Dataset>,
    pub(crate) items: Catalogue,
    pub(crate) model: Arc<dyn Recommender>,
    /// The encoder's vectors of the items, and the encoder; absent without texts.
    pub(crate) texts: Option<Texts>,
    /// The facts its model has read; absent without.
    pub(crate) facts: Option<Arc<SharedFacts>>,
    /// Number of users who touched each item.
    pub(crate) counts: Arc<Vec<f32>>,
}

/// What is needed to read.
#[derive(Clone, Debug)]
pub(crate) struct Texts {
    pub(crate) index: Arc<ItemIndex>,
    pub(crate) encoding: Arc<Encoding>,
}

impl Engine {
    /// Opens the bundle in `dir` and checks that its parts fit together.
    ///
    /// # Errors
    /// [`EngineError`] if something is missing, damaged, or of another layout.
    pub fn open(dir: &Path) -> Result<Self, EngineError> {
        let (info, dataset) = read_data(dir)?;
        let fail = |problem: String| EngineError::Bundle {
            path: dir.to_owned(),
            problem,
        };
        let model = load(&Tensors::read(&dir.join("model.safetensors"))?)?;
        let n_items = dataset.items.len();
        if model.n_items() != n_items {
            return Err(fail(format!(
                "its model scores {} items, its catalogue has {n_items}; train again",
                model.n_items()
            )));
        }
        let texts = match info.encoder {
            None => None,
            Some(_) => {
                let index = ItemIndex::open(&dir.join(INDEX), n_items)?;
                let encoding = Encoding::new(dir.join(ENCODER), index.dim());
                Some(Texts {
                    index: Arc::new(index),
                    encoding: Arc::new(encoding),
                })
            }
        };
        let facts = Facts::of(&dataset, info.facts)?.map(SharedFacts::new);
        let counts = dataset.interactions.item_counts();
        #[expect(clippy::cast_precision_loss, reason = "a score, not a count")]
        let counts: Vec<f32> = counts.into_iter().map(|n| n as f32).collect();
        let dataset = Arc::new(dataset);
        Ok(Self {
            path: Arc::from(dir),
            info: Arc::new(info),
            results: read_results(dir)?.map(Arc::new),
            items: Catalogue::new(Arc::clone(&dataset)),
            dataset,
            model: Arc::from(model),
            texts,
            facts: facts.map(Arc::new),
            counts: Arc::new(counts),
        })
    }

    /// The engine after changes of its items, in their order. It shares the index with this one:
    /// changes are made one after the other, each to the newest engine.
    ///
    /// # Errors
    /// [`EngineError`] if a text cannot be encoded; the index may then have some of the changes.
    pub fn changed(&self, changes: &[Change]) -> Result<Self, EngineError> {
        let mut items = self.items.clone();
        let changed = changes.iter().filter_map(|change| items.change(change));
        let mut numbers: Vec<u32> = changed.collect();
        numbers.sort_unstable();
        numbers.dedup();
        // What is gone still says something of those who touched it: the model keeps it.
        let (gone, there): (Vec<u32>, Vec<u32>) =
            numbers.into_iter().partition(|&item| items.is_gone(item));
        let vectors = match &self.texts {
            None => Vectors::zeros(there.len(), 1),
            Some(texts) => {
                let said: Vec<String> = there.iter().map(|&item| items.text(item)).collect();
                let vectors = texts.encoding.passages(&said)?;
                let silent = vec![0.0; vectors.dim()];
                let gone = gone.iter().map(|&item| (item, &silent[..]));
                let there = there.iter().copied().zip(vectors.rows());
                let mut all: Vec<(u32, &[f32])> = gone.chain(there).collect();
                all.sort_by_key(|&(item, _)| item);
                for (item, vector) in all {
                    texts.index.set(item, vector)?;
                }
                vectors
            }
        };
        let mut counts = Arc::clone(&self.counts);
        if counts.len() < items.len() {
            Arc::make_mut(&mut counts).resize(items.len(), 0.0);
        }
        Ok(Self {
            path: Arc::clone(&self.path),
            info: Arc::clone(&self.info),
            results: self.results.clone(),
            dataset: Arc::clone(&self.dataset),
            model: renew(&self.model, items.len(), &there, &vectors),
            items,
            texts: self.texts.clone(),
            facts: self.facts.clone(),
            counts,
        })
    }

    /// Reads the encoder if it was not read yet, so that the first sentence need not wait.
    ///
    /// # Errors
    /// [`EngineError`] if it cannot be read, or is not the items'.
    pub fn prepare(&self) -> Result<(), EngineError> {
        self.texts.as_ref().map_or(Ok(()), |t| t.encoding.prepare())
    }

    /// Where the bundle lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a user is of the bundle.
    #[must_use]
    pub fn knows_user(&self, id: &str) -> bool {
        self.dataset.users.ids.get(id).is_some()
    }

    /// What the bundle says of itself.
    #[must_use]
    pub fn info(&self) -> &BundleInfo {
        &self.info
    }

    /// What was measured before the bundle was made, as `semrec evaluate --json` has it; none where
    /// nothing was.
    #[must_use]
    pub fn results(&self) -> Option<&serde_json::Value> {
        self.results.as_deref()
    }

    /// The data it was made of.
    #[must_use]
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// Items that are there now.
    #[must_use]
    pub fn n_items(&self) -> usize {
        self.items.there()
    }

    /// Items with a vector in the index.
    #[must_use]
    pub fn n_indexed(&self) -> usize {
        self.texts.as_ref().map_or(0, |texts| texts.index.len())
    }

    /// How many texts that ask were there already when they were to be encoded, and how many were
    /// not, since the bundle was opened.
    #[must_use]
    pub fn encoder_cache(&self) -> (u64, u64) {
        self.texts.as_ref().map_or((0, 0), |t| t.encoding.counts())
    }

    /// The number of an item that is there.
    #[must_use]
    pub fn item(&self, id: &str) -> Option<u32> {
        self.items.get(id)
    }

    /// Whether any item has a field of this name.
    #[must_use]
    pub fn has_field(&self, name: &str) -> bool {
        self.items.fields().contains(&name)
    }

    /// The number of an item that is or was there.
    #[must_use]
    pub fn number(&self, id: &str) -> Option<u32> {
        self.items.number(id)
    }

    /// Whether an item is there and says just this.
    #[must_use]
    pub fn says(&self, record: &Record) -> bool {
        let item = self.items.get(&record.id);
        item.is_some_and(|item| self.items.record_of(item) == *record)
    }

    /// What people call an item, by its id.
    #[must_use]
    pub fn title(&self, id: &str) -> Option<&str> {
        self.items.number(id).map(|item| self.items.title(item))
    }

    /// Reads an item written as JSON; its fields have the roles of the catalogue's.
    ///
    /// # Errors
    /// [`EngineError::Data`] that names the field.
    pub fn record(
        &self,
        id: &str,
        object: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Record, EngineError> {
        let fields = self.dataset.items.fields.iter();
        let roles: Vec<(&str, Role)> = fields.map(|f| (f.name.as_str(), f.values.role())).collect();
        Ok(Record::read(id, object, &roles)?)
    }

    /// The encoder's vectors of texts, as of items or as of queries: `[n, dim]`, unit length, zero
    /// for an empty text.
    ///
    /// # Errors
    /// [`EngineError::Request`] if the bundle has no encoder.
    pub fn embed(&self, texts: &[String], as_queries: bool) -> Result<Vec<Vec<f32>>, EngineError> {
        let encoding = &self.texts()?.encoding;
        if as_queries {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            return encoding.queries(&texts);
        }
        let vectors = encoding.passages(texts)?;
        Ok(vectors.rows().map(<[f32]>::to_vec).collect())
    }

    pub(crate) fn texts(&self) -> Result<&Texts, EngineError> {
        self.texts.as_ref().ok_or_else(|| {
            EngineError::Request(
                "this bundle was trained without texts, so there is nothing to search; train with --encoder minilm".to_owned(),
            )
        })
    }

    pub(crate) fn bare(&self, item: u32, score: f32) -> Recommendation {
        Recommendation {
            item: self.items.id(item).to_owned(),
            title: self.items.title(item).to_owned(),
            score,
            ..Recommendation::default()
        }
    }
}
