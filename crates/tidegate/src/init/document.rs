//! Reading a document: from a file or standard input, in JSON or YAML, and following its references.

use std::io::Read;

use serde_json::Value;

use super::InitError;

/// The largest document, in bytes. The largest that are published have some 10 MB.
const MOST_BYTES: u64 = 64 << 20;

/// How many references may follow each other.
const MOST_REFERENCES: usize = 32;

/// The generations of the format, which say things in different places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Swagger 2.0.
    Swagger,
    /// OpenAPI 3.x.
    OpenApi,
}

/// An OpenAPI document.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    /// How errors call it.
    pub(super) name: String,
    pub(super) root: Value,
    pub(super) dialect: Dialect,
}

/// A value with its place.
#[derive(Debug, Clone)]
pub(super) struct At<'a> {
    pub(super) value: &'a Value,
    /// A JSON Pointer (RFC 6901).
    pub(super) pointer: String,
}

impl<'a> At<'a> {
    /// The member of that name, if it is there and not `null`.
    pub(super) fn get(&self, name: &str) -> Option<At<'a>> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        let name = name.replace('~', "~0").replace('/', "~1");
        Some(At { value, pointer: format!("{}/{name}", self.pointer) })
    }

    /// The items of an array; none of anything else.
    pub(super) fn items(&self) -> impl Iterator<Item = At<'a>> {
        let items = self.value.as_array().map_or(&[][..], Vec::as_slice);
        let pointer = self.pointer.clone();
        items
            .iter()
            .enumerate()
            .map(move |(index, value)| At { value, pointer: format!("{pointer}/{index}") })
    }

    /// The text of a member.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.value.get(name)?.as_str()
    }
}

impl Document {
    /// Reads one: `-` stands for `input`.
    pub(crate) fn read(from: &str, input: &mut impl Read) -> Result<Document, InitError> {
        if from.starts_with("http://") || from.starts_with("https://") {
            let help = "fetch it first, as in: curl -fsS URL | tidegate init --from -";
            return Err(InitError::new("--from", "it is a URL, and not a file", help));
        }
        let name = if from == "-" { "standard input" } else { from };
        let bytes = match from {
            "-" => limited(input),
            path => std::fs::File::open(path).and_then(|mut file| limited(&mut file)),
        };
        let bytes = bytes.map_err(|error| {
            InitError::new(
                name,
                format!("it cannot be read: {error}"),
                "give the path of an OpenAPI document, or - for standard input",
            )
        })?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(InitError::new(name, "it is over 64 MiB", "give a document with the GETs only"));
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| InitError::new(name, "it is not UTF-8 text", "save it as UTF-8"))?;
        Document::parse(name, &text)
    }

    /// Reads the text of one, JSON or YAML.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Document, InitError> {
        let text = text.trim_start_matches('\u{feff}');
        let root = if text.trim_start().starts_with('{') { json(name, text)? } else { yaml(name, text)? };
        let version = |key: &str| match root.get(key) {
            Some(Value::String(text)) => Some(text.clone()),
            // In YAML `2.0` is a number unless it is quoted.
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        let dialect = match (version("openapi"), version("swagger")) {
            (Some(text), _) if text == "3" || text.starts_with("3.") => Dialect::OpenApi,
            (None, Some(text)) if text == "2" || text.starts_with("2.") => Dialect::Swagger,
            (Some(text), _) => return Err(unknown_version(name, "openapi", &text)),
            (None, Some(text)) => return Err(unknown_version(name, "swagger", &text)),
            (None, None) => {
                return Err(InitError::new(
                    format!("{name}#"),
                    "it is no OpenAPI document: it has neither `openapi` nor `swagger`",
                    "give a document that says `\"openapi\": \"3.1.0\"`, 3.0 or `\"swagger\": \"2.0\"`",
                ));
            }
        };
        Ok(Document { name: name.to_owned(), root, dialect })
    }

    /// The whole document.
    pub(super) fn top(&self) -> At<'_> {
        At { value: &self.root, pointer: String::new() }
    }

    /// How a place in it is told.
    pub(super) fn place(&self, pointer: &str) -> String {
        format!("{}#{pointer}", self.name)
    }

    /// What a value is, where it is a reference; why it is nothing.
    pub(super) fn resolve<'a>(&'a self, at: At<'a>) -> Result<At<'a>, String> {
        let mut at = at;
        for _ in 0..MOST_REFERENCES {
            let Some(target) = at.text("$ref") else { return Ok(at) };
            let Some(pointer) = target.strip_prefix('#') else {
                return Err(format!(
                    "it refers to another file, {target}: bundle the document into one file first"
                ));
            };
            // A reference is a URI: what it holds is percent-encoded (RFC 6901 §6).
            let pointer = percent_encoding::percent_decode_str(pointer).decode_utf8_lossy().into_owned();
            at = match self.root.pointer(&pointer) {
                Some(value) => At { value, pointer },
                None => return Err(format!("it refers to {target}, which is not in the document")),
            };
        }
        Err(String::from("its references lead in a circle"))
    }
}

/// One byte more than is allowed, so that it can be told.
fn limited(input: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn json(name: &str, text: &str) -> Result<Value, InitError> {
    serde_json::from_str(text).map_err(|error| {
        let place = format!("{name}:{}:{}", error.line(), error.column());
        let said = error.to_string();
        let what = said.split(" at line ").next().unwrap_or(&said).to_owned();
        InitError::new(place, format!("not valid JSON: {what}"), "mend it, or give the document in YAML")
    })
}

fn yaml(name: &str, text: &str) -> Result<Value, InitError> {
    serde_saphyr::from_str(text).map_err(|error| {
        let place = match error.location() {
            Some(at) => format!("{name}:{}:{}", at.line(), at.column()),
            None => name.to_owned(),
        };
        let said = error.without_snippet().to_string();
        let what = said.lines().next().unwrap_or_default().to_owned();
        InitError::new(place, format!("not valid YAML: {what}"), "mend it, or give the document in JSON")
    })
}

fn unknown_version(name: &str, key: &str, text: &str) -> InitError {
    let text: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
    InitError::new(
        format!("{name}#/{key}"),
        format!("this version is not known: {text}"),
        "convert it to OpenAPI 3.0 or 3.1; Swagger 2.0 is read, too",
    )
}
