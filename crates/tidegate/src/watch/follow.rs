//! Updates as lines, each written out at once.

use std::future::Future;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use tidegate_client::Live;

use super::lines::{json_line, plain_line};
use super::{Failure, stop_signal};

/// How a line says what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// A JSON object, for scripts.
    Json,
    /// A few words, for logs.
    Plain,
}

/// How long an output that takes nothing may hold up the end.
const LAST_WRITE: Duration = Duration::from_secs(1);

/// Follows `live` on the standard output until a signal.
pub(super) async fn to_stdout(live: Live, format: Format, count: Option<u64>) -> Result<(), Failure> {
    let (sender, stopped) = tokio::sync::oneshot::channel();
    let signals = tokio::spawn(async move {
        stop_signal().await;
        // The follower may be gone already; then there is nothing to stop.
        let _ = sender.send(());
        // It may also be held up by a pipe that nobody reads. There is nothing to clean up.
        tokio::time::sleep(LAST_WRITE).await;
        std::process::exit(0);
    });
    let result = follow(live, format, count, &mut io::stdout().lock(), stopped).await;
    signals.abort();
    result
}

/// Writes a line for each update, until `stopped` is ready or `count` snapshots and patches were written.
async fn follow(
    mut live: Live,
    format: Format,
    count: Option<u64>,
    out: &mut impl Write,
    stopped: impl Future,
) -> Result<(), Failure> {
    let mut left = count;
    tokio::pin!(stopped);
    while left != Some(0) {
        let update = tokio::select! {
            _ = &mut stopped => return Ok(()),
            update = live.next() => update.map_err(Failure::Ended)?,
        };
        let line = match format {
            Format::Json => json_line(&update, live.document()),
            Format::Plain => plain_line(&update, live.document(), SystemTime::now().into()),
        };
        out.write_all((line + "\n").as_bytes())?;
        out.flush()?;
        if update.is_change() {
            left = left.map(|left| left - 1);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};
    use tidegate_client::{Client, Error};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// A live resource at a server that answers the first request with a snapshot and two patches, and any other
    /// with 404.
    async fn live() -> Live {
        const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
            tidegate-content-type: application/json\r\nconnection: close\r\n\r\n\
            event: snapshot\nid: a.1\ndata: [1.10]\n\n\
            event: patch\nid: a.2\ndata: [{\"op\":\"replace\",\"path\":\"/0\",\"value\":1.20}]\n\n\
            event: patch\nid: a.3\ndata: [{\"op\":\"add\",\"path\":\"/1\",\"value\":2}]\n\n";
        const GONE: &str = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            for answer in [STREAM, GONE] {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(socket.read_u8().await.unwrap());
                }
                socket.write_all(answer.as_bytes()).await.unwrap();
                socket.shutdown().await.unwrap();
            }
        });
        Client::builder(url).max_backoff(Duration::from_millis(5)).build().unwrap().live()
    }

    #[tokio::test]
    async fn a_count_ends_it() {
        let mut out = Vec::new();
        let result = follow(live().await, Format::Json, Some(2), &mut out, pending::<()>()).await;
        assert!(result.is_ok());
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"type\":\"connected\",\"source\":\"stream\"}\n\
             {\"type\":\"snapshot\",\"position\":\"a.1\",\"data\":[1.10],\"bytes\":6}\n\
             {\"type\":\"patch\",\"position\":\"a.2\",\"patch\":[{\"op\":\"replace\",\"path\":\"/0\",\"value\":1.20}],\"bytes\":43}\n"
        );
    }

    #[tokio::test]
    async fn an_error_and_a_signal_end_it() {
        let mut out = Vec::new();
        let result = follow(live().await, Format::Plain, None, &mut out, pending::<()>()).await;
        assert!(matches!(result, Err(Failure::Ended(Error::Refused { .. }))), "{result:?}");
        let out = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines.len(), 5, "{out}");
        assert!(
            lines[3].ends_with("patch a.3 (36 B): +/1 2") && lines[4].contains("disconnected: "),
            "{out}"
        );

        let result = follow(live().await, Format::Plain, None, &mut Vec::new(), ready(())).await;
        assert!(result.is_ok());
    }

    #[tokio::test]
    async fn a_reader_that_leaves_is_told_from_other_errors() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let result = follow(live().await, Format::Json, None, &mut Closed, pending::<()>()).await;
        assert!(
            matches!(&result, Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe),
            "{result:?}"
        );
    }
}
