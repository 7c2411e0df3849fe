//! One pairing from the initiator's side (Core Vol 3 Part H, 2.3 and 2.4): fed the peer's commands,
//! and asked what to do next.

mod secrets;
mod values;

use heapless::Deque;
use zeroize::Zeroizing;

use super::command::{Features, Frame, auth, code, keys, length};
use super::keys::{PeerKeys, shorten};
use super::method::Method;
use super::toolbox::{
    self, Block, Coordinate, Generator, KeyPair, address, f4, f5, f6, g2, oob_confirm,
};
use super::{Answer, Encryption, Next, Outcome, Parties, Question};
use crate::security::{
    IoCapabilities, OutOfBand, PairingFailure, Passkey, Requirements, SecurityError,
};
use secrets::Secrets;

/// Rounds of passkey entry, one for each bit (2.3.5.6.3).
const ROUNDS: u8 = 20;
/// Allowed key sizes (2.3.4).
const KEY_SIZES: core::ops::RangeInclusive<u8> = 7..=16;

/// What the pairing is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Response,
    Person,
    PublicKey,
    Confirm,
    Random,
    Check,
    Encryption,
    Keys,
    Nothing,
}

/// What is still to be done, in order.
#[derive(Debug, Clone, Copy)]
enum Todo {
    Request,
    PublicKey,
    Confirm,
    Random,
    Check,
    Encrypt,
    Identity,
    IdentityAddress,
    Ask(Question),
}

/// A pairing.
pub(crate) struct Initiator {
    random: Generator,
    wanted: Requirements,
    parties: Parties,
    request: Features,
    response: Features,
    phase: Phase,
    todo: Deque<Todo, 4>,
    method: Method,
    secure: bool,
    /// Whether the peer uses the debug key pair, so that any eavesdropper has the key.
    is_known_to_all: bool,
    round: u8,
    pair: Option<KeyPair>,
    /// X of the peer's public key.
    peer_x: Coordinate,
    /// The peer's confirm value that came out of band.
    promised: Option<Block>,
    /// Our random value and confirm value of this round, then the peer's.
    nonce: Block,
    confirm: Option<Block>,
    peer_confirm: Block,
    peer_nonce: Block,
    secrets: Secrets,
    given: PeerKeys,
}

impl Initiator {
    pub(crate) fn new(
        random: Generator,
        wanted: Requirements,
        parties: Parties,
        capabilities: IoCapabilities,
        has_out_of_band: bool,
    ) -> Self {
        let blind = capabilities == IoCapabilities::NoInputNoOutput;
        let mut auth = auth::SECURE_CONNECTIONS;
        if wanted.authenticated || wanted.not_just_works || !blind {
            auth |= auth::MITM;
        }
        let (mut initiator_keys, mut responder_keys) = (0, 0);
        if wanted.bond {
            auth |= auth::BONDING;
            responder_keys = keys::ENCRYPTION | keys::IDENTITY;
            if parties.identity.is_some() {
                initiator_keys = keys::IDENTITY;
            }
        }
        let mut todo = Deque::new();
        let _ = todo.push_back(Todo::Request);
        Self {
            random,
            wanted,
            parties,
            request: Features {
                io: capabilities as u8,
                oob: u8::from(has_out_of_band),
                auth,
                max_key_size: *KEY_SIZES.end(),
                initiator_keys,
                responder_keys,
            },
            response: Features::NONE,
            phase: Phase::Response,
            todo,
            method: Method::JustWorks,
            secure: false,
            is_known_to_all: false,
            round: 0,
            pair: None,
            peer_x: [0; 32],
            promised: None,
            nonce: [0; 16],
            confirm: None,
            peer_confirm: [0; 16],
            peer_nonce: [0; 16],
            secrets: Secrets::default(),
            given: PeerKeys::NONE,
        }
    }

