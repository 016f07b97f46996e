//! `pharos drill --region REGION`.

use std::io::{self, BufRead, IsTerminal, Write};
use std::net::SocketAddr;
use std::time::Duration;

use http::Method;
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep};

use super::report::{report, verdict};
use crate::cli::author::{self, AuthorArg, Signed};
use crate::cli::client::{Client, Fault, NodeArgs, Reply, escaped};
use crate::cli::length::{length, millis};
use crate::cli::paint::Mood;
use crate::cli::shape::{Drill, Millis, Status};
use crate::cli::target::Known;
use crate::cli::view::Screen;
use crate::cli::view::words::{self, list, measured};
use crate::cli::{Exit, complain, print};

/// How often the node is asked how far it is.
const LOOK: Duration = Duration::from_millis(200);
/// How long a node may be away while its drill runs. It restores the region by itself in any case.
const AWAY_MAX: Duration = Duration::from_secs(60);
/// Of a reply while the drill runs: Ctrl-C is not to wait for long.
const REPLY_MAX: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
#[group(id = "begin")]
pub(super) struct Args {
    /// The region whose endpoints fail
    #[arg(long, required = true, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    region: Option<String>,
    /// For how long
    #[arg(long = "for", value_name = "TIME", default_value = "2m", value_parser = length)]
    lasting: Duration,
    /// The target: within this time every answer must have moved, and the TTL of the old one be over
    #[arg(long, value_name = "TIME", value_parser = length)]
    rto: Option<Duration>,
    /// A resolver to ask as well, to see when it tells the changed answer; may be given several times
    #[arg(long = "resolver", value_name = "IP:PORT", value_parser = resolver)]
    resolvers: Vec<SocketAddr>,
    /// Do not ask before it begins
    #[arg(long, short = 'y')]
    yes: bool,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "drill by command", value_parser = author::reason)]
    reason: String,
    #[command(flatten)]
    author: AuthorArg,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Serialize)]
struct Order<'a> {
    region: &'a str,
    for_ms: u64,
    rto_ms: Option<u64>,
    resolvers: &'a [SocketAddr],
    #[serde(flatten)]
    signed: Signed,
}

/// An address, with port 53 where none is said.
fn resolver(text: &str) -> Result<SocketAddr, String> {
    let bare = text.parse().map(|ip| SocketAddr::new(ip, 53));
    text.parse().or(bare).map_err(|_| "write an address, as 192.0.2.1, or with a port, as 192.0.2.1:53".to_owned())
}

pub(super) fn run(args: &Args) -> Result<Exit, Fault> {
    if !args.yes && !io::stdin().is_terminal() {
        return Err(Fault::Usage("a drill asks before it begins, and nobody can answer here; say --yes".into()));
    }
    let client = Client::new(&args.node)?;
    let status: Status = client.get("/v1/status")?.parse()?;
    // None only where a subcommand is given, which is another command.
    let region = Known::of(&status).region(args.region.as_deref().unwrap_or_default())?;
    if !args.yes && !is_meant(&status, &region, args.lasting)? {
        complain("not begun");
        return Ok(Exit::No);
    }
    let order = Order {
        region: &region,
        for_ms: millis(args.lasting),
        rto_ms: args.rto.map(millis),
        resolvers: &args.resolvers,
        signed: args.author.sign(&args.reason),
    };
    client.block(async {
        // Listened for before the drill begins, so that none is missed.
        let mut stop = Stop::listen().map_err(Fault::Runtime)?;
        let reply = client.write_soon(Method::POST, "/v1/drills", &order, REPLY_MAX).await?.good()?;
        let drill: Drill = reply.parse()?;
        let mut progress = Progress::new(args.node.json, &drill);
        let (reply, drill) = tokio::select! {
            ended = follow(&client, &drill.id, &mut progress) => ended?,
            () = stop.told() => end(&client, &drill.id, args, &mut stop).await?,
        };
        let printed =
            print(&if args.node.json { reply.raw() } else { format!("\n{}", report(Screen::stdout(), &drill)) });
        Ok(if verdict(&drill).1 == Mood::Good { printed } else { Exit::No })
    })
}

