//! `POST /v1/embeddings` in OpenAI's shape, `POST /embed` and `POST /rerank` in those of
//! text-embeddings-inference.

use super::recommend::SENTENCE;
use super::search::embedded;
use crate::body::Json;
use crate::problem::Problem;
use crate::service::Service;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most texts of a request.
const MOST: usize = 1024;

/// One text or several.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Texts {
    One(String),
    Several(Vec<String>),
}

impl Texts {
    fn checked(self, field: &str) -> Result<Vec<String>, Problem> {
        let texts = match self {
            Self::One(text) => vec![text],
            Self::Several(texts) => texts,
        };
        if texts.is_empty() || texts.len() > MOST {
            let detail = format!("{field} has {} texts; expected 1 to {MOST}", texts.len());
            return Err(Problem::bad(field, detail));
        }
        if let Some(long) = texts.iter().position(|text| text.len() > SENTENCE) {
            let got = texts[long].len();
            let detail = format!("{field}[{long}] has {got} bytes; expected at most {SENTENCE}");
            return Err(Problem::bad(field, detail));
        }
        Ok(texts)
    }
}

/// Texts to be embedded.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Embeddings {
    /// One text or several.
    input: Texts,
    /// `float`, the only one.
    encoding_format: Option<String>,
    /// `query` for texts that ask, where the encoder tells them from others.
    input_type: Option<String>,
    /// As the service has one encoder, any name will do.
    #[expect(dead_code, reason = "clients send it")]
    model: Option<String>,
}

/// Vectors of texts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EmbeddingList {
    object: &'static str,
    data: Vec<Embedding>,
    model: String,
    usage: Usage,
}

/// The vector of a text.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Embedding {
    object: &'static str,
    index: usize,
    embedding: Vec<f32>,
}

/// Tokens are not counted apart from the texts: one a word, about.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Usage {
    prompt_tokens: usize,
    total_tokens: usize,
}

/// Vectors of texts, unit length.
#[utoipa::path(post, path = "/v1/embeddings", request_body = Embeddings,
    responses((status = 200, body = EmbeddingList), (status = 400, body = Problem)))]
pub(crate) async fn embeddings(
    State(service): State<Service>,
    Json(body): Json<Embeddings>,
) -> Result<axum::Json<EmbeddingList>, Problem> {
    if let Some(format) = body.encoding_format.filter(|format| format != "float") {
        let detail = format!("encoding_format is '{format}'; expected 'float'");
        return Err(Problem::bad("encoding_format", detail));
    }
    let texts = body.input.checked("input")?;
    let words = texts
        .iter()
        .map(|text| text.split_whitespace().count())
        .sum();
    let as_queries = body.input_type.as_deref() == Some("query");
    let vectors = embedded(&service, texts, as_queries).await?;
    let engine = service.live().engine();
    let encoder = engine.info().encoder.as_ref();
    let data = vectors.into_iter().enumerate();
    Ok(axum::Json(EmbeddingList {
        object: "list",
        data: data
            .map(|(index, embedding)| Embedding {
                object: "embedding",
                index,
                embedding,
            })
            .collect(),
        model: encoder.map_or_else(String::new, |encoder| encoder.name.clone()),
        usage: Usage {
            prompt_tokens: words,
            total_tokens: words,
        },
    }))
}

/// Texts to be embedded.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Embed {
    /// One text or several.
    inputs: Texts,
}

/// Vectors of texts, unit length.
#[utoipa::path(post, path = "/embed", request_body = Embed,
    responses((status = 200, body = Vec<Vec<f32>>), (status = 400, body = Problem)))]
pub(crate) async fn embed(
    State(service): State<Service>,
    Json(body): Json<Embed>,
) -> Result<axum::Json<Vec<Vec<f32>>>, Problem> {
    let texts = body.inputs.checked("inputs")?;
    Ok(axum::Json(embedded(&service, texts, false).await?))
}

/// Texts to be put in order.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct RerankTexts {
    /// What is looked for.
    query: String,
    /// The texts.
    texts: Vec<String>,
    /// Whether the texts are sent back.
    #[serde(default)]
    return_text: bool,
}

/// A text and its score.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Scored {
    index: usize,
    /// Cosine of the vectors.
    score: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// Texts by their cosine to what is looked for, best first.
#[utoipa::path(post, path = "/rerank", request_body = RerankTexts,
    responses((status = 200, body = Vec<Scored>), (status = 400, body = Problem)))]
pub(crate) async fn rerank(
    State(service): State<Service>,
    Json(body): Json<RerankTexts>,
) -> Result<axum::Json<Vec<Scored>>, Problem> {
    let query = Texts::One(body.query).checked("query")?;
    let texts = Texts::Several(body.texts).checked("texts")?;
    let query = embedded(&service, query, true).await?.swap_remove(0);
    let vectors = embedded(&service, texts.clone(), false).await?;
    let scores = vectors
        .iter()
        .map(|v| v.iter().zip(&query).map(|(a, b)| a * b).sum());
    let scored = scores
        .zip(texts)
        .enumerate()
        .map(|(index, (score, text))| Scored {
            index,
            score,
            text: body.return_text.then_some(text),
        });
    let mut scored: Vec<Scored> = scored.collect();
    scored.sort_by(|a, b| b.score.total_cmp(&a.score));
    Ok(axum::Json(scored))
}
