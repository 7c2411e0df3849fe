//! What passes between a peer and the security manager, and what does not.
//!
//! trouble-host pairs with whoever asks, takes any key size, and believes a peer that sends our own
//! confirm value back. The guard stands on the link's security channel (CID 6) in the mux and
//! turns what must not pass into *Pairing Failed*, which trouble-host then answers by itself.

use super::key::Key;
use super::level::Requirements;
use super::reason::PairingFailure;

/// The channel of the Security Manager Protocol.
pub const CID_SMP: u16 = 0x0006;
/// The most of a frame that [`Guard::outbound`] looks at: L2CAP header, code and a confirm value.
pub const PREFIX: usize = 21;

/// SMP commands (Core Vol 3 Part H, 3.3).
mod code {
    pub const PAIRING_REQUEST: u8 = 0x01;
    pub const PAIRING_RESPONSE: u8 = 0x02;
    pub const PAIRING_CONFIRM: u8 = 0x03;
    pub const PAIRING_RANDOM: u8 = 0x04;
    pub const PAIRING_FAILED: u8 = 0x05;
    pub const IDENTITY_INFORMATION: u8 = 0x08;
    pub const SECURITY_REQUEST: u8 = 0x0B;
    pub const PAIRING_PUBLIC_KEY: u8 = 0x0C;
    pub const PAIRING_DHKEY_CHECK: u8 = 0x0D;
}

/// Bits of AuthReq (3.5.1).
const MITM: u8 = 0x04;
const SECURE_CONNECTIONS: u8 = 0x08;
/// IO capabilities (3.5.1).
const DISPLAY_YES_NO: u8 = 1;
const NO_INPUT_NO_OUTPUT: u8 = 3;

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may pass, so many bytes of it.
    Pass(usize),
    /// It ends here.
    Drop,
}

/// The guard of one link.
#[derive(Debug, Default)]
pub struct Guard {
    /// What a pairing has to come to, while one is wanted; without, nothing passes.
    wanted: Option<Requirements>,
    /// A pairing that was given up: the next command of the peer becomes its end.
    abort: Option<PairingFailure>,
    /// Why the guard ended the pairing, if it did.
    refused: Option<PairingFailure>,
    /// Parameters of our Pairing Request.
    request: Option<[u8; 6]>,
    /// The confirm value that we sent last.
    confirm: Option<[u8; 16]>,
    irk: Option<Key>,
    secure_connections: bool,
    key_size: u8,
    asked: bool,
    progress: u32,
    /// Why the peer ended the pairing, if it did.
    peer_failed: Option<PairingFailure>,
    /// Nothing passes until the link is encrypted: an error in between would make the security
    /// manager fail on the encryption itself, and trouble-host with it.
    sealed: bool,
    /// A pairing was not answered in time, so that there can be no other on this link.
    spent: bool,
}

impl Guard {
    /// A link that nobody pairs on.
    pub const CLOSED: Self = Self {
        wanted: None,
        abort: None,
        refused: None,
        request: None,
        confirm: None,
        irk: None,
        secure_connections: false,
        key_size: 0,
        asked: false,
        progress: 0,
        peer_failed: None,
        sealed: false,
        spent: false,
    };

    /// Lets a pairing pass that comes to no less than this.
    pub fn open(&mut self, wanted: Requirements) {
        *self = Self {
            wanted: Some(wanted),
            spent: self.spent,
            ..Self::CLOSED
        };
    }

    /// Lets nothing pass on this link ever after: a pairing was not answered in time (Core Vol 3
    /// Part H, 3.4).
    pub fn spend(&mut self) {
        self.close();
        self.spent = true;
    }

    /// Whether there can be no pairing on this link any more.
    pub fn is_spent(&self) -> bool {
        self.spent
    }

    /// Lets nothing pass any more.
    pub fn close(&mut self) {
        self.wanted = None;
        self.abort = None;
        self.confirm = None;
        self.irk = None;
    }

    /// Whether a pairing may pass.
    pub fn is_open(&self) -> bool {
        self.wanted.is_some()
    }

    /// Ends the pairing at the peer's next command.
    pub fn abort(&mut self, why: PairingFailure) {
        self.abort = Some(why);
    }

