//! From TOML to checked values, one table at a time.
//!
//! Owns the walk over the parsed file: which keys stand where, of which type, with which placeholders, in which
//! limits. Everything wrong is collected; a value that is wrong is `None` and everything else goes on. It does not
//! know what settings mean to each other: that is for the module of each section.

use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::env::{PlaceholderError, Text, Values, has_placeholder, resolve};
use super::error::{ConfigError, Problem, Suggestion};
use super::kind::{ALL, AUTO, Kind, OrAuto, Section, Setting, find};
use super::quantity::{ByteSize, parse_count, parse_duration, parse_size};
use super::source::Source;
use super::value::{Sourced, ValueError};

/// Collects errors while values are read.
pub(super) struct Reader<'a> {
    pub(super) source: &'a Source,
    values: Values<'a>,
    pub(super) errors: Vec<ConfigError>,
}

/// A table of the file, or the absence of one.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    section: Section,
    table: Option<&'a DeTable<'a>>,
    header: (usize, usize),
}

/// A value with its place in the file; a default has none.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: Sourced<T>,
    pub(super) span: Option<Range<usize>>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(section: Section, table: Option<&'a DeTable<'a>>, header: Range<usize>) -> Self {
        Self { section, table, header: (header.start, header.end) }
    }

    fn get(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table?.get(key)
    }

    /// Whether the file has the table.
    pub(super) fn is_written(&self) -> bool {
        self.table.is_some()
    }

    /// The place of the key itself, if it is there.
    pub(super) fn key_span(&self, key: &str) -> Option<Range<usize>> {
        self.table?.get_key_value(key).map(|(key, _)| key.span())
    }

    /// The place of the table's header.
    pub(super) fn header(&self) -> Range<usize> {
        self.header.0..self.header.1
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a Source, values: Values<'a>) -> Self {
        Self { source, values, errors: Vec::new() }
    }

    pub(super) fn report(&mut self, span: &Range<usize>, problem: Problem) {
        let place = match problem {
            Problem::UnknownKey { .. } => self.source.place_of_unknown_key(span),
            _ => self.source.place(span),
        };
        self.errors.push(ConfigError { place, problem });
    }

    /// Reports every key that is no setting of the table.
    pub(super) fn unknown_keys(&mut self, fields: &Fields<'_>) {
        let valid = fields.section.keys();
        for (key, _) in fields.table.into_iter().flatten() {
            let (span, key) = (key.span(), key.get_ref().as_ref());
            if !valid.contains(&key) {
                let suggestion = suggest_key(key, fields.section);
                let problem =
                    Problem::UnknownKey { key: key.to_owned(), section: fields.section, suggestion };
                self.report(&span, problem);
            }
        }
    }

    /// The table of a section that may stand once.
    pub(super) fn table<'t>(&mut self, top: &Fields<'t>, section: Section) -> Fields<'t> {
        let found = top.get(section.key());
        let table = found.and_then(|value| match value.get_ref() {
            DeValue::Table(table) => Some(table),
            other => {
                self.wrong_table(section, "a table", other, value.span());
                None
            }
        });
        Fields::new(section, table, found.map_or(0..0, Spanned::span))
    }

    /// The tables of a section that may stand several times, and has to stand once.
    pub(super) fn tables<'t>(&mut self, top: &Fields<'t>, section: Section) -> Vec<Fields<'t>> {
        let Some(value) = top.get(section.key()) else {
            let place = self.source.whole();
            self.errors.push(ConfigError { place, problem: Problem::NoneOf { section } });
            return Vec::new();
        };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_table(section, "a list of tables", value.get_ref(), value.span());
            return Vec::new();
        };
        if items.is_empty() {
            self.report(&value.span(), Problem::NoneOf { section });
        }
        let mut tables = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::Table(table) => tables.push(Fields::new(section, Some(table), item.span())),
                other => self.wrong_table(section, "a list of tables", other, item.span()),
            }
        }
        tables
    }

    /// The tables of a section that may stand several times, or not at all.
    pub(super) fn any_tables<'t>(&mut self, top: &Fields<'t>, section: Section) -> Vec<Fields<'t>> {
        if top.get(section.key()).is_none() { Vec::new() } else { self.tables(top, section) }
    }

    fn wrong_table(
        &mut self,
        section: Section,
        expected: &'static str,
        found: &DeValue<'_>,
        span: Range<usize>,
    ) {
        let found = type_name(found);
        let problem = Problem::WrongType { key: section.key(), expected, found, example: section.header() };
        self.report(&span, problem);
    }

    /// One of the words that its setting accepts.
    pub(super) fn word(&mut self, fields: &Fields<'_>, key: &'static str) -> Option<At<&'static str>> {
        let Kind::OneOf(words) = setting(fields.section, key).kind else { unreachable!("{key} is a word") };
        let known = |text: &str| words.iter().copied().find(|word| *word == text);
        self.value(fields, key, |text| known(text).ok_or(ValueError::OneOf(words)))
    }

    /// A duration within its setting's limits.
    pub(super) fn time(&mut self, fields: &Fields<'_>, key: &'static str) -> Option<At<Duration>> {
        let Kind::Time(least, most) = setting(fields.section, key).kind else {
            unreachable!("{key} is a duration")
        };
        self.bounded(fields, key, parse_duration, least, most)
    }

    /// A duration within its setting's limits, or `auto`.
    pub(super) fn time_or_auto(
        &mut self,
        fields: &Fields<'_>,
        key: &'static str,
    ) -> Option<At<OrAuto<Duration>>> {
        let Kind::TimeOrAuto(least, most) = setting(fields.section, key).kind else {
            unreachable!("{key} is a duration or auto")
        };
        let parse = |text: &str| match text {
            AUTO => Ok(OrAuto::Auto),
            text => parse_duration(text).map(OrAuto::Set).map_err(|_| ValueError::TimeOrAuto),
        };
        self.within(fields, key, parse, |value| (least..=most).contains(&value.or(least)))
    }

    /// A size within its setting's limits.
    pub(super) fn size(&mut self, fields: &Fields<'_>, key: &'static str) -> Option<At<ByteSize>> {
        let Kind::Size(least, most) = setting(fields.section, key).kind else {
            unreachable!("{key} is a size")
        };
        self.bounded(fields, key, parse_size, least, most)
    }

    /// A count within its setting's limits.
    pub(super) fn count(&mut self, fields: &Fields<'_>, key: &'static str) -> Option<At<usize>> {
        let Kind::Count(least, most) = setting(fields.section, key).kind else {
            unreachable!("{key} is a count")
        };
        self.bounded(fields, key, parse_count, least, most)
    }

    /// A size within its setting's limits, or `auto`.
    pub(super) fn size_or_auto(
        &mut self,
        fields: &Fields<'_>,
        key: &'static str,
    ) -> Option<At<OrAuto<ByteSize>>> {
        let Kind::SizeOrAuto(least, most) = setting(fields.section, key).kind else {
            unreachable!("{key} is a size or auto")
        };
        let parse = |text: &str| match text {
            AUTO => Ok(OrAuto::Auto),
            text => parse_size(text).map(OrAuto::Set).map_err(|_| ValueError::SizeOrAuto),
        };
        self.within(fields, key, parse, |value| (least..=most).contains(&value.or(least)))
    }

    /// A count within its setting's limits, or `auto`.
    pub(super) fn count_or_auto(
        &mut self,
        fields: &Fields<'_>,
        key: &'static str,
    ) -> Option<At<OrAuto<usize>>> {
        let Kind::CountOrAuto(least, most) = setting(fields.section, key).kind else {
            unreachable!("{key} is a count or auto")
        };
        let parse = |text: &str| match text {
            AUTO => Ok(OrAuto::Auto),
            text => parse_count(text).map(OrAuto::Set).map_err(|_| ValueError::CountOrAuto),
        };
        self.within(fields, key, parse, |value| (least..=most).contains(&value.or(least)))
    }

    fn bounded<T: Copy + PartialOrd>(
        &mut self,
        fields: &Fields<'_>,
        key: &'static str,
        parse: fn(&str) -> Result<T, ValueError>,
        least: T,
        most: T,
    ) -> Option<At<T>> {
        self.within(fields, key, parse, |value| value >= least && value <= most)
    }

    fn within<T: Copy>(
        &mut self,
        fields: &Fields<'_>,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, ValueError>,
        allowed: impl FnOnce(T) -> bool,
    ) -> Option<At<T>> {
        let (text, span) = self.text(fields, key)?;
        let value = self.parsed(key, &text, span.clone(), parse)?;
        if allowed(*value.value) {
            return Some(value);
        }
        if let (Some(span), Some((least, most))) = (span, setting(fields.section, key).kind.limits()) {
            self.report(&span, Problem::OutOfRange { key, shown: text.shown().to_owned(), least, most });
        }
        None
    }

    /// A value of any other kind.
    pub(super) fn value<T>(
        &mut self,
        fields: &Fields<'_>,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, ValueError>,
    ) -> Option<At<T>> {
        let (text, span) = self.text(fields, key)?;
        self.parsed(key, &text, span, parse)
    }

    /// The values of a list. `None` if the list itself or any of its values is wrong.
    pub(super) fn list<T: PartialEq>(
        &mut self,
        fields: &Fields<'_>,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, ValueError>,
    ) -> Option<Vec<At<T>>> {
        let setting = setting(fields.section, key);
        let Some(value) = fields.get(key) else { return Some(Vec::new()) };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type(setting, value);
            return None;
        };
        let mut list: Vec<At<T>> = Vec::with_capacity(items.len());
        let mut whole = true;
        for item in items {
            let text = match item.get_ref() {
                DeValue::String(text) if setting.kind != Kind::Statuses || has_placeholder(text) => {
                    self.resolve(text, &item.span())
                }
                DeValue::Integer(number) if setting.kind == Kind::Statuses => {
                    Some(Text::plain(&decimal(number)))
                }
                _ => {
                    self.wrong_type(setting, item);
                    None
                }
            };
            let parsed =
                text.and_then(|text| Some((self.parsed(key, &text, Some(item.span()), &parse)?, text)));
            match parsed {
                Some((at, text)) if list.iter().any(|earlier| *earlier.value == *at.value) => {
                    self.report(&item.span(), Problem::Twice { key, shown: text.shown().to_owned() });
                    whole = false;
                }
                Some((at, _)) => list.push(at),
                None => whole = false,
            }
        }
        whole.then_some(list)
    }

    /// The values of a list, or `None` for `all`, which is also what stands for a list that is not there.
    pub(super) fn list_or_all<T: PartialEq>(
        &mut self,
        fields: &Fields<'_>,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, ValueError>,
    ) -> Option<Option<Vec<At<T>>>> {
        match fields.get(key).map(Spanned::get_ref) {
            None => Some(None),
            Some(DeValue::String(text)) if text == ALL => Some(None),
            Some(_) => self.list(fields, key, parse).map(Some),
        }
    }

    /// The entries of a table whose keys are parsed like texts, in the order of the file. `None` if the table itself or
    /// any of its entries is wrong.
    pub(super) fn entries<K: Clone + PartialEq, T>(
        &mut self,
        fields: &Fields<'_>,
        key: &'static str,
        parse_key: impl Fn(&str) -> Result<K, ValueError>,
        parse_value: impl Fn(&str) -> Result<T, ValueError>,
    ) -> Option<Vec<(Sourced<K>, Sourced<T>)>> {
        let setting = setting(fields.section, key);
        let Some(value) = fields.get(key) else { return Some(Vec::new()) };
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong_type(setting, value);
            return None;
        };
        let mut written: Vec<_> = table.iter().collect();
        written.sort_by_key(|(name, _)| name.span().start);
        let mut entries: Vec<(Sourced<K>, Sourced<T>)> = Vec::with_capacity(written.len());
        let mut keys: Vec<Sourced<K>> = Vec::with_capacity(written.len());
        for (name, value) in written {
            let span = name.span();
            let name = self.resolve(name.get_ref(), &span);
            let name =
                name.and_then(|text| Some((self.parsed(key, &text, Some(span.clone()), &parse_key)?, text)));
            let text = self.entry_text(setting, value);
            let value = text.and_then(|text| self.parsed(key, &text, Some(value.span()), &parse_value));
            match name {
                Some((name, text)) if keys.contains(&name.value) => {
                    self.report(&span, Problem::Twice { key, shown: text.shown().to_owned() });
                }
                Some((name, _)) => {
                    keys.push(name.value.clone());
                    entries.extend(value.map(|value| (name.value, value.value)));
                }
                None => {}
            }
        }
        (entries.len() == table.len()).then_some(entries)
    }

    /// The text of an entry's value. A number in quotes is accepted only with a placeholder.
    fn entry_text(&mut self, setting: &'static Setting, value: &Spanned<DeValue<'_>>) -> Option<Text> {
        match (value.get_ref(), setting.kind) {
            (DeValue::String(text), kind) if kind.is_table_of_texts() || has_placeholder(text) => {
                self.resolve(text, &value.span())
            }
            (DeValue::Integer(number), Kind::Tolerances) => Some(Text::plain(&decimal(number))),
            (DeValue::Float(number), Kind::Tolerances) => Some(Text::plain(number.as_str())),
            _ => {
                self.wrong_type(setting, value);
                None
            }
        }
    }

    /// The text of a setting: from the file, else its default; a required one that is missing is reported.
    fn text(&mut self, fields: &Fields<'_>, key: &'static str) -> Option<(Text, Option<Range<usize>>)> {
        let setting = setting(fields.section, key);
        let Some(value) = fields.get(key) else {
            if setting.default.is_none() {
                self.report(&fields.header(), Problem::missing(setting));
            }
            return setting.default.map(|text| (Text::plain(text), None));
        };
        let span = value.span();
        let text = match (value.get_ref(), setting.kind) {
            // A number or a flag in quotes is accepted only where it has to be in quotes: with a placeholder.
            (DeValue::String(text), kind)
                if !kind.is_bare() || has_placeholder(text) || (kind.is_or_auto() && text == AUTO) =>
            {
                self.resolve(text, &span)?
            }
            (DeValue::Integer(number), Kind::Count(..) | Kind::CountOrAuto(..)) => {
                Text::plain(&decimal(number))
            }
            (DeValue::Boolean(flag), Kind::Flag) => Text::plain(if *flag { "true" } else { "false" }),
            _ => {
                self.wrong_type(setting, value);
                return None;
            }
        };
        Some((text, Some(span)))
    }

    fn parsed<T>(
        &mut self,
        key: &'static str,
        text: &Text,
        span: Option<Range<usize>>,
        parse: impl FnOnce(&str) -> Result<T, ValueError>,
    ) -> Option<At<T>> {
        match (text.parse(parse), span) {
            (Ok(value), span) => Some(At { value, span }),
            (Err(error), span) => {
                // Without a place it is a default, which a test holds against this very code.
                let span = span.unwrap_or(0..0);
                let span = error.offset().map_or(span.clone(), |offset| self.inside(&span, text, offset));
                self.report(&span, Problem::BadValue { key, shown: text.shown().to_owned(), error });
                None
            }
        }
    }

    fn resolve(&mut self, text: &str, span: &Range<usize>) -> Option<Text> {
        let errors = match resolve(text, self.values) {
            Ok(text) => return Some(text),
            Err(errors) => errors,
        };
        for error in errors {
            let part = match &error {
                PlaceholderError::Unset { name } => self.part(span, &format!("${{{name}")),
                PlaceholderError::File { path, .. } => self.part(span, &format!("${{file:{path}}}")),
                PlaceholderError::Unclosed | PlaceholderError::Syntax => span.clone(),
            };
            self.report(&part, Problem::Placeholder(error));
        }
        None
    }

    /// The place of `part` as it is written within `span`, or all of `span`.
    fn part(&self, span: &Range<usize>, part: &str) -> Range<usize> {
        let written = self.source.text().get(span.clone()).unwrap_or_default();
        let found = written.match_indices(part).find(|(at, _)| {
            !written[at + part.len()..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        });
        found.map_or(span.clone(), |(at, _)| span.start + at..span.start + at + part.len())
    }

    /// The place of a character of a text that stands within `span`, where it is written as it is between quotes; else
    /// all of `span`.
    fn inside(&self, span: &Range<usize>, text: &Text, offset: usize) -> Range<usize> {
        let written = self.source.text().get(span.clone()).unwrap_or_default();
        let quoted = written.strip_prefix(['"', '\'']).and_then(|rest| rest.strip_suffix(['"', '\'']));
        if quoted != Some(text.shown()) {
            return span.clone();
        }
        let start = span.start + 1 + offset;
        start..start + text.shown()[offset..].chars().next().map_or(1, char::len_utf8)
    }

    fn wrong_type(&mut self, setting: &'static Setting, value: &Spanned<DeValue<'_>>) {
        let problem = Problem::WrongType {
            key: setting.key,
            expected: setting.kind.expected(),
            found: type_name(value.get_ref()),
            example: setting.example,
        };
        self.report(&value.span(), problem);
    }
}

