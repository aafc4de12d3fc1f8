//! What stands behind an error: its chain of causes.

use std::error::Error;
use std::io;

/// An error and what caused it, from the outside in. An I/O error that only wraps another one would hide it: its
/// `source` is that one's source already.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn Error + 'static)| {
        match error.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

/// The innermost error's words, which are the ones that help.
pub(super) fn root_cause(error: &(dyn Error + 'static)) -> String {
    chain(error).last().unwrap_or(error).to_string()
}

/// The first error of one type among the causes.
pub(super) fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    all(error).next()
}

/// All errors of one type among the causes.
pub(super) fn all<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a E> {
    chain(error).filter_map(|error| error.downcast_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_io_errors_wrap_is_found() {
        let inner = io::Error::from_raw_os_error(111);
        let expected = inner.to_string();
        let wrapped = io::Error::other(io::Error::other(rustls::Error::General("why".to_owned())));
        assert!(matches!(find::<rustls::Error>(&wrapped), Some(rustls::Error::General(why)) if why == "why"));
        assert!(find::<rustls::Error>(&inner).is_none());
        assert_eq!(root_cause(&io::Error::other(inner)), expected);
    }
}
