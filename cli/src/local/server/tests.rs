//! Connections in memory, where time is paused, and on loopback.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::*;

const LIMITS: Limits = Limits {
    connections: 4,
    body_bytes: 250,
    request: Duration::from_secs(15),
    idle: Duration::from_secs(60),
};
const LONGEST: usize = 100;

/// Answers `/slow` when it is let to, everything else with the length of the body, and takes no body
/// of `/nobody`.
#[derive(Clone)]
struct Counting {
    answered: Arc<AtomicUsize>,
    slow: Arc<Semaphore>,
}

impl Counting {
    fn new() -> Self {
        Self {
            answered: Arc::default(),
            slow: Arc::new(Semaphore::new(0)),
        }
    }
}

fn response(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response
}

impl Door for Counting {
    async fn admit(
        &self,
        _: SocketAddr,
        head: &Parts,
        body_bytes: Option<u64>,
    ) -> Result<usize, Response<Full<Bytes>>> {
        if head.uri.path() == "/nobody" {
            return Err(response(StatusCode::NOT_FOUND, String::new()));
        }
        if body_bytes.is_some_and(|bytes| bytes > LONGEST as u64) {
            return Err(response(StatusCode::PAYLOAD_TOO_LARGE, String::new()));
        }
        Ok(LONGEST)
    }

    async fn answer(&self, _: SocketAddr, head: Parts, body: Bytes) -> Response<Full<Bytes>> {
        if head.uri.path() == "/slow" {
            self.slow.acquire().await.unwrap().forget();
        }
        self.answered.fetch_add(1, Ordering::SeqCst);
        response(StatusCode::OK, body.len().to_string())
    }

    async fn refuse(&self, _: &Parts, unread: Unread) -> Response<Full<Bytes>> {
        let status = match unread {
            Unread::Overdue => StatusCode::REQUEST_TIMEOUT,
            Unread::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Unread::Broken => StatusCode::BAD_REQUEST,
        };
        response(status, String::new())
    }
}

/// A connection in memory, and how it is served.
struct Line {
    stream: DuplexStream,
    served: tokio::task::JoinHandle<()>,
    _closing: watch::Sender<()>,
}

async fn line(door: &Counting) -> Line {
    let (stream, theirs) = duplex(1 << 20);
    let slot = Arc::new(Connections::new(LIMITS)).enter().await;
    let (closing, closed) = watch::channel(());
    let peer = SocketAddr::from(([127, 0, 0, 1], 1));
    let served = tokio::spawn(connection(theirs, peer, LIMITS, slot, door.clone(), closed));
    Line {
        stream,
        served,
        _closing: closing,
    }
}

/// Reads one response: its head, and its body by its length.
async fn read_response(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => bytes.push(byte),
            Err(_) => return String::from_utf8(bytes).unwrap(),
        }
    }
    let head = String::from_utf8(bytes).unwrap();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        (name == "content-length").then(|| value.parse::<usize>().unwrap())
    });
    let mut body = vec![0; length.unwrap_or_default()];
    stream.read_exact(&mut body).await.unwrap();
    format!("{head}{}", String::from_utf8(body).unwrap())
}

fn status(response: &str) -> &str {
    response.split(' ').nth(1).unwrap_or("closed")
}

