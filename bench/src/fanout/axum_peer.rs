//! A peer: what one writes in an afternoon with axum and a broadcast channel.

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use futures_util::stream::{Stream, StreamExt};
use tokio::net::TcpListener;

use super::channels::Channels;
use super::role::{answer, end_with_parent};

/// Where it is published to; the resource's number follows.
pub(crate) const PUBLISH: &str = "/publish/";

/// Runs until the parent is done.
pub(crate) fn run() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    end_with_parent();
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        answer(&listener.local_addr()?)?;
        let router = Router::new()
            .route("/r/{number}", get(subscribe))
            .route(&format!("{PUBLISH}{{number}}"), post(publish))
            .layer(DefaultBodyLimit::max(16 << 20))
            .with_state(Channels::default());
        let listener = listener.tap_io(|stream| {
            // A socket that refuses works all the same.
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, router).await
    })
}

async fn publish(State(channels): State<Channels>, Path(number): Path<usize>, body: String) {
    channels.publish(number, body.into());
}

async fn subscribe(
    State(channels): State<Channels>,
    Path(number): Path<usize>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(channels.subscribe(number).map(|data| Ok(Event::default().data(&*data))))
}
