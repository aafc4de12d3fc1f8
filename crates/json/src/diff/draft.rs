//! The patch as it is being written: text from the first byte.
//!
//! Invariant: what is written is a JSON array of operations but for its closing bracket. Paths are kept as the JSON
//! text that they become, so that an operation is a few copies of bytes.

use bytes::Bytes;

use crate::strings;

/// The edits have become longer than what they were to save; the enclosing value is to be replaced.
pub(crate) struct TooDear;

/// A patch in the making, and the place in the document that it is at.
pub(crate) struct Draft {
    out: Vec<u8>,
    /// The pointer to the present place, as it stands inside a JSON string.
    path: Vec<u8>,
    /// How many elements and members may still shift, see [`MAX_SHIFTS`].
    shifts: usize,
}

/// How many elements and members may shift by one place, all told, when the patch is applied. Each insertion near
/// the front of an array shifts all the rest, in every client. Many of them in a long array would cost each client
/// seconds; then the array is replaced. 500 rows never come near; 100,000 do with some 700 removals at the front.
const MAX_SHIFTS: usize = 1 << 26;

/// A state of a draft to go back to.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    out: usize,
    path: usize,
    shifts: usize,
}

impl Mark {
    /// The bytes written before it.
    pub(crate) fn out_len(self) -> usize {
        self.out
    }
}

/// A place in a document to go back up to.
#[derive(Clone, Copy)]
pub(crate) struct Place(usize);

/// What an operation takes besides its path and value: with the comma before it, and without it at the beginning.
const REPLACE: usize = r#",{"op":"replace","path":"","value":}"#.len();

impl Draft {
    pub(crate) fn new() -> Draft {
        Draft { out: vec![b'['], path: Vec::new(), shifts: MAX_SHIFTS }
    }

    pub(crate) fn finish(mut self) -> Bytes {
        self.out.push(b']');
        // Without the room that was reserved for more: patches are kept.
        Bytes::from(self.out.into_boxed_slice())
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark { out: self.out.len(), path: self.path.len(), shifts: self.shifts }
    }

    /// Takes back what was written since, and comes back up to the place of then.
    pub(crate) fn rewind(&mut self, mark: Mark) {
        self.out.truncate(mark.out);
        self.path.truncate(mark.path);
        self.shifts = mark.shifts;
    }

    /// The bytes written since.
    pub(crate) fn since(&self, mark: Mark) -> usize {
        self.out.len() - mark.out
    }

    /// Goes down to the member whose key stands like this in a text, without its quotes.
    pub(crate) fn enter_member(&mut self, raw_key: &[u8]) -> Place {
        let place = Place(self.path.len());
        self.path.push(b'/');
        push_token(&mut self.path, raw_key);
        place
    }

    /// Goes down to an element.
    pub(crate) fn enter_element(&mut self, index: usize) -> Place {
        let place = Place(self.path.len());
        push_index(&mut self.path, index);
        place
    }

    /// Goes back up.
    pub(crate) fn leave(&mut self, place: Place) {
        self.path.truncate(place.0);
    }

    /// The present place, to come back to.
    pub(crate) fn here(&self) -> Place {
        Place(self.path.len())
    }

    /// What replacing the present place by a value of this length would take, if written at `mark`.
    pub(crate) fn replace_cost_at(&self, mark: Mark, value: usize) -> usize {
        REPLACE + self.path.len() + value - usize::from(mark.out == 1)
    }

    pub(crate) fn replace(&mut self, value: &[u8]) {
        self.begin(b"{\"op\":\"replace\",\"path\":\"");
        self.value(value);
    }

    /// Replaces what is at a path that was written down before.
    pub(crate) fn replace_at(&mut self, path: &[u8], value: &[u8]) {
        self.comma();
        self.out.extend_from_slice(b"{\"op\":\"replace\",\"path\":\"");
        self.out.extend_from_slice(path);
        self.value(value);
    }

