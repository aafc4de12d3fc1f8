//! Carriers on a pipe that takes what a test allows.

mod scene;

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value as Json;
use tidegate_wire::{Format, json_message, websocket};

pub(crate) use self::scene::Fake;
use self::scene::*;
use super::*;
use crate::shard::Sink;

#[derive(Debug, Clone)]
enum Op {
    Join(u32),
    Give(usize, usize),
    Serve(usize),
    Room(usize),
    Say,
    Unsubscribe(u32),
    /// The gateway ends it.
    Finish(usize),
    Heed,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        2 => (0..5_u32).prop_map(Op::Join),
        6 => (0..4_usize, prop_oneof![0..40_usize, 100..300_usize]).prop_map(|(who, size)| Op::Give(who, size)),
        8 => (0..4_usize).prop_map(Op::Serve),
        8 => prop_oneof![1..8_usize, 1..100_usize].prop_map(Op::Room),
        2 => Just(Op::Say),
        1 => (0..5_u32).prop_map(Op::Unsubscribe),
        1 => (0..4_usize).prop_map(Op::Finish),
        3 => Just(Op::Heed),
    ];
    prop::collection::vec(op, 1..120)
}

/// Whatever is cut where: what the client reads is whole, in order, and nothing that was given to somebody who stayed is
/// missing, once there is room for it.
fn whatever_is_cut(format: Format, is_slot: bool, slice: usize, ops: Vec<Op>, close: bool) {
    let mut scene = scene(format, is_slot, slice, 1 << 20);
    let mut asked_to_end = Vec::new();
    for op in ops {
        let who = |scene: &Scene, index: usize| scene.followers.keys().nth(index).copied();
        match op {
            Op::Join(sub) => {
                // A number that is used again would have two lists here.
                if !scene.given.contains_key(&sub) && !scene.ended.contains_key(&sub) {
                    let _ = scene.join(sub);
                }
            }
            Op::Give(index, size) => {
                if let Some(id) = who(&scene, index) {
                    scene.give(id, size);
                }
            }
            Op::Serve(index) => {
                if let Some(id) = who(&scene, index) {
                    scene.serve(id);
                }
            }
            Op::Room(bytes) => scene.room(bytes),
            Op::Say => {
                let byte = scene.said.len() as u8;
                scene.said.push(byte);
                scene.carrier.say(match format {
                    Format::WebSocket => websocket::pong(&[byte]),
                    _ => format.lone_message(&json_message::event("said", &byte.to_string())),
                });
            }
            Op::Unsubscribe(sub) => {
                if scene.carrier.unsubscribe(sub) {
                    asked_to_end.push(sub);
                }
            }
            Op::Finish(index) => {
                if let Some(id) = who(&scene, index) {
                    asked_to_end.push(scene.followers[&id].sub);
                    let _ = scene.followers.get_mut(&id).unwrap().sink.finish();
                    scene.remove(id);
                }
            }
            Op::Heed => scene.heed(),
        }
    }
    let last = match format {
        Format::WebSocket => websocket::close(websocket::CloseCode::Normal, "bye"),
        _ => format.lone_message(&json_message::event("bye", "{}")),
    };
    if close {
        asked_to_end.extend(scene.followers.values().map(|follower| follower.sub));
        scene.carrier.close(last);
        if format == Format::WebSocket {
            // Before the last words, or not at all.
            scene.carrier.say(websocket::pong(b"too late"));
        }
    }
    scene.settle();
    assert!(!scene.lost);
    let mut all = match format {
        Format::WebSocket => read(&scene.out()),
        _ => read_events(&scene.out()),
    };
    if close {
        let bye = all.pop();
        let is_last = match format {
            Format::WebSocket => bye == Some(Read::Close(1000, "bye".into())),
            _ => bye == Some(Read::Message(serde_json::json!({ "event": "bye", "data": {} }))),
        };
        assert!(is_last, "{bye:?}");
        assert!(scene.fake.ends().finished);
        assert!(scene.followers.is_empty());
    }
    let mut said = Vec::new();
    let mut told: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    let mut ends = Vec::new();
    for read in all {
        match read {
            Read::Pong(content) => said.extend(content),
            Read::Message(message) if message["event"] == "said" => {
                said.push(message["data"].as_u64().unwrap() as u8);
            }
            Read::Message(message) => {
                let sub = message["sub"].as_u64().unwrap() as u32;
                assert!(!ends.contains(&sub), "nothing behind the end");
                match message["event"].as_str().unwrap() {
                    "end" => ends.push(sub),
                    _ => told.entry(sub).or_default().push(message["data"].to_string()),
                }
            }
            other => panic!("{other:?}"),
        }
    }
    if close && said.ends_with(b"too late") {
        said.truncate(said.len() - 8);
    }
    assert_eq!(said, scene.said);
    for (sub, given) in &scene.given {
        let told = told.remove(sub).unwrap_or_default();
        match asked_to_end.contains(sub) {
            true => assert!(given.starts_with(&told), "{given:?} {told:?}"),
            false => assert_eq!(&told, given),
        }
    }
    assert!(told.is_empty());
    asked_to_end.sort_unstable();
    asked_to_end.dedup();
    ends.sort_unstable();
    assert_eq!(ends, asked_to_end);
}

