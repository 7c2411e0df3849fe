//! The values of a characteristic that the server sends.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use dongle_central::att::AttributeHandle;
use dongle_central::client;
use futures_core::Stream;

use crate::call::{Call, Patience};
use crate::connection::Held;
use crate::error::Error;
use crate::gatt::configure;
use crate::host::deadline;
use crate::links::SharedLinks;
use crate::values::FromValue;

/// The longest value that a server can send: the largest MTU less opcode and handle.
const LONGEST: usize = 514;

/// The values of a characteristic, in the order in which they were sent.
///
/// It is also a [`Stream`]. Dropping it ends it, although the server continues to send; other
/// subscriptions of the same characteristic continue.
pub struct Subscription {
    held: Arc<Held>,
    values: client::Subscription<SharedLinks>,
    value: AttributeHandle,
    buffer: Box<[u8; LONGEST]>,
    /// Whether the stream has reported the end.
    over: bool,
}

/// What a subscription receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notified<T = Vec<u8>> {
    /// A value.
    Value(T),
    /// So many values were lost before the next one, because they were not read in time.
    Missed(u32),
}

impl Subscription {
    pub(crate) fn new(
        held: Arc<Held>,
        values: client::Subscription<SharedLinks>,
        value: AttributeHandle,
    ) -> Self {
        Self {
            held,
            values,
            value,
            buffer: Box::new([0; LONGEST]),
            over: false,
        }
    }

    /// The next value, or how many were missed before it. Values that were received before the
    /// device disconnected still come.
    ///
    /// # Errors
    /// [`Error::Timeout`] if one was set and passed; [`Error::Disconnected`] when the connection
    /// has ended and all values are read.
    pub fn notified(&mut self) -> Call<'_, Notified> {
        Call::new(move |timeout: Option<Duration>| {
            let mut until = None;
            std::future::poll_fn(move |cx| {
                let heard = self.poll(cx, until.flatten());
                if heard.is_ready() || until.is_some() {
                    return heard;
                }
                // A value that is already there doesn't cost a reading of the clock.
                until = Some(deadline(timeout));
                match until.flatten() {
                    None => heard,
                    until => self.poll(cx, until),
                }
            })
        })
    }

    /// The next value as what it means: a number, a string, or one of [`values`](crate::values).
    ///
    /// ```
    /// # use dongle::{Dongle, Wait as _};
    /// # let dongle = Dongle::open("virtual").wait()?;
    /// # let mut scan = dongle.scan().service(0x180D).start()?;
    /// # let connection = scan.next().wait()?.ok_or("nothing")?.device().connect().wait()?;
    /// # futures_lite::future::block_on(async {
    /// # let measurement = connection.characteristic(0x180D, 0x2A37).await?;
    /// use dongle::{Notified, values::HeartRateMeasurement};
    ///
    /// let mut values = measurement.subscribe().await?;
    /// match values.notified_as::<HeartRateMeasurement>().await? {
    ///     Notified::Value(beat) => println!("{} bpm", beat.bpm),
    ///     Notified::Missed(count) => println!("{count} values were missed"),
    /// }
    /// # Ok::<(), dongle::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As with [`notified`](Self::notified), and [`Error::InvalidValue`] if it can't be decoded so;
    /// the next one may be valid.
    pub fn notified_as<T: FromValue + Send>(&mut self) -> Call<'_, Notified<T>> {
        Call::new(move |timeout| async move {
            match self.notified().maybe(timeout).await? {
                Notified::Value(value) => Ok(Notified::Value(T::from_value(&value)?)),
                Notified::Missed(count) => Ok(Notified::Missed(count)),
            }
        })
    }

    /// How many values are waiting to be read.
    pub fn pending(&self) -> u32 {
        self.values.pending()
    }

    /// Ends the subscription. If it was the last one to these values, the server is asked to send no
    /// more.
    pub fn unsubscribe(self) -> Call<'static, ()> {
        Call::new(move |timeout| async move {
            let Self {
                held,
                values,
                value,
                ..
            } = self;
            drop(values);
            match held.database.configuration(value) {
                Some(known) if known.written != Some(held.subscribed(value)) => {
                    configure(&held, known.place, value, Patience::new(timeout)).await
                }
                _ => Ok(()),
            }
        })
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        deadline: Option<embassy_time::Instant>,
    ) -> Poll<Result<Notified, Error>> {
        let polled = self.values.poll_notified(cx, deadline, &mut *self.buffer);
        polled.map(|heard| match heard {
            Ok(client::Notified::Value(len)) => Ok(Notified::Value(
                self.buffer.get(..len).unwrap_or_default().to_vec(),
            )),
            Ok(client::Notified::Missed(count)) => Ok(Notified::Missed(count)),
            Err(error) => Err(self.held.explain(error)),
        })
    }
}

impl<T> Notified<T> {
    /// The value, if it is one.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Missed(_) => None,
        }
    }
}

impl Stream for Subscription {
    type Item = Result<Notified, Error>;

    /// Ends after the error that reports the connection's end.
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over {
            return Poll::Ready(None);
        }
        let polled = self.poll(cx, None);
        self.over = matches!(polled, Poll::Ready(Err(_)));
        polled.map(Some)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("pending", &self.pending())
            .finish_non_exhaustive()
    }
}
