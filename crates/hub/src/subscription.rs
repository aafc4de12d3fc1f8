//! A stream that may begin, and the ways in which it does.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderValue;
use http_body::Frame;
use tidegate_core::Time;
use tokio::sync::OwnedSemaphorePermit;

use crate::carrier::{CarrierSink, Seat};
use crate::frame::Coding;
use crate::origin::BoxError;
use crate::shard::{Command, Opening, SubscriberId};
use crate::shard_thread::{ShardHandle, Transport};
use crate::slot::{StreamBody, slot};
use crate::socket::{Connection, SocketSink};
use crate::stats::{Way, WayCounters};

/// Tells the shard when a subscriber that was announced will never have a connection.
///
/// It must go after the end of the channel on which the shard reports that the subscriber was admitted. So either
/// the shard finds that nobody waits, or it hears of it later.
pub(crate) struct Announced {
    id: SubscriberId,
    shard: Option<ShardHandle>,
}

impl Announced {
    pub(crate) fn new(id: SubscriberId, shard: ShardHandle) -> Announced {
        Announced { id, shard: Some(shard) }
    }

    fn connect(mut self, transport: impl FnOnce(SubscriberId, &ShardHandle) -> Transport, opening: Opening) {
        if let Some(shard) = self.shard.take() {
            let transport = transport(self.id, &shard);
            shard.tell(Command::Connect(self.id, transport, opening));
        }
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        if let Some(shard) = self.shard.take() {
            shard.tell(Command::Detach(self.id));
        }
    }
}

/// A stream that may begin: its subscriber waits at a shard for a connection. Dropped without one, it leaves.
pub struct Subscription {
    pub(crate) announced: Announced,
    pub(crate) permit: OwnedSemaphorePermit,
    pub(crate) coding: Coding,
    pub(crate) ways: Arc<WayCounters>,
    /// When the stream has to end, if its client is somebody only until then.
    pub until: Option<Time>,
    /// The media type of the representation.
    pub content_type: Option<HeaderValue>,
    /// The client has the newest version already.
    pub is_current: bool,
}

impl Subscription {
    /// How its bytes are coded; the head of the answer has to say so.
    pub fn coding(&self) -> Coding {
        self.coding
    }

    /// Begins the stream on a connection of its own, which the shard serves from now on: first `head`, that of the
    /// answer, then what there is. `way` is for the statistics.
    pub fn connect(self, connection: Connection, head: Bytes, way: Way) {
        let Subscription { announced, permit, coding, ways, until, .. } = self;
        ways.count(way);
        let opening = Opening { head, coding, until };
        announced.connect(|_, _| Transport::Socket(SocketSink::new(connection, permit)), opening);
    }

    /// Begins the stream among others on a connection, where its client is told `open` first (without its number). Where
    /// the client has changed its mind, or is gone, it does not begin.
    pub fn join(self, mut seat: Seat, open: Bytes) {
        let Subscription { announced, permit, ways, until, .. } = self;
        if !seat.take(announced.id) {
            return;
        }
        ways.count(Way::Carried);
        let opening = Opening { head: open, coding: Coding::Identity, until };
        announced.connect(|id, _| Transport::Carried(Box::new(CarrierSink::new(&seat, id, permit))), opening);
    }

    /// Begins the stream as the body of an answer that somebody else writes.
    pub fn into_body(self) -> CountedBody {
        self.ways.count(Way::Through);
        let mut body = None;
        let opening = Opening { head: Bytes::new(), coding: self.coding, until: self.until };
        self.announced.connect(
            |id, shard| {
                let (sink, stream) = slot(id, shard.clone());
                body = Some(stream);
                Transport::Slot(sink)
            },
            opening,
        );
        CountedBody { body, _permit: self.permit }
    }
}

/// The body of a stream that counts against the limit until it is dropped.
pub struct CountedBody {
    body: Option<StreamBody>,
    _permit: OwnedSemaphorePermit,
}

impl http_body::Body for CountedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }
}
