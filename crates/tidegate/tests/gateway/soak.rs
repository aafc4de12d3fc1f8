//! Churn: clients that come, go, stall, break, resume and read, for as long as `TIDEGATE_SOAK_SECONDS` says, against the
//! program itself. In the end nothing of them is left: no socket, no subscriber, no memory.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::common::{Api, Cell, Http, Replica, Stream, ok, request, until, within};
use crate::gzip::on_hyper;

/// How long the churn takes where nothing else is said: a look whether it works. `./test --slow` takes minutes.
const SECONDS: u64 = 4;

/// Clients at a time.
const CLIENTS: u64 = 24;

/// The resources, by how many bytes each has.
const RESOURCES: [(&str, usize); 4] = [("/a", 200), ("/b", 2_000), ("/c", 40_000), ("/d", 400_000)];

/// How long one visit may take on however busy a machine.
const VISIT: Duration = Duration::from_secs(60);

/// How often they change. It only sets the pace.
const CHANGES: Duration = Duration::from_millis(50);

/// Random numbers, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// What a client holds, and that it never goes backwards.
#[derive(Default)]
struct Held {
    replica: Replica,
    number: u64,
}

impl Held {
    /// Reads so many events.
    async fn read(&mut self, stream: &mut Stream, events: u64) {
        for _ in 0..events {
            let event = stream.event().await;
            if event.kind == "status" {
                assert_eq!(event.state(), "live");
                continue;
            }
            self.replica.take(&event);
            let text = self.replica.text();
            let number = text.trim_start_matches("{\"n\":").split(',').next().unwrap();
            let number =
                number.parse().unwrap_or_else(|_| panic!("{number:?} in {}", &text[..text.len().min(80)]));
            assert!(number >= self.number, "back from {} to {number}", self.number);
            self.number = number;
        }
    }
}

/// One client's visit, of one of many sorts.
async fn visit(address: std::net::SocketAddr, dice: &mut Dice) {
    let (target, _) = RESOURCES[dice.below(4) as usize];
    let coding = [("Accept-Encoding", ["gzip", "identity"][dice.below(2) as usize])];
    let mut held = Held::default();
    let events = 1 + dice.below(12);
    match dice.below(8) {
        0 => {
            let mut stream = Stream::open(address, target, &coding).await;
            held.read(&mut stream, events).await;
        }
        1 => {
            let mut stream = Stream::open(address, target, &coding).await;
            held.read(&mut stream, events).await;
            stream.http.reset();
        }
        // Plain reads, then a stream on the same connection, and an end in order.
        2 => {
            let mut http = Http::connect(address).await;
            for _ in 0..events {
                http.ask("GET", target, &coding).await;
                assert_eq!(http.response("GET").await.status, 200);
            }
            let mut stream = Stream::open_on(http, target, &coding).await;
            held.read(&mut stream, events).await;
            stream.http.half_close().await;
            stream.http.rest().await;
        }
        // One that reads nothing while another reads, then a little, and then leaves.
        3 => {
            let mut http = Http::connect_narrow(address).await;
            http.ask("GET", target, &[("Accept", "text/event-stream"), coding[0]]).await;
            let mut stream = Stream::open(address, target, &coding).await;
            held.read(&mut stream, events + 10).await;
            // With so small a window it could take as long as the system's timers want to read it all.
            for _ in 0..events {
                assert!(http.some().await.is_some(), "it was not let go of");
            }
        }
        4 => {
            for _ in 0..4 {
                let id = held.replica.id.clone().unwrap_or_default();
                let fields = [coding[0], ("Last-Event-ID", &id)];
                let mut stream = Stream::open(address, target, &fields).await;
                held.read(&mut stream, 1 + dice.below(4)).await;
            }
        }
        5 => {
            let mut stream = on_hyper(Http::connect(address).await, target, &coding).await;
            held.read(&mut stream, events).await;
        }
        // Who leaves before anything has begun.
        6 => {
            let head = request("GET", target, &[("Accept", "text/event-stream"), coding[0]]);
            let mut http = Http::connect(address).await;
            http.send(&head[..dice.below(head.len() as u64 + 1) as usize]).await;
            if dice.below(2) == 0 {
                http.reset();
            }
        }
        // Who says something on its stream.
        _ => {
            let mut stream = Stream::open(address, target, &coding).await;
            held.read(&mut stream, events).await;
            stream.http.try_send("GET / HTTP/1.1\r\n").await;
            stream.http.rest().await;
        }
    }
}

