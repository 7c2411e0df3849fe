//! Lets code that is not async wait for calls.

use std::future::IntoFuture;

use futures_lite::future::block_on;

/// Waits for a call, or any other future, without a runtime. The thread is parked meanwhile and
/// uses no CPU.
///
/// ```
/// use dongle::{Dongle, Wait as _};
///
/// let dongle = Dongle::open("virtual").wait()?;
/// let mut scan = dongle.scan().service(0x180F).start()?;
/// let sensor = scan.next().wait()?.ok_or("no sensor")?;
/// let connection = sensor.device().connect().wait()?;
/// let level = connection.characteristic(0x180F, 0x2A19).wait()?;
/// println!("{:?} %", level.read().wait()?);
/// dongle.close().wait();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Not for use inside async code: the other tasks of the thread would be blocked as well.
pub trait Wait: IntoFuture + Sized {
    /// Waits until the future completes and returns its output.
    fn wait(self) -> Self::Output {
        block_on(self.into_future())
    }
}

impl<F: IntoFuture> Wait for F {}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_thread_that_waits_is_parked() {
        let (mut polls, mut woken) = (0, None);
        let work = poll_fn(|cx| {
            polls += 1;
            let waker = cx.waker().clone();
            match woken.take() {
                Some(thread) => Poll::Ready(thread),
                None => {
                    woken = Some(thread::spawn(move || {
                        thread::sleep(Duration::from_millis(50));
                        waker.wake();
                    }));
                    Poll::Pending
                }
            }
        });
        work.wait().join().unwrap();
        assert_eq!(polls, 2);
    }
}
