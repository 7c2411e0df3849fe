//! How many requests common tasks take, against a server of our own.

use std::cell::RefCell;

use dongle_central::att::Uuid;
use dongle_central::bearer::ValueKind;

use crate::case::Act;
use crate::driver::{Driver, Fault};
use crate::server::Server;

/// What a task took, and what it is known to take.
pub struct Count {
    pub task: &'static str,
    pub requests: u32,
    pub expected: u32,
}

const NOTIFY: u8 = 0x10;
const READ: u8 = 0x02;

/// Runs all tasks.
pub fn count() -> Result<Vec<Count>, Fault> {
    Ok(vec![
        Count {
            task: "Heart rate, from the connection to the first value: MTU 247, the first \
                   service with the UUID, its characteristics, the descriptors of the measurement, \
                   the write of its CCCD",
            requests: heart_rate(247)?,
            expected: 5,
        },
        Count {
            task: "The same with the default MTU of 23",
            requests: heart_rate(23)?,
            expected: 4,
        },
        Count {
            task: "All of 12 services with 5 characteristics each, 3 of them with a CCCD: MTU 247, \
                   services, characteristics of each, descriptors of each characteristic",
            requests: everything(247, false)?,
            expected: 51,
        },
        Count {
            task: "The same, with one search for descriptors in each service",
            requests: everything(247, true)?,
            expected: 27,
        },
        Count {
            task: "The same, with the default MTU of 23",
            requests: everything(23, true)?,
            expected: 65,
        },
    ])
}

fn heart_rate(mtu: u16) -> Result<u32, Fault> {
    // The measurement, the sensor's location, the control point.
    let server = RefCell::new(
        Server::new(247)
            .with(0x1800, &[(0x2A00, READ, &[]), (0x2A01, READ, &[])])
            .with(0x1801, &[])
            .with(
                0x180D,
                &[
                    (0x2A37, NOTIFY, &[0x2902]),
                    (0x2A38, READ, &[]),
                    (0x2A39, 0x08, &[]),
                ],
            )
            .with(0x180F, &[(0x2A19, READ | NOTIFY, &[0x2902])]),
    );
    let mut driver = Driver::with_server(|pdu, _| server.borrow_mut().answer(pdu));
    if mtu > 23 {
        driver.act(Act::Mtu(mtu))?;
    }
    driver.act(Act::FirstServiceByUuid(Uuid::from_u16(0x180D)))?;
    driver.act(Act::CharacteristicsByUuid(7, 14, Uuid::from_u16(0x2A37)))?;
    driver.act(Act::Descriptors(10, 10))?;
    driver.act(Act::Listen(9, ValueKind::Notification))?;
    driver.act(Act::Write(10, "0100"))?;
    let requests = driver.requests();
    driver.receive(&[0x1B, 9, 0, 0x00, 72])?;
    driver.finish()?;
    let heard = driver
        .outcome
        .iter()
        .any(|line| line == "0x0009 notified 0048");
    if heard {
        Ok(requests)
    } else {
        Err(format!("no heart rate: {:#?}", driver.outcome))
    }
}

fn everything(mtu: u16, sweep: bool) -> Result<u32, Fault> {
    let characteristics: [(u16, u8, &[u16]); 5] = [
        (0x2A00, READ, &[]),
        (0x2A01, READ | NOTIFY, &[0x2902]),
        (0x2A02, READ, &[]),
        (0x2A03, READ | NOTIFY, &[0x2902]),
        (0x2A04, READ | NOTIFY, &[0x2902]),
    ];
    let mut server = Server::new(247);
    for number in 0..12 {
        server = server.with(0x1810 + number, &characteristics);
    }
    let server = RefCell::new(server);
    let mut driver = Driver::with_server(|pdu, _| server.borrow_mut().answer(pdu));
    if mtu > 23 {
        driver.act(Act::Mtu(mtu))?;
    }
    driver.act(Act::Services)?;
    // Each service: its declaration, 5 x 2 attributes and 3 descriptors.
    for service in 0..12 {
        let start = 14 * service + 1;
        driver.act(Act::Characteristics(start, start + 13))?;
        if sweep {
            driver.act(Act::Descriptors(start + 1, start + 13))?;
        } else {
            for descriptor in [5, 10, 13] {
                driver.act(Act::Descriptors(start + descriptor, start + descriptor))?;
            }
        }
    }
    let count = |what: &str| {
        driver
            .outcome
            .iter()
            .filter(|line| line.contains(what))
            .count()
    };
    let (services, declared, configured) = (count(" at "), count("declared"), count(": 0x2902"));
    let requests = driver.requests();
    match (services, declared, configured) {
        (12, 60, 36) => Ok(requests),
        other => Err(format!("found {other:?}")),
    }
}
