//! The JSON of the market's resources.
//!
//! Written by hand because prices are JSON numbers with exactly two decimals, which no float serialiser gives.
//! The members and their order never change. Tickers and names are plain ASCII (see [`crate::listing`]) and need no
//! escaping.

use std::fmt::Write;

use crate::book::Level;
use crate::sim::{Side, Stock, Trade};
use crate::units::Cents;

/// Room for one quote's text, so that a list of them is written without growing.
const QUOTE_BYTES: usize = 192;

/// All quotes: an array in the order of the tickers.
pub(crate) fn quotes(stocks: &[Stock]) -> String {
    let mut out = String::with_capacity(2 + stocks.len() * QUOTE_BYTES);
    list(&mut out, stocks, push_quote);
    out
}

/// One quote.
pub(crate) fn quote(stock: &Stock) -> String {
    let mut out = String::with_capacity(QUOTE_BYTES);
    push_quote(&mut out, stock);
    out
}

/// The kept trades of a symbol, newest first.
pub(crate) fn trades(stock: &Stock) -> String {
    let mut out = String::with_capacity(64 + stock.trades.len() * 112);
    put(&mut out, format_args!(r#"{{"symbol":"{}","trades":"#, stock.listing.symbol));
    list(&mut out, stock.trades.iter().rev(), |out, Trade { id, price, size, side, at }| {
        let side = match side {
            Side::Buy => "buy",
            Side::Sell => "sell",
        };
        put(
            out,
            format_args!(r#"{{"id":{id},"price":{price},"size":{size},"side":"{side}","time":"{at}"}}"#),
        );
    });
    out.push('}');
    out
}

/// The order book of a symbol, best prices first.
pub(crate) fn order_book(stock: &Stock) -> String {
    let mut out = String::with_capacity(1_024);
    put(&mut out, format_args!(r#"{{"symbol":"{}","bids":"#, stock.listing.symbol));
    list(&mut out, &stock.book.bids, push_level);
    out.push_str(r#","asks":"#);
    list(&mut out, &stock.book.asks, push_level);
    out.push('}');
    out
}

fn push_quote(out: &mut String, stock: &Stock) {
    let Stock { listing, price, previous_close, volume, book, .. } = stock;
    let change = Cents(price.0 - previous_close.0);
    put(
        out,
        format_args!(
            concat!(
                r#"{{"symbol":"{symbol}","name":"{name}","price":{price},"change":{change},"#,
                r#""change_percent":{percent},"bid":{bid},"ask":{ask},"volume":{volume},"time":"{time}"}}"#
            ),
            symbol = listing.symbol,
            name = listing.name,
            price = price,
            change = change,
            percent = change.percent_of(*previous_close),
            bid = book.bid(),
            ask = book.ask(),
            volume = volume,
            time = stock.last_trade().at,
        ),
    );
}

fn push_level(out: &mut String, level: &Level) {
    put(out, format_args!(r#"{{"price":{},"size":{}}}"#, level.price, level.size));
}

fn list<T>(out: &mut String, items: impl IntoIterator<Item = T>, push: impl Fn(&mut String, T)) {
    out.push('[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push(out, item);
    }
    out.push(']');
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a String cannot fail.
    out.write_fmt(text).expect("a String takes any text");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Sim;
    use crate::units::Timestamp;
    use serde_json::Value;

    fn sim() -> Sim {
        Sim::new(1, 500, 40.0, Timestamp(1_769_851_800_000_000))
    }

    /// Every number text that follows `"member":`.
    fn numbers<'a>(json: &'a str, member: &str) -> Vec<&'a str> {
        let name = format!("\"{member}\":");
        json.split(&name).skip(1).map(|rest| &rest[..rest.find([',', '}']).unwrap_or(rest.len())]).collect()
    }

    fn assert_two_decimals(number: &str) {
        let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
        assert_eq!(decimals.len(), 2, "{number}");
        assert!(decimals.bytes().all(|b| b.is_ascii_digit()), "{number}");
        let whole = whole.strip_prefix('-').unwrap_or(whole);
        assert!(whole == "0" || !whole.starts_with('0'), "{number}");
    }

    #[test]
    fn quotes_are_json_with_exact_decimals() {
        let sim = sim();
        let text = quotes(sim.stocks());
        let parsed: Vec<Value> = serde_json::from_str(&text).expect("JSON");
        assert_eq!(parsed.len(), 500);
        for member in ["price", "change", "change_percent", "bid", "ask"] {
            let texts = numbers(&text, member);
            assert_eq!(texts.len(), 500, "{member}");
            texts.into_iter().for_each(assert_two_decimals);
        }
        assert!((70_000..140_000).contains(&text.len()), "{}", text.len());
        for (value, stock) in parsed.iter().zip(sim.stocks()) {
            assert_eq!(value["symbol"], stock.listing.symbol);
            assert_eq!(*value, serde_json::from_str::<Value>(&quote(stock)).expect("JSON"));
        }
    }

    #[test]
    fn a_quote_has_its_members_in_order() {
        let mut stock = sim().stocks()[0].clone();
        stock.listing.symbol = "HLD".into();
        stock.listing.name = "Halden Robotics".into();
        (stock.price, stock.previous_close, stock.volume) = (Cents(10_110), Cents(10_152), 123_456);
        stock.book.bids[0].price = Cents(10_109);
        stock.book.asks[0].price = Cents(10_111);
        stock.trades.back_mut().expect("traded").at = Timestamp(1_769_851_800_250_000);
        assert_eq!(
            quote(&stock),
            concat!(
                r#"{"symbol":"HLD","name":"Halden Robotics","price":101.10,"change":-0.42,"change_percent":-0.41,"#,
                r#""bid":101.09,"ask":101.11,"volume":123456,"time":"2026-01-31T09:30:00.250Z"}"#
            )
        );
    }

    #[test]
    fn trades_are_newest_first() {
        let sim = sim();
        let stock = &sim.stocks()[7];
        let text = trades(stock);
        let value: Value = serde_json::from_str(&text).expect("JSON");
        let rows = value["trades"].as_array().expect("an array");
        assert_eq!(value["symbol"], stock.listing.symbol);
        assert_eq!(rows.len(), 100);
        assert_eq!(rows[0]["id"], stock.last_trade().id);
        assert!(rows.windows(2).all(|pair| pair[0]["id"].as_u64() > pair[1]["id"].as_u64()));
        assert!(rows.iter().all(|row| row["side"] == "buy" || row["side"] == "sell"));
        numbers(&text, "price").into_iter().for_each(assert_two_decimals);
    }

    #[test]
    fn the_book_agrees_with_the_quote() {
        let sim = sim();
        for stock in sim.stocks() {
            let (text, quote) = (order_book(stock), quote(stock));
            let book: Value = serde_json::from_str(&text).expect("JSON");
            let quote: Value = serde_json::from_str(&quote).expect("JSON");
            assert_eq!(book["bids"].as_array().map(Vec::len), Some(10));
            assert_eq!(book["asks"].as_array().map(Vec::len), Some(10));
            assert_eq!(book["bids"][0]["price"], quote["bid"]);
            assert_eq!(book["asks"][0]["price"], quote["ask"]);
            numbers(&text, "price").into_iter().for_each(assert_two_decimals);
        }
    }
}
