//! A request's target: which endpoint it means, for which symbol, and by whom.
//!
//! Percent-encoding makes no difference to what a path means (RFC 3986 §6.2.2.2); query parameters other than
//! `apikey` are ignored, and `apikey` does not change what is served.

use http::Uri;
use percent_encoding::percent_decode_str;

use crate::usage::Endpoint;

/// The longest API key, in bytes.
pub(crate) const LONGEST_KEY: usize = 64;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Index,
    Quotes,
    Quote(String),
    Trades(String),
    OrderBook(String),
    Usage,
    Unknown,
}

impl Route {
    /// The route of a path.
    pub(crate) fn of(path: &str) -> Route {
        let segments: Vec<_> = path
            .strip_prefix('/')
            .unwrap_or(path)
            .split('/')
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy())
            .collect();
        let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
        match segments[..] {
            [""] => Route::Index,
            ["quotes"] => Route::Quotes,
            ["usage"] => Route::Usage,
            ["quotes", symbol] if !symbol.is_empty() => Route::Quote(symbol.to_owned()),
            ["quotes", symbol, "trades"] => Route::Trades(symbol.to_owned()),
            ["orderbook", symbol] if !symbol.is_empty() => Route::OrderBook(symbol.to_owned()),
            _ => Route::Unknown,
        }
    }

    /// The endpoint it counts for.
    pub(crate) fn endpoint(&self) -> Endpoint {
        match self {
            Route::Index => Endpoint::Index,
            Route::Quotes => Endpoint::Quotes,
            Route::Quote(_) => Endpoint::Quote,
            Route::Trades(_) => Endpoint::Trades,
            Route::OrderBook(_) => Endpoint::OrderBook,
            Route::Usage => Endpoint::Usage,
            Route::Unknown => Endpoint::Other,
        }
    }
}

/// The key is longer than [`LONGEST_KEY`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyTooLong;

/// The API key that a target names; none where it names none or an empty one. The first of several counts.
pub(crate) fn api_key(uri: &Uri) -> Result<Option<String>, KeyTooLong> {
    let parameters = uri.query().unwrap_or_default().split('&');
    let Some(raw) = parameters.filter_map(|pair| pair.strip_prefix("apikey=")).next() else {
        return Ok(None);
    };
    // As HTML forms encode it: a plus sign is a space.
    let spaced = raw.replace('+', " ");
    let key = percent_decode_str(&spaced).decode_utf8_lossy();
    match key.len() {
        0 => Ok(None),
        length if length > LONGEST_KEY => Err(KeyTooLong),
        _ => Ok(Some(key.into_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_their_routes() {
        for (path, expected) in [
            ("/", Route::Index),
            ("/quotes", Route::Quotes),
            ("/quotes/ABC", Route::Quote("ABC".into())),
            ("/quotes/%41BC", Route::Quote("ABC".into())),
            ("/quotes/A%2FC", Route::Quote("A/C".into())),
            ("/quotes/ABC/trades", Route::Trades("ABC".into())),
            ("/orderbook/ABC", Route::OrderBook("ABC".into())),
            ("/usage", Route::Usage),
            ("/quotes/", Route::Unknown),
            ("/quotes/ABC/", Route::Unknown),
            ("/quotes/ABC/trades/1", Route::Unknown),
            ("/orderbook", Route::Unknown),
            ("/orderbook/", Route::Unknown),
            ("//quotes", Route::Unknown),
            ("/Quotes", Route::Unknown),
            ("*", Route::Unknown),
        ] {
            assert_eq!(Route::of(path), expected, "{path}");
        }
    }

    #[test]
    fn keys_are_read_from_the_query() {
        let long = format!("/?apikey={}", "x".repeat(65));
        let most = format!("/?apikey={}", "x".repeat(64));
        for (target, expected) in [
            ("/quotes", Ok(None)),
            ("/quotes?", Ok(None)),
            ("/quotes?apikey=", Ok(None)),
            ("/quotes?apikeys=a", Ok(None)),
            ("/quotes?apikey=page", Ok(Some("page".to_owned()))),
            ("/quotes?x=1&apikey=p%20a+b&apikey=c", Ok(Some("p a b".to_owned()))),
            (&most, Ok(Some("x".repeat(64)))),
            (&long, Err(KeyTooLong)),
        ] {
            assert_eq!(api_key(&target.parse().expect("a target")), expected, "{target}");
        }
    }
}
