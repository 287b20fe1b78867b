//! Requests answered: ranked by the model, chosen among, filled up, explained.

use crate::engine::Engine;
use crate::reason::{leading_source, reasons, sentence};
use crate::rerank::Rerank;
use crate::{EngineError, Recommendation, Reply, Request, WordShare};
use semrec_data::{Event, Ranked, top_k};
use semrec_models::{Asked, Candidates, Cause, Contribution, Query, rank, rank_each};
use std::collections::BTreeSet;

/// Fewest items looked at for what goes with one, or is chosen among.
const NEAR: usize = 100;
/// Words that are told.
const TELLING: usize = 3;

/// A request, looked into.
struct Question<'a> {
    request: &'a Request,
    history: Vec<Event>,
    /// What the person wrote, and its vector.
    text: Option<(String, Vec<f32>)>,
    /// Whether what was written is a wish and not a trace of habits.
    wish: bool,
    /// `[n_items]`, unless everything may be recommended.
    allowed: Option<Vec<bool>>,
    /// Vectors of what is not wanted.
    unwanted: Vec<Vec<f32>>,
    notes: Vec<String>,
}

impl Question<'_> {
    fn query(&self) -> Query<'_> {
        Query {
            history: &self.history,
            text: self.text.as_ref().map(|(_, vector)| vector.as_slice()),
        }
    }

    fn candidates(&self) -> Candidates<'_> {
        Candidates {
            exclude_seen: !self.request.include_seen,
            allowed: self.allowed.as_deref(),
        }
    }

    fn rerank(&self) -> Rerank<'_> {
        Rerank {
            diversity: self.request.diversity.clamp(0.0, 1.0),
            distinct: self.request.distinct,
            unwanted: &self.unwanted,
            k: self.request.k,
        }
    }

    /// How many are ranked: more than are asked for, where it is chosen among them.
    fn depth(&self) -> usize {
        if self.rerank().is_idle() {
            return self.request.k;
        }
        self.request.k.saturating_mul(5).max(NEAR)
    }

    fn allows(&self, item: u32) -> bool {
        let allowed = self.allowed.as_ref();
        allowed.is_none_or(|allowed| allowed.get(item as usize) == Some(&true))
    }
}

impl Engine {
    /// The best items for a person: of the model, and where it knows too few, the most popular.
    /// A sentence without any history is a wish, not a trace of habits: it gets the items whose
    /// text is nearest, as [`Engine::search`] does.
    ///
    /// # Errors
    /// [`EngineError::Request`] if the user, or every item of the history, is unknown, or the
    /// filter asks for what no item has.
    pub fn recommend(&self, request: &Request) -> Result<Reply, EngineError> {
        let own = match &request.user {
            None => &[],
            Some(user) => {
                let index = self.dataset.users.ids.get(user).ok_or_else(|| {
                    EngineError::Request(format!(
                        "user '{user}' is not among the {} users of this bundle; describe them by --history or --text instead",
                        self.dataset.users.len()
                    ))
                })?;
                self.dataset.interactions.of_user(index)
            }
        };
        self.recommend_each(&[(own, request)]).swap_remove(0)
    }

    /// Answers several requests at once, each of a person whose history is given, oldest first;
    /// what a request itself has of items comes after it. Together they cost less than one by one.
    #[must_use]
    pub fn recommend_each(
        &self,
        requests: &[(&[Event], &Request)],
    ) -> Vec<Result<Reply, EngineError>> {
        let texts: Vec<Option<String>> = requests.iter().map(|(_, r)| self.text_of(r)).collect();
        let said: Vec<&str> = texts.iter().flatten().map(String::as_str).collect();
        let mut vectors = match &self.texts {
            Some(of) if !said.is_empty() => match of.encoding.queries(&said) {
                Ok(vectors) => vectors.into_iter(),
                // Then one by one, so that each has its own error.
                Err(e) if requests.len() == 1 => return vec![Err(e)],
                Err(_) => {
                    let one = |&request: &_| self.recommend_each(&[request]).swap_remove(0);
                    return requests.iter().map(one).collect();
                }
            },
            _ => Vec::new().into_iter(),
        };
        let questions = requests.iter().zip(texts).map(|(&(own, request), text)| {
            let text = text.and_then(|text| Some((text, vectors.next()?)));
            self.question(own, request, text)
        });
        let questions: Vec<Result<Question<'_>, EngineError>> = questions.collect();
        let asked = questions
            .iter()
            .flatten()
            .filter(|q| !q.wish)
            .map(|q| Asked {
                query: q.query(),
                candidates: q.candidates(),
                k: q.depth(),
            });
        let asked: Vec<Asked<'_>> = asked.collect();
        let mut ranked = rank_each(&*self.model, &asked).into_iter();
        let answered = questions.into_iter().map(|question| {
            let question = question?;
            let ranked = match (&question.text, question.wish) {
                (Some((_, vector)), true) => {
                    let seen = |item| question.history.iter().any(|e| e.item == item);
                    let depth = question.depth();
                    self.nearest(vector, depth, |item| {
                        question.allows(item) && (question.request.include_seen || !seen(item))
                    })?
                }
                _ => ranked.next().unwrap_or_default(),
            };
            self.answer(question, &ranked)
        });
        answered.collect()
    }