proptest! {
    #[test]
    fn on_a_socket_whatever_is_cut_where(ops in ops(), slice in 30..200_usize, close: bool) {
        whatever_is_cut(Format::WebSocket, false, slice, ops, close);
    }

    #[test]
    fn in_a_slot_whatever_is_cut_where(ops in ops(), slice in 30..200_usize, close: bool) {
        whatever_is_cut(Format::Multiplexed, true, slice, ops, close);
    }
}

fn messages(scene: &Scene) -> Vec<Json> {
    let read = read(&scene.out()).into_iter().map(|read| match read {
        Read::Message(message) => message,
        other => panic!("{other:?}"),
    });
    read.collect()
}

#[test]
fn a_busy_subscription_leaves_the_others_and_the_connection_their_turns() {
    let mut scene = scene(Format::WebSocket, false, usize::MAX, 1 << 20);
    let (busy, quiet) = (scene.join(1).unwrap(), scene.join(2).unwrap());
    scene.give(quiet, 10);
    let mut turns = 0;
    while !scene.followers[&quiet].frames.is_empty() || scene.followers[&quiet].pending.is_some() {
        // There is always more than the connection takes.
        for _ in 0..3 {
            scene.give(busy, 100);
        }
        if turns == 0 {
            scene.serve(busy);
            scene.serve(quiet);
        }
        scene.serve_ready();
        scene.carrier.say(websocket::pong(&[turns]));
        scene.room(150);
        turns += 1;
        assert!(turns < 10, "it never has its turn");
    }
    scene.settle();
    let all = read(&scene.out());
    assert!(all.iter().position(|read| *read == Read::Pong(vec![0])).unwrap() < 3, "{all:?}");
}

#[test]
fn what_is_encrypted_goes_when_there_is_room_though_nothing_follows() {
    let mut scene = scene(Format::WebSocket, false, usize::MAX, 1 << 20);
    scene.fake.ends().record = Some(Vec::new());
    let id = scene.join(1).unwrap();
    scene.give(id, 100);
    scene.room(50);
    scene.serve(id);
    assert_eq!(scene.out().len(), 50, "the rest is encrypted");
    scene.room(1 << 10);
    scene.serve_ready();
    let message = scene.given[&1][0].clone();
    assert_eq!(messages(&scene)[0]["data"], message.trim_matches('"'));
}

#[test]
fn where_messages_go_whole_a_busy_subscription_leaves_the_others_their_turns_too() {
    let mut scene = scene(Format::WebSocket, true, usize::MAX, 1 << 20);
    let (busy, quiet) = (scene.join(1).unwrap(), scene.join(2).unwrap());
    scene.give(busy, 100);
    scene.give(quiet, 10);
    scene.fake.ends().room = 1 << 20;
    scene.serve(busy);
    scene.serve(quiet);
    let mut turns = 0;
    while !scene.followers[&quiet].frames.is_empty() {
        scene.give(busy, 100);
        scene.room(200);
        scene.serve_ready();
        turns += 1;
        assert!(turns < 5, "it never has its turn");
    }
}

