//! The loop that accepts connections, and what each may take.
//!
//! Slow clients are cut off at four places: the TLS handshake and the head of a request have a time
//! limit (which is that of an idle connection too), the body has one (`crate::body`), an answer that
//! the client does not take has one, and a request as a whole has one (`crate::routes`). What is open
//! at once is bounded, so that slow clients hold neither memory nor files without end.

use super::Tls;
use crate::config::Net;
use crate::{ServeError, Service, router};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

/// Longest head of a request, in bytes; hyper bounds the number of headers by 100.
const HEAD: usize = 64 << 10;
/// How long nothing is accepted after the system had no more files.
const PAUSE: Duration = Duration::from_millis(100);
/// How often the files of the certificate are looked at.
const LOOK: Duration = Duration::from_secs(10);

/// The address that a request comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Serves on a listener until `end`, then answers what is open.
///
/// # Errors
/// [`ServeError::Io`] if the listener has no address any more.
pub async fn run(
    service: Service,
    listener: TcpListener,
    end: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let net = service.config().net.clone();
    let open = Open {
        router: router(service.clone()),
        net: net.clone(),
        http: http(&net),
        ends: watch::channel(()).0,
    };
    if let Some(tls) = net.tls.clone() {
        tokio::spawn(renewed(service.clone(), tls, open.ends.subscribe()));
    }
    let places = u32::try_from(net.connections.max(1)).unwrap_or(u32::MAX);
    let room = Arc::new(Semaphore::new(places as usize));
    let mut end = pin!(end);
    loop {
        // Who comes when all places are taken waits in the system's queue.
        let place = tokio::select! {
            place = Arc::clone(&room).acquire_owned() => place,
            () = &mut end => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut end => break,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let (open, ends) = (open.clone(), open.ends.subscribe());
        tokio::spawn(async move {
            open.connection(stream, Peer(peer.ip()), ends).await;
            drop(place);
        });
    }
    drop(listener);
    open.ends.send(()).ok();
    // All places are free when the last connection has ended.
    room.acquire_many(places).await.ok();
    service.finish().await;
    Ok(())
}

fn http(net: &Net) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(net.head)
        .max_buf_size(HEAD);
    http
}

/// Takes over a certificate whose files changed.
async fn renewed(service: Service, tls: Tls, mut ends: watch::Receiver<()>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = ends.changed() => return,
        }
        let looked = tls.clone();
        match tokio::task::spawn_blocking(move || looked.renew()).await {
            Ok(Ok(true)) => service.note("info", "the certificate is renewed"),
            Ok(Err(e)) => service.note("error", &format!("the old certificate stays: {e}")),
            Ok(Ok(false)) | Err(_) => {}
        }
    }
}

/// What all connections share.
#[derive(Clone)]
struct Open {
    router: Router,
    net: Net,
    http: http1::Builder,
    ends: watch::Sender<()>,
}

impl Open {
    async fn connection(self, stream: TcpStream, peer: Peer, ends: watch::Receiver<()>) {
        // Answers are whole; waiting for more to send with them helps nobody.
        stream.set_nodelay(true).ok();
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.net.stalled));
        let stream = Box::pin(stream);
        let Some(tls) = &self.net.tls else {
            return self.requests(stream, peer, ends).await;
        };
        let greeted = tokio::time::timeout(self.net.head, tls.acceptor().accept(stream)).await;
        if let Ok(Ok(stream)) = greeted {
            self.requests(stream, peer, ends).await;
        }
    }

    /// Answers the requests of a connection. Its errors are the client's: it went away, was too
    /// slow, or does not speak HTTP.
    async fn requests<S>(&self, stream: S, peer: Peer, mut ends: watch::Receiver<()>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let answer = service_fn(|request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            self.router.clone().oneshot(request)
        });
        let served = self.http.serve_connection(TokioIo::new(stream), answer);
        let mut served = pin!(served);
        tokio::select! {
            _ = served.as_mut() => return,
            _ = ends.changed() => served.as_mut().graceful_shutdown(),
        }
        served.await.ok();
    }
}
