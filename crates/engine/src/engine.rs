//! An opened bundle: answers requests.

use crate::bundle::{BundleInfo, ENCODER, INDEX, read_info};
use crate::item_index::ItemIndex;
use crate::reason::{leading_source, reasons, sentence};
use crate::shared_facts::SharedFacts;
use crate::words::leave_one_out;
use crate::{EngineError, Recommendation, Reply, WordShare};
use semrec_data::{Dataset, Event, Facts, Ranked, top_k};
use semrec_models::{Candidates, Cause, Contribution, Query, Recommender, Tensors, load, rank};
use semrec_text::Encoder;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Fewest items looked at for what goes with one.
const NEAR: usize = 100;
/// Words of a text whose part is looked at.
const WORDS: usize = 24;
/// Words that are told.
const TELLING: usize = 3;

/// Who asks, and for how much.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// A user of the data set, whose history (and text) is then used.
    pub user: Option<String>,
    /// Item ids, oldest first; appended to the user's history.
    pub history: Vec<String>,
    /// A sentence the person wrote; stands in for the text of the user.
    pub text: Option<String>,
    /// How many items.
    pub k: usize,
    /// Whether items of the history may be recommended.
    pub include_seen: bool,
    /// Whether to say why.
    pub explain: bool,
}

/// An opened bundle. The encoder is read when the first text has to be encoded.
#[derive(Debug)]
pub struct Engine {
    dir: PathBuf,
    info: BundleInfo,
    dataset: Dataset,
    model: Box<dyn Recommender>,
    /// The encoder's vectors of the items; absent without texts.
    vectors: Option<ItemIndex>,
    /// The facts its model has read; absent without.
    facts: Option<SharedFacts>,
    encoder: Mutex<Option<Encoder>>,
    /// Number of users who touched each item.
    counts: Vec<f32>,
}

impl Engine {
    /// Opens the bundle in `dir` and checks that its parts fit together.
    ///
    /// # Errors
    /// [`EngineError`] if something is missing, damaged, or of another layout.
    pub fn open(dir: &Path) -> Result<Self, EngineError> {
        let info = read_info(dir)?;
        let fail = |problem: String| EngineError::Bundle {
            path: dir.to_owned(),
            problem,
        };
        let dataset = Dataset::load(&dir.join("data"))?;
        if dataset.fingerprint != info.fingerprint {
            return Err(fail(
                "its data are not those its model was fitted on; train again".to_owned(),
            ));
        }
        let model = load(&Tensors::read(&dir.join("model.safetensors"))?)?;
        let n_items = dataset.items.len();
        if model.n_items() != n_items {
            return Err(fail(format!(
                "its model scores {} items, its catalogue has {n_items}; train again",
                model.n_items()
            )));
        }
        let vectors = if info.encoder.is_some() {
            Some(ItemIndex::open(&dir.join(INDEX), n_items)?)
        } else {
            None
        };
        let facts = Facts::of(&dataset, info.facts)?.map(SharedFacts::new);
        let counts = dataset.interactions.item_counts();
        #[expect(clippy::cast_precision_loss, reason = "a score, not a count")]
        let counts = counts.into_iter().map(|n| n as f32).collect();
        Ok(Self {
            dir: dir.to_owned(),
            info,
            dataset,
            model,
            vectors,
            facts,
            encoder: Mutex::new(None),
            counts,
        })
    }

    /// What the bundle says of itself.
    #[must_use]
    pub fn info(&self) -> &BundleInfo {
        &self.info
    }

