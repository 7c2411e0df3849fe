//! The text form of a device's known attributes, which is saved beside its bond.
//!
//! Wrong handles would do harm, so a text that is not exactly as written counts as damaged, and a
//! damaged one is ignored: the device is asked again.

use std::fmt::Write as _;

use dongle_central::att::{AttributeHandle, HandleRange, Uuid};
use dongle_central::gatt::{Characteristic, Descriptor, IncludedService, Properties, Service};
use serde_json::{Map, Value, json};

use super::attributes::{Attributes, KnownCharacteristic, KnownService};
use super::{Cached, MOST_ATTRIBUTES};
use crate::address::Address;

/// A text in another format is ignored.
const FORMAT: u64 = 1;
/// The field with the checksum.
const CHECK: &str = "check";

/// Words that follow an attribute if all its parts of that kind are known.
const INCLUDED: &str = "included";
const CHARACTERISTICS: &str = "characteristics";
const DESCRIPTORS: &str = "descriptors";

/// The text for the device with this address.
pub(crate) fn write(cached: &Cached, of: Address) -> Value {
    let Cached {
        attributes,
        hash,
        service_changed,
    } = cached;
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| _ = fields.insert(name.into(), value);
    set("format", FORMAT.into());
    if let Some(hash) = hash {
        set(
            "hash",
            format!("{:032x}", u128::from_le_bytes(*hash)).into(),
        );
    }
    if let Some(value) = service_changed {
        set("service_changed", value.get().into());
    }
    set("all_services", attributes.complete.into());
    let absent = attributes.absent.iter().map(Uuid::to_string);
    set("absent", absent.collect());
    set("attributes", lines(attributes).into_iter().collect());
    let check = check(&fields, of);
    fields.insert(CHECK.into(), check.into());
    Value::Object(fields)
}

/// Reads the text for the device with this address. `None` if it can't be used.
pub(crate) fn read(value: &Value, of: Address) -> Option<Cached> {
    let mut fields = value.as_object()?.clone();
    if fields.remove(CHECK)? != check(&fields, of) || fields.get("format")? != &json!(FORMAT) {
        return None;
    }
    let texts = |name| {
        let values = fields.get(name)?.as_array()?.iter();
        values.map(Value::as_str).collect::<Option<Vec<_>>>()
    };
    let hash = match fields.get("hash") {
        Some(hash) => Some(u128::from_str_radix(hash.as_str()?, 16).ok()?.to_le_bytes()),
        None => None,
    };
    let service_changed = match fields.get("service_changed") {
        Some(value) => Some(AttributeHandle::new(u16::try_from(value.as_u64()?).ok()?)?),
        None => None,
    };
    let mut attributes = Attributes {
        complete: fields.get("all_services")?.as_bool()?,
        ..Attributes::default()
    };
    for uuid in texts("absent")? {
        attributes.learn_absent(uuid.parse().ok()?);
    }
    let lines = texts("attributes")?;
    if lines.len() > MOST_ATTRIBUTES {
        return None;
    }
    for line in lines {
        take(&mut attributes, line)?;
    }
    Some(Cached {
        attributes,
        hash,
        service_changed,
    })
}

/// A checksum against accidental changes: FNV-1a. It includes the address, so that one device's
/// text is invalid for any other.
fn check(fields: &Map<String, Value>, of: Address) -> String {
    let mut text = format!("{of:#}");
    for (name, value) in fields {
        // Writing to a String can't fail.
        let _ = write!(text, "\n{name} {value}");
    }
    let hash = text.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    format!("{hash:016x}")
}

fn lines(attributes: &Attributes) -> Vec<String> {
    let mut lines = Vec::new();
    for known in &attributes.services {
        let Service {
            range,
            uuid,
            primary,
        } = known.service;
        let kind = if primary { "primary" } else { "secondary" };
        lines.push(format!(
            "{kind} {}{}{}",
            placed(range, uuid),
            mark(known.included.complete, INCLUDED),
            mark(known.characteristics.complete, CHARACTERISTICS),
        ));
        for included in &known.included.items {
            let at = included.handle.get();
            let place = placed(included.range, included.uuid);
            lines.push(format!("include {at:04x} {place}"));
        }
        for known in &known.characteristics.items {
            let Characteristic {
                handle,
                value_handle,
                end,
                properties,
                uuid,
            } = known.characteristic;
            lines.push(format!(
                "characteristic {:04x} {:04x}-{:04x} {:02x} {uuid}{}",
                handle.get(),
                value_handle.get(),
                end.get(),
                properties.bits(),
                mark(known.descriptors.complete, DESCRIPTORS),
            ));
            for Descriptor { handle, uuid } in &known.descriptors.items {
                lines.push(format!("descriptor {:04x} {uuid}", handle.get()));
            }
        }
    }
    lines
}

fn placed(range: HandleRange, uuid: Uuid) -> String {
    format!(
        "{:04x}-{:04x} {uuid}",
        range.start().get(),
        range.end().get()
    )
}

fn mark(complete: bool, word: &str) -> String {
    match complete {
        true => format!(" {word}"),
        false => String::new(),
    }
}

