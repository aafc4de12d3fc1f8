//! The program itself, as it is run.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::common::{Api, Stream, get, ok, within};

/// The program, and the address that it says it listens on.
pub(crate) async fn started(arguments: &[&str]) -> (Child, std::net::SocketAddr) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = within("it says where it listens", lines.next_line()).await.unwrap().unwrap();
    let address = line.split("://").nth(1).unwrap_or_else(|| panic!("{line}")).trim().parse().unwrap();
    // Read on, so that it never waits for somebody to take what it says.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, address)
}

#[tokio::test]
async fn a_signal_closes_streams_in_order() {
    for signal in ["TERM", "INT"] {
        let api = Api::serve(|_| ok("[1]")).await;
        let (mut child, address) =
            started(&["serve", "--origin", api.url(), "--listen", "127.0.0.1:0", "--poll", "50ms"]).await;
        assert_eq!(get(address, "/q", &[]).await.text(), "[1]");
        let mut stream = Stream::open(address, "/q", &[]).await;
        stream.begin().await;
        let pid = child.id().unwrap().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &*pid]).status().await.unwrap().success());
        let last = stream.expect("status").await;
        assert!(last.retry.is_some_and(|retry| retry >= 1000), "{last:?}");
        assert_eq!(stream.next().await, None, "the stream ends in order");
        let status = within("the program ends", child.wait()).await.unwrap();
        assert_eq!(status.code(), Some(0), "SIG{signal}");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_its_remedy() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let serving = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["serve", "--origin", "http://127.0.0.1:9", "--listen", &address])
        .output();
    let output = within("it gives up", serving).await.unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains(&address) && text.contains("--listen"), "{text}");
}