#[test]
fn what_waits_behind_a_message_goes_without_an_event_of_the_socket() {
    // A message in slices, so that the socket never says that it is full.
    let mut scene = scene(Format::WebSocket, false, 50, 1 << 20);
    scene.fake.ends().room = 1 << 20;
    let (large, small) = (scene.join(1).unwrap(), scene.join(2).unwrap());
    scene.give(large, 60);
    scene.give(small, 10);
    let follower = scene.followers.get_mut(&large).unwrap();
    let frame = follower.frames.pop_front().unwrap();
    let written = follower.sink.write(std::slice::from_ref(&frame), 0).unwrap();
    assert!(!written.blocked && written.bytes < frame.len());
    scene.serve(small);
    scene.carrier.say(websocket::pong(b"p"));
    let follower = scene.followers.get_mut(&large).unwrap();
    let mut gone = written.bytes;
    while gone < frame.len() {
        gone += follower.sink.write(std::slice::from_ref(&frame), gone).unwrap().bytes;
    }
    for _ in 0..5 {
        scene.serve_ready();
    }
    let all = read(&scene.out());
    assert_eq!(all[1], Read::Pong(b"p".to_vec()));
    assert!(matches!(&all[2], Read::Message(message) if message["sub"] == 2), "{all:?}");
}

#[test]
fn whoever_unsubscribes_in_a_message_gets_the_rest_of_it_and_no_other() {
    let mut scene = scene(Format::WebSocket, false, usize::MAX, 1000);
    let id = scene.join(7).unwrap();
    scene.give(id, 5000);
    scene.give(id, 10);
    scene.serve(id);
    scene.room(100);
    scene.serve(id);
    assert!(scene.carrier.unsubscribe(7));
    assert!(scene.carrier.unsubscribe(7), "it is there until it was told that it has ended");
    scene.heed();
    assert_eq!(scene.carrier.reserve(7).err(), Some(SeatError::Taken));
    assert_eq!(scene.followers.len(), 1, "it has its message until that is whole");
    scene.settle();
    let told = messages(&scene);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[1], serde_json::json!({ "sub": 7, "event": "end", "data": {} }));
    assert!(!scene.carrier.unsubscribe(7));
    assert!(scene.carrier.reserve(7).is_ok(), "the number is free");
    assert!(!scene.lost);
}

#[test]
fn what_is_left_of_a_message_is_not_kept_beyond_the_limit() {
    for (size, kept) in [(500, true), (5000, false)] {
        let mut scene = scene(Format::WebSocket, false, usize::MAX, 1000);
        let (id, other) = (scene.join(7).unwrap(), scene.join(8).unwrap());
        scene.give(id, size);
        scene.room(100);
        scene.serve(id);
        let weak = scene.followers[&id].pending.clone().unwrap().0;
        // The shard has to let go of it, because memory runs short.
        scene.remove(id);
        assert!(weak.try_into_mut().is_ok(), "nothing keeps the whole");
        scene.heed();
        assert_eq!(scene.lost, !kept);
        if kept {
            scene.give(other, 1);
            scene.settle();
            assert_eq!(messages(&scene).len(), 3);
        } else {
            scene.give(other, 1);
            scene.serve(other);
            assert!(scene.followers.is_empty(), "nobody can go on");
        }
    }
}

#[test]
fn a_client_that_takes_nothing_is_not_answered_for_ever() {
    let scene = scene(Format::WebSocket, false, usize::MAX, 64 * 1024);
    let mut pings = 0;
    while scene.shard.told().is_empty() {
        // Empty ones, whose answers have two bytes.
        scene.carrier.say(websocket::pong(b""));
        pings += 1;
        assert!(pings <= 1000, "more is kept than the limit says");
    }
}

