//! A terminal with somebody in front of it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::LIMIT;

/// A run of the tool in a terminal of its own.
pub struct Terminal {
    keys: File,
    shown: Receiver<Vec<u8>>,
    seen: String,
    child: Child,
}

impl Terminal {
    /// Starts the tool in a terminal of 80 columns and 24 rows, with colours if nothing else is
    /// said.
    pub fn start(command: Command) -> Self {
        Self::of_size(command, 80, 24)
    }

    /// In one of this size.
    pub fn of_size(mut command: Command, columns: u16, rows: u16) -> Self {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
            .expect("a terminal");
        grantpt(&screen).expect("a terminal");
        unlockpt(&screen).expect("a terminal");
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&screen, size).expect("a size");
        let name = ptsname(&screen, Vec::new()).expect("a name");
        let name = name.to_str().expect("a path").to_owned();
        let side = || {
            let side = File::options().read(true).write(true).open(&name);
            Stdio::from(side.expect("the other side"))
        };
        command.stdin(side()).stdout(side()).stderr(side());
        let child = command.spawn().expect("the tool starts");
        // It holds the other side: once the tool has ended, nobody may.
        drop(command);
        let keys = File::from(screen);
        let mut screen = keys.try_clone().expect("a clone");
        let (show, shown) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 1024];
            // The end of the last one who has it open is an error on Linux.
            while let Ok(length @ 1..) = screen.read(&mut buffer) {
                if show.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            keys,
            shown,
            seen: String::new(),
            child,
        }
    }

    /// Waits until this is on the screen; what was shown up to its end, since the last time.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) -> String {
        let until = Instant::now() + LIMIT;
        loop {
            if let Some(at) = self.seen.find(text) {
                let rest = self.seen.split_off(at + text.len());
                return std::mem::replace(&mut self.seen, rest);
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.shown.recv_timeout(left) {
                Ok(shown) => self.seen += &String::from_utf8_lossy(&shown),
                Err(why) => {
                    let _ = self.child.kill();
                    panic!("{text:?} does not come ({why}): {:?}", self.seen)
                }
            }
        }
    }

    /// Types a line.
    pub fn enter(&mut self, line: &str) {
        self.keys
            .write_all(format!("{line}\n").as_bytes())
            .expect("a terminal");
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        super::interrupt(&self.child);
    }

    /// Whether it shows what is typed, line by line.
    pub fn echoes(&self) -> bool {
        let modes = tcgetattr(&self.keys).expect("a terminal").local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON)
    }

    /// Waits for its end: the exit code, and what else was on the screen. However that came, the
    /// terminal is as it was.
    #[track_caller]
    pub fn end(mut self) -> (i32, String) {
        let code = super::wait(&mut self.child);
        assert!(self.echoes(), "the terminal shows no more what is typed");
        drop(self.keys);
        while let Ok(shown) = self.shown.recv_timeout(LIMIT) {
            self.seen += &String::from_utf8_lossy(&shown);
        }
        (code, self.seen)
    }
}
