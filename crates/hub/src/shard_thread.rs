//! The thread of a shard: one event loop over its sockets and its queue of commands.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use mio::{Events, Poll, Token, Waker};
use tidegate_core::{Offset, Wish};
use tidegate_wire::Kind;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::UnboundedSender;

use crate::carrier::{Carrier, CarrierSink, Carriers};
use crate::clock::Clock;
use crate::owner::{Message, PortFactory, ShardIndex};
use crate::shard::{Command, FeedCommand, FeedPort, Shard, Sink, SubscriberId, ViewId, Written};
use crate::slot::{Notify, SlotSink};
use crate::socket::SocketSink;

/// A shard's command, with the program's own transports.
pub(crate) type HubCommand = Command<Transport, Port>;

/// How the hub's streams reach their clients.
pub(crate) enum Transport {
    /// Through hyper.
    Slot(SlotSink),
    /// By the shard itself.
    Socket(SocketSink<OwnedSemaphorePermit>),
    /// On a connection that carries several.
    Carried(Box<CarrierSink>),
}

impl Sink for Transport {
    fn write(&mut self, frames: &[Bytes], skip: usize) -> io::Result<Written> {
        match self {
            Transport::Slot(slot) => slot.write(frames, skip),
            Transport::Socket(socket) => socket.write(frames, skip),
            Transport::Carried(carried) => carried.write(frames, skip),
        }
    }

    fn hear(&mut self) -> io::Result<()> {
        match self {
            Transport::Slot(slot) => slot.hear(),
            Transport::Socket(socket) => socket.hear(),
            Transport::Carried(carried) => carried.hear(),
        }
    }

    fn finish(&mut self) -> io::Result<bool> {
        match self {
            Transport::Slot(slot) => slot.finish(),
            Transport::Socket(socket) => socket.finish(),
            Transport::Carried(carried) => carried.finish(),
        }
    }

    fn abandon(&mut self, rest: Option<Bytes>) {
        match self {
            Transport::Slot(slot) => slot.abandon(rest),
            Transport::Socket(socket) => socket.abandon(rest),
            Transport::Carried(carried) => carried.abandon(rest),
        }
    }
}

/// Speaks to the owner of a feed from a shard.
pub(crate) struct Port {
    view: ViewId,
    shard: ShardIndex,
    owner: UnboundedSender<Message>,
}

impl FeedPort for Port {
    fn request_step(&self, from: Offset, kind: Kind) {
        // An owner that is gone has ended all its streams.
        let _ = self.owner.send(Message::StepFrom(self.view, self.shard, from, kind));
    }

    fn unsubscribed(&self, wish: Wish) {
        let _ = self.owner.send(Message::Unsubscribed(self.view, self.shard, wish));
    }
}

/// Makes ports to one owner.
pub(crate) struct Ports(pub(crate) UnboundedSender<Message>);

impl PortFactory for Ports {
    type Port = Port;

    fn port(&self, view: ViewId, shard: ShardIndex) -> Port {
        Port { view, shard, owner: self.0.clone() }
    }
}

/// What a shard's thread is told.
enum Order {
    Shard(HubCommand),
    /// Here is a connection that carries several subscriptions.
    Carry(Arc<Carrier>),
    /// A carrier's connection has room again.
    Writable(u64),
    /// A carrier's connection is gone, or has to go.
    Lose(u64),
}

/// Speaks to a shard from anywhere.
#[derive(Clone)]
pub(crate) struct ShardHandle(Arc<Way>);

struct Way {
    /// Taken when the last handle goes.
    commands: Option<Sender<Order>>,
    waker: Waker,
}

impl Way {
    fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "a shard cannot be woken; its streams may be late");
        }
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        // The thread sees that nobody can tell it anything any more, and ends.
        self.commands = None;
        self.wake();
    }
}

/// What a shard is started with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShardSettings {
    pub(crate) clock: Clock,
    pub(crate) seed: u64,
    pub(crate) most_pinned: usize,
}

/// The token of the queue of commands; subscribers' numbers begin at the other end.
const COMMANDS: Token = Token(usize::MAX);

/// Events taken from the system at a time.
const EVENTS: usize = 1024;

/// Commands heeded before sockets have their turn.
const COMMANDS_TURN: usize = 4096;

impl ShardHandle {
    /// Starts a shard on a thread of its own; it ends when its last handle is dropped.
    pub(crate) fn start(index: ShardIndex, settings: ShardSettings) -> io::Result<ShardHandle> {
        let (sender, commands) = mpsc::channel();
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), COMMANDS)?;
        let ShardSettings { clock, seed, most_pinned } = settings;
        let shard = Shard::new(clock, seed, most_pinned);
        thread::Builder::new()
            .name(format!("shard-{}", index.0))
            .spawn(move || EventLoop { shard, clock, commands, poll, carriers: Carriers::default() }.run())?;
        Ok(ShardHandle(Arc::new(Way { commands: Some(sender), waker })))
    }

    fn order(&self, order: Order) {
        if let Some(commands) = &self.0.commands {
            // The thread lives as long as there is a handle.
            let _ = commands.send(order);
            self.0.wake();
        }
    }

    pub(crate) fn tell(&self, command: HubCommand) {
        self.order(Order::Shard(command));
    }

    /// Gives the shard a connection that carries several subscriptions.
    pub(crate) fn carry(&self, carrier: Arc<Carrier>) {
        self.order(Order::Carry(carrier));
    }

    /// Has a carrier go.
    pub(crate) fn lose(&self, carrier: u64) {
        self.order(Order::Lose(carrier));
    }

    /// For a carrier whose connection somebody else writes.
    pub(crate) fn for_carrier(&self) -> CarrierNotify {
        CarrierNotify(self.clone())
    }

    pub(crate) fn tell_of_feed(&self, command: FeedCommand<Port>) {
        self.tell(Command::Feed(command));
    }
}

