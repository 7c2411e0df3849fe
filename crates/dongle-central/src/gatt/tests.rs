//! Procedures against scripted servers: the expected requests, the given answers, and the results.

mod discovery;
mod reading;
mod writing;

use super::*;
use crate::att::{
    AttError, AttributeHandle, ErrorCode, HandleRange, Malformed, MalformedReason, Opcode, Uuid,
};
use std::vec;
use std::vec::Vec;

/// An expected request, and the answer to it.
type Exchange<'a> = (&'a [u8], &'a [u8]);

const NOT_FOUND: u8 = 0x0A;

fn handle(number: u16) -> AttributeHandle {
    AttributeHandle::new(number).unwrap()
}

fn range(start: u16, end: u16) -> HandleRange {
    HandleRange::new(handle(start), handle(end)).unwrap()
}

fn mtu(octets: u16) -> Mtu {
    Mtu::new(octets).unwrap()
}

fn refused(request: Opcode, number: u16, code: ErrorCode) -> ProcedureError {
    AttError {
        request,
        handle: AttributeHandle::new(number),
        code,
    }
    .into()
}

fn misbehaved<T>(misbehaviour: Misbehaviour) -> Result<T, ProcedureError> {
    Err(misbehaviour.into())
}

/// Runs a procedure through a script, and requires that it makes exactly the script's requests.
fn run<P: Procedure, T>(
    procedure: &mut P,
    mtu: Mtu,
    script: &[Exchange<'_>],
    mut keep: impl FnMut(P::Item<'_>) -> T,
) -> Result<Vec<T>, ProcedureError> {
    let mut script = script.iter();
    let mut items = Vec::new();
    let mut out = [0; 517];
    let result = loop {
        let length = match procedure.request(mtu, &mut out) {
            Ok(Some(length)) => length,
            Ok(None) => break Ok(items),
            Err(error) => break Err(error),
        };
        assert!(length <= mtu.size());
        let Some((request, answer)) = script.next() else {
            panic!("asked more than expected: {:02X?}", &out[..length]);
        };
        assert_eq!(out[..length], **request, "{:02X?} expected", request);
        if let Err(error) = procedure.response(answer) {
            break Err(error);
        }
        while let Some(item) = procedure.next_item(answer) {
            items.push(keep(item));
        }
    };
    assert_eq!(script.count(), 0, "asked less than expected");
    result
}
