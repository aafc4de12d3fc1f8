//! Saying no to a connection so that the client hears it.
//!
//! Closing a socket with bytes of the client unread makes the system send a reset, and a reset throws away what the client
//! has not read yet: it would see a broken connection and not the answer. So the answer is written, this side is closed,
//! and what still comes is read and thrown away for a while (RFC 9112 §9.6).
//!
//! That costs a socket for a moment, so it is done for a few at once and within narrow bounds; beyond them a socket is just
//! closed.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How many are being refused at once.
pub const AT_ONCE: usize = 64;
/// How long one may take.
pub const WITHIN: Duration = Duration::from_secs(1);
/// How much of what the client sends is thrown away.
pub const AT_MOST: usize = 64 << 10;

/// Refuses sockets, a few at once.
#[derive(Clone, Debug)]
pub struct RefusedSockets {
    free: Arc<Semaphore>,
}

impl Default for RefusedSockets {
    fn default() -> Self {
        Self { free: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl RefusedSockets {
    /// Says `answer` on a socket of which nothing was read, and closes it: a [`Refusal`](super::admission::Refusal)'s
    /// `response`, or `tls::REFUSED` on a listener for TLS. Returns at once; must be called within a runtime. `false` if
    /// too many are being refused, and it was closed without a word.
    pub fn refuse(&self, socket: TcpStream, answer: Bytes) -> bool {
        let Ok(permit) = self.free.clone().try_acquire_owned() else { return false };
        tokio::spawn(async move {
            // However it ends, the socket is closed: there is nobody left to tell.
            let _ = timeout(WITHIN, say(socket, &answer)).await;
            drop(permit);
        });
        true
    }

    /// How many are being refused now.
    pub fn busy(&self) -> usize {
        AT_ONCE - self.free.available_permits()
    }
}

async fn say(mut socket: TcpStream, answer: &[u8]) -> io::Result<()> {
    socket.write_all(answer).await?;
    socket.shutdown().await?;
    let mut thrown_away = [0; 2048];
    let mut left = AT_MOST;
    while left > 0 {
        match socket.read(&mut thrown_away).await? {
            0 => break,
            read => left = left.saturating_sub(read),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio::task::yield_now;

    use super::super::admission::Refusal;
    use super::*;

    /// A connection over loopback: the client's end and the server's.
    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (client, served) = tokio::join!(TcpStream::connect(address), listener.accept());
        (client.unwrap(), served.unwrap().0)
    }

    async fn idle(refused: &RefusedSockets) {
        while refused.busy() > 0 {
            yield_now().await;
        }
    }

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n";

    #[tokio::test]
    async fn the_answer_arrives_whenever_the_request_does() {
        let refused = RefusedSockets::default();
        let answer = Refusal::TooMany.response(0);
        // Early: the whole request lies in the server's socket before it is refused.
        let (mut client, served) = pair().await;
        client.write_all(REQUEST).await.unwrap();
        served.readable().await.unwrap();
        assert!(refused.refuse(served, answer.clone()));
        let mut read = Vec::new();
        client.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, answer);
        // Late: it is sent when the answer lies in the client's socket, and then in two parts.
        let (mut client, served) = pair().await;
        assert!(refused.refuse(served, answer.clone()));
        client.readable().await.unwrap();
        client.write_all(&REQUEST[..5]).await.unwrap();
        yield_now().await;
        client.write_all(&REQUEST[5..]).await.unwrap();
        read.clear();
        client.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, answer);
        // Nothing is left of either once the clients are gone.
        drop(client);
        idle(&refused).await;
    }

    #[tokio::test]
    async fn a_long_upload_is_not_a_reset_within_the_bounds() {
        let refused = RefusedSockets::default();
        let answer = Refusal::TooFast.response(0);
        let (mut client, served) = pair().await;
        let upload = vec![b'x'; AT_MOST - 1];
        let refusing = async {
            served.readable().await.unwrap();
            assert!(refused.refuse(served, answer.clone()));
        };
        let (sent, ()) = tokio::join!(client.write_all(&upload), refusing);
        sent.unwrap();
        let mut read = Vec::new();
        client.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, answer);
        drop(client);
        idle(&refused).await;
    }

    #[tokio::test]
    async fn a_client_that_never_stops_sending_is_let_go() {
        let refused = RefusedSockets::default();
        let (mut client, served) = pair().await;
        assert!(refused.refuse(served, Refusal::TooFast.response(0)));
        // Fails when the other end has had enough.
        let chunk = vec![b'x'; 16 << 10];
        while client.write_all(&chunk).await.is_ok() {}
        idle(&refused).await;
    }

    #[tokio::test]
    async fn a_client_that_does_nothing_is_let_go() {
        let refused = RefusedSockets::default();
        let (client, served) = pair().await;
        assert!(refused.refuse(served, Refusal::TooMany.response(0)));
        idle(&refused).await;
        drop(client);
    }

    #[tokio::test]
    async fn beyond_the_bound_sockets_are_closed_without_a_word() {
        let refused = RefusedSockets::default();
        let answer = Bytes::from_static(super::super::tls::REFUSED);
        let mut clients = Vec::new();
        for _ in 0..AT_ONCE {
            let (client, served) = pair().await;
            assert!(refused.refuse(served, answer.clone()));
            clients.push(client);
        }
        assert_eq!(refused.busy(), AT_ONCE);
        let (mut client, served) = pair().await;
        assert!(!refused.refuse(served, answer.clone()));
        let mut read = Vec::new();
        assert_eq!(client.read_to_end(&mut read).await.unwrap(), 0);
        for client in &mut clients {
            read.clear();
            client.read_to_end(&mut read).await.unwrap();
            assert_eq!(read, answer);
        }
        drop(clients);
        idle(&refused).await;
        let (_client, served) = pair().await;
        assert!(refused.refuse(served, answer));
    }
}
