//! The dashboard at `/` and the page of the routes at `/docs`: files that lie in the binary.
//!
//! They hold no data and need no key; what they show they ask for as everybody does. Under their
//! content-security policy a browser runs and loads nothing but these files, whatever an item says.

use crate::problem::Problem;
use crate::service::Service;
use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use semrec_mine::{MAP_CSS, MAP_HTML, MAP_JS};
use std::borrow::Cow;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (header::CACHE_CONTROL, "no-cache"),
];

const HTML: &str = "text/html; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";

macro_rules! file {
    ($name:literal, $kind:expr) => {
        (
            $name,
            $kind,
            include_str!(concat!("../../dashboard/", $name)),
        )
    };
}

/// Name, kind and text of what the pages load.
const FILES: &[(&str, &str, &str)] = &[
    file!("app.css", CSS),
    file!("app.js", JS),
    file!("bundle.js", JS),
    file!("catalogue-map.js", JS),
    file!("docs.js", JS),
    file!("elements.js", JS),
    file!("icon.svg", "image/svg+xml"),
    file!("item.js", JS),
    file!("items.js", JS),
    file!("learning.js", JS),
    file!("live.js", JS),
    file!("person.js", JS),
    file!("play.js", JS),
    file!("search.js", JS),
    file!("service.js", JS),
    file!("theme.js", JS),
    ("map.css", CSS, MAP_CSS),
    ("map.js", JS, MAP_JS),
];

/// The pages, and what they load.
pub(super) fn router() -> Router<Service> {
    Router::new()
        .route("/", get(dashboard))
        .route("/docs", get(docs))
        .route("/dashboard/{file}", get(loaded))
}

/// Whether a path is one of them, for which no key is needed.
pub(crate) fn is_page(path: &str) -> bool {
    matches!(path, "/" | "/docs") || path.starts_with("/dashboard/")
}

fn page(kind: &'static str, text: impl Into<Cow<'static, str>>) -> Response {
    (HEADERS, [(header::CONTENT_TYPE, kind)], text.into()).into_response()
}

async fn loaded(Path(name): Path<String>) -> Result<Response, Problem> {
    let found = FILES.iter().find(|(file, _, _)| *file == name);
    let (_, kind, text) = found.ok_or_else(|| {
        let detail = format!("the dashboard has no file '{name}'");
        Problem::new(StatusCode::NOT_FOUND, detail)
    })?;
    Ok(page(kind, *text))
}

async fn dashboard() -> Response {
    let text = include_str!("../../dashboard/index.html").replace("<!-- the map -->", MAP_HTML);
    page(HTML, text)
}

async fn docs() -> Response {
    page(HTML, include_str!("../../dashboard/docs.html"))
}
