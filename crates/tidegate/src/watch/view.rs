//! What the screen shows: the document with its marks, the part that is scrolled to, and the two lines below it.
//! Pure: the terminal is in `screen`.

use std::time::{Duration, Instant};

use tidegate_client::{Document, Live, Source, Update};
use tidegate_core::json::{self, Value};
use tidegate_wire::{State, Status};

use super::account::{Account, human};
use super::marks::{Marks, VISIBLE};
use super::render::{Line, Rendered, Span, Style, changed_lines, printable, render_json, render_text};

/// How many lines at the bottom are not the document's.
pub(super) const FOOTER_LINES: usize = 2;

/// What the keys say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    LineUp,
    LineDown,
    PageUp,
    PageDown,
    Top,
    Bottom,
    /// Scroll to changes by itself again.
    Follow,
}

/// The document as it is shown, with what just changed in it.
#[derive(Debug)]
enum Shown {
    Nothing,
    Json { value: Value, marks: Marks },
    Text { text: String, changed: Vec<Option<Instant>> },
}

/// What the client knows besides the document.
#[derive(Debug, Clone, Default)]
struct Link {
    source: Option<Source>,
    status: Option<Status>,
    /// Why there is no connection, and when the next attempt is.
    lost: Option<(String, Instant)>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct View {
    shown: Shown,
    link: Link,
    position: Option<String>,
    changed_at: Option<Instant>,
    pub(super) account: Account,
    received: u64,
    poll: Duration,
    rendered: Rendered,
    /// What the rendered lines were made for; `None`: they have to be made again.
    rendered_for: Option<usize>,
    marked_until: Option<Instant>,
    top: usize,
    follow: bool,
    /// A change that has not been scrolled to yet.
    jump: bool,
}

impl View {
    /// An empty view. `poll` is how often a URL without a stream is asked.
    pub(super) fn new(poll: Duration) -> View {
        View {
            shown: Shown::Nothing,
            link: Link::default(),
            position: None,
            changed_at: None,
            account: Account::new(),
            received: 0,
            poll,
            rendered: Rendered::default(),
            rendered_for: None,
            marked_until: None,
            top: 0,
            follow: true,
            jump: false,
        }
    }

    /// Takes an update and what `live` holds as of it.
    pub(super) fn take(&mut self, update: &Update, live: &Live, now: Instant) {
        self.take_update(update, live.document(), now);
        self.position = live.position().map(str::to_owned);
    }

    /// The bytes that were received so far.
    pub(super) fn set_received(&mut self, bytes: u64) {
        self.received = bytes;
    }

    fn take_update(&mut self, update: &Update, document: Option<&Document>, now: Instant) {
        match update {
            Update::Connected { source } => {
                self.link.source = Some(*source);
                self.link.lost = None;
            }
            Update::Status(status) => self.link.status = Some(status.clone()),
            Update::Disconnected { cause, retry_in } => {
                self.link.lost = Some((cause.to_string(), now + *retry_in));
            }
            Update::Snapshot { .. } | Update::Patched { .. } | Update::Merged { .. } => {
                self.account.take_update(now);
                self.changed_at = Some(now);
                if let Some(document) = document {
                    let is_first = matches!(self.shown, Shown::Nothing);
                    self.show(update, document, now);
                    self.marked_until = Some(now + VISIBLE);
                    self.jump = !is_first;
                }
                self.rendered_for = None;
            }
        }
    }

    fn show(&mut self, update: &Update, document: &Document, now: Instant) {
        let shown = std::mem::replace(&mut self.shown, Shown::Nothing);
        self.shown = match (shown, document) {
            (Shown::Json { mut value, mut marks }, Document::Json(new)) => {
                let applied = match update {
                    Update::Patched { patch, .. } => marks.apply(&mut value, patch, now),
                    // The others say less exactly what changed, so it is worked out here.
                    _ => {
                        let patch = json::tree_diff(&value, new);
                        marks.apply(&mut value, &patch, now)
                    }
                };
                // The client's document is the truth; the marks are only for the eye.
                if applied.is_err() || value != *new {
                    (value, marks) = (new.clone(), Marks::default());
                }
                Shown::Json { value, marks }
            }
            (_, Document::Json(new)) => Shown::Json { value: new.clone(), marks: Marks::default() },
            (Shown::Text { text, changed }, Document::Text(new)) => {
                let changed = changed_lines(&text, &changed, new, now);
                Shown::Text { text: new.clone(), changed }
            }
            (_, Document::Text(new)) => Shown::Text { text: new.clone(), changed: Vec::new() },
        };
    }

