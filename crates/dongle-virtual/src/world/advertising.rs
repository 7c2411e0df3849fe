//! Advertising commands, legacy and extended.

use std::sync::Arc;
use std::time::Duration;

use super::World;
use super::advertising_set::{AdvertisingSet, LEGACY_SET, Properties};
use super::commands::{Answer, DONE, Outcome};
use super::controller::ControllerId;
use super::local::TRANSMIT_POWER;
use crate::hci::Reader;
use crate::hci::status::*;

fn interval(slots: u32) -> Duration {
    Duration::from_micros(u64::from(slots) * 625)
}

impl World {
    pub(super) fn set_advertising_parameters(
        &mut self,
        id: ControllerId,
        p: &mut Reader<'_>,
    ) -> Outcome {
        let (min, max, kind) = (p.u16()?, p.u16()?, p.u8()?);
        let (own_kind, peer) = (p.u8()?, (p.u8()?, p.array()?));
        let (channels, filter_policy) = (p.u8()?, p.u8()?);
        let properties = Properties::from_legacy(kind).ok_or(INVALID_PARAMETERS)?;
        let range = 0x20..=0x4000;
        let intervals_matter = !properties.high_duty;
        if intervals_matter && (min > max || !range.contains(&min) || !range.contains(&max))
            || peer.0 > 1
            || channels & 7 == 0
            || filter_policy > 3
        {
            return Err(INVALID_PARAMETERS);
        }
        let Some(controller) = self.controllers.get_mut(&id) else {
            return DONE;
        };
        if own_kind > controller.config.most_own_kind() {
            return Err(INVALID_PARAMETERS);
        }
        let set = controller
            .advertising
            .entry(LEGACY_SET)
            .or_insert_with(|| AdvertisingSet::new(LEGACY_SET));
        if set.enabled {
            return Err(COMMAND_DISALLOWED);
        }
        set.properties = properties;
        set.interval = if properties.high_duty {
            interval(6)
        } else {
            interval(min.into())
        };
        set.own_kind = own_kind;
        set.peer = peer;
        set.filter_policy = filter_policy;
        DONE
    }

    pub(super) fn set_legacy_data(
        &mut self,
        id: ControllerId,
        p: &mut Reader<'_>,
        response: bool,
    ) -> Outcome {
        let len = p.u8()?;
        let data = p
            .slice(31)?
            .get(..usize::from(len))
            .ok_or(INVALID_PARAMETERS)?;
        let Some(controller) = self.controllers.get_mut(&id) else {
            return DONE;
        };
        let set = controller
            .advertising
            .entry(LEGACY_SET)
            .or_insert_with(|| AdvertisingSet::new(LEGACY_SET));
        *(if response {
            &mut set.scan_response
        } else {
            &mut set.data
        }) = Arc::from(data);
        DONE
    }

    pub(super) fn set_advertising_enable(
        &mut self,
        id: ControllerId,
        p: &mut Reader<'_>,
    ) -> Outcome {
        let enable = p.flag()?;
        let Some(controller) = self.controllers.get_mut(&id) else {
            return DONE;
        };
        let random_address = controller.random_address;
        let set = controller
            .advertising
            .entry(LEGACY_SET)
            .or_insert_with(|| AdvertisingSet::new(LEGACY_SET));
        if !enable {
            set.stop();
            return DONE;
        }
        if set.own_kind & 1 == 1 && random_address.is_none() {
            return Err(INVALID_PARAMETERS);
        }
        if set.enabled {
            return DONE;
        }
        // High duty cycle directed advertising lasts 1.28 s (Vol 6 Part B 4.4.2.4.3).
        let limit = set
            .properties
            .high_duty
            .then(|| Duration::from_millis(1280));
        self.start_set(id, LEGACY_SET, limit, 0);
        DONE
    }

    pub(super) fn set_set_random_address(
        &mut self,
        id: ControllerId,
        p: &mut Reader<'_>,
    ) -> Outcome {
        let (handle, address) = (p.u8()?, p.array()?);
        let Some(controller) = self.controllers.get_mut(&id) else {
            return DONE;
        };
        let set = controller.set_mut(handle)?;
        if set.enabled && set.properties.connectable {
            return Err(COMMAND_DISALLOWED);
        }
        set.random_address = Some(address);
        DONE
    }

    pub(super) fn set_extended_parameters(
        &mut self,
        id: ControllerId,
        p: &mut Reader<'_>,
    ) -> Outcome {
        let (handle, bits) = (p.u8()?, p.u16()?);
        let (min, max, channels) = (p.u24()?, p.u24()?, p.u8()?);
        let (own_kind, peer, filter_policy) = (p.u8()?, (p.u8()?, p.array()?), p.u8()?);
        let (_tx_power, primary_phy) = (p.i8()?, p.u8()?);
        let (_max_skip, secondary_phy, sid) = (p.u8()?, p.u8()?, p.u8()?);
        let report_scan_requests = p.flag()?;

        let properties = Properties::from_extended(bits).ok_or(INVALID_PARAMETERS)?;
        if handle > 0xEF
            || min > max
            || min < 0x20
            || channels & 7 == 0
            || peer.0 > 1
            || filter_policy > 3
            || !matches!(primary_phy, 1 | 3)
            || !properties.legacy && !matches!(secondary_phy, 1..=3)
            || sid > 0x0F
        {
            return Err(INVALID_PARAMETERS);
        }
        let Some(controller) = self.controllers.get_mut(&id) else {
            return DONE;
        };
        if own_kind > controller.config.most_own_kind() {
            return Err(INVALID_PARAMETERS);
        }
        let phys = controller.config.phys();
        let phy_bit = |phy: u8| 1_u8 << (phy.max(1) - 1);
        let secondary_needed = if properties.legacy {
            0
        } else {
            phy_bit(secondary_phy)
        };
        if (phy_bit(primary_phy) | secondary_needed) & !phys != 0 {
            return Err(UNSUPPORTED_FEATURE);
        }
        let full = controller.advertising.len() >= usize::from(controller.config.advertising_sets);
        if full && !controller.advertising.contains_key(&handle) {
            return Err(MEMORY_CAPACITY_EXCEEDED);
        }
        let set = controller
            .advertising
            .entry(handle)
            .or_insert_with(|| AdvertisingSet::new(handle));
        if set.enabled {
            return Err(COMMAND_DISALLOWED);
        }
        set.properties = properties;
        set.interval = interval(min);
        set.own_kind = own_kind;
        set.peer = peer;
        set.filter_policy = filter_policy;
        set.primary_phy = primary_phy;
        set.secondary_phy = if properties.legacy { 0 } else { secondary_phy };
        set.sid = sid;
        set.report_scan_requests = report_scan_requests;
        Ok(Answer::Complete(TRANSMIT_POWER.to_le_bytes().to_vec()))
    }