    /// Why the guard ended the pairing, if it was the guard.
    pub fn refused(&self) -> Option<PairingFailure> {
        self.refused
    }

    /// Why the peer ended the pairing, if it was the peer.
    pub fn peer_failed(&self) -> Option<PairingFailure> {
        self.peer_failed
    }

    /// The link was encrypted, or could not be; whether trouble-host waits for that.
    pub fn encrypted(&mut self) -> bool {
        core::mem::take(&mut self.sealed) && self.is_open()
    }

    /// How many commands the peer has sent.
    pub fn progress(&self) -> u32 {
        self.progress
    }

    /// Whether the pairing was by LE Secure Connections, and the size of its key.
    pub fn agreed(&self) -> (bool, u8) {
        (self.secure_connections, self.key_size)
    }

    /// The peer's identity resolving key, once.
    pub fn take_irk(&mut self) -> Option<Key> {
        self.irk.take()
    }

    /// Whether the peer has asked for security since this was asked last.
    pub fn take_asked(&mut self) -> bool {
        core::mem::take(&mut self.asked)
    }

    /// Sees the beginning of a frame to the peer: L2CAP header first.
    pub fn outbound(&mut self, frame: &[u8]) {
        match frame.get(4..) {
            Some(&[code::PAIRING_REQUEST, a, b, c, d, e, f, ..]) => {
                self.request = Some([a, b, c, d, e, f]);
            }
            Some([code::PAIRING_CONFIRM, value @ ..]) => {
                self.confirm = value.first_chunk().copied();
            }
            _ => {}
        }
    }

    /// Judges the first fragment of a frame from the peer: L2CAP header first. It may be rewritten,
    /// and become shorter.
    pub fn inbound(&mut self, frame: &mut [u8]) -> Verdict {
        let whole = frame.len();
        let Some((&mut [l0, l1, _, _], pdu)) = frame.split_first_chunk_mut() else {
            return Verdict::Drop;
        };
        let len = usize::from(u16::from_le_bytes([l0, l1]));
        let Some(&code) = pdu.first() else {
            return Verdict::Drop;
        };
        // Only a public key is longer than the smallest data packet, and comes in parts.
        if code != code::PAIRING_PUBLIC_KEY && pdu.len() != len {
            return Verdict::Drop;
        }
        self.progress = self.progress.wrapping_add(1);
        if code == code::SECURITY_REQUEST {
            self.asked = true;
            return Verdict::Drop;
        }
        let Some(wanted) = self.wanted.filter(|_| !self.sealed) else {
            return Verdict::Drop;
        };
        if let (code::PAIRING_FAILED, Some(&why)) = (code, pdu.get(1)) {
            self.peer_failed = Some(PairingFailure(why));
            self.wanted = None;
            return Verdict::Pass(whole);
        }
        if let Some(why) = self.abort.take().or_else(|| self.objection(pdu, &wanted)) {
            self.refused = Some(why);
            self.wanted = None;
            return Self::fail(frame, why);
        }
        self.sealed = code == code::PAIRING_DHKEY_CHECK
            || code == code::PAIRING_RANDOM && !self.secure_connections;
        match pdu {
            [code::IDENTITY_INFORMATION, irk @ ..] => {
                // Ours to keep: trouble-host would log it, and program it into the controller.
                self.irk = irk
                    .first_chunk()
                    .map(|k| Key::new(*k))
                    .filter(|k| !k.is_zero());
                irk.fill(0);
                Verdict::Pass(whole)
            }
            [code::PAIRING_REQUEST, ..] => Verdict::Drop,
            _ => Verdict::Pass(whole),
        }
    }

    /// Why a command of the peer must not pass.
    fn objection(&mut self, pdu: &[u8], wanted: &Requirements) -> Option<PairingFailure> {
        match *pdu {
            [code::PAIRING_RESPONSE, io, oob, auth, key_size, _, _] => {
                let ours = self.request?;
                let secure = ours[2] & auth & SECURE_CONNECTIONS != 0 && key_size == 16;
                self.secure_connections = secure;
                self.key_size = key_size.min(ours[3]);
                if !(7..=16).contains(&key_size) {
                    return Some(PairingFailure::INVALID_PARAMETERS);
                }
                if self.key_size < wanted.min_key_size {
                    return Some(PairingFailure::ENCRYPTION_KEY_SIZE);
                }
                let refused = wanted.secure_connections && !secure
                    || wanted.authenticated && !authenticates(secure, &ours, io, oob, auth);
                refused.then_some(PairingFailure::AUTHENTICATION_REQUIREMENTS)
            }
            // A peer that does not know the passkey can send back what we sent.
            [code::PAIRING_CONFIRM, ref value @ ..]
                if self.confirm.is_some_and(|c| c == *value) =>
            {
                Some(PairingFailure::CONFIRM_VALUE_FAILED)
            }
            _ => None,
        }
    }

