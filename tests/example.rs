//! The examples as a user runs them: built, started, read, and ended by their process.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::bench::PATIENCE;

/// A running example. Dropped, it is killed.
pub struct Example {
    child: Child,
    lines: Receiver<String>,
    heard: Vec<String>,
    /// All that it has written to standard error, once it is over.
    errors: Receiver<String>,
}

/// How an example ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; None: a signal.
    pub code: Option<i32>,
    /// All it wrote to standard output.
    pub output: String,
    /// All it wrote to standard error.
    pub errors: String,
    /// How long it took from its start.
    pub took: Duration,
}

/// Where the examples are, built by the cargo that runs the tests.
fn folder() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let this = std::env::current_exe().expect("a test knows its own path");
        // target/debug/deps/test -> target/debug/examples
        let profile = this
            .ancestors()
            .nth(2)
            .expect("tests are in target/<profile>/deps");
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.args([
            "build",
            "--quiet",
            "--package",
            "dongle-examples",
            "--examples",
        ]);
        build
            .arg("--target-dir")
            .arg(profile.parent().expect("a profile is in a folder"));
        if profile.ends_with("release") {
            build.arg("--release");
        }
        let built = build.status().expect("cargo runs");
        assert!(built.success(), "the examples do not build");
        profile.join("examples")
    })
}

impl Example {
    /// Starts one.
    pub fn start(name: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(folder().join(name))
            .args(arguments)
            .env_remove("DONGLE")
            .env("RUST_LOG", "off")
            // The user's data folder is nobody's here.
            .env("XDG_DATA_HOME", "/nonexistent")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{name} does not start: {e}"));
        let output = child.stdout.take().expect("piped");
        let mut errors = child.stderr.take().expect("piped");
        let (heard, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if heard.send(line).is_err() {
                    break;
                }
            }
        });
        let (told, all) = mpsc::channel();
        thread::spawn(move || {
            let mut text = String::new();
            let _ = errors.read_to_string(&mut text);
            let _ = told.send(text);
        });
        Self {
            child,
            lines,
            heard: Vec::new(),
            errors: all,
        }
    }

    /// The next line that contains `part`.
    pub fn line(&mut self, part: &str, patience: Duration) -> String {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.heard.push(line.clone());
                    if line.contains(part) {
                        return line;
                    }
                }
                Err(error) => panic!("no line with {part:?} ({error}) after {:#?}", self.heard),
            }
        }
    }

    /// Sends it what Ctrl-C sends.
    #[cfg(unix)]
    pub fn interrupt(&self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::INT).expect("it runs");
    }

    /// Nobody reads what it says any more, from the next line on.
    pub fn stop_reading(&mut self) {
        self.lines = mpsc::channel().1;
    }

    /// Waits for its end, though nobody reads; what it wrote to standard error.
    pub fn errors(mut self) -> String {
        let errors = self.told(PATIENCE);
        let _ = self.child.wait();
        errors
    }

    /// What it has written to standard error, which ends with it.
    fn told(&mut self, patience: Duration) -> String {
        match self.errors.recv_timeout(patience) {
            Ok(errors) => errors,
            Err(error) => panic!("not over after {patience:?} ({error}): {:#?}", self.heard),
        }
    }

    /// Waits for its end.
    pub fn end(mut self, patience: Duration) -> Ended {
        let begun = Instant::now();
        loop {
            match self
                .lines
                .recv_timeout(patience.saturating_sub(begun.elapsed()))
            {
                Ok(line) => self.heard.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("not over after {patience:?}: {:#?}", self.heard)
                }
            }
        }
        let errors = self.told(patience.saturating_sub(begun.elapsed()));
        let status = self.child.wait().expect("it can be waited for");
        Ended {
            code: status.code(),
            output: self.heard.join("\n"),
            errors,
            took: begun.elapsed(),
        }
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // One that has ended can't be killed, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