    /// What to do next.
    pub(crate) fn next(&mut self) -> Next {
        let Some(todo) = self.todo.pop_front() else {
            return match self.phase {
                Phase::Nothing => Next::Complete,
                _ => Next::Wait,
            };
        };
        Next::Send(match todo {
            Todo::Ask(question) => return Next::Ask(question),
            Todo::Encrypt => {
                return Next::Encrypt(Encryption::unnamed(&self.secrets.key));
            }
            Todo::Request => Frame::of(&self.request.command(code::PAIRING_REQUEST)),
            Todo::PublicKey => {
                let public = self.pair.as_ref().map_or(&[0; 64], KeyPair::public);
                Frame::new(code::PAIRING_PUBLIC_KEY, public)
            }
            Todo::Confirm => {
                let confirm = self.own_confirm();
                self.confirm = Some(confirm);
                Frame::new(code::PAIRING_CONFIRM, &confirm)
            }
            Todo::Random => Frame::new(code::PAIRING_RANDOM, &self.nonce),
            Todo::Check => Frame::new(code::PAIRING_DHKEY_CHECK, &self.own_check()),
            Todo::Identity => {
                let irk = self.parties.identity.as_ref().map(|(irk, _)| irk.reveal());
                Frame::new(code::IDENTITY_INFORMATION, irk.unwrap_or(&[0; 16]))
            }
            Todo::IdentityAddress => {
                let identity = self.parties.identity.as_ref().map(|(_, address)| *address);
                let [a, b, c, d, e, f, kind] = address(identity.unwrap_or(self.parties.ours));
                Frame::new(
                    code::IDENTITY_ADDRESS_INFORMATION,
                    &[kind, a, b, c, d, e, f],
                )
            }
        })
    }

    /// Takes a command from the peer.
    ///
    /// # Errors
    /// How the pairing ends. On [`SecurityError::RejectedByUs`], the peer must be told why.
    pub(crate) fn received(&mut self, pdu: &[u8]) -> Result<(), SecurityError> {
        let Some((&code, value)) = pdu.split_first() else {
            return refuse(PairingFailure::INVALID_PARAMETERS);
        };
        if length(code) != Some(pdu.len()) {
            return refuse(PairingFailure::INVALID_PARAMETERS);
        }
        let block = || value.first_chunk::<16>().copied().unwrap_or_default();
        match (self.phase, code) {
            (_, code::PAIRING_FAILED) => {
                let why = value.first().copied().unwrap_or_default();
                Err(SecurityError::RejectedByPeer(PairingFailure(why)))
            }
            (Phase::Response, code::PAIRING_RESPONSE) => self.agree(value),
            (Phase::PublicKey, code::PAIRING_PUBLIC_KEY) => self.exchange(value),
            (Phase::Confirm, code::PAIRING_CONFIRM) => self.confirmed(block()),
            (Phase::Random, code::PAIRING_RANDOM) => self.disclosed(block()),
            (Phase::Check, code::PAIRING_DHKEY_CHECK) => self.checked(&block()),
            // A second response changes nothing.
            (_, code::PAIRING_RESPONSE) => Ok(()),
            (Phase::Keys, _) => {
                let size = self.key_size();
                self.given.take(code, value, size)?;
                self.go_on_with_keys();
                Ok(())
            }
            _ => refuse(PairingFailure::UNSPECIFIED),
        }
    }

    /// Takes the user's answer.
    pub(crate) fn answered(&mut self, answer: Answer) -> Result<(), SecurityError> {
        if self.phase != Phase::Person {
            return Ok(());
        }
        match answer {
            Answer::Same(true) => {
                self.begin_checks();
                Ok(())
            }
            Answer::Same(false) => refuse(PairingFailure::NUMERIC_COMPARISON_FAILED),
            Answer::Passkey(Some(passkey)) => {
                self.set_passkey(passkey);
                self.begin_round();
                Ok(())
            }
            Answer::Passkey(None) => refuse(PairingFailure::PASSKEY_ENTRY_FAILED),
            Answer::OutOfBand(Some(data), pair) => self.came_out_of_band(data, pair),
            Answer::OutOfBand(None, _) => refuse(PairingFailure::OOB_NOT_AVAILABLE),
        }
    }

