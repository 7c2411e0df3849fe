//! Packets from the controller: whose each is, and what is learnt from it.

use bt_hci::transport::PacketKind;
use embassy_time::Duration;
use heapless::Vec;

use super::{Attempt, Ending, Failure, Known, MuxState, Passed};
use crate::links::{Address, ConnectionParameters, Link, LinkId, LinkInfo, Links, Reason};
use crate::mux::events::{self, Event, LAST_HANDLE, code, judge};
use crate::mux::reassembly::{Reassembly, Step};
use crate::mux::report::ReportHandler;
use crate::mux::request;
use crate::mux::sdus::{self, CID_SIGNALLING, RESPONSE};
use crate::mux::watchdog::COMMAND_TIMEOUT;
use crate::security::Security;

/// Connection Limit Exceeded (Core Vol 1 Part F, 2.9).
const CONNECTION_LIMIT_EXCEEDED: u8 = 0x09;

/// The longest supervision timeout (Core Vol 6 Part B, 4.5.2).
const LONGEST_SUPERVISION: Duration = Duration::from_secs(32);

/// What becomes of a packet from the controller.
#[derive(Debug, PartialEq, Eq)]
pub enum Inbound {
    /// trouble-host gets this much of it.
    ForHost(usize),
    /// It ends here.
    Taken,
}

/// The channel of a frame that begins with its L2CAP header.
fn channel(frame: &[u8]) -> Option<u16> {
    match *frame {
        [_, _, c0, c1, ..] => Some(u16::from_le_bytes([c0, c1])),
        _ => None,
    }
}

/// Whether a packet closes a channel that is still read, and is held back.
fn holds(id: LinkId, packet: &[u8], links: &impl Links) -> bool {
    let held = links.with_link(id, |link| {
        let held = link.info.sdus.holds(packet);
        if held {
            link.bearer.changed();
        }
        held
    });
    held.unwrap_or(false)
}

/// Whether trouble-host has received the beginning of a frame and not its end. Frames of the security channel
/// do not go to it.
fn is_within(link: &Link<'_>) -> bool {
    matches!(link.info.reassembly, Reassembly::Foreign { .. }) && !link.info.smp.is_within()
}

/// The refusal that takes the place of a Command Reject, if that answers a channel request.
fn rejected(id: LinkId, packet: &[u8], links: &impl Links) -> Option<[u8; RESPONSE]> {
    let rejected = |link: &mut Link<'_>| link.info.sdus.rejected(packet);
    links.with_link(id, rejected).flatten()
}

/// Whether trouble-host may see the first fragment of a frame; what is to come of one that it may
/// not see is thrown away.
fn may_pass(id: LinkId, frame: &[u8], links: &impl Links) -> bool {
    let judged = links.with_link(id, |link| {
        let pass = link.info.sdus.may_pass(frame);
        if !pass {
            link.info.reassembly.skip();
            // A channel that the peer has overrun is to be closed.
            link.bearer.changed();
        }
        pass
    });
    judged.unwrap_or(false)
}

/// Passes an ACL packet with the first `len` octets of its data to trouble-host, corrected, unless it has to be
/// dropped.
fn for_host(id: LinkId, first: bool, packet: &mut [u8], len: usize, links: &impl Links) -> Inbound {
    let Some(([_, _, l0, l1], data)) = packet.split_first_chunk_mut() else {
        return Inbound::Taken;
    };
    let data = data.get_mut(..len).unwrap_or_default();
    [*l0, *l1] = (data.len() as u16).to_le_bytes();
    let passes = !first || links.with_link(id, |link| link.info.sdus.correct(data)) == Some(true);
    match passes {
        true => Inbound::ForHost(4 + data.len()),
        false => Inbound::Taken,
    }
}

