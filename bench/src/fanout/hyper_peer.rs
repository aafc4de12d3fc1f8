//! A peer: bare hyper with a broadcast channel, over TLS by rustls or without.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::StreamExt;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::channels::Channels;
use super::identity::Identity;
use super::role::{answer, end_with_parent};

/// Where it is published to; the resource's number follows.
pub(crate) const PUBLISH: &str = "/publish/";

/// Where it listens.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Ready {
    /// For subscribers.
    pub(crate) subscribe: SocketAddr,
    /// For the source, without TLS.
    pub(crate) publish: SocketAddr,
}

/// Runs until the parent is done.
pub(crate) fn run(config: &str) -> io::Result<()> {
    let identity: Option<Identity> = serde_json::from_str(config)?;
    let acceptor = match &identity {
        Some(identity) => Some(TlsAcceptor::from(Arc::new(identity.server()?))),
        None => None,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    end_with_parent();
    runtime.block_on(async {
        let any = (Ipv4Addr::LOCALHOST, 0);
        let (subscribers, publishers) = (TcpListener::bind(any).await?, TcpListener::bind(any).await?);
        answer(&Ready { subscribe: subscribers.local_addr()?, publish: publishers.local_addr()? })?;
        let channels = Channels::default();
        tokio::spawn(accept(publishers, None, channels.clone()));
        accept(subscribers, acceptor, channels).await
    })
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, channels: Channels) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(stream, acceptor.clone(), channels.clone()));
    }
}

async fn serve(stream: TcpStream, acceptor: Option<TlsAcceptor>, channels: Channels) {
    match acceptor {
        None => converse(stream, channels).await,
        // A handshake that fails is the client's to tell.
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                converse(stream, channels).await;
            }
        }
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, channels: Channels) {
    let service = service_fn(move |request| {
        let channels = channels.clone();
        async move { Ok::<_, Infallible>(respond(request, &channels).await) }
    });
    // An error here is the client's going away; there is no one to tell.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

type Body = UnsyncBoxBody<Bytes, Infallible>;

async fn respond(request: Request<Incoming>, channels: &Channels) -> Response<Body> {
    let number = request.uri().path().rsplit('/').next().and_then(|number| number.parse().ok()).unwrap_or(0);
    if request.method() == Method::POST {
        if let Ok(body) = request.into_body().collect().await {
            channels.publish(number, String::from_utf8_lossy(&body.to_bytes()).into());
        }
        return Response::new(Empty::new().boxed_unsync());
    }
    let frames =
        channels.subscribe(number).map(|data| Ok(Frame::data(Bytes::from(format!("data: {data}\n\n")))));
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("text/event-stream"));
    response
}
