//! What each kind of check makes of what a target does, over real sockets on loopback.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use pharos::model::CheckName;
use pharos::model::check::{Ask, BodyMatch, Cadence, HttpAsk, JsonValue, Probe, Watch};
use pharos::model::observation::{Failure, Observation};
use pharos::probe::{Kit, Target};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;

const TIMEOUT: Duration = Duration::from_secs(3);

fn watch(target: SocketAddr, timeout: Duration, ask: Ask) -> Arc<Watch> {
    let cadence = Cadence { interval: Duration::from_secs(10), fall: 3, rise: 2, recheck: Duration::from_secs(1) };
    Arc::new(Watch { check: CheckName::new("web"), probe: Probe { target, timeout, ask }, cadence })
}

fn ask() -> HttpAsk {
    HttpAsk {
        tls: None,
        method: "GET".into(),
        path: "/healthz".into(),
        host: "app.example.com".into(),
        headers: Vec::new(),
        expect_status: vec![(200, 299)],
        expect_body: None,
        expect_json: Vec::new(),
    }
}

async fn observe(watch: Arc<Watch>) -> Observation {
    Target::new(watch, &mut Kit::default()).observe().await
}

async fn observe_http(target: SocketAddr, ask: HttpAsk) -> Observation {
    observe(watch(target, TIMEOUT, Ask::Http(Box::new(ask)))).await
}

fn text(observation: &Observation) -> String {
    observation.result.as_ref().map_or_else(ToString::to_string, |()| "ok".into())
}

/// Serves each connection with `talk` until the test ends.
async fn serve<F>(ip: &str, talk: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind((ip.parse::<IpAddr>().unwrap(), 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(talk(stream));
        }
    });
    address
}

/// Reads to the empty line that ends a request.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await.unwrap_or(0) == 0 {
            break;
        }
        read.push(byte[0]);
    }
    String::from_utf8(read).unwrap()
}

/// A server that gives one reply to everybody and then closes.
async fn replying(reply: impl Into<Vec<u8>>) -> SocketAddr {
    let reply = Arc::new(reply.into());
    serve("127.0.0.1", move |mut stream| {
        let reply = reply.clone();
        async move {
            head(&mut stream).await;
            let _ = stream.write_all(&reply).await;
        }
    })
    .await
}

fn with_body(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// A port that nobody listens on. It stays bound, so that nobody else gets it.
fn refused() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[tokio::test]
async fn tcp_passes_when_the_connection_is_accepted() {
    let address = serve("127.0.0.1", |_| async {}).await;
    let seen = observe(watch(address, TIMEOUT, Ask::Tcp)).await;
    assert_eq!(text(&seen), "ok");
    assert!(seen.phases.connect.unwrap() <= seen.phases.total);
    assert_eq!((seen.phases.tls, seen.phases.first_byte, seen.status), (None, None, None));
}

#[tokio::test]
async fn a_closed_port_refuses() {
    let (_held, address) = refused();
    let seen = observe(watch(address, TIMEOUT, Ask::Tcp)).await;
    assert_eq!(seen.result, Err(Failure::Refused));
    assert_eq!(seen.phases.connect, None);
    assert_eq!(text(&observe_http(address, ask()).await), "connection refused");
}

#[tokio::test]
async fn a_full_backlog_times_out_without_a_connection() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // Connections that are never accepted, until the next SYN is dropped.
    let mut held = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await {
        held.push(stream);
        assert!(held.len() < 100, "the backlog has no end");
    }
    for ask in [Ask::Tcp, Ask::Http(Box::new(ask()))] {
        let seen = observe(watch(address, Duration::from_millis(200), ask)).await;
        assert_eq!(text(&seen), "no reply within 200ms");
        assert_eq!(seen.phases.connect, None);
        assert!(seen.phases.total >= Duration::from_millis(200));
    }
}