impl MuxState {
    /// Takes a packet from the controller; `packet` may be rewritten on its way to trouble-host.
    pub fn inbound(
        &mut self,
        kind: PacketKind,
        packet: &mut [u8],
        links: &impl Links,
        reports: &impl ReportHandler,
    ) -> Inbound {
        self.counters.received = self.counters.received.wrapping_add(1);
        match kind {
            PacketKind::Event => match events::reports(packet, |report| reports.report(report)) {
                Some(true) => Inbound::Taken,
                Some(false) => self.dropped("a damaged advertising report", packet),
                None => self.event(packet, links),
            },
            PacketKind::AclData => self.acl(packet, links),
            _ => self.dropped("a packet that is neither event nor ACL data", packet),
        }
    }

    /// Queues an ACL packet for trouble-host that was held back, or generated here.
    pub fn pass(&mut self, packet: &[u8]) {
        let packet = Vec::from_slice(packet).unwrap_or_default();
        if self.passed.push_back(packet).is_err() {
            warn!("too many packets are held back at once");
        }
        self.stir();
    }

    /// Has something come from the controller, so that trouble-host does what it has to.
    pub fn stir(&mut self) {
        self.passes = self.passes.wrapping_add(1);
        self.news.tell();
    }

    /// How many times something had to come from the controller so far.
    pub fn passes(&self) -> u32 {
        self.passes
    }

    /// The next packet that was held back, unless it would come in the middle of a frame.
    pub fn passed(&mut self, links: &impl Links) -> Option<Passed> {
        for _ in 0..self.passed.len() {
            let mut packet = self.passed.pop_front()?;
            let Some(([h0, h1, _, _], frame)) = packet.split_first_chunk_mut() else {
                continue;
            };
            let id = self.link(u16::from_le_bytes([*h0, *h1]) & 0x0FFF);
            let passes = id.and_then(|id| {
                links.with_link(id, |link| {
                    // The channel may have been closed in the meantime.
                    (!is_within(link)).then(|| link.info.sdus.correct(frame))
                })
            });
            match passes {
                Some(Some(true)) => return Some(packet),
                Some(None) => _ = self.passed.push_back(packet),
                // Its connection has ended, or nothing waits for it any more.
                Some(Some(false)) | None => {}
            }
        }
        None
    }

    fn acl(&mut self, packet: &mut [u8], links: &impl Links) -> Inbound {
        let longest = self.longest_frame;
        if let Some((&mut [_, h1, _, _], frame)) = packet.split_first_chunk_mut()
            && h1 >> 4 & 0b11 != 0b01
        {
            sdus::bound_frames(frame, longest);
        }
        let Some((&[h0, h1, _, _], data)) = packet.split_first_chunk() else {
            return self.dropped("an ACL packet without header", packet);
        };
        let handle = u16::from_le_bytes([h0, h1]) & 0x0FFF;
        let first = match h1 >> 4 & 0b11 {
            0b01 => false,
            0b00 | 0b10 => true,
            _ => return self.dropped("an ACL packet with an unknown boundary flag", packet),
        };
        let Some(id) = self.link(handle) else {
            return self.dropped("data of a connection that does not exist", packet);
        };
        let mut is_security = false;
        let mut len = data.len();
        let mut is_cut_off = false;
        let has_host = self.has_host();
        let step = links.with_link(id, |link| {
            let data = match has_host {
                true => link.info.reassembly.within(first, data),
                false => data,
            };
            len = data.len();
            is_cut_off = has_host && first && is_within(link) && link.info.sdus.cut_off();
            let step = match link.info.reassembly.feed(first, data, link.pdu) {
                Step::Pdu(pdu) => {
                    link.bearer.handle_pdu(pdu);
                    Step::Assembled(pdu.len())
                }
                Step::Assembled(len) => {
                    link.bearer
                        .handle_pdu(link.pdu.get(..len).unwrap_or_default());
                    Step::Assembled(len)
                }
                Step::Foreign if link.info.smp.takes(first, data) => {
                    link.bearer.changed();
                    is_security = true;
                    Step::More
                }
                step => step,
            };
            (step, link.bearer.has_output())
        });
        let Some((step, has_output)) = step else {
            return Inbound::Taken;
        };
        if is_cut_off {
            warn!("an incomplete L2CAP frame ends connection 0x{:04X}", handle);
            self.doom(id);
        }
        if has_output {
            links.doorbell().ring(id.index());
            self.turns.wake_pump();
        }
        if is_security {
            // It may have been a key.
            packet.fill(0);
            return Inbound::Taken;
        }
        match step {
            Step::Foreign if first && holds(id, packet, links) => Inbound::Taken,
            Step::Foreign if first && !may_pass(id, data, links) => {
                self.dropped("a frame that its channel can not take", packet)
            }
            Step::Foreign => match request::parse(handle, data).filter(|_| first) {
                Some(request) => {
                    self.ask(request);
                    Inbound::Taken
                }
                None if self.has_host() => match rejected(id, packet, links).filter(|_| first) {
                    Some(refusal) => {
                        self.pass(&refusal);
                        Inbound::Taken
                    }
                    None => for_host(id, first, packet, len, links),
                },
                None => {
                    if first && channel(data) == Some(CID_SIGNALLING) {
                        self.reject(handle, data);
                    }
                    Inbound::Taken
                }
            },
            Step::More => Inbound::Taken,
            Step::Dropped(what) => self.dropped(what, packet),
            Step::Pdu(_) | Step::Assembled(_) => {
                self.counters.att_received = self.counters.att_received.wrapping_add(1);
                Inbound::Taken
            }
        }
    }

