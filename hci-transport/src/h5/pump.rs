//! Moves packets between a serial port that speaks H5 and a channel: one thread reads, one writes,
//! one takes the host's packets, and they share the link.

use std::io::{self, Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{H5Event, H5Link};
use crate::pump::{GRACE, Pumps, Wire, is_passing, spawn};
use crate::{Error, HciChannel, HciPort, channel};

/// How often a thread checks whether it is still wanted.
const TICK: Duration = Duration::from_millis(100);

/// Starts moving packets. The first one that the host reads is the completion of an HCI_Reset.
pub(crate) fn start(name: &str, wire: Wire, capacity: usize) -> Result<HciChannel, Error> {
    let (mut channel, port) = channel(name, capacity);
    let pumps = Pumps::default();
    channel.attach(pumps.clone());
    let (reader, writer, hang_up) = wire.take_apart();
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            link: H5Link::new(Instant::now()),
            over: false,
        }),
        changed: Condvar::new(),
    });
    spawn("hci-h5-read", pumps.running(&port), {
        let (shared, port) = (Arc::clone(&shared), port.clone());
        move || {
            read(reader, &shared, &port);
            shared.end();
        }
    })?;
    spawn("hci-h5-write", pumps.running(&port), {
        let (shared, port) = (Arc::clone(&shared), port.clone());
        move || {
            write(writer, &shared, &port);
            shared.end();
            hang_up();
        }
    })
    .inspect_err(|_| shared.end())?;
    spawn("hci-h5-host", pumps.running(&port), {
        let (shared, port) = (Arc::clone(&shared), port.clone());
        move || {
            take(&shared, &port);
            shared.end();
        }
    })
    .inspect_err(|_| shared.end())?;
    Ok(channel)
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    link: H5Link,
    /// The pumps must stop.
    over: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        self.lock().over = true;
        self.changed.notify_all();
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, patience: Duration) -> MutexGuard<'a, State> {
        let waited = self.changed.wait_timeout(state, patience);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

fn read(mut reader: Box<dyn Read + Send>, shared: &Shared, port: &HciPort) {
    let mut chunk = vec![0; 4096];
    let mut was_reset = false;
    loop {
        let count = match reader.read(&mut chunk) {
            Ok(0) => {
                let why = "the other side hung up; start it again and open it again";
                port.fail(Error::disconnected(port.name(), why));
                return;
            }
            Ok(count) => count,
            Err(error) if is_passing(&error) => 0,
            Err(error) => {
                port.fail(Error::from_wire(port.name(), "reading", error));
                return;
            }
        };
        let mut state = shared.lock();
        if state.over {
            return;
        }
        let bytes = chunk.get(..count).unwrap_or_default();
        let damaged = state.link.statistics().damaged_frames;
        state.link.handle_bytes(Instant::now(), bytes);
        let damaged = state.link.statistics().damaged_frames - damaged;
        let (mut packets, mut events) = (Vec::new(), Vec::new());
        while let Some(packet) = state.link.poll_packet() {
            packets.push(packet);
        }
        while let Some(event) = state.link.poll_event() {
            events.push(event);
        }
        drop(state);
        shared.changed.notify_all();
        if damaged > 0 {
            log::debug!("{}: {damaged} damaged frames", port.name());
            // How many bytes a damaged frame had isn't known; at least its header's.
            port.add_discarded_bytes(4 * damaged);
        }
        for event in events {
            match event {
                H5Event::Established => log::debug!("{}: the H5 link is up", port.name()),
                // Until the reset is completed, these are a normal part of establishing the link.
                H5Event::PeerRestarted | H5Event::Lost if !was_reset => {}
                H5Event::PeerRestarted => {
                    let why = "the controller restarted; open it again";
                    port.fail(Error::disconnected(port.name(), why));
                    return;
                }
                H5Event::Lost => {
                    let why = "the controller acknowledges nothing any more; check the cable, or \
                               reset the board, and open it again";
                    port.fail(Error::disconnected(port.name(), why));
                    return;
                }
            }
        }
        for packet in packets {
            // Packets before the completion of the reset belong to an earlier program.
            was_reset |= matches!(packet[..], [0x04, 0x0e, _, _, 0x03, 0x0c, ..]);
            if !was_reset {
                port.add_discarded_bytes(packet.len() as u64);
            } else if port.deliver_blocking(&packet).is_err() {
                return;
            }
        }
    }
}

fn write(mut writer: Box<dyn Write + Send>, shared: &Shared, port: &HciPort) {
    let mut bytes = Vec::new();
    loop {
        let mut state = shared.lock();
        loop {
            let now = Instant::now();
            if state.over {
                return;
            }
            if state.link.poll_transmit(now, &mut bytes) {
                break;
            }
            let timeout = state.link.poll_timeout();
            let left = timeout.map_or(TICK, |at| at.saturating_duration_since(now));
            state = shared.wait(state, left.min(TICK));
        }
        drop(state);
        // The link may have room again.
        shared.changed.notify_all();
        if let Err(error) = write_all(&mut *writer, &bytes, shared) {
            port.fail(Error::from_wire(port.name(), "writing", error));
            return;
        }
        bytes.clear();
    }
}

fn write_all(writer: &mut dyn Write, mut bytes: &[u8], shared: &Shared) -> io::Result<()> {
    while !bytes.is_empty() {
        match writer.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
        if shared.lock().over {
            return Ok(());
        }
    }
    writer.flush()
}

/// Passes the host's packets on until its end is closed, then waits until the last ones have been
/// sent.
fn take(shared: &Shared, port: &HciPort) {
    let mut packet = Vec::new();
    while port.next_blocking(&mut packet, None).is_ok() {
        let mut state = shared.lock();
        while !state.link.has_room() && !state.over && !port.is_closed() {
            state = shared.wait(state, TICK);
        }
        if state.over {
            return;
        }
        if !state.link.send(&packet) {
            log::warn!(
                "{}: dropped a packet of {} bytes, which H5 can't carry",
                port.name(),
                packet.len()
            );
        }
        drop(state);
        shared.changed.notify_all();
    }
    let deadline = Instant::now() + GRACE;
    let mut state = shared.lock();
    while !state.link.is_idle()
        && state.link.is_established()
        && !state.over
        && Instant::now() < deadline
    {
        state = shared.wait(
            state,
            TICK.min(deadline.saturating_duration_since(Instant::now())),
        );
    }
}
