//! The text that Prometheus reads: its exposition format, version 0.0.4.
//!
//! Written here and not by a library: what there is writes OpenMetrics, whose counters `promtool check metrics`
//! does not take for counters. Every Prometheus, agent and collector reads this one.

use std::fmt::{Display, Write};

/// What HTTP calls it.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Names and values of labels.
pub(super) type Labels<'a> = [(&'a str, &'a str)];

/// A text under construction.
#[derive(Debug, Default)]
pub(super) struct Text(String);

/// What kind of figure a family is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// The samples of one name. A family without samples does not appear.
pub(super) struct Family<'a> {
    out: &'a mut String,
    name: &'static str,
    help: &'static str,
    kind: Kind,
    begun: bool,
}

impl Text {
    /// A count that only rises; its name ends in `_total`.
    pub(super) fn counter(&mut self, name: &'static str, help: &'static str) -> Family<'_> {
        self.family(name, help, Kind::Counter)
    }

    /// A figure that goes up and down.
    pub(super) fn gauge(&mut self, name: &'static str, help: &'static str) -> Family<'_> {
        self.family(name, help, Kind::Gauge)
    }

    /// Counts by upper bound.
    pub(super) fn histogram(&mut self, name: &'static str, help: &'static str) -> Family<'_> {
        self.family(name, help, Kind::Histogram)
    }

    fn family(&mut self, name: &'static str, help: &'static str, kind: Kind) -> Family<'_> {
        Family { out: &mut self.0, name, help, kind, begun: false }
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

impl Family<'_> {
    /// Adds a sample.
    pub(super) fn sample(&mut self, labels: &Labels<'_>, value: impl Display) {
        self.line("", labels, None, value);
    }

    /// Adds a histogram: counts of each bucket by itself, by upper bound, the last without one; and the sum of
    /// all that was observed.
    pub(super) fn buckets(&mut self, labels: &Labels<'_>, bounds: &[f64], counts: &[u64], sum: f64) {
        let mut all = 0;
        for (place, count) in counts.iter().enumerate() {
            all += count;
            match bounds.get(place) {
                Some(bound) => self.line("_bucket", labels, Some(("le", &bound.to_string())), all),
                None => self.line("_bucket", labels, Some(("le", "+Inf")), all),
            }
        }
        self.line("_sum", labels, None, sum);
        self.line("_count", labels, None, all);
    }

    fn line(&mut self, suffix: &str, labels: &Labels<'_>, more: Option<(&str, &str)>, value: impl Display) {
        if !self.begun {
            self.begun = true;
            let kind = match self.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram => "histogram",
            };
            write(self.out, format_args!("# HELP {0} {1}\n# TYPE {0} {kind}\n", self.name, self.help));
        }
        write(self.out, format_args!("{}{suffix}", self.name));
        for (place, (name, value)) in labels.iter().copied().chain(more).enumerate() {
            write(self.out, format_args!("{}{name}=\"{}\"", if place == 0 { '{' } else { ',' }, Escaped(value)));
        }
        if !labels.is_empty() || more.is_some() {
            self.out.push('}');
        }
        write(self.out, format_args!(" {value}\n"));
    }
}

fn write(out: &mut String, what: std::fmt::Arguments<'_>) {
    // A string takes everything.
    let _ = out.write_fmt(what);
}

/// The value of a label, as it may stand between quotes.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for part in self.0.split_inclusive(['\\', '"', '\n']) {
            let (plain, special) = match part.chars().next_back() {
                Some('\\') => (&part[..part.len() - 1], r"\\"),
                Some('"') => (&part[..part.len() - 1], "\\\""),
                Some('\n') => (&part[..part.len() - 1], r"\n"),
                _ => (part, ""),
            };
            f.write_str(plain)?;
            f.write_str(special)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_stand_below_their_head() {
        let mut text = Text::default();
        text.counter("a_total", "What a is.").sample(&[], 3);
        let mut b = text.gauge("b", "What b is.");
        b.sample(&[("x", "1"), ("y", "say \"no\"\\\n")], 0.5);
        b.sample(&[("x", "2"), ("y", "")], 1);
        text.gauge("none", "Not there.");
        text.histogram("c_seconds", "What c is.").buckets(&[("x", "1")], &[0.1, 2.5], &[1, 0, 2], 7.25);
        assert_eq!(
            text.finish(),
            "# HELP a_total What a is.\n# TYPE a_total counter\na_total 3\n\
             # HELP b What b is.\n# TYPE b gauge\n\
             b{x=\"1\",y=\"say \\\"no\\\"\\\\\\n\"} 0.5\nb{x=\"2\",y=\"\"} 1\n\
             # HELP c_seconds What c is.\n# TYPE c_seconds histogram\n\
             c_seconds_bucket{x=\"1\",le=\"0.1\"} 1\nc_seconds_bucket{x=\"1\",le=\"2.5\"} 1\n\
             c_seconds_bucket{x=\"1\",le=\"+Inf\"} 3\nc_seconds_sum{x=\"1\"} 7.25\nc_seconds_count{x=\"1\"} 3\n"
        );
    }
}
