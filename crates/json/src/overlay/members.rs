//! The members of an object that a patch passes through.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Item, Source, Texts};
use crate::document::tape::{Children, Node};
use crate::write::write_string;

/// Objects of up to this many members are searched from one end to the other; longer ones are sorted by key, so that
/// no choice of keys makes a search slow.
const FEW: usize = 24;

/// A member's name.
#[derive(Debug, Clone)]
pub(crate) enum Key {
    /// That of a member in a text.
    Of(Source, Node),
    /// One that an operation's path named.
    Named(Box<str>),
}

impl Key {
    pub(crate) fn decode<'a>(&'a self, texts: Texts<'a>) -> Cow<'a, str> {
        match self {
            Key::Of(source, node) => texts.of(*source).key(*node),
            Key::Named(name) => Cow::Borrowed(name),
        }
    }

    fn is(&self, texts: Texts<'_>, name: &str) -> bool {
        match self {
            Key::Of(source, node) => texts.of(*source).has_key(*node, name),
            Key::Named(own) => **own == *name,
        }
    }

    pub(crate) fn write(&self, texts: Texts<'_>, out: &mut Vec<u8>) {
        match self {
            Key::Of(source, node) => {
                out.push(b'"');
                out.extend_from_slice(texts.of(*source).raw_key(*node));
                out.push(b'"');
            }
            Key::Named(name) => write_string(out, name),
        }
    }
}

/// The members, in their order.
#[derive(Debug, Clone)]
pub(crate) struct Members {
    /// What is removed leaves its place empty: order has no meaning, and nothing shifts.
    list: Vec<Option<(Key, Item)>>,
    len: usize,
    /// The places by name; made when first needed.
    places: Option<BTreeMap<Box<str>, usize>>,
    /// The place that is looked at first.
    next: usize,
}

impl Members {
    pub(super) fn of(source: Source, children: Children<'_>) -> Members {
        let list: Vec<_> =
            children.map(|child| Some((Key::Of(source, child), Item::Part(source, child)))).collect();
        Members { len: list.len(), list, places: None, next: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Item)> {
        self.list.iter().flatten().map(|(key, item)| (key, item))
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Item> {
        self.list.get_mut(place)?.as_mut().map(|(_, item)| item)
    }

    /// The place of the member of this name.
    pub(super) fn find(&mut self, texts: Texts<'_>, name: &str) -> Option<usize> {
        let is_it = |&place: &usize| {
            self.list.get(place).and_then(Option::as_ref).is_some_and(|(key, _)| key.is(texts, name))
        };
        let place = match Some(self.next).filter(is_it) {
            Some(place) => place,
            None if self.list.len() <= FEW => (0..self.list.len()).find(is_it)?,
            None => {
                let list = &self.list;
                let places = self.places.get_or_insert_with(|| places_of(list, texts));
                *places.get(name)?
            }
        };
        self.next = place + 1;
        Some(place)
    }

    pub(super) fn put(&mut self, texts: Texts<'_>, name: &str, value: Item) {
        if let Some(member) = self.find(texts, name).and_then(|place| self.get_mut(place)) {
            *member = value;
            return;
        }
        if let Some(places) = &mut self.places {
            places.insert(name.into(), self.list.len());
        }
        self.list.push(Some((Key::Named(name.into()), value)));
        self.len += 1;
    }

    pub(super) fn take(&mut self, texts: Texts<'_>, name: &str) -> Option<Item> {
        let place = self.find(texts, name)?;
        if let Some(places) = &mut self.places {
            places.remove(name);
        }
        self.len -= 1;
        self.list[place].take().map(|(_, item)| item)
    }

    /// For finding many members without changing them.
    pub(super) fn finder(&self) -> Finder<'_> {
        Finder { members: self, places: None, next: 0 }
    }
}

fn places_of(list: &[Option<(Key, Item)>], texts: Texts<'_>) -> BTreeMap<Box<str>, usize> {
    let named = list.iter().enumerate().filter_map(|(place, member)| Some((place, member.as_ref()?)));
    named.map(|(place, (key, _))| (key.decode(texts).into(), place)).collect()
}

/// Finds members, quickest in their order.
pub(super) struct Finder<'a> {
    members: &'a Members,
    places: Option<BTreeMap<Box<str>, usize>>,
    next: usize,
}

impl<'a> Finder<'a> {
    pub(super) fn find(&mut self, texts: Texts<'_>, name: &str) -> Option<&'a Item> {
        let list = &self.members.list;
        while list.get(self.next).is_some_and(Option::is_none) {
            self.next += 1;
        }
        let at = |place: usize| list.get(place).and_then(Option::as_ref);
        let is_it = |&place: &usize| at(place).is_some_and(|(key, _)| key.is(texts, name));
        let place = match Some(self.next).filter(is_it) {
            Some(place) => place,
            None if list.len() <= FEW => (0..list.len()).find(is_it)?,
            None => *self.places.get_or_insert_with(|| places_of(list, texts)).get(name)?,
        };
        self.next = place + 1;
        at(place).map(|(_, item)| item)
    }
}
