//! The terminal: takes it over, paints the view on it, reads its keys, and gives it back as it was.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::style::{Attribute, Color, Print, ResetColor, SetAttribute, SetForegroundColor};
use crossterm::{cursor, event, execute, queue, terminal};
use tidegate_client::{Live, Update};
use tokio::sync::mpsc;

use super::marks::Recency;
use super::render::{Line, Style};
use super::view::{FOOTER_LINES, Key, View};
use super::{Failure, stop_signal};

/// How often the screen is painted at most. Only lines that differ are written.
const FRAME: Duration = Duration::from_millis(50);
/// How long the reader of keys takes to notice that it is not wanted any more.
const KEY_WAIT: Duration = Duration::from_millis(100);

/// The terminal while it is ours. Dropping it gives it back, whatever happened.
struct Terminal {
    painted: Vec<Line>,
    size: (u16, u16),
}

impl Terminal {
    fn enter() -> io::Result<Terminal> {
        terminal::enable_raw_mode()?;
        // From here on `drop` undoes what was done, also when the next step fails.
        let terminal = Terminal { painted: Vec::new(), size: terminal::size()? };
        execute!(io::stdout(), terminal::EnterAlternateScreen, terminal::DisableLineWrap, cursor::Hide)?;
        Ok(terminal)
    }

    /// Shows `lines`; writes those that differ from what is there.
    fn paint(&mut self, lines: Vec<Line>) -> io::Result<()> {
        let mut out = Vec::new();
        let width = usize::from(self.size.0);
        let footer = lines.len().saturating_sub(FOOTER_LINES);
        for (row, line) in lines.iter().enumerate().filter(|(row, line)| self.painted.get(*row) != Some(line))
        {
            let Ok(y) = u16::try_from(row) else { break };
            queue!(out, cursor::MoveTo(0, y), ResetColor, SetAttribute(Attribute::Reset))?;
            if row >= footer {
                queue!(out, SetAttribute(Attribute::Reverse))?;
            }
            paint_line(&mut out, line, width)?;
            queue!(out, terminal::Clear(terminal::ClearType::UntilNewLine))?;
        }
        if !out.is_empty() {
            let mut stdout = io::stdout().lock();
            stdout.write_all(&out)?;
            stdout.flush()?;
        }
        self.painted = lines;
        Ok(())
    }

    fn resize(&mut self, size: (u16, u16)) {
        self.size = size;
        // What a terminal shows after a change of its size is not known.
        self.painted.clear();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // There is nobody left to tell of a failure, and the next step may still work.
        let _ = execute!(
            io::stdout(),
            ResetColor,
            SetAttribute(Attribute::Reset),
            terminal::EnableLineWrap,
            terminal::LeaveAlternateScreen,
            cursor::Show
        );
        let _ = terminal::disable_raw_mode();
    }
}

fn paint_line(out: &mut Vec<u8>, line: &Line, width: usize) -> io::Result<()> {
    let mut room = width;
    for span in line {
        let text: String = span.text.chars().take(room).collect();
        room -= text.chars().count();
        match span.style {
            Style::Plain => queue!(out, Print(text))?,
            Style::Name => queue!(out, SetForegroundColor(Color::Cyan), Print(text), ResetColor)?,
            Style::Changed(Recency::Fresh) => queue!(
                out,
                SetForegroundColor(Color::Green),
                SetAttribute(Attribute::Reverse),
                Print(text),
                SetAttribute(Attribute::NoReverse),
                ResetColor
            )?,
            Style::Changed(Recency::Fading) => {
                queue!(out, SetForegroundColor(Color::Green), Print(text), ResetColor)?;
            }
        }
    }
    Ok(())
}

/// Reads the terminal's events on a thread of its own, for as long as it lives.
struct Keys {
    events: mpsc::UnboundedReceiver<Event>,
    is_over: Arc<AtomicBool>,
}

