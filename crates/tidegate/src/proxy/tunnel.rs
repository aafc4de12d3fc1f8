//! Tunnels behind a 101: bytes in both directions, of a protocol that the gateway does not speak.

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The open tunnels of a program; each ends with either of its connections, or all of them by [`Tunnels::close`].
#[derive(Debug, Clone, Default)]
pub struct Tunnels {
    tasks: TaskTracker,
    closing: CancellationToken,
}

impl Tunnels {
    /// How many are open.
    pub fn open(&self) -> usize {
        self.tasks.len()
    }

    /// Closes all, and comes back when the last is closed. One that is joined later closes at once.
    pub async fn close(&self) {
        self.closing.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Joins two connections as soon as both have switched protocols. The client's does once it was sent the 101.
    pub(super) fn join(&self, client: OnUpgrade, origin: OnUpgrade, name: &str) {
        let closing = self.closing.clone();
        let name = name.to_owned();
        self.tasks.spawn(async move {
            let ended = closing.run_until_cancelled(run(client, origin)).await;
            match ended {
                Some(Ok((up, down))) => tracing::debug!(origin = name, up, down, "a tunnel was closed"),
                Some(Err(error)) => tracing::debug!(origin = name, %error, "a tunnel broke"),
                None => tracing::debug!(origin = name, "a tunnel ends with the program"),
            }
        });
    }
}

/// Copies until both directions are closed; one that closes is closed towards the other side at once, and the other
/// direction may still finish. Returns the bytes up and down.
async fn run(
    client: OnUpgrade,
    origin: OnUpgrade,
) -> Result<(u64, u64), Box<dyn std::error::Error + Send + Sync>> {
    let (client, origin) = tokio::try_join!(client, origin)?;
    let (mut client, mut origin) = (TokioIo::new(client), TokioIo::new(origin));
    Ok(tokio::io::copy_bidirectional(&mut client, &mut origin).await?)
}
