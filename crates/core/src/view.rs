//! A part of a feed that some of its subscribers selected, as a lineage of its own.
//!
//! A view follows its feed: what is selected is evaluated once for each version of the feed, and only where it differs from
//! what was selected before is there a version of the view, with the feed's offset. So offsets of a view have gaps, and
//! whoever holds its newest version has missed nothing however far the feed has moved on.
//!
//! A view that nobody watches is not kept. What is [remembered](Remembered) of it is where it stood and a hash of what it
//! was: if that is what is selected when somebody comes back, the view goes on from there.
//!
//! Invariants:
//! - A view's head is what is selected from the feed's head, but for the order of members and the spelling of strings.
//! - A client that holds the view's head has missed nothing of what it selected; offsets of a view only grow.
//! - Nothing but the whole leads across a time in which the feed's resource was gone.
//!
//! What the feed's controls ignore makes no version of the feed, and so none of a view. Where the feed has a new version
//! for another reason, a view tells all that differs in its part of it: else it would not be what the feed has.
//!
//! It must not know who subscribes, nor how a selection is evaluated.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;

use crate::document::{Change, Document, Form, Rules, Step};
use crate::feed::update::{NetEffect, net_effect};
use crate::feed::{Feed, Policy, Resumed, Update};
use crate::json::{self, FieldControls, Identities, SelectError, Selection};
use crate::position::{Binding, Offset, Position};
use crate::representation::Validators;
use crate::window::{Version, Window, WindowLimits};

/// What is selected may be this much longer than what it is selected from, in bytes: a path may select a node often.
const ROOM: usize = 64 * 1024;

/// A view's window may hold this part of what its feed's may, in bytes: there may be many views.
const WINDOW_SHARE: usize = 16;

/// Nothing can be selected from a representation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unselectable {
    /// It is not JSON.
    Text,
    /// It is JSON that parsers read differently (duplicate keys, lone surrogates).
    Ambiguous,
    /// The selection itself asks for too much of it.
    Select(SelectError),
}

impl fmt::Display for Unselectable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unselectable::Text => f.write_str("only parts of JSON can be selected, and this is other text"),
            Unselectable::Ambiguous => f.write_str(
                "only parts of JSON can be selected that all parsers read alike, and this has duplicate names or lone \
                 surrogates",
            ),
            Unselectable::Select(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Unselectable {}

impl Binding {
    /// What the positions of a view are bound to, where those of its feed are bound to this.
    pub fn of_selection(self, selection: &Selection) -> Binding {
        let mut hasher = DefaultHasher::new();
        (self.0, selection.as_str()).hash(&mut hasher);
        Binding(hasher.finish() as u32)
    }
}

/// The selected part of a document of this form.
///
/// # Errors
/// Where nothing can be selected from it, or too much would be.
pub fn select(
    selection: &Selection,
    document: &Document,
    form: Form,
) -> Result<json::Document, Unselectable> {
    match (document, form) {
        (Document::Json(document), _) => {
            selection.of(document, 2 * document.text_len() + ROOM).map_err(Unselectable::Select)
        }
        (Document::Whole { .. }, Form::Json) => Err(Unselectable::Ambiguous),
        (Document::Whole { .. }, Form::Text) => Err(Unselectable::Text),
    }
}

/// What is remembered of a view that nobody watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remembered {
    offset: Offset,
    hash: (u64, u64),
}

/// A new version of a view.
#[derive(Debug)]
pub struct Followed {
    /// The version.
    pub version: Arc<Version>,
    /// The offset of the version before it.
    pub previous: Offset,
    /// The feed's resource was gone in between: the version goes out whole.
    pub returned: bool,
    /// A patch was made that was not right; the version goes out whole instead.
    pub unproven: bool,
}

/// A part of a feed.
#[derive(Debug)]
pub struct View {
    selection: Selection,
    binding: Binding,
    head: Arc<Version>,
    window: Window,
}

impl View {
    /// The view of a feed that has a head. `remembered`: what is remembered of it from before, in the same epoch.
    ///
    /// # Errors
    /// Where nothing can be selected from the head.
    pub fn new(
        feed: &Feed,
        selection: Selection,
        remembered: Option<Remembered>,
    ) -> Result<Option<View>, Unselectable> {
        let Some(head) = feed.head() else { return Ok(None) };
        let document = select(&selection, head.document(), head.form)?;
        let text = document.text();
        let offset = match remembered {
            Some(Remembered { offset, hash })
                if hash == hash_of(&text) && offset >= feed.window().begins() =>
            {
                offset
            }
            _ => head.position.offset,
        };
        let binding = head.position.binding.of_selection(&selection);
        let position = Position { epoch: head.position.epoch, offset, binding };
        let document = Document::Json(document);
        let version =
            Arc::new(Version::new(position, text, Form::Json, document, None, Validators::default()));
        let WindowLimits { bytes, versions } = feed.policy().window;
        let mut window = Window::new(WindowLimits { bytes: bytes / WINDOW_SHARE, versions });
        window.push(version.clone(), None);
        Ok(Some(View { selection, binding, head: version, window }))
    }

