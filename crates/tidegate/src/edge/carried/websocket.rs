//! WebSocket connections (RFC 6455): opened by hyper, then served by a shard.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tidegate_hub::{Body, Carrier, Listener};
use tidegate_wire::request::Request as Asked;
use tidegate_wire::websocket::{CloseCode, Decoder, Handshake, Received, close, pong};
use tidegate_wire::{Format, Problem, ProblemKind};
use tracing::debug;

use super::{Session, welcome};
use crate::edge::gate::Gate;
use crate::edge::{Gateway, answer, refusal};
use crate::proxy::Client;

/// The most bytes of one message from a client.
const MOST_MESSAGE: u32 = 64 * 1024;

/// Answers an opening handshake. What follows happens on the connection once hyper has let go of it.
pub(super) fn open(gateway: &Arc<Gateway>, mut request: Request<Body>, client: &Client) -> Response<Body> {
    let handshake = match Handshake::read(request.method(), request.version(), request.headers()) {
        Ok(handshake) => handshake,
        Err(error) => {
            let mut problem = Problem::new(ProblemKind::NotAHandshake).with_detail(error.to_string());
            problem.status = Some(error.status().as_u16());
            let mut response = answer::problem(&problem, None);
            *response.status_mut() = error.status();
            for (name, value) in error.fields() {
                response.headers_mut().insert(name.clone(), HeaderValue::from_static(value));
            }
            return response;
        }
    };
    let fields = match welcome(gateway, &request) {
        Ok(fields) => fields,
        Err(problem) => return refusal::told(&problem),
    };
    if gateway.is_short_of_memory() {
        return refusal::told(&refusal::short_of_memory());
    }
    let upgrade = hyper::upgrade::on(&mut request);
    let session = Session::new(gateway.clone(), client.clone(), &fields);
    tokio::spawn(async move {
        let upgraded = match upgrade.await {
            Ok(upgraded) => upgraded,
            Err(error) => return debug!(%error, "a WebSocket does not begin"),
        };
        let Ok(parts) = upgraded.downcast::<TokioIo<Gate>>() else {
            return debug!("a WebSocket was asked for on no connection of a client");
        };
        begin(session, parts.io.into_inner(), parts.read_buf);
    });
    let mut response = answer::empty(StatusCode::SWITCHING_PROTOCOLS);
    let fields = response.headers_mut();
    fields.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    fields.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&handshake.accept) {
        fields.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    if let Some(protocol) = handshake.protocol {
        fields.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    }
    response
}

fn begin(session: Session, gate: Gate, read: Bytes) {
    let Some((io, admitted, again)) = gate.into_parts() else { return };
    let read = if again.is_empty() { read } else { [&read[..], &again[..]].concat().into() };
    let gateway = session.gateway.clone();
    let (connection, decrypted) = match io.into_talking_connection(gateway.send_buffer, Box::new(admitted)) {
        Ok(parts) => parts,
        Err(error) => return debug!(%error, "a WebSocket cannot begin on its connection"),
    };
    let read = if decrypted.is_empty() { read } else { [&read[..], &decrypted[..]].concat().into() };
    let listener = Conversation { session, decoder: Mutex::new(Decoder::new(MOST_MESSAGE)) };
    let limits = gateway.carried.of_carrier();
    gateway.hub.carry(connection, read, Format::WebSocket, limits, Box::new(listener));
}

/// What one client says.
struct Conversation {
    session: Session,
    decoder: Mutex<Decoder>,
}

impl Listener for Conversation {
    fn heard(&self, carrier: &Arc<Carrier>, bytes: &[u8]) {
        // Only the shard's thread hears.
        let mut decoder = self.decoder.lock().unwrap_or_else(PoisonError::into_inner);
        let mut input = bytes;
        loop {
            match decoder.next(&mut input) {
                Ok(None) => return,
                // What comes behind what closed it is not looked at.
                Ok(Some(_)) if carrier.is_closing() => {}
                Ok(Some(Received::Text(text))) => {
                    if !self.session.heed(carrier, Asked::read(text.as_bytes())) {
                        return carrier
                            .close(close(CloseCode::Policy, "too many requests that make no sense"));
                    }
                }
                Ok(Some(Received::Ping(content))) => carrier.say(pong(&content)),
                Ok(Some(Received::Pong)) => {}
                Ok(Some(Received::Close { .. })) => return carrier.close(close(CloseCode::Normal, "")),
                Err(violation) => {
                    return carrier.close(close(violation.code(), &violation.to_string()));
                }
            }
        }
    }
}
