use bytes::Bytes;
use std::hint::black_box;
use std::time::Instant;
use tidegate_json::*;
fn rows(n: usize, f: impl Fn(usize) -> (usize, u64)) -> String {
    let mut s = String::from("[");
    for i in 0..n {
        let (id, t) = f(i);
        if i > 0 {
            s.push(',')
        }
        s.push_str(&format!(r#"{{"symbol":"SYM{id:04}","last":{}.{:02},"bid":{}.{:02},"ask":{}.{:02},"size":{},"volume":{},"open":{}.25,"venue":"XNAS","currency":"USD","time":"2026-01-31T09:30:00.{:03}Z","halted":false}}"#,
     100+id%50, t%100, 99+id%50,(t*7)%100,101+id%50,(t*3)%100,t*100%1000+1,1000000+id*37,100+id%50,t%1000));
    }
    s.push(']');
    s
}
fn med(mut v: Vec<f64>) -> f64 {
    v.sort_by(|a, b| a.total_cmp(b));
    v[v.len() / 2]
}
fn time(n: usize, mut f: impl FnMut()) -> f64 {
    let mut v = vec![];
    for _ in 0..n {
        let t = Instant::now();
        f();
        v.push(t.elapsed().as_nanos() as f64 / 1000.0);
    }
    med(v)
}
fn main() {
    let ids = Identities::default();
    let n = 500;
    let rounds = 400;
    let a = rows(n, |i| (i, 10));
    let old = Document::parse(a.clone(), 512).unwrap();
    println!("doc {} bytes, index {} bytes", a.len(), old.index_memory());
    let copy = a.clone().into_bytes();
    let orig = a.as_bytes().to_vec();
    let m = time(rounds, || {
        black_box(black_box(&copy) == black_box(&orig));
    });
    println!("memcmp {m:.2}");
    println!(
        "parse {:.2}",
        time(rounds, || {
            black_box(Document::parse(Bytes::copy_from_slice(&orig), 512).unwrap());
        })
    );
    println!(
        "sonic-ish serde {:.2}",
        time(50, || {
            black_box(serde_json::from_slice::<serde_json::Value>(&orig).unwrap());
        })
    );
    let mut ins = rows(n, |i| (i, 10));
    ins.insert_str(1, r#"{"symbol":"NEW","last":1.00,"bid":99.70,"ask":101.30,"size":1,"volume":1000000,"open":100.25,"venue":"XNAS","currency":"USD","time":"2026-01-31T09:30:00.010Z","halted":false},"#);
    let cases: Vec<(&str, String)> = vec![
        ("none", a.clone()),
        ("one", rows(n, |i| (i, if i == 250 { 11 } else { 10 }))),
        ("1%", rows(n, |i| (i, if i % 100 == 50 { 23 } else { 10 }))),
        ("5%", rows(n, |i| (i, if i % 20 == 7 { 23 } else { 10 }))),
        ("10%", rows(n, |i| (i, if i % 10 == 7 { 23 } else { 10 }))),
        ("all", rows(n, |i| (i, 23))),
        ("insert", ins),
        (
            "move",
            rows(n, |i| {
                (
                    if i < 20 {
                        i
                    } else if i < 400 {
                        i + 1
                    } else if i == 400 {
                        20
                    } else {
                        i
                    },
                    10,
                )
            }),
        ),
        ("head+tail", rows(n, |i| (if i == 0 { 9999 } else { i - 1 }, 10))),
        ("rm block", rows(n - 30, |i| (if i < 100 { i } else { i + 30 }, 10))),
        ("reversed", rows(n, |i| (n - 1 - i, 10))),
        ("shuffled", rows(n, |i| ((i * 7919) % n, 10))),
    ];
    for (name, b) in &cases {
        let b = b.as_bytes();
        let t1 = time(rounds, || {
            let body = Bytes::copy_from_slice(b);
            black_box(advance_unproven(&old, body, 512, &ids).unwrap());
        });
        let t2 = time(rounds, || {
            let body = Bytes::copy_from_slice(b);
            black_box(advance(&old, body, 512, &ids).unwrap());
        });
        let tp = time(rounds, || {
            let body = Bytes::copy_from_slice(b);
            black_box(Document::parse_like(&old, body, 512).unwrap());
        });
        let tc = time(rounds, || {
            black_box(Bytes::copy_from_slice(b));
        });
        let adv = advance(&old, Bytes::copy_from_slice(b), 512, &ids).unwrap();
        let size = match &adv.change {
            Change::Patch(p) => p.len() as i64,
            Change::None => 0,
            Change::Whole => -1,
        };
        println!(
            "{name:10} diff {:.2} ({:.1}x) proven {:.2} ({:.1}x) parse_like {:.2} patch {size} copy {tc:.2} unproven {:?}",
            t1 - tc,
            (t1 - tc) / m,
            t2 - tc,
            (t2 - tc) / m,
            tp - tc,
            adv.unproven.is_some()
        );
    }
}