/// Tells what will fail, and asks.
fn is_meant(status: &Status, region: &str, lasting: Duration) -> Result<bool, Fault> {
    let mut touched = Vec::new();
    for (zone, pool) in status.pools() {
        for endpoint in pool.endpoints.iter().filter(|endpoint| endpoint.region.as_deref() == Some(region)) {
            let used = endpoint.addresses.iter().any(|address| address.in_use);
            let used = if used { ", answered now" } else { "" };
            touched.push(format!("{} of {}{used}", endpoint.name, zone.id(pool)));
        }
    }
    let lasting = words::length(lasting);
    let question = format!(
        "The checks of region {region} will fail for {lasting}, on the node {}: {}.\n\
         The application is not touched; Ctrl-C restores the region at once. Begin? [y/N] ",
        status.node,
        list(&touched)
    );
    let failed = |fault| Fault::Usage(format!("cannot ask: {fault}; say --yes"));
    io::stderr().lock().write_all(question.as_bytes()).map_err(failed)?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(failed)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Ctrl-C, the end of the terminal, or the end of the session.
struct Stop {
    signals: [Signal; 3],
}

impl Stop {
    fn listen() -> io::Result<Self> {
        let kinds = [SignalKind::interrupt(), SignalKind::hangup(), SignalKind::terminate()];
        let [a, b, c] = kinds.map(signal);
        Ok(Self { signals: [a?, b?, c?] })
    }

    async fn told(&mut self) {
        let [a, b, c] = &mut self.signals;
        tokio::select! { _ = a.recv() => {} _ = b.recv() => {} _ = c.recv() => {} }
    }
}

/// Ends the drill before its time, and waits until the region is restored.
async fn end(client: &Client, id: &str, args: &Args, stop: &mut Stop) -> Result<(Reply, Drill), Fault> {
    complain("restoring the region; once more to leave without waiting");
    let path = format!("/v1/drills/{}", escaped(id));
    let order = args.author.sign("stopped by hand");
    let work = async {
        client.write_soon(Method::DELETE, &path, &order, REPLY_MAX).await?.good()?;
        follow_to_end(client, id).await
    };
    tokio::select! {
        ended = work => ended,
        () = stop.told() => Err(Fault::Unknown(format!("left; how it ended: pharos drill show {id}"))),
    }
}

/// Asks until the drill is over.
pub(super) async fn follow_to_end(client: &Client, id: &str) -> Result<(Reply, Drill), Fault> {
    follow(client, id, &mut Progress::silent()).await
}

async fn follow(client: &Client, id: &str, progress: &mut Progress) -> Result<(Reply, Drill), Fault> {
    let path = format!("/v1/drills/{}", escaped(id));
    let mut seen = Instant::now();
    loop {
        match client.get_soon(&path).await {
            Ok(reply) => {
                seen = Instant::now();
                let drill: Drill = reply.parse()?;
                progress.tell(&drill);
                if drill.is_over() {
                    return Ok((reply, drill));
                }
            }
            Err(fault) if fault.exit() != Exit::Unreachable => return Err(fault),
            Err(fault) if seen.elapsed() > AWAY_MAX => {
                complain("the node went away; it restores the region by itself, also when it restarts");
                complain(&format!("how the drill ended: pharos drill show {id}"));
                return Err(fault);
            }
            Err(_) => {}
        }
        sleep(LOOK).await;
    }
}

/// What was told already.
struct Progress {
    told: usize,
    is_silent: bool,
}

impl Progress {
    /// Says that it begins; to standard error, as all of progress, so that the report stands alone.
    fn new(json: bool, drill: &Drill) -> Self {
        let progress = Self { told: 0, is_silent: json };
        progress.say(&format!("drill {} runs: the checks of region {} fail", drill.id, drill.region));
        progress
    }

    fn silent() -> Self {
        Self { told: 0, is_silent: true }
    }

    fn say(&self, text: &str) {
        if !self.is_silent {
            crate::cli::complain_raw(&format!("{text}\n"));
        }
    }

    /// Each step once, in the order in which they happen.
    fn tell(&mut self, drill: &Drill) {
        let steps: [(Option<Millis>, &str); 4] = [
            (drill.detect_ms, "detected"),
            (drill.answer_ms, "answer moved"),
            (drill.restored_ms, "restored"),
            (drill.failback_ms, "failed back"),
        ];
        for (place, (time, word)) in steps.iter().enumerate() {
            if let Some(time) = time.filter(|_| self.told & (1 << place) == 0) {
                self.told |= 1 << place;
                let of = if *word == "failed back" { " of that" } else { "" };
                self.say(&format!("{word} within {}{of}", measured(time.0)));
            }
        }
    }
}
