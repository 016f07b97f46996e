//! Reads the case files, asks a server, and says what is wrong with its replies.

mod case;
mod client;
mod expect;
mod question;
mod reply;
mod text;

use std::path::PathBuf;

pub(crate) use case::{Case, load};
pub(crate) use client::Client;
#[allow(unused_imports, reason = "for those who look at replies themselves")]
pub(crate) use reply::Reply;

/// Where the case files and the zones are.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/answers")
}

/// Asks every case over each of its transports; what is wrong, in the order of the files.
pub(crate) fn run<'c>(
    cases: impl IntoIterator<Item = &'c Case>,
    client: &mut Client,
    lenient: bool,
    mut also: impl FnMut(&[u8]) -> Vec<String>,
) -> Vec<(&'c Case, String)> {
    let mut wrong = Vec::new();
    for case in cases {
        for transport in case.question.transports() {
            let bytes = client.ask(&case.question, transport, case.expect.is_silent());
            let (reply, mut faults) = match bytes.as_deref().map(Reply::decode) {
                None => (None, Vec::new()),
                Some(Ok(reply)) => (Some(reply), also(bytes.as_deref().unwrap_or_default())),
                Some(Err(fault)) => (None, vec![format!("malformed reply: {fault}")]),
            };
            let len = bytes.as_ref().map_or(0, Vec::len);
            if *transport == "UDP" && len > case.question.udp_max {
                faults.push(format!("{len} bytes where {} are allowed", case.question.udp_max));
            }
            if faults.is_empty() {
                faults = case.expect.faults(&case.question, reply.as_ref(), lenient);
            }
            if !faults.is_empty() {
                let got = reply.map_or("nothing".into(), |reply| reply.to_string());
                wrong.push((
                    case,
                    format!(
                        "{}:{}: over {transport}: {}\n  asked    {}\n  expected {}\n  got      {got}\n",
                        case.file,
                        case.line,
                        faults.join("; "),
                        case.question.line,
                        case.expect,
                    ),
                ));
            }
        }
    }
    wrong
}