    pub(super) fn set_extended_data(
        &mut self,
        id: ControllerId,
        p: &mut Reader<'_>,
        response: bool,
    ) -> Outcome {
        let (handle, operation, _fragment) = (p.u8()?, p.u8()?, p.u8()?);
        let len = p.u8()?;
        let data = p.slice(usize::from(len))?;
        let Some(controller) = self.controllers.get_mut(&id) else {
            return DONE;
        };
        let longest = usize::from(controller.config.advertising_data_length);
        let set = controller.set_mut(handle)?;
        let whole = match operation {
            // Unchanged data: only the DID (data ID) is new.
            4 if set.enabled && !response && data.is_empty() => return DONE,
            3 => Some(data.to_vec()),
            // Fragments are not allowed while advertising is enabled.
            0..=2 if set.enabled => return Err(COMMAND_DISALLOWED),
            0..=2 if data.is_empty() || set.properties.legacy => return Err(INVALID_PARAMETERS),
            1 => {
                set.partial = Some(data.to_vec());
                None
            }
            0 | 2 => {
                let partial = set.partial.as_mut().ok_or(COMMAND_DISALLOWED)?;
                if partial.len() + data.len() > longest {
                    set.partial = None;
                    return Err(MEMORY_CAPACITY_EXCEEDED);
                }
                partial.extend_from_slice(data);
                if operation == 2 {
                    set.partial.take()
                } else {
                    None
                }
            }
            _ => return Err(INVALID_PARAMETERS),
        };
        let Some(whole) = whole else { return DONE };
        if set.properties.legacy && whole.len() > 31 {
            return Err(INVALID_PARAMETERS);
        }
        if whole.len() > longest {
            return Err(MEMORY_CAPACITY_EXCEEDED);
        }
        set.partial = None;
        *(if response {
            &mut set.scan_response
        } else {
            &mut set.data
        }) = Arc::from(whole);
        DONE
    }

    pub(super) fn set_extended_enable(&mut self, id: ControllerId, p: &mut Reader<'_>) -> Outcome {
        let (enable, count) = (p.flag()?, p.u8()?);
        let mut sets: Vec<(u8, u16, u8)> = Vec::new();
        for _ in 0..count {
            let (handle, duration, max_events) = (p.u8()?, p.u16()?, p.u8()?);
            if sets.iter().any(|&(other, ..)| other == handle) {
                return Err(INVALID_PARAMETERS);
            }
            sets.push((handle, duration, max_events));
        }
        let Some(controller) = self.controllers.get_mut(&id) else {
            return DONE;
        };
        if !enable {
            if sets.is_empty() {
                controller
                    .advertising
                    .values_mut()
                    .for_each(AdvertisingSet::stop);
            }
            for &(handle, ..) in &sets {
                controller.set_mut(handle)?;
            }
            for (handle, ..) in sets {
                controller.set_mut(handle)?.stop();
            }
            return DONE;
        }
        if sets.is_empty() {
            return Err(INVALID_PARAMETERS);
        }
        let random = controller.random_address;
        for &(handle, ..) in &sets {
            let set = controller.set_mut(handle)?;
            if set.partial.is_some() {
                return Err(COMMAND_DISALLOWED);
            }
            if !set.properties.legacy && set.properties.scannable && set.scan_response.is_empty() {
                return Err(COMMAND_DISALLOWED);
            }
            if set.own_kind & 1 == 1 && set.random_address.or(random).is_none() {
                return Err(INVALID_PARAMETERS);
            }
        }
        for (handle, duration, max_events) in sets {
            let limit = (duration > 0).then(|| Duration::from_millis(u64::from(duration) * 10));
            self.start_set(id, handle, limit, max_events);
        }
        DONE
    }

    pub(super) fn remove_set(&mut self, id: ControllerId, p: &mut Reader<'_>) -> Outcome {
        let handle = p.u8()?;
        let Some(controller) = self.controllers.get_mut(&id) else {
            return DONE;
        };
        if controller.set_mut(handle)?.enabled {
            return Err(COMMAND_DISALLOWED);
        }
        controller.advertising.remove(&handle);
        DONE
    }

    pub(super) fn clear_sets(&mut self, id: ControllerId) -> Outcome {
        let Some(controller) = self.controllers.get_mut(&id) else {
            return DONE;
        };
        if controller.advertising.values().any(|set| set.enabled) {
            return Err(COMMAND_DISALLOWED);
        }
        controller.advertising.clear();
        DONE
    }
}
