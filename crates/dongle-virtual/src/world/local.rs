//! Commands that concern only one controller: its properties, masks, lists and buffers.

use std::time::Duration;

use super::commands::{Answer, DONE, Outcome};
use super::controller::Controller;
use super::privacy;
use crate::hci::opcode::*;
use crate::hci::status::*;
use crate::hci::{Reader, is_known, supported_commands};

/// The HCI and link layer version: Core 5.3.
pub(crate) const VERSION: u8 = 0x0C;
/// A company identifier that belongs to nobody, for tests and internal use.
pub(crate) const COMPANY: u16 = 0xFFFF;
/// The transmit power of every simulated radio, in dBm.
pub(crate) const TRANSMIT_POWER: i8 = 0;

impl Controller {
    /// Whether this controller has the command in its configuration.
    pub(super) fn has_command(&self, opcode: u16) -> bool {
        let config = &self.config;
        match opcode {
            READ_BUFFER_SIZE => config.read_buffer_size,
            LE_READ_BUFFER_SIZE_V2 => config.read_buffer_size_v2,
            LE_SET_ADVERTISING_SET_RANDOM_ADDRESS..=LE_CLEAR_ADVERTISING_SETS
            | LE_SET_EXTENDED_SCAN_PARAMETERS..=LE_EXTENDED_CREATE_CONNECTION => {
                config.extended_advertising
            }
            LE_SET_DATA_LENGTH
            | LE_READ_SUGGESTED_DATA_LENGTH
            | LE_WRITE_SUGGESTED_DATA_LENGTH
            | LE_READ_MAXIMUM_DATA_LENGTH => config.data_length > 27,
            LE_READ_PHY | LE_SET_DEFAULT_PHY | LE_SET_PHY => config.phys() != 1,
            LE_REMOTE_PARAMETER_REQUEST_REPLY | LE_REMOTE_PARAMETER_REQUEST_NEGATIVE_REPLY => {
                config.connection_parameter_request
            }
            LE_ADD_TO_RESOLVING_LIST..=LE_SET_RPA_TIMEOUT | LE_SET_PRIVACY_MODE => {
                config.resolving_list > 0
            }
            _ => is_known(opcode),
        }
    }

