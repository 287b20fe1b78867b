//! What the handlers do not say of themselves: the errors that any of them may be answered with, and
//! how a key is sent.

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, PathItem, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{Modify, openapi::SecurityRequirement};

/// The content type of errors.
const KIND: &str = "application/problem+json";
/// Errors that come from around the handlers, or that many have.
const ERRORS: [(&str, &str); 10] = [
    (
        "400",
        "What was sent is not what was expected; `detail` says what was.",
    ),
    ("401", "A key is needed."),
    ("403", "The key may not do this."),
    ("404", "There is no such thing."),
    ("408", "The body was not there in time."),
    ("413", "The body is larger than may be."),
    (
        "429",
        "Too much is waiting, or comes from this key or address; `Retry-After` says when to come again.",
    ),
    ("500", "The fault is the service's."),
    ("503", "Not done in time."),
    ("507", "The disk of the store is full."),
];

/// Adds what all handlers have in common.
pub(super) struct Common;

impl Modify for Common {
    fn modify(&self, document: &mut OpenApi) {
        for item in document.paths.paths.values_mut() {
            for operation in operations(item) {
                complete(operation);
            }
        }
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", bearer);
        let nothing = SecurityRequirement::default();
        let key = SecurityRequirement::new("key", Vec::<String>::new());
        // On its own machine the service may ask for none.
        document.security = Some(vec![key, nothing]);
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let all = [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
    ];
    all.into_iter().flatten()
}

fn complete(operation: &mut Operation) {
    let responses = &mut operation.responses.responses;
    for (status, response) in responses.iter_mut() {
        if let RefOr::T(response) = response
            && status.as_str() >= "400"
            && let Some(content) = response.content.shift_remove("application/json")
        {
            response.content.insert(KIND.to_owned(), content);
        }
    }
    for (status, why) in ERRORS {
        let problem = || RefOr::T(error(why));
        responses.entry(status.to_owned()).or_insert_with(problem);
    }
}

fn error(why: &str) -> Response {
    let schema = Ref::from_schema_name("Problem");
    let content = Content::new(Some(schema));
    let response = ResponseBuilder::new().description(why);
    response.content(KIND, content).build()
}
