//! A peer: what one writes in an afternoon with axum and a broadcast channel.
//!
//! Each resource has its last event, for those who come, and a channel for what follows; whoever lags behind the
//! channel misses what it overran, as the documentation of both says.

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use futures_util::stream::{self, Stream, StreamExt};
use tokio::net::TcpListener;
use tokio::sync::broadcast::{self, error::RecvError};

use super::role::answer;

/// Where it is published to; the resource's number follows.
pub(crate) const PUBLISH: &str = "/publish/";

/// Events that a channel holds for those who lag.
const CHANNEL: usize = 1024;

#[derive(Clone)]
struct Resource {
    last: Arc<Mutex<Option<Arc<str>>>>,
    sender: broadcast::Sender<Arc<str>>,
}

type Resources = Arc<Mutex<std::collections::HashMap<usize, Resource>>>;

/// Runs until the parent is done.
pub(crate) fn run() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // The command reader of the other roles needs a mio loop; this one only has to end.
    std::thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        std::process::exit(0);
    });
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        answer(&listener.local_addr()?)?;
        let router = Router::new()
            .route("/r/{number}", get(subscribe))
            .route(&format!("{PUBLISH}{{number}}"), post(publish))
            .layer(DefaultBodyLimit::max(16 << 20))
            .with_state(Resources::default());
        let listener = listener.tap_io(|stream| {
            // A socket that refuses works all the same.
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, router).await
    })
}

fn resource(resources: &Resources, number: usize) -> Resource {
    let mut resources = resources.lock().unwrap_or_else(PoisonError::into_inner);
    let new = || Resource { last: Arc::default(), sender: broadcast::channel(CHANNEL).0 };
    resources.entry(number).or_insert_with(new).clone()
}

async fn publish(State(resources): State<Resources>, Path(number): Path<usize>, body: String) {
    let resource = resource(&resources, number);
    let data: Arc<str> = body.into();
    *resource.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(data.clone());
    // Nobody subscribes: nobody is told.
    let _ = resource.sender.send(data);
}

async fn subscribe(
    State(resources): State<Resources>,
    Path(number): Path<usize>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let resource = resource(&resources, number);
    // In this order, so that nothing falls between the two; an event may come twice.
    let receiver = resource.sender.subscribe();
    let last = resource.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let rest = stream::unfold(receiver, |mut receiver| async {
        loop {
            match receiver.recv().await {
                Ok(data) => return Some((data, receiver)),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    });
    let events = stream::iter(last).chain(rest);
    Sse::new(events.map(|data| Ok(Event::default().data(&*data))))
}
