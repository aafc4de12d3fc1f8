//! A route's `expect`: which answers are taken for its representations.
//!
//! Owns the four settings, what makes each of them wrong, and the way from them to what answers are held against. The
//! schema is read with the rest of the configuration, so that a gateway that starts can check.

use std::path::Path;
use std::sync::Arc;

use http::StatusCode;
use tidegate_core::json::Pointer;

use super::error::Problem;
use super::fields::pointer;
use super::kind::Section;
use super::read::{At, Fields, Reader};
use super::tls::open;
use super::value::{Sourced, ValueError};
use crate::expect::{Content, Head, MediaPattern, Schema};

/// What a route expects of answers.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpectSettings {
    /// The statuses of representations; never empty.
    pub status: Vec<Sourced<StatusCode>>,
    /// Their media type.
    pub media: Sourced<MediaPattern>,
    /// What each has.
    pub pointer: Vec<Sourced<Pointer>>,
    /// The file of the schema that each is valid against, as it is written, and what it holds.
    pub schema: Option<(Sourced<String>, Arc<Schema>)>,
}

impl ExpectSettings {
    /// What is expected of an answer's head.
    pub fn head(&self) -> Head {
        Head {
            statuses: self.status.iter().map(|status| **status).collect(),
            media: MediaPattern::clone(&self.media),
        }
    }

    /// What is expected of a document.
    pub fn content(&self) -> Content {
        Content {
            pointers: self.pointer.iter().map(|pointer| Pointer::clone(pointer)).collect(),
            schema: self.schema.as_ref().map(|(_, schema)| schema.clone()),
        }
    }
}

/// The expectations in a route's table, with a relative path from `folder`. `None` if anything in them is wrong.
pub(super) fn read(reader: &mut Reader<'_>, route: &Fields<'_>, folder: &Path) -> Option<ExpectSettings> {
    let fields = reader.table(route, Section::Expect);
    reader.unknown_keys(&fields);
    let status = reader.list(&fields, "status", status);
    let media = reader.value(&fields, "type", |text| MediaPattern::parse(text).ok_or(ValueError::MediaType));
    let pointers = reader.list(&fields, "pointer", pointer);
    let schema = schema(reader, &fields, folder);
    let values = |list: Vec<At<Pointer>>| list.into_iter().map(|at| at.value).collect();
    let mut status: Vec<_> = status?.into_iter().map(|at| at.value).collect();
    if status.is_empty() {
        status.push(Sourced::plain(StatusCode::OK));
    }
    Some(ExpectSettings { status, media: media?.value, pointer: values(pointers?), schema: schema? })
}

/// A success with content: 204 and 205 have none, and 206 has a part.
fn status(text: &str) -> Result<StatusCode, ValueError> {
    let code = text.parse().ok().filter(|code| (200..300).contains(code) && !(204..=206).contains(code));
    code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(ValueError::Status)
}

/// The schema, if one is named; `None` if it is wrong.
#[expect(clippy::option_option, reason = "none is named, or one that is wrong is")]
fn schema(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    folder: &Path,
) -> Option<Option<(Sourced<String>, Arc<Schema>)>> {
    let path = reader.value(fields, "schema", |text| match text.contains('\0') {
        true => Err(ValueError::File),
        false => Ok(text.to_owned()),
    })?;
    let Some(span) = path.span.filter(|_| !path.value.is_empty()) else { return Some(None) };
    let shown = path.value.to_string();
    let read = match open(folder, &path.value) {
        Ok(bytes) => Schema::read(&bytes).map_err(|error| Problem::Schema { shown, error }),
        Err(error) => Err(Problem::Material { key: "schema", shown, error }),
    };
    match read {
        Ok(schema) => Some(Some((path.value, Arc::new(schema)))),
        Err(problem) => {
            reader.report(&span, problem);
            None
        }
    }
}
