//! Load at a constant rate, from a process of its own: `load ADDRESS PATH BODIES RATE SECONDS [KEY CERT]`.
//! With KEY and CERT requests carry that key, and go over TLS to a service that has that certificate (a
//! PEM file, for `localhost`).
//!
//! Sends the lines of the file BODIES, over and over, as `POST PATH`, RATE a second for SECONDS, over
//! 64 connections. A request that has to wait for a connection, because the service is behind, is
//! timed from when it was due: what is told is what somebody who came then would have waited.
//! Prints a line of JSON.
#![expect(clippy::print_stdout, reason = "a program of its own")]

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc};
use tokio_rustls::TlsConnector;

const CONNECTIONS: usize = 64;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [address, path, bodies, rate, seconds, secure @ ..] = &args[..] else {
        let usage = "usage: load ADDRESS PATH BODIES RATE SECONDS [KEY CERT]";
        return Err(Error::new(ErrorKind::InvalidInput, usage));
    };
    let (authorization, tls) = match secure {
        [key, certificate] => (
            format!("X-API-Key: {key}\r\n"),
            Some(connector(certificate)?),
        ),
        _ => (String::new(), None),
    };
    let number = |text: &str| {
        text.parse::<u32>()
            .map_err(|e| Error::other(format!("{text}: {e}")))
    };
    let (rate, seconds) = (number(rate)?, number(seconds)?);
    let bodies = std::fs::read_to_string(bodies)?;
    let requests: Vec<Vec<u8>> = bodies
        .lines()
        .map(|body| {
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: {address}\r\n{authorization}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            [head.as_bytes(), body.as_bytes()].concat()
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let to = (address.clone(), tls);
    runtime.block_on(load(to, Arc::new(requests), rate, seconds))
}

/// Trusts one certificate.
fn connector(certificate: &str) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    let read = CertificateDer::from_pem_file(certificate).map_err(Error::other)?;
    roots.add(read).map_err(Error::other)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::other)?
        .with_root_certificates(roots);
    Ok(TlsConnector::from(Arc::new(config.with_no_client_auth())))
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

async fn connected(address: &str, tls: Option<&TlsConnector>) -> Result<Box<dyn Stream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let Some(tls) = tls else {
        return Ok(Box::new(stream));
    };
    let name = ServerName::try_from("localhost").map_err(Error::other)?;
    Ok(Box::new(tls.connect(name, stream).await?))
}

/// What a request took, and whether it was answered with 2xx.
type Answered = (Duration, bool);

async fn load(
    (address, tls): (String, Option<TlsConnector>),
    requests: Arc<Vec<Vec<u8>>>,
    rate: u32,
    seconds: u32,
) -> Result<()> {
    let (due, waiting) = mpsc::unbounded_channel::<(usize, Instant)>();
    let waiting = Arc::new(Mutex::new(waiting));
    let mut workers = Vec::new();
    for _ in 0..CONNECTIONS {
        let stream = connected(&address, tls.as_ref()).await?;
        workers.push(tokio::spawn(worker(
            stream,
            Arc::clone(&requests),
            Arc::clone(&waiting),
        )));
    }
    let began = Instant::now();
    for i in 0..rate * seconds {
        let at = began + Duration::from_secs_f64(f64::from(i) / f64::from(rate));
        if at > Instant::now() {
            tokio::time::sleep_until(at.into()).await;
        }
        due.send((i as usize, at)).map_err(Error::other)?;
    }
    drop(due);
    let mut answered: Vec<Answered> = Vec::new();
    for worker in workers {
        answered.extend(worker.await.map_err(Error::other)??);
    }
    let took = began.elapsed().as_secs_f64();
    answered.sort();
    let at = |share: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place in a list"
        )]
        let place = (answered.len() as f64 * share) as usize;
        let (latency, _) = answered[place.min(answered.len() - 1)];
        latency.as_secs_f64() * 1e3
    };
    let failed = answered.iter().filter(|(_, ok)| !ok).count();
    println!(
        "{{\"requests\": {}, \"failed\": {failed}, \"seconds\": {took:.2}, \"p50_ms\": {:.2}, \"p90_ms\": {:.2}, \"p99_ms\": {:.2}, \"p999_ms\": {:.2}, \"max_ms\": {:.2}}}",
        answered.len(),
        at(0.5),
        at(0.9),
        at(0.99),
        at(0.999),
        at(1.0)
    );
    Ok(())
}

async fn worker(
    stream: Box<dyn Stream>,
    requests: Arc<Vec<Vec<u8>>>,
    waiting: Arc<Mutex<mpsc::UnboundedReceiver<(usize, Instant)>>>,
) -> Result<Vec<Answered>> {
    let mut stream = BufReader::new(stream);
    let mut answered = Vec::new();
    let mut body = Vec::new();
    loop {
        let next = waiting.lock().await.recv().await;
        let Some((number, due)) = next else {
            return Ok(answered);
        };
        let request = &requests[number % requests.len()];
        stream.get_mut().write_all(request).await?;
        stream.get_mut().flush().await?;
        let (mut ok, mut length, mut line) = (false, 0, String::new());
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Err(Error::new(ErrorKind::UnexpectedEof, "the service hung up"));
            }
            let said = line.trim_end().to_ascii_lowercase();
            if said.is_empty() {
                break;
            }
            if let Some(status) = said.strip_prefix("http/1.1 ") {
                ok = status.starts_with('2');
            } else if let Some(value) = said.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(Error::other)?;
            }
        }
        body.resize(length, 0);
        stream.read_exact(&mut body).await?;
        answered.push((due.elapsed(), ok));
    }
}