    /// The data it serves.
    #[must_use]
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// The best items for a person: of the model, and where it knows too few, the most popular.
    /// A sentence without any history is a wish, not a trace of habits: it gets the items whose
    /// text is nearest, as [`Engine::search`] does.
    ///
    /// # Errors
    /// [`EngineError::Request`] if the user, or every item of the history, is unknown.
    pub fn recommend(&self, request: &Request) -> Result<Reply, EngineError> {
        let mut notes = Vec::new();
        let history = self.history(request, &mut notes)?;
        let text = self.text_of(request, &mut notes)?;
        let query = Query {
            history: &history,
            text: text.as_ref().map(|(_, vector)| vector.as_slice()),
        };
        let candidates = Candidates {
            exclude_seen: !request.include_seen,
            allowed: None,
        };
        let wish = match &text {
            Some((_, vector)) if request.text.is_some() && history.is_empty() => Some(vector),
            _ => None,
        };
        let ranked = match wish {
            Some(vector) => self.nearest(vector, request.k)?,
            None => rank(&*self.model, &[query], &candidates, request.k).swap_remove(0),
        };
        let missing = request.k.min(self.dataset.items.len()) - ranked.len();
        let words = match &text {
            Some((words, vector)) if request.explain => self.word_parts(words, vector)?,
            _ => Vec::new(),
        };
        let mut items: Vec<Recommendation> = ranked
            .iter()
            .map(|&r| {
                let parts = if wish.is_some() {
                    vec![Contribution {
                        source: "content".to_owned(),
                        cause: Cause::Text,
                        amount: r.score,
                    }]
                } else {
                    self.model.explain(&query, r.item)
                };
                self.told(r, &parts, request.explain, &words)
            })
            .collect();
        if missing > 0 {
            let popular = self.popular(&query, &ranked, request, missing);
            if !popular.is_empty() {
                notes.push(format!(
                    "{} knows only {} items for this person; the {} after them are the most popular",
                    self.info.model,
                    ranked.len(),
                    popular.len()
                ));
            }
            items.extend(popular);
        }
        if items.is_empty() {
            notes.push("nothing is left to recommend: every item was seen".to_owned());
        }
        Ok(Reply { items, notes })
    }

    /// Items that go with one item, because the same people choose them or because they read
    /// alike: of what the model would recommend to a person who touched only this one, and of what
    /// has the nearest text, ordered by the part of the score that goes back to the item. An
    /// item's own popularity has no say.
    ///
    /// # Errors
    /// [`EngineError::Request`] if the item is unknown.
    pub fn similar(&self, item: &str, k: usize, explain: bool) -> Result<Reply, EngineError> {
        let request = Request {
            history: vec![item.to_owned()],
            ..Request::default()
        };
        let history = self.history(&request, &mut Vec::new())?;
        let query = Query {
            history: &history,
            text: None,
        };
        let candidates = Candidates {
            exclude_seen: true,
            allowed: None,
        };
        let depth = k.saturating_mul(10).max(NEAR);
        let known = rank(&*self.model, &[query], &candidates, depth).swap_remove(0);
        let mut near: BTreeSet<u32> = known.iter().map(|r| r.item).collect();
        let this = history.first().map_or(0, |e| e.item);
        if let Some(index) = &self.vectors
            && let Some(vector) = index.vector(this)
        {
            let found = index.nearest(&vector, depth, |i| i != this)?;
            near.extend(found.iter().map(|r| r.item));
        }
        let mut best: Vec<(f32, u32, Vec<Contribution>)> = near
            .into_iter()
            .map(|other| {
                let mut parts = self.model.explain(&query, other);
                parts.retain(|c| c.cause == Cause::History(this));
                (parts.iter().map(|c| c.amount).sum(), other, parts)
            })
            .filter(|(score, _, _): &(f32, _, _)| *score > 0.0)
            .collect();
        best.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        best.truncate(k);
        if best.is_empty() {
            return self.recommend(&Request {
                k,
                explain,
                ..request
            });
        }
        let items = best
            .into_iter()
            .map(|(score, other, parts)| {
                self.told(Ranked { item: other, score }, &parts, explain, &[])
            })
            .collect();
        Ok(Reply {
            items,
            notes: Vec::new(),
        })
    }

