//! Writing short, long and reliably, and leaving nothing behind in a server's queue.

use super::*;
use crate::att::ExecuteAction;
use Misbehaviour::*;

fn write(mut procedure: impl Procedure, script: &[Exchange<'_>]) -> Result<(), ProcedureError> {
    run(&mut procedure, Mtu::DEFAULT, script, |_| ()).map(|_| ())
}

const CANCEL: Option<Request<'_>> = Some(Request::ExecuteWrite {
    action: ExecuteAction::Cancel,
});

#[test]
fn a_short_value_is_one_request() {
    let value = [7; 20];
    let mut request = vec![0x12, 3, 0];
    request.extend_from_slice(&value);
    assert_eq!(
        write(Write::new(handle(3), &value), &[(&request, &[0x13])]),
        Ok(())
    );
    let error = refused(Opcode::WRITE_REQUEST, 3, ErrorCode::VALUE_NOT_ALLOWED);
    let script: &[Exchange<'_>] = &[(&[0x12, 3, 0], &[1, 0x12, 3, 0, 0x13])];
    assert_eq!(write(Write::new(handle(3), &[]), script), Err(error));
    let script: &[Exchange<'_>] = &[(&[0x12, 3, 0], &[0x19])];
    assert_eq!(
        write(Write::new(handle(3), &[]), script),
        misbehaved(UnexpectedResponse)
    );
}

#[test]
fn a_value_too_long_for_its_mode_names_the_limit() {
    let value = [7; 513];
    let error = |length, limit| Err(ProcedureError::ValueTooLong { length, limit });
    assert_eq!(
        write(Write::new(handle(3), &value[..21]), &[]),
        error(21, 20)
    );
    let mut out = [0; 517];
    let command = |value, mtu, out: &mut [u8]| write_command(handle(3), value, mtu, out);
    assert_eq!(command(&value[..20], Mtu::DEFAULT, &mut out), Ok(23));
    assert_eq!(out[..4], [0x52, 3, 0, 7]);
    assert_eq!(
        command(&value[..21], Mtu::DEFAULT, &mut out),
        Err(ProcedureError::ValueTooLong {
            length: 21,
            limit: 20
        })
    );
    assert_eq!(
        command(&value, Mtu::MAX, &mut out),
        Err(ProcedureError::ValueTooLong {
            length: 513,
            limit: 512
        })
    );
    assert_eq!(
        write(QueuedWrite::long(handle(3), &value), &[]),
        error(513, 512)
    );
    assert_eq!(
        write(QueuedWrite::long_at(handle(3), 500, &value[..13]), &[]),
        error(13, 12)
    );
    let writes = [(handle(3), &value[..1]), (handle(5), &value[..])];
    assert_eq!(write(QueuedWrite::reliable(&writes), &[]), error(513, 512));
}

#[test]
fn a_mode_is_one_that_carries_the_value_and_never_loses_it_in_silence() {
    use WriteMode::*;
    let (both, with, without) = (
        Properties::WRITE | Properties::WRITE_WITHOUT_RESPONSE,
        Properties::WRITE,
        Properties::WRITE_WITHOUT_RESPONSE,
    );
    for (properties, response, fitting, long) in [
        (both, None, Some(WithoutResponse), Some(WithResponse)),
        (with, None, Some(WithResponse), Some(WithResponse)),
        (without, None, Some(WithoutResponse), Some(WithoutResponse)),
        (without, Some(true), Some(WithResponse), Some(WithResponse)),
        (both, Some(true), Some(WithResponse), Some(WithResponse)),
        (
            both,
            Some(false),
            Some(WithoutResponse),
            Some(WithoutResponse),
        ),
        (
            without,
            Some(false),
            Some(WithoutResponse),
            Some(WithoutResponse),
        ),
        (with, Some(false), None, None),
        (Properties::READ, None, None, None),
        (Properties::READ, Some(true), None, None),
    ] {
        for (fits, mode) in [(true, fitting), (false, long)] {
            assert_eq!(
                WriteMode::choose(properties, response, fits),
                mode,
                "{properties:?} {response:?} {fits}"
            );
        }
    }
}

/// A Prepare Write PDU with `count` octets of 7.
fn part(opcode: u8, number: u8, offset: u8, count: usize) -> Vec<u8> {
    let mut pdu = vec![opcode, number, 0, offset, 0];
    pdu.resize(5 + count, 7);
    pdu
}

#[test]
fn a_long_value_is_prepared_in_parts_and_executed() {
    let value = [7; 40];
    let script: &[Exchange<'_>] = &[
        (&part(0x16, 3, 0, 18), &part(0x17, 3, 0, 18)),
        (&part(0x16, 3, 18, 18), &part(0x17, 3, 18, 18)),
        (&part(0x16, 3, 36, 4), &part(0x17, 3, 36, 4)),
        (&[0x18, 1], &[0x19]),
    ];
    assert_eq!(write(QueuedWrite::long(handle(3), &value), script), Ok(()));
    let script: &[Exchange<'_>] = &[
        (&part(0x16, 3, 9, 18), &part(0x17, 3, 9, 18)),
        (&[0x18, 1], &[0x19]),
    ];
    assert_eq!(
        write(QueuedWrite::long_at(handle(3), 9, &value[..18]), script),
        Ok(())
    );
    let script: &[Exchange<'_>] = &[
        (&part(0x16, 3, 0, 0), &part(0x17, 3, 0, 0)),
        (&[0x18, 1], &[0x19]),
    ];
    assert_eq!(write(QueuedWrite::long(handle(3), &[]), script), Ok(()));
}

#[test]
fn reliable_writes_are_prepared_one_by_one_and_executed_together() {
    let value = [7; 20];
    let writes = [(handle(3), &value[..]), (handle(5), &value[..2])];
    let script: &[Exchange<'_>] = &[
        (&part(0x16, 3, 0, 18), &part(0x17, 3, 0, 18)),
        (&part(0x16, 3, 18, 2), &part(0x17, 3, 18, 2)),
        (&part(0x16, 5, 0, 2), &part(0x17, 5, 0, 2)),
        (&[0x18, 1], &[0x19]),
    ];
    assert_eq!(write(QueuedWrite::reliable(&writes), script), Ok(()));
    assert_eq!(write(QueuedWrite::reliable(&[]), &[]), Ok(()));
}

#[test]
fn what_the_server_misheard_is_cancelled() {
    let value = [7; 20];
    let mut altered = part(0x17, 3, 0, 18);
    altered[10] = 8;
    for echo in [
        altered,
        part(0x17, 3, 1, 18),
        part(0x17, 5, 0, 18),
        part(0x17, 3, 0, 17),
        part(0x17, 3, 0, 19),
    ] {
        let script: &[Exchange<'_>] = &[(&part(0x16, 3, 0, 18), &echo), (&[0x18, 0], &[0x19])];
        let result = write(QueuedWrite::long(handle(3), &value), script);
        assert_eq!(result, misbehaved(EchoDiffers(handle(3))), "{echo:02X?}");
    }
}

#[test]
fn a_refusal_amid_a_long_write_leaves_nothing_in_the_queue() {
    let value = [7; 40];
    let error = refused(
        Opcode::PREPARE_WRITE_REQUEST,
        3,
        ErrorCode::PREPARE_QUEUE_FULL,
    );
    let full = [1, 0x16, 3, 0, 0x09];
    let script: &[Exchange<'_>] = &[(&part(0x16, 3, 0, 18), &full)];
    assert_eq!(
        write(QueuedWrite::long(handle(3), &value), script),
        Err(error)
    );
    let script: &[Exchange<'_>] = &[
        (&part(0x16, 3, 0, 18), &part(0x17, 3, 0, 18)),
        (&part(0x16, 3, 18, 18), &full),
        (&[0x18, 0], &[1, 0x18, 0, 0, 0x0E]),
    ];
    assert_eq!(
        write(QueuedWrite::long(handle(3), &value), script),
        Err(error)
    );
}

#[test]
fn a_refused_execution_is_the_end() {
    let error = refused(
        Opcode::EXECUTE_WRITE_REQUEST,
        3,
        ErrorCode::INVALID_ATTRIBUTE_VALUE_LENGTH,
    );
    let script: &[Exchange<'_>] = &[
        (&part(0x16, 3, 0, 1), &part(0x17, 3, 0, 1)),
        (&[0x18, 1], &[1, 0x18, 3, 0, 0x0D]),
    ];
    assert_eq!(
        write(QueuedWrite::long(handle(3), &[7]), script),
        Err(error)
    );
}

#[test]
fn a_caller_who_goes_away_leaves_a_cancellation() {
    let value = [7; 19];
    let mut procedure = QueuedWrite::long(handle(3), &value);
    let mut out = [0; 23];
    assert_eq!(procedure.cancel(), None);
    procedure.request(Mtu::DEFAULT, &mut out).unwrap();
    assert_eq!(procedure.cancel(), CANCEL);
    procedure.response(&part(0x17, 3, 0, 18)).unwrap();
    assert_eq!(procedure.cancel(), CANCEL);
    procedure.request(Mtu::DEFAULT, &mut out).unwrap();
    procedure.response(&part(0x17, 3, 18, 1)).unwrap();
    assert_eq!(procedure.cancel(), CANCEL);
    procedure.request(Mtu::DEFAULT, &mut out).unwrap();
    // The request may not have been sent yet.
    assert_eq!(procedure.cancel(), CANCEL);
    procedure.response(&[0x19]).unwrap();
    assert_eq!(procedure.cancel(), None);
    assert_eq!(procedure.request(Mtu::DEFAULT, &mut out), Ok(None));
}

#[test]
fn the_values_of_gatt_itself_are_read_and_written() {
    let both = ClientConfiguration::NOTIFICATIONS | ClientConfiguration::INDICATIONS;
    assert_eq!(both.to_le_bytes(), [3, 0]);
    assert_eq!(
        ClientConfiguration::parse(&[2, 0]),
        Some(ClientConfiguration::INDICATIONS)
    );
    assert_eq!(ClientConfiguration::parse(&[2]), None);
    assert_eq!(
        changed_services(&[1, 0, 0xFF, 0xFF]),
        Some(HandleRange::ALL)
    );
    for value in [
        &[][..],
        &[1, 0, 0],
        &[0, 0, 1, 0],
        &[2, 0, 1, 0],
        &[1, 0, 2, 0, 0],
    ] {
        assert_eq!(changed_services(value), None);
    }
}
