//! A flag that something has changed, with the task to wake.

use core::task::Waker;

use embassy_sync::waitqueue::WakerRegistration;

/// News for one reader, who looks for changes only when there is news.
#[derive(Debug)]
pub(crate) struct News {
    unread: bool,
    reader: WakerRegistration,
}

impl News {
    /// Starts unread, since nobody has looked yet.
    pub const fn new() -> Self {
        Self {
            unread: true,
            reader: WakerRegistration::new(),
        }
    }

    /// Something has changed.
    pub fn tell(&mut self) {
        self.unread = true;
        self.reader.wake();
    }

    /// Whether there was news since the last call; wakes `reader` at the next.
    #[inline]
    pub fn take(&mut self, reader: &Waker) -> bool {
        self.reader.register(reader);
        core::mem::take(&mut self.unread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Wakes;

    #[test]
    fn who_looks_before_the_news_is_woken_by_them_and_finds_them() {
        let (mut news, wakes) = (News::new(), Wakes::default());
        let waker = wakes.waker();
        assert!(news.take(&waker), "nobody has looked yet");
        assert!(!news.take(&waker));
        news.tell();
        news.tell();
        assert_eq!(wakes.count(), 1);
        assert!(news.take(&waker));
        assert!(!news.take(&waker));
        news.tell();
        assert_eq!(wakes.count(), 2);
    }

    #[test]
    fn who_looks_with_another_waker_is_woken_by_that_one() {
        let (mut news, wakes) = (News::new(), Wakes::default());
        assert!(news.take(Waker::noop()));
        assert!(!news.take(&wakes.waker()));
        news.tell();
        assert_eq!(wakes.count(), 1);
        assert!(news.take(Waker::noop()));
    }
}
