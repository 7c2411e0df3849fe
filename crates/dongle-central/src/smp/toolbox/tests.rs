//! Checks the toolbox against the specification's sample data (Core Vol 3 Part H, appendix D; Vol 2 Part G,
//! 7.1.2.1), which puts the most significant octet first.

use std::string::String;
use std::vec::Vec;

use super::*;

/// Parses a number as the specification writes it.
fn number<const SIZE: usize>(text: &str) -> [u8; SIZE] {
    let digits: String = text.split_whitespace().collect();
    let octets: Vec<u8> = (0..SIZE)
        .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
        .rev()
        .collect();
    assert_eq!(digits.len(), 2 * SIZE);
    octets.try_into().unwrap()
}

const SECRET_A: &str = "3f49f6d4 a3c55f38 74c9b3e3 d2103f50 4aff607b eb40b799 5899b8a6 cd3c1abd";
const SECRET_B: &str = "55188b3d 32f6bb9a 900afcfb eed4e72a 59cb9ac2 f19d7cfb 6b4fdd49 f47fc5fd";
const X_A: &str = "20b003d2 f297be2c 5e2c83a7 e9f9a5b9 eff49111 acf4fddb cc030148 0e359de6";
const Y_A: &str = "dc809c49 652aeb6d 63329abf 5a52155c 766345c2 8fed3024 741c8ed0 1589d28b";
const X_B: &str = "1ea1f0f0 1faf1d96 09592284 f19e4c00 47b58afd 8615a69f 559077b2 2faaa190";
const SHARED: &str = "ec0234a3 57c8ad05 341010a6 0a397d9b 99796b13 b4f866f1 868d34f3 73bfa698";
const N1: &str = "d5cb8454 d177733e ffffb2ec 712baeab";
const N2: &str = "a6e8e7cc 25a75f6e 216583f7 ff3dc4cf";
const A1: &str = "00561237 37bfce";
const A2: &str = "00a71370 2dcfc1";

fn pair(secret: &str) -> KeyPair {
    let mut octets: [u8; 32] = number(secret);
    octets.reverse();
    KeyPair::of(SecretKey::from_slice(&octets).unwrap())
}

#[test]
fn two_key_pairs_come_to_one_key() {
    let (a, b) = (pair(SECRET_A), pair(SECRET_B));
    assert_eq!(a.x(), number(X_A));
    assert_eq!(a.public()[32..], number::<32>(Y_A));
    assert_eq!(b.x(), number(X_B));
    for (one, other) in [(&a, &b), (&b, &a)] {
        assert_eq!(*one.shared(other.public()).unwrap(), number(SHARED));
    }
}

#[test]
fn a_public_key_that_is_not_on_the_curve_comes_to_none() {
    let (a, b) = (pair(SECRET_A), pair(SECRET_B));
    let mut other = *b.public();
    other[32] ^= 1;
    assert!(a.shared(&other).is_none());
    assert!(a.shared(&[0; 64]).is_none());
    assert!(a.shared(&[0xFF; 64]).is_none());
}

#[test]
fn f4_is_as_the_specification_has_it() {
    // The sample's V is not the second key pair's public X, but its secret.
    let confirm = f4(&number(X_A), &number(SECRET_B), &number(N1), 0);
    assert_eq!(confirm, number("f2c916f1 07a9bd1c f1eda1be a974872d"));
}

#[test]
fn f5_is_as_the_specification_has_it() {
    let keys = f5(
        &number(SHARED),
        &number(N1),
        &number(N2),
        &number(A1),
        &number(A2),
    );
    assert_eq!(keys.0, number("2965f176 a1084a02 fd3f6a20 ce636e20"));
    assert_eq!(keys.1, number("69867911 69d7cd23 980522b5 94750a38"));
}

#[test]
fn f6_is_as_the_specification_has_it() {
    let check = f6(
        &number("2965f176 a1084a02 fd3f6a20 ce636e20"),
        &number(N1),
        &number(N2),
        &number("12a3343b b453bb54 08da42d2 0c2d0fc8"),
        &number("010102"),
        &number(A1),
        &number(A2),
    );
    assert_eq!(check, number("e3c47398 9cd0e8c5 d26c0b09 da958f61"));
}

#[test]
fn g2_is_as_the_specification_has_it() {
    let shown = g2(&number(X_A), &number(SECRET_B), &number(N1), &number(N2));
    assert_eq!(shown, 0x2F9E_D5BA);
}

#[cfg(feature = "legacy-pairing")]
#[test]
fn c1_is_as_the_specification_has_it() {
    let confirm = c1(
        &[0; 16],
        &number("5783D521 56AD6F0E 6388274E C6702EE0"),
        &number("07071000 000101"),
        &number("05000800 000302"),
        &number("01A1A2A3 A4A5A6"),
        &number("00B1B2B3 B4B5B6"),
    );
    assert_eq!(confirm, number("1e1e3fef 878988ea d2a74dc5 bef13b86"));
}

#[cfg(feature = "legacy-pairing")]
#[test]
fn s1_is_as_the_specification_has_it() {
    let key = s1(
        &[0; 16],
        &number("000F0E0D 0C0B0A09 11223344 55667788"),
        &number("01020304 05060708 99AABBCC DDEEFF00"),
    );
    assert_eq!(key, number("9a1fe1f0 e8b0f49b 5b4216ae 796da062"));
}

#[test]
fn each_seed_makes_other_octets_and_none_comes_twice() {
    let blocks = |seed: u8| {
        let mut random = Generator::new(Zeroizing::new([seed; 16]));
        core::array::from_fn::<Block, 50, _>(|_| *random.block())
    };
    let (one, two) = (blocks(1), blocks(2));
    let all: Vec<Block> = one.into_iter().chain(two).collect();
    for (at, block) in all.iter().enumerate() {
        assert!(!all[..at].contains(block), "{at}");
    }
    assert_eq!(one, blocks(1));
    let mut random = Generator::new(Zeroizing::new([3; 16]));
    let pairs = [(); 2].map(|()| KeyPair::generate(&mut random));
    assert_ne!(pairs[0].x(), pairs[1].x());
}
