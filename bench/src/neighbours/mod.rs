//! How fresh good feeds stay beside bad ones: the time from a change at the origin until a client has it, alone and with
//! each sort of bad neighbour on the same origin.
//!
//! The origin, the clients and the gateway share the machine, so what bad neighbours cost in CPU they cost the good ones,
//! too; the report gives the gateway's CPU beside the delays.

mod town;

use std::io;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use self::town::{BIG, EVERY, Town};
use crate::fanout::contenders::process::{Program, Scratch, free_address};
use crate::fanout::contenders::tidegate::binary;
use crate::fanout::cores::Cores;
use crate::fanout::latency::Latencies;
use crate::fanout::proc::{self, Cpu};
use crate::table::Table;

/// Good feeds, each with one stream.
const GOOD: usize = 20;

/// `tidegate-bench neighbours`
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How long each case is measured, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    seconds: u64,
    /// Feeds of the route that has very many.
    #[arg(long, value_name = "COUNT", default_value_t = 8_000)]
    many: usize,
}

struct Case {
    name: &'static str,
    /// Targets of bad feeds, by their first segments.
    feeds: Vec<(&'static str, usize)>,
}

/// Measures all cases and prints the table.
pub(crate) fn run(arguments: &Arguments) -> io::Result<()> {
    let many = arguments.many;
    let cases = [
        Case { name: "alone", feeds: vec![] },
        Case { name: "200 that never answer", feeds: vec![("hangs", 200)] },
        Case { name: "200 whose bodies drip", feeds: vec![("drips", 200)] },
        Case { name: "one of 16 MiB, new each time", feeds: vec![("big", 1)] },
        Case { name: "a route with very many", feeds: vec![("many", many)] },
        Case { name: "alone again", feeds: vec![] },
    ];
    let mut table = Table::new(
        "Good feeds beside bad neighbours",
        "From the change at the origin until the client has it, in milliseconds; polls every 500 ms, so half of that is \
         the mean of a feed that is never held up.",
        &["neighbours", "", "changes", "p50", "p90", "p99", "max", "gateway CPU, s", "requests"],
    );
    for case in cases {
        eprintln!("{}", case.name);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let seen = runtime.block_on(measure(&case, Duration::from_secs(arguments.seconds)))?;
        // Connections that hang are left behind with their runtime.
        runtime.shutdown_background();
        let found = seen.delays.quantiles();
        let ms = |value: f64| format!("{value:.0}");
        table.push(vec![
            case.name.into(),
            "".into(),
            found.count.to_string().into(),
            ms(found.p50).into(),
            ms(found.p90).into(),
            ms(found.p99).into(),
            ms(found.max).into(),
            format!("{:.1}", seen.cpu.total()).into(),
            seen.asked.to_string().into(),
        ]);
    }
    println!("{}", table.to_text());
    println!(
        "{GOOD} good feeds, each changing every {EVERY:?}; the big body has {BIG} bytes; {many} feeds on the crowded route, polled every 10 s"
    );
    Ok(())
}

struct Seen {
    delays: Latencies,
    cpu: Cpu,
    asked: u64,
}

async fn measure(case: &Case, time: Duration) -> io::Result<Seen> {
    let town = Town::new(GOOD);
    let origin = town.clone().serve().await?;
    let (gateway, address) = start(origin)?;
    tokio::spawn(town.clone().live());
    let delays = Arc::new(Mutex::new(None));
    let mut streams = JoinSet::new();
    for good in 0..GOOD {
        let (town, delays) = (town.clone(), delays.clone());
        streams.spawn(async move { watch(address, good, &town, &delays).await });
    }
    let (mut bad, mut begun) = (Vec::new(), JoinSet::new());
    for &(kind, count) in &case.feeds {
        for number in 0..count {
            let mut socket = ask(address, &format!("/{kind}/{number}")).await?;
            if matches!(kind, "hangs" | "drips") {
                bad.push(socket);
            } else {
                begun.spawn(async move { socket.read_u8().await.map(|_| socket) });
            }
            // A crowd that comes faster than it is let in is not what is measured.
            while begun.len() >= 100 {
                keep(&mut begun, &mut bad).await?;
            }
        }
    }
    while !begun.is_empty() {
        keep(&mut begun, &mut bad).await?;
    }
    // What is sent to the neighbours has to be taken, or they are stalled ones.
    let drained: Vec<_> = bad.into_iter().map(|socket| tokio::spawn(drain(socket))).collect();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let lock = || delays.lock().expect("no holder panics");
    *lock() = Some(Latencies::new());
    let (before, asked) = (cpu(&gateway)?, town.asked());
    tokio::time::sleep(time).await;
    let (after, asked) = (cpu(&gateway)?, town.asked() - asked);
    let found = lock().take().unwrap_or_else(Latencies::new);
    drained.iter().for_each(tokio::task::JoinHandle::abort);
    if let Some(ended) = streams.try_join_next() {
        return Err(io::Error::other(format!("a good stream ended: {ended:?}")));
    }
    Ok(Seen { delays: found, cpu: after - before, asked })
}

async fn keep(begun: &mut JoinSet<io::Result<TcpStream>>, kept: &mut Vec<TcpStream>) -> io::Result<()> {
    if let Some(socket) = begun.join_next().await {
        kept.push(socket.map_err(io::Error::other)??);
    }
    Ok(())
}

async fn drain(mut socket: TcpStream) {
    let mut taken = vec![0; 64 << 10];
    while matches!(socket.read(&mut taken).await, Ok(1..)) {}
}

fn cpu(gateway: &Program) -> io::Result<Cpu> {
    gateway.pids().into_iter().try_fold(Cpu::default(), |sum, pid| Ok(sum.plus(proc::cpu(pid)?)))
}

/// Starts the built gateway in front of the origin.
fn start(origin: SocketAddr) -> io::Result<(Program, SocketAddr)> {
    let binary = binary()?;
    if !binary.exists() {
        let place = binary.display();
        return Err(io::Error::other(format!("{place} is not built: cargo build --release")));
    }
    let (scratch, listen) = (Scratch::new()?, free_address()?);
    let text = format!(
        "listen = \"{listen}\"\n[limits]\nmax_streams = 15000\nmax_feeds = 15000\nmax_body = \"64 MiB\"\n\
         [[origin]]\nname = \"town\"\nurl = \"http://{origin}\"\n\
         [[route]]\npath = \"/**\"\norigin = \"town\"\n\
         [[route]]\npath = \"/many/**\"\norigin = \"town\"\npoll = \"10s\"\n"
    );
    let file = scratch.write("tidegate.toml", &text)?;
    let mut command = Command::new(binary);
    command.arg("serve").arg("--config").arg(file);
    Ok((Program::start(command, scratch, listen, Cores::All)?, listen))
}

async fn ask(gateway: SocketAddr, target: &str) -> io::Result<TcpStream> {
    let mut socket = TcpStream::connect(gateway).await?;
    let request = format!("GET {target} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n");
    socket.write_all(request.as_bytes()).await?;
    Ok(socket)
}

/// Notes how late each version of a good resource comes, while there is somewhere to note it.
async fn watch(
    gateway: SocketAddr,
    good: usize,
    town: &Town,
    delays: &Mutex<Option<Latencies>>,
) -> io::Result<()> {
    let mut socket = ask(gateway, &format!("/good/{good}")).await?;
    let mut read = Vec::new();
    loop {
        if socket.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let now = Instant::now();
        while let Some(end) = memchr::memmem::find(&read, b"\n\n") {
            let event = String::from_utf8_lossy(&read[..end]).into_owned();
            read.drain(..end + 2);
            let number = ["\"n\":", "\"value\":"].iter().find_map(|name| number_after(&event, name));
            let changed = number.and_then(|version| town.changed(good, version));
            if let (Some(changed), Some(delays)) =
                (changed, delays.lock().expect("no holder panics").as_mut())
            {
                delays.record(now.duration_since(changed).as_nanos() as u64);
            }
        }
    }
}

/// The number that follows a text.
fn number_after(text: &str, name: &str) -> Option<usize> {
    let rest = &text[text.find(name)? + name.len()..];
    rest[..rest.find(|digit: char| !digit.is_ascii_digit())?].parse().ok()
}
