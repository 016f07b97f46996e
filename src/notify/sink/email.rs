//! Mail: plain text over SMTP submission (RFC 6409). What belongs to one failure is one thread.
//!
//! Each recipient gets the mail by a transaction of its own, since one that is refused ends the transaction for
//! all. Who has it, or will never get it, is left out of further attempts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::StreamExt;
use futures_util::stream;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

use super::failure::chain;
use super::{ATTEMPT_TIME, Failure, Unready, Wallet, clip, facts_of, time_of};
use crate::control::{EventId, Record, Stage};
use crate::model::sink::{Email, MailTls};

/// Of the text in a subject: mail programs show less.
const SUBJECT_LEN_MAX: usize = 150;
/// Of what a server says about one recipient.
const SAID_LEN_MAX: usize = 200;
/// Recipients at once: servers limit the connections of one client.
const RECIPIENTS_AT_ONCE: usize = 4;
/// Mails that some have and others not: the one under way, and those that were given up. Who is forgotten may get
/// a mail twice.
const ROUNDS_MAX: usize = 64;
/// Replies that refuse who sends, not what is sent: the password may be put right (RFC 4954, 6).
const REFUSE_LOGIN: [u16; 4] = [530, 534, 535, 538];

/// What became of the mail to one recipient.
enum Sent {
    Taken,
    /// It never will be, in these words.
    Refused(String),
    /// A later attempt may do.
    Failed {
        said: String,
        /// The server has answered.
        judged: bool,
    },
}

/// A mail server, and who writes to whom.
pub(super) struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
    wallet: Wallet,
    /// How far mails are that not all have got yet.
    rounds: Mutex<BTreeMap<EventId, Round>>,
}

/// How far one mail is: recipients by their place in `to`.
#[derive(Debug, Default, Clone)]
struct Round {
    taken: BTreeSet<usize>,
    /// For good, and in which words.
    refused: BTreeMap<usize, String>,
}

impl Mail {
    pub(super) fn new(email: &Email, wallet: &Wallet) -> Result<Self, Unready> {
        let Email { server, tls, login, from, to, ca } = email;
        let parameters = || {
            let mut builder = TlsParameters::builder(server.host.clone());
            if let Some((_, pem)) = ca {
                builder = builder.certificate_store(CertificateStore::None);
                let certificates = Certificate::from_pem(pem).map_err(|_| Unready::Trust)?;
                builder = builder.add_root_certificate(certificates);
            }
            builder.build().map_err(|error| Unready::Client(error.to_string()))
        };
        let tls = match tls {
            MailTls::StartTls => Tls::Required(parameters()?),
            MailTls::Tls => Tls::Wrapper(parameters()?),
            MailTls::None => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server.host)
            .port(server.port)
            .tls(tls)
            .timeout(Some(ATTEMPT_TIME));
        if let Some((name, password)) = login {
            let password = wallet.secret(password)?.reveal().to_owned();
            builder = builder.credentials(Credentials::new(name.clone(), password));
        }
        let mailbox = |text: &String| text.parse::<Mailbox>().map_err(|error| Unready::Client(error.to_string()));
        let to = to.iter().map(mailbox).collect::<Result<_, _>>()?;
        let (from, wallet, rounds) = (mailbox(from)?, wallet.clone(), Mutex::default());
        Ok(Self { transport: builder.build(), from, to, wallet, rounds })
    }

