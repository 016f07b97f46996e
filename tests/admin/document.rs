//! The document that describes the API, compared with what the API does.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::folder::{Folder, MASTER};
use crate::support::http::Call;
use crate::support::node::Node;
use crate::{STEERING, force, node, write};

/// Every path with its methods, as API users are promised them.
const PATHS: [(&str, &[&str]); 19] = [
    ("/healthz", &["get"]),
    ("/metrics", &["get"]),
    ("/readyz", &["get"]),
    ("/v1/drills", &["get", "post"]),
    ("/v1/drills/{id}", &["delete", "get"]),
    ("/v1/endpoints", &["get"]),
    ("/v1/events", &["get"]),
    ("/v1/explain", &["get"]),
    ("/v1/failback", &["post"]),
    ("/v1/openapi.json", &["get"]),
    ("/v1/overrides", &["delete", "get", "put"]),
    ("/v1/pools", &["get"]),
    ("/v1/pools/{zone}/{pool}", &["get"]),
    ("/v1/reload", &["post"]),
    ("/v1/sinks", &["get"]),
    ("/v1/sinks/{name}/test", &["post"]),
    ("/v1/status", &["get"]),
    ("/v1/whoami", &["get"]),
    ("/", &[]),
];

/// What README says of the API.
fn readme() -> String {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let (_, rest) = text.split_once("### The admin API\n").unwrap();
    rest.split_once("\n### ").unwrap().0.to_owned()
}

#[test]
fn readme_names_each_route() {
    let text = readme();
    let told: BTreeSet<_> =
        text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(r, _)| r).collect();
    let routes = PATHS
        .iter()
        .flat_map(|(path, methods)| methods.iter().map(move |method| format!("{} {path}", method.to_uppercase())));
    let routes: BTreeSet<_> = routes.filter(|route| !route.ends_with("/v1/openapi.json")).collect();
    assert_eq!(told, routes.iter().map(String::as_str).collect());
}

/// A line of a shell in words; quotes are single ones.
fn words(line: &str) -> Vec<String> {
    let quoted = |(index, part): (usize, &str)| match index % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    };
    line.split('\'').enumerate().flat_map(quoted).collect()
}

#[test]
fn the_examples_of_readme_work() {
    let folder = Folder::default();
    let steering = STEERING.replace("name = \"us\"", "name = \"us-east\"");
    folder.write("zones/app.yourdomain.com.zone", MASTER).write("zones/app.yourdomain.com.toml", &steering);
    let node = Node::start(&folder);
    let text = readme();
    let mut examples = 0;
    for line in text.lines().filter(|line| line.starts_with("curl ")) {
        let (mut method, mut path, mut headers, mut body) =
            ("GET".to_owned(), String::new(), Vec::new(), String::new());
        let mut words = words(line).into_iter().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "-s" | "-sN" => {}
                "-X" => method = words.next().unwrap(),
                "-H" => headers.push(words.next().unwrap()),
                "-d" => body = words.next().unwrap(),
                url => path = url.strip_prefix("localhost:8053").unwrap_or_else(|| panic!("{line}")).to_owned(),
            }
        }
        let stream = headers.iter().any(|header| header.contains("event-stream"));
        let call = headers.iter().filter_map(|header| header.split_once(": "));
        let call = call.fold(Call::new(&method, &path).body(body), |call, (name, value)| call.header(name, value));
        // A stream has no end; events.rs reads some.
        if !stream {
            call.ask(&node).ok();
        }
        examples += 1;
    }
    assert_eq!(examples, 7);
}

fn document(node: &Node) -> Value {
    Call::get("/v1/openapi.json").ask(node).ok()
}

fn methods(item: &Value) -> BTreeSet<String> {
    item.as_object()
        .unwrap()
        .keys()
        .filter(|key| ["get", "put", "post", "delete"].contains(&key.as_str()))
        .cloned()
        .collect()
}

#[test]
fn each_path_is_described_and_each_description_is_served() {
    let (_folder, node) = node();
    let document = document(&node);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    let described: BTreeSet<String> = document["paths"].as_object().unwrap().keys().cloned().collect();
    // The document does not describe itself, nor the page.
    let promised: BTreeSet<String> = PATHS
        .iter()
        .map(|(path, _)| (*path).to_owned())
        .filter(|path| path != "/" && path != "/v1/openapi.json")
        .collect();
    assert_eq!(described, promised);
    for (path, own) in PATHS {
        let real = path
            .replace("{zone}", "app.example.com")
            .replace("{pool}", "app")
            .replace("{id}", "x")
            .replace("{name}", "x");
        if promised.contains(path) {
            let own: BTreeSet<_> = own.iter().map(|method| (*method).to_owned()).collect();
            assert_eq!(methods(&document["paths"][path]), own, "{path}");
        }
        for method in ["get", "put", "post", "delete", "patch"] {
            let reply = Call::new(&method.to_uppercase(), &real).ask(&node);
            let served = reply.status != 405;
            let meant = own.contains(&method) || (path == "/" && method == "get");
            assert_eq!(served, meant, "{method} {path}: {}", reply.status);
        }
    }
}

