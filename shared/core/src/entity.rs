//! What an event is about: `{source}/{type}/{key}`, and the queue's message group made from it.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use crate::dedup;
use crate::kind::EntityType;

/// The longest key of an entity, in bytes.
///
/// `DynamoDB` takes partition keys of up to 2,048 bytes; the source and the type need the rest.
pub const MAX_KEY_BYTES: usize = 1_024;

/// The longest message group that SQS takes, in characters.
const MAX_GROUP_CHARS: usize = 128;

/// The name of an entity. Its key is as the provider wrote it.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[serde(try_from = "String")]
pub struct Entity(String);

/// The longest partition key that `DynamoDB` takes, in bytes.
const MAX_NAME_BYTES: usize = 2_048;

/// A name that can be no key: one message with it would fail the reading of its whole batch.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the entity's name is empty or longer than {MAX_NAME_BYTES} bytes")]
pub struct EntityNameError;

impl TryFrom<String> for Entity {
    type Error = EntityNameError;

    fn try_from(name: String) -> Result<Self, EntityNameError> {
        if (1..=MAX_NAME_BYTES).contains(&name.len()) {
            Ok(Self(name))
        } else {
            Err(EntityNameError)
        }
    }
}

impl Serialize for Entity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Entity {
    /// Names an entity.
    #[must_use]
    pub fn new(source: &str, entity_type: EntityType, key: &str) -> Self {
        Self(format!("{source}/{}/{key}", entity_type.as_str()))
    }

    /// Names a number's place in the stack's suppression list. No source can be called `_`.
    #[must_use]
    pub fn opt_out(phone: &str, channel: &str) -> Self {
        Self(format!("_/opt_out/{phone}/{channel}"))
    }

    /// Returns whose place in the suppression list this is, and the channel; `None` for any other
    /// entity. An address may hold `/`, a channel does not.
    #[must_use]
    pub fn opted_out(&self) -> Option<(&str, &str)> {
        self.0.strip_prefix("_/opt_out/")?.rsplit_once('/')
    }

    /// Takes a name as it was written before, from the ledger or the command line.
    #[must_use]
    pub const fn from_name(name: String) -> Self {
        Self(name)
    }

    /// Returns the whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the source's name.
    #[must_use]
    pub fn source(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }

    /// Returns the type; `None` for the suppression list and for what is no entity's name.
    #[must_use]
    pub fn entity_type(&self) -> Option<EntityType> {
        let (_, rest) = self.0.split_once('/')?;
        let (name, _) = rest.split_once('/')?;
        EntityType::named(name)
    }

    /// Returns the SQS message group: the name itself, or its digest where SQS would not take it.
    ///
    /// SQS takes up to 128 alphanumeric and punctuation characters
    /// (API reference of `SendMessage`, `MessageGroupId`).
    #[must_use]
    pub fn message_group(&self) -> String {
        let fits = self.0.len() <= MAX_GROUP_CHARS;
        if fits && self.0.chars().all(|c| c.is_ascii_graphic()) {
            self.0.clone()
        } else {
            dedup::digest(&[self.0.as_bytes()])
        }
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_suppression_list_says_whose_it_is() {
        let of = |key, channel| Entity::opt_out(key, channel);
        assert_eq!(
            of("+15550100003", "sms").opted_out(),
            Some(("+15550100003", "sms"))
        );
        assert_eq!(
            of("a/b@example.com", "email").opted_out(),
            Some(("a/b@example.com", "email"))
        );
        let call = Entity::new("voice", EntityType::Call, "_/opt_out/1/sms");
        assert_eq!(call.opted_out(), None);
    }

    #[test]
    fn name_that_can_be_no_key_is_not_read() {
        for (length, is_key) in [(0, false), (1, true), (2_048, true), (2_049, false)] {
            let name = format!("\"{}\"", "x".repeat(length));
            let read = serde_json::from_str::<Entity>(&name);
            assert_eq!(read.is_ok(), is_key, "{length}");
        }
    }

    #[test]
    fn a_group_is_the_name_or_its_digest() {
        let group = |key: &str| Entity::new("voice", EntityType::Call, key).message_group();
        assert_eq!(group("call_987"), "voice/call/call_987");
        assert_eq!(group("+1555"), "voice/call/+1555");
        for odd in ["with space", "naïve", "tab\t", &"x".repeat(129)] {
            assert_eq!(group(odd).len(), 64, "{odd}");
        }
        assert_ne!(group("a b"), group("a  b"));
    }
}
