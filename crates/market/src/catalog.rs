//! The resources as they are served: rendered once for each version, compressed at most once for each version.
//!
//! Invariants: an entity tag stands for one sequence of bytes, so each coding has its own; a representation is
//! replaced only by that of a newer version; memory is bounded by four bodies for each symbol and their compressed
//! forms, and a symbol that nobody asks for costs none.

use std::hash::{DefaultHasher, Hasher};
use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderValue;
use tokio::sync::OnceCell;

use crate::negotiate::Coding;
use crate::render;
use crate::sim::{Sim, Stock};
use crate::units::Timestamp;

/// Bodies below this are not compressed: the gain would be a few bytes.
const WORTH_COMPRESSING: usize = 256;

/// A resource that changes with the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource {
    /// All quotes.
    Quotes,
    /// One symbol's quote; the symbol by its place in the list.
    Quote(usize),
    /// One symbol's trades.
    Trades(usize),
    /// One symbol's order book.
    OrderBook(usize),
}

/// One version of a resource.
#[derive(Debug)]
pub(crate) struct Representation {
    body: Bytes,
    tag: String,
    gzip_tag: String,
    modified: HeaderValue,
    compressed: OnceCell<Bytes>,
}

impl Representation {
    /// The representation with this body, last changed at `modified`.
    pub(crate) fn new(body: String, modified: Timestamp) -> Representation {
        // Of the content and of nothing else: whoever restarts with the same content keeps its validators.
        let mut hasher = DefaultHasher::new();
        hasher.write(body.as_bytes());
        let hash = hasher.finish();
        Representation {
            body: body.into(),
            tag: format!("\"{hash:016x}\""),
            gzip_tag: format!("\"{hash:016x}-gzip\""),
            modified: http_date(modified),
            compressed: OnceCell::new(),
        }
    }

    /// The coding to serve where `wanted` was asked for.
    pub(crate) fn coding(&self, wanted: Coding) -> Coding {
        if self.body.len() < WORTH_COMPRESSING { Coding::Identity } else { wanted }
    }

    /// The strong entity tag of the body in this coding, with its quotes.
    pub(crate) fn etag(&self, coding: Coding) -> &str {
        match coding {
            Coding::Identity => &self.tag,
            Coding::Gzip => &self.gzip_tag,
        }
    }

    /// `Last-Modified`.
    pub(crate) fn modified(&self) -> &HeaderValue {
        &self.modified
    }

    /// The body in this coding. The first reader of the compressed form waits for it to be made, off the event loop;
    /// all that come meanwhile wait for the same.
    pub(crate) async fn body(&self, coding: Coding) -> Bytes {
        match coding {
            Coding::Identity => self.body.clone(),
            Coding::Gzip => self.compressed.get_or_init(|| compress(self.body.clone())).await.clone(),
        }
    }
}

async fn compress(body: Bytes) -> Bytes {
    let gzip = |body: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::default());
        // Writing into a Vec cannot fail.
        encoder.write_all(body).and_then(|()| encoder.finish()).expect("a Vec takes any bytes")
    };
    let shared = body.clone();
    match tokio::task::spawn_blocking(move || gzip(&shared)).await {
        Ok(compressed) => compressed.into(),
        // The runtime is going down and takes no more work: this last reader's body is made here.
        Err(_) => gzip(&body).into(),
    }
}

/// A time as header fields write it; the years that it cannot write are out of a running server's reach.
pub(crate) fn http_date(time: Timestamp) -> HeaderValue {
    HeaderValue::try_from(httpdate::fmt_http_date(time.to_system())).expect("a date is visible ASCII")
}

/// The newest representation of each resource that was asked for.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    quotes: Slot,
    stocks: Vec<StockSlots>,
}

#[derive(Debug, Default, Clone)]
struct StockSlots {
    quote: Slot,
    trades: Slot,
    order_book: Slot,
}

/// A representation with the id of the trade that made its version.
type Slot = Option<(u64, Arc<Representation>)>;

impl Catalog {
    /// A catalog for this many symbols.
    pub(crate) fn new(symbols: usize) -> Catalog {
        Catalog { quotes: None, stocks: vec![StockSlots::default(); symbols] }
    }