/// Where a value is not what its schema says.
fn differ(document: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.strip_prefix("#/components/schemas/").unwrap();
        return differ(document, &document["components"]["schemas"][name], value, at, found);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        differ(document, part, value, at, found);
    }
    if let Some(choices) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        let fits = |choice: &&Value| {
            let mut faults = Vec::new();
            differ(document, choice, value, at, &mut faults);
            faults.is_empty()
        };
        if choices.iter().find(fits).is_none() {
            found.push(format!("{at}: {value} is none of {choices:?}"));
        }
        return;
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().map(|one| one.as_str().unwrap()).collect(),
        _ => Vec::new(),
    };
    let is_number = kind == "integer" && types.contains(&"number");
    if !types.is_empty() && !types.contains(&kind) && !is_number {
        found.push(format!("{at}: {value} is no {types:?}"));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        found.push(format!("{at}: {value} is none of {words:?}"));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        differ(document, &schema["items"], item, &format!("{at}[{index}]"), found);
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap();
        if value.is_object() && value.get(name).is_none() {
            found.push(format!("{at}: {name} is missing"));
        }
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(value) = value.get(name) {
            differ(document, inner, value, &format!("{at}.{name}"), found);
        }
    }
}

/// Keys that a schema names, those it takes in included.
fn named(document: &Value, schema: &Value, into: &mut BTreeSet<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.strip_prefix("#/components/schemas/").unwrap();
        named(document, &document["components"]["schemas"][name], into);
    }
    schema["allOf"].as_array().into_iter().flatten().for_each(|part| named(document, part, into));
    into.extend(schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()));
}

#[test]
fn answers_are_what_the_document_says() {
    let (_folder, node) = node();
    let document = document(&node);
    force(&node, &json!({ "endpoint": "app.example.com/app/us" }), "drain");
    let scope = json!({ "scope": { "endpoint": "app.example.com/app/us" } });
    let set = json!({ "scope": { "region": "us-east" }, "force": "down", "for_ms": 60_000 });
    for (method, path, call) in [
        ("get", "/v1/status", Call::get("/v1/status")),
        ("get", "/v1/whoami", Call::get("/v1/whoami")),
        ("get", "/v1/pools", Call::get("/v1/pools")),
        ("get", "/v1/pools/{zone}/{pool}", Call::get("/v1/pools/app.example.com/app")),
        ("get", "/v1/pools/{zone}/{pool}", Call::get("/v1/pools/app.example.com/nope")),
        ("get", "/v1/endpoints", Call::get("/v1/endpoints")),
        ("get", "/v1/events", Call::get("/v1/events")),
        ("get", "/v1/events", Call::get("/v1/events?limit=x")),
        ("get", "/v1/explain", Call::get("/v1/explain?name=app.example.com")),
        ("get", "/v1/explain", Call::get("/v1/explain?name=no.app.example.com&client=192.0.2.1")),
        ("get", "/v1/explain", Call::get("/v1/explain?name=a..b")),
        ("put", "/v1/overrides", write("PUT", "/v1/overrides", &set)),
        ("get", "/v1/overrides", Call::get("/v1/overrides")),
        ("delete", "/v1/overrides", write("DELETE", "/v1/overrides", &scope)),
        ("delete", "/v1/overrides", write("DELETE", "/v1/overrides", &scope)),
        ("post", "/v1/failback", write("POST", "/v1/failback", &json!({ "pool": "app.example.com/app" }))),
        ("post", "/v1/reload", write("POST", "/v1/reload", &json!({ "dry_run": true }))),
        ("post", "/v1/reload", Call::new("POST", "/v1/reload").body("{}")),
        ("get", "/v1/sinks", Call::get("/v1/sinks")),
        ("post", "/v1/sinks/{name}/test", write("POST", "/v1/sinks/nobody/test", &json!({}))),
        ("get", "/v1/drills", Call::get("/v1/drills")),
        ("get", "/v1/drills/{id}", Call::get("/v1/drills/nothing")),
    ] {
        let reply = call.ask(&node);
        let responses = &document["paths"][path][method]["responses"];
        let schema = &responses[reply.status.to_string()]["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{method} {path}: {} is not described: {}", reply.status, reply.body);
        let (value, mut found) = (reply.json(), Vec::new());
        differ(&document, schema, &value, "", &mut found);
        assert!(found.is_empty(), "{method} {path}: {found:#?}");
        let mut names = BTreeSet::new();
        named(&document, schema, &mut names);
        let unnamed: Vec<_> = value
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name)
            .filter(|name| !names.contains(*name))
            .collect();
        assert!(unnamed.is_empty(), "{method} {path}: not described: {unnamed:?}");
    }
}

#[test]
fn what_needs_a_token_says_so() {
    let (_folder, node) = node();
    let document = document(&node);
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    for (path, item) in document["paths"].as_object().unwrap() {
        let open = ["/healthz", "/readyz", "/v1/whoami"].contains(&path.as_str());
        for method in methods(item) {
            let operation = &item[&method];
            assert_eq!(operation["responses"]["401"].is_object(), !open, "{method} {path}");
            assert_eq!(operation["security"].is_array(), !open, "{method} {path}");
            assert!(operation["description"].is_string() || operation["summary"].is_string(), "{method} {path}");
        }
    }
}
