//! How a state rests in the ledger: the JSON that users read, and its registers' positions beside it.

use std::collections::BTreeMap;

use serde::de::Error as _;

use super::register::{Position, Register, Value};
use crate::json::Object;

/// A state as it rests.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Stored {
    /// One flat JSON object: what users read.
    pub state: String,
    /// JSON: each position with the names of the registers that it set.
    pub positions: String,
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

/// Reads registers out of a stored state.
pub(super) struct Reader<'a> {
    values: Object<'a>,
    positions: BTreeMap<String, Position>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(stored: &'a Stored) -> Result<Self, StateError> {
        let written: BTreeMap<String, Vec<String>> = serde_json::from_str(&stored.positions)?;
        let mut positions = BTreeMap::new();
        for (position, names) in written {
            let position = position.parse().map_err(serde_json::Error::custom)?;
            positions.extend(names.into_iter().map(|name| (name, position)));
        }
        let raw = serde_json::from_str(&stored.state)?;
        let values = Object::from_raw(raw).map_err(serde_json::Error::custom)?;
        Ok(Self { values, positions })
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
}

impl Writer {
    pub(super) fn register<T: Value>(
        &mut self,
        name: &'static str,
        register: &Register<T>,
    ) -> Result<(), StateError> {
        self.state
            .push(if self.state.is_empty() { '{' } else { ',' });
        self.state.push('"');
        self.state.push_str(name);
        self.state.push_str("\":");
        self.state
            .push_str(&serde_json::to_string(&register.get())?);
        if let Some(position) = register.position() {
            self.positions.entry(position).or_default().push(name);
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Stored, StateError> {
        self.state.push('}');
        Ok(Stored {
            state: self.state,
            positions: serde_json::to_string(&self.positions)?,
        })
    }
}

/// Declares states by their registers. Every state has `updated_at` and `updated_by` besides.
macro_rules! states {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Default)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: Register<$type>,)*
            /// When it last changed.
            pub updated_at: Register<Timestamp>,
            /// The event that last changed it.
            pub updated_by: Register<EventId>,
        }

        impl State for $name {
            fn load(stored: &Stored) -> Result<Self, StateError> {
                let reader = stored::Reader::new(stored)?;
                Ok(Self {
                    $($field: reader.register(stored::name(stringify!($field)))?,)*
                    updated_at: reader.register("updated_at")?,
                    updated_by: reader.register("updated_by")?,
                })
            }

            fn store(&self) -> Result<Stored, StateError> {
                let mut writer = stored::Writer::default();
                $(writer.register(stored::name(stringify!($field)), &self.$field)?;)*
                writer.register("updated_at", &self.updated_at)?;
                writer.register("updated_by", &self.updated_by)?;
                writer.finish()
            }
        }
    )* };
}
pub(super) use states;

/// Takes the mark of a raw identifier off a field's name.
pub(super) fn name(field: &'static str) -> &'static str {
    field.strip_prefix("r#").unwrap_or(field)
}

#[cfg(test)]
mod tests {
    use super::super::{Message, Register};
    use super::*;
    use crate::data::DeliveryStatus;
    use crate::occurrence::Sequence;

    #[test]
    fn a_state_survives_its_storage() {
        let mut message = Message::default();
        message.status.set(
            Some(DeliveryStatus::Sent),
            Position::by_sequence(Sequence(7)),
        );
        message
            .r#final
            .set(Some(false), Position::by_sequence(Sequence(7)));
        message.reason.set(None, Position::by_sequence(Sequence(8)));
        let stored = message.store().unwrap();
        assert!(
            stored
                .state
                .starts_with(r#"{"status":"sent","status_raw":null,"final":false,"#)
        );
        assert_eq!(
            stored.positions,
            r#"{"0:0:7":["status","final"],"0:0:8":["reason"]}"#
        );
        let read = Message::load(&stored).unwrap();
        assert_eq!(read.store().unwrap(), stored);
        assert_eq!(
            read.reason.position(),
            Some(Position::by_sequence(Sequence(8)))
        );
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
            };
            assert!(Message::load(&stored).is_err(), "{state} {positions}");
        }
    }

    #[test]
    fn registers_added_later_are_empty_in_older_states() {
        let stored = Stored {
            state: "{}".into(),
            positions: "{}".into(),
        };
        assert_eq!(
            Message::load(&stored).unwrap().price.get(),
            Register::<String>::default().get()
        );
    }
}
