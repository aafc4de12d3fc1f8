//! One client's connection to the gateway, from its first byte to wherever it is served.
//!
//! ```text
//! accepted ─▶ admitted? ─▶ TLS ─▶ front door ─▶ a stream ──────────────────▶ its shard
//!                │ no                  │ else                                   ▲
//!             503, closed            hyper ─▶ a stream, nothing else under way ─┘
//!                                      └────▶ answers, and streams that cannot leave
//! ```
//!
//! A connection of HTTP/2, which the front door knows by its preface and TLS by ALPN, stays with hyper for good.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use http::uri::Scheme;
use http::{Request, Response};
use http_body_util::BodyExt;
use rustls::ServerConfig;
use tidegate_hub::{Body, Subscription, Way};
use tidegate_wire::{Problem, ProblemKind};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::admission::{Admission, Admitted, Refusal};
use super::client_io::ClientIo;
use super::door::{self, First};
use super::gate::{Exit, Gate, Leaving};
use super::gateway::Decided;
use super::http2::{self, Terms};
use super::refused_sockets::RefusedSockets;
use super::server::{accept_until, drain, with_hyper};
use super::{Gateway, answer, stream, tls};
use crate::memory::{self, Pressure};
use crate::proxy::Client;

/// What is read of a connection at first, in bytes.
const USUAL_HEAD: usize = 1024;

/// What all connections of a listener have in common.
struct Listening {
    gateway: Arc<Gateway>,
    tls: Option<TlsAcceptor>,
    stop: CancellationToken,
}

impl Gateway {
    /// Serves `listener` until `stop`, then lets go in order: no new connection, a last event on each stream, and a
    /// few seconds for answers under way.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) {
        let pressure = memory::start(self.memory);
        self.watch_memory(pressure.clone());
        // A second listener has the same gateway.
        let _ = self.itself.set(Arc::downgrade(&self));
        let admission = Admission::new(self.limits).under(pressure.clone());
        let refused = RefusedSockets::default();
        let acceptor = self.tls.clone().map(|config: Arc<ServerConfig>| TlsAcceptor::from(config));
        let listening = Arc::new(Listening { gateway: self.clone(), tls: acceptor, stop: stop.clone() });
        let (connections, cut) = (TaskTracker::new(), CancellationToken::new());
        let clock = self.hub.clock();
        let accepting = accept_until(&stop, listener, |socket, address| {
            match admission.try_admit(address.ip(), clock.now()) {
                Ok(admitted) => {
                    let served = listening.clone().connection(socket, address, admitted);
                    connections.spawn(cut.clone().run_until_cancelled_owned(served));
                }
                Err(refusal) => refuse(&refused, socket, refusal, listening.tls.is_some()),
            }
        });
        tokio::select! {
            () = accepting => {}
            () = self.shed_under(pressure) => {}
        }
        self.close_streams();
        drain(&connections, &cut, self.hub.without_streams()).await;
    }
}

