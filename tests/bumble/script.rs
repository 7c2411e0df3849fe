//! A Python script that runs beside a test, and tells it what happens as JSON events.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a test waits for an event, unless it says otherwise: the slowest machine is faster, and
/// the most patient reader of a log is not.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running script; dropping it kills the process and waits for its end.
///
/// Every wait has a limit. What goes wrong panics with all that the script has said, on standard
/// output and on standard error.
#[derive(Debug)]
pub struct Script {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    errors: Option<JoinHandle<String>>,
    /// Events that came and that nobody has asked for yet.
    pending: VecDeque<Value>,
    transcript: Vec<String>,
    patience: Duration,
}

impl Script {
    /// Starts `script`, a path, with `arguments`.
    pub(super) fn start(python: &Path, script: &Path, arguments: &[String]) -> Self {
        let name = script.file_name().unwrap_or_default().to_string_lossy();
        let mut child = Command::new(python)
            .arg("-B")
            .arg(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} can't be started: {error}"));

        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut stderr = child.stderr.take().expect("it is piped");
        let errors =
            thread::spawn(move || std::io::read_to_string(&mut stderr).unwrap_or_default());

        Self {
            name: name.into_owned(),
            stdin: child.stdin.take(),
            child,
            lines,
            errors: Some(errors),
            pending: VecDeque::new(),
            transcript: Vec::new(),
            patience: PATIENCE,
        }
    }

    /// How long [`event`](Self::event) waits, [`PATIENCE`] by default.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The first event called `name` that was not asked for before, waiting for it if need be.
    ///
    /// Others that come meanwhile are kept for whoever asks for them. An event called `error`, or
    /// the end of the script, panics.
    #[track_caller]
    pub fn event(&mut self, name: &str) -> Value {
        match self.event_within(name, self.patience) {
            Some(event) => event,
            None => self.fail(&format!("no event \"{name}\" within {:?}", self.patience)),
        }
    }

    /// As [`event`](Self::event), but `None` when none came within `time`.
    #[track_caller]
    pub fn event_within(&mut self, name: &str, time: Duration) -> Option<Value> {
        let deadline = Instant::now() + time;
        if let Some(index) = self.pending.iter().position(|event| event["event"] == name) {
            return self.pending.remove(index);
        }
        loop {
            let event = self.next_line(deadline, name)?;
            if event["event"] == name {
                return Some(event);
            }
            if event["event"] == "error" {
                self.fail(&format!("the script failed while \"{name}\" was expected"));
            }
            self.pending.push_back(event);
        }
    }

    /// Everything that has come and was not asked for, without waiting.
    #[track_caller]
    pub fn pending(&mut self) -> Vec<Value> {
        while let Ok(line) = self.lines.try_recv() {
            let event = self.parse(line);
            self.pending.push_back(event);
        }
        self.pending.drain(..).collect()
    }

    /// Has the script carry out a command, `{"do": NAME, ...}`, and waits until that is done.
    #[track_caller]
    pub fn command(&mut self, command: &Value) -> Value {
        let written = match &mut self.stdin {
            Some(stdin) => writeln!(stdin, "{command}"),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        };
        if let Err(error) = written {
            self.fail(&format!("{command} can't be sent: {error}"));
        }
        self.event("done")
    }

    /// Waits until the script ends by itself, and answers the events that were not asked for.
    ///
    /// # Panics
    ///
    /// If it ends with a failure, or not at all.
    #[track_caller]
    pub fn finish(mut self) -> Vec<Value> {
        drop(self.stdin.take());
        let deadline = Instant::now() + self.patience;
        let mut ended = false;
        while !ended {
            match self
                .lines
                .recv_timeout(deadline - Instant::now().min(deadline))
            {
                Ok(line) => {
                    let event = self.parse(line);
                    self.pending.push_back(event);
                }
                Err(RecvTimeoutError::Disconnected) => ended = true,
                Err(RecvTimeoutError::Timeout) => {
                    self.fail(&format!("it has not ended within {:?}", self.patience));
                }
            }
        }
        // Its standard output is closed, so its end is near.
        match self.child.wait() {
            Ok(status) if status.success() => self.pending.drain(..).collect(),
            Ok(status) => self.fail(&format!("it ended with {status}")),
            Err(error) => self.fail(&format!("its end can't be waited for: {error}")),
        }
    }

    /// The script's process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    #[track_caller]
    fn next_line(&mut self, deadline: Instant, wanted: &str) -> Option<Value> {
        match self
            .lines
            .recv_timeout(deadline - Instant::now().min(deadline))
        {
            Ok(line) => Some(self.parse(line)),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                self.fail(&format!("it ended while \"{wanted}\" was expected"))
            }
        }
    }

    #[track_caller]
    fn parse(&mut self, line: String) -> Value {
        let event = serde_json::from_str(&line);
        self.transcript.push(line);
        event.unwrap_or_else(|error| self.fail(&format!("its last line is no event: {error}")))
    }

    #[track_caller]
    fn fail(&mut self, why: &str) -> ! {
        let ended = self.end();
        let mut report = format!("{}: {why}\n", self.name);
        if let Some(status) = ended {
            let _ = writeln!(report, "its end: {status}");
        }
        let skipped = self.transcript.len().saturating_sub(50);
        if skipped > 0 {
            let _ = writeln!(report, "events: ({skipped} earlier ones)");
        }
        for line in self.transcript.iter().skip(skipped) {
            let _ = writeln!(report, "  {line}");
        }
        if let Some(errors) = self.errors.take().and_then(|thread| thread.join().ok()) {
            let _ = write!(report, "standard error:\n{errors}");
        }
        panic!("{report}");
    }

    /// Kills the script if it still runs, and reaps it.
    fn end(&mut self) -> Option<ExitStatus> {
        drop(self.stdin.take());
        let _ = self.child.kill();
        self.child.wait().ok()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.end();
        // A test that fails beside the script, not in it, may well have its reason there.
        if thread::panicking()
            && let Some(errors) = self.errors.take().and_then(|thread| thread.join().ok())
            && !errors.is_empty()
        {
            eprintln!("{}, standard error:\n{errors}", self.name);
        }
    }
}