    /// What the person wrote, or the user's own text.
    fn text_of(&self, request: &Request) -> Option<String> {
        self.texts.as_ref()?;
        let own = || {
            let user = self.dataset.users.ids.get(request.user.as_deref()?)?;
            Some(self.dataset.users.text(user))
        };
        let text = request.text.clone().or_else(own)?;
        (!text.trim().is_empty()).then_some(text)
    }

    fn question<'a>(
        &self,
        own: &[Event],
        request: &'a Request,
        text: Option<(String, Vec<f32>)>,
    ) -> Result<Question<'a>, EngineError> {
        let mut notes = Vec::new();
        if request.text.is_some() && self.texts.is_none() {
            notes.push(
                "this bundle was trained without texts, so what was written was not read"
                    .to_owned(),
            );
        }
        let history = self.history(own, request, &mut notes)?;
        let unwanted = request.negative.iter();
        let unwanted = unwanted.filter_map(|id| self.vector(self.items.number(id)?));
        Ok(Question {
            wish: text.is_some() && request.text.is_some() && history.is_empty(),
            allowed: self.allowed(request)?,
            unwanted: unwanted.collect(),
            request,
            history,
            text,
            notes,
        })
    }

    /// The events that are given, then the items named; unknown items are noted.
    fn history(
        &self,
        own: &[Event],
        request: &Request,
        notes: &mut Vec<String>,
    ) -> Result<Vec<Event>, EngineError> {
        let mut history = own.to_vec();
        history.retain(|event| (event.item as usize) < self.items.len());
        let newest = history.last().map_or(0, |e| e.time);
        let mut unknown = Vec::new();
        for (id, age) in request.history.iter().zip(1i64..) {
            match self.items.number(id) {
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
                self.items.there()
            );
            if history.is_empty() && request.text.is_none() {
                return Err(EngineError::Request(problem));
            }
            notes.push(problem + " and was left out");
        }
        Ok(history)
    }

    /// `[n_items]`: what is there, has not expired, passes the filter and is wanted; `None` where
    /// that is everything.
    fn allowed(&self, request: &Request) -> Result<Option<Vec<bool>>, EngineError> {
        let unwanted = request.negative.iter();
        let mut out: Vec<u32> = unwanted.filter_map(|id| self.items.number(id)).collect();
        out.extend(self.items.gone());
        if let Some(now) = request.now {
            #[expect(clippy::cast_precision_loss, reason = "seconds")]
            out.extend(self.items.expired(now as f64));
        }
        if out.is_empty() && request.filter.is_empty() && request.only.is_none() {
            return Ok(None);
        }
        let mut allowed = vec![request.only.is_none(); self.items.len()];
        for item in request.only.iter().flatten() {
            if let Some(item) = self.items.number(item) {
                allowed[item as usize] = true;
            }
        }
        for item in out {
            allowed[item as usize] = false;
        }
        request.filter.apply(&self.items, &mut allowed)?;
        Ok(Some(allowed))
    }

    fn vector(&self, item: u32) -> Option<Vec<f32>> {
        self.texts.as_ref()?.index.vector(item)
    }

    /// Chooses of what is ranked, fills up, and explains.
    fn answer(&self, mut question: Question<'_>, ranked: &[Ranked]) -> Result<Reply, EngineError> {
        let request = question.request;
        let rerank = question.rerank();
        let chosen: Vec<Ranked> = if rerank.is_idle() {
            ranked.iter().take(request.k).copied().collect()
        } else {
            let vectors: Vec<_> = ranked.iter().map(|r| self.vector(r.item)).collect();
            rerank.choose(ranked, &vectors)
        };
        let words = match (&question.text, &self.texts) {
            (Some((words, vector)), Some(texts)) if request.explain => {
                texts.encoding.word_parts(words, vector)?
            }
            _ => Vec::new(),
        };
        let told = chosen.iter().map(|&r| {
            let parts = if question.wish {
                vec![Contribution {
                    source: "content".to_owned(),
                    cause: Cause::Text,
                    amount: r.score,
                }]
            } else {
                self.model.explain(&question.query(), r.item)
            };
            self.told(r, &parts, request.explain, &words)
        });
        let mut items: Vec<Recommendation> = told.collect();
        let missing = request
            .k
            .min(self.items.there())
            .saturating_sub(items.len());
        if missing > 0 && !request.distinct {
            let popular = self.popular(&question, &chosen, missing);
            if !popular.is_empty() {
                question.notes.push(format!(
                    "{} knows only {} items for this person; the {} after them are the most popular",
                    self.info.model,
                    items.len(),
                    popular.len()
                ));
            }
            items.extend(popular);
        }
        if items.is_empty() && request.k > 0 {
            let why = match question.allowed {
                Some(_) => "no item that was not seen passes the filter",
                None => "every item was seen",
            };
            let note = format!("nothing is left to recommend: {why}");
            question.notes.push(note);
        }
        Ok(Reply {
            items,
            notes: question.notes,
        })
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
            k,
            explain,
            ..Request::default()
        };
        self.similar_within(item, &request)
    }

    /// The same of items that a request allows: by its filter, and by its time.
    ///
    /// # Errors
    /// As [`Engine::similar`], and if the filter asks for what no item has.
    pub fn similar_within(&self, item: &str, within: &Request) -> Result<Reply, EngineError> {
        let (k, explain) = (within.k, within.explain);
        let request = Request {
            history: vec![item.to_owned()],
            filter: within.filter.clone(),
            now: within.now,
            ..Request::default()
        };
        let question = self.question(&[], &request, None)?;
        let query = question.query();
        let depth = k.saturating_mul(10).max(NEAR);
        let known = rank(&*self.model, &[query], &question.candidates(), depth).swap_remove(0);
        let mut near: BTreeSet<u32> = known.iter().map(|r| r.item).collect();
        let this = question.history.first().map_or(0, |e| e.item);
        if let Some(vector) = self.vector(this) {
            let found = self.nearest(&vector, depth, |i| i != this && question.allows(i))?;
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
        let items = best.into_iter().map(|(score, other, parts)| {
            self.told(Ranked { item: other, score }, &parts, explain, &[])
        });
        Ok(Reply {
            items: items.collect(),
            notes: Vec::new(),
        })
    }

    /// Items whose text is nearest to `text`, by cosine of the encoder's vectors.
    ///
    /// # Errors
    /// [`EngineError::Request`] if the bundle has no texts, or `text` is empty.
    pub fn search(&self, text: &str, k: usize) -> Result<Reply, EngineError> {
        self.search_within(
            text,
            &Request {
                k,
                ..Request::default()
            },
        )
    }

    /// The same of items that pass the filter of a request and have not expired, and as many as it
    /// asks for.
    ///
    /// # Errors
    /// As [`Engine::search`], and if the filter asks for what no item has.
    pub fn search_within(&self, text: &str, request: &Request) -> Result<Reply, EngineError> {
        let texts = self.texts()?;
        if text.trim().is_empty() {
            return Err(EngineError::Request(
                "the words to search for are empty".to_owned(),
            ));
        }
        let vector = texts.encoding.queries(&[text])?.swap_remove(0);
        let allowed = self.allowed(request)?;
        let found = self.nearest(&vector, request.k, |item| {
            let allowed = allowed.as_ref();
            allowed.is_none_or(|allowed| allowed.get(item as usize) == Some(&true))
        })?;
        let words = match request.explain {
            true => texts.encoding.word_parts(text, &vector)?,
            false => Vec::new(),
        };
        let items = found.into_iter().map(|r| {
            let part = Contribution {
                source: "content".to_owned(),
                cause: Cause::Text,
                amount: r.score,
            };
            self.told(r, &[part], request.explain, &words)
        });
        Ok(Reply {
            items: items.collect(),
            notes: Vec::new(),
        })
    }

    /// The items with the nearest text of those that are allowed; none without texts.
    fn nearest(
        &self,
        vector: &[f32],
        k: usize,
        allowed: impl Fn(u32) -> bool + Sync,
    ) -> Result<Vec<Ranked>, EngineError> {
        // The index may know of items that are newer than this engine.
        let n = self.items.len();
        let index = self.texts.as_ref().map(|texts| &texts.index);
        index.map_or(Ok(Vec::new()), |index| {
            index.nearest(vector, k, |item| (item as usize) < n && allowed(item))
        })
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
            let facts = self.facts.as_deref();
            out.reasons = reasons(contributions, (&self.items, facts), ranked.item, &telling);
            out.why = sentence(&out.reasons);
        }
        out
    }

    /// The words of the text that add most to the similarity with `item`.
    fn telling_words(&self, words: &[(String, Vec<f32>)], item: u32) -> Vec<WordShare> {
        let Some(vector) = self.vector(item) else {
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

    /// The most popular items that may be recommended and are not chosen yet.
    fn popular(
        &self,
        question: &Question<'_>,
        chosen: &[Ranked],
        missing: usize,
    ) -> Vec<Recommendation> {
        let request = question.request;
        let mut counts = self.counts.to_vec();
        for (item, count) in (0u32..).zip(&mut counts) {
            if !question.allows(item) {
                *count = f32::NEG_INFINITY;
            }
        }
        let seen = question.history.iter().map(|e| e.item);
        let seen = seen.filter(|_| !request.include_seen);
        for item in chosen.iter().map(|r| r.item).chain(seen) {
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