    /// Lets time pass: marks fade, the pollers of the account poll.
    pub(super) fn advance(&mut self, now: Instant) {
        if let Some(until) = self.marked_until {
            self.rendered_for = None;
            if let Shown::Json { marks, .. } = &mut self.shown {
                marks.prune(now);
            }
            self.marked_until = Some(until).filter(|until| now < *until);
        }
        let interval = self.poll_interval();
        self.account.advance(now, interval, || match &self.shown {
            Shown::Json { value, .. } => value.to_text(),
            Shown::Text { text, .. } => text.clone(),
            Shown::Nothing => String::new(),
        });
    }

    fn poll_interval(&self) -> Duration {
        let status = self.link.status.as_ref();
        status.map_or(self.poll, |status| Duration::from_millis(status.fresh_within_ms))
    }

    /// Scrolls. Whoever scrolls does not want to be scrolled, until they say so.
    pub(super) fn key(&mut self, key: Key, height: usize) {
        let page = height.saturating_sub(FOOTER_LINES + 1).max(1);
        self.follow = key == Key::Follow;
        self.jump = self.follow;
        self.top = match key {
            Key::LineUp => self.top.saturating_sub(1),
            Key::LineDown => self.top + 1,
            Key::PageUp => self.top.saturating_sub(page),
            Key::PageDown => self.top + page,
            Key::Top => 0,
            Key::Bottom => usize::MAX - page,
            Key::Follow => self.top,
        };
    }

    /// The screen's lines, exactly `height` of them.
    pub(super) fn draw(&mut self, now: Instant, width: usize, height: usize) -> Vec<Line> {
        if self.rendered_for != Some(width) {
            self.rendered = match &self.shown {
                Shown::Nothing => Rendered::default(),
                Shown::Json { value, marks } => render_json(value, marks, now, width),
                Shown::Text { text, changed } => render_text(text, changed, now),
            };
            self.rendered_for = Some(width);
        }
        let room = height.saturating_sub(FOOTER_LINES);
        let furthest = self.rendered.lines.len().saturating_sub(room);
        self.top = self.top.min(furthest);
        if std::mem::take(&mut self.jump) && self.follow {
            let hidden = |line: &usize| *line < self.top || *line >= self.top + room;
            if let Some(line) = self.rendered.first_change.filter(hidden) {
                // With what stands above it, for orientation.
                self.top = line.saturating_sub(room / 3).min(furthest);
            }
        }
        let mut lines: Vec<Line> = self.rendered.lines.iter().skip(self.top).take(room).cloned().collect();
        lines.resize(room, Line::new());
        let footer = [self.state_line(now), self.cost_line(room)];
        lines.extend(footer.map(|text| vec![Span { text, style: Style::Plain }]));
        lines.truncate(height);
        lines
    }

    /// How fresh the document is, where it stands, and how old its last change is.
    pub(super) fn state_line(&self, now: Instant) -> String {
        let mut parts = vec![match (&self.link.lost, &self.link.status) {
            (Some((cause, at)), _) => {
                let seconds = at.saturating_duration_since(now).as_secs_f64();
                format!("DISCONNECTED ({}), again in {seconds:.0} s", printable(cause))
            }
            (None, Some(status)) if status.state == State::Live => {
                format!("live, confirmed every {} ms", status.fresh_within_ms)
            }
            (None, Some(status)) => super::lines::status_text(status).replacen(
                status.state.as_str(),
                &status.state.as_str().to_uppercase(),
                1,
            ),
            (None, None) if self.link.source.is_some() => "connected".to_owned(),
            (None, None) => "connecting".to_owned(),
        }];
        if let Some(changed_at) = self.changed_at {
            let age = now.saturating_duration_since(changed_at).as_secs_f64();
            parts.push(format!("changed {age:.1} s ago"));
        }
        parts.extend(self.position.as_ref().map(|position| format!("at {}", printable(position))));
        parts.join(" · ")
    }