    pub(crate) fn add(&mut self, value: &[u8]) {
        self.begin(b"{\"op\":\"add\",\"path\":\"");
        self.value(value);
    }

    pub(crate) fn remove(&mut self) {
        self.begin(b"{\"op\":\"remove\",\"path\":\"");
        self.out.extend_from_slice(b"\"}");
    }

    /// Takes an element of the array at the present place to another index.
    pub(crate) fn move_element(&mut self, from: usize, to: usize) {
        self.transfer_element(b"{\"op\":\"move\",\"from\":\"", from, to);
    }

    /// Copies an element of the array at the present place to another index.
    pub(crate) fn copy_element(&mut self, from: usize, to: usize) {
        self.transfer_element(b"{\"op\":\"copy\",\"from\":\"", from, to);
    }

    fn transfer_element(&mut self, head: &[u8], from: usize, to: usize) {
        self.comma();
        self.out.extend_from_slice(head);
        self.out.extend_from_slice(&self.path);
        push_index(&mut self.out, from);
        self.out.extend_from_slice(b"\",\"path\":\"");
        self.out.extend_from_slice(&self.path);
        push_index(&mut self.out, to);
        self.out.extend_from_slice(b"\"}");
    }

    /// Moves or copies what is at a path that was written down before to the present place.
    pub(crate) fn transfer(&mut self, head: &[u8], from: &[u8]) {
        self.comma();
        self.out.extend_from_slice(head);
        self.out.extend_from_slice(from);
        self.out.extend_from_slice(b"\",\"path\":\"");
        self.out.extend_from_slice(&self.path);
        self.out.extend_from_slice(b"\"}");
    }

    /// The pointer to the present place, as it stands inside a JSON string.
    pub(crate) fn path(&self) -> &[u8] {
        &self.path
    }

    /// Accounts for elements or members that an operation shifts by one place.
    pub(crate) fn shift(&mut self, places: usize) -> Result<(), TooDear> {
        self.shifts = self.shifts.checked_sub(places).ok_or(TooDear)?;
        Ok(())
    }

    /// Whether more was written than is worth it.
    pub(crate) fn check(&self, limit: usize) -> Result<(), TooDear> {
        if self.out.len() > limit { Err(TooDear) } else { Ok(()) }
    }

    /// Whether a value of this length is more than is worth it, before it is written.
    pub(crate) fn check_room(&self, value: usize, limit: usize) -> Result<(), TooDear> {
        if self.out.len().saturating_add(value) > limit { Err(TooDear) } else { Ok(()) }
    }

    fn comma(&mut self) {
        if self.out.len() > 1 {
            self.out.push(b',');
        }
    }

    fn begin(&mut self, head: &[u8]) {
        self.comma();
        self.out.extend_from_slice(head);
        self.out.extend_from_slice(&self.path);
    }

    fn value(&mut self, value: &[u8]) {
        self.out.extend_from_slice(b"\",\"value\":");
        self.out.extend_from_slice(value);
        self.out.push(b'}');
    }
}

/// Writes a member's key, which stands like this in a text, as a pointer's token inside a JSON string.
pub(super) fn push_token(path: &mut Vec<u8>, raw_key: &[u8]) {
    if raw_key.contains(&b'\\') {
        // An escape may stand for a character that a pointer escapes in its own way.
        let token = strings::decode(raw_key).replace('~', "~0").replace('/', "~1");
        crate::write::write_string_content(path, &token);
        return;
    }
    for &byte in raw_key {
        match byte {
            b'~' => path.extend_from_slice(b"~0"),
            b'/' => path.extend_from_slice(b"~1"),
            other => path.push(other),
        }
    }
}

fn push_index(path: &mut Vec<u8>, index: usize) {
    let mut digits = [0; 21];
    let mut at = digits.len();
    let mut rest = index;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    at -= 1;
    digits[at] = b'/';
    path.extend_from_slice(&digits[at..]);
}
