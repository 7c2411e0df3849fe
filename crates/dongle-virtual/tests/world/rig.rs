//! A world with hosts that are no more than bytes, and a time that moves when told.

use std::collections::VecDeque;
use std::time::Duration;

use dongle_virtual::{ControllerConfig, ControllerId, Pacing, World};

pub const PERIPHERAL: [u8; 6] = [1, 1, 1, 1, 1, 0xC1];
pub const CENTRAL: [u8; 6] = [2, 2, 2, 2, 2, 0xC2];

/// What a host was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Got {
    Complete {
        opcode: u16,
        status: u8,
        returned: Vec<u8>,
    },
    Status {
        opcode: u16,
        status: u8,
    },
    Event {
        code: u8,
        parameters: Vec<u8>,
    },
    Le {
        subevent: u8,
        parameters: Vec<u8>,
    },
    Acl {
        handle: u16,
        boundary: u16,
        data: Vec<u8>,
    },
}

impl Got {
    fn parse(packet: &[u8]) -> Self {
        match *packet {
            [4, 0x0E, len, 1, o0, o1, status, ref returned @ ..] => {
                assert_eq!(usize::from(len), 4 + returned.len());
                let opcode = u16::from_le_bytes([o0, o1]);
                Self::Complete {
                    opcode,
                    status,
                    returned: returned.to_vec(),
                }
            }
            [4, 0x0F, 4, status, 1, o0, o1] => Self::Status {
                opcode: u16::from_le_bytes([o0, o1]),
                status,
            },
            [4, 0x3E, len, subevent, ref parameters @ ..] => {
                assert_eq!(usize::from(len), 1 + parameters.len());
                Self::Le {
                    subevent,
                    parameters: parameters.to_vec(),
                }
            }
            [4, code, len, ref parameters @ ..] => {
                assert_eq!(usize::from(len), parameters.len());
                Self::Event {
                    code,
                    parameters: parameters.to_vec(),
                }
            }
            [2, h0, h1, l0, l1, ref data @ ..] => {
                assert_eq!(usize::from(u16::from_le_bytes([l0, l1])), data.len());
                let word = u16::from_le_bytes([h0, h1]);
                Self::Acl {
                    handle: word & 0xFFF,
                    boundary: word >> 12,
                    data: data.to_vec(),
                }
            }
            _ => panic!("not a packet to a host: {packet:02x?}"),
        }
    }
}

pub struct Rig {
    pub world: World,
    pub now: Duration,
    got: Vec<(ControllerId, VecDeque<Got>)>,
}

impl Rig {
    pub fn new(pacing: Pacing) -> Self {
        Self {
            world: World::with_pacing(42, pacing),
            now: Duration::ZERO,
            got: Vec::new(),
        }
    }

    /// A controller whose host has reset it, let all events through and set a random address.
    pub fn host(&mut self, config: ControllerConfig, address: [u8; 6]) -> ControllerId {
        let id = self.world.add_controller(config);
        self.got.push((id, VecDeque::new()));
        self.reset(id, address);
        id
    }

    /// Resets a controller, lets all events through and sets a random address.
    pub fn reset(&mut self, id: ControllerId, address: [u8; 6]) {
        self.ok(id, 0x0C03, &[]);
        self.ok(id, 0x0C01, &[0xFF; 8]);
        self.ok(id, 0x2001, &[0xFF; 8]);
        self.ok(id, 0x2005, &address);
    }

    fn fetch(&mut self) {
        while let Some((id, packet)) = self.world.poll_output() {
            let got = Got::parse(&packet);
            self.queue(id).push_back(got);
        }
    }

    fn queue(&mut self, id: ControllerId) -> &mut VecDeque<Got> {
        &mut self
            .got
            .iter_mut()
            .find(|(known, _)| *known == id)
            .expect("a known host")
            .1
    }

