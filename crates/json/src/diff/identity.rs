//! Rows that have an identity: a member that every row has, as a scalar of its own.
//!
//! Hashes only propose, and are sorted, not put in a table: no choice of values makes that slow.

use crate::document::Document;
use crate::document::tape::Node;
use crate::identities::Identities;
use crate::keys::hash;
use crate::strings;

/// How many members are tried where none is named.
const TRIES: usize = 4;

/// How many of an array's rows are looked at to tell whether a member identifies them.
const SAMPLE: usize = 32;

/// For each new row the old one of the same identity; none when the rows have no identity. `named` is the member that
/// the caller says is it. `all` are all rows of the new array, these among them: what some of them have in common
/// identifies none.
pub(super) fn match_rows(
    old: (&Document, &[Node]),
    new: (&Document, &[Node]),
    all: &[Node],
    named: Option<&str>,
) -> Option<Vec<Option<usize>>> {
    if let Some(name) = named {
        return matched(old, new, name.as_bytes()).map(|(origins, _)| origins);
    }
    let most = old.1.len().min(new.1.len());
    let mut best: Option<(Vec<Option<usize>>, usize)> = None;
    let sample: Vec<Node> = all.iter().step_by(all.len().div_ceil(SAMPLE).max(1)).copied().collect();
    for name in candidates(new.0, *new.1.first()?) {
        let is_usual = Identities::is_usual(name.as_bytes());
        if !is_usual && identities((new.0, &sample), name.as_bytes()).is_none() {
            continue;
        }
        let Some((origins, count)) = matched(old, new, name.as_bytes()) else { continue };
        // No other member could match more rows, and better names come first.
        if count == most {
            return Some(origins);
        }
        if (count > 0 || is_usual) && best.as_ref().is_none_or(|(_, most)| count > *most) {
            best = Some((origins, count));
        }
    }
    best.map(|(origins, _)| origins)
}

/// The members of a row that could be its identity, the likeliest first: the usual names, then texts, then others.
fn candidates(document: &Document, row: Node) -> Vec<String> {
    if row.is_scalar() || !document.is_object(row.container) {
        return Vec::new();
    }
    let scalars = document.children(row.container).take(32).filter(|member| member.is_scalar());
    let mut names: Vec<_> = scalars
        .map(|member| {
            let name = document.key(member);
            let is_text = document.kind(member) == b'"';
            (Identities::rank(name.as_bytes()), !is_text, name.into_owned())
        })
        .collect();
    names.sort_by_key(|(rank, other, _)| (*rank, *other));
    names.truncate(TRIES);
    names.into_iter().map(|(_, _, name)| name).collect()
}

/// Matches rows by a member; none unless every row of both sides has it, once. Says how many match, too.
fn matched(
    old: (&Document, &[Node]),
    new: (&Document, &[Node]),
    name: &[u8],
) -> Option<(Vec<Option<usize>>, usize)> {
    let (ours, theirs) = (identities(old, name)?, identities(new, name)?);
    let mut origins = vec![None; new.1.len()];
    let mut count = 0;
    let mut ours = ours.iter().peekable();
    for their in &theirs {
        while ours.next_if(|our| our.hash < their.hash).is_some() {}
        if let Some(our) = ours.next_if(|our| our.hash == their.hash && our.text == their.text) {
            origins[their.place] = Some(our.place);
            count += 1;
        }
    }
    Some((origins, count))
}

/// What identifies a row. A number does by its text, like everywhere in a diff.
struct Identity<'a> {
    hash: u64,
    text: &'a [u8],
    place: usize,
}

/// The identities of all rows, by hash; none where one is missing or is there twice. (Of two that only have the same
/// hash the same is said: then the rows are matched otherwise.)
fn identities<'a>((document, rows): (&'a Document, &[Node]), name: &[u8]) -> Option<Vec<Identity<'a>>> {
    let mut hint = 0;
    let mut list = Vec::with_capacity(rows.len());
    for (place, &row) in rows.iter().enumerate() {
        let text = document.span(scalar_member(document, row, name, &mut hint)?);
        let decoded = if text.contains(&b'\\') { hash(strings::decode(text).as_bytes()) } else { hash(text) };
        list.push(Identity { hash: decoded, text, place });
    }
    list.sort_unstable_by_key(|it| it.hash);
    let twice = list.windows(2).any(|pair| pair[0].hash == pair[1].hash);
    (!twice).then_some(list)
}

/// The scalar member of this name. `hint` is its place in the row before, mostly its place in this one.
fn scalar_member(document: &Document, row: Node, name: &[u8], hint: &mut usize) -> Option<Node> {
    if row.is_scalar() || !document.is_object(row.container) {
        return None;
    }
    let is_it = |member: &Node| strings::is(document.raw_key(*member), name);
    let found = match document.children(row.container).nth(*hint).filter(is_it) {
        Some(member) => member,
        None => {
            let (place, member) = document.children(row.container).enumerate().find(|(_, it)| is_it(it))?;
            *hint = place;
            member
        }
    };
    found.is_scalar().then_some(found).filter(|&member| document.kind(member) != b'n')
}