    /// The link is encrypted.
    pub(crate) fn encrypted(&mut self) {
        if self.phase == Phase::Encryption {
            self.phase = Phase::Keys;
            self.go_on_with_keys();
        }
    }

    /// The outcome so far.
    pub(crate) fn outcome(&self) -> Outcome {
        let key = match self.secure {
            true => Some(Encryption::unnamed(&self.secrets.key)),
            false => self.given.encryption(),
        };
        let secure = self.secure && !self.is_known_to_all;
        Outcome {
            authenticated: self.method.authenticates(secure) && !self.is_known_to_all,
            secure_connections: secure,
            key_size: self.key_size(),
            key: key.filter(|_| self.bonds()),
            irk: self.given.irk(),
            identity: self.given.identity,
        }
    }

    fn key_size(&self) -> u8 {
        self.request.max_key_size.min(self.response.max_key_size)
    }

    /// Whether both sides keep the key. A key that anybody knows is not kept; nor is one that the peer could
    /// not find again because it does not take our IRK, which resolves our private address.
    fn bonds(&self) -> bool {
        let finds_us = self.parties.identity.is_none() || self.gives() & keys::IDENTITY != 0;
        self.request.has(auth::BONDING)
            && self.response.has(auth::BONDING)
            && finds_us
            && !self.is_known_to_all
    }

    /// The keys that we distribute.
    fn gives(&self) -> u8 {
        self.request.initiator_keys & self.response.initiator_keys
    }

    fn then(&mut self, todo: Todo) {
        // Never more than three at a time.
        let _ = self.todo.push_back(todo);
    }

    /// Asks something without which the pairing cannot continue.
    fn ask(&mut self, question: Question) {
        self.then(Todo::Ask(question));
        self.phase = Phase::Person;
    }

    /// Takes the peer's Pairing Response.
    fn agree(&mut self, fields: &[u8]) -> Result<(), SecurityError> {
        let Some(response) = Features::parse(fields) else {
            return refuse(PairingFailure::INVALID_PARAMETERS);
        };
        self.response = response;
        self.secure = response.has(auth::SECURE_CONNECTIONS);
        self.method = Method::of(self.secure, &self.request, &response);
        if !KEY_SIZES.contains(&response.max_key_size) {
            return refuse(PairingFailure::INVALID_PARAMETERS);
        }
        if self.key_size() < self.wanted.min_key_size {
            return refuse(PairingFailure::ENCRYPTION_KEY_SIZE);
        }
        let legacy_is_out = self.wanted.secure_connections || !cfg!(feature = "legacy-pairing");
        if !self.secure && legacy_is_out
            || self.wanted.authenticated && !self.method.authenticates(self.secure)
            || self.wanted.not_just_works && self.method == Method::JustWorks
        {
            return refuse(PairingFailure::AUTHENTICATION_REQUIREMENTS);
        }
        let agreed = self.request.responder_keys & response.responder_keys;
        self.given.wait_for(agreed, self.secure);
        match (self.method, self.secure) {
            (Method::OutOfBand, _) => self.ask(Question::OutOfBand),
            (_, true) => self.send_public_key(),
            (_, false) => return self.associate(),
        }
        Ok(())
    }

