//! Stories in readable words.

use crate::ledger::{Added, Buried, Write};
use crate::model::{Action, Intake};
use crate::run::{Await, Read};
use crate::scenario::{Config, Fault, SHARED};
use crate::world::World;

/// Tells a story, a line a step.
#[must_use]
pub fn story(config: &Config, path: &[(World, Option<Action>)]) -> Vec<String> {
    let steps = path.iter().zip(path.iter().skip(1));
    steps
        .filter_map(|((world, action), (next, _))| {
            let action = action.as_ref()?;
            let ending = if dies_of_a_body(world, action, next) {
                " and dies"
            } else {
                ""
            };
            Some(format!("{}{ending}", step(config, world, action)))
        })
        .collect()
}

/// Tells whether an invocation is gone after what it did, and nothing else ended it.
fn dies_of_a_body(world: &World, action: &Action, next: &World) -> bool {
    match action {
        Action::Receive(slot, _, true) => next.runs[*slot].is_none(),
        Action::Answer(slot, _, fault) => {
            world.runs[*slot].is_some()
                && next.runs[*slot].is_none()
                && !fault.is_some_and(Fault::is_death)
        }
        _ => false,
    }
}

fn step(config: &Config, world: &World, action: &Action) -> String {
    let teller = Teller { config, world };
    match action {
        Action::Post(post, intake) => teller.post(*post, *intake),
        Action::Receive(slot, messages, is_read) => teller.receive(*slot, messages, *is_read),
        Action::Answer(slot, group, fault) => teller.answer(*slot, *group, *fault),
        Action::End(slot, true) => format!("consumer {slot} answers: what is done is deleted"),
        Action::End(slot, false) => {
            format!("consumer {slot} dies before its answer: everything comes again")
        }
        Action::Lapse(slot) => {
            format!("what consumer {slot} has in hand becomes visible while it runs")
        }
        Action::Land(place) => format!("late: {}", teller.write(&world.late[*place])),
        Action::Pass => format!("{} seconds pass", config.scenario.moments[world.moment]),
        Action::Forget(place) => {
            let record = &world.ledger.records[*place];
            format!(
                "the ledger forgets the record of {}",
                teller.delivery(record.id)
            )
        }
        Action::ForgetBytes(place) => {
            let kept = &world.ledger.kept[*place];
            let name = config.event(kept.event).name;
            format!("the ledger forgets bytes {} of `{name}`", kept.bytes)
        }
        Action::Redrive(place, is_deleted) => teller.redrive(*place, *is_deleted),
        Action::MoveBack(place) => {
            let letter = &world.letters[*place];
            let name = teller.delivery(letter.delivery);
            format!("{name} is moved back with another tool")
        }
        Action::Repair => "what could not be handled is repaired".to_owned(),
    }
}

struct Teller<'a> {
    config: &'a Config,
    world: &'a World,
}

impl Teller<'_> {
    fn event(&self, event: u8) -> &'static str {
        self.config.event(event).name
    }

    fn delivery(&self, delivery: u8) -> String {
        let event = self.event(self.world.event_of(delivery));
        let bytes = match self.world.delivery(delivery).bytes {
            0 => String::new(),
            bytes => format!(", bytes {bytes}"),
        };
        format!("`{event}` (delivery {delivery}{bytes})")
    }

    fn message(&self, message: u8) -> String {
        let mut queue = self.world.queue.iter();
        let found = queue.find(|found| found.id == message);
        found.map_or_else(
            || format!("message {message}"),
            |found| self.delivery(found.delivery),
        )
    }

    fn post(&self, post: usize, intake: Intake) -> String {
        let spec = self.config.scenario.posts[post];
        let name = self.config.scenario.events[spec.event].name;
        let (delivery, accepted) = (self.world.deliveries.len(), self.world.now + spec.skew);
        let come = match intake {
            Intake::Acknowledged => "is accepted and answered 2xx",
            Intake::Unanswered => "is on the queue, but its sender gets no 2xx",
            Intake::Failed => "does not reach the queue",
        };
        let bytes = match spec.bodies {
            [0] => String::new(),
            bodies => format!(", bytes {bodies:?}"),
        };
        format!("`{name}` is sent: delivery {delivery}{bytes}, at second {accepted}, {come}")
    }

    fn receive(&self, slot: usize, messages: &[u8], is_read: bool) -> String {
        let names = messages.iter().map(|id| {
            let found = self.world.queue.iter().find(|message| message.id == *id);
            let receives = found.map_or(1, |message| message.receives + 1);
            format!("{} (receive {receives})", self.message(*id))
        });
        let names = names.collect::<Vec<_>>().join(", ");
        let read = if is_read {
            "reads the ledger"
        } else {
            "cannot read the ledger"
        };
        format!("consumer {slot} receives {names} and {read}")
    }

    fn answer(&self, slot: usize, group: usize, fault: Option<Fault>) -> String {
        let run = self.world.runs[slot].as_ref();
        let current = run.and_then(|run| run.groups[group].current.as_ref());
        let asked = current.map_or_else(String::new, |current| self.asked(&current.awaits));
        let come = match fault {
            None => "",
            Some(Fault::Refused) => ": refused, nothing is done",
            Some(Fault::AnswerLost) => ": done, but the answer is lost",
            Some(Fault::DoneLater) => ": no answer, done later",
            Some(Fault::DoneTwice) => ": the SDK sends it twice",
            Some(Fault::DiesBefore) => ", but dies before it",
            Some(Fault::DiesAfter) => " and dies right after it",
            Some(Fault::DiesAndDoneLater) => " and dies; the request is under way",
        };
        format!("consumer {slot} {asked}{come}")
    }

    fn asked(&self, awaits: &Await) -> String {
        match awaits {
            Await::Read(Read::Body) => "reads a body from the body store".to_owned(),
            Await::Read(Read::Shared) => "reads the shared state".to_owned(),
            Await::Count(added) => self.added(added),
            Await::Attempt(write)
            | Await::Commit(write, _)
            | Await::TakeBack(write)
            | Await::Bury(write) => self.write(write),
        }
    }

    fn write(&self, write: &Write) -> String {
        match write {
            Write::State {
                entity: SHARED,
                read,
                ..
            } => {
                format!("writes the shared state (read in version {read})")
            }
            Write::State { entity, read, .. } => {
                format!("writes the state of entity {entity} (read in version {read})")
            }
            Write::Record(record) => format!("puts the record of {}", self.delivery(record.id)),
            Write::Add(added) => self.added(added),
            Write::Keep(kept) => {
                let name = self.event(kept.event);
                format!("keeps bytes {} of `{name}`", kept.bytes)
            }
            Write::AddAttempt {
                message, receive, ..
            } => {
                format!("adds attempt {receive} of {}", self.message(*message))
            }
            Write::TakeBack {
                message, receive, ..
            } => {
                format!("takes attempt {receive} of {} back", self.message(*message))
            }
            Write::Bury(Buried {
                delivery, reason, ..
            }) => {
                format!(
                    "sends {} to the dead letters (`{reason}`)",
                    self.delivery(*delivery)
                )
            }
        }
    }

    fn added(&self, added: &Added) -> String {
        let what = if added.variant.is_some() {
            "variant"
        } else {
            "copy"
        };
        format!("counts the {what} {}", self.delivery(added.delivery))
    }

    fn redrive(&self, place: usize, is_deleted: bool) -> String {
        let letter = &self.world.letters[place];
        let come = if is_deleted {
            ""
        } else {
            ", but its letter is not deleted"
        };
        format!("{} is redriven{come}", self.delivery(letter.delivery))
    }
}
