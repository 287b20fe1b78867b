//! Pages of other origins, which a browser lets send requests here.
//!
//! On one's own machine no key is needed, so any page that is open in a browser could write items
//! and events: a body of plain text is sent without asking first. A browser says from where it comes
//! in `Origin`; what comes from elsewhere than this service's own pages must have a key.

use crate::problem::Problem;
use crate::service::Service;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Refuses what a page of another origin sends where no key is asked for.
pub(crate) async fn check(
    State(service): State<Service>,
    request: Request,
    next: Next,
) -> Response {
    let authority = request.uri().authority().map(Authority::as_str);
    if service.config().keys || is_own(request.headers(), authority) {
        return next.run(request).await;
    }
    let detail = "pages of other origins may not ask a service without keys; make a key with 'semrec key add', and start the service again";
    Problem::new(StatusCode::FORBIDDEN, detail).into_response()
}

/// Whether a request comes from no page, or from one of the host that it was sent to: the header
/// `Host`, or what stands in the request line in its place.
fn is_own(headers: &HeaderMap, authority: Option<&str>) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let Some(origin) = text(header::ORIGIN) else {
        return true;
    };
    let host = origin.split_once("://").map(|(_, host)| host);
    host.is_some() && host == text(header::HOST).or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderName;

    #[test]
    fn only_pages_of_this_host_are_its_own() {
        let own = |given: &[(HeaderName, &str)]| {
            let given = given.iter().map(|(k, v)| (k.clone(), v.parse().unwrap()));
            is_own(&given.collect(), None)
        };
        let host = (header::HOST, "localhost:8080");
        assert!(own(&[]));
        assert!(own(std::slice::from_ref(&host)));
        for (origin, expected) in [
            ("http://localhost:8080", true),
            ("https://localhost:8080", true),
            ("http://localhost:8081", false),
            ("http://evil.example", false),
            ("null", false),
        ] {
            assert_eq!(
                own(&[host.clone(), (header::ORIGIN, origin)]),
                expected,
                "{origin}"
            );
        }
        assert!(!own(&[(header::ORIGIN, "http://localhost:8080")]));
    }
}
