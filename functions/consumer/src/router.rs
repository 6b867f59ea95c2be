//! From an event to the states that it changes.

use std::collections::HashMap;
use std::fmt;

use switchhook_core::data::{Data, WrongShape};
use switchhook_core::entity::Entity;
use switchhook_core::ids::EventId;
use switchhook_core::kind::Kind;
use switchhook_core::occurrence::{Occurrence, Place, Role};
use switchhook_core::states::{Position, Register, State, StateError, Stored};
use switchhook_core::time::Timestamp;

/// What a handler sees of an event.
#[derive(Debug)]
pub struct Event<'a, D> {
    /// What it says.
    pub data: &'a D,
    /// All else that is known of it.
    occurrence: &'a Occurrence,
}

impl<D> Event<'_, D> {
    /// Returns what happened.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.occurrence.envelope.kind
    }

    /// Returns the event's id.
    #[must_use]
    pub const fn id(&self) -> EventId {
        self.occurrence.envelope.id
    }

    /// Returns when it happened: the earlier of its own and its accepted time. A variant happened when
    /// its record did.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.place().time
    }

    /// Returns the time that a register of the first occurrence takes, and its position.
    #[must_use]
    pub fn earliest(&self) -> (Timestamp, Position) {
        let time = self.occurrence.earliest_time();
        let place = Place {
            time,
            ..self.place()
        };
        (time, Position::earliest(place))
    }

    fn place(&self) -> Place {
        self.occurrence.place()
    }

    /// Returns the event with all that is known of it.
    #[must_use]
    pub const fn occurrence(&self) -> &Occurrence {
        self.occurrence
    }

    /// Returns whether the event is a STOP that came again in the same bytes: nothing but the word
    /// counts of it.
    #[must_use]
    pub const fn is_repeated_stop(&self) -> bool {
        matches!(self.occurrence.role, Role::RepeatedStop(_))
    }

    /// Returns the source's name.
    #[must_use]
    pub fn source(&self) -> &str {
        self.occurrence.envelope.entity.source()
    }

    /// Returns the event's position by time, ties by the accepted order.
    #[must_use]
    pub fn by_time(&self) -> Position {
        Position::by_time(self.place())
    }

    /// Returns the event's position by rank, ties by time.
    #[must_use]
    pub fn by_rank(&self, rank: u8) -> Position {
        Position::by_rank(rank, self.place())
    }

    /// Returns the event's position in the accepted order.
    #[must_use]
    pub fn by_sequence(&self) -> Position {
        Position::by_sequence(self.place())
    }

    /// Returns the event's position by rank, ties by the accepted order.
    #[must_use]
    pub fn by_rank_and_sequence(&self, rank: u8) -> Position {
        Position::by_rank_and_sequence(rank, self.place())
    }

    /// Marks a state as changed by this event.
    pub fn mark(
        &self,
        at: &mut Register<Timestamp>,
        by: &mut Register<EventId>,
        position: Position,
    ) {
        at.set(Some(self.time()), position);
        by.set(Some(self.id()), position);
    }
}

/// Why an event cannot be applied. Trying again would not help.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The data is of another kind's shape.
    #[error(transparent)]
    Shape(#[from] WrongShape),
    /// The state is not what was written.
    #[error(transparent)]
    State(#[from] StateError),
}

type Apply = Box<dyn Fn(Option<&Stored>, &Occurrence) -> Result<Stored, ApplyError> + Send + Sync>;
type FindEntity = Box<dyn Fn(&Occurrence) -> Option<Entity> + Send + Sync>;

/// One state that a kind of event changes.
pub struct Route {
    entity: FindEntity,
    apply: Apply,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Route")
    }
}

impl Route {
    /// Returns the entity whose state the event changes, if it changes one.
    #[must_use]
    pub fn entity(&self, occurrence: &Occurrence) -> Option<Entity> {
        (self.entity)(occurrence)
    }

    /// Returns the state after the event.
    ///
    /// # Errors
    ///
    /// When the state or the event is not what the handler was made for.
    pub fn apply(
        &self,
        stored: Option<&Stored>,
        occurrence: &Occurrence,
    ) -> Result<Stored, ApplyError> {
        (self.apply)(stored, occurrence)
    }
}

/// All handlers by the kind of event.
#[derive(Default)]
pub struct Router(HashMap<Kind, Vec<Route>>);

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Router {
    /// Routes a kind of event to the function that applies it to its entity's state.
    #[must_use]
    pub fn on<S, D>(self, kind: Kind, handler: fn(&mut S, &Event<'_, D>)) -> Self
    where
        S: State + 'static,
        D: 'static,
        for<'a> &'a D: TryFrom<&'a Data, Error = WrongShape>,
    {
        self.also(
            kind,
            |occurrence| Some(occurrence.envelope.entity.clone()),
            handler,
        )
    }

    /// Routes a kind of event to a function that applies it to a further state: the one of the
    /// entity that `entity` names, if it names one.
    #[must_use]
    pub fn also<S, D>(
        mut self,
        kind: Kind,
        entity: fn(&Occurrence) -> Option<Entity>,
        handler: fn(&mut S, &Event<'_, D>),
    ) -> Self
    where
        S: State + 'static,
        D: 'static,
        for<'a> &'a D: TryFrom<&'a Data, Error = WrongShape>,
    {
        let apply: Apply = Box::new(move |stored, occurrence| {
            let mut state = stored.map(S::load).transpose()?.unwrap_or_default();
            let data = <&D>::try_from(&occurrence.data)?;
            handler(&mut state, &Event { data, occurrence });
            Ok(state.store()?)
        });
        self.0.entry(kind).or_default().push(Route {
            entity: Box::new(entity),
            apply,
        });
        self
    }

    /// Returns the routes of a kind, the one of the event's own entity first.
    #[must_use]
    pub fn routes(&self, kind: Kind) -> &[Route] {
        self.0.get(&kind).map_or(&[], Vec::as_slice)
    }
}