    /// Takes the out-of-band data.
    fn came_out_of_band(
        &mut self,
        data: OutOfBand,
        pair: Option<KeyPair>,
    ) -> Result<(), SecurityError> {
        match data {
            OutOfBand::Legacy(key) if !self.secure => {
                self.secrets.ours = *key.reveal();
                self.begin_round();
                Ok(())
            }
            OutOfBand::SecureConnections { peer, local } if self.secure => {
                // Data that one side declared not to have is ignored.
                let local = local.filter(|_| self.response.oob == 1);
                let peer = peer.filter(|_| self.request.oob == 1);
                if peer.is_none() && local.is_none() || local.is_some() && pair.is_none() {
                    return refuse(PairingFailure::OOB_NOT_AVAILABLE);
                }
                if let Some(local) = local {
                    self.secrets.ours = *local.random.reveal();
                    self.pair = pair;
                }
                if let Some(peer) = peer {
                    self.secrets.peers = *peer.random.reveal();
                    self.promised = Some(*peer.confirm.reveal());
                }
                self.send_public_key();
                Ok(())
            }
            _ => refuse(PairingFailure::OOB_NOT_AVAILABLE),
        }
    }

    fn send_public_key(&mut self) {
        if self.pair.is_none() {
            self.pair = Some(KeyPair::generate(&mut self.random));
        }
        self.then(Todo::PublicKey);
        self.phase = Phase::PublicKey;
    }

    /// Takes the peer's public key.
    fn exchange(&mut self, public: &[u8]) -> Result<(), SecurityError> {
        let (Some(pair), Some(public)) = (&self.pair, public.first_chunk::<64>()) else {
            return refuse(PairingFailure::INVALID_PARAMETERS);
        };
        self.peer_x = toolbox::x_of(public);
        // A peer that sends our own key back, with either sign of Y, could learn the passkey from
        // confirm values (CVE-2020-26558, and 2.3.5.6.1).
        if self.peer_x == pair.x() {
            return refuse(PairingFailure::INVALID_PARAMETERS);
        }
        let Some(shared) = pair.shared(public) else {
            return refuse(PairingFailure::DHKEY_CHECK_FAILED);
        };
        self.is_known_to_all = self.peer_x == toolbox::DEBUG_X;
        if self.is_known_to_all && (self.wanted.authenticated || self.wanted.secure_connections) {
            return refuse(PairingFailure::AUTHENTICATION_REQUIREMENTS);
        }
        self.secrets.shared = *shared;
        self.associate()
    }

    /// Starts the authentication.
    fn associate(&mut self) -> Result<(), SecurityError> {
        match self.method {
            // The peer commits to its random value first.
            Method::JustWorks | Method::Compare if self.secure => {
                self.draw();
                self.phase = Phase::Confirm;
            }
            Method::JustWorks | Method::Compare => self.begin_round(),
            Method::Display => {
                let passkey = self.random_passkey();
                self.then(Todo::Ask(Question::Display(passkey)));
                self.set_passkey(passkey);
                self.begin_round();
            }
            Method::Enter => self.ask(Question::Enter),
            Method::OutOfBand => {
                let told = oob_confirm(&self.peer_x, &self.secrets.peers);
                if self.promised.is_some_and(|promised| promised != told) {
                    return refuse(PairingFailure::CONFIRM_VALUE_FAILED);
                }
                self.draw();
                self.then(Todo::Random);
                self.phase = Phase::Random;
            }
        }
        Ok(())
    }

    /// A random passkey, uniform to within one part in 10^13.
    fn random_passkey(&mut self) -> Passkey {
        let [a, b, c, d, e, f, g, h, ..] = *self.random.block();
        let number = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        Passkey::of((number % 1_000_000) as u32)
    }

    fn set_passkey(&mut self, passkey: Passkey) {
        let [a, b, c, d] = passkey.number().to_le_bytes();
        self.secrets.ours = [0; 16];
        for (to, from) in self.secrets.ours.iter_mut().zip([a, b, c, d]) {
            *to = from;
        }
        self.secrets.peers = self.secrets.ours;
    }

    /// Draws a new random value of ours.
    fn draw(&mut self) {
        self.nonce = *self.random.block();
    }

