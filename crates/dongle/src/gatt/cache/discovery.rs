//! Discoveries that ask a device only for what is not known yet.

use std::collections::VecDeque;
use std::sync::Arc;

use dongle_central::att::{HandleRange, Mtu, Uuid};
use dongle_central::client::Run;
use dongle_central::gatt::{
    Characteristic, Descriptor, DiscoverCharacteristics, DiscoverDescriptors, DiscoverIncluded,
    DiscoverServices, IncludedService, Procedure, Service,
};

use super::attributes::{Attributes, Known};
use super::sync::Place;
use crate::call::Patience;
use crate::connection::Held;
use crate::error::Error;
use crate::gatt::{Age, Era};
use crate::links::SharedLinks;

/// A list that can be discovered.
pub(crate) trait Question: Clone + Send + Sync + 'static {
    type Item: Copy + Send + 'static;
    type Procedure: for<'p> Procedure<Item<'p> = Self::Item> + Send + 'static;

    /// The known part of the list, and where the rest of it is.
    fn known(&self, attributes: &Attributes) -> Known<Self::Item>;
    /// The procedure that discovers the rest.
    fn ask(rest: HandleRange) -> Self::Procedure;
    fn learn(&self, attributes: &mut Attributes, item: Self::Item);
    /// Marks the list as complete.
    fn learn_all(&self, attributes: &mut Attributes);
}

/// All primary services.
#[derive(Clone)]
pub(crate) struct PrimaryServices;

/// The services that the service in this range includes.
#[derive(Clone)]
pub(crate) struct IncludedIn(pub(crate) HandleRange);

/// The characteristics of the service in this range.
#[derive(Clone)]
pub(crate) struct CharacteristicsOf(pub(crate) HandleRange);

/// The descriptors of this characteristic.
#[derive(Clone)]
pub(crate) struct DescriptorsOf(pub(crate) Characteristic);

impl Question for PrimaryServices {
    type Item = Service;
    type Procedure = DiscoverServices;

    fn known(&self, attributes: &Attributes) -> Known<Service> {
        attributes.services()
    }
    fn ask(rest: HandleRange) -> DiscoverServices {
        DiscoverServices::primary(rest)
    }
    fn learn(&self, attributes: &mut Attributes, service: Service) {
        attributes.learn_service(service);
    }
    fn learn_all(&self, attributes: &mut Attributes) {
        attributes.learn_all_services();
    }
}

impl Question for IncludedIn {
    type Item = IncludedService;
    type Procedure = DiscoverIncluded;

    fn known(&self, attributes: &Attributes) -> Known<IncludedService> {
        attributes.included(self.0)
    }
    fn ask(rest: HandleRange) -> DiscoverIncluded {
        DiscoverIncluded::new(rest)
    }
    fn learn(&self, attributes: &mut Attributes, included: IncludedService) {
        attributes.learn_included(self.0, included);
    }
    fn learn_all(&self, attributes: &mut Attributes) {
        attributes.learn_all_included(self.0);
    }
}

impl Question for CharacteristicsOf {
    type Item = Characteristic;
    type Procedure = DiscoverCharacteristics;

    fn known(&self, attributes: &Attributes) -> Known<Characteristic> {
        attributes.characteristics(self.0)
    }
    fn ask(rest: HandleRange) -> DiscoverCharacteristics {
        DiscoverCharacteristics::all(rest)
    }
    fn learn(&self, attributes: &mut Attributes, characteristic: Characteristic) {
        attributes.learn_characteristic(self.0, characteristic);
    }
    fn learn_all(&self, attributes: &mut Attributes) {
        attributes.learn_all_characteristics(self.0);
    }
}

impl Question for DescriptorsOf {
    type Item = Descriptor;
    type Procedure = DiscoverDescriptors;

    fn known(&self, attributes: &Attributes) -> Known<Descriptor> {
        attributes.descriptors(&self.0)
    }
    fn ask(rest: HandleRange) -> DiscoverDescriptors {
        DiscoverDescriptors::new(rest)
    }
    fn learn(&self, attributes: &mut Attributes, descriptor: Descriptor) {
        attributes.learn_descriptor(&self.0, descriptor);
    }
    fn learn_all(&self, attributes: &mut Attributes) {
        attributes.learn_all_descriptors(&self.0);
    }
}

/// A running discovery: first the known items, then those that the device returns.
pub(crate) struct Discovery<Q: Question> {
    held: Arc<Held>,
    question: Q,
    /// An attribute that must still be in its place for the question to make sense.
    within: Option<Place>,
    patience: Patience,
    /// Whether to start over if the device indicates that its database has changed.
    restarts: bool,
    state: State<Q>,
}

