//! A link between two controllers: its ends, its connection events, and how it ends.

use std::collections::VecDeque;
use std::time::Duration;

use super::acl::AclPacket;
use super::controller::{Controller, ControllerId};
use super::encryption::Encryption;
use super::procedures::Procedure;
use super::timers::Timer;
use super::{Pacing, World};
use crate::hci::event;
use crate::hci::status::*;
use crate::hci::{Reader, Status};

use super::commands::{Answer, Outcome};

/// Identifies a link, and is never reused for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LinkId(pub(crate) u64);

/// How long a silent link lasts at most in a free-running world.
const FREE_RUNNING_SUPERVISION: Duration = Duration::from_millis(200);
/// After how long lost packets are sent again in a free-running world.
const FREE_RUNNING_RETRY: Duration = Duration::from_millis(1);

/// One of the two ends of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Central,
    Peripheral,
}

impl Side {
    pub(crate) const BOTH: [Self; 2] = [Self::Central, Self::Peripheral];

    pub(crate) fn other(self) -> Self {
        match self {
            Self::Central => Self::Peripheral,
            Self::Peripheral => Self::Central,
        }
    }

    pub(crate) fn role(self) -> u8 {
        match self {
            Self::Central => 0,
            Self::Peripheral => 1,
        }
    }
}

/// Connection parameters in the units of HCI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// In units of 1.25 ms.
    pub(crate) interval: u16,
    pub(crate) latency: u16,
    /// In units of 10 ms.
    pub(crate) timeout: u16,
}

/// One end of a link, as its controller sees it.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) controller: ControllerId,
    pub(crate) handle: u16,
    /// The peer's address as reported to the host.
    pub(crate) peer: (u8, [u8; 6]),
    pub(crate) queue: VecDeque<AclPacket>,
    /// The most octets and time that this side sends if the peer can receive them.
    pub(crate) want: (u16, u16),
    /// The most octets that it can receive.
    pub(crate) can_receive: u16,
    /// The limits in effect: octets and time, for sending and for receiving.
    pub(crate) tx: (u16, u16),
    pub(crate) rx: (u16, u16),
    pub(crate) phy_preferences: (u8, u8),
    /// How many packets were delivered to the host and not yet completed by it (with host flow
    /// control).
    pub(crate) host_outstanding: u16,
}

