//! What the peers in Rust share: each resource's last event, for those who come, and a broadcast channel for what
//! follows. Whoever lags behind the channel misses what it overran, as is usual.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::{self, Stream, StreamExt};
use tokio::sync::broadcast::{self, error::RecvError};

/// Events that a channel holds for those who lag.
const CHANNEL: usize = 1024;

/// The resources, by their number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Channels(Arc<Mutex<HashMap<usize, Resource>>>);

#[derive(Debug, Clone)]
struct Resource {
    last: Option<Arc<str>>,
    sender: broadcast::Sender<Arc<str>>,
}

impl Channels {
    fn with<R>(&self, number: usize, act: impl FnOnce(&mut Resource) -> R) -> R {
        let mut resources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Resource { last: None, sender: broadcast::channel(CHANNEL).0 };
        act(resources.entry(number).or_insert_with(new))
    }

    /// Tells all who subscribe.
    pub(crate) fn publish(&self, number: usize, data: Arc<str>) {
        self.with(number, |resource| {
            resource.last = Some(data.clone());
            // Nobody subscribes: nobody is told.
            let _ = resource.sender.send(data);
        });
    }

    /// The last event, and then each.
    pub(crate) fn subscribe(&self, number: usize) -> impl Stream<Item = Arc<str>> + Send + use<> {
        let (last, receiver) =
            self.with(number, |resource| (resource.last.clone(), resource.sender.subscribe()));
        let rest = stream::unfold(receiver, |mut receiver| async {
            loop {
                match receiver.recv().await {
                    Ok(data) => return Some((data, receiver)),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        });
        stream::iter(last).chain(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_event_and_then_each() {
        let channels = Channels::default();
        channels.publish(7, "a".into());
        channels.publish(7, "b".into());
        let mut events = Box::pin(channels.subscribe(7));
        channels.publish(7, "c".into());
        channels.publish(8, "d".into());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let seen = runtime.block_on(async { [events.next().await, events.next().await] });
        assert_eq!(seen.map(|event| event.unwrap().to_string()), ["b", "c"]);
    }
}
