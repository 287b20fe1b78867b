//! `POST /v1/recommend`, `GET /v1/users/{id}/recommendations`

use super::RequestId;
use super::reply::Items;
use crate::body::Json;
use crate::problem::Problem;
use crate::service::{Ranking, Service};
use axum::Extension;
use axum::extract::{Path, Query, State};
use semrec_engine::{Filter, Reply, Request};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Most items of an answer.
pub(crate) const MOST: usize = 1000;
/// Most items of a history that a request names.
const NAMED: usize = 1000;
/// Longest sentence, in bytes.
pub(crate) const SENTENCE: usize = 16 * 1024;

/// For whom, and of what. Nothing needs to be given: the most popular items are then recommended.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Recommend {
    /// Somebody with events; an unknown one is nobody in particular.
    user_id: Option<String>,
    /// Item ids, oldest first, after what the user did.
    history: Vec<String>,
    /// What the person looks for, or says of themselves.
    text: Option<String>,
    /// Item ids that they like: as the history.
    positive: Vec<String>,
    /// Item ids that they do not want, nor what reads like them.
    negative: Vec<String>,
    /// How many items, at most 1000.
    k: usize,
    /// What the items must be.
    filter: Option<FilterBody>,
    /// Whether what they touched is left out.
    exclude_seen: bool,
    /// From 0, the best items in their order, to 1, items as unlike each other as can be.
    diversity: f32,
    /// Whether of items that read nearly alike only the best may come.
    distinct: bool,
    /// Whether to say why.
    explain: bool,
}

impl Default for Recommend {
    fn default() -> Self {
        Self {
            user_id: None,
            history: Vec::new(),
            text: None,
            positive: Vec::new(),
            negative: Vec::new(),
            k: 10,
            filter: None,
            exclude_seen: true,
            diversity: 0.0,
            distinct: false,
            explain: false,
        }
    }
}

/// `"genres = Comedy and price < 20 and in_stock"`, or a list of such conditions.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum FilterBody {
    One(String),
    All(Vec<String>),
}

impl FilterBody {
    pub(crate) fn read(&self) -> Result<Filter, Problem> {
        let conditions = match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::All(texts) => texts,
        };
        let said = conditions.iter().filter(|text| !text.trim().is_empty());
        let mut filter = Filter::default();
        for text in said {
            let more = Filter::parse(text).map_err(|e| Problem::bad("filter", e.to_string()))?;
            filter = filter.and(more);
        }
        Ok(filter)
    }
}

pub(crate) fn k_of(k: usize) -> Result<usize, Problem> {
    match k {
        1..=MOST => Ok(k),
        _ => Err(Problem::bad("k", format!("k is {k}; expected 1 to {MOST}"))),
    }
}

pub(crate) fn sentence(text: Option<String>, field: &str) -> Result<Option<String>, Problem> {
    match text {
        Some(text) if text.len() > SENTENCE => {
            let got = text.len();
            let detail = format!("{field} has {got} bytes; expected at most {SENTENCE}");
            Err(Problem::bad(field, detail))
        }
        text => Ok(text.filter(|text| !text.trim().is_empty())),
    }
}

impl Recommend {
    fn request(self, service: &Service) -> Result<Request, Problem> {
        for (field, ids) in [
            ("history", &self.history),
            ("positive", &self.positive),
            ("negative", &self.negative),
        ] {
            if ids.len() > NAMED {
                let detail = format!("{field} has {} items; expected at most {NAMED}", ids.len());
                return Err(Problem::bad(field, detail));
            }
        }
        if !(0.0..=1.0).contains(&self.diversity) {
            let detail = format!("diversity is {}; expected 0 to 1", self.diversity);
            return Err(Problem::bad("diversity", detail));
        }
        let filter = self.filter.as_ref().map(FilterBody::read).transpose()?;
        Ok(Request {
            user: self.user_id,
            history: [self.history, self.positive].concat(),
            negative: self.negative,
            text: sentence(self.text, "text")?.map(|text| service.without_marks(text)),
            k: k_of(self.k)?,
            include_seen: !self.exclude_seen,
            explain: self.explain,
            filter: filter.unwrap_or_default(),
            diversity: self.diversity,
            distinct: self.distinct,
            now: Some(service.now()),
            only: None,
        })
    }
}