#[test]
fn what_was_heard_is_answered_in_order_and_a_broken_pipe_is_lost() {
    let mut scene = scene(Format::WebSocket, false, usize::MAX, 1000);
    scene.room(1000);
    scene.fake.ends().heard = [b"ab".to_vec(), b"c".to_vec()].into();
    assert_eq!(scene.carrier.hear(), Heard::All);
    let pongs = [b"a", b"b", b"c"].map(|content| Read::Pong(content.to_vec()));
    assert_eq!(read(&scene.out()), pongs);
    scene.fake.ends().heard = [Vec::new()].into();
    assert_eq!(scene.carrier.hear(), Heard::Gone, "the client has closed");

    let id = scene.join(1).unwrap();
    scene.give(id, 1);
    scene.fake.ends().broken = true;
    scene.serve(id);
    assert!(scene.followers.is_empty());
    scene.heed();
    assert!(scene.lost);
    assert_eq!(scene.carrier.reserve(2).err(), Some(SeatError::Closing));
}

#[test]
fn seats() {
    let mut scene = scene(Format::WebSocket, false, usize::MAX, 10_000);
    scene.room(10_000);
    let end = |sub: u32, data: Json| serde_json::json!({ "sub": sub, "event": "end", "data": data });
    let first = scene.carrier.reserve(1).unwrap();
    assert_eq!(scene.carrier.reserve(1).err(), Some(SeatError::Taken));
    // The client changes its mind before it is known what becomes of it.
    assert!(scene.carrier.unsubscribe(1) && scene.carrier.unsubscribe(1));
    let mut first = first;
    assert!(!first.take(SubscriberId(1)));
    assert_eq!(scene.carrier.reserve(1).err(), Some(SeatError::Taken), "it was told nothing yet");
    drop(first);
    assert_eq!(messages(&scene), [end(1, serde_json::json!({}))]);
    assert!(!scene.carrier.unsubscribe(1));
    // Refused: told that, and nothing else.
    scene.carrier.reserve(1).unwrap().refuse(&json_message::error("{}", None));
    assert_eq!(messages(&scene).len(), 2);
    assert_eq!(messages(&scene)[1]["event"], "error");
    // Lost on the way: it is to come back.
    drop(scene.carrier.reserve(1).unwrap());
    assert!(messages(&scene)[2]["data"]["retry_in_ms"].is_u64());
    // As many as may be.
    let seats: Vec<_> = (0..4).map(|sub| scene.carrier.reserve(sub).unwrap()).collect();
    assert_eq!(scene.carrier.reserve(9).err(), Some(SeatError::Full));
    assert_eq!(scene.carrier.subscriptions(), 4);
    drop(seats);
    assert_eq!(scene.carrier.subscriptions(), 0);
    // One that was taken while the connection ends.
    let mut seat = scene.carrier.reserve(3).unwrap();
    scene.carrier.drain();
    assert!(!seat.take(SubscriberId(9)));
    assert_eq!(scene.carrier.reserve(4).err(), Some(SeatError::Closing));
}

#[test]
fn the_last_words_come_last_and_once() {
    let mut scene = scene(Format::WebSocket, false, usize::MAX, 10_000);
    let (stays, leaves) = (scene.join(1).unwrap(), scene.join(2).unwrap());
    let waits = scene.carrier.reserve(3).unwrap();
    scene.give(stays, 300);
    scene.room(100);
    scene.serve(stays);
    scene.carrier.drain();
    scene.carrier.drain();
    scene.carrier.close(websocket::close(websocket::CloseCode::Normal, ""));
    scene.remove(leaves);
    assert!(!scene.fake.ends().finished);
    scene.room(10_000);
    scene.serve(stays);
    scene.followers.get_mut(&stays).unwrap().sink.finish().unwrap();
    scene.remove(stays);
    // What is only on its way is not waited for: it would never be told anything on this connection.
    let all = read(&scene.out());
    let Some(Read::Close(1012, reason)) = all.last() else { panic!("{all:?}") };
    let reason: Json = serde_json::from_str(reason).unwrap();
    assert!((1000..3000).contains(&reason["retry_in_ms"].as_u64().unwrap()));
    assert!(scene.fake.ends().finished);
    drop(waits);
    scene.carrier.say(websocket::pong(b"late"));
    assert_eq!(read(&scene.out()).len(), all.len(), "nothing behind them");
    let now = scene.carrier.clock.now();
    assert!(scene.carrier.tick(now), "the client may close first");
    assert!(!scene.carrier.tick(now + Duration::from_secs(2)));
}

