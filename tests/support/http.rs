//! A client of the admin API: one request per connection, bytes as they are.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use serde_json::Value;

use super::LONG;
use super::node::Node;

/// A request.
pub struct Call {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What came back.
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Call {
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// With a body of JSON.
    pub fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/json").body(body.to_string())
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn token(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name))
    }

    /// Writes the request, for a connection that closes after it.
    pub fn write(&self, mut stream: impl Write, host: &str) {
        let mut text = format!("{} {} HTTP/1.1\r\nConnection: close\r\n", self.method, self.path);
        if !self.has("Host") {
            text.push_str(&format!("Host: {host}\r\n"));
        }
        if !self.body.is_empty() && !self.has("Content-Length") {
            text.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.body);
        // What is refused early may be cut off.
        let _ = stream.write_all(&bytes);
    }

    /// Asks a node over TCP.
    #[track_caller]
    pub fn ask(&self, node: &Node) -> Reply {
        let stream = TcpStream::connect(&node.admin[0]).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        self.write(&stream, &node.admin[0]);
        Reply::read(stream)
    }

    /// Asks over a unix socket.
    #[track_caller]
    pub fn ask_unix(&self, path: &std::path::Path) -> Reply {
        let stream = UnixStream::connect(path).unwrap();
        self.write(&stream, "pharos");
        Reply::read(stream)
    }
}

impl Reply {
    #[track_caller]
    pub fn read(mut stream: impl Read) -> Self {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<_> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Self { status, headers, body: body.to_owned() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.body))
    }

    /// The body of a success.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {}", self.status, self.body);
        self.json()
    }

    /// Status and code of an error, whose message is not empty.
    #[track_caller]
    pub fn fault(&self) -> (u16, String) {
        let json = self.json();
        assert!(!json["message"].as_str().unwrap().is_empty());
        (self.status, json["code"].as_str().unwrap_or_else(|| panic!("no error: {}", self.body)).to_owned())
    }
}
