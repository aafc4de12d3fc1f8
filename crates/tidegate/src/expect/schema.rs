//! JSON Schema: read when the configuration is checked, held against documents later.
//!
//! Nothing is ever fetched for a schema, and the time that its patterns take is linear in what they are held against:
//! the schema is the operator's, and the document is not.

use std::borrow::Cow;
use std::fmt;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

/// A schema that documents can be held against.
pub struct Schema {
    text: Box<[u8]>,
    validator: Validator,
}

/// What is wrong with a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaError {
    /// It is no JSON.
    NotJson {
        /// The line of the first fault, from 1.
        line: usize,
        /// Its column, from 1.
        column: usize,
    },
    /// It refers to what it does not hold.
    Reference {
        /// What the library says.
        reason: String,
    },
    /// It is JSON and no schema.
    Invalid {
        /// Where in the file, as a JSON Pointer.
        at: String,
        /// What the library says.
        reason: String,
    },
}

impl Schema {
    /// Reads a schema of any draft since 4, as `$schema` says (2020-12 where it says nothing).
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn read(text: &[u8]) -> Result<Schema, SchemaError> {
        let schema: Value = serde_json::from_slice(text)
            .map_err(|error| SchemaError::NotJson { line: error.line(), column: error.column() })?;
        let options = jsonschema::options().offline().with_pattern_options(PatternOptions::regex());
        let validator = options.build(&schema).map_err(|error| {
            let reason = error.to_string();
            match error.kind() {
                ValidationErrorKind::Referencing(_) => SchemaError::Reference { reason },
                _ => SchemaError::Invalid { at: error.instance_path().to_string(), reason },
            }
        })?;
        Ok(Schema { text: text.into(), validator })
    }

    /// Whether a JSON text is valid.
    ///
    /// # Errors
    /// Which part of the schema it is not valid against, by its place.
    pub(super) fn check(&self, text: &[u8]) -> Result<(), String> {
        // Numbers beyond 64-bit floating point and more than 128 levels are what this parser refuses in JSON.
        let document: Value = serde_json::from_slice(text)
            .map_err(|_| "the answer is no JSON that a schema can be held against".to_owned())?;
        self.validator.validate(&document).map_err(|error| {
            format!("the answer is not valid against the schema of `expect`, at {}", error.schema_path())
        })
    }
}

impl SchemaError {
    /// What is wrong, to be read after the file's path.
    pub fn reason(&self) -> Cow<'static, str> {
        Cow::Owned(match self {
            SchemaError::NotJson { line, column } => format!("is no JSON (line {line}, column {column})"),
            SchemaError::Reference { reason } => format!("refers to what it does not hold: {reason}"),
            SchemaError::Invalid { at, reason } if at.is_empty() => format!("is no JSON Schema: {reason}"),
            SchemaError::Invalid { at, reason } => format!("is no JSON Schema at {at}: {reason}"),
        })
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            SchemaError::NotJson { .. } => "write the schema as JSON",
            SchemaError::Reference { .. } => "put what it refers to into its own `$defs`: nothing is fetched",
            SchemaError::Invalid { .. } => {
                "write a JSON Schema of draft 2020-12, or name another in its `$schema`"
            }
        }
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema").finish_non_exhaustive()
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