#[test]
fn whoever_takes_too_long_for_the_last_words_goes_without() {
    let scene = scene(Format::WebSocket, false, usize::MAX, 10_000);
    scene.carrier.close(websocket::close(websocket::CloseCode::Normal, ""));
    let now = scene.carrier.clock.now();
    assert!(scene.carrier.tick(now));
    assert!(!scene.carrier.tick(now + LAST_WORDS));
}

#[test]
fn heartbeats_and_the_silent() {
    let mut scene = scene(Format::WebSocket, false, usize::MAX, 10_000);
    scene.room(1 << 20);
    let start = scene.carrier.clock.now();
    assert!(scene.carrier.tick(start + BEAT / 2));
    assert_eq!(scene.out(), b"");
    assert!(scene.carrier.tick(start + BEAT));
    let beat = Read::Message(serde_json::json!({ "event": "heartbeat" }));
    assert_eq!(read(&scene.out()), [Read::Ping, beat]);
    // What it says, and that it takes what it was given, shows that it is there.
    scene.carrier.state().last_heard = start + BEAT * 5;
    assert!(scene.carrier.tick(start + BEAT * 7));
    assert!(!scene.carrier.tick(start + BEAT * 9), "it never answered");
    scene.carrier.state().last_heard = Time::default();
    scene.fake.ends().owes_event = true;
    scene.room(1);
    assert!(scene.carrier.state().last_heard >= start);

    // Nothing is said where something is under way.
    let mut scene = self::scene(Format::WebSocket, false, usize::MAX, 10_000);
    let id = scene.join(1).unwrap();
    scene.give(id, 100);
    scene.room(10);
    scene.serve(id);
    let start = scene.carrier.clock.now();
    assert!(scene.carrier.tick(start + BEAT * 2));
    scene.settle();
    assert_eq!(messages(&scene).len(), 1);

    // An event stream has no pings, and its client nothing to answer.
    let mut scene = self::scene(Format::Multiplexed, true, usize::MAX, 10_000);
    scene.room(10_000);
    let start = scene.carrier.clock.now();
    assert!(scene.carrier.tick(start + BEAT));
    assert_eq!(scene.out(), b":\n");
    assert!(scene.carrier.tick(start + BEAT * 100));
}

#[test]
fn a_carrier_that_is_gone_gives_those_who_were_on_it() {
    let mut scene = scene(Format::WebSocket, false, usize::MAX, 10_000);
    let id = scene.join(1).unwrap();
    scene.give(id, 100);
    scene.room(10);
    scene.serve(id);
    let mut seat = scene.carrier.reserve(2).unwrap();
    assert_eq!(scene.carrier.gone(), [SubscriberId(id)]);
    assert!(!seat.take(SubscriberId(77)));
    assert_eq!(scene.carrier.reserve(3).err(), Some(SeatError::Closing));
    let before = scene.out();
    scene.remove(id);
    drop(seat);
    assert_eq!(scene.carrier.subscriptions(), 0);
    assert_eq!(scene.out(), before);
    assert!(!scene.carrier.tick(scene.carrier.clock.now()));
}

#[test]
fn where_there_is_too_much_to_do_all_are_told_to_come_back() {
    let mut scene = scene(Format::WebSocket, false, usize::MAX, 10_000);
    scene.room(1 << 20);
    let (first, second) = (scene.join(1).unwrap(), scene.join(2).unwrap());
    for id in scene.carrier.shed() {
        scene.remove(id.0);
    }
    assert!(scene.carrier.shed().is_empty(), "once");
    assert!(!scene.followers.contains_key(&first) && !scene.followers.contains_key(&second));
    let all = read(&scene.out());
    let retry = |text: &Json| text["retry_in_ms"].as_u64().is_some_and(|ms| (1000..3000).contains(&ms));
    for read in &all[..2] {
        let Read::Message(message) = read else { panic!("{all:?}") };
        assert!(message["event"] == "end" && retry(&message["data"]), "{message}");
    }
    let [_, _, Read::Close(1013, reason)] = &all[..] else { panic!("{all:?}") };
    assert!(retry(&serde_json::from_str(reason).unwrap()), "{reason}");
    assert_eq!(scene.carrier.reserve(3).err(), Some(SeatError::Closing));
}