/// What is recommended to somebody.
#[utoipa::path(post, path = "/v1/recommend",
    request_body(content = Recommend, example = json!({"text": "waterproof mascara", "k": 3, "explain": true})),
    responses((status = 200, body = Items), (status = 400, body = Problem), (status = 429, body = Problem)))]
pub(crate) async fn post(
    State(service): State<Service>,
    Extension(id): Extension<RequestId>,
    Json(body): Json<Recommend>,
) -> Result<axum::Json<Items>, Problem> {
    let request = body.request(&service)?;
    Ok(axum::Json(Items::new(answer(&service, request).await?, id)))
}

/// Ranks for the user of a request and counts the sources.
pub(crate) async fn answer(service: &Service, mut request: Request) -> Result<Reply, Problem> {
    let asked = request.user.take();
    let chosen = request.only.is_none();
    let person = asked.as_ref().map(|user| service.person(user));
    let person = person.map(std::borrow::Cow::into_owned);
    let mut answer = service
        .recommend(Ranking {
            user: asked.clone(),
            person: person.clone(),
            request,
        })
        .await?;
    let sources = &service.meters().sources;
    for item in &answer.reply.items {
        sources.with_label_values(&[item.source.as_str()]).inc();
    }
    if chosen {
        let served = &answer.served;
        let engine = served.engine();
        let items = answer.reply.items.iter();
        let numbers = items.filter_map(|item| engine.number(&item.item));
        if let Some(person) = person {
            served.given.list(&person, numbers.clone(), service.now());
        }
        served.exposure.shown(numbers);
        if let Some(best) = answer.reply.items.first() {
            served.drift.score(best.score);
        }
    }
    if let Some(user) = asked.filter(|_| !answer.known) {
        let note = format!("nothing is known of user '{user}'");
        answer.reply.notes.insert(0, note);
    }
    Ok(answer.reply)
}

/// How many, and of what.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OfUser {
    /// How many items, at most 1000; 10 if not given.
    k: Option<usize>,
    /// What the items must be, e.g. `price < 20 and in_stock`.
    filter: Option<String>,
    /// Whether what they touched is left out; it is if not given.
    exclude_seen: Option<bool>,
    /// From 0 to 1.
    diversity: Option<f32>,
    /// Whether to say why.
    explain: Option<bool>,
}

/// What is recommended to a user.
#[utoipa::path(get, path = "/v1/users/{id}/recommendations",
    params(("id" = String, Path, description = "The user's id."), OfUser),
    responses((status = 200, body = Items), (status = 400, body = Problem), (status = 429, body = Problem)))]
pub(crate) async fn of_user(
    State(service): State<Service>,
    Extension(id): Extension<RequestId>,
    Path(user): Path<String>,
    query: Result<Query<OfUser>, axum::extract::rejection::QueryRejection>,
) -> Result<axum::Json<Items>, Problem> {
    let Query(query) = query.map_err(|e| bad_query(&e))?;
    let body = Recommend {
        user_id: Some(user),
        k: query.k.unwrap_or(10),
        filter: query.filter.map(FilterBody::One),
        exclude_seen: query.exclude_seen.unwrap_or(true),
        diversity: query.diversity.unwrap_or(0.0),
        explain: query.explain.unwrap_or(false),
        ..Recommend::default()
    };
    let request = body.request(&service)?;
    Ok(axum::Json(Items::new(answer(&service, request).await?, id)))
}

/// What is wrong with what stands behind the question mark.
pub(crate) fn bad_query(e: &axum::extract::rejection::QueryRejection) -> Problem {
    Problem::bad("query", e.body_text())
}