    /// The representation of `resource` in the market's present state. Places come from [`Sim::find`].
    pub(crate) fn get(&mut self, sim: &Sim, resource: Resource) -> Arc<Representation> {
        let (slot, index, render): (_, _, fn(&Stock) -> String) = match resource {
            Resource::Quotes => {
                return current(&mut self.quotes, newest(sim), || render::quotes(sim.stocks()));
            }
            Resource::Quote(index) => (&mut self.stocks[index].quote, index, render::quote),
            Resource::Trades(index) => (&mut self.stocks[index].trades, index, render::trades),
            Resource::OrderBook(index) => (&mut self.stocks[index].order_book, index, render::order_book),
        };
        let stock = &sim.stocks()[index];
        let last = stock.last_trade();
        current(slot, (last.id, last.at), || render(stock))
    }
}

/// What is in the slot if it is of this version, else what `render` makes, which then is in the slot.
fn current(
    slot: &mut Slot,
    (version, modified): (u64, Timestamp),
    render: impl FnOnce() -> String,
) -> Arc<Representation> {
    match slot {
        Some((rendered, representation)) if *rendered == version => representation.clone(),
        _ => {
            let representation = Arc::new(Representation::new(render(), modified));
            *slot = Some((version, representation.clone()));
            representation
        }
    }
}

/// Version and time of the whole market.
fn newest(sim: &Sim) -> (u64, Timestamp) {
    let at = sim.stocks().iter().map(|stock| stock.last_trade().at).max();
    (sim.last_id(), at.unwrap_or(Timestamp(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::time::Duration;

    const START: Timestamp = Timestamp(1_769_851_800_000_000);

    #[test]
    fn a_version_is_rendered_once() {
        let mut sim = Sim::new(1, 20, 40.0, START);
        let mut catalog = Catalog::new(20);
        for resource in [Resource::Quotes, Resource::Quote(3), Resource::Trades(3), Resource::OrderBook(3)] {
            let first = catalog.get(&sim, resource);
            assert!(Arc::ptr_eq(&first, &catalog.get(&sim, resource)), "{resource:?}");
        }
        let before = catalog.get(&sim, Resource::Quotes);
        sim.advance(START.plus(Duration::from_secs(5)));
        let after = catalog.get(&sim, Resource::Quotes);
        assert_ne!(before.etag(Coding::Identity), after.etag(Coding::Identity));
        assert_ne!(before.body, after.body);
    }

    #[test]
    fn only_what_traded_gets_a_new_version() {
        let mut sim = Sim::new(2, 200, 40.0, START);
        let mut catalog = Catalog::new(200);
        let versions = |catalog: &mut Catalog, sim: &Sim| -> Vec<_> {
            (0..200).map(|i| catalog.get(sim, Resource::OrderBook(i))).collect()
        };
        let (before, stocks) = (versions(&mut catalog, &sim), sim.stocks().to_vec());
        sim.advance(START.plus(Duration::from_secs(1)));
        let after = versions(&mut catalog, &sim);
        let kept = |i: usize| Arc::ptr_eq(&before[i], &after[i]);
        assert!((0..200).any(|i| !kept(i)));
        for (index, stock) in stocks.iter().enumerate() {
            assert_eq!(kept(index), *stock == sim.stocks()[index]);
        }
    }

    #[tokio::test]
    async fn a_version_is_compressed_once() {
        let sim = Sim::new(3, 20, 40.0, START);
        let representation = Catalog::new(20).get(&sim, Resource::Quotes);
        let (one, two) = tokio::join!(representation.body(Coding::Gzip), representation.body(Coding::Gzip));
        assert_eq!(one.as_ptr(), two.as_ptr());
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&one[..]).read_to_end(&mut plain).expect("gzip");
        assert_eq!(plain, representation.body(Coding::Identity).await);
        assert_ne!(representation.etag(Coding::Gzip), representation.etag(Coding::Identity));
    }

    #[test]
    fn equal_content_has_equal_tags_and_small_bodies_stay_plain() {
        let of = |body: &str| Representation::new(body.to_owned(), START);
        assert_eq!(of("[1.10]").etag(Coding::Identity), of("[1.10]").etag(Coding::Identity));
        assert_ne!(of("[1.10]").etag(Coding::Identity), of("[1.1]").etag(Coding::Identity));
        assert_eq!(of("[1.10]").coding(Coding::Gzip), Coding::Identity);
        assert_eq!(of(&"1".repeat(1_000)).coding(Coding::Gzip), Coding::Gzip);
        assert_eq!(of("[]").modified(), "Sat, 31 Jan 2026 09:30:00 GMT");
    }
}
