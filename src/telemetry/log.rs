//! Log lines on standard error, as text or as JSON; colours only on a terminal.
//!
//! Nobody waits for standard error: a reader that stalls loses lines, and is told how many.

use std::io::{self, IsTerminal, Write as _};
use std::panic;
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use super::queue::Queue;

/// What writing the last lines may take.
const FLUSH_TIME: Duration = Duration::from_secs(1);

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Time, level, text, `key=value`.
    Text,
    /// One object per line: `timestamp`, `level`, `message`, and the keys beside them.
    Json,
}

/// Which lines are written: a level, or directives in the manner of `RUST_LOG`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(String);

/// Not a filter.
#[derive(Debug, thiserror::Error)]
#[error("{0}; try error, warn, info, debug, trace, or a filter like info,pharos::probe=debug")]
pub struct BadFilter(#[from] tracing_subscriber::filter::ParseError);

impl Filter {
    /// Reads a filter. A lone level is meant for pharos; its libraries keep to warnings.
    ///
    /// # Errors
    /// Where a directive is not one.
    ///
    /// ```
    /// # use pharos::telemetry::log::Filter;
    /// assert!(Filter::parse("debug").is_ok());
    /// assert!(Filter::parse("info,pharos::probe=trace").is_ok());
    /// assert!(Filter::parse("pharos=loud").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, BadFilter> {
        let text = text.trim();
        let level = ["off", "error", "warn", "info", "debug", "trace"].iter().find(|l| l.eq_ignore_ascii_case(text));
        let directives = match level {
            Some(&"off") => "off".to_owned(),
            Some(&"error") => "error".to_owned(),
            Some(level) => format!("warn,pharos={level}"),
            None => text.to_owned(),
        };
        EnvFilter::builder().parse(&directives)?;
        Ok(Self(directives))
    }
}

/// The log as long as the process runs. Dropped, it writes what still waits, bounded in time.
#[derive(Debug)]
#[must_use]
pub struct Log(Option<Queue>);

impl Log {
    /// Writes text as it is, after all that was logged, and waits for it, bounded in time.
    pub fn last_words(&self, text: &str) {
        match &self.0 {
            Some(queue) => {
                queue.force(text.as_bytes());
                queue.flush(FLUSH_TIME);
            }
            // Nothing can be done if that fails.
            None => drop(io::stderr().lock().write_all(text.as_bytes())),
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(queue) = &self.0 {
            queue.flush(FLUSH_TIME);
        }
    }
}

/// Begins logging. Panics are logged as errors too. The first call of the process wins.
pub fn start(format: Format, filter: &Filter) -> Log {
    // Without a thread for it, logging waits for the reader after all.
    let queue = Queue::start(io::stderr(), |lines| tracing::warn!(lines, "log lines lost: nobody read them")).ok();
    let writer = match queue.clone() {
        Some(queue) => BoxMakeWriter::new(move || queue.clone()),
        None => BoxMakeWriter::new(io::stderr),
    };
    let started = match format {
        Format::Text => {
            let ansi = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            text(filter, ansi, writer).try_init()
        }
        Format::Json => json(filter, writer).try_init(),
    };
    if started.is_err() {
        return Log(None);
    }
    let copy = queue.clone();
    panic::set_hook(Box::new(move |info| {
        let payload = info.payload();
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current().name().unwrap_or("unnamed").to_owned();
        tracing::error!(place, thread, "panic: {message}");
        // The process may end right after this.
        if let Some(queue) = &copy {
            queue.flush(FLUSH_TIME);
        }
    }));
    Log(queue)
}

fn text<W>(filter: &Filter, ansi: bool, writer: W) -> impl SubscriberInitExt + use<W>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt().with_target(false).with_ansi(ansi);
    builder.with_env_filter(EnvFilter::new(&filter.0)).with_writer(writer).finish()
}

fn json<W>(filter: &Filter, writer: W) -> impl SubscriberInitExt + use<W>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt().json().flatten_event(true).with_current_span(false).with_span_list(false);
    builder.with_env_filter(EnvFilter::new(&filter.0)).with_writer(writer).finish()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(page: &Page) -> String {
        String::from_utf8(page.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn json_lines_are_flat_objects() {
        let page = Page::default();
        let copy = page.clone();
        let filter = Filter::parse("info").unwrap();
        let _guard = json(&filter, move || copy.clone()).set_default();
        tracing::info!(zones = 3, "ready");
        tracing::debug!("not shown");
        let text = written(&page);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&line["message"], &line["zones"], &line["level"]), (&"ready".into(), &3.into(), &"INFO".into()));
    }

    #[test]
    fn text_lines_have_no_colours_off_a_terminal() {
        let page = Page::default();
        let copy = page.clone();
        let _guard = text(&Filter::parse("debug").unwrap(), false, move || copy.clone()).set_default();
        tracing::debug!(zones = 3, "ready");
        assert!(written(&page).ends_with("DEBUG ready zones=3\n"), "{}", written(&page));
    }
}