/// The setting of a key that this code names itself.
fn setting(section: Section, key: &'static str) -> &'static Setting {
    // Every key that is read stands in the table; the test of the defaults reads each of them.
    find(section, key).unwrap_or_else(|| unreachable!("{key} is not in the table of settings"))
}

/// An integer in digits, or as it is written where it is none of an amount.
fn decimal(number: &DeInteger<'_>) -> String {
    let decimal = u64::from_str_radix(number.as_str(), number.radix()).map(|number| number.to_string());
    decimal.unwrap_or_else(|_| number.to_string())
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// What was probably meant by an unknown key: the nearest key here, or the same key in another section.
fn suggest_key(key: &str, section: Section) -> Option<Suggestion> {
    let elsewhere = Section::ALL.into_iter().find(|other| other.keys().contains(&key));
    let nearest = || nearest(key, section.keys()).map(Suggestion::Key);
    elsewhere.map(Suggestion::Section).or_else(nearest)
}

/// The candidate that differs least from `given`, if it is near enough to be meant.
pub(super) fn nearest<'c>(given: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    // Comparing costs the product of the lengths; nothing this long is a slip of the finger.
    if given.len() > 64 {
        return None;
    }
    let written = given.to_lowercase().replace('-', "_");
    let near = candidates.into_iter().map(|candidate| {
        (strsim::damerau_levenshtein(&written, &candidate.to_lowercase().replace('-', "_")), candidate)
    });
    let (distance, candidate) = near.min_by_key(|(distance, _)| *distance)?;
    (distance <= 1 + candidate.len() / 4).then_some(candidate)
}
