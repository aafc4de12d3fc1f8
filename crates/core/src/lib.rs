//! Tidegate's pure core: documents, diffs, positions, windows, the feed's state machine and the poll schedule.
//!
//! Nothing here reads a clock, draws a random number or opens a socket: time and seeds are arguments, and what
//! should happen is returned, not done. So the hard parts are tested in virtual time.

pub mod caching;
mod document;
mod failure;
mod feed;
mod mode;
pub mod negotiation;
mod position;
mod representation;
pub mod schedule;
pub mod sharing;
mod time;
mod validators;
mod view;
mod window;

pub use tidegate_json as json;

pub use document::{Change, Document, DocumentError, Form, Rules, Step};
pub use failure::{Failure, FailureKind, Phase};
pub use feed::{
    Cause, Cost, Ended, Expect, Feed, FetchPlan, Fetching, Meta, Output, Policy, Resumed, Serving, Settled,
    State, Status, Unproven, Update, Wait,
};
pub use mode::{Mode, ParseModeError};
pub use position::{Binding, Epoch, Offset, ParsePositionError, Position};
pub use representation::{Answer, Outcome, Representation, Unfit, Validators, retry_after};
pub use schedule::{Pace, Wish};
pub use sharing::{
    Asked, ClaimValue, CookieNames, Identity, IgnoredQuery, PartName, SharedRequest, SharingKey,
    SharingPolicy, SharingRules, Untellable, Vary,
};
pub use time::{Jitter, Time};
pub use view::{Followed, Remembered, Unselectable, View, select};
pub use window::{Version, Window, WindowLimits, merge_between};
