//! What passes between a peer and the security manager, and what does not.
//!
//! trouble-host pairs with whoever asks, takes any key size, and believes a peer that sends our own
//! confirm value, or our own public key with the other sign, back. The guard stands on the link's
//! security channel (CID 6) in the mux and has *Pairing Failed* take the place of what must not pass,
//! which trouble-host then answers by itself.

use super::key::Key;
use super::level::Requirements;
use super::reason::PairingFailure;
use super::{CID_SMP, FAILED, Verdict};

/// SMP commands (Core Vol 3 Part H, 3.3).
mod code {
    pub const PAIRING_REQUEST: u8 = 0x01;
    pub const PAIRING_RESPONSE: u8 = 0x02;
    pub const PAIRING_CONFIRM: u8 = 0x03;
    pub const PAIRING_RANDOM: u8 = 0x04;
    pub const PAIRING_FAILED: u8 = 0x05;
    pub const ENCRYPTION_INFORMATION: u8 = 0x06;
    pub const IDENTITY_INFORMATION: u8 = 0x08;
    pub const SECURITY_REQUEST: u8 = 0x0B;
    pub const PAIRING_PUBLIC_KEY: u8 = 0x0C;
    pub const PAIRING_DHKEY_CHECK: u8 = 0x0D;
    pub const KEYPRESS_NOTIFICATION: u8 = 0x0E;
}

/// Octets of a command (3.5 and 3.6); None: a code that is not in use.
fn length(code: u8) -> Option<usize> {
    Some(match code {
        0x05 | 0x0B | 0x0E => 2,
        0x01 | 0x02 => 7,
        0x09 => 8,
        0x07 => 11,
        0x03 | 0x04 | 0x06 | 0x08 | 0x0A | 0x0D => 17,
        code::PAIRING_PUBLIC_KEY => 65,
        _ => return None,
    })
}

/// Bits of AuthReq (3.5.1).
const MITM: u8 = 0x04;
const SECURE_CONNECTIONS: u8 = 0x08;
/// IO capabilities (3.5.1).
const DISPLAY_YES_NO: u8 = 1;
const NO_INPUT_NO_OUTPUT: u8 = 3;

/// The guard of one link.
#[derive(Debug, Default)]
pub struct Guard {
    /// What a pairing has to come to, while one is wanted; without, nothing passes.
    wanted: Option<Requirements>,
    /// Why the pairing was ended here, if it was.
    refused: Option<PairingFailure>,
    /// Parameters of our Pairing Request, until it is answered.
    request: Option<[u8; 6]>,
    /// What we sent last that must not come back, by its code: the beginning of a public key's X, a
    /// confirm value.
    sent: Option<(u8, [u8; 16])>,
    agreed: Agreed,
    irk: Option<Key>,
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

/// What the two sides have agreed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Agreed {
    /// By LE Secure Connections.
    pub secure_connections: bool,
    /// Octets of the key that count.
    pub key_size: u8,
    /// The peer says that it has our out of band data.
    pub peer_has_ours: bool,
    /// The peer gave a key of legacy pairing that is to be kept.
    pub key_came: bool,
}

impl Guard {
    /// A link that nobody pairs on.
    pub const CLOSED: Self = Self {
        wanted: None,
        refused: None,
        request: None,
        sent: None,
        agreed: Agreed {
            secure_connections: false,
            key_size: 0,
            peer_has_ours: false,
            key_came: false,
        },
        irk: None,
        asked: false,
        progress: 0,
        peer_failed: None,
        sealed: false,
        spent: false,
    };

    /// Lets a pairing pass that comes to no less than this; false: there can be none on this link any
    /// more.
    pub fn open(&mut self, wanted: Requirements) -> bool {
        if !self.spent {
            *self = Self {
                wanted: Some(wanted),
                ..Self::CLOSED
            };
        }
        !self.spent
    }

    /// Lets nothing pass on this link ever after: a pairing was not answered in time (Core Vol 3
    /// Part H, 3.4).
    pub fn spend(&mut self) {
        self.close();
        self.spent = true;
    }

    /// Lets nothing pass any more.
    pub fn close(&mut self) {
        self.wanted = None;
        self.sent = None;
        self.irk = None;
    }

    /// Whether a pairing may pass.
    pub fn is_open(&self) -> bool {
        self.wanted.is_some()
    }

    /// Ends the pairing here. The frame is for trouble-host, in the peer's place, which then tells
    /// the peer.
    pub fn give_up(&mut self, why: PairingFailure) -> [u8; FAILED] {
        self.close();
        self.refused = Some(why);
        failed(why)
    }

    /// Why the pairing was ended here, if it was.
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

    /// How many commands we have sent. Each gives the pairing another 30 s (3.4); what the peer
    /// sends does not, or it could keep a pairing from ever ending.
    pub fn progress(&self) -> u32 {
        self.progress
    }

