//! Mail: plain text over SMTP submission (RFC 6409). What belongs to one failure is one thread.

use std::sync::Arc;

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::{ATTEMPT_TIME, Failure, Unready, Wallet, clip, facts_of, time_of};
use crate::control::{Record, Stage};
use crate::model::sink::{Email, MailTls};

/// Of the text in a subject: mail programs show less.
const SUBJECT_LEN_MAX: usize = 150;
/// Replies that refuse who sends, not what is sent: the password may be put right (RFC 4954, 6).
const REFUSE_LOGIN: [u16; 4] = [530, 534, 535, 538];

/// A mail server, and who writes to whom.
pub(super) struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
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
        Ok(Self { transport: builder.build(), from: mailbox(from)?, to })
    }

    /// `open` is what began the state that the event is about.
    pub(super) async fn tell(&self, record: &Record, open: &[Arc<Record>]) -> Result<(), Failure> {
        let message = self.message(record, open)?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let code = error.status().map(u16::from);
                let forever = error.is_permanent() && !code.is_some_and(|code| REFUSE_LOGIN.contains(&code));
                Err(Failure::Mail { said: chain(&error), forever })
            }
        }
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

/// An error and its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
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
