//! Content codings of the origin's answers: which, and their removal within a limit (RFC 9110 §8.4).

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::collect;

/// What the gateway asks for, best supported first.
pub(super) const ACCEPTED: &str = "gzip, br, zstd";

/// The most codings on top of each other. Honest origins use one.
const MOST: usize = 4;

/// The largest window that a zstd content coding may need, 8 MB (RFC 9659 §3): also the decoder's memory.
const ZSTD_WINDOW_LOG: u32 = 23;

/// How much is decoded before other tasks get their turn.
const SLICE: usize = 64 * 1024;

/// A content coding that can be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Brotli,
    Zstd,
}

/// Why a coding could not be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DecodeError {
    /// The content is longer than the limit.
    TooLarge,
    /// The bytes are cut off, or are not in the coding that they claim.
    Broken,
}

/// The codings of an answer in the order in which they were applied, or none where one of them is not known here.
pub(super) fn codings(fields: &HeaderMap) -> Option<Vec<Coding>> {
    let mut codings = Vec::new();
    for value in fields.get_all(header::CONTENT_ENCODING) {
        let names = value.to_str().ok()?.split(',').map(str::trim).filter(|name| !name.is_empty());
        for name in names {
            match name.to_ascii_lowercase().as_str() {
                "identity" => {}
                // The old name means the same (RFC 9110 §8.4.1.3).
                "gzip" | "x-gzip" => codings.push(Coding::Gzip),
                "br" => codings.push(Coding::Brotli),
                "zstd" => codings.push(Coding::Zstd),
                _ => return None,
            }
        }
    }
    (codings.len() <= MOST).then_some(codings)
}

/// Removes the codings, last applied first. No stage grows beyond `limit` bytes: a compression bomb costs that much
/// memory and no more.
pub(super) async fn decode(encoded: Bytes, codings: &[Coding], limit: usize) -> Result<Bytes, DecodeError> {
    let mut content = encoded;
    for coding in codings.iter().rev() {
        // Nothing at all is a body without content, whatever the field says; some origins label even those.
        if content.is_empty() {
            break;
        }
        let input = &content[..];
        content = match coding {
            Coding::Gzip => {
                let mut decoder = GzipDecoder::new(input);
                // RFC 1952 §2.2: a file consists of members.
                decoder.multiple_members(true);
                drain(decoder, limit).await?
            }
            Coding::Brotli => drain(BrotliDecoder::new(input), limit).await?,
            Coding::Zstd => {
                let window = DParameter::window_log_max(ZSTD_WINDOW_LOG);
                let mut decoder = ZstdDecoder::with_params(input, &[window]);
                // RFC 8878 §3: content consists of frames.
                decoder.multiple_members(true);
                drain(decoder, limit).await?
            }
        };
    }
    Ok(content)
}

async fn drain(mut decoder: impl AsyncRead + Unpin, limit: usize) -> Result<Bytes, DecodeError> {
    let mut content = BytesMut::new();
    loop {
        content.reserve(SLICE);
        let mut slice = (&mut decoder).take(SLICE as u64);
        match slice.read_buf(&mut content).await {
            Ok(0) => return Ok(collect::snug(content)),
            Ok(_) if content.len() > limit => return Err(DecodeError::TooLarge),
            Ok(_) => tokio::task::yield_now().await,
            Err(_) => return Err(DecodeError::Broken),
        }
    }
}

#[cfg(test)]
mod tests {
    use async_compression::tokio::bufread::{BrotliEncoder, GzipEncoder, ZstdEncoder};

    use super::*;

    async fn encode(content: &[u8], coding: Coding) -> Bytes {
        let mut encoded = Vec::new();
        match coding {
            Coding::Gzip => GzipEncoder::new(content).read_to_end(&mut encoded).await,
            Coding::Brotli => BrotliEncoder::new(content).read_to_end(&mut encoded).await,
            Coding::Zstd => ZstdEncoder::new(content).read_to_end(&mut encoded).await,
        }
        .unwrap();
        encoded.into()
    }

    const ALL: [Coding; 3] = [Coding::Gzip, Coding::Brotli, Coding::Zstd];

    #[tokio::test]
    async fn what_was_encoded_comes_back() {
        let content: Vec<u8> = (0..20_000u32).flat_map(|n| (n / 7).to_string().into_bytes()).collect();
        for coding in ALL {
            let encoded = encode(&content, coding).await;
            assert!(encoded.len() < content.len());
            assert_eq!(decode(encoded, &[coding], content.len()).await.unwrap(), content, "{coding:?}");
        }
        let twice = encode(&encode(&content, Coding::Gzip).await, Coding::Brotli).await;
        let decoded = decode(twice, &[Coding::Gzip, Coding::Brotli], content.len()).await;
        assert_eq!(decoded.unwrap(), content);
    }

    #[tokio::test]
    async fn several_members_are_one_content() {
        for coding in [Coding::Gzip, Coding::Zstd] {
            let mut both = encode(b"one ", coding).await.to_vec();
            both.extend_from_slice(&encode(b"two", coding).await);
            assert_eq!(&decode(both.into(), &[coding], 100).await.unwrap()[..], b"one two", "{coding:?}");
        }
    }

    #[tokio::test]
    async fn content_stops_at_the_limit() {
        let content = vec![b' '; 256 << 10];
        for coding in ALL {
            let encoded = encode(&content, coding).await;
            let limited = decode(encoded.clone(), &[coding], content.len() - 1).await;
            assert_eq!(limited, Err(DecodeError::TooLarge), "{coding:?}");
            assert_eq!(decode(encoded, &[coding], content.len()).await.unwrap().len(), content.len());
        }
    }

    #[tokio::test]
    async fn broken_codings_are_errors() {
        let content = b"{\"a\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18]}";
        for coding in ALL {
            let encoded = encode(content, coding).await;
            let cut = encoded.slice(..encoded.len() - 5);
            assert_eq!(decode(cut, &[coding], 1000).await, Err(DecodeError::Broken), "{coding:?} cut off");
            let plain = Bytes::from_static(content);
            assert_eq!(
                decode(plain, &[coding], 1000).await,
                Err(DecodeError::Broken),
                "{coding:?} not at all"
            );
            assert!(decode(Bytes::new(), &[coding], 1000).await.unwrap().is_empty());
        }
    }

    #[test]
    fn codings_are_read_from_all_fields() {
        for (values, expected) in [
            (&[][..], Some(vec![])),
            (&["identity"], Some(vec![])),
            (&["GZip"], Some(vec![Coding::Gzip])),
            (&["x-gzip, identity", "br,zstd"], Some(vec![Coding::Gzip, Coding::Brotli, Coding::Zstd])),
            (&["deflate"], None),
            (&["gzip, compress"], None),
            (&["gzip,gzip,gzip,gzip,gzip"], None),
        ] {
            let fields: HeaderMap =
                values.iter().map(|value| (header::CONTENT_ENCODING, value.parse().unwrap())).collect();
            assert_eq!(codings(&fields), expected, "{values:?}");
        }
    }
}
