//! A small GATT server for scripted peripherals: attributes in a list, answers by the book.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dongle_central::att::{AttributeHandle, ErrorCode, Opcode, Uuid};

/// One attribute.
#[derive(Debug, Clone)]
struct Attribute {
    uuid: Uuid,
    value: Vec<u8>,
}

/// A database that answers requests; clones are the same database.
#[derive(Debug, Clone, Default)]
pub struct Server(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    attributes: BTreeMap<u16, Attribute>,
    /// Service declarations and where each ends.
    services: Vec<(u16, u16, Uuid)>,
    mtu: u16,
    /// Requests that are not answered, for tests that want to wait.
    silent: bool,
    /// Whether the next request at a handle is refused with Database Out Of Sync.
    out_of_sync: bool,
    /// What is sent in front of the next answer.
    interjection: Option<Vec<u8>>,
    requests: Vec<Vec<u8>>,
    prepared: Vec<(u16, Vec<u8>)>,
}

impl Server {
    /// An empty database with an MTU of `mtu`.
    pub fn new(mtu: u16) -> Self {
        let server = Self::default();
        server.state().mtu = mtu;
        server
    }

    /// A heart-rate sensor: its measurement is at the handle returned, its control point behind it.
    pub fn heart_rate(mtu: u16) -> (Self, u16) {
        let server = Self::new(mtu);
        server.service(0x180D);
        let measurement = server.characteristic(0x2A37, 0x12, &[0, 60]);
        server.descriptor(0x2902, &[0, 0]);
        server.characteristic(0x2A39, 0x0C, &[0]);
        server.characteristic(0x2A38, 0x02, &[1]);
        (server, measurement)
    }

    /// Begins a service behind what is there.
    pub fn service(&self, uuid: u16) -> u16 {
        let (handle, uuid) = (self.next(), Uuid::from_u16(uuid));
        // The one before ends in front of it.
        self.state().services.push((handle, handle, uuid));
        self.add(Uuid::from_u16(0x2800), encode(uuid))
    }

    /// Adds a characteristic to the last service; the handle of its value.
    pub fn characteristic(&self, uuid: u16, properties: u8, value: &[u8]) -> u16 {
        let declaration = self.next();
        let mut declared = vec![properties];
        declared.extend((declaration + 1).to_le_bytes());
        declared.extend(uuid.to_le_bytes());
        self.add(Uuid::from_u16(0x2803), declared);
        self.add(Uuid::from_u16(uuid), value.to_vec())
    }

    /// Adds a descriptor to the last characteristic; its handle.
    pub fn descriptor(&self, uuid: u16, value: &[u8]) -> u16 {
        self.add(Uuid::from_u16(uuid), value.to_vec())
    }

    /// The value of an attribute.
    pub fn value(&self, handle: u16) -> Vec<u8> {
        self.state()
            .attributes
            .get(&handle)
            .map(|a| a.value.clone())
            .unwrap_or_default()
    }

    /// Gives an attribute another value.
    pub fn set_value(&self, handle: u16, value: &[u8]) {
        if let Some(attribute) = self.state().attributes.get_mut(&handle) {
            attribute.value = value.to_vec();
        }
    }

    /// Leaves requests without answer, or not any more.
    pub fn be_silent(&self, silent: bool) {
        self.state().silent = silent;
    }

    /// Refuses the next request at a handle with Database Out Of Sync (Core Vol 3 Part G,
    /// 2.5.2.1).
    pub fn be_out_of_sync(&self) {
        self.state().out_of_sync = true;
    }

    /// Sends this in front of the next answer.
    pub fn interject(&self, pdu: Vec<u8>) {
        self.state().interjection = Some(pdu);
    }

    /// Has the database of another server from now on, as after an update.
    pub fn update(&self, other: &Self) {
        let State {
            attributes,
            services,
            ..
        } = &*other.state();
        let mut state = self.state();
        state.attributes = attributes.clone();
        state.services = services.clone();
    }

    /// The requests and commands that came so far.
    pub fn requests(&self) -> Vec<Vec<u8>> {
        self.state().requests.clone()
    }

