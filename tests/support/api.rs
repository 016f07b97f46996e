//! Something that stands where the admin API of a node would, and says what the test wants.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What comes back.
pub enum Reply {
    /// A status and JSON.
    Json(u16, String),
    /// Server-sent events, and the end of the connection.
    Events(String),
    /// Server-sent events, and then nothing until the other side leaves.
    Open(String),
    /// These bytes, whatever they are.
    Raw(String),
}

/// One request that came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `GET /v1/status`
    pub line: String,
    /// In lower case, name and value.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

pub struct Api {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Api {
    /// Answers each request by its method and path, and by how many came before.
    pub fn new(reply: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let api = Self { address: listener.local_addr().unwrap(), asked: Arc::default() };
        let (asked, reply) = (Arc::clone(&api.asked), Arc::new(reply));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (asked, reply) = (Arc::clone(&asked), Arc::clone(&reply));
                std::thread::spawn(move || serve(stream.unwrap(), &asked, &*reply));
            }
        });
        api
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// One connection, one request.
fn serve(mut stream: TcpStream, asked: &Mutex<Vec<Asked>>, reply: &dyn Fn(&str, usize) -> Reply) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let line = line.strip_suffix(" HTTP/1.1\r\n")?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    let mut one = Asked { line, headers, body: String::new() };
    let length = one.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    one.body = String::from_utf8(body).unwrap();
    let before = {
        let mut asked = asked.lock().unwrap();
        asked.push(one.clone());
        asked.len() - 1
    };
    let events = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
    match reply(&one.line, before) {
        Reply::Json(status, body) => {
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
            )
            .ok()?;
        }
        Reply::Events(text) => write!(stream, "{events}{text}").ok()?,
        Reply::Open(text) => {
            write!(stream, "{events}{text}").ok()?;
            let _ = reader.read(&mut [0]);
        }
        Reply::Raw(text) => stream.write_all(text.as_bytes()).ok()?,
    }
    Some(())
}