impl End {
    pub(super) fn new(
        controller: ControllerId,
        handle: u16,
        peer: (u8, [u8; 6]),
        of: &Controller,
    ) -> Self {
        let longest = of.config.data_length;
        Self {
            controller,
            handle,
            peer,
            queue: VecDeque::new(),
            want: (of.suggested_octets.min(longest), of.suggested_time),
            can_receive: longest,
            tx: (27, 328),
            rx: (27, 328),
            phy_preferences: of.default_phys,
            host_outstanding: 0,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Link {
    ends: [Option<End>; 2],
    pub(crate) parameters: Parameters,
    /// The signal strength at which the ends receive each other, in dBm.
    pub(crate) heard_at: i8,
    /// The PHY that the central sends on, and that of the peripheral: 1 is 1M, 2 is 2M, 3 is Coded.
    pub(crate) phys: (u8, u8),
    /// The earliest time of the next connection event.
    next_event: Duration,
    /// The time of a timer for the next event, which is valid while its generation is the current
    /// one.
    scheduled: Option<Duration>,
    generation: u32,
    pub(crate) procedures: VecDeque<Procedure>,
    pub(crate) encryption: Encryption,
    /// The ends no longer receive each other, because of a fault or because one has gone.
    lost: bool,
    silent: bool,
    silence_generation: u32,
    pub(crate) procedure_generation: u32,
    /// A peripheral's request for parameters that the central's host has not answered yet.
    pub(crate) parameter_request: Option<Parameters>,
}

impl Link {
    pub(super) fn new(_id: LinkId, parameters: Parameters, now: Duration, central: End) -> Self {
        Self {
            ends: [Some(central), None],
            parameters,
            heard_at: -50,
            phys: (1, 1),
            next_event: now + parameters.interval_duration(),
            scheduled: None,
            generation: 0,
            procedures: VecDeque::new(),
            encryption: Encryption::default(),
            lost: false,
            silent: false,
            silence_generation: 0,
            procedure_generation: 0,
            parameter_request: None,
        }
    }

    pub(super) fn join(&mut self, peripheral: End) {
        self.ends[1] = Some(peripheral);
    }

    pub(crate) fn end(&self, side: Side) -> Option<&End> {
        match side {
            Side::Central => self.ends[0].as_ref(),
            Side::Peripheral => self.ends[1].as_ref(),
        }
    }

    pub(crate) fn end_mut(&mut self, side: Side) -> Option<&mut End> {
        match side {
            Side::Central => self.ends[0].as_mut(),
            Side::Peripheral => self.ends[1].as_mut(),
        }
    }

    fn take_end(&mut self, side: Side) -> Option<End> {
        match side {
            Side::Central => self.ends[0].take(),
            Side::Peripheral => self.ends[1].take(),
        }
    }

    pub(crate) fn side_of(&self, id: ControllerId) -> Option<Side> {
        Side::BOTH
            .into_iter()
            .find(|&side| self.end(side).is_some_and(|end| end.controller == id))
    }

    fn drained(&self, side: Side) -> bool {
        self.end(side).is_none_or(|end| end.queue.is_empty())
    }

    /// The times at which each procedure and each side's data may go.
    fn all_work(&self) -> impl Iterator<Item = Duration> {
        let data = Side::BOTH
            .into_iter()
            .filter(|_| self.encryption.data_flows())
            .filter_map(|side| Some(self.end(side)?.queue.front()?.ready_at));
        self.procedures
            .iter()
            .map(Procedure::not_before)
            .chain(data)
    }

    /// The earliest of those times. `None` if there is nothing to do.
    fn work(&self) -> Option<Duration> {
        self.all_work().min()
    }

    /// The earliest of those times that is in the future.
    fn work_after(&self, now: Duration) -> Option<Duration> {
        self.all_work().filter(|&when| when > now).min()
    }
}

impl World {
    pub(super) fn links_of(&self, id: ControllerId) -> Vec<LinkId> {
        self.controllers
            .get(&id)
            .map_or_else(Vec::new, |c| c.handles.values().copied().collect())
    }

    pub(super) fn controller_at(&mut self, link: LinkId, side: Side) -> Option<&mut Controller> {
        let id = self.links.get(&link)?.end(side)?.controller;
        self.controllers.get_mut(&id)
    }

    /// Sets the timer of the next connection event, if the link has something to do.
    pub(super) fn schedule(&mut self, link_id: LinkId) {
        let (now, pacing) = (self.now, self.pacing);
        let Some(link) = self.links.get_mut(&link_id) else {
            return;
        };
        if link.silent {
            return;
        }
        let Some(work) = link.work() else { return };
        let when = match pacing {
            Pacing::FreeRunning => work.max(now),
            Pacing::Paced => {
                let earliest = work.max(now);
                let interval = link
                    .parameters
                    .interval_duration()
                    .max(Duration::from_micros(1));
                // `next_event` isn't moved: earlier events may still be needed for something else.
                let behind = earliest.saturating_sub(link.next_event).as_micros();
                let ahead = interval.as_micros() * behind.div_ceil(interval.as_micros());
                link.next_event + Duration::from_micros(ahead as u64)
            }
        };
        self.schedule_at(link_id, when);
    }

    pub(super) fn schedule_at(&mut self, link_id: LinkId, when: Duration) {
        let Some(link) = self.links.get_mut(&link_id) else {
            return;
        };
        if link.scheduled.is_some_and(|scheduled| scheduled <= when) {
            return;
        }
        link.scheduled = Some(when);
        link.generation = link.generation.wrapping_add(1);
        self.timers.at(
            when,
            Timer::Link {
                link: link_id,
                generation: link.generation,
            },
        );
    }

    /// Handles a connection event: control procedures first, then data in both directions.
    pub(super) fn link_event(&mut self, link_id: LinkId, generation: u32) {
        let now = self.now;
        let Some(link) = self.links.get_mut(&link_id) else {
            return;
        };
        if link.generation != generation || link.scheduled.is_none() {
            return;
        }
        link.scheduled = None;
        link.next_event = now + link.parameters.interval_duration();
        if link.silent {
            return;
        }
        let ids = (
            link.end(Side::Central).map(|end| end.controller),
            link.end(Side::Peripheral).map(|end| end.controller),
        );
        if let (Some(central), peripheral) = ids
            && self.lost(central, peripheral)
        {
            match self.pacing {
                Pacing::Paced => self.schedule(link_id),
                Pacing::FreeRunning => self.schedule_at(link_id, now + FREE_RUNNING_RETRY),
            }
            return;
        }
        self.run_procedures(link_id);
        let progress = self.move_data(link_id);
        self.terminate_if_drained(link_id);
        if progress {
            self.schedule(link_id);
        } else if let Some(when) = self
            .links
            .get(&link_id)
            .and_then(|link| link.work_after(now))
        {
            // Data that the receiver has no room for waits until its host has read.
            self.schedule_at(link_id, when);
        }
    }

    pub(super) fn disconnect(&mut self, id: ControllerId, p: &mut Reader<'_>) -> Outcome {
        let (handle, reason) = (p.handle()?, p.u8()?);
        if !matches!(reason, 0x05 | 0x13 | 0x14 | 0x15 | 0x1A | 0x29 | 0x3B) {
            return Err(INVALID_PARAMETERS);
        }
        let (link_id, side) = self.link_of(id, handle)?;
        let (now, pacing) = (self.now, self.pacing);
        let Some(link) = self.links.get_mut(&link_id) else {
            return Err(UNKNOWN_CONNECTION);
        };
        let pending = |procedure: &Procedure| matches!(procedure, Procedure::Terminate { .. });
        if link.procedures.iter().any(pending) {
            return Err(COMMAND_DISALLOWED);
        }
        // Data that is already queued is sent first, if that doesn't take too long.
        let patience = match pacing {
            Pacing::Paced => link.parameters.interval_duration() * 6,
            Pacing::FreeRunning => FREE_RUNNING_SUPERVISION,
        };
        let at = if link.drained(side) {
            now
        } else {
            now + patience
        };
        link.procedures
            .push_front(Procedure::Terminate { side, reason, at });
        self.schedule(link_id);
        Ok(Answer::Pending)
    }

    /// Ends the link at once if the side that wants to leave has nothing left to send.
    fn terminate_if_drained(&mut self, link_id: LinkId) {
        let now = self.now;
        let Some(link) = self.links.get_mut(&link_id) else {
            return;
        };
        let leaving = link.procedures.iter().position(
            |p| matches!(*p, Procedure::Terminate { side, at, .. } if at > now && link.drained(side)),
        );
        if let Some(Procedure::Terminate { at, .. }) =
            leaving.and_then(|index| link.procedures.get_mut(index))
        {
            *at = now;
            self.run_procedures(link_id);
        }
    }

    /// Ends the link on both sides, with a reason for each host.
    pub(super) fn close_link(&mut self, link_id: LinkId, central: Status, peripheral: Status) {
        self.close_end(link_id, Side::Central, Some(central));
        self.close_end(link_id, Side::Peripheral, Some(peripheral));
    }

    /// Removes a controller silently. The other side continues until its timeout.
    pub(super) fn leave_link(&mut self, link_id: LinkId, id: ControllerId) {
        let Some(side) = self.links.get(&link_id).and_then(|link| link.side_of(id)) else {
            return;
        };
        self.close_end(link_id, side, None);
        self.lose_link(link_id);
    }

    fn close_end(&mut self, link_id: LinkId, side: Side, reason: Option<Status>) {
        let Some(link) = self.links.get_mut(&link_id) else {
            return;
        };
        if let Some(end) = link.take_end(side)
            && let Some(controller) = self.controllers.get_mut(&end.controller)
        {
            controller.handles.remove(&end.handle);
            // The host gets back the credits of what was still queued for the handle.
            controller.in_flight = controller.in_flight.saturating_sub(end.queue.len());
            let flow = &mut controller.host_flow;
            flow.outstanding = flow.outstanding.saturating_sub(end.host_outstanding);
            if let Some(reason) = reason {
                let [low, high] = end.handle.to_le_bytes();
                controller.event(event::DISCONNECTION_COMPLETE, &[SUCCESS, low, high, reason]);
            }
            self.room_for_data(end.controller);
        }
        if self
            .links
            .get(&link_id)
            .is_some_and(|link| link.ends.iter().all(Option::is_none))
        {
            self.links.remove(&link_id);
        }
    }

    /// The ends no longer receive each other, permanently.
    pub(super) fn lose_link(&mut self, link_id: LinkId) {
        if let Some(link) = self.links.get_mut(&link_id) {
            link.lost = true;
        }
        self.judge_silence(link_id);
    }

    /// A controller's ability to send or receive has changed.
    pub(super) fn silence_changed(&mut self, id: ControllerId) {
        for link in self.links_of(id) {
            self.judge_silence(link);
        }
    }

    fn judge_silence(&mut self, link_id: LinkId) {
        let now = self.now;
        let Some(link) = self.links.get(&link_id) else {
            return;
        };
        let deaf = |side: Side| {
            let controller = link
                .end(side)
                .and_then(|end| self.controllers.get(&end.controller));
            controller.is_some_and(|c| c.faults.frozen || c.faults.loss >= 1.0)
        };
        let silent = link.lost || Side::BOTH.into_iter().any(deaf);
        let Some(link) = self.links.get_mut(&link_id) else {
            return;
        };
        if silent == link.silent {
            return;
        }
        link.silent = silent;
        link.silence_generation = link.silence_generation.wrapping_add(1);
        if !silent {
            link.scheduled = None;
            self.schedule(link_id);
            return;
        }
        let timeout = match self.pacing {
            Pacing::Paced => link.parameters.timeout_duration(),
            Pacing::FreeRunning => link
                .parameters
                .timeout_duration()
                .min(FREE_RUNNING_SUPERVISION),
        };
        let generation = link.silence_generation;
        for side in Side::BOTH {
            self.timers.at(
                now + timeout,
                Timer::Supervision {
                    link: link_id,
                    side,
                    generation,
                },
            );
        }
    }

    pub(super) fn supervision_timeout(&mut self, link_id: LinkId, side: Side, generation: u32) {
        let Some(link) = self.links.get(&link_id) else {
            return;
        };
        if link.silent && link.silence_generation == generation {
            self.close_end(link_id, side, Some(CONNECTION_TIMEOUT));
        }
    }

    /// A control procedure was not answered (Vol 6 Part B 5.2).
    pub(super) fn procedure_timeout(&mut self, link_id: LinkId, generation: u32) {
        let Some(link) = self.links.get(&link_id) else {
            return;
        };
        if link.procedure_generation == generation
            && (link.encryption.is_waiting() || link.parameter_request.is_some())
        {
            self.close_link(link_id, LL_RESPONSE_TIMEOUT, LL_RESPONSE_TIMEOUT);
        }
    }
}