/// Appends what a line describes to `attributes`. `None` if it can't follow what is there.
fn take(attributes: &mut Attributes, line: &str) -> Option<()> {
    let mut words = line.split(' ');
    let kind = words.next()?;
    let words = &mut words;
    if let "primary" | "secondary" = kind {
        let service = Service {
            range: range(words.next()?)?,
            uuid: words.next()?.parse().ok()?,
            primary: kind == "primary",
        };
        let before = attributes.services.last();
        if before.is_some_and(|before| before.service.range.end() >= service.range.start()) {
            return None;
        }
        let mut known = KnownService::new(service);
        for word in words {
            match word {
                INCLUDED => known.included.complete = true,
                CHARACTERISTICS => known.characteristics.complete = true,
                _ => return None,
            }
        }
        attributes.services.push(known);
        return Some(());
    }
    let service = attributes.services.last_mut()?;
    let within = service.service.range;
    let at = handle(words.next()?).filter(|at| within.contains(*at))?;
    let last = service.characteristics.items.last_mut();
    match kind {
        "include" => {
            let included = IncludedService {
                handle: at,
                range: range(words.next()?)?,
                uuid: words.next()?.parse().ok()?,
            };
            let list = &mut service.included.items;
            if list.last().is_some_and(|before| before.handle >= at) {
                return None;
            }
            list.push(included);
        }
        "characteristic" => {
            let rest = range(words.next()?)?;
            let characteristic = Characteristic {
                handle: at,
                value_handle: rest.start(),
                end: rest.end(),
                properties: Properties::from_bits_retain(
                    u8::from_str_radix(words.next()?, 16).ok()?,
                ),
                uuid: words.next()?.parse().ok()?,
            };
            let before = last.map(|last| last.characteristic.end);
            let ends_within = within.contains(characteristic.end);
            if before >= Some(at) || rest.start() <= at || !ends_within {
                return None;
            }
            let mut known = KnownCharacteristic::new(characteristic);
            match words.next() {
                Some(DESCRIPTORS) => known.descriptors.complete = true,
                Some(_) => return None,
                None => {}
            }
            service.characteristics.items.push(known);
        }
        "descriptor" => {
            let known = last?;
            let descriptor = Descriptor {
                handle: at,
                uuid: words.next()?.parse().ok()?,
            };
            let among = known.characteristic.descriptors()?;
            let list = &mut known.descriptors.items;
            if !among.contains(at) || list.last().is_some_and(|before| before.handle >= at) {
                return None;
            }
            list.push(descriptor);
        }
        _ => return None,
    }
    words.next().is_none().then_some(())
}

fn handle(text: &str) -> Option<AttributeHandle> {
    AttributeHandle::new(u16::from_str_radix(text, 16).ok()?)
}

fn range(text: &str) -> Option<HandleRange> {
    let (start, end) = text.split_once('-')?;
    HandleRange::new(handle(start)?, handle(end)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: Address = Address::random([0xC6, 5, 4, 3, 2, 1]);
    const LINES: [&str; 8] = [
        "primary 0001-0005 0x1801 characteristics",
        "characteristic 0002 0003-0005 20 0x2A05 descriptors",
        "descriptor 0004 0x2902",
        "primary 0010-0020 0x180D included",
        "include 0011 0030-0035 d09e0004-3c1f-4e4b-9a52-6d1f1c0ffee0",
        "characteristic 0012 0013-0014 10 0x2A37",
        "descriptor 0014 0x2902",
        "secondary 0030-0035 d09e0004-3c1f-4e4b-9a52-6d1f1c0ffee0",
    ];

    fn attributes(lines: &[&str]) -> Option<Attributes> {
        let mut attributes = Attributes::default();
        let taken = lines
            .iter()
            .try_for_each(|line| take(&mut attributes, line));
        taken.map(|()| attributes)
    }

    fn cached() -> Cached {
        let mut attributes = attributes(&LINES).expect("they are good");
        attributes.learn_absent(Uuid::from_u16(0x180F));
        Cached {
            attributes,
            hash: Some([7; 16]),
            service_changed: AttributeHandle::new(3),
        }
    }

    #[test]
    fn what_is_known_comes_back_as_it_was() {
        let cached = cached();
        assert_eq!(lines(&cached.attributes), LINES);
        let text = write(&cached, OF).to_string();
        let value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read(&value, OF), Some(cached));
    }

    #[test]
    fn what_was_kept_for_another_device_is_nothing() {
        let value = write(&cached(), OF);
        let other = Address::random([0xC6, 5, 4, 3, 2, 2]);
        assert_eq!(read(&value, other), None);
        assert_eq!(read(&value, Address::public(OF.octets())), None);
    }

    #[test]
    fn a_text_with_any_octet_changed_is_damaged() {
        let cached = cached();
        let text = write(&cached, OF).to_string();
        for index in 0..text.len() {
            let mut damaged = text.clone().into_bytes();
            damaged[index] ^= 1;
            let Ok(value) = serde_json::from_slice::<Value>(&damaged) else {
                continue;
            };
            assert_eq!(read(&value, OF), None, "{index}");
        }
    }

    #[test]
    fn attributes_that_can_not_be_are_damaged() {
        for lines in [
            &["primary 0000-0005 0x1801"][..],
            &["primary 0005-0001 0x1801"],
            &["primary 0001-0005 0x1801 more"],
            &["primary 0001-0005 0x1801", "primary 0005-0009 0x180D"],
            &["characteristic 0002 0003-0005 20 0x2A05"],
            &[LINES[0], "characteristic 0003 0003-0005 20 0x2A05"],
            &[LINES[0], "characteristic 0002 0003-0006 20 0x2A05"],
            &[LINES[0], LINES[1], "characteristic 0005 0006-0006 2 0x2A05"],
            &[LINES[0], LINES[1], "descriptor 0003 0x2902"],
            &[LINES[0], LINES[1], LINES[2], LINES[2]],
            &[LINES[0], LINES[2]],
            &[LINES[0], "include 0007 0030-0035 0x180F"],
            &[""],
        ] {
            assert_eq!(attributes(lines), None, "{lines:?}");
        }
    }
}
