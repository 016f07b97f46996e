//! Reads the reply to an HTTP request: the head within bounds, the body as far as it is searched.
//!
//! HTTP/1.0 and 1.1 (RFC 9112). Interim replies (1xx) are passed over. What breaks the rules of the
//! protocol is an [`io::Error`] around [`NotHttp`]; a connection that ends too early is one of the kind
//! `UnexpectedEof`.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::expect::{BODY_SIZE_BYTES_MAX, Body};

/// Why what came is no HTTP reply.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("{0}")]
pub(super) struct NotHttp(pub(super) &'static str);

/// The largest head, interim replies not counted.
const HEAD_SIZE_BYTES_MAX: usize = 64 * 1024;

/// The most headers.
const HEADERS_MAX: usize = 100;

/// A head up to this size is looked at whenever more of it comes, a larger one when its end has come: a
/// server that drips must not make parsing quadratic.
const HEAD_SIZE_BYTES_EAGER: usize = 4 * 1024;

/// The largest line that begins a chunk.
const CHUNK_LINE_SIZE_BYTES_MAX: usize = 1024;

/// What is read at once, or more. The reply to a health check is small; closed with a part of it unread, the
/// connection would be reset, which servers log.
const READ_SIZE_BYTES: usize = 8 * 1024;

/// The head of a reply, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// From 100 to 999.
    pub(super) status: u16,
    framing: Framing,
}

/// Where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// After so many bytes.
    Length(u64),
    /// With the last chunk.
    Chunks,
    /// With the connection.
    Close,
}

/// A reply that is being read.
pub(super) struct Reply<'a, S> {
    stream: &'a mut S,
    /// What was read and not yet used.
    buffer: Vec<u8>,
}

