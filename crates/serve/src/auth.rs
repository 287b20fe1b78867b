//! Who may ask: a key of the store, and what it may do.

use crate::problem::Problem;
use crate::routes::pages::is_page;
use crate::service::Service;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// What a key may do. Each may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Ask for recommendations, search, items.
    Read,
    /// Write items and events.
    Write,
    /// List and map items, see what a person did, forget people, read the counters.
    Admin,
}

impl Scope {
    /// The scope of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "read" => Some(Self::Read),
            "write" => Some(Self::Write),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }
}

/// What is stored of a key: its SHA-256. A key has 256 bits of chance, so that nobody can go through
/// all of them, and looking up its hash tells nothing of others by the time it takes.
#[must_use]
pub fn hash_of_key(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// What a request needs.
fn needed(method: &Method, path: &str) -> Option<Scope> {
    let asks = [
        "/v1/recommend",
        "/v1/search",
        "/v1/rerank",
        "/v1/embeddings",
        "/embed",
        "/rerank",
    ];
    match path {
        "/health/live" | "/health/ready" | "/openapi.json" => None,
        path if is_page(path) => None,
        "/metrics" | "/v1/map" => Some(Scope::Admin),
        "/v1/items" if method == Method::GET => Some(Scope::Admin),
        path if is_person(path) => Some(Scope::Admin),
        path if method == Method::GET || asks.contains(&path) => Some(Scope::Read),
        _ => Some(Scope::Write),
    }
}

/// Whether a path is that of all that is known of a person.
fn is_person(path: &str) -> bool {
    let id = path.strip_prefix("/v1/users/");
    id.is_some_and(|id| !id.contains('/'))
}

/// Lets a request through whose key may do what it asks for.
pub(crate) async fn check(
    State(service): State<Service>,
    request: Request,
    next: Next,
) -> Response {
    let needed = needed(request.method(), request.uri().path());
    let Some(needed) = needed.filter(|_| service.config().keys) else {
        return next.run(request).await;
    };
    let key = key_of(request.headers());
    match allowed(&service, key, needed).await {
        Ok(()) => next.run(request).await,
        Err(problem) => {
            let unknown = problem.status == StatusCode::UNAUTHORIZED.as_u16();
            let mut response = problem.into_response();
            if unknown {
                let how = HeaderValue::from_static("Bearer");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, how);
            }
            response
        }
    }
}

/// The key that a request sends.
fn key_of(headers: &HeaderMap) -> Option<String> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| {
        let value = value.to_str().ok()?;
        value.strip_prefix("Bearer ").map(str::trim)
    });
    let key = bearer.or_else(|| headers.get("x-api-key")?.to_str().ok());
    key.map(str::to_owned)
}

async fn allowed(service: &Service, key: Option<String>, needed: Scope) -> Result<(), Problem> {
    let Some(key) = key else {
        let detail = "a key is needed: send 'Authorization: Bearer KEY' or 'X-API-Key: KEY'";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, detail));
    };
    let hash = hash_of_key(&key);
    let found = service.in_store(move |store| store.key(&hash)).await?;
    let Some(found) = found else {
        let detail = "the key is not known; it may have been taken back";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, detail));
    };
    let scopes = found.scopes.iter().filter_map(|name| Scope::named(name));
    if scopes.max().is_some_and(|has| has >= needed) {
        return Ok(());
    }
    let needed = format!("{needed:?}").to_lowercase();
    let detail = format!(
        "the key '{}' may not do this: it needs the scope '{needed}'",
        found.name
    );
    Err(Problem::new(StatusCode::FORBIDDEN, detail))
}