enum State<Q: Question> {
    Before,
    Known(Answer<Q::Item>),
    /// Waiting for the device.
    Asked(Run<SharedLinks, Q::Procedure, Vec<u8>>, Era),
    Over,
}

/// The known part of the answer.
struct Answer<T> {
    items: VecDeque<T>,
    age: Age,
    rest: Option<HandleRange>,
    /// The era that the device's answer belongs to. It may be over by the time that the answer
    /// comes.
    era: Era,
}

impl<Q: Question> Discovery<Q> {
    pub(crate) fn new(
        held: Arc<Held>,
        question: Q,
        within: Option<Place>,
        patience: Patience,
    ) -> Self {
        Self {
            held,
            question,
            within,
            patience,
            restarts: true,
            state: State::Before,
        }
    }

    /// As [`new`](Self::new), but for use while it is being settled what may be used.
    pub(super) fn settling(held: Arc<Held>, question: Q) -> Self {
        let state = State::known(&held, &question);
        Self {
            state,
            restarts: false,
            ..Self::new(held, question, None, Patience::new(None))
        }
    }

    /// The next result and its age. `None` after the last one.
    pub(crate) async fn next(&mut self) -> Result<Option<(Q::Item, Age)>, Error> {
        loop {
            match &mut self.state {
                State::Before => {
                    self.held.settle(self.patience).await?;
                    self.state = State::known(&self.held, &self.question);
                }
                State::Known(answer) => {
                    if let Some(item) = answer.items.pop_front() {
                        self.restarts = false;
                        return Ok(Some((item, answer.age)));
                    }
                    let (rest, era) = (answer.rest, answer.era);
                    let Some(rest) = rest else {
                        self.state = State::Over;
                        continue;
                    };
                    if let Some(within) = &self.within {
                        self.held.look(within, self.patience).await?;
                    }
                    let client = self.held.client(self.patience.left());
                    let run = client.run(Q::ask(rest), vec![0; Mtu::MAX.size()]);
                    self.state = State::Asked(run, era);
                }
                State::Asked(run, era) => {
                    let database = &self.held.database;
                    match run.next().await.map_err(|e| self.held.explain(e)) {
                        Ok(Some(item)) => {
                            self.restarts = false;
                            database.learn(*era, |known| self.question.learn(known, item));
                            return Ok(Some((item, database.age())));
                        }
                        Ok(None) => {
                            database.learn(*era, |known| self.question.learn_all(known));
                            self.state = State::Over;
                        }
                        Err(error) if self.held.heard_out_of_sync(&error) && self.restarts => {
                            self.restarts = false;
                            self.state = State::Before;
                        }
                        Err(error) => {
                            self.state = State::Over;
                            return Err(error);
                        }
                    }
                }
                State::Over => return Ok(None),
            }
        }
    }
}

impl<Q: Question> State<Q> {
    fn known(held: &Held, question: &Q) -> Self {
        let ((items, rest), age, era) = held.database.known(|known| question.known(known));
        Self::Known(Answer {
            items: items.into(),
            age,
            rest,
            era,
        })
    }
}

impl Held {
    /// The first primary service with a UUID, and its age.
    pub(crate) async fn find_service(
        self: &Arc<Self>,
        uuid: Uuid,
        patience: Patience,
    ) -> Result<Option<(Service, Age)>, Error> {
        self.settle(patience).await?;
        match self.ask_for_service(uuid, patience).await {
            Err(error) if self.heard_out_of_sync(&error) => {
                self.settle(patience).await?;
                self.ask_for_service(uuid, patience).await
            }
            found => found,
        }
    }

    /// As [`find_service`](Self::find_service), but for use while it is being settled what may be
    /// used.
    pub(super) async fn ask_for_service(
        &self,
        uuid: Uuid,
        patience: Patience,
    ) -> Result<Option<(Service, Age)>, Error> {
        let (known, age, era) = self.database.known(|known| known.service(uuid));
        match known {
            Some(Some(service)) => return Ok(Some((service, age))),
            // A device that doesn't indicate changes may have gained the service since.
            Some(None) if self.database.is_told() => return Ok(None),
            Some(None) | None => {}
        }
        let client = self.client(patience.left());
        let mut run = client.services_by_uuid(uuid, vec![0; Mtu::MAX.size()]);
        let found = run.next().await.map_err(|e| self.explain(e))?;
        self.database.learn(era, |known| match found {
            Some(service) => known.learn_service(service),
            None => known.learn_absent(uuid),
        });
        Ok(found.map(|service| (service, self.database.age())))
    }
}
