//! `pharos events`.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use clap::ValueEnum;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{interval, sleep};

use super::client::{Client, Fault, Heard, NodeArgs, escaped};
use super::paint::Mood;
use super::shape::{Event, Status};
use super::target::Known;
use super::view::Screen;
use super::{Exit, complain, ended};

/// Between two tries to connect again: at first, and at most.
const AGAIN: Duration = Duration::from_millis(500);
const AGAIN_MAX: Duration = Duration::from_secs(15);
/// How often it is looked whether somebody still reads.
const LOOK: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
For example:
  pharos events --severity warning --limit 20
  pharos events --follow --pool app";

/// Show what happened, the newest last
///
/// With --follow it goes on until Ctrl-C, and connects again by itself, without a gap, when the node restarts or
/// cannot be reached for a while. It ends when the node refuses, as it does where a token is not known any more.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Go on with what happens
    #[arg(long, short = 'f')]
    follow: bool,
    /// So many of the newest, up to 1000; by default 100, and 10 with --follow
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: Option<u16>,
    /// Only what is about this
    #[arg(long)]
    topic: Option<Topic>,
    /// Only what is this serious
    #[arg(long)]
    severity: Option<Severity>,
    /// Only what is about this pool: app.example.com/app, or app where that is unique
    #[arg(long)]
    pool: Option<String>,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Topic {
    /// Up, down, stale checks
    Endpoint,
    /// Nothing healthy, healthy again, holds
    Pool,
    /// Answers that changed
    Answer,
    /// Set, cleared, expired
    Override,
    /// Begun, ended
    Drill,
    /// Reloads
    Config,
    /// The node itself
    Node,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Severity {
    /// Somebody should get up
    Critical,
    /// Should be looked at
    Warning,
    /// Good to know
    Info,
}

/// The events, each as it came.
#[derive(Deserialize)]
struct History<'a> {
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
}

/// Nobody reads what is written, or it cannot be.
enum Closed {
    /// A pipe whose reader went away.
    Quietly,
    /// Anything else.
    With(io::Error),
}

pub(crate) fn run(args: &Args) -> Exit {
    ended(show(args))
}

fn show(args: &Args) -> Result<Exit, Fault> {
    let client = Client::new(&args.node)?;
    let filters = filters(args, &client)?;
    let limit = args.limit.unwrap_or(if args.follow { 10 } else { 100 });
    let reply = client.get(&format!("/v1/events?limit={limit}{filters}"))?;
    let History { events } = reply.parse_borrowed()?;
    let screen = Screen::stdout();
    let mut last = 0;
    for event in events {
        let (id, line) = line(screen, args.node.json, event.get())?;
        last = last.max(id);
        if let Err(closed) = write(&line) {
            return Ok(closed.exit());
        }
    }
    if !args.follow {
        return Ok(Exit::Done);
    }
    let path = format!("/v1/events?after={last}{filters}");
    client.block(async {
        tokio::select! {
            done = follow(&client, &path, last, screen, args.node.json) => done,
            // Also where the signal cannot be listened to: then it ends the program by itself.
            Ok(()) = tokio::signal::ctrl_c() => Ok(Exit::Done),
        }
    })
}

/// The rest of the query: `&topic=pool&pool=app.example.com%2Fapp`
fn filters(args: &Args, client: &Client) -> Result<String, Fault> {
    let word = |value: &dyn Fn() -> Option<clap::builder::PossibleValue>| value().map(|v| v.get_name().to_owned());
    let mut all = String::new();
    if let Some(topic) = args.topic.and_then(|topic| word(&|| topic.to_possible_value())) {
        all.push_str(&format!("&topic={topic}"));
    }
    if let Some(severity) = args.severity.and_then(|severity| word(&|| severity.to_possible_value())) {
        all.push_str(&format!("&severity={severity}"));
    }
    if let Some(pool) = &args.pool {
        let status: Status = client.get("/v1/status")?.parse()?;
        all.push_str(&format!("&pool={}", escaped(&Known::of(&status).pool(pool)?)));
    }
    Ok(all)
}