/// Sends a request in pieces with a pause after each, and returns the status, and the seconds until
/// the connection is over.
async fn pieces(pieces: &[(&str, u64)]) -> (String, u64) {
    let mut line = line(&Counting::new()).await;
    let begin = Instant::now();
    for (piece, pause) in pieces {
        let _ = line.stream.write_all(piece.as_bytes()).await;
        tokio::time::sleep(Duration::from_secs(*pause)).await;
    }
    let response = read_response(&mut line.stream).await;
    line.served.await.unwrap();
    (status(&response).to_owned(), begin.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn whole_request_has_fifteen_seconds() {
    let post = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n";
    let chunked = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    for (sent, wanted) in [
        (vec![], ("closed", 15)),
        (vec![("POST / HT", 0)], ("closed", 15)),
        // A byte now and then gains no time.
        (
            vec![("POST /", 6), (" HTTP/1.1\r\n", 6), ("a: b\r\n", 6)],
            ("closed", 18),
        ),
        (vec![(post, 14), ("\r\n", 0)], ("408", 15)),
        (vec![(post, 7), ("\r\n{", 7)], ("408", 15)),
        (
            vec![(chunked, 7), ("1\r\n{\r\n", 7), ("1\r\n", 0)],
            ("408", 15),
        ),
        // What is whole in time is answered; its connection may wait a minute for another one.
        (vec![(post, 7), ("\r\n{}", 0)], ("200", 67)),
    ] {
        let found = pieces(&sent).await;
        assert_eq!((found.0.as_str(), found.1), wanted, "{sent:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn connection_is_kept_between_requests() {
    let door = Counting::new();
    let mut line = line(&door).await;
    for _ in 0..3 {
        for piece in [
            "POST / HTTP/1.1\r\nhost: a\r\n",
            "content-length: 1\r\n\r\n",
            "x",
        ] {
            line.stream.write_all(piece.as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_secs(4)).await;
        }
        assert_eq!(status(&read_response(&mut line.stream).await), "200");
        tokio::time::sleep(Duration::from_secs(50)).await;
    }
    assert_eq!(door.answered.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn refusal_by_the_head_does_not_wait_for_the_body() {
    for (path, length, wanted) in [
        ("/nobody", "content-length: 1000", "404"),
        ("/nobody", "transfer-encoding: chunked", "404"),
        ("/", "content-length: 101", "413"),
    ] {
        let mut line = line(&Counting::new()).await;
        let begin = Instant::now();
        let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\n{length}\r\n\r\n");
        line.stream.write_all(head.as_bytes()).await.unwrap();
        let response = read_response(&mut line.stream).await;
        assert_eq!(status(&response), wanted);
        assert_eq!(begin.elapsed(), Duration::ZERO, "{path} {length}");
    }
}

#[tokio::test(start_paused = true)]
async fn body_of_a_refused_request_is_thrown_away_and_the_next_one_answered() {
    let door = Counting::new();
    let mut line = line(&door).await;
    let refused = "POST /nobody HTTP/1.1\r\nhost: a\r\ncontent-length: 300000\r\n\r\n";
    line.stream.write_all(refused.as_bytes()).await.unwrap();
    assert_eq!(status(&read_response(&mut line.stream).await), "404");
    line.stream.write_all(&vec![b'x'; 300_000]).await.unwrap();
    let next = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx";
    line.stream.write_all(next.as_bytes()).await.unwrap();
    assert_eq!(status(&read_response(&mut line.stream).await), "200");
}

#[tokio::test(start_paused = true)]
async fn chunked_body_has_a_bound() {
    let mut line = line(&Counting::new()).await;
    let head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = format!("{:x}\r\n{}\r\n", LONGEST, "x".repeat(LONGEST));
    line.stream.write_all(head.as_bytes()).await.unwrap();
    line.stream.write_all(chunk.as_bytes()).await.unwrap();
    line.stream.write_all(b"1\r\nx\r\n").await.unwrap();
    assert_eq!(status(&read_response(&mut line.stream).await), "413");
}

#[tokio::test(start_paused = true)]
async fn sender_that_asks_first_is_let_on_only_where_its_body_is_read() {
    for (path, wanted) in [("/", "100"), ("/nobody", "404")] {
        let mut line = line(&Counting::new()).await;
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\n"
        );
        line.stream.write_all(head.as_bytes()).await.unwrap();
        let first = read_response(&mut line.stream).await;
        assert_eq!(status(&first), wanted, "{first}");
        if wanted == "100" {
            line.stream.write_all(b"x").await.unwrap();
            assert_eq!(status(&read_response(&mut line.stream).await), "200");
        } else {
            assert!(first.contains("connection: close"), "{first}");
        }
    }
}

/// A server with few connections on loopback.
async fn started(door: &Counting) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let never = std::future::pending();
    tokio::spawn(serve(listener, LIMITS, never, Duration::ZERO, door.clone()));
    address
}

async fn open(address: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Waits until the other side ended the connection.
async fn is_over(stream: &mut TcpStream) {
    while stream.read_u8().await.is_ok() {}
}

#[tokio::test]
async fn oldest_unfinished_connection_makes_room() {
    let door = Counting::new();
    let address = started(&door).await;
    let whole = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx";
    // The first one has had an answer since, so it is younger than the others.
    let mut kept = open(address, whole).await;
    read_response(&mut kept).await;
    let mut half = Vec::new();
    for text in [
        "POST / HTTP/1.1\r\nho",
        "",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nx",
    ] {
        half.push(open(address, text).await);
    }
    kept.write_all(whole.as_bytes()).await.unwrap();
    read_response(&mut kept).await;
    for mut oldest in half {
        let mut good = open(address, whole).await;
        assert_eq!(status(&read_response(&mut good).await), "200");
        is_over(&mut oldest).await;
        std::mem::forget(good); // stays open
    }
    kept.write_all(whole.as_bytes()).await.unwrap();
    assert_eq!(status(&read_response(&mut kept).await), "200");
}

#[tokio::test]
async fn request_that_is_being_answered_is_never_ended_for_another() {
    let door = Counting::new();
    let address = started(&door).await;
    let slow = "POST /slow HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx";
    let mut waiting = Vec::new();
    for _ in 0..LIMITS.connections {
        waiting.push(open(address, slow).await);
    }
    let whole = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx";
    let mut further = open(address, whole).await;
    door.slow.add_permits(LIMITS.connections);
    for stream in &mut waiting {
        assert_eq!(status(&read_response(stream).await), "200");
    }
    assert_eq!(status(&read_response(&mut further).await), "200");
}

#[tokio::test(start_paused = true)]
async fn bodies_have_a_bound_together() {
    let connections = Arc::new(Connections::new(LIMITS));
    let mut slots = Vec::new();
    for _ in 0..3 {
        slots.push(connections.enter().await);
    }
    let [idle, first, second] = slots.as_slice() else {
        panic!("three came in")
    };
    let is_over = |slot: &Slot| futures_util::FutureExt::now_or_never(slot.over(LIMITS)).is_some();
    first.hold(100).await;
    second.hold(100).await;
    second.hold(50).await;
    assert!(!is_over(first));
    second.hold(1).await;
    assert!(is_over(first), "the oldest makes room for further bytes");
    assert!(!first.begin_answer(), "and is not answered any more");
    assert!(!is_over(idle), "one without a body would make none");
    assert!(second.begin_answer());
    let third = connections.enter().await;
    let mut more = std::pin::pin!(third.hold(100));
    assert!(futures_util::poll!(more.as_mut()).is_pending());
    second.begin_idle();
    more.await;
    assert!(!is_over(second));
}

#[tokio::test]
async fn good_sender_is_answered_among_a_thousand_half_sent_requests() {
    let door = Counting::new();
    let address = started(&door).await;
    let whole = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx";
    let mut half = Vec::new();
    for number in 0..1_000 {
        half.push(open(address, "POST / HTTP/1.1\r\nhost: a\r\nx-a: ").await);
        if number % 100 == 0 {
            let mut good = open(address, whole).await;
            assert_eq!(status(&read_response(&mut good).await), "200");
        }
        if half.len() > 200 {
            half.remove(0);
        }
    }
    assert_eq!(door.answered.load(Ordering::SeqCst), 10);
}
