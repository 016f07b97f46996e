//! Events.

use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::admin::fault::Fault;
use crate::control::{EventId, Filter, Record, Severity, Topic};

/// An event in the shape that the history file and the sinks have, too.
#[derive(Debug)]
pub(in crate::admin) struct EventJson(pub(in crate::admin) Arc<Record>);

/// Some events.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct EventsJson {
    /// The newest last.
    pub(in crate::admin) events: Vec<EventJson>,
    /// The id of the oldest event that is kept: what lies before is gone.
    pub(in crate::admin) oldest: Option<u64>,
}

/// Which events are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct EventsQuery {
    /// Those after this id, the first ones of them; absent: the newest.
    after: Option<u64>,
    /// How many at most: 1 to 1000, default 100. Streams have no limit.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
    /// Only these topics, with commas between them: endpoint, pool, answer, override, drill, config, node.
    topic: Option<String>,
    /// Only what is at least so severe: info, warning, critical.
    severity: Option<String>,
    /// Only what is about this pool: `app.example.com/app`.
    pool: Option<String>,
    /// Only what is about endpoints of this name.
    endpoint: Option<String>,
}

/// How many events an answer has where nobody says otherwise.
const LIMIT: usize = 100;
/// How many it has at most: about a megabyte.
const LIMIT_MAX: usize = 1000;

/// Which events are asked for.
#[derive(Debug)]
pub(in crate::admin) struct Wanted {
    pub(in crate::admin) after: Option<EventId>,
    pub(in crate::admin) limit: usize,
    pub(in crate::admin) filter: Filter,
}

impl EventsQuery {
    pub(in crate::admin) fn lower(self) -> Result<Wanted, Fault> {
        let Self { after, limit, topic, severity, pool, endpoint } = self;
        let limit = limit.unwrap_or(LIMIT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(Fault::QueryWrong(format!("\"limit\" is {limit}, allowed is 1 to {LIMIT_MAX}")));
        }
        let topics = topic.iter().flat_map(|list| list.split(',')).map(str::trim).filter(|word| !word.is_empty());
        let topics = topics.map(|word| one_of("topic", word, &Topic::ALL, Topic::word)).collect::<Result<_, _>>()?;
        let severity = severity.as_deref().filter(|word| !word.is_empty());
        let severity = severity.map(|word| one_of("severity", word, &Severity::ALL, Severity::word)).transpose()?;
        let set = |text: &String| !text.is_empty();
        let filter = Filter { topics, severity, pool: pool.filter(set), endpoint: endpoint.filter(set) };
        Ok(Wanted { after: after.map(EventId), limit, filter })
    }
}

fn one_of<T: Copy>(key: &str, word: &str, all: &[T], of: fn(T) -> &'static str) -> Result<T, Fault> {
    let known = || all.iter().map(|one| of(*one)).collect::<Vec<_>>().join(", ");
    let found = all.iter().find(|one| of(**one) == word).copied();
    found.ok_or_else(|| Fault::QueryWrong(format!("\"{key}\" has no \"{word}\"; it has {}", known())))
}

impl Serialize for EventJson {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl ToSchema for EventJson {}

impl PartialSchema for EventJson {
    fn schema() -> RefOr<Schema> {
        let of = |kind: Type| ObjectBuilder::new().schema_type(kind);
        let text = |about: &str| of(Type::String).description(Some(about));
        let words = |about: &str, words: Vec<&'static str>| text(about).enum_values(Some(words));
        let maybe = |about: &str| {
            let either = SchemaType::Array(vec![Type::String, Type::Null]);
            ObjectBuilder::new().schema_type(either).description(Some(about))
        };
        let id = of(Type::Integer).format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)));
        let id = id.description(Some("Microseconds since 1970, strictly rising, also over restarts."));
        let severities = Severity::ALL.map(Severity::word).to_vec();
        ObjectBuilder::new()
            .description(Some("Something that happened."))
            .property("id", id)
            .property("time", text("RFC 3339."))
            .property("node", text("`node.name`."))
            .property("kind", text("What happened: `endpoint-down`."))
            .property("topic", words("What it is about.", Topic::ALL.map(Topic::word).to_vec()))
            .property("severity", words("How much it matters.", severities))
            .property("state", words("Whether it begins or ends something.", vec!["firing", "resolved", "note"]))
            .property("subject", text("What a firing event and the one that resolves it have in common."))
            .property("zone", maybe("Without the final dot."))
            .property("pool", maybe("Its name in the zone."))
            .property("endpoint", maybe("Its name in the pool."))
            .property("region", maybe("The region."))
            .property("address", maybe("The address."))
            .property("check", maybe("The check."))
            .property("text", text("One sentence for people, as the log has it."))
            .property("data", of(Type::Object).description(Some("More, by kind.")))
            .into()
    }
}
