//! What an operator means by `us-east`, `app/us-east`, `region:us-east` or `pool:app`.

use std::collections::BTreeSet;

use super::client::Fault;
use super::shape::{Scope, Status};
use crate::config::diag::nearest;

/// So many of what exists are listed where a name fits nothing.
const LISTED_MAX: usize = 20;

/// What exists, by full name.
pub(crate) struct Known {
    pools: Vec<String>,
    endpoints: Vec<String>,
    regions: BTreeSet<String>,
}

impl Known {
    pub(crate) fn of(status: &Status) -> Self {
        let mut known = Self { pools: Vec::new(), endpoints: Vec::new(), regions: BTreeSet::new() };
        for (zone, pool) in status.pools() {
            let id = zone.id(pool);
            for endpoint in &pool.endpoints {
                known.endpoints.push(format!("{id}/{}", endpoint.name));
                known.regions.extend(endpoint.region.as_ref().map(ToString::to_string));
            }
            known.pools.push(id);
        }
        known
    }

    /// The pool that `app.example.com/app`, or shorter and unique `app`, names.
    pub(crate) fn pool(&self, text: &str) -> Result<String, Fault> {
        let text = text.strip_prefix("pool:").unwrap_or(text);
        match &matching(&self.pools, text)[..] {
            [one] => Ok((*one).to_owned()),
            [] => Err(unknown("pool", text, &self.pools)),
            several => Err(ambiguous("pool", text, several, None)),
        }
    }

    /// The region of this name.
    pub(crate) fn region(&self, text: &str) -> Result<String, Fault> {
        let text = text.strip_prefix("region:").unwrap_or(text);
        let found = self.regions.iter().find(|known| known.eq_ignore_ascii_case(text)).cloned();
        found.ok_or_else(|| unknown("region", text, &self.regions.iter().cloned().collect::<Vec<_>>()))
    }

    /// What an override is to be about.
    pub(crate) fn scope(&self, text: &str) -> Result<Scope, Fault> {
        if text.starts_with("pool:") {
            return self.pool(text).map(Scope::Pool);
        }
        if let Some(region) = text.strip_prefix("region:") {
            return self.region(region).map(Scope::Region);
        }
        let found = matching(&self.endpoints, text);
        let is_region = self.regions.contains(text);
        match &found[..] {
            [one] => Ok(Scope::Endpoint((*one).to_owned())),
            [] if is_region => Err(Fault::Unknown(format!("no endpoint \"{text}\"; the region is region:{text}"))),
            [] if !matching(&self.pools, text).is_empty() => {
                Err(Fault::Unknown(format!("no endpoint \"{text}\"; the whole pool is pool:{text}")))
            }
            [] => Err(unknown("endpoint", text, &self.endpoints)),
            several => {
                let all = is_region.then(|| format!("; all that the region has: region:{text}"));
                Err(ambiguous("endpoint", text, several, all))
            }
        }
    }
}

/// Those whose full name is this or ends in it, at a slash. A full name is never ambiguous.
fn matching<'a>(known: &'a [String], text: &str) -> Vec<&'a str> {
    // As people copy it from DNS: with the zone's last dot.
    let text = text.replace("./", "/");
    let is_end = |full: &str| {
        let start = full.len().checked_sub(text.len());
        start.is_some_and(|start| {
            full.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(&text))
                && (start == 0 || full.as_bytes()[start - 1] == b'/')
        })
    };
    match known.iter().find(|full| full.eq_ignore_ascii_case(&text)) {
        Some(full) => vec![full],
        None if text.is_empty() => Vec::new(),
        None => known.iter().map(String::as_str).filter(|full| is_end(full)).collect(),
    }
}

fn unknown(noun: &str, text: &str, known: &[String]) -> Fault {
    let mut message = format!("no {noun} \"{text}\"");
    // Compared with the full names and with each shorter form.
    let slashes = text.matches('/').count();
    let short = |full: &str| {
        let from = full.rmatch_indices('/').nth(slashes).map_or(0, |(at, _)| at + 1);
        full[from..].to_owned()
    };
    let forms: Vec<_> = known.iter().flat_map(|full| [full.clone(), short(full)]).collect();
    if let Some(near) = nearest(text, forms.iter().map(String::as_str)) {
        message.push_str(&format!("; did you mean \"{near}\"?"));
    }
    if known.is_empty() {
        message.push_str(&format!("; this node has no {noun}"));
    } else {
        message.push_str(&format!("\n  there is: {}", listed(known.iter().map(String::as_str), known.len())));
    }
    Fault::Unknown(message)
}

fn ambiguous(noun: &str, text: &str, several: &[&str], more: Option<String>) -> Fault {
    let list = listed(several.iter().copied(), several.len());
    let more = more.unwrap_or_default();
    Fault::Unknown(format!("\"{text}\" is more than one {noun}; say which: {list}{more}"))
}

fn listed<'a>(names: impl Iterator<Item = &'a str>, all: usize) -> String {
    let mut text = names.take(LISTED_MAX).collect::<Vec<_>>().join(", ");
    if all > LISTED_MAX {
        text.push_str(&format!(" and {} more", all - LISTED_MAX));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let list = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        Known {
            pools: list(&["app.example.com/app", "app.example.com/api", "0/25.example/app"]),
            endpoints: list(&[
                "app.example.com/app/us-east",
                "app.example.com/app/eu-west",
                "app.example.com/api/us-east",
                "0/25.example/app/solo",
            ]),
            regions: list(&["us-east", "eu-west", "ap-south"]).into_iter().collect(),
        }
    }

    fn said(result: Result<impl std::fmt::Debug, Fault>) -> String {
        result.expect_err("refused").to_string()
    }

    #[test]
    fn short_forms_stand_where_they_are_unique() {
        let known = known();
        for (text, full) in [
            ("app.example.com/app/us-east", "app.example.com/app/us-east"),
            ("app.example.com./app/us-east", "app.example.com/app/us-east"),
            ("api/us-east", "app.example.com/api/us-east"),
            ("EU-West", "app.example.com/app/eu-west"),
            ("solo", "0/25.example/app/solo"),
        ] {
            assert_eq!(known.scope(text).ok(), Some(Scope::Endpoint(full.into())), "{text}");
        }
        assert_eq!(known.scope("region:ap-south").ok(), Some(Scope::Region("ap-south".into())));
        assert_eq!(known.scope("pool:api").ok(), Some(Scope::Pool("app.example.com/api".into())));
        assert_eq!(known.pool("0/25.example/app").ok().as_deref(), Some("0/25.example/app"));
    }

    #[test]
    fn what_is_not_clear_is_asked_back() {
        let known = known();
        assert_eq!(
            said(known.scope("us-east")),
            "\"us-east\" is more than one endpoint; say which: app.example.com/app/us-east, \
             app.example.com/api/us-east; all that the region has: region:us-east"
        );
        assert!(said(known.pool("app")).starts_with("\"app\" is more than one pool"));
        assert!(said(known.scope("ap-south")).ends_with("the region is region:ap-south"));
        assert!(said(known.scope("api")).ends_with("the whole pool is pool:api"));
        assert!(
            said(known.scope("eu-wset"))
                .starts_with("no endpoint \"eu-wset\"; did you mean \"eu-west\"?\n  there is: ")
        );
        assert!(said(known.scope("region:us-esat")).contains("did you mean \"us-east\"?"));
        assert!(said(known.pool("")).starts_with("no pool \"\""));
        assert!(said(known.scope("st")).starts_with("no endpoint"), "half a label is no name");
    }
}
