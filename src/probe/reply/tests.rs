//! Replies as servers send them, whole and byte by byte.

use tokio::io::AsyncWriteExt;

use super::*;

/// Status and body of a reply that comes in pieces of at most this size, or what is wrong with it.
async fn read_in(size: usize, reply: &[u8], is_head: bool) -> String {
    let (mut near, mut far) = tokio::io::duplex(size);
    let bytes = reply.to_vec();
    let sending = tokio::spawn(async move { far.write_all(&bytes).await });
    let read = async {
        let mut reply = Reply::new(&mut near);
        let head = reply.head(is_head).await?;
        let body = reply.body(head).await?;
        Ok::<_, io::Error>((head, body))
    };
    let shown = match read.await {
        Ok((head, Body { bytes, is_cut: false })) => format!("{} {}", head.status, String::from_utf8_lossy(&bytes)),
        Ok((head, Body { bytes, is_cut: true })) => format!("{} {} bytes and more", head.status, bytes.len()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => "closed".to_owned(),
        Err(error) => error.to_string(),
    };
    drop(near);
    let _ = sending.await;
    shown
}

async fn said(reply: &str) -> String {
    let whole = read_in(1 << 20, reply.as_bytes(), false).await;
    assert_eq!(read_in(1, reply.as_bytes(), false).await, whole, "{reply}");
    whole
}

#[tokio::test]
async fn bodies_end_where_the_head_says() {
    for (reply, expected) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK and more", "200 OK"),
        ("HTTP/1.1 200 OK\r\ncontent-length:2, 2\r\n\r\nOK", "200 OK"),
        ("HTTP/1.1 200 OK\r\n\r\nto the end", "200 to the end"),
        ("HTTP/1.0 200\r\n\r\nold", "200 old"),
        ("HTTP/1.1 200 OK\n\nbare", "200 bare"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nOK\r\n5;x=y\r\n more\r\n0\r\nT: x\r\n\r\n",
            "200 OK more",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\nContent-Length: 1\r\n\r\n2\r\nOK\r\n0\r\n\r\n",
            "200 OK",
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nraw", "200 raw"),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "204 "),
        ("HTTP/1.1 304 Not Modified\r\n\r\n", "304 "),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nlast",
            "200 last",
        ),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "101 "),
    ] {
        assert_eq!(said(reply).await, expected, "{reply}");
    }
    let of_head = read_in(1, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true).await;
    assert_eq!(of_head, "200 ");
}

#[tokio::test]
async fn what_breaks_the_rules_is_told() {
    for (reply, expected) in [
        ("garbage\r\n\r\n", "invalid HTTP version parsed"),
        ("220 mail.example ESMTP\r\n", "invalid HTTP version parsed"),
        ("HTTP/1.1 2x0 OK\r\n\r\n", "invalid HTTP status-code parsed"),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "invalid HTTP header parsed"),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "invalid content-length parsed"),
        ("HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n.", "invalid content-length parsed"),
        ("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n.", "invalid content-length parsed"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n..", "invalid content-length parsed"),
        ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "unexpected transfer-encoding parsed"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "invalid chunk size"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nOKOK\r\n", "invalid end of a chunk"),
        ("", "closed"),
        ("HTTP/1.1 200", "closed"),
        ("HTTP/1.1 100 Continue\r\n\r\n", "closed"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nOK", "closed"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nOK\r\n", "closed"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nOK", "closed"),
    ] {
        assert_eq!(said(reply).await, expected, "{reply}");
    }
}

#[tokio::test]
async fn everything_has_a_bound() {
    let too_large = "message head is too large";
    let headers = |count: usize| format!("HTTP/1.1 200 OK\r\n{}\r\nbody", "A: b\r\n".repeat(count));
    assert_eq!(said(&headers(HEADERS_MAX)).await, "200 body");
    assert_eq!(said(&headers(HEADERS_MAX + 1)).await, too_large);
    let head = |size: usize| format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\nbody", "x".repeat(size));
    assert_eq!(said(&head(HEAD_SIZE_BYTES_EAGER * 2)).await, "200 body");
    assert_eq!(said(&head(HEAD_SIZE_BYTES_MAX * 2)).await, too_large);
    let line =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;{}", "x".repeat(CHUNK_LINE_SIZE_BYTES_MAX));
    assert_eq!(said(&line).await, "invalid chunk size");
}

#[tokio::test]
async fn bodies_are_cut_however_they_are_framed() {
    let size = BODY_SIZE_BYTES_MAX;
    let framed = |text: &str| {
        let chunks: Vec<String> =
            text.as_bytes().chunks(30_000).map(|c| format!("{:x}\r\n{}\r\n", c.len(), "x".repeat(c.len()))).collect();
        [
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len()),
            format!("HTTP/1.1 200 OK\r\n\r\n{text}"),
            format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n", chunks.concat()),
        ]
    };
    for reply in framed(&"x".repeat(size)) {
        assert_eq!(read_in(5000, reply.as_bytes(), false).await.len(), "200 ".len() + size);
    }
    for reply in framed(&"x".repeat(size + 1)) {
        assert_eq!(read_in(5000, reply.as_bytes(), false).await, format!("200 {size} bytes and more"));
    }
}
