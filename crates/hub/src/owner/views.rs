//! The views of a feed that somebody watches, each with an outlet of its own.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tidegate_core::json::Selection;
use tidegate_core::{Feed, Offset, Position, Remembered, Resumed, Unselectable, Update, View, merge_between};
use tidegate_wire::Kind;

use super::outlet::Outlet;
use crate::encoded::Encoded;
use crate::published::Published;
use crate::shard::{FeedId, Step, ViewId};

/// The most views of one feed at a time.
pub(super) const MOST_VIEWS: usize = 256;

/// The most bytes of all views of one feed together: of what is selected at the head, which each of them keeps whole. One
/// may be larger.
const MOST_BYTES: usize = 64 << 20;

/// Of how many views without subscribers is remembered where they stood.
const MOST_REMEMBERED: usize = 1024;

/// Of how many parts of the head is kept what plain readers got.
const MOST_GLIMPSES: usize = 64;

/// How many answers to those who come back are kept, for others who stand where they stood.
const MOST_RESUMED: usize = 256;

/// A view and its side towards the shards.
pub(super) struct Viewed {
    pub(super) view: View,
    pub(super) outlet: Outlet,
    /// Nothing can be selected any more: its subscribers are leaving.
    pub(super) ended: bool,
    /// How these stand to the head: they may cost an evaluation, and those who were cut off together come back together.
    resumed: HashMap<Position, Resumed>,
}

/// All views of a feed but the whole.
#[derive(Default)]
pub(super) struct Views {
    all: Vec<Viewed>,
    made: u32,
    remembered: VecDeque<(Selection, Remembered)>,
    /// Parts of the head that plain readers got and nobody watches.
    glimpses: Vec<(View, Arc<Published>)>,
}

/// Why there is no view.
pub(super) enum NoView {
    /// Nothing can be selected.
    Unselectable(Unselectable),
    /// There are as many as may be.
    Full,
}

impl Views {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Viewed> {
        self.all.iter_mut()
    }

    /// The outlets that have subscribers.
    pub(super) fn outlets(&self) -> impl Iterator<Item = &Outlet> {
        self.all.iter().filter(|viewed| !viewed.ended).map(|viewed| &viewed.outlet)
    }

    pub(super) fn get_mut(&mut self, id: ViewId) -> Option<&mut Viewed> {
        self.all.iter_mut().find(|viewed| viewed.outlet.id == id)
    }

    /// The view with a selection; made, if it is the first to ask for it.
    pub(super) fn of(
        &mut self,
        id: FeedId,
        feed: &Feed,
        selection: &Selection,
    ) -> Result<&mut Viewed, NoView> {
        let found = self.all.iter().position(|viewed| !viewed.ended && viewed.view.selection() == selection);
        if let Some(index) = found {
            return Ok(&mut self.all[index]);
        }
        if self.all.len() >= MOST_VIEWS {
            return Err(NoView::Full);
        }
        let view = self.begin(feed, selection)?;
        // Whoever is attached is so because there is a head.
        let Some(view) = view else { return Err(NoView::Full) };
        let watched: usize = self.all.iter().map(|viewed| viewed.view.head().body.len()).sum();
        if watched > 0 && watched + view.head().body.len() > MOST_BYTES {
            self.remember(&view);
            return Err(NoView::Full);
        }
        self.made += 1;
        let mut outlet = Outlet::new(ViewId { feed: id, view: self.made });
        outlet.publish(Arc::new(Published::new(view.head().clone(), None)));
        self.all.push(Viewed { view, outlet, ended: false, resumed: HashMap::new() });
        let last = self.all.len() - 1;
        Ok(&mut self.all[last])
    }

    /// Lets go of a view that nobody watches.
    pub(super) fn forget_unwatched(&mut self, id: ViewId) {
        let unwatched = |viewed: &Viewed| viewed.outlet.id == id && viewed.outlet.shards().next().is_none();
        let Some(index) = self.all.iter().position(unwatched) else { return };
        let viewed = self.all.swap_remove(index);
        if viewed.ended {
            return;
        }
        self.remember(&viewed.view);
    }

    /// A view that goes on from what is known of it.
    fn begin(&mut self, feed: &Feed, selection: &Selection) -> Result<Option<View>, NoView> {
        let glimpse = self.glimpses.iter().position(|(view, _)| view.selection() == selection);
        if let Some(index) = glimpse {
            return Ok(Some(self.glimpses.swap_remove(index).0));
        }
        let known = self.remembered.iter().position(|(known, _)| known == selection);
        let remembered = known.map(|index| self.remembered[index].1);
        let view = View::new(feed, selection.clone(), remembered).map_err(NoView::Unselectable)?;
        if let Some(index) = known {
            self.remembered.remove(index);
        }
        Ok(view)
    }

