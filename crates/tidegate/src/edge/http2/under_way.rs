//! The requests under way on a connection: whether there are any, and how many were called off.
//!
//! A request that is called off costs its client two small frames, and the gateway and its origin whatever it had begun.
//! So those are counted, wherever they were: before their answer, or in the middle of it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use tidegate_hub::{Body, BoxError, Clock};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::edge::admission::Bucket;

/// The requests of one connection.
#[derive(Clone)]
pub(super) struct UnderWay {
    state: Arc<watch::Sender<State>>,
    clock: Clock,
}

struct State {
    requests: usize,
    /// How many more may be called off.
    patience: Bucket,
    flooded: bool,
}

impl UnderWay {
    /// None yet, and so many may be called off in a second.
    pub(super) fn new(clock: Clock, most_called_off: usize) -> UnderWay {
        let state = State { requests: 0, patience: Bucket::new(most_called_off), flooded: false };
        UnderWay { state: Arc::new(watch::Sender::new(state)), clock }
    }

    /// One more.
    pub(super) fn begin(&self) -> One {
        self.state.send_modify(|state| state.requests += 1);
        One { all: self.clone(), sent: false }
    }

    /// Comes back when there was no request for so long.
    pub(super) async fn idle_for(&self, time: Duration) {
        let mut state = self.state.subscribe();
        loop {
            let busy = state.borrow_and_update().requests > 0;
            // The sender is in `self`: it is there.
            let changed = state.changed();
            if busy {
                let _ = changed.await;
            } else if timeout(time, changed).await.is_err() {
                return;
            }
        }
    }

    /// Comes back when more were called off than may be.
    pub(super) async fn flooded(&self) {
        let _ = self.state.subscribe().wait_for(|state| state.flooded).await;
    }
}

/// A request, until its answer was sent or nobody wants it any more.
pub(super) struct One {
    all: UnderWay,
    sent: bool,
}

impl One {
    /// Goes on as long as the answer's body does.
    pub(super) fn until_sent(self, response: Response<Body>) -> Response<Body> {
        response.map(|body| Counted { body, one: self }.boxed_unsync())
    }
}

impl Drop for One {
    fn drop(&mut self) {
        let now = self.all.clock.now();
        self.all.state.send_modify(|state| {
            state.requests -= 1;
            state.flooded |= !self.sent && !state.patience.take(now);
        });
    }
}

/// The body of an answer whose request is counted.
struct Counted {
    body: Body,
    one: One,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        // What fails was not called off by the client.
        self.one.sent |= !matches!(frame, Some(Ok(_)));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // Nobody asks for more where nothing is left.
        self.one.sent |= self.body.is_end_stream();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::edge::answer::{empty, full};

    const LONG: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn idle_is_without_a_request_for_the_whole_time() {
        let under_way = UnderWay::new(Clock::new(), 1);
        let waiting = under_way.clone();
        let idle = tokio::spawn(async move { waiting.idle_for(LONG).await });
        let one = under_way.begin();
        tokio::time::sleep(2 * LONG).await;
        assert!(!idle.is_finished(), "a request is under way");
        drop(one);
        tokio::time::sleep(LONG / 2).await;
        // It comes and goes before anybody looks.
        drop(under_way.begin());
        tokio::time::sleep(LONG * 3 / 4).await;
        assert!(!idle.is_finished(), "there was one since");
        tokio::time::sleep(LONG).await;
        assert!(idle.is_finished());
    }

    #[tokio::test]
    async fn only_what_is_called_off_counts() {
        let under_way = UnderWay::new(Clock::new(), 0);
        let answered = under_way.begin().until_sent(empty(http::StatusCode::OK));
        drop(answered);
        let answered = under_way.begin().until_sent(Response::new(full(Bytes::from_static(b"a"))));
        let body = answered.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "a");
        assert!(!under_way.state.borrow().flooded);
        drop(under_way.begin().until_sent(Response::new(full(Bytes::from_static(b"a")))));
        under_way.flooded().await;
        assert_eq!(under_way.state.borrow().requests, 0);

        let early = UnderWay::new(Clock::new(), 0);
        drop(early.begin());
        early.flooded().await;
    }
}