/// All clients visit again and again for this long. Gives the number of visits.
async fn churn(address: std::net::SocketAddr, time: Duration, seed: u64) -> u64 {
    let end = Instant::now() + time;
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(async move {
            let (mut dice, mut visits) = (Dice(seed + client), 0);
            while Instant::now() < end {
                let before = dice.0;
                let visited = timeout(VISIT, visit(address, &mut dice)).await;
                // A stream that is only kept alive never ends by itself.
                assert!(visited.is_ok(), "the visit of dice {before:#x} does not come to its end");
                visits += 1;
            }
            visits
        });
    }
    let mut visits = 0;
    // The first that fails is the last: the others end with it.
    while let Some(client) = clients.join_next().await {
        visits += client.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    }
    visits
}

fn proc(child: &Child, file: &str) -> PathBuf {
    format!("/proc/{}/{file}", child.id().expect("it runs")).into()
}

/// Files that the process has open, sockets among them.
fn open_files(child: &Child) -> usize {
    std::fs::read_dir(proc(child, "fd")).unwrap().count()
}

/// Its resident memory in KiB.
fn resident_kib(child: &Child) -> usize {
    let status = std::fs::read_to_string(proc(child, "status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// That nobody subscribes any more: whoever did would be polled for before this one resource has been three times.
async fn nobody_is_left(api: &Api, address: std::net::SocketAddr) {
    until("no other resource is asked for", || async {
        let asked = api.asked();
        let mut last = Stream::open(address, "/last", &[]).await;
        last.begin().await;
        api.was_asked(asked + 4).await;
        api.requests()[asked..].iter().all(|request| request.line().1 == "/last")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_those_who_came_and_went() {
    let seconds =
        std::env::var("TIDEGATE_SOAK_SECONDS").map_or(SECONDS, |text| text.parse().expect("seconds"));
    let number = Cell::<u64>::new(0_u64);
    let served = number.clone();
    let api = Api::serve(move |request| {
        let target = request.line().1;
        let size = RESOURCES.iter().find(|(name, _)| *name == target).map_or(100, |(_, size)| *size);
        ok(format!("{{\"n\":{},\"fill\":\"{}\"}}", served.get(), "x".repeat(size)))
    })
    .await;
    let changes = tokio::spawn(async move {
        loop {
            tokio::time::sleep(CHANGES).await;
            number.set(number.get() + 1);
        }
    });
    let file = std::env::temp_dir().join(format!("tidegate-soak-{}.toml", std::process::id()));
    let config = format!(
        "listen = \"127.0.0.1:0\"\n[limits]\nmax_pinned = \"64 MiB\"\nsend_buffer = \"16 KiB\"\nshards = 2\n\
         [[origin]]\nname = \"api\"\nurl = \"{}\"\n\
         [[route]]\npath = \"/**\"\norigin = \"api\"\npoll = \"50ms\"\nlinger = \"0s\"\nheartbeat = \"1s\"\n",
        api.url()
    );
    std::fs::write(&file, config).unwrap();
    let (mut child, address) =
        crate::process::started(&["serve", "--config", &file.display().to_string()]).await;
    std::fs::remove_file(&file).unwrap();

    // A fourth of the time brings pools, threads and the allocator to the size that this traffic needs.
    let time = Duration::from_secs(seconds);
    churn(address, time / 4, 1).await;
    nobody_is_left(&api, address).await;
    let files = open_files(&child);
    let before = resident_kib(&child);
    let visits = churn(address, time * 3 / 4, 1_000).await;
    nobody_is_left(&api, address).await;
    until("all sockets are closed", || async { open_files(&child) <= files + 2 }).await;
    let after = resident_kib(&child);
    println!("{visits} visits; {before} KiB before, {after} KiB after");
    // Freed memory goes back to the system late, and how much is held back depends on which threads met which sizes:
    // half again, and some megabytes for a start that was short. What each visit leaves behind would be far more: of a
    // thousand visits, a megabyte for each of the connections' buffers alone.
    assert!(after <= before * 3 / 2 + 16 * 1024, "{before} KiB before, {after} KiB after {visits} visits");
    changes.abort();
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    assert_eq!(within("the program ends", child.wait()).await.unwrap().code(), Some(0));
}