    /// `open` is what began the state that the event is about.
    pub(super) async fn tell(&self, record: &Record, open: &[Arc<Record>]) -> Result<(), Failure> {
        let text = self.message(record, open)?.formatted();
        let mut round = self.rounds().get(&record.id).cloned().unwrap_or_default();
        let is_left = |at: &usize| !round.taken.contains(at) && !round.refused.contains_key(at);
        let left: Vec<usize> = (0..self.to.len()).filter(is_left).collect();
        let attempts =
            stream::iter(left).map(|at| self.send(record.id, at, &text)).buffer_unordered(RECIPIENTS_AT_ONCE);
        let (mut failed, mut judged) = (BTreeMap::new(), true);
        for (at, sent) in attempts.collect::<Vec<_>>().await {
            match sent {
                Sent::Taken => {
                    round.taken.insert(at);
                }
                Sent::Refused(said) => {
                    round.refused.insert(at, said);
                }
                Sent::Failed { said, judged: is_judged } => {
                    failed.insert(at, said);
                    judged &= is_judged;
                }
            }
        }
        if !failed.is_empty() {
            return Err(Failure::Mail { said: self.list(failed), forever: false, judged });
        }
        self.rounds().remove(&record.id);
        let Round { taken, refused } = round;
        if taken.is_empty() {
            return Err(Failure::Mail { said: self.list(refused), forever: true, judged: true });
        }
        if !refused.is_empty() {
            let who = self.list(refused);
            tracing::warn!(event = record.id.0, kind = record.kind, "some recipients of a mail were refused: {who}");
        }
        Ok(())
    }

    /// Sends the mail to one recipient. Notes at once what will not change: the time of an attempt may be over
    /// before others have it.
    async fn send(&self, event: EventId, at: usize, text: &[u8]) -> (usize, Sent) {
        let sent = match Envelope::new(Some(self.from.email.clone()), vec![self.to[at].email.clone()]) {
            Ok(envelope) => self.transport.send_raw(&envelope, text).await,
            Err(error) => return (at, Sent::Refused(error.to_string())),
        };
        let error = match sent {
            Ok(_) => {
                self.note(event, |round| {
                    round.taken.insert(at);
                });
                return (at, Sent::Taken);
            }
            Err(error) => error,
        };
        let said = clip(&self.wallet.hide(&chain(&error)), SAID_LEN_MAX);
        let code = error.status().map(u16::from);
        if error.is_permanent() && !code.is_some_and(|code| REFUSE_LOGIN.contains(&code)) {
            self.note(event, |round| {
                round.refused.insert(at, said.clone());
            });
            return (at, Sent::Refused(said));
        }
        (at, Sent::Failed { said, judged: code.is_some() })
    }

    fn note(&self, event: EventId, note: impl FnOnce(&mut Round)) {
        let mut rounds = self.rounds();
        note(rounds.entry(event).or_default());
        while rounds.len() > ROUNDS_MAX {
            rounds.pop_first();
        }
    }

    fn rounds(&self) -> MutexGuard<'_, BTreeMap<EventId, Round>> {
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who was told what.
    fn list(&self, said: BTreeMap<usize, String>) -> String {
        let mut by_text: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (at, text) in said {
            by_text.entry(text).or_default().push(self.to[at].email.to_string());
        }
        let lines = by_text.into_iter().map(|(text, who)| format!("{}: {text}", who.join(", ")));
        lines.collect::<Vec<_>>().join("; ")
    }

    fn message(&self, record: &Record, open: &[Arc<Record>]) -> Result<Message, Failure> {
        let unsayable = |error: lettre::error::Error| Failure::Unsayable(error.to_string());
        let word = match record.state {
            Stage::Resolved => "resolved",
            Stage::Firing | Stage::Note => record.severity.word(),
        };
        let text: String = record.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let mut builder = Message::builder()
            .from(self.from.clone())
            .subject(format!("[pharos {}] {word}: {}", record.node, clip(&text, SUBJECT_LEN_MAX)))
            .date(record.time)
            .message_id(Some(self.message_id(record)))
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        if let Some(first) = open.iter().min_by_key(|record| record.id).filter(|first| first.id < record.id) {
            let thread = self.message_id(first);
            builder = builder.in_reply_to(thread.clone()).references(thread);
        }
        // Keeps answering machines quiet (RFC 3834, 5).
        let name = HeaderName::new_from_ascii_str("Auto-Submitted");
        builder = builder.raw_header(HeaderValue::new(name, "auto-generated".to_owned()));
        builder.body(body(record)).map_err(unsayable)
    }

