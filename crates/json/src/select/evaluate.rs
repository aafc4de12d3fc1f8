//! What a path selects in a document: found on the document's index, in the RFC's order, within a number of steps.
//!
//! The segments are followed depth first, one node at a time: that gives the nodelist of RFC 9535 §2.1.2 in its order,
//! with no list in between. A path can be made to lead along so many ways to nothing that it would never end (each of
//! `$..*..*..*..x` multiplies them): the steps are counted.

use std::collections::HashMap;
use std::rc::Rc;

use crate::Document;
use crate::document::part::{Full, Gathered};
use crate::document::tape::Node;
use crate::path::segment::{Segment, Selector};
use crate::path::syntax::Fault;

use super::SelectError;
use super::filter::{Filter, Scope};

/// A path, ready to be asked.
pub(super) struct Query {
    segments: Vec<Segment>,
    /// Its filters, by where they begin in the path's text.
    filters: HashMap<usize, Filter>,
}

/// How many steps may be taken for each value of a document: a path goes over a value once for each level that lies above
/// it and each time it is selected, a filter some times more.
const STEPS: usize = 32;

/// How many steps may be taken in any document.
const FEW_STEPS: usize = 1 << 16;

impl Query {
    /// The path of this text, which has these segments.
    pub(super) fn new(path: &str, segments: Vec<Segment>) -> Result<Query, Fault> {
        let mut filters = HashMap::new();
        for selector in segments.iter().flat_map(|segment| &segment.selectors) {
            if let Selector::Filter(place) = selector {
                filters.insert(place.start, Filter::new(path, place.clone())?);
            }
        }
        Ok(Query { segments, filters })
    }

    /// The array of the nodes that are selected, of at most `most` bytes.
    pub(super) fn of(&self, document: &Document, most: usize) -> Result<Document, SelectError> {
        let values = document.tape().starts.len();
        let mut walk = Walk {
            query: self,
            document,
            steps: FEW_STEPS.saturating_add(values.saturating_mul(STEPS)),
            found: Gathered::new(document, most),
            guesses: vec![0; self.segments.len()],
            passed: HashMap::new(),
            scope: Scope::new(),
        };
        match walk.follow(0, document.root()) {
            Ok(()) => Ok(walk.found.finish()),
            Err(Stop::Full) => Err(SelectError::TooLarge { most }),
            Err(Stop::Tired) => Err(SelectError::TooCostly),
        }
    }
}

enum Stop {
    Full,
    Tired,
}

impl From<Full> for Stop {
    fn from(_: Full) -> Self {
        Stop::Full
    }
}

struct Walk<'a> {
    query: &'a Query,
    document: &'a Document,
    /// How many steps may still be taken.
    steps: usize,
    found: Gathered<'a>,
    /// For each segment, where among the members the last one stood that it found by name.
    guesses: Vec<usize>,
    /// The children that pass a filter, by where it begins and the container: a path may come there several times.
    passed: HashMap<(usize, u32), Rc<[Node]>>,
    scope: Scope,
}

impl<'a> Walk<'a> {
    /// Selects what the segments from this one on select from a node. Recurses over the nesting and the segments.
    fn follow(&mut self, at: usize, node: Node) -> Result<(), Stop> {
        self.spend(1)?;
        let query = self.query;
        let Some(segment) = query.segments.get(at) else { return Ok(self.found.push(node)?) };
        if node.is_scalar() {
            return Ok(());
        }
        for selector in &segment.selectors {
            self.select(selector, at + 1, node)?;
        }
        if segment.descends {
            // First the node's own children, then those of its children, one after another (§2.5.2.2).
            for child in self.document.children(node.container) {
                self.follow(at, child)?;
            }
        }
        Ok(())
    }

    /// Goes on with the segment `next` from the children of a container that a selector selects.
    fn select(&mut self, selector: &Selector, next: usize, node: Node) -> Result<(), Stop> {
        let document = self.document;
        let container = node.container;
        let is_array = !document.is_object(container);
        match selector {
            Selector::Name(name) if !is_array => {
                // Rows have the same members in the same order: mostly it stands where it stood last.
                let guess = self.guesses[next - 1];
                let guessed = document.children(container).nth(guess);
                if let Some(member) = guessed.filter(|&member| document.has_key(member, name)) {
                    self.spend(guess)?;
                    return self.follow(next, member);
                }
                for (place, member) in document.children(container).enumerate() {
                    self.spend(1)?;
                    if document.has_key(member, name) {
                        self.guesses[next - 1] = place;
                        return self.follow(next, member);
                    }
                }
            }
            Selector::Index(index) if is_array => {
                let place = match usize::try_from(*index) {
                    Ok(place) => Some(place),
                    Err(_) => {
                        let length = document.children(container).count();
                        self.spend(length)?;
                        usize::try_from(index.unsigned_abs()).ok().and_then(|back| length.checked_sub(back))
                    }
                };
                let Some(place) = place else { return Ok(()) };
                for (at, element) in document.children(container).enumerate() {
                    self.spend(1)?;
                    if at == place {
                        return self.follow(next, element);
                    }
                }
            }
            Selector::Wildcard => {
                for child in document.children(container) {
                    self.follow(next, child)?;
                }
            }
            Selector::Slice(slice) if is_array => {
                let elements: Vec<Node> = document.children(container).collect();
                self.spend(elements.len())?;
                for place in slice.indexes(elements.len()) {
                    self.follow(next, elements[place])?;
                }
            }
            Selector::Filter(place) => {
                for &child in self.passing(place.start, node)?.iter() {
                    self.follow(next, child)?;
                }
            }
            Selector::Name(_) | Selector::Index(_) | Selector::Slice(_) => {}
        }
        Ok(())
    }

    /// The children of a container that pass the filter at this place of the path.
    fn passing(&mut self, place: usize, node: Node) -> Result<Rc<[Node]>, Stop> {
        if let Some(passed) = self.passed.get(&(place, node.container)) {
            return Ok(passed.clone());
        }
        let filter = &self.query.filters[&place];
        let values = filter.ask(self.document, node.container, &mut self.scope);
        self.spend(values.saturating_mul(filter.weight))?;
        let children: Vec<Node> = self.document.children(node.container).collect();
        let passing = filter.passing(&self.scope).into_iter();
        let passed: Rc<[Node]> = passing.filter_map(|place| children.get(place).copied()).collect();
        self.passed.insert((place, node.container), passed.clone());
        Ok(passed)
    }

    fn spend(&mut self, steps: usize) -> Result<(), Stop> {
        self.steps = self.steps.checked_sub(steps).ok_or(Stop::Tired)?;
        Ok(())
    }
}