impl Gateway {
    /// Ends streams as long as memory runs short. Never comes back.
    async fn shed_under(&self, mut pressure: watch::Receiver<Pressure>) {
        loop {
            if *pressure.borrow_and_update() == Pressure::Shed {
                warn!(streams = self.hub.streams(), "memory runs short: streams are closed");
                self.hub.shed();
                tokio::time::sleep(memory::EVERY).await;
            } else if pressure.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Tells a client why it is not let in.
fn refuse(refused: &RefusedSockets, socket: TcpStream, refusal: Refusal, tls: bool) {
    debug!(?refusal, "a connection is refused");
    let response = match tls {
        true => Bytes::from_static(tls::REFUSED),
        // Without random numbers all come back at the same time, which is better than never.
        false => refusal.response(getrandom::u32().unwrap_or_default()),
    };
    refused.refuse(socket, response);
}

impl Listening {
    async fn connection(self: Arc<Self>, socket: TcpStream, address: SocketAddr, admitted: Admitted) {
        if let Err(error) = socket.set_nodelay(true) {
            debug!(%error, "the connection is gone already");
            return;
        }
        let head_timeout = self.gateway.head_timeout;
        // Room for a usual head, so that it is read at once.
        let mut read = BytesMut::with_capacity(USUAL_HEAD);
        let begun = async {
            let mut io = self.encrypted(socket).await?;
            if io.agreed_on_http2() {
                return Ok((io, First::Http2));
            }
            let first = tokio::select! {
                biased;
                first = door::first(&mut io, &mut read) => first?,
                () = self.stop.cancelled() => First::Nothing,
            };
            Ok::<_, std::io::Error>((io, first))
        };
        let (io, first) = match timeout(head_timeout, begun).await {
            Ok(Ok(begun)) => begun,
            Ok(Err(error)) => return debug!(%error, client = %address, "the connection ended early"),
            Err(_) => return debug!(client = %address, "no request came in time"),
        };
        let scheme = if self.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
        let client = Client { address, scheme };
        // What is large is kept out of the state of those that wait for their first request.
        match first {
            First::Nothing => {}
            First::Stream(request, alone) => {
                Box::pin(self.stream(io, read, alone, *request, client, admitted)).await;
            }
            First::Ambiguous(why) => {
                let problem = Problem::new(ProblemKind::BadRequest).with_detail(why);
                let response = answer::problem(&problem, None);
                Box::pin(self.hyper(io, door::again(read), Some(closing(response)), client, admitted)).await;
            }
            First::Http2 if self.speaks_http2(&io) => {
                Box::pin(self.http2(io, door::again(read), client, admitted)).await;
            }
            First::Http2 | First::Other => {
                Box::pin(self.hyper(io, door::again(read), None, client, admitted)).await;
            }
        }
    }

    async fn encrypted(&self, socket: TcpStream) -> std::io::Result<ClientIo> {
        match &self.tls {
            None => Ok(ClientIo::Plain(socket)),
            Some(acceptor) => Ok(ClientIo::Tls(Box::new(acceptor.accept(socket).await?))),
        }
    }

    /// The first request wants a stream. What was read is the request alone as long as it has no more than `alone` bytes.
    async fn stream(
        &self,
        mut io: ClientIo,
        mut read: BytesMut,
        alone: usize,
        request: Request<Body>,
        client: Client,
        admitted: Admitted,
    ) {
        let decided = tokio::select! {
            decided = self.gateway.decide(request, &client) => decided,
            () = door::until_closed(&mut io, &mut read) => {
                return debug!(client = %client.address, "the client left before its stream began");
            }
        };
        match decided {
            Decided::Answer(response) => {
                self.hyper(io, door::again(read), Some(response), client, admitted).await;
            }
            Decided::Stream(..) if read.len() > alone => {
                self.hyper(io, door::again(read), Some(more_behind()), client, admitted).await;
            }
            Decided::Stream(subscription, head, _) => {
                let head = stream::wire_head(&head, SystemTime::now());
                self.hand_over(io, Leaving { subscription, head }, Way::First, &client, admitted);
            }
        }
    }

    /// Gives a stream's connection to its shard.
    fn hand_over(&self, io: ClientIo, leaving: Leaving, way: Way, client: &Client, admitted: Admitted) {
        match io.into_connection(self.gateway.send_buffer, Box::new(admitted)) {
            Ok(connection) => leaving.subscription.connect(connection, leaving.head, way),
            Err(error) => debug!(%error, client = %client.address, "a stream cannot begin on its connection"),
        }
    }

    /// Lets hyper serve the connection. `first` is the answer to its first request, where that was decided already.
    async fn hyper(
        &self,
        io: ClientIo,
        again: Bytes,
        first: Option<Response<Body>>,
        client: Client,
        admitted: Admitted,
    ) {
        let exit = Exit::default();
        let gate = Gate::new(io, admitted, again, exit.clone());
        let first = Mutex::new(first);
        let answer = |request| {
            let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
            self.answer(request, first, &client, &exit)
        };
        let stop = &self.stop;
        Box::pin(with_hyper(gate, answer, self.gateway.head_timeout, stop, client.address)).await;
        if let Some((io, admitted, leaving)) = exit.taken() {
            self.hand_over(io, leaving, Way::TakenOver, &client, admitted);
        }
    }

    /// Whether HTTP/2 may be spoken on a connection that begins with it. Over TLS that has to be agreed on
    /// (RFC 9113 §3.2).
    fn speaks_http2(&self, io: &ClientIo) -> bool {
        self.gateway.max_h2_streams > 0 && (self.tls.is_none() || io.agreed_on_http2())
    }

    /// Serves a connection that speaks HTTP/2. Its streams go through it beside other answers, and never leave.
    async fn http2(self: Arc<Self>, io: ClientIo, again: Bytes, client: Client, admitted: Admitted) {
        let gateway = &self.gateway;
        if let Err(error) = io.hold_unsent(gateway.send_buffer) {
            return debug!(%error, client = %client.address, "the connection is gone already");
        }
        let terms = Terms { max_streams: gateway.max_h2_streams, idle: gateway.head_timeout };
        let (clock, address) = (gateway.hub.clock(), client.address);
        let gate = Gate::new(io, admitted, again, Exit::default());
        let listening = self.clone();
        let answer = move |request| {
            let (gateway, client) = (listening.gateway.clone(), client.clone());
            async move { through(gateway.decide(request, &client).await) }
        };
        http2::serve(gate, answer, terms, clock, &self.stop, address).await;
    }

    async fn answer(
        &self,
        request: Request<Body>,
        first: Option<Response<Body>>,
        client: &Client,
        exit: &Exit,
    ) -> Response<Body> {
        if let Some(first) = first {
            return first;
        }
        match self.gateway.decide(request, client).await {
            Decided::Answer(response) => response,
            Decided::Stream(_, _, ending) if exit.has_more(&ending) => more_behind(),
            Decided::Stream(subscription, head, ending) => {
                let wire = stream::wire_head(&head, SystemTime::now());
                match exit.leave(Leaving { subscription, head: wire }, &ending) {
                    Ok(response) => response,
                    Err(stays) => inside(stays.subscription, head),
                }
            }
        }
    }
}

/// The answer where a stream cannot have the connection.
fn through(decided: Decided) -> Response<Body> {
    match decided {
        Decided::Answer(response) => response,
        Decided::Stream(subscription, head, _) => inside(subscription, head),
    }
}

/// A stream as the body of an answer.
fn inside(subscription: Subscription, head: Response<()>) -> Response<Body> {
    head.map(|()| subscription.into_body().boxed_unsync())
}

/// The answer to a request for a stream with something behind it, which would never be answered.
fn more_behind() -> Response<Body> {
    let detail =
        "something came behind the request for a stream, on the same connection, and would never be answered";
    closing(answer::problem(&Problem::new(ProblemKind::BadRequest).with_detail(detail), None))
}

/// The same answer, after which the connection is closed.
fn closing(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(http::header::CONNECTION, http::HeaderValue::from_static("close"));
    response
}