    /// What is selected.
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// The newest version.
    pub fn head(&self) -> &Arc<Version> {
        &self.head
    }

    /// What is to be remembered of it.
    pub fn remember(&self) -> Remembered {
        Remembered { offset: self.head.position.offset, hash: hash_of(self.head.text()) }
    }

    /// The feed has a new head. Gives the view's new version where what is selected is another than before, and where the
    /// feed's resource was gone before.
    ///
    /// # Errors
    /// Where nothing can be selected from the feed's head any more.
    pub fn follow(&mut self, feed: &Feed) -> Result<Option<Followed>, Unselectable> {
        let Some(head) = feed.head() else { return Ok(None) };
        let selected = select(&self.selection, head.document(), head.form)?;
        let text = selected.text();
        let returned = self.head.position.offset < feed.window().begins();
        if text == *self.head.text() && !returned {
            return Ok(None);
        }
        let controls = FieldControls::default();
        let step = match self.head.document().follow(&text, Form::Json, rules(feed.policy(), &controls)) {
            Ok(step) if !returned => step,
            _ => Step::whole(Document::Json(selected)),
        };
        let patch = match step.change {
            Change::None | Change::Uncounted => return Ok(None),
            Change::Patch(patch) => Some(patch),
            Change::Whole => None,
        };
        let position = Position { offset: head.position.offset, ..self.head.position };
        let (previous, unproven) = (self.head.position.offset, step.unproven.is_some());
        let version = Version::new(position, text, Form::Json, step.document, patch, Validators::default());
        let version = Arc::new(version);
        self.window.push(version.clone(), step.back);
        if returned {
            self.window.forget_before_head();
        }
        self.head = version.clone();
        Ok(Some(Followed { version, previous, returned, unproven }))
    }

    /// How `position` stands to this view.
    ///
    /// Costs an evaluation where the view does not know the version any more, and its feed does.
    pub fn resume(&self, feed: &Feed, position: Position) -> Resumed {
        let head = self.head.position;
        if position.epoch != head.epoch || position.binding != self.binding {
            return Resumed::Unproven;
        }
        if self.window.position_of(position.offset).is_some() {
            return Resumed::From(position.offset);
        }
        match self.text_at(feed, position.offset) {
            // Its client saw the same, at another time.
            Some(text) if text == *self.head.text() => Resumed::From(head.offset),
            Some(_) if position.offset < head.offset => Resumed::From(position.offset),
            _ => Resumed::Unproven,
        }
    }

    /// The step from the version at `from` to the head. Costs as [`Feed::update_from`], and an evaluation where the view
    /// does not know the version any more.
    pub fn update_from(&self, feed: &Feed, from: Offset) -> Update {
        let head = &self.head;
        if from == head.position.offset {
            return Update::None;
        }
        let snapshot = || Update::Snapshot(head.clone());
        let (Document::Json(document), Some(text)) = (head.document(), self.text_at(feed, from)) else {
            return snapshot();
        };
        let identities = Identities::default();
        let patch = match net_effect(&text, document, depth(feed.policy()), &identities) {
            NetEffect::Unknown => None,
            NetEffect::Nothing => Some(Bytes::from_static(b"[]")),
            NetEffect::Patch(patch) => {
                let most = patch.as_ref().map_or(document.text_len(), Bytes::len);
                // Each of them was proven, so all of them are right one after another.
                self.window.patches_since(from, most).or(patch)
            }
        };
        patch.map_or_else(snapshot, |patch| Update::Patch { to: head.clone(), patch })
    }

    /// The merge patch (RFC 7396) from the version at `from` to the head, where one can say exactly what changed.
    pub fn merge_from(&self, feed: &Feed, from: Offset) -> Option<Bytes> {
        let Document::Json(head) = self.head.document() else { return None };
        let old = json::Document::parse(self.text_at(feed, from)?, depth(feed.policy())).ok()?;
        json::merge_patch(&old, head)
    }

    /// What was selected at an offset, as far as the view or its feed knows.
    fn text_at(&self, feed: &Feed, offset: Offset) -> Option<Bytes> {
        if let Some((text, _)) = self.window.body_of(offset) {
            return Some(text);
        }
        let (body, Form::Json) = feed.window().body_of(offset)? else { return None };
        let document = Document::new(&body, Form::Json, feed.policy().max_depth).ok()?;
        Some(select(&self.selection, &document, Form::Json).ok()?.text())
    }
}

/// The array of a path nests one level deeper than what it selects.
fn depth(policy: &Policy) -> usize {
    policy.max_depth + 1
}

fn rules<'a>(policy: &Policy, controls: &'a FieldControls) -> Rules<'a> {
    static NONE: std::sync::LazyLock<Identities> = std::sync::LazyLock::new(Identities::default);
    Rules { max_depth: depth(policy), identities: &NONE, controls }
}

/// Two hashes, each with another beginning, so that a text is not taken for another.
fn hash_of(text: &[u8]) -> (u64, u64) {
    let hash = |beginning: u8| {
        let mut hasher = DefaultHasher::new();
        (beginning, text).hash(&mut hasher);
        hasher.finish()
    };
    (hash(1), hash(2))
}
