//! Association models (Core Vol 3 Part H, 2.3.5.1).

use super::command::{Features, auth};

/// How the two sides authenticate each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// Not at all.
    JustWorks,
    /// Numeric comparison: both show a number, and their users say whether the numbers match.
    Compare,
    /// Passkey entry: we show a passkey, and the user enters it on the peer.
    Display,
    /// Passkey entry: the peer shows a passkey, or the user knows it and enters it on both, and we take it.
    Enter,
    /// Out-of-band data.
    OutOfBand,
}

/// IO capabilities (3.5.1).
const DISPLAY_ONLY: u8 = 0;
const DISPLAY_YES_NO: u8 = 1;
const KEYBOARD_ONLY: u8 = 2;
const KEYBOARD_DISPLAY: u8 = 4;

impl Method {
    /// The method for these two feature sets (tables 2.6 to 2.8). An unknown IO capability counts as none.
    pub fn of(secure: bool, ours: &Features, peers: &Features) -> Self {
        let out_of_band = match secure {
            true => ours.oob == 1 || peers.oob == 1,
            false => ours.oob == 1 && peers.oob == 1,
        };
        if out_of_band {
            return Self::OutOfBand;
        }
        if !ours.has(auth::MITM) && !peers.has(auth::MITM) {
            return Self::JustWorks;
        }
        let compares = |io| matches!(io, DISPLAY_YES_NO | KEYBOARD_DISPLAY);
        let shows = |io| matches!(io, DISPLAY_ONLY | DISPLAY_YES_NO | KEYBOARD_DISPLAY);
        let enters = |io| matches!(io, KEYBOARD_ONLY | KEYBOARD_DISPLAY);
        match (ours.io, peers.io) {
            (a, b) if secure && compares(a) && compares(b) => Self::Compare,
            (a, b) if shows(a) && enters(b) => Self::Display,
            (a, b) if enters(a) && (shows(b) || enters(b)) => Self::Enter,
            _ => Self::JustWorks,
        }
    }

    /// Whether it authenticates the peer. Passkey entry of legacy pairing does not, since version
    /// 6.2 of the Core Specification: a man in the middle can find the passkey from the first
    /// confirm value, in time to answer it.
    pub fn authenticates(self, secure: bool) -> bool {
        match self {
            Self::JustWorks => false,
            Self::Display | Self::Enter => secure,
            Self::Compare | Self::OutOfBand => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(io: u8) -> Features {
        Features {
            io,
            auth: auth::MITM,
            ..Features::NONE
        }
    }

    /// Table 2.8, row by row of the responder: J, P (the initiator displays), E (it enters), C.
    fn table(secure: bool) -> [&'static str; 5] {
        match secure {
            false => ["JJEJE", "JJEJE", "PPEJP", "JJJJJ", "PPEJP"],
            true => ["JJEJE", "JCEJC", "PPEJP", "JJJJJ", "PCEJC"],
        }
    }

    #[test]
    fn capabilities_come_to_what_the_table_says() {
        for secure in [false, true] {
            for (peer, row) in (0..).zip(table(secure)) {
                for (our, cell) in (0..).zip(row.chars()) {
                    let expected = match cell {
                        'J' => Method::JustWorks,
                        'P' => Method::Display,
                        'E' => Method::Enter,
                        _ => Method::Compare,
                    };
                    let method = Method::of(secure, &with(our), &with(peer));
                    assert_eq!(method, expected, "{secure} {our} {peer}");
                }
            }
        }
    }

    #[test]
    fn a_passkey_of_legacy_pairing_makes_sure_of_nobody() {
        for (method, secure, legacy) in [
            (Method::JustWorks, false, false),
            (Method::Display, true, false),
            (Method::Enter, true, false),
            (Method::OutOfBand, true, true),
        ] {
            assert_eq!(method.authenticates(true), secure, "{method:?}");
            assert_eq!(method.authenticates(false), legacy, "{method:?}");
        }
    }

    #[test]
    fn without_a_wish_for_it_nobody_makes_sure() {
        let nobody = Features { auth: 0, ..with(4) };
        assert_eq!(Method::of(true, &nobody, &nobody), Method::JustWorks);
        assert_eq!(Method::of(true, &nobody, &with(4)), Method::Compare);
        assert_eq!(Method::of(true, &with(4), &with(9)), Method::JustWorks);
    }

    #[test]
    fn legacy_pairing_needs_the_data_of_both_sides() {
        let has = Features { oob: 1, ..with(3) };
        for (secure, ours, peers, out_of_band) in [
            (true, has, with(3), true),
            (true, with(3), has, true),
            (false, has, has, true),
            (false, has, with(3), false),
            (false, with(3), has, false),
        ] {
            let method = Method::of(secure, &ours, &peers);
            assert_eq!(method == Method::OutOfBand, out_of_band);
        }
    }
}