impl Keys {
    fn read() -> Keys {
        let (sender, events) = mpsc::unbounded_channel();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                match event::poll(KEY_WAIT) {
                    Ok(false) => continue,
                    Ok(true) => {}
                    Err(_) => return,
                }
                let Ok(event) = event::read() else { return };
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        Keys { events, is_over }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Quit,
    Scroll(Key),
}

/// What a key means. In raw mode Ctrl-C is a key like any other.
fn wish(key: KeyEvent) -> Option<Wish> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return (key.code == KeyCode::Char('c')).then_some(Wish::Quit);
    }
    Some(Wish::Scroll(match key.code {
        KeyCode::Char('q') | KeyCode::Esc => return Some(Wish::Quit),
        KeyCode::Up | KeyCode::Char('k') => Key::LineUp,
        KeyCode::Down | KeyCode::Char('j') => Key::LineDown,
        KeyCode::PageUp | KeyCode::Char('b') => Key::PageUp,
        KeyCode::PageDown | KeyCode::Char(' ') => Key::PageDown,
        KeyCode::Home | KeyCode::Char('g') => Key::Top,
        KeyCode::End | KeyCode::Char('G') => Key::Bottom,
        KeyCode::Char('f') => Key::Follow,
        _ => return None,
    }))
}

/// Shows `live` until a key, a signal, or the count ends it; then says on the ordinary screen what it came to.
pub(super) async fn run(live: Live, poll: Duration, count: Option<u64>) -> Result<(), Failure> {
    let mut view = View::new(poll);
    let result = show(live, &mut view, count).await;
    if view.account.updates > 0 {
        eprintln!("{}", view.summary());
    }
    result
}

async fn show(mut live: Live, view: &mut View, count: Option<u64>) -> Result<(), Failure> {
    let mut terminal = Terminal::enter()?;
    let mut keys = Keys::read();
    let mut frames = tokio::time::interval(FRAME);
    frames.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let stop = stop_signal();
    tokio::pin!(stop);
    while count.is_none_or(|count| view.account.updates < count) {
        tokio::select! {
            _ = &mut stop => return Ok(()),
            update = live.next() => {
                let update: Update = update.map_err(Failure::Ended)?;
                view.take(&update, &live, Instant::now());
                view.set_received(live.traffic().bytes());
            }
            event = keys.events.recv() => match event {
                Some(Event::Key(key)) => match wish(key) {
                    Some(Wish::Quit) => return Ok(()),
                    Some(Wish::Scroll(key)) => view.key(key, terminal.size.1.into()),
                    None => {}
                },
                Some(Event::Resize(width, height)) => terminal.resize((width, height)),
                Some(_) => {}
                // The terminal is gone.
                None => return Ok(()),
            },
            _ = frames.tick() => {
                let now = Instant::now();
                view.set_received(live.traffic().bytes());
                view.advance(now);
                let (width, height) = terminal.size;
                terminal.paint(view.draw(now, width.into(), height.into()))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::render::Span;

    #[test]
    fn keys_and_what_they_mean() {
        let check = |code, modifiers, expected| assert_eq!(wish(KeyEvent::new(code, modifiers)), expected);
        check(KeyCode::Char('c'), KeyModifiers::CONTROL, Some(Wish::Quit));
        check(KeyCode::Char('q'), KeyModifiers::NONE, Some(Wish::Quit));
        check(KeyCode::Char('q'), KeyModifiers::CONTROL, None);
        check(KeyCode::PageDown, KeyModifiers::NONE, Some(Wish::Scroll(Key::PageDown)));
        check(KeyCode::Char('G'), KeyModifiers::SHIFT, Some(Wish::Scroll(Key::Bottom)));
        check(KeyCode::F(1), KeyModifiers::NONE, None);
        let released = KeyEvent { kind: KeyEventKind::Release, ..KeyEvent::from(KeyCode::Char('q')) };
        assert_eq!(wish(released), None);
    }

    #[test]
    fn a_line_is_cut_at_the_screens_edge() {
        let span = |text: &str, style| Span { text: text.into(), style };
        let mut out = Vec::new();
        let line = vec![span("ab", Style::Plain), span("cdé", Style::Plain), span("f", Style::Plain)];
        paint_line(&mut out, &line, 5).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "abcdé");
    }
}
