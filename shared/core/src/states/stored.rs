//! How a state rests in the ledger: the JSON that users read, and its registers' positions beside it.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Serialize};

use super::consent::Consent;
use super::register::{Position, Register, Value};
use crate::json::Object;
use crate::time::Timestamp;

/// A state as it rests.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Stored {
    /// One flat JSON object: what users read, without what is not known.
    pub state: String,
    /// JSON: each position with the names of the registers that it set; of what is derived, what it is
    /// derived from by its name.
    pub positions: String,
    /// When it expires, if it does.
    pub expiry: Option<StateExpiry>,
}

/// When a state expires, and from when on that is counted: the accepted time of the newest of its
/// events. A state that stays again after it was to expire keeps that time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StateExpiry {
    /// The accepted time.
    pub kept_from: Timestamp,
    /// The expiry time; `None` where the newest event lets it stay.
    pub expires_at: Option<Timestamp>,
}

/// Why a stored state cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The JSON is damaged.
    #[error("the stored state is not the JSON that was written")]
    Json(#[from] serde_json::Error),
    /// A register's value is of another type.
    #[error(
        "the stored state has another type of `{0}` than this version: deploy the newer consumer"
    )]
    Register(&'static str),
}

/// A typed state.
pub trait State: Default {
    /// Reads a state.
    ///
    /// # Errors
    ///
    /// When it is not what [`Self::store`] wrote.
    fn load(stored: &Stored) -> Result<Self, StateError>;

    /// Writes a state. Equal states write equal texts.
    ///
    /// # Errors
    ///
    /// When a value cannot be written as JSON, which none of ours brings about.
    fn store(&self) -> Result<Stored, StateError>;
}

/// A field of a state.
pub(super) trait Field: Default {
    /// Reads the field of this name.
    fn load(reader: &Reader<'_>, name: &'static str) -> Result<Self, StateError>;

    /// Writes the field under this name.
    fn store(&self, writer: &mut Writer, name: &'static str) -> Result<(), StateError>;
}

impl<T: Value> Field for Register<T> {
    fn load(reader: &Reader<'_>, name: &'static str) -> Result<Self, StateError> {
        reader.register(name)
    }

    fn store(&self, writer: &mut Writer, name: &'static str) -> Result<(), StateError> {
        writer.register(name, self)
    }
}

/// Users read whether the person is to be left alone, where that is known; the words rest where positions
/// do.
impl Field for Consent {
    fn load(reader: &Reader<'_>, name: &'static str) -> Result<Self, StateError> {
        Ok(reader.consents.get(name).copied().unwrap_or_default())
    }

    fn store(&self, writer: &mut Writer, name: &'static str) -> Result<(), StateError> {
        writer.value(name, &self.opted_out())?;
        if *self != Self::default() {
            writer.consents.push((name, *self));
        }
        Ok(())
    }
}

/// What rests beside a state under one name.
#[derive(Deserialize)]
#[serde(untagged)]
enum Resting {
    /// The registers that a position set.
    Registers(Vec<String>),
    /// The words of a consent.
    Consent(Consent),
}

/// Reads registers out of a stored state.
pub(super) struct Reader<'a> {
    values: Object<'a>,
    positions: BTreeMap<String, Position>,
    consents: BTreeMap<String, Consent>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(stored: &'a Stored) -> Result<Self, StateError> {
        let resting: BTreeMap<String, Resting> = serde_json::from_str(&stored.positions)?;
        let (mut positions, mut consents) = (BTreeMap::new(), BTreeMap::new());
        for (name, resting) in resting {
            match resting {
                Resting::Registers(registers) => {
                    let position = name.parse().map_err(serde_json::Error::custom)?;
                    positions.extend(registers.into_iter().map(|name| (name, position)));
                }
                Resting::Consent(consent) => drop(consents.insert(name, consent)),
            }
        }
        let raw = serde_json::from_str(&stored.state)?;
        let values = Object::from_raw(raw).map_err(serde_json::Error::custom)?;
        Ok(Self {
            values,
            positions,
            consents,
        })
    }

    pub(super) fn register<T: Value>(&self, name: &'static str) -> Result<Register<T>, StateError> {
        let value = match self.values.get(name) {
            None => None,
            Some(raw) => serde_json::from_str(raw.get()).map_err(|_| StateError::Register(name))?,
        };
        Ok(Register::restore(value, self.positions.get(name).copied()))
    }
}

/// Writes registers into a stored state.
#[derive(Default)]
pub(super) struct Writer {
    state: String,
    positions: BTreeMap<Position, Vec<&'static str>>,
    consents: Vec<(&'static str, Consent)>,
}

impl Writer {
    pub(super) fn register<T: Value>(
        &mut self,
        name: &'static str,
        register: &Register<T>,
    ) -> Result<(), StateError> {
        self.value(name, &register.get())?;
        if let Some(position) = register.position() {
            self.positions.entry(position).or_default().push(name);
        }
        Ok(())
    }

