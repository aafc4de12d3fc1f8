//! Follows a live resource and prints it after each change.
//!
//! ```sh
//! cargo run -p tidegate-client --example follow -- http://127.0.0.1:8080/quotes
//! ```

use tidegate_client::{Client, Error, Update};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("usage: follow URL")?;
    let mut live = Client::builder(url).build()?.live();
    loop {
        match live.next().await {
            Ok(Update::Connected { source }) => eprintln!("connected: {source:?}"),
            Ok(Update::Status(status)) => eprintln!("{} since {}", status.state.as_str(), status.since),
            Ok(Update::Disconnected { cause, retry_in }) => eprintln!("{cause}; again in {retry_in:.1?}"),
            Ok(_) => println!("{}", live.document().expect("there is one after a change").text()),
            Err(Error::Complete) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
