//! Runs acts on the bearer and the procedures, without executor, clock or sleep.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use dongle_central::att::{AttributeHandle, HandleRange, Mtu, Request};
use dongle_central::bearer::{
    Bearer, CallError, CallId, Received, StartError, SubscriptionId, ValueKind,
};
use dongle_central::gatt::{
    DiscoverCharacteristics, DiscoverDescriptors, DiscoverIncluded, DiscoverServices,
    DiscoverServicesByUuid, Procedure, ProcedureError, QueuedWrite, ReadByUuid, ReadLong,
    ReadMultiple, ReadMultipleVariable, ValueBuffer, Write, changed_services,
};
use dongle_central::links::LinkMemory;
use dongle_central::{Duration, Instant};

use crate::case::{Act, Peer, Scenario, bytes, text};

/// Enough for an MTU of 517.
type Memory = LinkMemory<518, 4, 4, 4096>;

/// More results than this are counted instead of told.
const MANY: usize = 100;

/// How a run is stopped: the client did not do what the case says.
pub type Fault = String;

/// How an act ends besides success.
enum End {
    /// An outcome like any other.
    Error(String),
    Fault(Fault),
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<ProcedureError> for End {
    fn from(error: ProcedureError) -> Self {
        let security = match error {
            ProcedureError::Att(error) => error.code.is_security(),
            _ => false,
        };
        Self::Error(format!(
            "{error}{}",
            if security { "; security" } else { "" }
        ))
    }
}

/// The answer to a request, and to which one it is; empty: none.
type Answer<'s> = Box<dyn FnMut(&[u8], usize) -> Vec<u8> + 's>;

/// What the client talks to.
enum Other<'s> {
    Script(VecDeque<&'s str>),
    Server {
        answer: Answer<'s>,
        left: usize,
        asked: usize,
    },
}

/// A bearer, its peer, and what came out so far.
pub struct Driver<'s> {
    memory: Box<Memory>,
    other: Other<'s>,
    now: Instant,
    timeout: Option<Duration>,
    listening: Vec<(SubscriptionId, AttributeHandle, Told)>,
    pub outcome: Vec<String>,
}

/// How a value is told.
#[derive(Clone, Copy)]
enum Told {
    Notified,
    Indicated,
    Changed,
}

/// Runs a scenario and compares what comes out.
pub fn run(scenario: &Scenario) -> Result<(), Fault> {
    let other = match &scenario.peer {
        Peer::Script(lines) => Other::Script(lines.iter().map(String::as_str).collect()),
        Peer::Server { answer, at_most } => Other::Server {
            answer: Box::new(*answer),
            left: *at_most,
            asked: 0,
        },
    };
    let mut driver = Driver::new(other);
    for act in &scenario.acts {
        driver.act(*act)?;
    }
    driver.finish()?;
    if driver.outcome == scenario.expected {
        Ok(())
    } else {
        Err(format!(
            "came out as {:#?} instead of {:#?}",
            driver.outcome, scenario.expected
        ))
    }
}

impl<'s> Driver<'s> {
    fn new(other: Other<'s>) -> Self {
        let mut memory = Box::new(Memory::new());
        memory.link().bearer.open();
        Self {
            memory,
            other,
            now: Instant::from_secs(1),
            timeout: None,
            listening: Vec::new(),
            outcome: Vec::new(),
        }
    }

    /// Against a server without a script.
    pub fn with_server(answer: impl FnMut(&[u8], usize) -> Vec<u8> + 's) -> Self {
        Self::new(Other::Server {
            answer: Box::new(answer),
            left: usize::MAX,
            asked: 0,
        })
    }