    /// Items whose text is nearest to `text`, by cosine of the encoder's vectors.
    ///
    /// # Errors
    /// [`EngineError::Request`] if the bundle has no texts, or `text` is empty.
    pub fn search(&self, text: &str, k: usize) -> Result<Reply, EngineError> {
        if self.vectors.is_none() {
            return Err(EngineError::Request(
                "this bundle was trained without texts, so there is nothing to search; train with --encoder minilm".to_owned(),
            ));
        }
        if text.trim().is_empty() {
            return Err(EngineError::Request(
                "the words to search for are empty".to_owned(),
            ));
        }
        let vector = self.encode_queries(&[text])?.swap_remove(0);
        let items = self
            .nearest(&vector, k)?
            .into_iter()
            .map(|r| Recommendation {
                source: "content".to_owned(),
                ..self.bare(r.item, r.score)
            })
            .collect();
        Ok(Reply {
            items,
            notes: Vec::new(),
        })
    }

    /// The items with the nearest text; none without texts.
    fn nearest(&self, vector: &[f32], k: usize) -> Result<Vec<Ranked>, EngineError> {
        let index = self.vectors.as_ref();
        index.map_or(Ok(Vec::new()), |index| index.nearest(vector, k, |_| true))
    }

    /// The user's events, then the items named; unknown items are noted.
    fn history(
        &self,
        request: &Request,
        notes: &mut Vec<String>,
    ) -> Result<Vec<Event>, EngineError> {
        let mut history: Vec<Event> = match &request.user {
            None => Vec::new(),
            Some(user) => {
                let index = self.dataset.users.ids.get(user).ok_or_else(|| {
                    EngineError::Request(format!(
                        "user '{user}' is not among the {} users of this bundle; describe them by --history or --text instead",
                        self.dataset.users.len()
                    ))
                })?;
                self.dataset.interactions.of_user(index).to_vec()
            }
        };
        let newest = history.last().map_or(0, |e| e.time);
        let mut unknown = Vec::new();
        for (id, age) in request.history.iter().zip(1i64..) {
            match self.dataset.items.ids.get(id) {
                Some(item) => history.push(Event {
                    item,
                    value: 1.0,
                    time: newest.saturating_add(age),
                }),
                None => unknown.push(format!("'{id}'")),
            }
        }
        if !unknown.is_empty() {
            let problem = format!(
                "{} of the history {} not among the {} items of this bundle",
                unknown.join(", "),
                if unknown.len() == 1 { "is" } else { "are" },
                self.dataset.items.len()
            );
            if history.is_empty() && request.text.is_none() {
                return Err(EngineError::Request(problem));
            }
            notes.push(problem + " and was left out");
        }
        Ok(history)
    }

    /// What the person wrote (or the user's own text), and its vector.
    fn text_of(
        &self,
        request: &Request,
        notes: &mut Vec<String>,
    ) -> Result<Option<(String, Vec<f32>)>, EngineError> {
        let own = || {
            let user = self.dataset.users.ids.get(request.user.as_deref()?)?;
            Some(self.dataset.users.text(user))
        };
        let text = request.text.clone().or_else(own).unwrap_or_default();
        if text.trim().is_empty() {
            return Ok(None);
        }
        if self.vectors.is_none() {
            if request.text.is_some() {
                notes.push(
                    "this bundle was trained without texts, so what was written was not read"
                        .to_owned(),
                );
            }
            return Ok(None);
        }
        let vector = self.encode_queries(&[text.as_str()])?.swap_remove(0);
        Ok(Some((text, vector)))
    }

