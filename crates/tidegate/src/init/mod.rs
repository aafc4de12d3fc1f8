//! `tidegate init`: a configuration to start from, for an API that has an OpenAPI document or only a URL.
//!
//! Owns the way from the one to the other. Invariant: what is written is a configuration that `tidegate check` accepts;
//! what a document says that cannot be one is a comment in it. Nothing that a document holds can be more than a comment
//! or a quoted text.

mod answers;
mod document;
mod gets;
mod paths;
mod servers;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;
use std::io::{self, Read, Write};
use std::path::Path;

use crate::cli::InitArgs;
use crate::config::{Config, render};

use document::Document;

/// The exit code where nothing was written.
const EXIT_FAILED: u8 = 1;

/// Why there is no configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InitError {
    /// The file, and in a document the JSON Pointer behind a `#`.
    place: String,
    what: String,
    help: String,
}

impl InitError {
    fn new(place: impl Into<String>, what: impl Into<String>, help: impl Into<String>) -> InitError {
        InitError { place: place.into(), what: what.into(), help: help.into() }
    }
}

impl fmt::Display for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InitError { place, what, help } = self;
        write!(f, "{place}: error: {what}\n  help: {help}")
    }
}

/// A configuration, and what its reader has to know besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) text: String,
    /// One line each.
    pub(crate) notes: Vec<String>,
}

/// Writes what the options ask for to `out`, or to the file that they name; notes and errors go to `err`. The result is
/// the exit code.
///
/// # Errors
/// If `out` or `err` cannot be written to.
pub fn run(
    args: &InitArgs,
    input: &mut impl Read,
    out: &mut impl Write,
    err: &mut impl Write,
) -> io::Result<u8> {
    let written = match configuration(args, input) {
        Ok(written) => written,
        Err(error) => {
            writeln!(err, "{error}")?;
            return Ok(EXIT_FAILED);
        }
    };
    match &args.out {
        None => out.write_all(written.text.as_bytes())?,
        Some(path) => {
            if let Err(error) = save(path, &written.text, args.force) {
                writeln!(err, "{error}")?;
                return Ok(EXIT_FAILED);
            }
            writeln!(err, "Written to {path}. Next: tidegate check --config {path}", path = path.display())?;
        }
    }
    for note in &written.notes {
        writeln!(err, "note: {note}")?;
    }
    Ok(0)
}

fn configuration(args: &InitArgs, input: &mut impl Read) -> Result<Written, InitError> {
    let origin = args.origin.as_deref();
    let written = match (&args.from, origin) {
        (None, origin) => write::minimal(origin.unwrap_or_default()),
        (Some(from), origin) => from_document(&Document::read(from, input)?, origin)?,
    };
    // Whatever a document holds: what is handed out is a configuration.
    match Config::parse("tidegate.toml", &written.text, &|_| None) {
        Ok(_) => Ok(written),
        Err(errors) => Err(InitError::new(
            args.from.as_deref().unwrap_or("--origin"),
            format!("no configuration could be made of it:\n{}", render(&errors).trim_end()),
            "this is a mistake of this program: please report it; meanwhile begin with `tidegate init --origin URL`",
        )),
    }
}

/// The configuration for the GETs of a document; `origin` is where the API is, in the place of what the document says.
pub(crate) fn from_document(document: &Document, origin: Option<&str>) -> Result<Written, InitError> {
    let found = gets::find(document, origin)?;
    Ok(write::whole(document, found))
}

/// Writes a file that is not there yet, or any with `force`.
fn save(path: &Path, text: &str, force: bool) -> Result<(), InitError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    let opened =
        if force { options.create(true).truncate(true) } else { options.create_new(true) }.open(path);
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        let place = path.display().to_string();
        match error.kind() {
            io::ErrorKind::AlreadyExists => InitError::new(
                place,
                "the file is there already",
                "add --force to replace it, or name another with --out",
            ),
            _ => InitError::new(
                place,
                format!("the file cannot be written: {error}"),
                "name a file with --out that this user may write",
            ),
        }
    })
}
