//! Wakes one thread, whoever wants it, and only if it sleeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Wake;
use std::thread::{self, Thread};

/// It works; whoever wakes it leaves a note.
const AWAKE: u8 = 0;
/// It sleeps, or is about to.
const ASLEEP: u8 = 1;
/// It was woken.
const WOKEN: u8 = 2;

/// A waker for one thread at a time.
#[derive(Debug)]
pub(crate) struct Signal {
    state: AtomicU8,
    bell: Bell,
}

/// What ends the thread's sleep.
#[derive(Debug)]
enum Bell {
    /// It is parked.
    Thread(Thread),
    /// It waits for descriptors, of which this is one.
    #[cfg(unix)]
    Pipe(std::io::PipeWriter),
}

impl Signal {
    /// For this thread, which sleeps by [`park`](Self::park).
    pub(crate) fn for_this_thread() -> Self {
        Self::new(Bell::Thread(thread::current()))
    }

    /// For any thread; it waits for what it gets here to be readable.
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

    /// Forgets what came so far; what comes from now on is noticed.
    pub(crate) fn rearm(&self) {
        self.state.store(AWAKE, Ordering::SeqCst);
    }

    /// Whether something came since.
    pub(crate) fn is_set(&self) -> bool {
        self.state.load(Ordering::SeqCst) == WOKEN
    }

    /// Has the next call ring the bell. `false`: something came already, so there is no sleep.
    #[must_use]
    pub(crate) fn falls_asleep(&self) -> bool {
        self.swap(AWAKE, ASLEEP)
    }

    /// The sleep is over, for whatever reason.
    pub(crate) fn wakes_up(&self) {
        self.swap(ASLEEP, AWAKE);
    }

    /// Sleeps until something comes; now and then for no reason.
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
                // There is room: nothing is written before the last was taken out, or nearly.
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
