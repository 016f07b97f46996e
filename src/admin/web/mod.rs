//! The dashboard: a page, its style and its scripts, kept in the program and served as they are.
//!
//! Nothing here knows a zone or a verdict: what the page shows it asks of the API, with the reader's
//! token. No bundler makes these files, and they name no other host. The policy sent with them forbids
//! what they do not need, so that even a name that holds markup could run nothing.

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::routing::{MethodRouter, get};

/// What the page may do: run its own scripts, wear its own style, ask its own node.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Path, type and text of each file.
const FILES: [(&str, &str, &str); 15] = [
    ("/", HTML, include_str!("index.html")),
    ("/app.css", STYLE, include_str!("app.css")),
    ("/app.js", SCRIPT, include_str!("app.js")),
    ("/api.js", SCRIPT, include_str!("api.js")),
    ("/ask.js", SCRIPT, include_str!("ask.js")),
    ("/dom.js", SCRIPT, include_str!("dom.js")),
    ("/drills.js", SCRIPT, include_str!("drills.js")),
    ("/endpoints.js", SCRIPT, include_str!("endpoints.js")),
    ("/events.js", SCRIPT, include_str!("events.js")),
    ("/model.js", SCRIPT, include_str!("model.js")),
    ("/orders.js", SCRIPT, include_str!("orders.js")),
    ("/pools.js", SCRIPT, include_str!("pools.js")),
    ("/regions.js", SCRIPT, include_str!("regions.js")),
    ("/spark.js", SCRIPT, include_str!("spark.js")),
    ("/words.js", SCRIPT, include_str!("words.js")),
];

/// Whether it is a path of the page.
pub(super) fn has(path: &str) -> bool {
    FILES.iter().any(|(file, ..)| *file == path)
}

/// The routes of the page. No token: the files are the same for everybody.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES.iter().fold(Router::new(), |router, (path, kind, text)| router.route(path, file(kind, text)))
}

fn file<S: Clone + Send + Sync + 'static>(kind: &'static str, text: &'static str) -> MethodRouter<S> {
    let headers: [(HeaderName, HeaderValue); 3] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    get(async move || (headers.clone(), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scripts() -> impl Iterator<Item = (&'static str, &'static str)> {
        FILES.iter().filter(|(_, kind, _)| *kind == SCRIPT).map(|(path, _, text)| (*path, *text))
    }

    #[test]
    fn each_import_is_a_file_that_is_served() {
        let mut imports = 0;
        for (path, text) in scripts() {
            for line in text.lines().filter(|line| line.contains(" from \"")) {
                let file = line.split('"').nth(1).unwrap().strip_prefix("./").unwrap();
                let served = scripts().any(|(path, _)| path.strip_prefix('/') == Some(file));
                assert!(served, "{path} imports {file}, which is not served");
                imports += 1;
            }
        }
        assert!(imports >= FILES.len(), "{imports} imports were found");
    }

    #[test]
    fn the_page_holds_nothing_that_its_policy_forbids() {
        for (path, _, text) in FILES {
            for word in [" style=", " onclick=", "<style", "http://", "https://", "javascript:"] {
                let text = text.replace("http://www.w3.org/2000/svg", "");
                assert!(!text.contains(word), "{path} holds {word:?}");
            }
        }
        for (path, text) in scripts() {
            for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
                assert!(!text.contains(word), "{path} holds {word:?}");
            }
        }
    }
}
