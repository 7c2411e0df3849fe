//! Out-of-band data of LE Secure Connections in the form of a tag: AD structures (Core Supplement,
//! Part A 1.6).

use trouble_host::OobData;

const CONFIRM: u8 = 0x22;
const RANDOM: u8 = 0x23;
const LENGTH: usize = 16;

/// What stands in for the other side's data if there is none (Core Vol 3 Part H, 2.3.5.6.4).
pub(super) const NOTHING: OobData = OobData {
    random: [0; LENGTH],
    confirm: [0; LENGTH],
};

/// Writes a tag with this data.
pub(super) fn write(data: &OobData) -> Vec<u8> {
    let mut tag = Vec::new();
    for (kind, value) in [(CONFIRM, &data.confirm), (RANDOM, &data.random)] {
        tag.extend_from_slice(&[1 + LENGTH as u8, kind]);
        tag.extend_from_slice(value);
    }
    tag
}

/// Reads the data of a tag, which may contain other structures.
pub(super) fn read(tag: &[u8]) -> Option<OobData> {
    let value = |wanted| {
        let mut rest = tag;
        while let Some((&length, behind)) = rest.split_first() {
            let (structure, behind) = behind.split_at_checked(usize::from(length))?;
            rest = behind;
            match structure {
                [kind, value @ ..] if *kind == wanted => return value.try_into().ok(),
                _ => {}
            }
        }
        None
    };
    Some(OobData {
        random: value(RANDOM)?,
        confirm: value(CONFIRM)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_with_more_around_it() {
        let data = OobData {
            random: [3; LENGTH],
            confirm: [4; LENGTH],
        };
        let more = [&[2, 0x1C, 1, 0][..], &write(&data), &[1, 0xFF]].concat();
        let read = read(&more).expect("it is a tag");
        assert_eq!((read.random, read.confirm), (data.random, data.confirm));
    }

    #[test]
    fn what_lacks_something_is_no_tag() {
        let whole = write(&NOTHING);
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_none(), "{length}");
        }
    }
}
