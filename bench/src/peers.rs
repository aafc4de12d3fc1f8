//! The peers in other languages: subprocesses that read the cases' texts from a folder and answer in JSON.
//!
//! Nothing is installed here. Where a runtime or its packages are missing, the tables have gaps and the report says
//! which command fills them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::cases::{Case, Texts};

/// The peers that subprocesses run, in the order of tables. jsondiffpatch answers twice and counts once.
pub(crate) const NAMES: &[&str] = &["fast-json-patch", "rfc6902", "jsondiffpatch", "jsonpatch (Python)"];

const BY_IDENTITY: &str = " by identity";

/// What one peer did with one case.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Answer {
    #[serde(skip_serializing)]
    pair: String,
    /// Its name.
    pub(crate) peer: String,
    /// Why there is no answer.
    pub(crate) skipped: Option<String>,
    /// Its patch's size.
    pub(crate) bytes: Option<usize>,
    /// Diff and serialisation, the median in microseconds.
    pub(crate) diff_us: Option<f64>,
    /// Parse of the new body, diff and serialisation, the median in microseconds.
    pub(crate) full_us: Option<f64>,
    /// Whether its patch leads to the new document.
    pub(crate) right: Option<bool>,
}

/// What all peers did.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    /// The runtimes that answered, with their versions.
    pub(crate) runtimes: Vec<String>,
    /// What to do about those that did not.
    pub(crate) missing: Vec<String>,
    by_pair: BTreeMap<String, Vec<Answer>>,
}

#[derive(Debug, Deserialize)]
struct Answers {
    runtime: String,
    results: Vec<Answer>,
}

/// A temporary folder of cases, removed with this.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// An empty folder.
    pub(crate) fn new() -> io::Result<Folder> {
        let path = std::env::temp_dir().join(format!("tidegate-bench-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Folder(path))
    }

    /// Puts a case into it.
    pub(crate) fn add(&self, case: &Case, texts: &Texts) -> io::Result<()> {
        let pair = pair(case);
        fs::write(self.0.join(format!("{pair}.old.json")), &texts.before)?;
        fs::write(self.0.join(format!("{pair}.new.json")), &texts.after[0])
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays in the temporary directory harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A case's name as a file name.
fn pair(case: &Case) -> String {
    case.name().replace(", ", "--").replace([' ', '%'], "-")
}

impl Peers {
    /// Runs all peers over a folder, with a limit in seconds for each pair.
    pub(crate) fn run(folder: &Folder, limit: u64) -> Peers {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        let mut peers = Peers::default();
        if scripts.join("node_modules").is_dir() {
            peers.ask(Command::new("node").arg(scripts.join("peers.mjs")), folder, limit);
        } else {
            peers.missing.push("JavaScript peers: `npm ci --prefix bench/peers`".into());
        }
        let python = scripts.join(".venv/bin/python");
        if python.is_file() {
            peers.ask(Command::new(python).arg(scripts.join("peers.py")), folder, limit);
        } else {
            peers.missing.push(
                "Python peer: `python3 -m venv bench/peers/.venv && \
                 bench/peers/.venv/bin/pip install -r bench/peers/requirements.txt`"
                    .into(),
            );
        }
        peers
    }

    fn ask(&mut self, command: &mut Command, folder: &Folder, limit: u64) {
        // What a script says about its progress is for whoever waits.
        let run =
            command.arg(&folder.0).args(["--limit", &limit.to_string()]).stderr(Stdio::inherit()).output();
        let answers = run.map_err(|error| error.to_string()).and_then(|output| {
            serde_json::from_slice::<Answers>(&output.stdout)
                .map_err(|error| format!("{} and an answer that is none: {error}", output.status))
        });
        match answers {
            Ok(answers) => {
                self.runtimes.push(answers.runtime);
                for answer in answers.results {
                    self.by_pair.entry(answer.pair.clone()).or_default().push(answer);
                }
            }
            Err(error) => {
                let program = command.get_program().display();
                self.missing.push(format!("{program} failed: {error}"));
            }
        }
    }

    /// What the peers did with a case, one answer for each that ran.
    pub(crate) fn answers(&self, case: &Case) -> Vec<Answer> {
        let mut answers: Vec<Answer> = Vec::new();
        for answer in self.by_pair.get(&pair(case)).into_iter().flatten() {
            let mut answer = answer.clone();
            if let Some(name) = answer.peer.strip_suffix(BY_IDENTITY) {
                answer.peer = name.to_owned();
            }
            match answers.iter_mut().find(|other| other.peer == answer.peer) {
                Some(other) if answer.is_better(other) => *other = answer,
                Some(_) => {}
                None => answers.push(answer),
            }
        }
        answers
    }
}

impl Answer {
    /// The size of a patch that is right.
    pub(crate) fn right_bytes(&self) -> Option<usize> {
        self.bytes.filter(|_| self.right == Some(true))
    }

    fn is_better(&self, other: &Answer) -> bool {
        match (self.right_bytes(), other.right_bytes()) {
            (Some(ours), Some(theirs)) => ours < theirs,
            (ours, _) => ours.is_some(),
        }
    }
}
