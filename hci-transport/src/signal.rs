//! Wakes one thread from any other, with a system call only if it sleeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Wake;
use std::thread::{self, Thread};

/// The thread is working and nothing has come since.
const AWAKE: u8 = 0;
/// The thread sleeps, or is about to.
const ASLEEP: u8 = 1;
/// Something came.
const WOKEN: u8 = 2;

/// A waker for one thread at a time.
#[derive(Debug)]
pub(crate) struct Signal {
    state: AtomicU8,
    bell: Bell,
}

/// How the sleeping thread is woken.
#[derive(Debug)]
enum Bell {
    /// The thread is parked.
    Thread(Thread),
    /// The thread polls descriptors, and the other end of this pipe is among them.
    #[cfg(unix)]
    Pipe(std::io::PipeWriter),
}

impl Signal {
    /// For the current thread, which sleeps in [`park`](Self::park).
    pub(crate) fn for_this_thread() -> Self {
        Self::new(Bell::Thread(thread::current()))
    }

    /// For any thread; it sleeps by polling the returned end of a pipe.
    #[cfg(unix)]
    pub(crate) fn with_pipe() -> std::io::Result<(Self, std::io::PipeReader)> {
        let (reader, writer) = std::io::pipe()?;
        Ok((Self::new(Bell::Pipe(writer)), reader))
    }

    fn new(bell: Bell) -> Self {
        Self {
            state: AtomicU8::new(AWAKE),
            bell,
        }
    }

    /// Forgets what has come so far. Whatever comes from now on is noticed.
    pub(crate) fn rearm(&self) {
        self.state.store(AWAKE, Ordering::SeqCst);
    }

    /// Whether something has come since [`rearm`](Self::rearm).
    pub(crate) fn is_set(&self) -> bool {
        self.state.load(Ordering::SeqCst) == WOKEN
    }

    /// Announces that the thread is about to sleep. Returns `false` if it must not, because
    /// something came.
    #[must_use]
    pub(crate) fn falls_asleep(&self) -> bool {
        self.swap(AWAKE, ASLEEP)
    }

    /// The thread is awake again, for whatever reason.
    pub(crate) fn wakes_up(&self) {
        self.swap(ASLEEP, AWAKE);
    }

    /// Sleeps until something comes; may return early.
    pub(crate) fn park(&self) {
        if self.falls_asleep() {
            thread::park();
            self.wakes_up();
        }
    }

    pub(crate) fn set(&self) {
        if self.state.swap(WOKEN, Ordering::SeqCst) != ASLEEP {
            return;
        }
        match &self.bell {
            Bell::Thread(thread) => thread.unpark(),
            #[cfg(unix)]
            Bell::Pipe(pipe) => {
                // There is room: the pipe is read before the next byte is written, or very nearly.
                if let Err(error) = std::io::Write::write_all(&mut &*pipe, &[0]) {
                    log::error!("a thread can't be woken: {error}");
                }
            }
        }
    }

    fn swap(&self, from: u8, to: u8) -> bool {
        let swapped = self
            .state
            .compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst);
        swapped.is_ok()
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.set();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.set();
    }
}