    /// Tells a peer that its command is not understood, unless it has been told so just now.
    fn reject(&mut self, handle: u16, data: &[u8]) {
        if let Some(frame) = request::reject(data)
            && !self.answers.iter().any(|(h, _)| *h == handle)
        {
            self.queue_answer(handle, frame);
        }
    }

    fn event(&mut self, packet: &mut [u8], links: &impl Links) -> Inbound {
        events::clear_failed_connection(packet);
        let handle = events::connection_of(packet).unwrap_or(0);
        if handle > LAST_HANDLE && !events::refuse_connection(packet) {
            return self.dropped("an event of no connection", packet);
        }
        let Some(mut judgement) = judge(packet) else {
            return self.dropped("an undecodable event", packet);
        };
        if let Some(Event::Connected { handle, .. }) = judgement.event
            && let Some(id) = self.link(handle)
        {
            // The one before has ended unheard of, or never was: neither is of use.
            links.close(id, Reason::Unknown);
            self.doom(id);
            if let Some(known) = self.links.iter_mut().find(|known| known.id == id) {
                known.given_twice = true;
            }
            events::refuse_connection(packet);
            let status = events::UNSPECIFIED;
            judgement.event = Some(Event::NotConnected { status });
        }
        // We never advertise: whatever the role, it is as we asked.
        if let (Some(Event::Connected { .. }), Some(role)) = (&judgement.event, packet.get_mut(6)) {
            *role = 0;
        }
        let mut pass = judgement.pass;
        if let Some(Event::NotConnected { .. }) = judgement.event {
            // Of an attempt that trouble-host has not made.
            pass = false;
        }
        match judgement.event {
            // Nobody has asked.
            Some(Event::Answered { opcode, .. } | Event::Buffers { opcode, .. })
                if !self.watchdog.waits_for(opcode) => {}
            Some(event) => self.learn(event, links),
            None => {}
        }
        if !pass {
            return Inbound::Taken;
        }
        match packet.first() {
            Some(&code::NUMBER_OF_COMPLETED_PACKETS) => self.completed(packet),
            _ => Inbound::ForHost(packet.len()),
        }
    }

    /// A link was encrypted, or could not be.
    fn encryption(&self, handle: u16, status: u8, on: bool, links: &impl Links) {
        let Some(id) = self.link(handle) else { return };
        links.with_link(id, |link| {
            if status == 0 && !on {
                link.info.security = Security::NONE;
            }
            // Another is nobody's.
            if core::mem::take(&mut link.info.encrypting) {
                let ended = if on || status != 0 {
                    status
                } else {
                    events::UNSPECIFIED
                };
                link.info.encryption_status = Some(ended);
                link.info.smp.unseal();
            }
            link.bearer.changed();
        });
    }