impl Notify for ShardHandle {
    fn ready(&self, id: SubscriberId) {
        self.tell(Command::Ready(id));
    }

    fn gone(&self, id: SubscriberId) {
        self.tell(Command::Detach(id));
    }
}

/// Tells a shard's thread of a carrier whose connection hyper writes. Its number stands in for a subscriber's.
pub(crate) struct CarrierNotify(ShardHandle);

impl Notify for CarrierNotify {
    fn ready(&self, id: SubscriberId) {
        self.0.order(Order::Writable(id.0));
    }

    fn gone(&self, id: SubscriberId) {
        self.0.lose(id.0);
    }
}

fn token(id: SubscriberId) -> Token {
    // Counted from one: no process counts to where the two differ, nor to the other token.
    Token(usize::try_from(id.0).unwrap_or(usize::MAX - 1))
}

struct EventLoop {
    shard: Shard<Transport, Port>,
    clock: Clock,
    commands: Receiver<Order>,
    poll: Poll,
    carriers: Carriers,
}

impl EventLoop {
    fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        let mut more = false;
        loop {
            let timeout = match more {
                true => Some(Duration::ZERO),
                false => {
                    let next = [self.shard.poll_timeout(), self.carriers.poll_timeout()];
                    next.into_iter().flatten().min().map(|time| self.clock.until(time))
                }
            };
            match self.poll.poll(&mut events, timeout) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!(%error, "a shard's event loop ends: its streams are lost");
                    return;
                }
            }
            let now = self.clock.now();
            for event in &events {
                if event.token() == COMMANDS {
                    continue;
                }
                let id = SubscriberId(event.token().0 as u64);
                if self.carriers.has(id.0) {
                    if event.is_readable() || event.is_read_closed() || event.is_error() {
                        self.carriers.readable(id.0);
                    }
                    if event.is_writable() {
                        self.carriers.writable(id.0);
                    }
                    continue;
                }
                if event.is_readable() || event.is_read_closed() || event.is_error() {
                    self.shard.handle(now, Command::Hear(id));
                }
                if event.is_writable() {
                    self.shard.handle(now, Command::Ready(id));
                }
            }
            let mut heeded = 0;
            while heeded < COMMANDS_TURN {
                match self.commands.try_recv() {
                    Ok(order) => self.heed(order),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return,
                }
                heeded += 1;
            }
            let heard = self.carriers.work(now);
            for command in self.carriers.take_commands() {
                self.shard.handle(now, command);
            }
            // What is due makes work, so it comes first.
            self.shard.handle_timeout(now);
            more = self.shard.work(now) || heeded == COMMANDS_TURN || heard;
        }
    }

    fn heed(&mut self, order: Order) {
        let now = self.clock.now();
        let mut command = match order {
            Order::Shard(command) => command,
            Order::Carry(carrier) => {
                let token = token(SubscriberId(carrier.id()));
                return self.carriers.add(carrier, self.poll.registry(), token);
            }
            Order::Writable(carrier) => return self.carriers.writable(carrier),
            Order::Lose(carrier) => return self.carriers.lose(carrier),
        };
        match command {
            Command::Shutdown => self.carriers.drain(),
            Command::Shed => self.carriers.shed(),
            _ => {}
        }
        if let Command::Connect(id, Transport::Socket(socket), _) = &mut command {
            let id = *id;
            if let Err(error) = socket.register(self.poll.registry(), token(id)) {
                tracing::warn!(%error, "a connection cannot be watched and is closed");
                command = Command::Detach(id);
            }
        }
        self.shard.handle(now, command);
    }
}

/// A shard that does nothing, for tests: it keeps what it was told.
#[cfg(test)]
pub(crate) struct IdleShard {
    orders: Receiver<Order>,
    _poll: Poll,
}

/// What an [`IdleShard`] was told.
#[cfg(test)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    Ready(SubscriberId),
    Detach(SubscriberId),
    /// A carrier.
    Lose(u64),
    Other,
}

#[cfg(test)]
impl IdleShard {
    pub(crate) fn new() -> (ShardHandle, IdleShard) {
        let (sender, orders) = mpsc::channel();
        let poll = Poll::new().expect("the system has one more poll");
        let waker = Waker::new(poll.registry(), COMMANDS).expect("a poll can be woken");
        let handle = ShardHandle(Arc::new(Way { commands: Some(sender), waker }));
        (handle, IdleShard { orders, _poll: poll })
    }

    /// What it was told since the last look.
    pub(crate) fn told(&self) -> Vec<Told> {
        let told = self.orders.try_iter().map(|order| match order {
            Order::Shard(Command::Ready(id)) => Told::Ready(id),
            Order::Shard(Command::Detach(id)) => Told::Detach(id),
            Order::Lose(carrier) => Told::Lose(carrier),
            _ => Told::Other,
        });
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There are as many of them as clients: what makes them larger has to be worth it.
    #[test]
    fn a_subscriber_is_small() {
        let sizes = [size_of::<Transport>(), Shard::<Transport, Port>::subscriber_size()];
        assert!(sizes[0] <= 72 && sizes[1] <= 264, "{sizes:?}");
    }
}