    /// Lets time pass and everything happen that is due in it.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.fetch();
            match self.world.poll_timeout() {
                Some(when) if when <= end => {
                    self.now = self.now.max(when);
                    self.world.handle_timeout(self.now);
                }
                _ => break,
            }
        }
        self.now = end;
        self.world.handle_timeout(end);
        self.fetch();
    }

    pub fn run_ms(&mut self, millis: u64) {
        self.run(Duration::from_millis(millis));
    }

    /// Everything the host has been given and has not looked at.
    pub fn all(&mut self, id: ControllerId) -> Vec<Got> {
        self.fetch();
        self.queue(id).drain(..).collect()
    }

    pub fn command(&mut self, id: ControllerId, opcode: u16, parameters: &[u8]) -> Got {
        self.fetch();
        let mut packet = vec![1];
        packet.extend_from_slice(&opcode.to_le_bytes());
        packet.push(parameters.len() as u8);
        packet.extend_from_slice(parameters);
        self.world.handle_packet(self.now, id, &packet);
        self.fetch();
        let queue = self.queue(id);
        let answer = queue.iter().position(|got| match got {
            Got::Complete { opcode: of, .. } | Got::Status { opcode: of, .. } => *of == opcode,
            _ => false,
        });
        let answer = answer.unwrap_or_else(|| panic!("no answer to {opcode:#06x}"));
        queue.remove(answer).expect("it is there")
    }

    /// A command that has to succeed; its return parameters.
    pub fn ok(&mut self, id: ControllerId, opcode: u16, parameters: &[u8]) -> Vec<u8> {
        match self.command(id, opcode, parameters) {
            Got::Complete {
                status: 0,
                returned,
                ..
            } => returned,
            Got::Status { status: 0, .. } => Vec::new(),
            other => panic!("{opcode:#06x}: {other:02x?}"),
        }
    }

    /// The status with which a command is answered.
    pub fn status(&mut self, id: ControllerId, opcode: u16, parameters: &[u8]) -> u8 {
        match self.command(id, opcode, parameters) {
            Got::Complete { status, .. } | Got::Status { status, .. } => status,
            other => panic!("{other:?}"),
        }
    }

    /// All LE events of this kind; everything else stays.
    pub fn le(&mut self, id: ControllerId, subevent: u8) -> Vec<Vec<u8>> {
        self.take(id, |got| match got {
            Got::Le {
                subevent: of,
                parameters,
            } if *of == subevent => Some(parameters.clone()),
            _ => None,
        })
    }

    /// All events of this kind; everything else stays.
    pub fn events(&mut self, id: ControllerId, code: u8) -> Vec<Vec<u8>> {
        self.take(id, |got| match got {
            Got::Event {
                code: of,
                parameters,
            } if *of == code => Some(parameters.clone()),
            _ => None,
        })
    }

    /// All data: (handle, boundary flag, octets).
    pub fn data(&mut self, id: ControllerId) -> Vec<(u16, u16, Vec<u8>)> {
        self.take(id, |got| match got {
            Got::Acl {
                handle,
                boundary,
                data,
            } => Some((*handle, *boundary, data.clone())),
            _ => None,
        })
    }

    fn take<T>(&mut self, id: ControllerId, pick: impl Fn(&Got) -> Option<T>) -> Vec<T> {
        self.fetch();
        let queue = self.queue(id);
        let mut taken = Vec::new();
        queue.retain(|got| match pick(got) {
            Some(value) => {
                taken.push(value);
                false
            }
            None => true,
        });
        taken
    }

    pub fn acl(&mut self, id: ControllerId, handle: u16, boundary: u16, data: &[u8]) {
        let mut packet = vec![2];
        packet.extend_from_slice(&(handle | boundary << 12).to_le_bytes());
        packet.extend_from_slice(&(data.len() as u16).to_le_bytes());
        packet.extend_from_slice(data);
        self.world.handle_packet(self.now, id, &packet);
    }

    /// Connectable, scannable advertising by the legacy commands, every 20 ms.
    pub fn advertise(&mut self, id: ControllerId, data: &[u8], response: &[u8]) {
        self.ok(
            id,
            0x2006,
            &[0x20, 0, 0x20, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0],
        );
        self.ok(id, 0x2008, &padded(data));
        self.ok(id, 0x2009, &padded(response));
        self.ok(id, 0x200A, &[1]);
    }

    pub fn create_connection(&mut self, id: ControllerId, peer: [u8; 6]) {
        self.ok(id, 0x200D, &create_connection(peer, 24, 0, 100));
    }

    /// Two hosts and a link between them: central, its handle, peripheral, its handle.
    pub fn connected(&mut self, central: ControllerConfig, peripheral: ControllerConfig) -> Linked {
        let peripheral = self.host(peripheral, PERIPHERAL);
        let central = self.host(central, CENTRAL);
        self.link(central, peripheral)
    }

    pub fn link(&mut self, central: ControllerId, peripheral: ControllerId) -> Linked {
        self.advertise(peripheral, &[2, 1, 6], &[]);
        self.create_connection(central, PERIPHERAL);
        self.run_ms(100);
        let complete = |rig: &mut Self, id, role| {
            let event = rig.le(id, 0x0A).pop().expect("a connection");
            assert_eq!((event[0], event[3]), (0, role), "{event:02x?}");
            u16::from_le_bytes([event[1], event[2]])
        };
        let handle = complete(self, central, 0);
        let peer_handle = complete(self, peripheral, 1);
        self.all(central);
        self.all(peripheral);
        Linked {
            central,
            handle,
            peripheral,
            peer_handle,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Linked {
    pub central: ControllerId,
    pub handle: u16,
    pub peripheral: ControllerId,
    pub peer_handle: u16,
}

pub fn padded(data: &[u8]) -> [u8; 32] {
    let mut parameters = [0; 32];
    parameters[0] = data.len() as u8;
    parameters[1..=data.len()].copy_from_slice(data);
    parameters
}

pub fn create_connection(peer: [u8; 6], interval: u16, latency: u16, timeout: u16) -> Vec<u8> {
    let mut parameters = vec![0x10, 0, 0x10, 0, 0, 1];
    parameters.extend_from_slice(&peer);
    parameters.push(1);
    for field in [interval, interval, latency, timeout, 0, 0] {
        parameters.extend_from_slice(&field.to_le_bytes());
    }
    parameters
}

/// A handle and what follows it in a command.
pub fn with_handle(handle: u16, rest: &[u8]) -> Vec<u8> {
    [&handle.to_le_bytes(), rest].concat()
}
