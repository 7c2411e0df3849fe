//! Random input, the same on every run: no parser and no procedure panics, and every procedure
//! comes to an end, whatever the server says.

use dongle_central::adv::{AdElement, AdvertisingData};
use dongle_central::att::{AttributeHandle, HandleRange, Malformed, Mtu, Opcode, Pdu, Uuid};
use dongle_central::gatt::{
    DiscoverCharacteristics, DiscoverDescriptors, DiscoverIncluded, DiscoverServices,
    DiscoverServicesByUuid, Procedure, ProcedureError, QueuedWrite, ReadByUuid, ReadLong,
    ReadMultiple, ReadMultipleVariable, Write,
};

/// xorshift64*: enough to vary input.
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

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most + 1);
        (0..length)
            .map(|_| match self.below(4) {
                0 => 0,
                1 => self.below(8) as u8,
                2 => self.below(40) as u8,
                _ => self.next() as u8,
            })
            .collect()
    }
}

#[test]
fn any_octets_are_a_pdu_that_can_be_written_again_or_are_malformed() {
    let mut random = Random(0x0123_4567_89AB_CDEF);
    let (mut parsed, mut refused) = (0, 0);
    for round in 0..200_000 {
        let mut bytes = random.bytes(40);
        if let Some(first) = bytes.first_mut() {
            // Every opcode in turn, or they would seldom occur.
            *first = round as u8;
        }
        match Pdu::parse(&bytes) {
            Ok(pdu) => {
                let mut out = [0; 40];
                let length = pdu.emit(&mut out).unwrap();
                assert_eq!(out[..length], bytes);
                assert!(!format!("{pdu:?}").is_empty());
                parsed += 1;
            }
            Err(malformed) => {
                let Malformed { opcode, .. } = malformed;
                assert_eq!(opcode, bytes.first().copied().map(Opcode));
                assert!(!malformed.to_string().is_empty());
                malformed.answer();
                refused += 1;
            }
        }
    }
    assert!(
        parsed > 1_000 && refused > 1_000,
        "{parsed} parsed, {refused} refused"
    );
}

#[test]
fn any_octets_are_advertising_data() {
    let mut random = Random(0xFEDC_BA98_7654_3210);
    let mut known = 0;
    for _ in 0..50_000 {
        let bytes = random.bytes(62);
        let data = AdvertisingData::new(&bytes);
        for element in data.elements() {
            assert!(!format!("{element:?}").is_empty());
            known += usize::from(!matches!(element, AdElement::Raw(_)));
        }
        let total: usize = data
            .structures()
            .map(|structure| structure.data.len() + 2)
            .sum();
        assert!(total <= bytes.len());
        data.services().count();
        data.local_name().map(|name| name.to_string());
        data.service_data(Uuid::from_u16(0));
    }
    assert!(known > 1_000, "{known}");
}

#[test]
fn any_text_is_a_uuid_or_is_not() {
    let mut random = Random(7);
    let letters: Vec<char> = "0123456789abcdefABCDEFxX-é ".chars().collect();
    for _ in 0..50_000 {
        let text: String = (0..random.below(40))
            .map(|_| letters[random.below(letters.len())])
            .collect();
        if let Ok(uuid) = text.parse::<Uuid>() {
            assert_eq!(uuid.to_string().parse(), Ok(uuid));
        }
    }
}