    /// Makes a frame *Pairing Failed*.
    fn fail(frame: &mut [u8], why: PairingFailure) -> Verdict {
        let failed = [2, 0, CID_SMP as u8, 0, code::PAIRING_FAILED, why.0];
        match frame.first_chunk_mut() {
            Some(place) => {
                *place = failed;
                Verdict::Pass(failed.len())
            }
            None => Verdict::Drop,
        }
    }
}

/// Whether the association model makes sure of the other end (2.3.5.1).
fn authenticates(secure: bool, ours: &[u8; 6], io: u8, oob: u8, auth: u8) -> bool {
    let &[our_io, our_oob, our_auth, ..] = ours;
    let out_of_band = match secure {
        true => our_oob == 1 || oob == 1,
        false => our_oob == 1 && oob == 1,
    };
    if out_of_band {
        return true;
    }
    let blind = |io| io == NO_INPUT_NO_OUTPUT;
    let no_keys = |io| io <= DISPLAY_YES_NO;
    let compared = secure && our_io == DISPLAY_YES_NO && io == DISPLAY_YES_NO;
    (our_auth | auth) & MITM != 0
        && !blind(our_io)
        && !blind(io)
        && (compared || !(no_keys(our_io) && no_keys(io)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const REQUEST: [u8; 7] = [0x01, 4, 0, 0x0D, 16, 3, 3];

    fn frame(pdu: &[u8]) -> Vec<u8> {
        let mut frame = std::vec![pdu.len() as u8, 0, 6, 0];
        frame.extend(pdu);
        frame
    }

    fn pairing(wanted: Requirements) -> Guard {
        let mut guard = Guard::CLOSED;
        guard.open(wanted);
        guard.outbound(&frame(&REQUEST));
        guard
    }

    fn answered(guard: &mut Guard, pdu: &[u8]) -> Option<Vec<u8>> {
        let mut frame = frame(pdu);
        match guard.inbound(&mut frame) {
            Verdict::Pass(len) => Some(frame[4..len].to_vec()),
            Verdict::Drop => None,
        }
    }

    #[test]
    fn nobody_pairs_uninvited() {
        let mut guard = Guard::CLOSED;
        assert_eq!(answered(&mut guard, &[0x0B, 0x01]), None);
        assert!(guard.take_asked());
        assert!(!guard.take_asked());
        assert_eq!(answered(&mut guard, &[0x02, 3, 0, 1, 16, 0, 0]), None);
    }

    #[test]
    fn a_short_key_is_refused() {
        let mut guard = pairing(Requirements::default());
        let short = [0x02, 4, 0, 0x0D, 7, 3, 3];
        assert_eq!(answered(&mut guard, &short), Some(std::vec![0x05, 0x06]));
        assert_eq!(guard.refused(), Some(PairingFailure::ENCRYPTION_KEY_SIZE));

        let wanted = Requirements {
            min_key_size: 7,
            ..Default::default()
        };
        let mut guard = pairing(wanted);
        assert_eq!(answered(&mut guard, &short), Some(short.to_vec()));
        assert_eq!(guard.agreed(), (false, 7));

        for senseless in [0, 6, 17, 255] {
            let mut guard = pairing(wanted);
            let response = [0x02, 4, 0, 0x0D, senseless, 3, 3];
            assert_eq!(answered(&mut guard, &response), Some(std::vec![0x05, 0x0A]));
        }
    }

    #[test]
    fn legacy_pairing_is_refused_where_it_is_not_wanted() {
        let legacy = [0x02, 4, 0, 0x05, 16, 3, 3];
        let wanted = Requirements {
            secure_connections: true,
            ..Default::default()
        };
        assert_eq!(
            answered(&mut pairing(wanted), &legacy),
            Some(std::vec![0x05, 0x03])
        );
        let mut guard = pairing(Requirements::default());
        assert_eq!(answered(&mut guard, &legacy), Some(legacy.to_vec()));
        assert_eq!(guard.agreed(), (false, 16));
    }

    #[test]
    fn just_works_is_refused_where_a_person_is_wanted() {
        let wanted = Requirements {
            authenticated: true,
            ..Default::default()
        };
        for (response, passes) in [
            ([0x02, 3, 0, 0x0D, 16, 3, 3], false),
            ([0x02, 0, 0, 0x09, 16, 3, 3], true),
            ([0x02, 1, 0, 0x09, 16, 3, 3], true),
            ([0x02, 2, 0, 0x09, 16, 3, 3], true),
            ([0x02, 3, 1, 0x09, 16, 3, 3], true),
            ([0x02, 3, 1, 0x01, 16, 3, 3], false),
        ] {
            let answer = answered(&mut pairing(wanted), &response);
            let expected = if passes {
                response.to_vec()
            } else {
                std::vec![0x05, 0x03]
            };
            assert_eq!(answer, Some(expected), "{response:?}");
        }
    }

    #[test]
    fn a_reflected_confirm_value_is_refused() {
        let mut guard = pairing(Requirements::default());
        let mut confirm = std::vec![0x03];
        confirm.extend([7; 16]);
        guard.outbound(&frame(&confirm));
        assert_eq!(answered(&mut guard, &confirm), Some(std::vec![0x05, 0x04]));
        let mut guard = pairing(Requirements::default());
        assert_eq!(answered(&mut guard, &confirm), Some(confirm));
    }

    #[test]
    fn the_identity_key_stays_here() {
        let mut guard = pairing(Requirements::default());
        let mut identity = std::vec![0x08];
        identity.extend([9; 16]);
        let mut hidden = std::vec![0x08];
        hidden.extend([0; 16]);
        assert_eq!(answered(&mut guard, &identity), Some(hidden));
        assert_eq!(guard.take_irk(), Some(Key::new([9; 16])));
    }

    #[test]
    fn a_command_in_pieces_does_not_pass_by() {
        let mut guard = pairing(Requirements::default());
        let mut first = std::vec![7, 0, 6, 0, 0x02, 3];
        assert_eq!(guard.inbound(&mut first), Verdict::Drop);
        let mut key = std::vec![65, 0, 6, 0, 0x0C, 1, 2, 3];
        assert_eq!(guard.inbound(&mut key), Verdict::Pass(8));
    }

    #[test]
    fn a_pairing_that_was_given_up_ends_with_the_next_command() {
        let mut guard = pairing(Requirements::default());
        guard.abort(PairingFailure::UNSPECIFIED);
        let random = [[0x04; 1].as_slice(), &[0; 16]].concat();
        assert_eq!(answered(&mut guard, &random), Some(std::vec![0x05, 0x08]));
    }

    #[test]
    fn nothing_passes_between_the_last_check_and_the_encryption() {
        let mut guard = pairing(Requirements::default());
        assert!(answered(&mut guard, &[0x02, 4, 0, 0x0D, 16, 3, 3]).is_some());
        assert!(!guard.encrypted());
        let check = [[0x0D; 1].as_slice(), &[0; 16]].concat();
        assert!(answered(&mut guard, &check).is_some());
        assert_eq!(answered(&mut guard, &[0x05, 0x08]), None);
        assert!(guard.encrypted());
        assert!(!guard.encrypted());
        assert_eq!(
            answered(&mut guard, &[0x05, 0x08]),
            Some(std::vec![0x05, 0x08])
        );
        assert_eq!(guard.peer_failed(), Some(PairingFailure(0x08)));
    }

    #[test]
    fn nothing_a_peer_sends_panics() {
        for code in 0..=0x20u8 {
            for len in 0..30usize {
                let mut guard = pairing(Requirements::default());
                let mut frame = std::vec![len as u8, 0, 6, 0];
                frame.extend(
                    core::iter::once(code)
                        .chain(core::iter::repeat(1))
                        .take(len),
                );
                for cut in 0..=frame.len() {
                    guard.inbound(&mut frame.clone()[..cut]);
                }
            }
        }
    }
}