#[tokio::test]
async fn a_silent_server_times_out_and_sees_the_connection_closed() {
    let (closed, mut was_closed) = mpsc::channel(1);
    let address = serve("127.0.0.1", move |mut stream| {
        let closed = closed.clone();
        async move {
            head(&mut stream).await;
            let end = stream.read(&mut [0]).await;
            closed.send(end.unwrap_or(0)).await.unwrap();
        }
    })
    .await;
    let ask = Ask::Http(Box::new(ask()));
    let seen = observe(watch(address, Duration::from_millis(200), ask)).await;
    assert_eq!(seen.result, Err(Failure::TimedOut(Duration::from_millis(200))));
    assert!(seen.phases.connect.is_some(), "it was connected");
    assert_eq!(seen.phases.first_byte, None);
    let end = tokio::time::timeout(TIMEOUT, was_closed.recv()).await.expect("nothing is left open");
    assert_eq!(end, Some(0));
}

#[tokio::test]
async fn the_time_out_covers_a_body_that_drips() {
    let address = serve("127.0.0.1", |mut stream| async move {
        head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").await.unwrap();
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        loop {
            tick.tick().await;
            if stream.write_all(b".").await.is_err() {
                return;
            }
        }
    })
    .await;
    let expecting = HttpAsk { expect_body: Some(BodyMatch::Substring("OK".into())), ..ask() };
    let seen = observe(watch(address, Duration::from_millis(300), Ask::Http(Box::new(expecting)))).await;
    assert_eq!(text(&seen), "no reply within 300ms");
    assert_eq!(seen.status, Some(200), "what was seen stays seen");
    assert!(seen.phases.first_byte.is_some());
    // Where the body does not matter it is not waited for.
    let seen = observe(watch(address, Duration::from_millis(300), Ask::Http(Box::new(ask())))).await;
    assert_eq!(text(&seen), "ok");
}

#[tokio::test]
async fn the_status_decides() {
    let address = replying("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").await;
    let seen = observe_http(address, ask()).await;
    assert_eq!(text(&seen), "status 503, expected 2xx");
    assert_eq!(seen.status, Some(503));
    let seen = observe_http(address, HttpAsk { expect_status: vec![(200, 200), (500, 599)], ..ask() }).await;
    assert_eq!(text(&seen), "ok");
}

#[tokio::test]
async fn a_redirect_is_a_status() {
    let elsewhere = replying(with_body("")).await;
    let reply = format!("HTTP/1.1 301 Moved\r\nLocation: http://{elsewhere}/\r\nContent-Length: 0\r\n\r\n");
    let address = replying(reply).await;
    assert_eq!(text(&observe_http(address, ask()).await), "status 301, expected 2xx");
    let seen = observe_http(address, HttpAsk { expect_status: vec![(200, 399)], ..ask() }).await;
    assert_eq!((text(&seen).as_str(), seen.status), ("ok", Some(301)));
}

#[tokio::test]
async fn bodies_are_searched_and_bounded() {
    let substring = |t: &str| HttpAsk { expect_body: Some(BodyMatch::Substring(t.into())), ..ask() };
    let address = replying(with_body("all is OK")).await;
    assert_eq!(text(&observe_http(address, substring("OK")).await), "ok");
    assert_eq!(text(&observe_http(address, substring("KO")).await), "body does not contain \"KO\"");
    let regex = HttpAsk { expect_body: Some(BodyMatch::Regex("is (OK|fine)$".into())), ..ask() };
    assert_eq!(text(&observe_http(address, regex).await), "ok");
    let regex = HttpAsk { expect_body: Some(BodyMatch::Regex("^OK".into())), ..ask() };
    assert_eq!(text(&observe_http(address, regex).await), "body does not match /^OK/");

    let inside = format!("{}OK{}", "x".repeat(65_000), "x".repeat(1_000_000));
    assert_eq!(text(&observe_http(replying(with_body(&inside)).await, substring("OK")).await), "ok");
    let beyond = format!("{}OK", "x".repeat(65_536));
    let address = replying(with_body(&beyond)).await;
    assert_eq!(text(&observe_http(address, substring("OK")).await), "body does not contain \"OK\"");
}

