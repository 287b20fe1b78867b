//! Who may ask: a key of the store, and what it may do.

use crate::gorse;
use crate::net::Peer;
use crate::problem::Problem;
use crate::routes::pages::is_page;
use crate::service::Service;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use semrec_store::StoredKey;
use sha2::{Digest, Sha256};
use std::net::{IpAddr, Ipv4Addr};

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
    if gorse::is_gorse(path) {
        return needed_of_gorse(method, path);
    }
    match path {
        "/health/live" | "/health/ready" | "/openapi.json" => None,
        path if is_page(path) => None,
        "/metrics" | "/v1/map" | "/v1/refit" | "/v1/rollback" => Some(Scope::Admin),
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

/// The same of Gorse's routes. What lists people, or what they did, needs more than what asks for
/// one of them.
fn needed_of_gorse(method: &Method, path: &str) -> Option<Scope> {
    let path = path.strip_prefix("/api/").unwrap_or(path);
    let under =
        |root: &str| path == root || path.strip_prefix(root).is_some_and(|p| p.starts_with('/'));
    if under("health") {
        return None;
    }
    let people = under("user") || under("users") || under("feedback");
    let reads = method == Method::GET;
    Some(match path {
        _ if people && (reads || method == Method::DELETE) => Scope::Admin,
        "items" if reads => Scope::Admin,
        _ if reads || under("session/recommend") => Scope::Read,
        _ => Scope::Write,
    })
}

/// A problem in the shape that those who ask such a path expect.
fn refused(path: &str, problem: Problem) -> Response {
    if gorse::is_gorse(path) {
        return gorse::as_text(problem);
    }
    problem.into_response()
}

/// What the key of a request is called, told with its answer.
#[derive(Clone, Debug)]
pub(crate) struct KeyName(pub(crate) String);

/// Lets a request through whose key may do what it asks for, and whose sender does not ask too
/// often. Requests with a known key count against the key, others against the address.
pub(crate) async fn check(
    State(service): State<Service>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().to_owned();
    let Some(needed) = needed(request.method(), &path) else {
        return next.run(request).await;
    };
    let peer = request.extensions().get::<Peer>();
    let address = peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0);
    let by_address = || {
        let taken = service.rates().of_address(address);
        taken.map_err(Problem::too_fast)
    };
    if !service.config().keys {
        return match by_address() {
            Ok(()) => next.run(request).await,
            Err(problem) => refused(&path, problem),
        };
    }
    match known(&service, key_of(request.headers())).await {
        Ok(key) => {
            let name = KeyName(key.name.clone());
            let rate = service.rates().of_key(&key.name);
            let may = rate.map_err(Problem::too_fast);
            let mut response = match may.and_then(|()| allowed(&key, needed)) {
                Ok(()) => next.run(request).await,
                Err(problem) => refused(&path, problem),
            };
            response.extensions_mut().insert(name);
            response
        }
        Err(problem) => {
            let problem = by_address().err().unwrap_or(problem);
            let unknown = problem.status == StatusCode::UNAUTHORIZED.as_u16();
            let mut response = refused(&path, problem);
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

async fn known(service: &Service, key: Option<String>) -> Result<StoredKey, Problem> {
    let Some(key) = key else {
        let detail = "a key is needed: send 'Authorization: Bearer KEY' or 'X-API-Key: KEY'";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, detail));
    };
    let hash = hash_of_key(&key);
    let keys = service.keys();
    let there = service.meters().store_reached.get() == 1;
    if let Some(known) = keys.and_then(|keys| keys.known(&hash, there)) {
        return Ok(known);
    }
    let found = match service.in_store(move |store| store.key(&hash)).await {
        Ok(found) => found,
        // The store went away just now: a key that was seen a while ago counts still.
        Err(problem) if problem.status == StatusCode::SERVICE_UNAVAILABLE.as_u16() => {
            let seen = keys.and_then(|keys| keys.known(&hash, false));
            return seen.ok_or(problem);
        }
        Err(problem) => return Err(problem),
    };
    if let Some(keys) = keys {
        keys.looked_up(hash, found.as_ref());
    }
    found.ok_or_else(|| {
        let detail = "the key is not known; it may have been taken back";
        Problem::new(StatusCode::UNAUTHORIZED, detail)
    })
}

fn allowed(key: &StoredKey, needed: Scope) -> Result<(), Problem> {
    let scopes = key.scopes.iter().filter_map(|name| Scope::named(name));
    if scopes.max().is_some_and(|has| has >= needed) {
        return Ok(());
    }
    let needed = format!("{needed:?}").to_lowercase();
    let detail = format!(
        "the key '{}' may not do this: it needs the scope '{needed}'",
        key.name
    );
    Err(Problem::new(StatusCode::FORBIDDEN, detail))
}