    /// Answers one PDU: the handler of a scripted peripheral.
    pub fn handle(&self, pdu: &[u8]) -> Vec<Vec<u8>> {
        let mut state = self.state();
        state.requests.push(pdu.to_vec());
        if state.silent {
            return Vec::new();
        }
        let answer = state.answer(pdu);
        let before = answer.is_some().then(|| state.interjection.take());
        before.flatten().into_iter().chain(answer).collect()
    }

    fn next(&self) -> u16 {
        self.state().attributes.keys().last().copied().unwrap_or(0) + 1
    }

    fn add(&self, uuid: Uuid, value: Vec<u8>) -> u16 {
        let handle = self.next();
        let mut state = self.state();
        state.attributes.insert(handle, Attribute { uuid, value });
        if let Some(last) = state.services.last_mut() {
            last.1 = handle;
        }
        handle
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn answer(&mut self, pdu: &[u8]) -> Option<Vec<u8>> {
        let (&opcode, parameters) = pdu.split_first()?;
        let opcode = Opcode(opcode);
        if !opcode.wants_response() {
            if opcode == Opcode::WRITE_COMMAND
                && let Some((handle, value)) = parameters.split_first_chunk()
                && let Some(attribute) = self.attributes.get_mut(&u16::from_le_bytes(*handle))
            {
                attribute.value = value.to_vec();
            }
            return None;
        }
        let answered = self.respond(opcode, parameters);
        Some(answered.unwrap_or_else(|(handle, code)| {
            let [low, high] = handle.to_le_bytes();
            vec![Opcode::ERROR_RESPONSE.0, opcode.0, low, high, code.0]
        }))
    }

    fn respond(&mut self, opcode: Opcode, parameters: &[u8]) -> Result<Vec<u8>, (u16, ErrorCode)> {
        let word = |at: usize| {
            let bytes = parameters.get(at..at + 2).and_then(|b| b.first_chunk());
            bytes
                .map(|b| u16::from_le_bytes(*b))
                .ok_or((0, ErrorCode::INVALID_PDU))
        };
        let room = usize::from(self.mtu.max(23));
        let start = word(0).unwrap_or(0);
        let none = (start, ErrorCode::ATTRIBUTE_NOT_FOUND);
        let at_a_handle = matches!(
            opcode,
            Opcode::READ_REQUEST
                | Opcode::READ_BLOB_REQUEST
                | Opcode::WRITE_REQUEST
                | Opcode::PREPARE_WRITE_REQUEST
        );
        if at_a_handle && std::mem::take(&mut self.out_of_sync) {
            return Err((start, ErrorCode::DATABASE_OUT_OF_SYNC));
        }
        match opcode {
            Opcode::EXCHANGE_MTU_REQUEST => {
                let mut response = vec![Opcode::EXCHANGE_MTU_RESPONSE.0];
                response.extend(self.mtu.to_le_bytes());
                Ok(response)
            }
            Opcode::READ_BY_GROUP_TYPE_REQUEST => {
                let range = start..=word(2)?;
                let found = self.services.iter().filter(|s| range.contains(&s.0));
                list(
                    Opcode::READ_BY_GROUP_TYPE_RESPONSE,
                    room,
                    found.map(|(first, last, uuid)| {
                        let mut entry = first.to_le_bytes().to_vec();
                        entry.extend(last.to_le_bytes());
                        entry.extend(encode(*uuid));
                        entry
                    }),
                )
                .ok_or(none)
            }
            Opcode::FIND_BY_TYPE_VALUE_REQUEST => {
                let range = start..=word(2)?;
                let wanted = Uuid::parse_le(parameters.get(6..).unwrap_or_default());
                let found = self
                    .services
                    .iter()
                    .filter(|s| range.contains(&s.0) && Some(s.2) == wanted);
                let mut response = vec![Opcode::FIND_BY_TYPE_VALUE_RESPONSE.0];
                for (first, last, _) in found {
                    response.extend(first.to_le_bytes());
                    response.extend(last.to_le_bytes());
                }
                if response.len() > 1 {
                    Ok(response)
                } else {
                    Err(none)
                }
            }
            Opcode::READ_BY_TYPE_REQUEST => {
                let range = start..=word(2)?;
                let wanted = Uuid::parse_le(parameters.get(4..).unwrap_or_default());
                let found = self
                    .attributes
                    .range(range)
                    .filter(|(_, a)| Some(a.uuid) == wanted);
                list(
                    Opcode::READ_BY_TYPE_RESPONSE,
                    room,
                    found.map(|(handle, a)| {
                        let mut entry = handle.to_le_bytes().to_vec();
                        entry.extend(&a.value);
                        entry
                    }),
                )
                .ok_or(none)
            }
            Opcode::FIND_INFORMATION_REQUEST => {
                let range = start..=word(2)?;
                let mut response = vec![Opcode::FIND_INFORMATION_RESPONSE.0, 1];
                for (handle, attribute) in self.attributes.range(range) {
                    let Some(short) = attribute.uuid.as_u16() else {
                        break;
                    };
                    if response.len() + 4 > room {
                        break;
                    }
                    response.extend(handle.to_le_bytes());
                    response.extend(short.to_le_bytes());
                }
                if response.len() > 2 {
                    Ok(response)
                } else {
                    Err(none)
                }
            }
            Opcode::READ_REQUEST | Opcode::READ_BLOB_REQUEST => {
                let attribute = self
                    .attributes
                    .get(&start)
                    .ok_or((start, ErrorCode::INVALID_HANDLE))?;
                let offset = if opcode == Opcode::READ_REQUEST {
                    0
                } else {
                    usize::from(word(2)?)
                };
                let rest = attribute
                    .value
                    .get(offset..)
                    .ok_or((start, ErrorCode::INVALID_OFFSET))?;
                let mut response = vec![opcode.0 + 1];
                response.extend(rest.iter().take(room - 1));
                Ok(response)
            }
            Opcode::WRITE_REQUEST => {
                let attribute = self
                    .attributes
                    .get_mut(&start)
                    .ok_or((start, ErrorCode::INVALID_HANDLE))?;
                attribute.value = parameters.get(2..).unwrap_or_default().to_vec();
                Ok(vec![Opcode::WRITE_RESPONSE.0])
            }
            Opcode::PREPARE_WRITE_REQUEST => {
                self.prepared
                    .push((start, parameters.get(4..).unwrap_or_default().to_vec()));
                let mut response = vec![Opcode::PREPARE_WRITE_RESPONSE.0];
                response.extend(parameters);
                Ok(response)
            }
            Opcode::EXECUTE_WRITE_REQUEST => {
                let prepared = std::mem::take(&mut self.prepared);
                if parameters == [1] {
                    for (handle, _) in &prepared {
                        if let Some(attribute) = self.attributes.get_mut(handle) {
                            attribute.value.clear();
                        }
                    }
                    for (handle, part) in prepared {
                        if let Some(attribute) = self.attributes.get_mut(&handle) {
                            attribute.value.extend(part);
                        }
                    }
                }
                Ok(vec![Opcode::EXECUTE_WRITE_RESPONSE.0])
            }
            _ => Err((0, ErrorCode::REQUEST_NOT_SUPPORTED)),
        }
    }
}

/// A response with entries of one length, as many as there is room for.
fn list(opcode: Opcode, room: usize, entries: impl Iterator<Item = Vec<u8>>) -> Option<Vec<u8>> {
    let mut entries = entries.peekable();
    let length = entries.peek()?.len();
    let mut response = vec![opcode.0, u8::try_from(length).ok()?];
    for entry in entries {
        if entry.len() != length || response.len() + length > room {
            break;
        }
        response.extend(entry);
    }
    Some(response)
}

fn encode(uuid: Uuid) -> Vec<u8> {
    uuid.write_le(&mut [0; 16]).to_vec()
}

/// A Handle Value Notification.
pub fn notification(handle: u16, value: &[u8]) -> Vec<u8> {
    value_pdu(Opcode::HANDLE_VALUE_NOTIFICATION, handle, value)
}

/// A Handle Value Indication.
pub fn indication(handle: u16, value: &[u8]) -> Vec<u8> {
    value_pdu(Opcode::HANDLE_VALUE_INDICATION, handle, value)
}

fn value_pdu(opcode: Opcode, handle: u16, value: &[u8]) -> Vec<u8> {
    let mut pdu = vec![opcode.0];
    pdu.extend(handle.to_le_bytes());
    pdu.extend(value);
    pdu
}

/// A handle from a number that is not zero.
pub fn handle(number: u16) -> AttributeHandle {
    AttributeHandle::new(number).expect("handles are not zero")
}
