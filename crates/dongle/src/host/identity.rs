//! The controller's own address, or one for a controller that has none.

use std::time::{Duration, Instant};

use hci_transport::HciChannel;

use crate::address::Address;
use crate::error::Error;

const READ_BD_ADDR: [u8; 4] = [0x01, 0x09, 0x10, 0x00];
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// The address to go by: `wanted`; else the controller's public address; else, where that is all
/// zeros as in Zephyr's `hci_uart`, a random static one.
pub(super) fn own_address(channel: &HciChannel, wanted: Option<Address>) -> Result<Address, Error> {
    if let Some(address) = wanted {
        return Ok(address);
    }
    match read_bd_addr(channel)? {
        Some(octets) if octets != [0; 6] && octets != [0xFF; 6] => Ok(Address::public(octets)),
        _ => Ok(random_static()),
    }
}

/// Asks the controller (Core Vol 4 Part E, 7.4.6), before the host stack is up. None: it does not
/// know the command.
fn read_bd_addr(channel: &HciChannel) -> Result<Option<[u8; 6]>, Error> {
    channel.write_packet_blocking(&READ_BD_ADDR)?;
    let until = Instant::now() + ANSWER_WITHIN;
    let mut packet = Vec::new();
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        if !channel.read_packet_timeout(&mut packet, left)? {
            break;
        }
        match *packet.as_slice() {
            [0x04, 0x0E, _, _, 0x09, 0x10, 0, a, b, c, d, e, f] => {
                return Ok(Some([f, e, d, c, b, a]));
            }
            [0x04, 0x0E, _, _, 0x09, 0x10, ..] | [0x04, 0x0F, _, _, _, 0x09, 0x10] => {
                return Ok(None);
            }
            _ => {}
        }
    }
    Err(Error::ControllerFailed("the controller did not answer Read BD_ADDR within 2 s".into()))
}

fn random_static() -> Address {
    let mut octets = [0; 6];
    fastrand::fill(&mut octets);
    octets[0] |= 0b1100_0000;
    // Not all of the random part may be ones (Core Vol 6 Part B, 1.3.2.1), nor all zeros.
    octets[5] = octets[5].clamp(1, 0xFE);
    Address::random(octets)
}