#[tokio::test]
async fn an_endless_body_is_read_no_further_than_64_kib() {
    let address = serve("127.0.0.1", |mut stream| async move {
        head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        while stream.write_all(&[b'x'; 8192]).await.is_ok() {}
    })
    .await;
    let ask = HttpAsk { expect_body: Some(BodyMatch::Substring("OK".into())), ..ask() };
    assert_eq!(text(&observe_http(address, ask).await), "body does not contain \"OK\"");
}

#[tokio::test]
async fn json_is_compared_at_its_pointers() {
    let expecting = |pointer: &str, value: JsonValue| HttpAsk { expect_json: vec![(pointer.into(), value)], ..ask() };
    let region = || expecting("/region", JsonValue::String("us-east".into()));
    for (body, said) in [
        (r#"{"region": "us-east"}"#, "ok"),
        (r#"{"region": "eu-west"}"#, "/region is \"eu-west\", expected \"us-east\""),
        (r#"{"zone": "us-east"}"#, "/region is missing, expected \"us-east\""),
        ("us-east", "body is not JSON: expected value at line 1 column 1"),
        ("", "body is not JSON: EOF while parsing a value at line 1 column 0"),
    ] {
        assert_eq!(text(&observe_http(replying(with_body(body)).await, region()).await), said);
    }
    let address = replying(with_body(r#"{"db": {"up": true, "lag": 0}}"#)).await;
    assert_eq!(text(&observe_http(address, expecting("/db/up", JsonValue::Bool(true))).await), "ok");
    assert_eq!(text(&observe_http(address, expecting("/db/lag", JsonValue::Integer(0))).await), "ok");
    let wrong = observe_http(address, expecting("/db/lag", JsonValue::Integer(7))).await;
    assert_eq!(text(&wrong), "/db/lag is 0, expected 7");
}

/// A server that hands what it was asked to the test.
async fn recording(ip: &str) -> (SocketAddr, mpsc::Receiver<String>) {
    let (heads, seen) = mpsc::channel(8);
    let address = serve(ip, move |mut stream| {
        let heads = heads.clone();
        async move {
            heads.send(head(&mut stream).await.to_lowercase()).await.unwrap();
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
        }
    })
    .await;
    (address, seen)
}

#[tokio::test]
async fn the_request_says_what_was_configured() {
    let (address, mut seen) = recording("127.0.0.1").await;
    assert_eq!(text(&observe_http(address, ask()).await), "ok");
    let request = seen.recv().await.unwrap();
    assert!(request.starts_with("get /healthz http/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("\r\nhost: app.example.com:{}\r\n", address.port())), "{request}");
    assert!(request.contains(&format!("\r\nuser-agent: pharos/{}\r\n", env!("CARGO_PKG_VERSION"))), "{request}");
    assert!(request.contains("\r\nconnection: close\r\n"), "{request}");

    let custom = HttpAsk {
        method: "OPTIONS".into(),
        path: "/a?b=c%20d".into(),
        host: "app.example.com:8443".into(),
        headers: vec![
            ("X-Probe".into(), "One".into()),
            ("x-probe".into(), "Two".into()),
            ("User-Agent".into(), "Mine".into()),
        ],
        ..ask()
    };
    assert_eq!(text(&observe_http(address, custom).await), "ok");
    let request = seen.recv().await.unwrap();
    assert!(request.starts_with("options /a?b=c%20d http/1.1\r\n"), "{request}");
    assert!(request.contains("\r\nhost: app.example.com:8443\r\n"), "{request}");
    assert!(request.contains("\r\nx-probe: one\r\nx-probe: two\r\n"), "{request}");
    assert!(request.contains("\r\nuser-agent: mine\r\n") && !request.contains("pharos/"), "{request}");
}

#[tokio::test]
async fn a_host_that_is_an_address_is_not_connected_to() {
    let (address, mut seen) = recording("127.0.0.1").await;
    // The other host would refuse, or hang.
    for (host, shown) in [("127.0.0.2", "127.0.0.2"), ("2001:db8::1", "[2001:db8::1]")] {
        assert_eq!(text(&observe_http(address, HttpAsk { host: host.into(), ..ask() }).await), "ok");
        let request = seen.recv().await.unwrap();
        assert!(request.contains(&format!("\r\nhost: {shown}:{}\r\n", address.port())), "{request}");
    }
}

#[tokio::test]
async fn an_ipv6_target_is_asked() {
    let (address, mut seen) = recording("::1").await;
    assert_eq!(text(&observe_http(address, ask()).await), "ok");
    assert!(seen.recv().await.unwrap().contains("\r\nhost: app.example.com:"));
    assert_eq!(text(&observe_http(address, HttpAsk { host: "192.0.2.1".into(), ..ask() }).await), "ok");
    assert_eq!(text(&observe(watch(address, TIMEOUT, Ask::Tcp)).await), "ok");
}

#[tokio::test]
async fn http_1_0_to_the_end_of_the_connection_is_fine() {
    let address = replying("HTTP/1.0 200 OK\r\nServer: old\r\n\r\nall OK").await;
    let ask = HttpAsk { expect_body: Some(BodyMatch::Substring("OK".into())), ..ask() };
    assert_eq!(text(&observe_http(address, ask).await), "ok");
}

#[tokio::test]
async fn what_is_not_http_is_told() {
    let seen = observe_http(replying("garbage\r\n\r\n").await, ask()).await;
    assert_eq!(text(&seen), "not a valid HTTP reply: invalid HTTP version parsed");
    let banner = serve("127.0.0.1", |mut stream| async move {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").await;
        pending::<()>().await;
    })
    .await;
    let seen = observe_http(banner, ask()).await;
    assert!(text(&seen).starts_with("not a valid HTTP reply: "), "{}", text(&seen));
}

#[tokio::test]
async fn a_connection_that_ends_early_is_told_apart() {
    let closed = "connection closed before the reply was complete";
    let at_once = serve("127.0.0.1", |_| async {}).await;
    let seen = text(&observe_http(at_once, ask()).await);
    assert!(seen == closed || seen == "connection reset", "{seen}");
    assert_eq!(text(&observe_http(replying("").await, ask()).await), closed);
    assert_eq!(text(&observe_http(replying("HTTP/1.1 200").await, ask()).await), closed);
    let short = replying("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nOK").await;
    let expecting = HttpAsk { expect_body: Some(BodyMatch::Substring("OK".into())), ..ask() };
    assert_eq!(text(&observe_http(short, expecting).await), closed);
    let reset = serve("127.0.0.1", |mut stream| async move {
        head(&mut stream).await;
        stream.set_zero_linger().unwrap();
    })
    .await;
    assert_eq!(text(&observe_http(reset, ask()).await), "connection reset");
}

#[tokio::test]
async fn phases_are_measured_and_add_up() {
    let address = serve("127.0.0.1", |mut stream| async move {
        head(&mut stream).await;
        tokio::time::sleep(Duration::from_millis(80)).await;
        let _ = stream.write_all(with_body("OK").as_bytes()).await;
    })
    .await;
    let phases = observe_http(address, ask()).await.phases;
    let (connect, first_byte) = (phases.connect.unwrap(), phases.first_byte.unwrap());
    assert!(first_byte >= Duration::from_millis(70), "{phases:?}");
    assert!(connect + first_byte <= phases.total, "{phases:?}");
    assert!(connect < Duration::from_millis(70), "{phases:?}");
    assert_eq!(phases.tls, None);
}