/// A server that answers the request asked, more or less: right opcode, lists that look like
/// lists, and random for the rest.
fn answer(random: &mut Random, request: &[u8], mtu: Mtu) -> Vec<u8> {
    let opcode = request[0];
    if random.below(8) == 0 {
        return vec![
            0x01,
            opcode,
            1,
            0,
            [0x0A, 0x07, 0x0B, 0x05][random.below(4)],
        ];
    }
    if random.below(16) == 0 {
        return random.bytes(mtu.size());
    }
    let start = match request.get(1..3) {
        Some(&[low, high]) => u16::from_le_bytes([low, high]),
        _ => 1,
    };
    let mut handle = start;
    let mut next = |random: &mut Random| {
        let given = handle;
        handle = handle.saturating_add(random.below(6) as u16);
        given.to_le_bytes()
    };
    let mut pdu = vec![opcode + 1];
    let (header, lengths): (bool, &[usize]) = match opcode {
        0x04 => (true, &[4, 18]),
        0x06 => (false, &[4]),
        0x08 => (true, &[2, 6, 7, 8, 21]),
        0x10 => (true, &[6, 20]),
        0x16 => {
            pdu.extend_from_slice(&request[1..]);
            if random.below(8) == 0 {
                pdu.push(0);
            }
            return pdu;
        }
        0x12 | 0x18 => return pdu,
        _ => {
            let length = if random.below(2) == 0 {
                mtu.size() - 1
            } else {
                random.below(30)
            };
            pdu.resize(1 + length.min(mtu.size() - 1), 0);
            return pdu;
        }
    };
    let length = lengths[random.below(lengths.len())];
    if header {
        pdu.push(if opcode == 0x04 {
            u8::from(length == 18) + 1
        } else {
            length as u8
        });
    }
    for _ in 0..=random.below(mtu.size() / length) {
        let mut entry = Vec::from(next(random));
        entry.extend_from_slice(&next(random));
        if opcode == 0x08 {
            // A characteristic's properties come before its value's handle.
            let handle = next(random);
            entry.truncate(2);
            entry.push(0x12);
            entry.extend_from_slice(&handle);
        }
        entry.resize(length, 0x18);
        pdu.extend_from_slice(&entry);
    }
    pdu.truncate(mtu.size());
    pdu
}

/// Runs a procedure against such a server and says how many requests it made.
fn run<P: Procedure>(
    mut procedure: P,
    random: &mut Random,
    limit: usize,
) -> Result<usize, ProcedureError> {
    let mtu = Mtu::clamped([23, 24, 185, 517][random.below(4)]);
    let mut out = [0; 517];
    let mut requests = 0;
    while let Some(length) = procedure.request(mtu, &mut out)? {
        requests += 1;
        assert!(requests <= limit, "more than {limit} requests");
        assert!(length <= mtu.size());
        assert!(
            Pdu::parse(&out[..length]).is_ok(),
            "what we ask is well-formed"
        );
        let answer = answer(random, &out[..length], mtu);
        procedure.response(&answer)?;
        for _ in 0..=answer.len() {
            if procedure.next_item(&answer).is_none() {
                break;
            }
        }
        assert!(
            procedure.next_item(&answer).is_none(),
            "an answer has an end"
        );
    }
    Ok(requests)
}

#[test]
fn every_procedure_ends_whatever_the_server_says() {
    let mut random = Random(42);
    let random = &mut random;
    let handle = AttributeHandle::new(3).unwrap();
    let handles = [handle; 8];
    let range = HandleRange::new(handle, AttributeHandle::new(60).unwrap()).unwrap();
    let uuid = Uuid::from_u16(0x180D);
    let value = [0; 200];
    let (mut done, mut failed) = ([0; 12], [0; 12]);
    for _ in 0..3_000 {
        let results = [
            run(DiscoverServices::primary(range), random, 60),
            run(DiscoverServicesByUuid::new(range, uuid), random, 60),
            run(DiscoverIncluded::new(range), random, 120),
            run(DiscoverCharacteristics::all(range), random, 60),
            run(DiscoverCharacteristics::by_uuid(range, uuid), random, 60),
            run(DiscoverDescriptors::new(range), random, 60),
            run(ReadLong::new(handle), random, 25),
            run(ReadByUuid::new(range, uuid), random, 60),
            run(ReadMultiple::new(&handles), random, 1),
            run(ReadMultipleVariable::new(&handles), random, 8),
            run(Write::new(handle, &value[..20]), random, 1),
            run(QueuedWrite::long(handle, &value), random, 15),
        ];
        for (index, result) in results.iter().enumerate() {
            if result.is_ok() {
                done[index] += 1
            } else {
                failed[index] += 1
            }
        }
    }
    assert!(
        done.iter().chain(&failed).all(|&count| count > 20),
        "{done:?} {failed:?}"
    );
}