    /// What the two sides have agreed on.
    pub fn agreed(&self) -> Agreed {
        self.agreed
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
        self.progress = self.progress.wrapping_add(1);
        match frame.get(4..) {
            Some(&[code::PAIRING_REQUEST, a, b, c, d, e, f, ..]) => {
                self.request = Some([a, b, c, d, e, f]);
            }
            Some(
                [
                    code @ (code::PAIRING_CONFIRM | code::PAIRING_PUBLIC_KEY),
                    value @ ..,
                ],
            ) => {
                self.sent = value.first_chunk().map(|value| (*code, *value));
            }
            _ => {}
        }
    }

    /// Judges the first fragment of a frame from the peer: L2CAP header first. A key in it is taken
    /// out.
    pub fn inbound(&mut self, frame: &mut [u8]) -> Verdict {
        let Some((&mut [l0, l1, _, _], pdu)) = frame.split_first_chunk_mut() else {
            return Verdict::Drop;
        };
        let len = usize::from(u16::from_le_bytes([l0, l1]));
        let Some(&code) = pdu.first() else {
            return Verdict::Drop;
        };
        if code == code::SECURITY_REQUEST {
            self.asked = true;
            return Verdict::Drop;
        }
        let Some(wanted) = self.wanted.filter(|_| !self.sealed) else {
            return Verdict::Drop;
        };
        let right = match length(code) {
            // Only a public key is longer than the smallest data packet, and comes in parts.
            Some(right) => right == len && (pdu.len() == len || code == code::PAIRING_PUBLIC_KEY),
            // To be ignored (3.3).
            None => return Verdict::Drop,
        };
        match *pdu {
            // Nobody has asked for an answer, or there is one already.
            [code::PAIRING_RESPONSE, ..] if self.request.is_none() => return Verdict::Drop,
            // Of no use here, and trouble-host would give the pairing more time for each.
            [code::PAIRING_REQUEST | code::KEYPRESS_NOTIFICATION, ..] => return Verdict::Drop,
            [code::PAIRING_FAILED, why] => {
                self.peer_failed = Some(PairingFailure(why));
                self.wanted = None;
                return Verdict::Pass;
            }
            _ => {}
        }
        // Of what has another length, trouble-host would tell the peer alone.
        let wrong = (!right).then_some(PairingFailure::INVALID_PARAMETERS);
        if let Some(why) = wrong.or_else(|| self.objection(pdu, &wanted)) {
            self.close();
            self.refused = Some(why);
            return Verdict::Refuse(failed(why));
        }
        self.sealed = code == code::PAIRING_DHKEY_CHECK
            || code == code::PAIRING_RANDOM && !self.agreed.secure_connections;
        match pdu {
            [code::ENCRYPTION_INFORMATION, ..] => self.agreed.key_came = true,
            [code::IDENTITY_INFORMATION, irk @ ..] => {
                // Ours to keep: trouble-host would log it, and program it into the controller.
                self.irk = irk
                    .first_chunk()
                    .map(|k| Key::new(*k))
                    .filter(|k| !k.is_zero());
                irk.fill(0);
            }
            _ => {}
        }
        Verdict::Pass
    }

    /// Why a command of the peer must not pass.
    fn objection(&mut self, pdu: &[u8], wanted: &Requirements) -> Option<PairingFailure> {
        match *pdu {
            [code::PAIRING_RESPONSE, io, oob, auth, key_size, _, _] => {
                let ours = self.request.take()?;
                let secure = ours[2] & auth & SECURE_CONNECTIONS != 0 && key_size == 16;
                self.agreed = Agreed {
                    secure_connections: secure,
                    key_size: key_size.min(ours[3]),
                    peer_has_ours: oob == 1,
                    key_came: false,
                };
                if !(7..=16).contains(&key_size) {
                    return Some(PairingFailure::INVALID_PARAMETERS);
                }
                if self.agreed.key_size < wanted.min_key_size {
                    return Some(PairingFailure::ENCRYPTION_KEY_SIZE);
                }
                let refused = wanted.secure_connections && !secure
                    || wanted.authenticated && !authenticates(secure, &ours, io, oob, auth);
                refused.then_some(PairingFailure::AUTHENTICATION_REQUIREMENTS)
            }
            // trouble-host ends the connection for what comes out of turn.
            _ if self.request.is_some() => Some(PairingFailure::UNSPECIFIED),
            // A peer that does not know the passkey can send back what we sent.
            [code::PAIRING_CONFIRM, ref value @ ..] => (value.first_chunk().copied()
                == self.sent(code::PAIRING_CONFIRM))
            .then_some(PairingFailure::CONFIRM_VALUE_FAILED),
            // It can do so with our public key, too, with either sign; then it learns the passkey
            // from confirm values (CVE-2020-26558, and 2.3.5.6.1). What comes in too small a part to
            // tell is refused.
            [code::PAIRING_PUBLIC_KEY, ref x @ ..] => match x.first_chunk() {
                Some(x) if Some(*x) != self.sent(code::PAIRING_PUBLIC_KEY) => None,
                _ => Some(PairingFailure::INVALID_PARAMETERS),
            },
            _ => None,
        }
    }

