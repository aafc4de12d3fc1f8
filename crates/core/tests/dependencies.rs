//! The workspace's architecture, proven from `cargo tree`: which crate may depend on which, and that the pure crates
//! depend on no runtime, socket, clock or random number generator.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Each crate of the workspace with the crates of the workspace that it may depend on. There is no other arrow.
const ARROWS: &[(&str, &[&str])] = &[
    ("tidegate-json", &[]),
    ("tidegate-core", &["tidegate-json"]),
    ("tidegate-wire", &["tidegate-json", "tidegate-core"]),
    ("tidegate-hub", &["tidegate-json", "tidegate-core", "tidegate-wire"]),
    ("tidegate-client", &["tidegate-json", "tidegate-core", "tidegate-wire"]),
    ("tidegate-market", &[]),
    (
        "tidegate",
        &[
            "tidegate-json",
            "tidegate-core",
            "tidegate-wire",
            "tidegate-hub",
            "tidegate-client",
            "tidegate-market",
        ],
    ),
    ("tidegate-testkit", &["tidegate-json", "tidegate-core", "tidegate-wire", "tidegate-hub"]),
    ("tidegate-bench", &["tidegate-json", "tidegate-core"]),
];

/// The crates that decide and do nothing: time, seeds and bytes are their arguments.
const PURE: &[&str] = &["tidegate-json", "tidegate-core", "tidegate-wire"];

/// Packages that reach for the machine, by what their names begin with.
const IMPURE: &[&str] = &[
    // Runtimes and polling.
    "tokio",
    "async-std",
    "async-io",
    "async-global-executor",
    "futures-executor",
    "smol",
    "glommio",
    "monoio",
    "compio",
    "mio",
    "polling",
    // Sockets and protocols on them.
    "socket2",
    "hyper",
    "h2",
    "rustls",
    "native-tls",
    "reqwest",
    "tungstenite",
    "rustix",
    "nix",
    "libc",
    "windows-sys",
    // Threads.
    "rayon",
    "crossbeam",
    // Clocks.
    "time",
    "chrono",
    "jiff",
    "quanta",
    "coarsetime",
    // Randomness.
    "rand",
    "getrandom",
    "fastrand",
    "ahash",
    "uuid",
];

/// The names of the packages that `cargo tree` with these arguments lists.
fn tree(arguments: &[&str]) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--locked", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs, since it runs this test");
    assert!(output.status.success(), "cargo tree {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("package names are ASCII");
    text.lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn pure_crates_depend_on_no_runtime() {
    for package in PURE {
        let names = tree(&["--package", package]);
        assert!(names.contains("bytes"), "{package}: the tree is read: {names:?}");
        let impure: Vec<_> = names
            .iter()
            .filter(|name| {
                IMPURE.iter().any(|impure| {
                    name.strip_prefix(impure)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
                })
            })
            .collect();
        assert!(impure.is_empty(), "{package} is pure, and depends on {impure:?}");
    }
}

#[test]
fn crates_depend_only_along_the_arrows() {
    let members: BTreeSet<_> = tree(&["--workspace", "--depth", "0"]);
    let arrows: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let placed: BTreeSet<_> = arrows.keys().map(|&name| name.to_owned()).collect();
    assert_eq!(members, placed, "each crate has its place in the architecture");
    for (package, allowed) in arrows {
        let mut direct = tree(&["--package", package, "--depth", "1"]);
        direct.remove(package);
        let forbidden: Vec<_> = direct
            .iter()
            .filter(|name| members.contains(*name) && !allowed.contains(&name.as_str()))
            .collect();
        assert!(forbidden.is_empty(), "{package} must not depend on {forbidden:?}");
    }
}