    fn learn(&mut self, event: Event, links: &impl Links) {
        match event {
            Event::Answered { opcode, status } => self.answered(opcode, status, links),
            Event::Buffers {
                opcode,
                packet_length,
                total,
            } => {
                self.watchdog.answered(opcode);
                // None for LE alone: those of BR/EDR are asked for, and count only then.
                let wanted = opcode != events::READ_BUFFER_SIZE || self.turns.buffers() == (0, 0);
                if wanted && packet_length > 0 && total > 0 {
                    self.turns.configure(packet_length, total);
                    debug!("{} ACL buffers of {} bytes", total, packet_length);
                }
            }
            Event::Connected {
                handle,
                peer,
                on_air,
                parameters,
            } => {
                self.connected(handle, peer, parameters, links);
                #[cfg(feature = "security")]
                self.note(handle, links, &mut |info| info.on_air = on_air);
                #[cfg(not(feature = "security"))]
                let _ = on_air;
            }
            // Before an attempt has begun, it is another one that was cancelled.
            Event::NotConnected { .. } if self.watchdog.waits_for_connection() => {}
            Event::NotConnected { status } => self.end_attempt(Attempt::Failed(status)),
            Event::Disconnected { handle, reason } => {
                self.forget(handle, Reason::Hci(reason), links);
            }
            Event::Encryption { handle, status, on } => {
                self.encryption(handle, status, on, links);
            }
            Event::ParametersAsked(request) => self.ask(request),
            Event::RemoteFeatures { handle, features } => {
                self.note(handle, links, &mut |info| {
                    info.remote_features = Some(features);
                });
            }
            Event::Updated {
                handle,
                status,
                parameters,
            } => self.note(handle, links, &mut |info| {
                if status == 0 {
                    info.parameters = parameters;
                }
                info.updates = info.updates.wrapping_add(1);
                info.update_status = status;
            }),
            Event::RemoteVersion { handle, version } => {
                self.note(handle, links, &mut |info| {
                    info.remote_version = Some(version);
                });
            }
            Event::DataLength { handle, octets } => {
                self.note(handle, links, &mut |info| info.data_length = octets);
            }
            Event::Phy { handle, phy } => self.note(handle, links, &mut |info| info.phy = phy),
            Event::BufferOverflow => {
                self.counters.overflows = self.counters.overflows.wrapping_add(1);
                warn!("the controller reports a data buffer overflow");
            }
            // It may be another vendor's: what counts is that it says nothing afterwards.
            Event::Asserted(line) => self.asserted = Some(line),
            Event::HardwareError(code) => {
                self.fail(Failure::Hardware(code));
                links.close_all(Reason::ControllerFailed);
            }
        }
    }

    /// Notes what is known of a link, and wakes those who wait for that.
    fn note(&self, handle: u16, links: &impl Links, f: &mut dyn FnMut(&mut LinkInfo)) {
        if let Some(id) = self.link(handle) {
            links.with_link(id, |link| {
                f(link.info);
                link.bearer.changed();
            });
        }
    }

    /// The controller has answered a command.
    fn answered(&mut self, opcode: u16, status: u8, links: &impl Links) {
        self.watchdog.answered(opcode);
        self.was_reset = opcode == events::RESET;
        match status {
            0 if opcode == events::RESET => self.turns.reset(),
            events::UNKNOWN_COMMAND if events::is_known_to_le(opcode) => {
                self.fail(Failure::NotLe);
            }
            status if opcode == events::DISCONNECT => self.ending(status, links),
            0 => {}
            status if events::is_create_connection(opcode) => {
                self.end_attempt(Attempt::Failed(status));
            }
            // There is nothing to be cancelled, and of its end nothing was heard.
            events::COMMAND_DISALLOWED
                if opcode == events::CREATE_CONNECTION_CANCEL && self.is_connecting() =>
            {
                self.end_attempt(Attempt::Failed(events::UNKNOWN_CONNECTION));
            }
            status if opcode == events::ENABLE_ENCRYPTION => {
                if let Some(handle) = self.encrypting.take() {
                    self.encryption(handle, status, false, links);
                }
            }
            _ => {}
        }
    }