    /// What we sent last, if it was this command.
    fn sent(&self, code: u8) -> Option<[u8; 16]> {
        self.sent
            .filter(|(c, _)| *c == code)
            .map(|(_, value)| value)
    }
}

/// A Pairing Failed, L2CAP header first.
pub(crate) fn failed(why: PairingFailure) -> [u8; FAILED] {
    [2, 0, CID_SMP as u8, 0, code::PAIRING_FAILED, why.0]
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
    use super::super::PREFIX;
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

    /// A pairing that the peer has agreed to.
    fn begun() -> Guard {
        let mut guard = pairing(Requirements::default());
        assert!(answered(&mut guard, &[0x02, 4, 0, 0x0D, 16, 3, 3]).is_some());
        guard
    }

    fn answered(guard: &mut Guard, pdu: &[u8]) -> Option<Vec<u8>> {
        let mut frame = frame(pdu);
        match guard.inbound(&mut frame) {
            Verdict::Pass => Some(frame[4..].to_vec()),
            Verdict::Refuse(failed) => Some(failed[4..].to_vec()),
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
        assert_eq!(guard.agreed().key_size, 7);

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
        assert!(!guard.agreed().secure_connections);
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
        let mut guard = begun();
        let mut confirm = std::vec![0x03];
        confirm.extend([7; 16]);
        guard.outbound(&frame(&confirm));
        assert_eq!(answered(&mut guard, &confirm), Some(std::vec![0x05, 0x04]));
        let mut guard = begun();
        assert_eq!(answered(&mut guard, &confirm), Some(confirm));
    }

    #[test]
    fn the_identity_key_stays_here() {
        let mut guard = begun();
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
        let refused = Verdict::Refuse(failed(PairingFailure::INVALID_PARAMETERS));
        assert_eq!(guard.inbound(&mut first), refused);
        let mut guard = begun();
        let mut key = std::vec![65, 0, 6, 0, 0x0C, 1, 2, 3];
        assert_eq!(
            guard.inbound(&mut key),
            Verdict::Refuse(failed(PairingFailure::INVALID_PARAMETERS))
        );
    }

    #[test]
    fn nothing_passes_of_a_pairing_that_was_given_up() {
        let mut guard = pairing(Requirements::default());
        let frame = guard.give_up(PairingFailure::UNSPECIFIED);
        assert_eq!(frame, [2, 0, 6, 0, 0x05, 0x08]);
        let random = [[0x04; 1].as_slice(), &[0; 16]].concat();
        assert_eq!(answered(&mut guard, &random), None);
    }

    #[test]
    fn nothing_comes_before_the_answer() {
        for code in [0x03, 0x04, 0x06, 0x08, 0x0D] {
            let mut guard = pairing(Requirements::default());
            let command = [[code; 1].as_slice(), &[1; 16]].concat();
            assert_eq!(answered(&mut guard, &command), Some(std::vec![0x05, 0x08]));
        }
    }

    #[test]
    fn what_has_another_length_is_refused_and_what_is_not_known_ignored() {
        for command in [
            &[0x03; 16][..],
            &[0x03; 18],
            &[0x0D; 2],
            &[0x05],
            &[0x0C; 65][..64],
        ] {
            assert_eq!(
                answered(&mut begun(), command),
                Some(std::vec![0x05, 0x0A]),
                "{command:?}"
            );
        }
        for code in [0x00, 0x0F, 0xFF] {
            assert_eq!(answered(&mut begun(), &[code, 0]), None);
        }
    }

    #[test]
    fn an_answer_to_nothing_does_not_pass() {
        let response = [0x02, 3, 0, 0x01, 7, 0, 0];
        let mut guard = Guard::CLOSED;
        guard.open(Requirements::default());
        assert_eq!(answered(&mut guard, &response), None);
        // Nor does a second one, which trouble-host would begin anew with.
        let mut guard = pairing(Requirements::default());
        let first = [0x02, 3, 0, 0x09, 16, 0, 0];
        assert_eq!(answered(&mut guard, &first), Some(first.to_vec()));
        assert_eq!(answered(&mut guard, &first), None);
        assert!(guard.agreed().secure_connections);
    }

    #[test]
    fn a_reflected_public_key_is_refused() {
        let mut ours = std::vec![0x0C];
        ours.extend([7; 64]);
        let mut guard = begun();
        guard.outbound(&frame(&ours)[..PREFIX]);
        // The same X and another Y.
        ours[64] = 1;
        assert_eq!(answered(&mut guard, &ours), Some(std::vec![0x05, 0x0A]));
        let mut guard = begun();
        guard.outbound(&frame(&ours)[..PREFIX]);
        ours[1] = 1;
        assert_eq!(answered(&mut guard, &ours), Some(ours));
    }

    #[test]
    fn a_peer_can_not_keep_a_pairing_going() {
        let mut guard = pairing(Requirements::default());
        let before = guard.progress();
        for keypress in 0..4 {
            assert_eq!(answered(&mut guard, &[0x0E, keypress]), None);
            assert_eq!(answered(&mut guard, &[0x0B, 0x01]), None);
        }
        assert_eq!(guard.progress(), before);
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