/// Prints what comes until nobody reads it any more.
async fn follow(client: &Client, path: &str, mut last: u64, screen: Screen, json: bool) -> Result<Exit, Fault> {
    let mut stream = client.stream(path, Some(last)).await?;
    let mut look = interval(LOOK);
    loop {
        let heard = tokio::select! {
            heard = stream.next() => heard,
            _ = look.tick() => {
                if is_closed() {
                    return Ok(Exit::Done);
                }
                continue;
            }
        };
        match heard {
            Some(Heard::Event { id, data }) => {
                let (of_data, line) = line(screen, json, &data)?;
                last = id.unwrap_or(of_data).max(last);
                if let Err(closed) = write(&line) {
                    return Ok(closed.exit());
                }
            }
            Some(Heard::Comment(words)) => {
                if let Some(note) = gap(&words) {
                    complain(&note);
                }
            }
            None => {
                complain("the connection to the node was lost; trying again");
                let mut pause = AGAIN;
                stream = loop {
                    match client.stream(path, Some(last)).await {
                        Ok(stream) => break stream,
                        Err(fault) if fault.exit() != Exit::Unreachable => return Err(fault),
                        Err(_) if is_closed() => return Ok(Exit::Done),
                        Err(_) => sleep(pause).await,
                    }
                    pause = (pause * 2).min(AGAIN_MAX);
                };
                complain("connected again");
            }
        }
    }
}

/// What to say of a comment that tells of a gap: `events before 1795239499123456 are gone`.
fn gap(comment: &str) -> Option<String> {
    let oldest: u64 = comment.strip_prefix("events before ")?.strip_suffix(" are gone")?.parse().ok()?;
    Some(format!("some events may be missing here: the node keeps none before {oldest} any more"))
}

/// An event's id, and what is printed of it.
fn line(screen: Screen, json: bool, data: &str) -> Result<(u64, String), Fault> {
    let event: Event = serde_json::from_str(data).map_err(|fault| Fault::Body(fault.to_string()))?;
    if json {
        // One line each, however the node lays it out.
        let one_line = data.replace(['\n', '\r'], " ");
        return Ok((event.id, format!("{one_line}\n")));
    }
    let mood = match (&*event.severity, &*event.state) {
        (_, "resolved") => Mood::Good,
        ("critical", _) => Mood::Bad,
        ("warning", _) => Mood::Odd,
        _ => Mood::Plain,
    };
    let time = humantime::format_rfc3339_millis(event.time.0).to_string();
    let time = screen.mark(Mood::Faint, &time.replace('T', " "));
    let severity = screen.mark(mood, &format!("{:<8}", event.severity));
    Ok((event.id, format!("{time}  {severity}  {}\n", event.text)))
}

fn write(line: &str) -> Result<(), Closed> {
    let mut out = io::stdout().lock();
    let written = out.write_all(line.as_bytes()).and_then(|()| out.flush());
    written.map_err(|fault| match fault.kind() {
        io::ErrorKind::BrokenPipe => Closed::Quietly,
        _ => Closed::With(fault),
    })
}

/// Whether the reader of the pipe went away, which would else be noticed with the next event alone.
fn is_closed() -> bool {
    let out = io::stdout();
    // Nothing is asked for: only an error is told.
    let mut fds = [PollFd::new(out.as_fd(), PollFlags::empty())];
    let gone = PollFlags::POLLERR | PollFlags::POLLNVAL;
    poll(&mut fds, PollTimeout::ZERO).is_ok_and(|n| n > 0) && fds[0].revents().is_some_and(|seen| seen.intersects(gone))
}

impl Closed {
    fn exit(self) -> Exit {
        match self {
            Self::Quietly => Exit::Done,
            Self::With(fault) => {
                complain(&format!("cannot write to standard output: {fault}"));
                Exit::No
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"id":1795239499123456,"time":"2026-11-21T05:38:19.123Z","node":"ns1","kind":"endpoint-down",
"topic":"endpoint","severity":"warning","state":"firing","subject":"x","text":"endpoint us-east is\u001b[2J down"}"#;

    #[test]
    fn a_gap_is_told() {
        assert!(gap("events before 17 are gone").is_some_and(|note| note.contains("none before 17 ")));
        for comment in ["", "events before \u{1b}[2J are gone", "hello"] {
            assert_eq!(gap(comment), None, "{comment}");
        }
    }

    #[test]
    fn an_event_is_a_line() {
        let (id, text) = line(Screen::plain(), false, EVENT).expect("an event");
        assert_eq!(id, 1_795_239_499_123_456);
        assert_eq!(text, "2026-11-21 05:38:19.123Z  warning   endpoint us-east is\\u{1b}[2J down\n");
        let (_, text) = line(Screen::plain(), true, EVENT).expect("an event");
        assert_eq!(text.lines().count(), 1);
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }
}