    /// Commits to a random value, and waits for the peer to do so.
    fn begin_round(&mut self) {
        self.draw();
        self.then(Todo::Confirm);
        self.phase = Phase::Confirm;
    }

    /// Takes the peer's confirm value.
    fn confirmed(&mut self, confirm: Block) -> Result<(), SecurityError> {
        // A peer that does not know the passkey could send ours back.
        if self.confirm == Some(confirm) {
            return refuse(PairingFailure::CONFIRM_VALUE_FAILED);
        }
        self.peer_confirm = confirm;
        self.then(Todo::Random);
        self.phase = Phase::Random;
        Ok(())
    }

    /// Takes the random value that the peer committed to.
    fn disclosed(&mut self, nonce: Block) -> Result<(), SecurityError> {
        self.peer_nonce = nonce;
        if self.method != Method::OutOfBand || !self.secure {
            let is_passkey = matches!(self.method, Method::Display | Method::Enter);
            let expected = match self.secure {
                true => {
                    let z = if is_passkey { self.bit() } else { 0 };
                    f4(&self.peer_x, &self.own_x(), &nonce, z)
                }
                false => self.legacy_confirm(&nonce),
            };
            if expected != self.peer_confirm {
                return refuse(PairingFailure::CONFIRM_VALUE_FAILED);
            }
            if is_passkey && self.secure {
                self.round += 1;
                if self.round < ROUNDS {
                    self.begin_round();
                    return Ok(());
                }
            }
        }
        if !self.secure {
            self.encrypt_for_now();
        } else if self.method == Method::Compare {
            let number = g2(&self.own_x(), &self.peer_x, &self.nonce, &nonce);
            self.ask(Question::Compare(Passkey::of(number)));
        } else {
            self.begin_checks();
        }
        Ok(())
    }

    /// Legacy pairing: encrypts with the short term key.
    fn encrypt_for_now(&mut self) {
        #[cfg(feature = "legacy-pairing")]
        {
            let Secrets { ours, key, .. } = &mut self.secrets;
            *key = toolbox::s1(ours, &self.peer_nonce, &self.nonce);
        }
        self.encrypt();
    }

    /// Encrypts with the current key, shortened to the agreed size (2.4.2.1).
    fn encrypt(&mut self) {
        let size = self.key_size();
        shorten(&mut self.secrets.key, size);
        self.then(Todo::Encrypt);
        self.phase = Phase::Encryption;
    }

    /// Derives the keys, and proves that we have them.
    fn begin_checks(&mut self) {
        let (ours, peers) = self.addresses();
        let shared = Zeroizing::new(self.secrets.shared);
        (self.secrets.check, self.secrets.key) =
            f5(&shared, &self.nonce, &self.peer_nonce, &ours, &peers);
        self.then(Todo::Check);
        self.phase = Phase::Check;
    }

    /// Takes the peer's proof that it has the keys.
    fn checked(&mut self, check: &Block) -> Result<(), SecurityError> {
        let (ours, peers) = self.addresses();
        let expected = f6(
            &self.secrets.check,
            &self.peer_nonce,
            &self.nonce,
            &self.secrets.ours,
            &self.response.capabilities(),
            &peers,
            &ours,
        );
        if *check != expected {
            return refuse(PairingFailure::DHKEY_CHECK_FAILED);
        }
        self.encrypt();
        Ok(())
    }

    /// Distributes our keys once the peer has distributed its own.
    fn go_on_with_keys(&mut self) {
        if !self.given.are_complete() {
            return;
        }
        if self.gives() & keys::IDENTITY != 0 {
            self.then(Todo::Identity);
            self.then(Todo::IdentityAddress);
        }
        self.phase = Phase::Nothing;
    }
}

pub(super) fn refuse<X>(why: PairingFailure) -> Result<X, SecurityError> {
    Err(SecurityError::RejectedByUs(why))
}

#[cfg(test)]
mod tests;
