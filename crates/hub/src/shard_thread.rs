//! The thread of a shard: one queue of commands, one loop.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;

use tidegate_core::Offset;
use tokio::sync::mpsc::UnboundedSender;

use crate::clock::Clock;
use crate::owner::{Message, PortFactory, ShardIndex};
use crate::shard::{Command, FeedId, FeedPort, Shard, SubscriberId};
use crate::slot::{Notify, SlotSink};

/// A shard's command, with the program's own transport.
pub(crate) type HubCommand = Command<SlotSink, Port>;

/// A message to an owner, with the program's own transport.
pub(crate) type HubMessage = Message<SlotSink>;

/// Speaks to the owner of a feed from a shard.
pub(crate) struct Port {
    feed: FeedId,
    shard: ShardIndex,
    owner: UnboundedSender<HubMessage>,
}

impl FeedPort for Port {
    fn request_step(&self, from: Offset) {
        // An owner that is gone has ended all its streams.
        let _ = self.owner.send(Message::StepFrom(self.feed, self.shard, from));
    }

    fn unsubscribed(&self) {
        let _ = self.owner.send(Message::Unsubscribed(self.feed, self.shard));
    }
}

/// Makes ports to one owner.
pub(crate) struct Ports(pub(crate) UnboundedSender<HubMessage>);

impl PortFactory for Ports {
    type Port = Port;

    fn port(&self, feed: FeedId, shard: ShardIndex) -> Port {
        Port { feed, shard, owner: self.0.clone() }
    }
}

/// Speaks to a shard from anywhere.
#[derive(Clone)]
pub(crate) struct ShardHandle(Sender<HubCommand>);

impl ShardHandle {
    /// Starts a shard on a thread of its own; it ends when its last handle is dropped.
    pub(crate) fn start(index: ShardIndex, clock: Clock, seed: u64) -> std::io::Result<ShardHandle> {
        let (sender, commands) = mpsc::channel();
        thread::Builder::new()
            .name(format!("shard-{}", index.0))
            .spawn(move || run(Shard::new(clock, seed), clock, &commands))?;
        Ok(ShardHandle(sender))
    }

    pub(crate) fn tell(&self, command: HubCommand) {
        // The thread lives as long as there is a handle.
        let _ = self.0.send(command);
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

fn run(mut shard: Shard<SlotSink, Port>, clock: Clock, commands: &Receiver<HubCommand>) {
    loop {
        let command = match shard.poll_timeout() {
            Some(time) => commands.recv_timeout(clock.until(time)),
            None => commands.recv().map_err(RecvTimeoutError::from),
        };
        match command {
            Ok(command) => shard.handle(clock.now(), command),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        shard.handle_timeout(clock.now());
    }
}
