//! The tool as its users run it, on a simulated world that the test holds in its hand.
#![allow(dead_code, reason = "each test file uses its own part of this")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dongle_virtual::serve::{TcpServer, serve_tcp};
use dongle_virtual::{
    Air, ControllerConfig, HeartRateConfig, HeartRateSensor, Lock, LockConfig, LockPairing,
};

#[cfg(unix)]
pub mod terminal;

/// Where the sensor is.
pub const SENSOR: &str = "D0:18:0D:48:52:4D";
/// Where a lock is, if there is one.
pub const LOCK: &str = "D0:18:4C:4F:43:4B";
/// What is on its case.
pub const PASSKEY: &str = "123456";
/// Where nobody is.
pub const NOBODY: &str = "C0:FF:EE:C0:FF:EE";
/// What is said where no controller is named.
pub const NOTE: &str = "note: these devices are simulated; name a controller with --dongle SPEC\n";
/// Variables of the user's that would change what the tool does.
pub const VARIABLES: [&str; 8] = [
    "DONGLE",
    "DONGLE_FOLDER",
    "DONGLE_PASSKEY",
    "DONGLE_PRIVACY",
    "DONGLE_SNOOP",
    "NO_COLOR",
    "RUST_LOG",
    "XDG_DATA_HOME",
];
/// What takes longer hangs.
const LIMIT: Duration = Duration::from_secs(30);

/// An air with one heart-rate sensor, and a controller in it at a TCP port.
pub struct World {
    pub air: Air,
    pub sensor: HeartRateSensor,
    pub lock: Option<Lock>,
    server: TcpServer,
}

/// A folder of one test, for bonds and other files.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let name = format!("dongle-cli-{name}-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    pub fn path(&self) -> &str {
        self.0.to_str().expect("a path")
    }

    /// The file of bonds in it.
    pub fn bonds(&self) -> PathBuf {
        let entries = std::fs::read_dir(&self.0).expect("a folder");
        let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let is_json = |path: &PathBuf| path.extension().is_some_and(|ext| ext == "json");
        paths.find(is_json).expect("a file of bonds")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a run of the tool came to.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl World {
    pub fn new() -> Self {
        Self::with(HeartRateConfig::default().with_interval(Duration::from_millis(20)))
    }

    pub fn with(config: HeartRateConfig) -> Self {
        let air = Air::new();
        let sensor = HeartRateSensor::start(&air, config);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let server = serve_tcp(listener, &air, ControllerConfig::default()).expect("a server");
        Self {
            air,
            sensor,
            lock: None,
            server,
        }
    }

    /// With a lock in it that pairs like this.
    pub fn with_lock(pairing: LockPairing) -> Self {
        let mut world = Self::new();
        world.change_lock(pairing);
        world
    }

    /// Another lock in the place of the one there is: it knows nobody.
    pub fn change_lock(&mut self, pairing: LockPairing) {
        self.lock = None;
        let config = LockConfig::default().with_pairing(pairing);
        self.lock = Some(Lock::start(&self.air, config));
    }

    pub fn spec(&self) -> String {
        format!("tcp-client:{}", self.server.local_addr())
    }

    /// The tool, on this world's controller.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = dongle(args);
        command.env("DONGLE", self.spec());
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        finish(self.command(args).spawn().expect("the tool starts"))
    }

    /// Runs it and expects success.
    pub fn out(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
        ran.out
    }

    /// Runs it and expects success and one JSON object.
    pub fn json(&self, args: &[&str]) -> serde_json::Value {
        let out = self.out(args);
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{args:?}: {error}: {out}"))
    }

    /// Runs it and expects one JSON object in each line.
    pub fn lines(&self, args: &[&str]) -> Vec<serde_json::Value> {
        let out = self.out(args);
        out.lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    /// Whether the sensor gets free: it serves one at a time, so it can be connected to again.
    pub fn is_free(&self) -> bool {
        self.run(&["read", SENSOR, "2a19", "--timeout", "10"]).code == 0
    }
}

/// The tool, without a world.
pub fn dongle(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dongle"));
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    command
        .args(args)
        // The user's data folder is nobody's here.
        .env("XDG_DATA_HOME", "/nonexistent")
        .env("HOME", "/nonexistent")
        .env("LOCALAPPDATA", "/nonexistent")
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub fn run(args: &[&str]) -> Ran {
    finish(dongle(args).spawn().expect("the tool starts"))
}

/// Starts it with this on its standard input.
pub fn give(command: &mut Command, text: &str) -> Child {
    let child = command.stdin(Stdio::piped()).spawn();
    let mut child = child.expect("the tool starts");
    tell(&mut child, text);
    child
}

/// Writes to its standard input, and that is all there is.
pub fn tell(child: &mut Child, text: &str) {
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(text.as_bytes()).expect("a reader");
}

/// The first line that it prints.
pub fn said_out(child: &mut Child) -> String {
    let (mut lines, rest) = first_lines(child, 1);
    child.stdout = Some(rest.into_inner());
    lines.remove(0)
}

/// Waits for its end, but not for ever.
pub fn finish(mut child: Child) -> Ran {
    let out = drain(child.stdout.take());
    let err = drain(child.stderr.take());
    let code = wait(&mut child);
    let text = |thread: Option<std::thread::JoinHandle<Vec<u8>>>| {
        let octets = thread
            .map(|thread| thread.join().expect("a reader"))
            .unwrap_or_default();
        String::from_utf8(octets).expect("text")
    };
    Ran {
        code,
        out: text(out),
        err: text(err),
    }
}

pub fn wait(child: &mut Child) -> i32 {
    wait_for(child, LIMIT)
}

pub fn wait_for(child: &mut Child, limit: Duration) -> i32 {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return status.code().unwrap_or(-1);
        }
        if began.elapsed() > limit {
            let _ = child.kill();
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn drain<R: std::io::Read + Send + 'static>(
    pipe: Option<R>,
) -> Option<std::thread::JoinHandle<Vec<u8>>> {
    pipe.map(|mut pipe| {
        std::thread::spawn(move || {
            let mut octets = Vec::new();
            pipe.read_to_end(&mut octets).expect("a pipe");
            octets
        })
    })
}

/// The first lines that it prints, with its standard output behind them.
pub fn first_lines(
    child: &mut Child,
    count: usize,
) -> (Vec<String>, BufReader<std::process::ChildStdout>) {
    let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
    let (done, waited) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let lines = (0..count)
            .map(|_| {
                let mut line = String::new();
                reader.read_line(&mut line).expect("a line");
                line.trim_end().to_owned()
            })
            .collect();
        let _ = done.send(());
        (lines, reader)
    });
    if waited.recv_timeout(LIMIT).is_err() {
        let _ = child.kill();
        panic!("the tool prints nothing");
    }
    thread.join().expect("a reader")
}

/// Waits until it says so on standard error, which is given back.
pub fn said(child: &mut Child, text: &str) -> BufReader<std::process::ChildStderr> {
    let mut reader = BufReader::new(child.stderr.take().expect("a pipe"));
    let wanted = text.to_owned();
    let (done, waited) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let mut line = String::new();
        while !line.contains(&wanted) {
            line.clear();
            if reader.read_line(&mut line).expect("a line") == 0 {
                break;
            }
        }
        let _ = done.send(());
        reader
    });
    if waited.recv_timeout(LIMIT).is_err() {
        let _ = child.kill();
        panic!("the tool does not say {text:?}");
    }
    thread.join().expect("a reader")
}

/// Ctrl-C.
#[cfg(unix)]
pub fn interrupt(child: &Child) {
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.is_ok_and(|status| status.success()), "kill -INT");
}