    /// What was received, and what polling would have cost.
    fn cost_line(&self, room: usize) -> String {
        let Account { updates, plain_bytes, conditional_bytes, .. } = self.account;
        // The keys come before the place, so that a narrow screen cuts what can be done without.
        let mut text = format!("{updates} updates, {} received", human(self.received));
        if self.link.source == Some(Source::Stream) {
            let (plain, conditional) = (human(plain_bytes), human(conditional_bytes));
            text.push_str(&format!("; polling: {plain}, with gzip+ETag {conditional}"));
        }
        text.push_str(" · q quits");
        let total = self.rendered.lines.len();
        if total > room {
            text.push_str(if self.follow { ", ↑↓ scroll" } else { ", f follows" });
            text.push_str(&format!(" · {}–{} of {total}", self.top + 1, (self.top + room).min(total)));
        }
        text
    }

    /// What it came to in the end, with how it is reckoned.
    pub(super) fn summary(&self) -> String {
        let Account { updates, polls, plain_bytes, conditional_bytes, .. } = self.account;
        let received = format!("{updates} updates, {} received.", human(self.received));
        if self.link.source != Some(Source::Stream) || polls == 0 {
            return received;
        }
        format!(
            "{received} Polling every {} ms, {polls} times, would have taken\n  {:>10} plain: each time a head ({} B) and the whole body;\n  {:>10} with gzip and ETag: each time a head, and the gzipped body when it had changed.",
            self.poll_interval().as_millis(),
            human(plain_bytes),
            super::account::HEAD_BYTES,
            human(conditional_bytes),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::marks::Recency;
    use crate::watch::marks::tests::value;
    use std::sync::Arc;
    use tidegate_client::Disconnect;
    use tidegate_core::json::Patch;
    use tidegate_wire::Timestamp;

    fn document(rows: usize, changed: Option<usize>) -> Document {
        let row = |row| format!(r#"{{"id":{row},"n":{}}}"#, if Some(row) == changed { 1 } else { 0 });
        Document::Json(value(&format!("[{}]", (0..rows).map(row).collect::<Vec<_>>().join(","))))
    }

    fn snapshot() -> Update {
        Update::Snapshot { position: "a.1".into(), bytes: 1 }
    }

    fn patched(row: usize) -> Update {
        let patch = format!(r#"[{{"op":"replace","path":"/{row}/n","value":1}}]"#);
        Update::Patched {
            position: "a.2".into(),
            patch: Arc::new(Patch::parse(patch.as_bytes()).unwrap()),
            bytes: 1,
        }
    }

    fn text(line: &Line) -> String {
        line.iter().map(|span| span.text.as_str()).collect()
    }

    fn changed(lines: &[Line]) -> Vec<(usize, Recency)> {
        let recency = |line: &Line| {
            line.iter().find_map(|span| match span.style {
                Style::Changed(recency) => Some(recency),
                _ => None,
            })
        };
        lines.iter().enumerate().filter_map(|(index, line)| Some((index, recency(line)?))).collect()
    }

    #[test]
    fn it_scrolls_to_what_changed_until_somebody_scrolls() {
        let (mut view, start) = (View::new(Duration::from_secs(1)), Instant::now());
        view.take_update(&snapshot(), Some(&document(100, None)), start);
        let lines = view.draw(start, 80, 12);
        assert_eq!((lines.len(), text(&lines[0]).as_str(), changed(&lines)), (12, "[", vec![]));
        assert_eq!(text(&lines[1]), r#"  {"id": 0, "n": 0},"#);

        // Row 50 stands on line 51 of the document, and a third down the screen.
        view.take_update(&patched(50), Some(&document(100, Some(50))), start);
        let lines = view.draw(start, 80, 12);
        assert_eq!(changed(&lines), [(3, Recency::Fresh)]);
        assert_eq!(text(&lines[3]), r#"  {"id": 50, "n": 1},"#);
        assert!(text(&lines[11]).ends_with(" · q quits, ↑↓ scroll · 49–58 of 102"), "{}", text(&lines[11]));
        let later = start + Duration::from_millis(800);
        view.advance(later);
        assert_eq!(changed(&view.draw(later, 80, 12)), [(3, Recency::Fading)]);
        view.advance(start + VISIBLE);
        assert_eq!(changed(&view.draw(start + VISIBLE, 80, 12)), []);

        view.key(Key::Bottom, 12);
        assert_eq!(text(&view.draw(start, 80, 12)[9]), "]");
        view.key(Key::PageUp, 12);
        view.key(Key::LineUp, 12);
        view.key(Key::LineDown, 12);
        let before = text(&view.draw(start, 80, 12)[0]);
        view.take_update(&snapshot(), Some(&document(100, Some(3))), start);
        assert_eq!(text(&view.draw(start, 80, 12)[0]), before, "scrolling by hand switches following off");
        view.key(Key::Follow, 12);
        // What a snapshot changed is marked too: the row that was changed before, and this one.
        assert_eq!(text(&view.draw(start, 80, 12)[3]), r#"  {"id": 3, "n": 1},"#);
        view.key(Key::Top, 12);
        assert_eq!(text(&view.draw(start, 80, 12)[0]), "[");
        // No screen is too small.
        for height in 0..4 {
            assert_eq!(view.draw(start, 1, height).len(), height);
            view.key(Key::PageDown, height);
        }
    }

    #[test]
    fn the_state_line_says_how_fresh_it_is() {
        let (mut view, start) = (View::new(Duration::from_secs(1)), Instant::now());
        assert_eq!(view.state_line(start), "connecting");
        view.take_update(&Update::Connected { source: Source::Stream }, None, start);
        assert_eq!(view.state_line(start), "connected");
        view.take_update(&snapshot(), Some(&document(1, None)), start);
        view.position = Some("a.1".into());
        let status = Status::live(Timestamp::from_unix_ms(0), 550);
        view.take_update(&Update::Status(status.clone()), None, start);
        let later = start + Duration::from_millis(1200);
        assert_eq!(view.state_line(later), "live, confirmed every 550 ms · changed 1.2 s ago · at a.1");
        let stale = Status { state: State::Stale, ..status };
        view.take_update(&Update::Status(stale), None, start);
        assert!(view.state_line(later).starts_with("STALE since 1970-01-01T00:00:00.000Z · "));
        let lost = Update::Disconnected { cause: Disconnect::Closed, retry_in: Duration::from_secs(3) };
        view.take_update(&lost, None, start);
        assert!(
            view.state_line(start)
                .starts_with("DISCONNECTED (the server closed the stream), again in 3 s · ")
        );
    }

    #[test]
    fn the_costs_are_said_with_their_formula() {
        let (mut view, start) = (View::new(Duration::from_secs(1)), Instant::now());
        view.take_update(&Update::Connected { source: Source::Stream }, None, start);
        view.take_update(&snapshot(), Some(&Document::Text("x".repeat(9750))), start);
        view.set_received(9900);
        view.advance(start + Duration::from_millis(3500));
        let summary = view.summary();
        assert!(
            summary.starts_with("1 updates, 9.9 KB received. Polling every 1000 ms, 4 times,"),
            "{summary}"
        );
        assert!(
            summary.contains("   40.0 KB plain:") && summary.contains("    1.0 KB with gzip"),
            "{summary}"
        );
        assert!(view.cost_line(100).ends_with("; polling: 40.0 KB, with gzip+ETag 1.0 KB · q quits"));
        // Whoever polls already is not told what polling would cost.
        view.take_update(&Update::Connected { source: Source::Polling }, None, start);
        assert_eq!(view.summary(), "1 updates, 9.9 KB received.");
    }
}
