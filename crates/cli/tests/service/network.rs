//! Connections: slow clients, TLS, and traces sent away.

use super::{config, service_at, shop};
use semrec_serve::{Config, Net, Otlp, Tls, Watch, run};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

struct Running {
    _dir: tempfile::TempDir,
    address: SocketAddr,
    end: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

async fn running(config: Config) -> Running {
    let dir = tempfile::tempdir().unwrap();
    shop::bundle(dir.path());
    let service = service_at(dir.path(), config).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (end, ends) = oneshot::channel::<()>();
    let served = tokio::spawn(async move {
        let end = async { ends.await.unwrap_or_default() };
        run(service, listener, end).await.unwrap();
    });
    Running {
        _dir: dir,
        address,
        end,
        served,
    }
}

impl Running {
    /// Sends something and reads until the service hangs up.
    async fn said(&self, text: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap_or_default();
        answer
    }

    async fn end(self) {
        self.end.send(()).unwrap();
        self.served.await.unwrap();
    }
}

const LIVE: &str = "GET /health/live HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n";

/// With room for one connection at a time: each of the slow ones is cut off, or the others would
/// never be answered.
#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_are_cut_off() {
    let short = Duration::from_millis(100);
    let net = Net {
        connections: 1,
        head: short,
        body: short,
        stalled: short,
        tls: None,
    };
    let running = running(Config { net, ..config() }).await;
    // Nothing; half a head; and a connection that stays open after its answer.
    for slow in [
        "",
        "GET /health/live HT",
        &LIVE.replace("Connection: close\r\n", ""),
    ] {
        let answer = running.said(slow).await;
        assert_eq!(
            answer.contains("200 OK"),
            slow.ends_with("\r\n\r\n"),
            "{answer}"
        );
        assert!(running.said(LIVE).await.starts_with("HTTP/1.1 200 OK"));
    }
    let half = "POST /v1/recommend HTTP/1.1\r\nHost: s\r\nContent-Length: 100\r\n\r\n{";
    let answer = running.said(half).await;
    assert!(
        answer.starts_with("HTTP/1.1 408")
            && answer.contains("the body was not there after 0.1 seconds"),
        "{answer}"
    );
    let long = format!(
        "GET /health/live HTTP/1.1\r\nHost: s\r\nX: {}\r\n\r\n",
        "x".repeat(200_000)
    );
    let answer = running.said(&long).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    running.end().await;
}

/// A client that asks for much and reads nothing.
#[tokio::test(flavor = "multi_thread")]
async fn answers_that_nobody_takes_are_given_up() {
    let net = Net {
        connections: 1,
        stalled: Duration::from_millis(100),
        ..Net::default()
    };
    let running = running(Config { net, ..config() }).await;
    let mut greedy = TcpStream::connect(running.address).await.unwrap();
    let asked = "GET /openapi.json HTTP/1.1\r\nHost: s\r\n\r\n".repeat(2000);
    // The service hangs up before all is asked, or soon after.
    greedy.write_all(asked.as_bytes()).await.ok();
    assert!(running.said(LIVE).await.starts_with("HTTP/1.1 200 OK"));
    drop(greedy);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_speaks_tls() {
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let net = Net {
        tls: Some(Tls::open(&cert, &key).unwrap()),
        ..Net::default()
    };
    let running = running(Config { net, ..config() }).await;
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(running.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(client))
        .connect(name, stream)
        .await
        .unwrap();
    stream.write_all(LIVE.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    // Who does not speak it gets nothing.
    assert!(!running.said(LIVE).await.contains("200 OK"));
    running.end().await;
}

/// A collector that takes one message.
fn collector(listener: &std::net::TcpListener) -> (String, Value) {
    let (stream, _) = listener.accept().unwrap();
    let mut stream = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    stream.get_mut().write_all(answer.as_bytes()).unwrap();
    (head, serde_json::from_slice(&body).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_go_to_a_collector_under_the_callers_trace() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let collected = tokio::task::spawn_blocking(move || collector(&listener));
    let watch = Watch {
        nanos: || 1_700_000_000_000_000_000,
        // What comes without a trace is not traced.
        otlp: Some(Otlp { url, share: 0.0 }),
        ..Watch::default()
    };
    let running = running(Config { watch, ..config() }).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let body = "{\"user_id\": \"u1\", \"text\": \"a secret wish\"}";
    for flags in ["00", "01"] {
        let request = format!(
            "POST /v1/recommend HTTP/1.1\r\nHost: s\r\nConnection: close\r\ntraceparent: 00-{trace}-00f067aa0ba902b7-{flags}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        assert!(running.said(&request).await.starts_with("HTTP/1.1 200"));
    }
    running.said(LIVE).await;
    // What was told is sent before the end.
    running.end().await;
    let (head, sent) = collected.await.unwrap();
    assert!(head.starts_with("POST /v1/traces HTTP/1.1"), "{head}");
    let text = sent.to_string();
    assert!(!text.contains("u1") && !text.contains("wish"), "{text}");
    let spans = sent["resourceSpans"][0]["scopeSpans"][0]["spans"]
        .as_array()
        .unwrap();
    let names: Vec<&str> = spans.iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["POST /v1/recommend", "wait", "rank"]);
    assert!(spans.iter().all(|span| span["traceId"] == trace));
    assert_eq!(
        (&spans[0]["parentSpanId"], &spans[0]["kind"]),
        (&"00f067aa0ba902b7".into(), &2.into())
    );
    let nanos = |span: &Value, name: &str| span[name].as_str().unwrap().parse::<u64>().unwrap();
    for part in &spans[1..] {
        assert_eq!(part["parentSpanId"], spans[0]["spanId"]);
        assert!(nanos(part, "startTimeUnixNano") >= nanos(&spans[0], "startTimeUnixNano"));
        assert!(nanos(part, "endTimeUnixNano") <= nanos(&spans[0], "endTimeUnixNano"));
    }
}