impl<'a, S: AsyncRead + Unpin> Reply<'a, S> {
    /// Of a connection on which a request was sent.
    pub(super) fn new(stream: &'a mut S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// The head of the final reply; `is_head` says that the request's method is HEAD.
    pub(super) async fn head(&mut self, is_head: bool) -> io::Result<Head> {
        let mut new = 0;
        loop {
            while !self.buffer.is_empty() && (self.buffer.len() <= HEAD_SIZE_BYTES_EAGER || self.has_end(new)) {
                let Some((length, head)) = parse(&self.buffer, is_head)? else { break };
                if length > HEAD_SIZE_BYTES_MAX {
                    return Err(not_http("message head is too large"));
                }
                self.buffer.drain(..length);
                new = 0;
                if let Some(head) = head {
                    return Ok(head);
                }
            }
            if self.buffer.len() >= HEAD_SIZE_BYTES_MAX {
                return Err(not_http("message head is too large"));
            }
            new = self.buffer.len();
            self.more().await?;
        }
    }

    /// Whether an empty line lies behind this place, or around it.
    fn has_end(&self, from: usize) -> bool {
        let tail = &self.buffer[from.saturating_sub(2)..];
        tail.windows(2).any(|two| two == b"\n\n") || tail.windows(3).any(|three| three == b"\n\r\n")
    }

    /// The body to its end, or to the most that is searched.
    pub(super) async fn body(mut self, head: Head) -> io::Result<Body> {
        let mut body = Body::default();
        match head.framing {
            Framing::Length(length) => self.take(length, &mut body).await?,
            Framing::Chunks => self.chunks(&mut body).await?,
            Framing::Close => loop {
                let length = self.buffer.len() as u64;
                self.take(length, &mut body).await?;
                if body.is_cut || self.read().await? == 0 {
                    break;
                }
            },
        }
        Ok(body)
    }

    async fn chunks(&mut self, body: &mut Body) -> io::Result<()> {
        loop {
            let length = self.chunk_length().await?;
            if length == 0 {
                return Ok(()); // trailers are of no interest
            }
            self.take(length, body).await?;
            if body.is_cut {
                return Ok(());
            }
            while self.buffer.len() < 2 {
                self.more().await?;
            }
            if !self.buffer.starts_with(b"\r\n") {
                return Err(not_http("invalid end of a chunk"));
            }
            self.buffer.drain(..2);
        }
    }

    async fn chunk_length(&mut self) -> io::Result<u64> {
        loop {
            match httparse::parse_chunk_size(&self.buffer) {
                Ok(httparse::Status::Complete((used, length))) => {
                    self.buffer.drain(..used);
                    return Ok(length);
                }
                Ok(httparse::Status::Partial) if self.buffer.len() < CHUNK_LINE_SIZE_BYTES_MAX => self.more().await?,
                Ok(httparse::Status::Partial) | Err(_) => return Err(not_http("invalid chunk size")),
            }
        }
    }

    /// Moves bytes to the body, until the body is cut.
    async fn take(&mut self, length: u64, body: &mut Body) -> io::Result<()> {
        let mut left = length;
        while left > 0 {
            if self.buffer.is_empty() {
                self.more().await?;
            }
            let some = self.buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let room = BODY_SIZE_BYTES_MAX - body.bytes.len();
            body.bytes.extend_from_slice(&self.buffer[..some.min(room)]);
            self.buffer.drain(..some);
            if some > room {
                body.is_cut = true;
                return Ok(());
            }
            left -= some as u64;
        }
        Ok(())
    }

    /// Reads; the end of the connection comes too early.
    async fn more(&mut self) -> io::Result<()> {
        if self.read().await? == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    async fn read(&mut self) -> io::Result<usize> {
        self.buffer.reserve(READ_SIZE_BYTES);
        self.stream.read_buf(&mut self.buffer).await
    }
}

/// The length of a head that is complete, and the head unless it is that of an interim reply.
fn parse(bytes: &[u8], is_head: bool) -> io::Result<Option<(usize, Option<Head>)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut reply = httparse::Response::new(&mut headers);
    let length = match reply.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(fault) => return Err(of_head(fault)),
    };
    let status = reply.code.unwrap_or_default();
    if status < 100 {
        return Err(of_head(httparse::Error::Status));
    }
    // RFC 9110, 15.2: a client must be able to parse them. 101 is final: nothing comes after it.
    if (100..200).contains(&status) && status != 101 {
        return Ok(Some((length, None)));
    }
    let is_empty = is_head || matches!(status, 101 | 204 | 304);
    let framing = if is_empty { Framing::Length(0) } else { framing(reply.headers, reply.version == Some(0))? };
    Ok(Some((length, Some(Head { status, framing }))))
}

fn of_head(fault: httparse::Error) -> io::Error {
    not_http(match fault {
        httparse::Error::Version => "invalid HTTP version parsed",
        httparse::Error::Status => "invalid HTTP status-code parsed",
        httparse::Error::TooManyHeaders => "message head is too large",
        _ => "invalid HTTP header parsed",
    })
}

/// RFC 9112, 6.3.
fn framing(headers: &[httparse::Header<'_>], is_1_0: bool) -> io::Result<Framing> {
    let of = |name: &'static str| headers.iter().filter(move |h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value);
    if let Some(codings) = of("transfer-encoding").next_back() {
        if is_1_0 {
            return Err(not_http("unexpected transfer-encoding parsed"));
        }
        let last = codings.rsplit(|byte| *byte == b',').next().unwrap_or_default();
        let is_chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
        return Ok(if is_chunked { Framing::Chunks } else { Framing::Close });
    }
    let mut length = None;
    for value in of("content-length").flat_map(|value| value.split(|byte| *byte == b',')) {
        let one = digits(value.trim_ascii()).filter(|one| length.is_none_or(|other| other == *one));
        length = Some(one.ok_or_else(|| not_http("invalid content-length parsed"))?);
    }
    Ok(length.map_or(Framing::Close, Framing::Length))
}

/// A number of digits and nothing else.
fn digits(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn not_http(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, NotHttp(why))
}

#[cfg(test)]
mod tests;