    fn remember(&mut self, view: &View) {
        if self.remembered.len() >= MOST_REMEMBERED {
            self.remembered.pop_front();
        }
        self.remembered.push_back((view.selection().clone(), view.remember()));
    }

    /// What a plain reader gets that wants this part of the head.
    pub(super) fn glimpse(
        &mut self,
        feed: &Feed,
        selection: &Selection,
    ) -> Result<Arc<Published>, Unselectable> {
        let watched = self.all.iter().find(|viewed| !viewed.ended && viewed.view.selection() == selection);
        if let Some(head) = watched.and_then(|viewed| viewed.outlet.head.clone()) {
            return Ok(head);
        }
        if let Some((_, glimpse)) = self.glimpses.iter().find(|(view, _)| view.selection() == selection) {
            return Ok(glimpse.clone());
        }
        match self.begin(feed, selection) {
            Ok(Some(view)) => {
                let glimpse = Arc::new(Published::new(view.head().clone(), None));
                let kept: usize = self.glimpses.iter().map(|(view, _)| view.head().body.len()).sum();
                if self.glimpses.len() >= MOST_GLIMPSES || kept + view.head().body.len() > MOST_BYTES {
                    self.forget_glimpses();
                }
                self.glimpses.push((view, glimpse.clone()));
                Ok(glimpse)
            }
            Err(NoView::Unselectable(why)) => Err(why),
            // Whoever reads does so because there is a head.
            Ok(None) | Err(NoView::Full) => Err(Unselectable::Text),
        }
    }

    /// There is a new head, or there are too many: what plain readers got is only remembered.
    pub(super) fn forget_glimpses(&mut self) {
        for (view, _) in std::mem::take(&mut self.glimpses) {
            self.remember(&view);
        }
    }

    /// What was selected, where a position of a feed with this head is one of a part that is known.
    pub(super) fn selection_of(&self, head: Position, position: Position) -> Option<Selection> {
        let watched = self.all.iter().map(|viewed| viewed.view.selection());
        let glimpsed = self.glimpses.iter().map(|(view, _)| view.selection());
        let remembered = self.remembered.iter().map(|(selection, _)| selection);
        let mut known = watched.chain(glimpsed).chain(remembered);
        known.find(|selection| head.binding.of_selection(selection) == position.binding).cloned()
    }

    /// All subscribers were let go.
    pub(super) fn end(&mut self) {
        self.all.clear();
        self.glimpses.clear();
    }
}

/// What became of a view when its feed moved on.
pub(super) enum Moved {
    /// Nothing that was selected changed.
    Not,
    /// It has a new head.
    To(Arc<Published>),
    /// Nothing can be selected any more.
    Ended,
}

impl Viewed {
    /// The feed has a new head. True with it: a patch was made that was not right.
    pub(super) fn follow(&mut self, feed: &Feed) -> (Moved, bool) {
        if self.ended {
            return (Moved::Not, false);
        }
        let before = self.view.head().clone();
        match self.view.follow(feed) {
            Ok(None) => (Moved::Not, false),
            Ok(Some(followed)) => {
                let merge = match self.outlet.merges() && !followed.returned {
                    true => merge_between(&before, &followed.version),
                    false => None,
                };
                let published = Published::new(followed.version, Some(followed.previous));
                let head = Arc::new(match merge {
                    Some(merge) => published.with_merge(merge),
                    None => published,
                });
                self.outlet.publish(head.clone());
                self.resumed.clear();
                (Moved::To(head), followed.unproven)
            }
            Err(_) => {
                self.ended = true;
                (Moved::Ended, false)
            }
        }
    }

    /// How a position stands to it.
    pub(super) fn resume(&mut self, feed: &Feed, position: Position) -> Resumed {
        if self.resumed.len() >= MOST_RESUMED {
            self.resumed.clear();
        }
        *self.resumed.entry(position).or_insert_with(|| self.view.resume(feed, position))
    }

    /// The step from a version to the head.
    pub(super) fn step(&mut self, feed: &Feed, from: Offset, kind: Kind) -> Step {
        let view = &self.view;
        self.outlet.step(from, kind, || {
            let step = match kind {
                Kind::Merge => view.merge_from(feed, from).map(|merge| (view.head().position, merge)),
                _ => match view.update_from(feed, from) {
                    Update::Patch { to, patch } => Some((to.position, patch)),
                    Update::None | Update::Snapshot(_) => None,
                },
            };
            match step {
                Some((position, text)) => Step::To(Arc::new(Encoded::step(kind, from, position, text))),
                None => Step::Snapshot,
            }
        })
    }
}
