//! One number out of a document, at most once a second, as a type of one's own that keeps its digits.
//!
//! ```sh
//! cargo run -p tidegate-client --example typed -- http://127.0.0.1:8080/quotes '$[*].last'
//! ```

use std::time::Duration;

use serde_json::value::RawValue;
use tidegate_client::Client;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(path)) = (arguments.next(), arguments.next()) else {
        return Err("usage: typed URL JSONPATH".into());
    };
    let client = Client::builder(url).select(path).rate(Duration::from_secs(1)).build()?;
    let mut live = client.live();
    loop {
        if live.next().await?.is_change() {
            let Some(found) = live.data::<Vec<Box<RawValue>>>() else { continue };
            let texts: Vec<String> = found?.iter().map(|value| value.get().to_owned()).collect();
            println!("{}", texts.join(" "));
        }
    }
}
