//! Work on large documents, away from the runtime's own threads.

use std::future::pending;

/// From this size on, a document is parsed, compared and compressed off the runtime's own threads.
const HEAVY_BYTES: usize = 64 * 1024;

/// Runs `work` where `bytes` of documents do not hold up what else the runtime does.
pub async fn heavily<T: Send + 'static>(bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> T {
    if bytes < HEAVY_BYTES {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => pending().await, // The runtime is shutting down, and this task with it.
        },
    }
}