    fn encode_queries(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EngineError> {
        let mut slot = self.encoder.lock().unwrap_or_else(PoisonError::into_inner);
        let encoder = match &mut *slot {
            Some(encoder) => encoder,
            empty => empty.insert(self.load_encoder()?),
        };
        let vectors = encoder.encode_queries(texts, &|_, _| {})?;
        Ok(vectors.rows().map(<[f32]>::to_vec).collect())
    }

    fn load_encoder(&self) -> Result<Encoder, EngineError> {
        let path = self.dir.join(ENCODER);
        let encoder = Encoder::load(&path)?;
        let (got, expected) = (encoder.dim(), self.vectors.as_ref().map(ItemIndex::dim));
        match expected {
            Some(expected) if expected != got => Err(EngineError::Bundle {
                path,
                problem: format!(
                    "makes vectors of {got} values, those of the items have {expected}; train again"
                ),
            }),
            _ => Ok(encoder),
        }
    }

    /// The vector of the text without each of its words, as the difference to the whole: what the
    /// word adds to the similarity with an item is the inner product with its vector.
    fn word_parts(
        &self,
        text: &str,
        whole: &[f32],
    ) -> Result<Vec<(String, Vec<f32>)>, EngineError> {
        let parts = leave_one_out(text, WORDS);
        if parts.len() < 2 {
            return Ok(Vec::new());
        }
        let texts: Vec<&str> = parts.iter().map(|(_, rest)| rest.as_str()).collect();
        let without = self.encode_queries(&texts)?;
        Ok(parts
            .into_iter()
            .zip(without)
            .map(|((word, _), rest)| (word, whole.iter().zip(&rest).map(|(a, b)| a - b).collect()))
            .collect())
    }

    fn told(
        &self,
        ranked: Ranked,
        contributions: &[Contribution],
        explain: bool,
        words: &[(String, Vec<f32>)],
    ) -> Recommendation {
        let source = leading_source(contributions).unwrap_or(self.model.name());
        let mut out = Recommendation {
            source: source.to_owned(),
            ..self.bare(ranked.item, ranked.score)
        };
        if explain {
            let telling = self.telling_words(words, ranked.item);
            out.reasons = reasons(
                contributions,
                (&self.dataset, self.facts.as_ref()),
                ranked.item,
                &telling,
            );
            out.why = sentence(&out.reasons);
        }
        out
    }

    /// The words of the text that add most to the similarity with `item`.
    fn telling_words(&self, words: &[(String, Vec<f32>)], item: u32) -> Vec<WordShare> {
        let Some(vector) = self.vectors.as_ref().and_then(|index| index.vector(item)) else {
            return Vec::new();
        };
        let mut shares: Vec<WordShare> = words
            .iter()
            .map(|(word, part)| WordShare {
                word: word.clone(),
                amount: Some(part.iter().zip(&vector).map(|(a, b)| a * b).sum()),
            })
            .filter(|share| share.amount > Some(0.0))
            .collect();
        shares.sort_by(|a, b| b.amount.unwrap_or(0.0).total_cmp(&a.amount.unwrap_or(0.0)));
        shares.truncate(TELLING);
        shares
    }

    fn bare(&self, item: u32, score: f32) -> Recommendation {
        Recommendation {
            item: self.dataset.items.ids.name(item).to_owned(),
            title: self.dataset.items.title(item).to_owned(),
            score,
            ..Recommendation::default()
        }
    }

    /// The most popular items that are neither ranked nor (unless asked for) seen.
    fn popular(
        &self,
        query: &Query<'_>,
        ranked: &[Ranked],
        request: &Request,
        missing: usize,
    ) -> Vec<Recommendation> {
        let mut counts = self.counts.clone();
        let seen = query.history.iter().map(|e| e.item);
        let seen = seen.filter(|_| !request.include_seen);
        for item in ranked.iter().map(|r| r.item).chain(seen) {
            counts[item as usize] = f32::NEG_INFINITY;
        }
        top_k(&counts, missing)
            .into_iter()
            .map(|r| Recommendation {
                source: "popularity".to_owned(),
                why: if request.explain {
                    format!("chosen by {} people", r.score)
                } else {
                    String::new()
                },
                ..self.bare(r.item, r.score)
            })
            .collect()
    }
}