    pub(super) fn execute_local(
        &mut self,
        now: Duration,
        opcode: u16,
        p: &mut Reader<'_>,
        rng: &mut fastrand::Rng,
    ) -> Outcome {
        let complete = |bytes: &[u8]| Ok(Answer::Complete(bytes.to_vec()));
        match opcode {
            SET_EVENT_MASK => {
                self.mask = p.u64()?;
                DONE
            }
            // No events of page 2 are ever sent.
            SET_EVENT_MASK_PAGE_2 => p.u64().and(DONE),
            LE_SET_EVENT_MASK => {
                self.le_mask = p.u64()?;
                DONE
            }
            READ_LE_HOST_SUPPORT => complete(&[self.le_host_support.0, self.le_host_support.1]),
            WRITE_LE_HOST_SUPPORT => {
                self.le_host_support = (p.u8()?, p.u8()?);
                DONE
            }

            READ_LOCAL_VERSION => {
                let [c0, c1] = COMPANY.to_le_bytes();
                complete(&[VERSION, 0, 0, VERSION, c0, c1, 0, 0])
            }
            READ_LOCAL_SUPPORTED_COMMANDS => {
                complete(&supported_commands(|opcode| self.has_command(opcode)))
            }
            // LE Supported (Controller), and, without BR/EDR, BR/EDR Not Supported.
            READ_LOCAL_SUPPORTED_FEATURES if self.config.dual_mode => {
                complete(&[0, 0, 0, 0, 0x40, 0, 0, 0])
            }
            READ_LOCAL_SUPPORTED_FEATURES => complete(&[0, 0, 0, 0, 0x60, 0, 0, 0]),
            READ_BD_ADDR => complete(&self.config.public_address),
            READ_BUFFER_SIZE => {
                let [l0, l1] = self.config.acl_length.to_le_bytes();
                complete(&[l0, l1, 0, self.config.acl_buffers, 0, 0, 0])
            }
            LE_READ_BUFFER_SIZE if self.config.shared_buffers => complete(&[0; 3]),
            LE_READ_BUFFER_SIZE_V2 if self.config.shared_buffers => complete(&[0; 6]),
            LE_READ_BUFFER_SIZE => {
                let [l0, l1] = self.config.acl_length.to_le_bytes();
                complete(&[l0, l1, self.config.acl_buffers])
            }
            LE_READ_BUFFER_SIZE_V2 => {
                let [l0, l1] = self.config.acl_length.to_le_bytes();
                complete(&[l0, l1, self.config.acl_buffers, 0, 0, 0])
            }
            LE_READ_LOCAL_SUPPORTED_FEATURES => complete(&self.config.le_features().to_le_bytes()),
            LE_READ_SUPPORTED_STATES => complete(&0x0000_03FF_FFFF_FFFF_u64.to_le_bytes()),

            SET_CONTROLLER_TO_HOST_FLOW_CONTROL => match p.u8()? {
                mode @ 0..=3 if self.handles.is_empty() => {
                    self.host_flow.enabled = mode & 1 != 0;
                    DONE
                }
                0..=3 => Err(COMMAND_DISALLOWED),
                _ => Err(INVALID_PARAMETERS),
            },
            HOST_BUFFER_SIZE => {
                let (length, _) = (p.u16()?, p.u8()?);
                let (packets, _) = (p.u16()?, p.u16()?);
                if length == 0 || packets == 0 {
                    return Err(INVALID_PARAMETERS);
                }
                self.host_flow.buffers = packets;
                DONE
            }

            LE_SET_RANDOM_ADDRESS => {
                let address = p.array()?;
                let busy = self.is_listening()
                    || self
                        .advertising
                        .values()
                        .any(|set| set.enabled && set.legacy_commands());
                if busy {
                    return Err(COMMAND_DISALLOWED);
                }
                self.random_address = Some(address);
                DONE
            }
            LE_READ_ADVERTISING_CHANNEL_TX_POWER => complete(&TRANSMIT_POWER.to_le_bytes()),
            LE_READ_TRANSMIT_POWER => {
                let [min] = (-20_i8).to_le_bytes();
                complete(&[min, 8])
            }
            LE_READ_MAXIMUM_ADVERTISING_DATA_LENGTH => {
                complete(&self.config.advertising_data_length.to_le_bytes())
            }
            LE_READ_NUMBER_OF_ADVERTISING_SETS => complete(&[self.config.advertising_sets]),
            LE_SET_HOST_CHANNEL_CLASSIFICATION => p.array::<5>().and(DONE),

            LE_READ_FILTER_ACCEPT_LIST_SIZE => complete(&[self.config.accept_list]),
            LE_CLEAR_FILTER_ACCEPT_LIST
            | LE_ADD_TO_FILTER_ACCEPT_LIST
            | LE_REMOVE_FROM_FILTER_ACCEPT_LIST => self.accept_list_command(opcode, p),

            LE_ENCRYPT => complete(&privacy::encrypt(p.array()?, p.array()?)),

            LE_READ_SUGGESTED_DATA_LENGTH => {
                complete(&pair(self.suggested_octets, self.suggested_time))
            }
            LE_WRITE_SUGGESTED_DATA_LENGTH => {
                let (octets, time) = (p.u16()?, p.u16()?);
                if !(27..=251).contains(&octets) || !(328..=17040).contains(&time) {
                    return Err(INVALID_PARAMETERS);
                }
                (self.suggested_octets, self.suggested_time) = (octets, time);
                DONE
            }
            LE_READ_MAXIMUM_DATA_LENGTH => {
                let octets = self.config.data_length;
                let pair = pair(octets, air_time(octets));
                complete(&[pair, pair].concat())
            }
            LE_SET_DEFAULT_PHY => {
                self.default_phys = self.phy_preferences(p)?;
                DONE
            }
            _ => self.resolving_list_command(now, opcode, p, rng),
        }
    }

    /// The three fields that all PHY commands share: preferences for both directions.
    pub(super) fn phy_preferences(&self, p: &mut Reader<'_>) -> Result<(u8, u8), u8> {
        let (all, tx, rx) = (p.u8()?, p.u8()?, p.u8()?);
        let available = self.config.phys();
        let tx = if all & 1 != 0 { available } else { tx };
        let rx = if all & 2 != 0 { available } else { rx };
        if tx == 0 || rx == 0 || (tx | rx) & !0b111 != 0 {
            return Err(INVALID_PARAMETERS);
        }
        if (tx | rx) & !available != 0 {
            return Err(UNSUPPORTED_FEATURE);
        }
        Ok((tx, rx))
    }

    /// Whether anything that is running uses the accept list.
    fn accept_list_in_use(&self) -> bool {
        self.scanner.enabled && self.scanner.uses_accept_list()
            || self
                .initiator
                .as_ref()
                .is_some_and(|initiator| initiator.target.is_none())
            || self
                .advertising
                .values()
                .any(|set| set.enabled && set.filter_policy != 0)
    }

