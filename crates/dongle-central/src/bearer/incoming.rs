//! Dispatches the peer's PDUs by their opcode.

use super::{Bearer, MtuExchange};
use crate::att::{ErrorCode, Mtu, Opcode};

impl Bearer<'_> {
    /// Handles one PDU, as received in an L2CAP frame on the ATT channel. An invalid PDU is counted
    /// and otherwise ignored.
    pub fn handle_pdu(&mut self, pdu: &[u8]) {
        if !self.state.open {
            return;
        }
        let Some((&opcode, parameters)) = pdu.split_first() else {
            return self.violation("an empty PDU", pdu);
        };
        match Opcode(opcode) {
            Opcode::HANDLE_VALUE_NOTIFICATION => match parameters.split_first_chunk() {
                Some((handle, value)) => {
                    self.handle_notification(u16::from_le_bytes(*handle), value);
                }
                None => self.violation("a notification without a handle", pdu),
            },
            Opcode::MULTIPLE_HANDLE_VALUE_NOTIFICATION => self.handle_multiple(parameters, pdu),
            Opcode::HANDLE_VALUE_INDICATION => match parameters.split_first_chunk() {
                Some((handle, value)) => {
                    self.handle_indication(u16::from_le_bytes(*handle), value);
                }
                None => {
                    self.violation("an indication without a handle", pdu);
                    // It must be confirmed nevertheless, or the peer waits for 30 s.
                    self.state.confirmation_due = true;
                }
            },
            Opcode::HANDLE_VALUE_CONFIRMATION => {
                self.violation("a confirmation of nothing: we never indicate", pdu);
            }
            Opcode::EXCHANGE_MTU_REQUEST => self.handle_mtu_request(parameters, pdu),
            opcode if opcode.is_response() => self.handle_response(pdu),
            opcode if opcode.is_command() => {
                trace!("ignoring a command of the peer: {:?}", pdu);
            }
            opcode if opcode.wants_response() => self.answer(opcode, parameters),
            _ => self.violation("an unknown PDU", pdu),
        }
    }

    /// Multiple Handle Value Notification (Core Vol 3 Part F, 3.4.7.4).
    fn handle_multiple(&mut self, mut tuples: &[u8], pdu: &[u8]) {
        while let Some((&[h0, h1, l0, l1], rest)) = tuples.split_first_chunk::<4>() {
            let len = usize::from(u16::from_le_bytes([l0, l1]));
            let Some((value, rest)) = rest.split_at_checked(len) else {
                return self.violation("a value in a multiple notification is cut", pdu);
            };
            self.handle_notification(u16::from_le_bytes([h0, h1]), value);
            tuples = rest;
        }
        if !tuples.is_empty() {
            self.violation(
                "bytes behind the last value of a multiple notification",
                pdu,
            );
        }
    }

    /// The peer requests an MTU exchange. We answer the same MTU whoever asks (Core Vol 3 Part F, 3.4.2.2). If
    /// both sides ask at once, the peer's exchange counts, whatever becomes of our own.
    fn handle_mtu_request(&mut self, parameters: &[u8], pdu: &[u8]) {
        let Ok(&theirs) = <&[u8; 2]>::try_from(parameters) else {
            self.violation("an MTU request of the wrong length", pdu);
            return self.refuse(Opcode::EXCHANGE_MTU_REQUEST, 0, ErrorCode::INVALID_PDU);
        };
        let largest = self.largest_mtu().get();
        let ours = *self.state.offered.get_or_insert(largest);
        self.answer_mtu(ours);
        let agreed = Mtu::agreed(ours, u16::from_le_bytes(theirs));
        match self.state.mtu_exchange {
            MtuExchange::NotYet => self.settle(agreed),
            MtuExchange::Asked => self.state.mtu = agreed,
            MtuExchange::Done => {}
        }
    }

    /// Settles the MTU if `pdu` ends our own exchange.
    pub(super) fn settle_mtu(&mut self, pdu: &[u8]) {
        if self.state.mtu_exchange != MtuExchange::Asked {
            return;
        }
        match (pdu, self.state.offered) {
            (&[opcode, low, high], Some(ours)) if opcode == Opcode::EXCHANGE_MTU_RESPONSE.0 => {
                self.settle(Mtu::agreed(ours, u16::from_le_bytes([low, high])));
            }
            // If the server does not support the request, or its answer is invalid, nothing changes: the MTU
            // remains the default (3.4.2.2), or what the peer's own request made it.
            _ => self.settle(self.state.mtu),
        }
    }

    fn settle(&mut self, mtu: Mtu) {
        self.state.mtu = mtu;
        self.state.mtu_exchange = MtuExchange::Done;
        debug!("ATT MTU is {}", self.state.mtu.get());
        self.waiters.wake_all();
    }

    pub(super) fn violation(&mut self, what: &str, pdu: &[u8]) {
        let counters = &mut self.state.counters;
        counters.violations = counters.violations.wrapping_add(1);
        warn!("ignoring {}: {:02X?}", what, pdu);
    }
}
