//! The bearer against a scripted peer and a clock that only tests move.

mod calls;
mod commands;
mod hostile;
mod mtu;
mod queued_write;
mod ring;
mod server;
mod values;

use core::task::{Context, Poll};
use std::vec;
use std::vec::Vec;

use super::*;
use crate::att::AttributeHandle;
use crate::testing::Wakes;

/// A bearer and the memory it works on.
struct Rig {
    state: BearerState,
    calls: Vec<Call>,
    call_bytes: Vec<u8>,
    commands: Vec<u8>,
    notifications: Vec<u8>,
    indications: Vec<u8>,
    subscribers: Vec<Subscriber>,
    waiters: Vec<Option<Waker>>,
    now: Instant,
    wakes: Wakes,
}

impl Rig {
    /// An open bearer that can serve an MTU of 65.
    fn new() -> Self {
        Self::with_queues(200, 200)
    }

    fn with_queues(commands: usize, notifications: usize) -> Self {
        let mut rig = Self {
            state: BearerState::closed(),
            calls: (0..4).map(|_| Call::FREE).collect(),
            call_bytes: vec![0; 4 * 65],
            commands: vec![0; commands],
            notifications: vec![0; notifications],
            indications: vec![0; 2 * (62 + 4)],
            subscribers: (0..4).map(|_| Subscriber::FREE).collect(),
            waiters: vec![None; 4],
            now: Instant::from_secs(1000),
            wakes: Wakes::default(),
        };
        rig.bearer().open();
        rig
    }

    fn bearer(&mut self) -> Bearer<'_> {
        Bearer::new(BearerStorage {
            state: &mut self.state,
            calls: &mut self.calls,
            call_bytes: &mut self.call_bytes,
            commands: &mut self.commands,
            notifications: &mut self.notifications,
            indications: &mut self.indications,
            subscribers: &mut self.subscribers,
            waiters: &mut self.waiters,
            wake: Waker::wake,
        })
    }

    /// Advances the clock, and lets the bearer handle its timeouts.
    fn wait(&mut self, time: Duration) {
        self.now += time;
        let now = self.now;
        self.bearer().handle_timeout(now);
    }

    fn start(&mut self, request: &[u8]) -> Result<CallId, StartError> {
        self.start_until(request, None)
    }

    fn start_until(
        &mut self,
        request: &[u8],
        deadline: Option<Instant>,
    ) -> Result<CallId, StartError> {
        let started = self.bearer().start(deadline, |_, out| {
            out[..request.len()].copy_from_slice(request);
            Ok::<_, ()>(request.len())
        })?;
        Ok(started.unwrap())
    }

    /// Queues a Read Request.
    fn read(&mut self, handle: u8) -> CallId {
        self.start(&[0x0A, handle, 0]).unwrap()
    }

    fn command(&mut self, handle: u8, value: &[u8]) -> Result<(), StartError> {
        self.bearer().queue_command(&[&[0x52, handle, 0], value])
    }

    /// The next PDU sent; empty if there is none.
    fn sent(&mut self) -> Vec<u8> {
        let mut out = [0; 65];
        let now = self.now;
        let had_output = self.bearer().has_output();
        let sent = self.bearer().poll_transmit(now, &mut out);
        assert_eq!(had_output, sent.is_some(), "has_output tells the truth");
        sent.map_or(vec![], |len| out[..len].to_vec())
    }

    fn receive(&mut self, pdu: &[u8]) {
        self.bearer().handle_pdu(pdu);
    }

    fn answer(&mut self, call: CallId) -> Poll<Result<Vec<u8>, CallError>> {
        let mut out = [0; 65];
        let waker = self.wakes.waker();
        let mut cx = Context::from_waker(&waker);
        let polled = self.bearer().poll_call(call, &mut cx, &mut out);
        polled.map(|result| result.map(|len| out[..len].to_vec()))
    }

    fn subscribe(&mut self, handle: u16, kind: ValueKind) -> SubscriptionId {
        let handle = AttributeHandle::new(handle).unwrap();
        self.bearer().subscribe(handle, kind).unwrap()
    }

    fn next(&mut self, id: SubscriptionId) -> Poll<Result<Heard, ValueError>> {
        let mut out = [0; 65];
        let waker = self.wakes.waker();
        let mut cx = Context::from_waker(&waker);
        let polled = self.bearer().poll_value(id, &mut cx, &mut out);
        polled.map(|result| {
            result.map(|received| match received {
                Received::Value(len) => Heard::Value(out[..len].to_vec()),
                Received::Missed(count) => Heard::Missed(count),
            })
        })
    }

    fn wakes(&self) -> usize {
        self.wakes.count()
    }

    fn counters(&mut self) -> Counters {
        self.bearer().counters()
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Value(Vec<u8>),
    Missed(u32),
}

fn value(bytes: &[u8]) -> Poll<Result<Heard, ValueError>> {
    Poll::Ready(Ok(Heard::Value(bytes.to_vec())))
}

fn answered(pdu: &[u8]) -> Poll<Result<Vec<u8>, CallError>> {
    Poll::Ready(Ok(pdu.to_vec()))
}

fn failed(error: CallError) -> Poll<Result<Vec<u8>, CallError>> {
    Poll::Ready(Err(error))
}

/// xorshift64*: enough to vary input, the same on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}
