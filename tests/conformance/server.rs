//! A small GATT server: what it has is a list of attributes, and it answers as the specification
//! says.

use dongle_central::att::{AttributeHandle, ExecuteAction, HandleRange, Mtu, Pdu, Request, Uuid};
use dongle_central::gatt::uuids;

/// An attribute; a handle is its place in the list plus one.
struct Attribute {
    kind: Uuid,
    value: Vec<u8>,
}

pub struct Server {
    attributes: Vec<Attribute>,
    most: u16,
    mtu: u16,
    prepared: Vec<(AttributeHandle, u16, Vec<u8>)>,
}

/// A characteristic to be put into a server: UUID, properties, descriptors.
pub type Characteristic<'a> = (u16, u8, &'a [u16]);

impl Server {
    /// An empty server that can receive PDUs of so many octets.
    pub fn new(most: u16) -> Self {
        Self {
            attributes: Vec::new(),
            most,
            mtu: 23,
            prepared: Vec::new(),
        }
    }

    /// Adds a service.
    pub fn with(mut self, uuid: u16, characteristics: &[Characteristic<'_>]) -> Self {
        self.add(uuids::PRIMARY_SERVICE, &uuid.to_le_bytes());
        for (uuid, properties, descriptors) in characteristics {
            let value_handle = self.attributes.len() as u16 + 2;
            let [h0, h1] = value_handle.to_le_bytes();
            let [u0, u1] = uuid.to_le_bytes();
            self.add(uuids::CHARACTERISTIC, &[*properties, h0, h1, u0, u1]);
            self.add(Uuid::from_u16(*uuid), &[0; 8]);
            for descriptor in *descriptors {
                self.add(Uuid::from_u16(*descriptor), &[0, 0]);
            }
        }
        self
    }

    fn add(&mut self, kind: Uuid, value: &[u8]) {
        self.attributes.push(Attribute {
            kind,
            value: value.into(),
        });
    }

    /// The answer to a request, or none to what is none.
    pub fn answer(&mut self, pdu: &[u8]) -> Vec<u8> {
        let request = match Pdu::parse(pdu) {
            Ok(Pdu::Request(request)) => request,
            _ => return vec![],
        };
        let opcode = request.opcode().0;
        match self.respond(request) {
            Ok(parameters) => [&[opcode + 1][..], &parameters].concat(),
            Err((handle, code)) => {
                let [low, high] = handle.to_le_bytes();
                vec![0x01, opcode, low, high, code]
            }
        }
    }

    fn respond(&mut self, request: Request<'_>) -> Result<Vec<u8>, (u16, u8)> {
        let room = usize::from(self.mtu) - 1;
        match request {
            Request::ExchangeMtu { client_rx_mtu } => {
                self.mtu = Mtu::agreed(client_rx_mtu, self.most).get();
                Ok(self.most.to_le_bytes().into())
            }
            Request::ReadByGroupType { range, group_type } => {
                let found = self
                    .typed(range, group_type)
                    .map(|handle| [&self.group(handle)[..], self.value(handle)].concat());
                list(found, room, range)
            }
            Request::FindByTypeValue { range, value, .. } => {
                let found = self.typed(range, uuids::PRIMARY_SERVICE);
                let groups: Vec<_> = found
                    .filter(|handle| self.value(*handle) == value)
                    .take(room / 4)
                    .flat_map(|handle| self.group(handle))
                    .collect();
                if groups.is_empty() {
                    Err((range.start().get(), 0x0A))
                } else {
                    Ok(groups)
                }
            }
            Request::ReadByType {
                range,
                attribute_type,
            } => {
                let found = self
                    .typed(range, attribute_type)
                    .map(|handle| [&handle.to_le_bytes()[..], self.value(handle)].concat());
                list(found, room, range)
            }
            Request::FindInformation { range } => {
                let mut out = vec![1];
                let mut uuid = [0; 16];
                for handle in self.within(range).take((room - 1) / 4) {
                    out.extend(handle.to_le_bytes());
                    out.extend(self.kind(handle).write_le(&mut uuid).iter());
                }
                if out.len() > 1 {
                    Ok(out)
                } else {
                    Err((range.start().get(), 0x0A))
                }
            }
            Request::Read { handle } => Ok(cut(self.known(handle)?, 0, room)),
            Request::ReadBlob { handle, offset } => {
                Ok(cut(self.known(handle)?, usize::from(offset), room))
            }
            Request::Write { handle, value } => {
                self.known(handle)?;
                self.attributes[usize::from(handle.get()) - 1].value = value.into();
                Ok(vec![])
            }
            Request::PrepareWrite {
                handle,
                offset,
                part,
            } => {
                self.known(handle)?;
                self.prepared.push((handle, offset, part.into()));
                let [h0, h1] = handle.get().to_le_bytes();
                let [o0, o1] = offset.to_le_bytes();
                Ok([&[h0, h1, o0, o1][..], part].concat())
            }
            Request::ExecuteWrite { action } => {
                for (handle, offset, part) in self.prepared.drain(..) {
                    if action == ExecuteAction::Write {
                        let value = &mut self.attributes[usize::from(handle.get()) - 1].value;
                        value.resize(usize::from(offset), 0);
                        value.extend(part);
                    }
                }
                Ok(vec![])
            }
            _ => Err((0, 0x06)),
        }
    }

    fn within(&self, range: HandleRange) -> impl Iterator<Item = u16> {
        range.start().get()..=range.end().get().min(self.attributes.len() as u16)
    }

    fn typed(&self, range: HandleRange, kind: Uuid) -> impl Iterator<Item = u16> {
        self.within(range)
            .filter(move |handle| self.kind(*handle) == kind)
    }

    fn kind(&self, handle: u16) -> Uuid {
        self.attributes[usize::from(handle) - 1].kind
    }

    fn value(&self, handle: u16) -> &[u8] {
        &self.attributes[usize::from(handle) - 1].value
    }

    fn known(&self, handle: AttributeHandle) -> Result<&[u8], (u16, u8)> {
        match self.attributes.get(usize::from(handle.get()) - 1) {
            Some(attribute) => Ok(&attribute.value),
            None => Err((handle.get(), 0x01)),
        }
    }

    /// A service's handles, as they are in a list.
    fn group(&self, start: u16) -> [u8; 4] {
        let last = self.attributes.len() as u16;
        let next = (start + 1..=last).find(|handle| self.kind(*handle) == uuids::PRIMARY_SERVICE);
        let [s0, s1] = start.to_le_bytes();
        let [e0, e1] = next.map_or(last, |next| next - 1).to_le_bytes();
        [s0, s1, e0, e1]
    }
}

fn cut(value: &[u8], offset: usize, room: usize) -> Vec<u8> {
    value.iter().skip(offset).take(room).copied().collect()
}

/// As many entries of the first one's length as have room.
fn list(
    mut entries: impl Iterator<Item = Vec<u8>>,
    room: usize,
    range: HandleRange,
) -> Result<Vec<u8>, (u16, u8)> {
    let first = entries.next().ok_or((range.start().get(), 0x0A))?;
    let length = first.len();
    let others = entries
        .take_while(|entry| entry.len() == length)
        .take((room - 1) / length - 1);
    Ok([vec![length as u8], first]
        .into_iter()
        .chain(others)
        .flatten()
        .collect())
}
