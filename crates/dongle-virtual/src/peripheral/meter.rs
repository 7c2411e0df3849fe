//! A peripheral that takes hardly any time, so that benchmarks with it measure the central.

use super::presence;
use super::scripted::{ScriptedConfig, ScriptedPeripheral};
use crate::Address;
use crate::air::Air;
use crate::world::ControllerConfig;

const NAME: &str = "Dongle Meter";
/// The value that it serves. Notifications have their number in place of its first octets.
const VALUE: [u8; 20] = [7; 20];
/// Characteristic declarations: handle, properties, handle of the value, UUID (Core Vol 3 Part G,
/// 3.3.1).
const DECLARATIONS: [[u8; 7]; 3] = [
    [2, 0, 0x02, 3, 0, 0xF1, 0xFF],
    [4, 0, 0x04, 5, 0, 0xF2, 0xFF],
    [6, 0, 0x10, 7, 0, 0xF3, 0xFF],
];
/// Error codes (Core Vol 3 Part F, 3.4.1.1).
const READ_NOT_PERMITTED: u8 = 0x02;
const WRITE_NOT_PERMITTED: u8 = 0x03;
const REQUEST_NOT_SUPPORTED: u8 = 0x06;
const ATTRIBUTE_NOT_FOUND: u8 = 0x0A;

/// A peripheral to benchmark a central with; dropping it removes it from the air.
///
/// | characteristic of the service 0xFFF0 | |
/// | --- | --- |
/// | 0xFFF1 | readable: 20 octets |
/// | 0xFFF2 | writable without response, any amount; the data is discarded |
/// | 0xFFF3 | sends [`Meter::BURST`] notifications of 20 octets back to back to each subscriber |
///
/// The first four octets of a notification are its number, least significant octet first.
#[derive(Debug)]
pub struct Meter {
    peripheral: ScriptedPeripheral,
}

impl Meter {
    /// How many notifications are sent back to back.
    pub const BURST: u32 = 100_000;

    /// Puts a meter into the air, on a controller with this configuration. It advertises as
    /// "Dongle Meter" from D0:18:4D:45:54:52.
    pub fn start(air: &Air, controller: ControllerConfig) -> Self {
        let config = ScriptedConfig::default()
            .with_address(Address::random([0x52, 0x54, 0x45, 0x4D, 0x18, 0xD0]))
            .with_data(presence::flags_and_name(NAME))
            .with_controller(controller.named(NAME));
        Self {
            peripheral: ScriptedPeripheral::start(air, config, answers),
        }
    }

    /// The address it advertises from.
    pub fn address(&self) -> Address {
        self.peripheral.address()
    }
}

/// The response to an ATT PDU (Core Vol 3 Part F, 3.4), followed by the notifications that it
/// causes.
fn answers(pdu: &[u8]) -> Vec<Vec<u8>> {
    let response = match *pdu {
        // Commands and the confirmation get no response.
        [0x40.. | 0x1E, ..] | [] => return Vec::new(),
        // With the L2CAP header, 247 octets fill an ACL packet of 251.
        [0x02, ..] => vec![0x03, 247, 0],
        // Finds the service, by its UUID or among all services.
        [0x06, 1, 0, .., 0xF0, 0xFF] => vec![0x07, 1, 0, 8, 0],
        [0x10, 1, 0, .., 0x00, 0x28] => vec![0x11, 6, 1, 0, 8, 0, 0xF0, 0xFF],
        [0x08, first @ ..=6, 0, .., 0x03, 0x28] => {
            let mut response = vec![0x09, 7];
            let listed = DECLARATIONS.iter().filter(|[handle, ..]| *handle >= first);
            response.extend(listed.flatten());
            // Only two declarations fit the smallest MTU.
            response.truncate(2 + 2 * 7);
            response
        }
        // The Client Characteristic Configuration of the last characteristic.
        [0x04, 8, 0, ..] => vec![0x05, 1, 8, 0, 0x02, 0x29],
        [0x0A, 3, 0] => [&[0x0B], &VALUE[..]].concat(),
        [0x0A, 8, 0] => vec![0x0B, 0, 0],
        [0x12, 8, 0, 1, 0] => {
            let burst = (0..Meter::BURST).map(notification);
            return std::iter::once(vec![0x13]).chain(burst).collect();
        }
        [0x12, 8, 0, ..] => vec![0x13],
        [request, ref rest @ ..] => {
            let error = match request {
                0x0A => READ_NOT_PERMITTED,
                0x12 => WRITE_NOT_PERMITTED,
                0x04 | 0x06 | 0x08 | 0x10 => ATTRIBUTE_NOT_FOUND,
                _ => REQUEST_NOT_SUPPORTED,
            };
            let handle = rest.first_chunk().unwrap_or(&[0; 2]);
            vec![0x01, request, handle[0], handle[1], error]
        }
    };
    vec![response]
}

fn notification(number: u32) -> Vec<u8> {
    let mut pdu = vec![0x1B, 7, 0];
    pdu.extend_from_slice(&number.to_le_bytes());
    pdu.extend_from_slice(&VALUE[4..]);
    pdu
}