    fn accept_list_command(&mut self, opcode: u16, p: &mut Reader<'_>) -> Outcome {
        if self.accept_list_in_use() {
            return Err(COMMAND_DISALLOWED);
        }
        if opcode == LE_CLEAR_FILTER_ACCEPT_LIST {
            self.accept_list.clear();
            return DONE;
        }
        let (kind, address) = (p.u8()?, p.array()?);
        if !matches!(kind, 0 | 1 | 0xFF) {
            return Err(INVALID_PARAMETERS);
        }
        let known = self.accept_list.contains(&(kind, address));
        if opcode == LE_REMOVE_FROM_FILTER_ACCEPT_LIST {
            self.accept_list.retain(|&entry| entry != (kind, address));
        } else if !known {
            if self.accept_list.len() >= usize::from(self.config.accept_list) {
                return Err(MEMORY_CAPACITY_EXCEEDED);
            }
            self.accept_list.push((kind, address));
        }
        DONE
    }

    fn resolving_list_command(
        &mut self,
        now: Duration,
        opcode: u16,
        p: &mut Reader<'_>,
        rng: &mut fastrand::Rng,
    ) -> Outcome {
        let busy = self.is_listening() || self.advertising.values().any(|set| set.enabled);
        let list = &mut self.resolving;
        match opcode {
            LE_READ_RESOLVING_LIST_SIZE => return Ok(Answer::Complete(vec![list.capacity])),
            LE_SET_RPA_TIMEOUT => {
                let seconds = p.u16()?;
                if !(1..=3600).contains(&seconds) {
                    return Err(INVALID_PARAMETERS);
                }
                list.timeout = Duration::from_secs(u64::from(seconds));
                return DONE;
            }
            LE_READ_PEER_RESOLVABLE_ADDRESS | LE_READ_LOCAL_RESOLVABLE_ADDRESS => {
                let peer @ (kind, identity) = (p.u8()?, p.array()?);
                let local = list.local_address(now, peer, rng);
                let entry = list.find(kind, identity).ok_or(UNKNOWN_CONNECTION)?;
                let wanted = if opcode == LE_READ_PEER_RESOLVABLE_ADDRESS {
                    entry.peer
                } else {
                    local
                };
                return Ok(Answer::Complete(wanted.unwrap_or_default().to_vec()));
            }
            _ => {}
        }
        if opcode == LE_SET_ADDRESS_RESOLUTION_ENABLE {
            let enabled = p.flag()?;
            if busy {
                return Err(COMMAND_DISALLOWED);
            }
            list.enabled = enabled;
            return DONE;
        }
        // The list must not change while it is in use (Vol 4 Part E 7.8.38).
        if busy && list.enabled {
            return Err(COMMAND_DISALLOWED);
        }
        match opcode {
            LE_CLEAR_RESOLVING_LIST => {
                list.entries.clear();
                DONE
            }
            LE_ADD_TO_RESOLVING_LIST => {
                let (kind, identity) = (p.u8()?, p.array()?);
                let (peer_irk, local_irk) = (p.array()?, p.array()?);
                if kind > 1 || list.find(kind, identity).is_some() {
                    return Err(INVALID_PARAMETERS);
                }
                if !list.add(kind, identity, peer_irk, local_irk) {
                    return Err(MEMORY_CAPACITY_EXCEEDED);
                }
                DONE
            }
            LE_REMOVE_FROM_RESOLVING_LIST => {
                let (kind, identity) = (p.u8()?, p.array()?);
                list.find(kind, identity).ok_or(UNKNOWN_CONNECTION)?;
                list.entries
                    .retain(|e| e.kind & 1 != kind & 1 || e.identity != identity);
                DONE
            }
            LE_SET_PRIVACY_MODE => {
                let (kind, identity, mode) = (p.u8()?, p.array()?, p.flag()?);
                list.find(kind, identity)
                    .ok_or(UNKNOWN_CONNECTION)?
                    .device_privacy = mode;
                DONE
            }
            _ => Err(UNKNOWN_COMMAND),
        }
    }
}

fn pair(a: u16, b: u16) -> [u8; 4] {
    let ([a0, a1], [b0, b1]) = (a.to_le_bytes(), b.to_le_bytes());
    [a0, a1, b0, b1]
}

/// How long a link layer packet with this many octets takes on LE 1M, in microseconds.
pub(crate) fn air_time(octets: u16) -> u16 {
    (octets + 14) * 8
}