    fn bearer(&mut self) -> Bearer<'_> {
        self.memory.link().bearer
    }

    /// How many requests were sent.
    pub fn requests(&mut self) -> u32 {
        self.bearer().counters().requests
    }

    /// Takes a PDU that the peer sends unasked.
    pub fn receive(&mut self, pdu: &[u8]) -> Result<(), Fault> {
        self.bearer().handle_pdu(pdu);
        self.flush()
    }

    /// Does one thing, to its end.
    pub fn act(&mut self, act: Act) -> Result<(), Fault> {
        match self.attempt(act) {
            Ok(()) => Ok(()),
            Err(End::Error(error)) => {
                self.outcome.push(format!("error: {error}"));
                Ok(())
            }
            Err(End::Fault(fault)) => Err(fault),
        }
    }

    fn attempt(&mut self, act: Act) -> Result<(), End> {
        match act {
            Act::Timeout(seconds) => {
                self.timeout = (seconds > 0).then(|| Duration::from_secs(seconds));
                Ok(())
            }
            Act::Mtu(client_rx_mtu) => {
                let request = Request::ExchangeMtu { client_rx_mtu };
                let id = self.begin(|_, out| request.emit(out).map_err(ProcedureError::from))?;
                self.response(id)?;
                let mtu = self.bearer().mtu();
                self.outcome.push(format!("MTU {mtu}"));
                Ok(())
            }
            Act::Services => self.services(DiscoverServices::primary(HandleRange::ALL), usize::MAX),
            Act::ServicesByUuid(uuid) => self.services(
                DiscoverServicesByUuid::new(HandleRange::ALL, uuid),
                usize::MAX,
            ),
            Act::FirstServiceByUuid(uuid) => {
                self.services(DiscoverServicesByUuid::new(HandleRange::ALL, uuid), 1)
            }
            Act::Included(start, end) => self.procedure(
                DiscoverIncluded::new(range(start, end)?),
                usize::MAX,
                |found| format!("{}: {} at {}", found.handle, found.uuid, found.range),
            ),
            Act::Characteristics(start, end) => {
                self.characteristics(DiscoverCharacteristics::all(range(start, end)?))
            }
            Act::CharacteristicsByUuid(start, end, uuid) => {
                self.characteristics(DiscoverCharacteristics::by_uuid(range(start, end)?, uuid))
            }
            Act::Descriptors(start, end) => self.procedure(
                DiscoverDescriptors::new(range(start, end)?),
                usize::MAX,
                |found| format!("{}: {}", found.handle, found.uuid),
            ),
            Act::Read(number) => self.read(ReadLong::new(handle(number)?), number),
            Act::ReadFrom(number, offset) => {
                self.read(ReadLong::starting_at(handle(number)?, offset), number)
            }
            Act::ReadByUuid(uuid) => {
                self.values(ReadByUuid::new(HandleRange::ALL, uuid), usize::MAX)
            }
            Act::ReadFirstByUuid(uuid) => self.values(ReadByUuid::new(HandleRange::ALL, uuid), 1),
            Act::ReadMultiple(numbers) => {
                let handles = handles(numbers)?;
                self.procedure(ReadMultiple::new(&handles), usize::MAX, |found| {
                    let more = if found.may_be_longer {
                        ", maybe more"
                    } else {
                        ""
                    };
                    format!("together: {}{more}", text(found.values))
                })
            }
            Act::ReadVariable(numbers) => {
                let handles = handles(numbers)?;
                self.values(ReadMultipleVariable::new(&handles), usize::MAX)
            }
            Act::Write(number, value) => {
                let value = bytes(value)?;
                self.write(Write::new(handle(number)?, &value))
            }
            Act::WriteCommand(number, value) => self.command(number, &bytes(value)?),
            Act::WriteLong(number, value) => {
                let value = bytes(value)?;
                self.write(QueuedWrite::long(handle(number)?, &value))
            }
            Act::WriteLongAt(number, offset, value) => {
                let value = bytes(value)?;
                self.write(QueuedWrite::long_at(handle(number)?, offset, &value))
            }
            Act::WriteReliable(writes) => {
                let mut parsed = Vec::new();
                for (number, value) in writes {
                    parsed.push((handle(*number)?, bytes(value)?));
                }
                let writes: Vec<_> = parsed.iter().map(|(h, value)| (*h, &value[..])).collect();
                self.write(QueuedWrite::reliable(&writes))
            }
            Act::LeaveLongWrite(number, value, requests) => {
                let value = bytes(value)?;
                self.leave(QueuedWrite::long(handle(number)?, &value), requests)
            }
            Act::Listen(number, kind) => {
                let told = match kind {
                    ValueKind::Notification => Told::Notified,
                    ValueKind::Indication => Told::Indicated,
                };
                self.listen(number, kind, told)
            }
            Act::ListenForChanges(number) => {
                self.listen(number, ValueKind::Indication, Told::Changed)
            }
            Act::Unlisten => {
                for (id, ..) in self.listening.split_off(0) {
                    self.bearer().unsubscribe(id);
                }
                Ok(self.flush()?)
            }
        }
    }

    fn services<P>(&mut self, procedure: P, most: usize) -> Result<(), End>
    where
        P: for<'p> Procedure<Item<'p> = dongle_central::gatt::Service>,
    {
        self.procedure(procedure, most, |found| {
            format!("{} at {}", found.uuid, found.range)
        })
    }

    fn characteristics(&mut self, procedure: DiscoverCharacteristics) -> Result<(), End> {
        self.procedure(procedure, usize::MAX, |found| {
            let (properties, uuid) = (found.properties.bits(), found.uuid);
            let (declared, value, end) = (found.handle, found.value_handle, found.end);
            format!(
                "{uuid} declared {declared} value {value} end {end} properties {properties:02X}"
            )
        })
    }

    fn values<P>(&mut self, procedure: P, most: usize) -> Result<(), End>
    where
        P: for<'p> Procedure<Item<'p> = dongle_central::gatt::HandleValue<'p>>,
    {
        self.procedure(procedure, most, |found| {
            let more = if found.may_be_longer {
                ", maybe more"
            } else {
                ""
            };
            format!("{} = {}{more}", found.handle, text(found.value))
        })
    }

    fn read(&mut self, procedure: ReadLong, number: u16) -> Result<(), End> {
        let mut room = [0; 512];
        let mut value = ValueBuffer::new(&mut room);
        self.drive(procedure, |piece| {
            value.push(piece);
            true
        })?;
        let value = value.finish()?;
        self.outcome
            .push(format!("0x{number:04X} = {}", text(value)));
        Ok(())
    }

    fn write(&mut self, procedure: impl Procedure) -> Result<(), End> {
        self.drive(procedure, |_| true)?;
        self.outcome.push("written".into());
        Ok(())
    }

    fn procedure<P: Procedure>(
        &mut self,
        procedure: P,
        most: usize,
        show: impl Fn(P::Item<'_>) -> String,
    ) -> Result<(), End> {
        let mut found = Vec::new();
        let end = self.drive(procedure, |item| {
            found.push(show(item));
            found.len() < most
        });
        match found.last() {
            Some(last) if found.len() > MANY => {
                self.outcome
                    .push(format!("{} found, the last {last}", found.len()));
            }
            _ => self.outcome.extend(found),
        }
        end
    }

    /// Runs a procedure until it ends or `keep` wants no more.
    fn drive<P: Procedure>(
        &mut self,
        mut procedure: P,
        mut keep: impl FnMut(P::Item<'_>) -> bool,
    ) -> Result<(), End> {
        let result = self.steps(&mut procedure, &mut keep);
        if let Some(request) = procedure.cancel() {
            let id = self.begin(|_, out| request.emit(out).map_err(ProcedureError::from))?;
            self.response(id)?;
        }
        result
    }

    fn steps<P: Procedure>(
        &mut self,
        procedure: &mut P,
        keep: &mut impl FnMut(P::Item<'_>) -> bool,
    ) -> Result<(), End> {
        while let Some(answer) = self.step(procedure)? {
            procedure.response(&answer)?;
            while let Some(item) = procedure.next_item(&answer) {
                if !keep(item) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Makes a procedure's next request; None: there is none.
    fn step(&mut self, procedure: &mut impl Procedure) -> Result<Option<Vec<u8>>, End> {
        let mut over = false;
        let id = self.begin(|mtu, out| match procedure.request(mtu, out)? {
            Some(length) => Ok(length),
            None => {
                over = true;
                Err(ProcedureError::TooFewHandles)
            }
        });
        match id {
            _ if over => Ok(None),
            id => Ok(Some(self.response(id?)?)),
        }
    }

    /// A caller who makes some requests of a procedure and then goes away, while the last is in
    /// flight.
    fn leave(&mut self, mut procedure: QueuedWrite<'_>, requests: usize) -> Result<(), End> {
        if !self.bearer().begin_queued_write() {
            return Err(End::Fault("the prepare queue is in use".into()));
        }
        for number in 1..=requests {
            let id = self.begin(|mtu, out| Ok(procedure.request(mtu, out)?.unwrap_or(0)))?;
            if number < requests {
                let answer = self.response(id)?;
                procedure.response(&answer)?;
            } else {
                self.flush()?;
                self.bearer().abandon(id);
            }
        }
        let cancel = procedure.cancel().is_some();
        self.bearer().end_queued_write(cancel);
        Ok(self.flush()?)
    }

    fn command(&mut self, number: u16, value: &[u8]) -> Result<(), End> {
        let mut out = [0; 520];
        let mtu = self.bearer().mtu();
        let length = dongle_central::gatt::write_command(handle(number)?, value, mtu, &mut out)?;
        let (head, tail) = out[..length].split_at(1);
        match self.bearer().queue_command(&[head, tail]) {
            Ok(()) => Ok(self.flush()?),
            Err(error) => Err(End::Error(format!("{error:?}"))),
        }
    }

    fn listen(&mut self, number: u16, kind: ValueKind, told: Told) -> Result<(), End> {
        let handle = handle(number)?;
        let id = self.bearer().subscribe(handle, kind);
        let id = id.map_err(|error| End::Error(format!("{error:?}")))?;
        self.listening.push((id, handle, told));
        Ok(())
    }

    fn begin(
        &mut self,
        write: impl FnOnce(Mtu, &mut [u8]) -> Result<usize, ProcedureError>,
    ) -> Result<CallId, End> {
        let deadline = self.timeout.map(|timeout| self.now + timeout);
        match self.bearer().start(deadline, write) {
            Ok(begun) => Ok(begun?),
            Err(StartError::MtuAsked) => Err(End::Error("the MTU was asked for already".into())),
            Err(error) => Err(End::Error(format!("{error:?}"))),
        }
    }

    /// Plays on until a call is over.
    fn response(&mut self, id: CallId) -> Result<Vec<u8>, End> {
        loop {
            self.flush()?;
            let mut out = [0; 520];
            let mut cx = Context::from_waker(Waker::noop());
            match self.bearer().poll_call(id, &mut cx, &mut out) {
                Poll::Ready(Ok(length)) => return Ok(out[..length].to_vec()),
                Poll::Ready(Err(error)) => {
                    if error == CallError::TransactionTimeout && !self.bearer().take_expired() {
                        return Err(End::Fault("the link would stay".into()));
                    }
                    return Err(End::Error(error.to_string()));
                }
                Poll::Pending => self.play()?,
            }
        }
    }

    /// Sends what is to be sent, and requires that it is what the script holds.
    fn flush(&mut self) -> Result<(), Fault> {
        loop {
            let mut out = [0; 520];
            let (now, mtu) = (self.now, self.bearer().mtu().size());
            let Some(length) = self.bearer().poll_transmit(now, &mut out) else {
                return Ok(());
            };
            let pdu = &out[..length];
            if length > mtu {
                return Err(format!("{length} octets sent at an MTU of {mtu}"));
            }
            match &mut self.other {
                Other::Script(lines) => match lines.front().and_then(|line| line.strip_prefix('>'))
                {
                    Some(expected) if bytes(expected)? == pdu => {
                        lines.pop_front();
                    }
                    _ => return Err(format!("sent {}, not {:?}", text(pdu), lines.front())),
                },
                Other::Server {
                    answer,
                    left,
                    asked,
                } => {
                    *left = left.checked_sub(1).ok_or("too many requests")?;
                    *asked += 1;
                    let answer = answer(pdu, *asked);
                    if !answer.is_empty() {
                        self.bearer().handle_pdu(&answer);
                    }
                }
            }
        }
    }

    /// The next thing that the peer or the clock does.
    fn play(&mut self) -> Result<(), Fault> {
        let Other::Script(lines) = &mut self.other else {
            return Err("a request without answer".into());
        };
        let line = lines
            .pop_front()
            .ok_or("the script ends with a request unanswered")?;
        if let Some(pdu) = line.strip_prefix('<') {
            let pdu = bytes(pdu)?;
            self.bearer().handle_pdu(&pdu);
        } else if let Some(seconds) = line.strip_prefix('+') {
            let seconds = seconds
                .trim()
                .parse()
                .map_err(|_| format!("no time in {line}"))?;
            self.now += Duration::from_secs(seconds);
            let now = self.now;
            self.bearer().handle_timeout(now);
        } else {
            return Err(format!("did not send {line}"));
        }
        self.flush()
    }

    /// Plays what is left, and hears what the subscriptions have.
    pub fn finish(&mut self) -> Result<(), Fault> {
        self.flush()?;
        while matches!(&self.other, Other::Script(lines) if !lines.is_empty()) {
            self.play()?;
        }
        for (id, handle, told) in self.listening.clone() {
            self.hear(id, handle, told);
        }
        self.flush()?;
        if !self.bearer().is_open() {
            self.outcome.push("the bearer has ended".into());
        }
        if let Other::Server { asked, .. } = self.other {
            self.outcome.push(format!("{asked} requests"));
        }
        Ok(())
    }

    fn hear(&mut self, id: SubscriptionId, handle: AttributeHandle, told: Told) {
        let mut out = [0; 520];
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(Ok(received)) = self.bearer().poll_value(id, &mut cx, &mut out) {
            self.outcome.push(match (received, told) {
                (Received::Missed(count), _) => format!("{handle} missed {count}"),
                (Received::Value(length), Told::Notified) => {
                    format!("{handle} notified {}", text(&out[..length]))
                }
                (Received::Value(length), Told::Indicated) => {
                    format!("{handle} indicated {}", text(&out[..length]))
                }
                (Received::Value(length), Told::Changed) => {
                    match changed_services(&out[..length]) {
                        Some(range) => format!("services changed at {range}"),
                        None => "a Service Changed that is none".into(),
                    }
                }
            });
        }
    }
}

fn handle(number: u16) -> Result<AttributeHandle, Fault> {
    AttributeHandle::new(number).ok_or_else(|| "0 is not a handle".into())
}

fn handles(numbers: &[u16]) -> Result<Vec<AttributeHandle>, Fault> {
    numbers.iter().map(|number| handle(*number)).collect()
}

fn range(start: u16, end: u16) -> Result<HandleRange, Fault> {
    HandleRange::new(handle(start)?, handle(end)?).ok_or_else(|| "an inverted range".into())
}
