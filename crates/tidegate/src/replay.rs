//! A body of which a part was taken in already, as if nobody had looked at it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tidegate_hub::{self as hub, BoxError};

/// The body that begins with what was taken in and goes on with the rest as it comes.
pub(crate) fn replayed<B>(taken: impl IntoIterator<Item = Frame<Bytes>>, rest: B) -> hub::Body
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<BoxError>,
{
    let says_something = |frame: &Frame<Bytes>| frame.data_ref().is_none_or(|data| !data.is_empty());
    Replay { taken: taken.into_iter().filter(says_something).collect(), rest }.boxed_unsync()
}

struct Replay<B> {
    taken: VecDeque<Frame<Bytes>>,
    rest: B,
}

impl<B> Body for Replay<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.taken.pop_front() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => Pin::new(&mut self.rest).poll_frame(context).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.taken.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let taken: usize = self.taken.iter().filter_map(Frame::data_ref).map(Bytes::len).sum();
        let (taken, rest) = (taken as u64, self.rest.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(taken));
        if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(taken)) {
            hint.set_upper(upper);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http_body_util::Full;

    use super::*;

    #[tokio::test]
    async fn nothing_is_lost_and_its_length_is_known() {
        let rest = || Full::new(Bytes::from_static(b"cd"));
        let body = replayed([Frame::data(Bytes::from_static(b"ab"))], rest());
        assert_eq!(body.size_hint().exact(), Some(4));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "abcd");
        let body = replayed([Frame::data(Bytes::new())], Full::new(Bytes::new()));
        assert!(body.is_end_stream(), "nothing taken in is nothing");
        let trailers = HeaderMap::from_iter([(http::header::ETAG, "\"a\"".parse().unwrap())]);
        let taken = [Frame::data(Bytes::from_static(b"ab")), Frame::trailers(trailers.clone())];
        let collected = replayed(taken, Full::new(Bytes::new())).collect().await.unwrap();
        assert_eq!((collected.trailers().cloned(), collected.to_bytes().len()), (Some(trailers), 2));
    }
}