    /// Writes a value, unless it is null: a state costs by its size.
    fn value(&mut self, name: &'static str, value: &impl Serialize) -> Result<(), StateError> {
        let value = serde_json::to_string(value)?;
        if value == "null" {
            return Ok(());
        }
        self.state
            .push(if self.state.is_empty() { '{' } else { ',' });
        self.state.push('"');
        self.state.push_str(name);
        self.state.push_str("\":");
        self.state.push_str(&value);
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Stored, StateError> {
        if self.state.is_empty() {
            self.state.push('{');
        }
        self.state.push('}');
        let positions = self.positions()?;
        Ok(Stored {
            state: self.state,
            positions,
            expiry: None,
        })
    }

    fn positions(&self) -> Result<String, StateError> {
        let mut text = serde_json::to_string(&self.positions)?;
        for (name, consent) in &self.consents {
            let comma = if text.len() > "{}".len() { "," } else { "" };
            text.pop(); // the closing brace
            text.push_str(&format!(
                "{comma}\"{name}\":{}}}",
                serde_json::to_string(consent)?
            ));
        }
        Ok(text)
    }
}

/// Declares states by their fields. Every state has `updated_at` and `updated_by` besides.
macro_rules! states {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Default)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
            /// When it last changed.
            pub updated_at: Register<Timestamp>,
            /// The event that last changed it.
            pub updated_by: Register<EventId>,
        }

        impl $name {
            /// The names of the fields, in their order; a raw identifier has its mark.
            pub(super) const NAMES: &[&str] =
                &[$(stringify!($field),)* "updated_at", "updated_by"];
        }

        impl State for $name {
            fn load(stored: &Stored) -> Result<Self, StateError> {
                let reader = stored::Reader::new(stored)?;
                Ok(Self {
                    $($field: Field::load(&reader, json::unmarked(stringify!($field)))?,)*
                    updated_at: Field::load(&reader, "updated_at")?,
                    updated_by: Field::load(&reader, "updated_by")?,
                })
            }

            fn store(&self) -> Result<Stored, StateError> {
                let mut writer = stored::Writer::default();
                $(self.$field.store(&mut writer, json::unmarked(stringify!($field)))?;)*
                self.updated_at.store(&mut writer, "updated_at")?;
                self.updated_by.store(&mut writer, "updated_by")?;
                writer.finish()
            }
        }
    )* };
}
pub(super) use states;

#[cfg(test)]
mod tests {
    use super::super::{Conversation, Message, Register, Said, Word};
    use super::*;
    use crate::data::DeliveryStatus;
    use crate::occurrence::{Place, Sequence, Times};

    fn by_sequence(sequence: u128) -> Position {
        let place = Place::new(None, Timestamp::UNIX_EPOCH, Sequence(sequence));
        Position::by_sequence(place)
    }

    #[test]
    fn a_state_survives_its_storage() {
        let mut message = Message::default();
        message
            .status
            .set(Some(DeliveryStatus::Sent), by_sequence(7));
        message.r#final.set(Some(false), by_sequence(7));
        message.reason.set(None, by_sequence(8));
        let stored = message.store().unwrap();
        assert!(
            stored
                .state
                .starts_with(r#"{"status":"sent","final":false}"#)
        );
        assert_eq!(
            stored.positions,
            r#"{"0:0:7":["status","final"],"0:0:8":["reason"]}"#
        );
        let read = Message::load(&stored).unwrap();
        assert_eq!(read.store().unwrap(), stored);
        assert_eq!(read.reason.position(), Some(by_sequence(8)));
    }

    #[test]
    fn consent_rests_beside_the_positions_and_is_read_as_a_boolean() {
        let mut conversation = Conversation::default();
        assert_eq!(conversation.store().unwrap().state, "{}");
        let said = Said::new(
            Times::new(None, "2026-01-15T13:00:00Z".parse().unwrap()),
            "019aad2b-7c00-7000-8000-000000000001.0".parse().unwrap(),
        );
        conversation.opted_out.add(Word::Stop, said);
        for _ in 0..2 {
            let stored = conversation.store().unwrap();
            assert!(
                stored.state.contains("\"opted_out\":true"),
                "{}",
                stored.state
            );
            let read = Conversation::load(&stored).unwrap();
            assert_eq!(read.opted_out, conversation.opted_out);
            assert_eq!(read.store().unwrap(), stored);
            conversation
                .text
                .set(Some("STOP".to_owned()), by_sequence(1));
        }
    }

    #[test]
    fn damage_is_told() {
        for (state, positions) in [
            ("", "{}"),
            ("{}", ""),
            ("{\"status\":7}", "{}"),
            ("{}", "{\"x\":[]}"),
            ("[]", "{}"),
        ] {
            let stored = Stored {
                state: state.into(),
                positions: positions.into(),
                expiry: None,
            };
            assert!(Message::load(&stored).is_err(), "{state} {positions}");
        }
    }

    #[test]
    fn registers_added_later_are_empty_in_older_states() {
        let stored = Stored {
            state: "{}".into(),
            positions: "{}".into(),
            expiry: None,
        };
        assert_eq!(
            Message::load(&stored).unwrap().price.get(),
            Register::<String>::default().get()
        );
    }
}