    /// A connection has come about.
    fn connected(
        &mut self,
        handle: u16,
        peer: Address,
        parameters: ConnectionParameters,
        links: &impl Links,
    ) {
        self.turns.connected(handle);
        let Some(id) = links.open(handle, peer, parameters) else {
            warn!("no room for the bearer of connection 0x{:04X}", handle);
            self.disconnect(handle);
            return self.end_attempt(Attempt::Failed(CONNECTION_LIMIT_EXCEEDED));
        };
        // As many places as there can be links.
        _ = self.links.push(Known {
            handle,
            id,
            ending: Ending::Unasked,
            given_twice: false,
        });
        let longest = self.longest_pdu;
        links.with_link(id, |link| link.bearer.bound(longest));
        self.end_attempt(Attempt::Connected(id));
    }

    /// The controller was asked to end a connection, and answers this. Its end is told in the
    /// controller's place if the controller does not know it, or has had the time that it may take: the
    /// supervision timeout (Core Vol 6 Part B, 5.1.6), and that in which it answers.
    fn ending(&mut self, status: u8, links: &impl Links) {
        let (handle, asked) = self.disconnecting;
        let Some(known) = self.links.iter_mut().find(|known| known.handle == handle) else {
            return;
        };
        if known.ending == Ending::Overdue {
            links.close(known.id, Reason::DisconnectUnconfirmed);
        } else if status != events::UNKNOWN_CONNECTION {
            if matches!(known.ending, Ending::Unasked | Ending::Asked) {
                let timeout = links.with_link(known.id, |l| l.info.parameters.supervision_timeout);
                let timeout = timeout.unwrap_or_default().min(LONGEST_SUPERVISION);
                known.ending = Ending::By(asked + timeout + COMMAND_TIMEOUT);
                self.turns.wake_pump();
            }
            return;
        }
        let [low, high] = handle.to_le_bytes();
        let reason = events::UNKNOWN_CONNECTION;
        self.stand_in([code::DISCONNECTION_COMPLETE, 4, 0, low, high, reason]);
    }

    /// The link of a connection that has not ended in the controller.
    pub fn link(&self, handle: u16) -> Option<LinkId> {
        self.links
            .iter()
            .find(|known| known.handle == handle)
            .map(|known| known.id)
    }

    /// Whether the controller still has the connection of this link.
    pub fn has_link(&self, id: LinkId) -> bool {
        self.links.iter().any(|known| known.id == id)
    }

    /// A connection is over, and all that was kept for it.
    fn forget(&mut self, handle: u16, reason: Reason, links: &impl Links) {
        self.turns.disconnected(handle);
        if let Some(id) = self.link(handle) {
            links.close(id, reason);
        }
        let two = |known: &Known| known.handle == handle && known.given_twice;
        let given_twice = self.links.iter().any(two);
        self.links.retain(|known| known.handle != handle);
        self.doomed.retain(|doomed| *doomed != handle);
        if given_twice {
            // It may have been the end of the first.
            self.disconnect(handle);
        }
    }

    /// Number Of Completed Packets: rewritten so that trouble-host only hears of its own.
    fn completed(&mut self, packet: &mut [u8]) -> Inbound {
        let mut any = false;
        let entries = packet.get_mut(3..).unwrap_or_default();
        for entry in entries.chunks_exact_mut(4) {
            let (handle, count) = entry.split_at_mut(2);
            let number = |bytes: &[u8]| bytes.first_chunk().map_or(0, |b| u16::from_le_bytes(*b));
            let hosts = self.turns.completed(number(handle) & 0x0FFF, number(count));
            for (to, from) in count.iter_mut().zip(hosts.to_le_bytes()) {
                *to = from;
            }
            any |= hosts > 0;
        }
        self.turns.wake_waiting();
        if any {
            Inbound::ForHost(packet.len())
        } else {
            Inbound::Taken
        }
    }

    fn dropped(&mut self, what: &str, packet: &[u8]) -> Inbound {
        self.counters.undecodable = self.counters.undecodable.wrapping_add(1);
        // No more than the header: what follows may be a key.
        let head = packet.get(..4).unwrap_or(packet);
        warn!("dropping {}: {:02X?}, {} bytes", what, head, packet.len());
        Inbound::Taken
    }
}