    /// Of the mail about an event: the same at each attempt, so that a second one is known as such.
    fn message_id(&self, record: &Record) -> String {
        let node: String =
            record.node.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).collect();
        format!("<pharos.{}.{node}@{}>", record.id, self.from.email.domain())
    }
}

fn body(record: &Record) -> String {
    let mut body = format!("{}\n\n", record.text);
    let more = [
        ("Severity", record.severity.word().to_owned()),
        ("Kind", record.kind.clone()),
        ("Time", time_of(record)),
        ("Node", record.node.clone()),
        ("Event", record.id.to_string()),
    ];
    for (name, value) in facts_of(record).into_iter().chain(more) {
        body.push_str(&format!("{:<10}{value}\n", format!("{name}:")));
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::Severity;
    use crate::model::sink::MailServer;
    use crate::notify::selection::tests::record;

    fn mail() -> Mail {
        let email = Email {
            server: MailServer { host: "127.0.0.1".to_owned(), port: 25 },
            tls: MailTls::None,
            login: None,
            from: "pharos <pharos@example.com>".to_owned(),
            to: vec!["ops@example.com".to_owned(), "boss@example.com".to_owned()],
            ca: None,
        };
        Mail::new(&email, &Wallet::default()).expect("made")
    }

    fn text(message: &Message) -> String {
        String::from_utf8(message.formatted()).expect("text").replace("\r\n", "\n")
    }

    #[test]
    fn a_mail_says_what_happened_where_and_when() {
        let down = record(7, "endpoint-down", Severity::Warning, Stage::Firing);
        let text = text(&mail().message(&down, &[]).expect("made"));
        let (head, body) = text.split_once("\n\n").expect("a head");
        let head = head.replace("\n ", " ");
        for line in [
            "From: pharos <pharos@example.com>",
            "To: ops@example.com, boss@example.com",
            "Date: Sat, 21 Nov 2026 05:38:19 +0000",
            "Message-ID: <pharos.7.ns1@example.com>",
            "Auto-Submitted: auto-generated",
        ] {
            assert!(head.lines().any(|found| found == line), "{line}\n{head}");
        }
        assert!(head.contains("Subject: [pharos ns1] warning: endpoint us-east (192.0.2.10) of"), "{head}");
        assert!(!head.contains("References"), "{head}");
        assert!(body.starts_with("endpoint us-east (192.0.2.10) of app.example.com/app is down"), "{body}");
        for line in ["Zone:     app.example.com", "Region:   us", "Node:     ns1", "Event:    7"] {
            assert!(body.lines().any(|found| found == line), "{line}\n{body}");
        }
    }

    #[test]
    fn one_failure_is_one_thread() {
        let down = Arc::new(record(7, "endpoint-down", Severity::Warning, Stage::Firing));
        let up = record(9, "endpoint-up", Severity::Info, Stage::Resolved);
        let text = text(&mail().message(&up, &[down]).expect("made"));
        assert!(text.contains("Message-ID: <pharos.9.ns1@example.com>\n"), "{text}");
        assert!(text.contains("References: <pharos.7.ns1@example.com>\n"), "{text}");
        assert!(text.contains("In-Reply-To: <pharos.7.ns1@example.com>\n"), "{text}");
        assert!(text.contains("[pharos ns1] resolved: "), "{text}");
    }

    #[test]
    fn what_stands_in_an_event_makes_no_header() {
        let odd = Record {
            text: "down\r\nBcc: evil@example.com\r\n\r\nhi".to_owned(),
            ..record(7, "endpoint-down", Severity::Warning, Stage::Firing)
        };
        let text = text(&mail().message(&odd, &[]).expect("made"));
        let (head, _) = text.split_once("\n\n").expect("a head");
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
    }
}
