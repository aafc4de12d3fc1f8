//! Credentials that run out: each request asks for them, and a 401 is tried once more with new ones.
//!
//! ```sh
//! TOKEN_FILE=/run/secrets/token cargo run -p tidegate-client --example token -- https://live.example.com/orders
//! ```

use tidegate_client::http::{HeaderMap, HeaderValue, header};
use tidegate_client::{BoxError, Client};

async fn fields() -> Result<HeaderMap, BoxError> {
    let path = std::env::var("TOKEN_FILE")?;
    let token = std::fs::read_to_string(path)?;
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.trim()))?;
    // It is not to be seen in logs.
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(header::AUTHORIZATION, value)]))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("usage: token URL")?;
    let mut live = Client::builder(url).headers_from(fields).build()?.live();
    loop {
        println!("{:?}", live.next().await?);
    }
}
