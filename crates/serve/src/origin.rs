//! Pages of other origins, which a browser lets send requests here.
//!
//! On one's own machine no key is needed, so any page that is open in a browser could write items
//! and events: a body of plain text is sent without asking first. A browser says from where it comes
//! in `Origin`; what comes from elsewhere than this service's own pages must have a key. A name that
//! somebody made lead here (DNS rebinding) would count as one's own: so where no key is asked for,
//! the service answers to addresses and to names without a dot, as `localhost`.

use crate::problem::Problem;
use crate::service::Service;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;

/// Refuses what a page of another origin sends where no key is asked for.
pub(crate) async fn check(
    State(service): State<Service>,
    request: Request,
    next: Next,
) -> Response {
    if service.config().keys {
        return next.run(request).await;
    }
    let authority = request.uri().authority().map(Authority::as_str);
    match foreign(request.headers(), authority) {
        None => next.run(request).await,
        Some(what) => {
            let detail = format!(
                "a service without keys does not answer {what}; make a key with 'semrec key add' and start the service again"
            );
            Problem::new(StatusCode::FORBIDDEN, detail).into_response()
        }
    }
}

/// What of a request is not of this machine. Where it was sent to is in the header `Host`, or in the
/// request line in its place.
fn foreign(headers: &HeaderMap, authority: Option<&str>) -> Option<&'static str> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = text(header::HOST).or(authority);
    if host.is_some_and(is_public) {
        return Some("to a name with a dot, which anybody could have made lead here");
    }
    let origin = text(header::ORIGIN)?;
    let from = origin.split_once("://").map(|(_, host)| host);
    (from.is_none() || from != host).then_some("pages of other origins")
}

/// Whether a host, with or without a port, is a name that somebody else may own.
fn is_public(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    let own = name.ends_with(".localhost") || address.parse::<IpAddr>().is_ok();
    name.contains('.') && !own
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderName;

    fn told(given: &[(HeaderName, &str)]) -> Option<&'static str> {
        let given = given.iter().map(|(k, v)| (k.clone(), v.parse().unwrap()));
        foreign(&given.collect(), None)
    }

    #[test]
    fn only_pages_of_this_host_are_its_own() {
        let host = (header::HOST, "localhost:8080");
        assert_eq!(told(&[]), None);
        assert_eq!(told(std::slice::from_ref(&host)), None);
        for (origin, own) in [
            ("http://localhost:8080", true),
            ("https://localhost:8080", true),
            ("http://localhost:8081", false),
            ("http://evil.example", false),
            ("null", false),
        ] {
            let told = told(&[host.clone(), (header::ORIGIN, origin)]);
            assert_eq!(told.is_none(), own, "{origin}");
        }
        assert!(told(&[(header::ORIGIN, "http://localhost:8080")]).is_some());
    }

    #[test]
    fn a_name_that_somebody_else_may_own_is_not_answered_to() {
        for (host, public) in [
            ("localhost", false),
            ("127.0.0.1:8080", false),
            ("[::1]:8080", false),
            ("shop.localhost:8080", false),
            ("semrec:8080", false),
            ("evil.example:8080", true),
            ("evil.example", true),
            ("127.0.0.1.evil.example", true),
        ] {
            assert_eq!(told(&[(header::HOST, host)]).is_some(), public, "{host}");
        }
    }
}
