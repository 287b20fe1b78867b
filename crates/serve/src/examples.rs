//! Requests to begin with: lines for a shell that are answered with items of this bundle.

use semrec_engine::Engine;
use serde_json::{Value, json};

/// Items in an answer.
const K: usize = 3;
/// Words of a title that are looked for.
const WORDS: usize = 5;

/// Three lines with `curl` that work against a service of this engine at `url`: recommendations for
/// somebody who did what a person of the bundle did last, a search (where nothing is read, the
/// recommendations of a person in its place), and what goes with an item. Where `keys` are asked for
/// they take one from `$KEY`.
pub(crate) fn examples(engine: &Engine, url: &str, keys: bool) -> Vec<String> {
    let Some((user, items)) = person(engine) else {
        return Vec::new();
    };
    let url = url.trim_end_matches('/');
    let curl = if keys {
        "curl -s -H \"Authorization: Bearer $KEY\""
    } else {
        "curl -s"
    };
    let post = |path: &str, body: Value| {
        let body = quoted(&body.to_string());
        format!("{curl} {url}{path} -d {body}")
    };
    let get = |path: String| {
        let address = quoted(&format!("{url}{path}?k={K}"));
        format!("{curl} {address}")
    };
    let last = items.last().map_or("", String::as_str);
    let title = engine.title(last).unwrap_or_default();
    let words: Vec<&str> = title.split_whitespace().take(WORDS).collect();
    let words = words.join(" ");
    let second = if engine.info().encoder.is_some() && !words.is_empty() {
        post("/v1/search", json!({"query": words, "k": K}))
    } else {
        get(format!("/v1/users/{}/recommendations", in_path(user)))
    };
    vec![
        post(
            "/v1/recommend",
            json!({"history": items, "k": K, "explain": true}),
        ),
        second,
        get(format!("/v1/items/{}/similar", in_path(last))),
    ]
}

/// A person with a history, and the last three items of it, oldest first.
fn person(engine: &Engine) -> Option<(&str, Vec<String>)> {
    let dataset = engine.dataset();
    let users = (0u32..).take(dataset.users.len());
    let user = users.max_by_key(|&user| {
        let events = dataset.interactions.of_user(user).len();
        (events.min(20), std::cmp::Reverse(user))
    })?;
    let events = dataset.interactions.of_user(user).iter().rev();
    let mut items: Vec<String> = Vec::new();
    for event in events {
        let id = dataset.items.ids.name(event.item);
        if engine.item(id).is_some() && items.iter().all(|other| other != id) {
            items.push(id.to_owned());
        }
    }
    items.truncate(3);
    items.reverse();
    (!items.is_empty()).then(|| (dataset.users.ids.name(user), items))
}

/// A text as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A text as a part of a path of a URL.
fn in_path(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_id_holds_cannot_leave_its_place() {
        assert_eq!(quoted("it's $(x)"), r"'it'\''s $(x)'");
        assert_eq!(in_path("a/b ü?"), "a%2Fb%20%C3%BC%3F");
    }
}
