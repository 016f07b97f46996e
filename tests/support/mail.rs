//! A mail server that keeps what it is given: plain, by STARTTLS, or with TLS from the first byte.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use super::tls::Certificate;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());

/// One mail, and how it came.
#[derive(Debug, Clone, Default)]
pub struct Mail {
    pub secured: bool,
    /// What came after AUTH PLAIN, decoded: name and password between NULs.
    pub login: Option<String>,
    pub from: String,
    pub to: Vec<String>,
    pub text: String,
}

impl Mail {
    /// The value of a header, its lines joined.
    pub fn header(&self, name: &str) -> Option<String> {
        let (head, _) = self.text.split_once("\n\n").unwrap();
        let head = head.replace("\n ", " ");
        let mut found = head.lines().filter_map(|line| line.split_once(": "));
        found.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    }
}

/// How it secures connections.
#[derive(Clone)]
pub enum Security {
    None,
    StartTls(TlsAcceptor),
    Tls(TlsAcceptor),
}

pub struct MailServer {
    pub address: SocketAddr,
    mails: Arc<Mutex<Vec<Mail>>>,
    refuses: Refuses,
}

/// What recipients are refused with, by their addresses.
type Refuses = Arc<Mutex<BTreeMap<String, String>>>;

impl MailServer {
    pub fn plain() -> Self {
        Self::new(Security::None)
    }

    pub fn starttls(certificate: &Certificate) -> Self {
        Self::new(Security::StartTls(certificate.acceptor()))
    }

    pub fn tls(certificate: &Certificate) -> Self {
        Self::new(Security::Tls(certificate.acceptor()))
    }

    fn new(security: Security) -> Self {
        let mails: Arc<Mutex<Vec<Mail>>> = Arc::default();
        let listener = RUNTIME.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let refuses = Refuses::default();
        let (kept, refused) = (Arc::clone(&mails), Arc::clone(&refuses));
        RUNTIME.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (security, kept, refused) = (security.clone(), Arc::clone(&kept), Arc::clone(&refused));
                let kept = (kept, refused);
                tokio::spawn(async move {
                    // A client that does not trust it ends the connection.
                    let _: std::io::Result<()> = async {
                        match security {
                            Security::None => drop(session(stream, false, Greeting::Plain, &kept).await?),
                            Security::Tls(acceptor) => {
                                let stream = acceptor.accept(stream).await?;
                                drop(session(stream, true, Greeting::Plain, &kept).await?);
                            }
                            Security::StartTls(acceptor) => {
                                if let Some(stream) = session(stream, false, Greeting::StartTls, &kept).await? {
                                    let stream = acceptor.accept(stream).await?;
                                    drop(session(stream, true, Greeting::Again, &kept).await?);
                                }
                            }
                        }
                        Ok(())
                    }
                    .await;
                });
            }
        });
        Self { address, mails, refuses }
    }

    /// Answers a recipient so: `"550 no such user"`. None: takes it again.
    pub fn refuse(&self, address: &str, reply: Option<&str>) {
        let mut refuses = self.refuses.lock().unwrap();
        match reply {
            Some(reply) => drop(refuses.insert(address.to_owned(), reply.to_owned())),
            None => drop(refuses.remove(address)),
        }
    }

    pub fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().clone()
    }
}

/// How a session begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Greeting {
    Plain,
    /// It offers STARTTLS and nothing else.
    StartTls,
    /// After STARTTLS.
    Again,
}

/// Talks until the client quits; the stream, where it wants TLS.
async fn session<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    secured: bool,
    greeting: Greeting,
    (kept, refuses): &(Arc<Mutex<Vec<Mail>>>, Refuses),
) -> std::io::Result<Option<S>> {
    let mut stream = BufReader::new(stream);
    let mut mail = Mail { secured, ..Mail::default() };
    // After STARTTLS the client speaks first.
    if greeting != Greeting::Again {
        stream.write_all(b"220 mail.example ESMTP\r\n").await?;
    }
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let (verb, rest) = line.trim_end().split_at(4.min(line.trim_end().len()));
        let reply = match verb.to_ascii_uppercase().as_str() {
            "EHLO" if greeting == Greeting::StartTls => "250-mail.example\r\n250 STARTTLS\r\n".to_owned(),
            "EHLO" => "250-mail.example\r\n250-8BITMIME\r\n250 AUTH PLAIN\r\n".to_owned(),
            "STAR" => {
                stream.write_all(b"220 go on\r\n").await?;
                return Ok(Some(stream.into_inner()));
            }
            "AUTH" => {
                let text = rest.trim_start().trim_start_matches("PLAIN ").trim();
                let bytes = data_encoding::BASE64.decode(text.as_bytes()).unwrap();
                mail.login = Some(String::from_utf8(bytes).unwrap());
                "235 welcome\r\n".to_owned()
            }
            "MAIL" => {
                mail.from = between(rest);
                "250 fine\r\n".to_owned()
            }
            "RCPT" => {
                let to = between(rest);
                let refused = refuses.lock().unwrap().get(&to).map(|reply| format!("{reply}\r\n"));
                match refused {
                    Some(reply) => reply,
                    None => {
                        mail.to.push(to);
                        "250 fine\r\n".to_owned()
                    }
                }
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                mail.text.clear();
                loop {
                    line.clear();
                    stream.read_line(&mut line).await?;
                    if line == ".\r\n" {
                        break;
                    }
                    mail.text += &line.replace("\r\n", "\n");
                }
                kept.lock().unwrap().push(mail.clone());
                "250 taken\r\n".to_owned()
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(None);
            }
            _ => "250 fine\r\n".to_owned(),
        };
        stream.write_all(reply.as_bytes()).await?;
    }
}

/// What stands between angle brackets.
fn between(text: &str) -> String {
    text.split_once('<').and_then(|(_, rest)| rest.split_once('>')).unwrap().0.to_owned()
}
