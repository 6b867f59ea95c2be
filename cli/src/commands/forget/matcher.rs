//! Where somebody is named, by the rules that arrivals are read by.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use switchhook_aws::dynamodb::erasing::TableItem;
use switchhook_core::body::{self, Carried};
use switchhook_core::config::Sources;
use switchhook_core::entity::Entity;
use switchhook_core::erasure::Subject;
use switchhook_core::kind::{EntityType, Kind};
use switchhook_core::ledger::RawBody;
use switchhook_core::phone::Country;
use switchhook_core::request::Headers;

/// More than any body that is recorded inflates to.
const MAX_BYTES: usize = 64 << 20;

/// The fields of canonical data that name the parties of an event.
const PARTIES: [&str; 4] = ["from", "to", "phone", "email"];

/// How surely an item names the subject: those that name it most clearly are deleted last, so that a
/// repeat after an interruption finds the rest by them.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Evidence {
    /// Another item of its entity does.
    None,
    /// The body beside it does.
    Body,
    /// The item itself does.
    Item,
}

/// The subject, and how the numbers of each source are read.
#[derive(Debug)]
pub(super) struct Matcher {
    pub(super) subject: Subject,
    by_source: HashMap<String, Vec<Country>>,
    /// Those of sources that are no longer configured: any that there is.
    others: Vec<Country>,
}

impl Matcher {
    /// Reads the numbers of a source without a country by the one that was given.
    pub(super) fn new(
        subject: Subject,
        sources: Option<&Sources>,
        given: Option<&Country>,
    ) -> Self {
        let mut others: Vec<Country> = given.cloned().into_iter().collect();
        let mut by_source = HashMap::new();
        for source in sources.iter().flat_map(|sources| sources.iter()) {
            let own = source.reading.country.clone();
            if let Some(country) = own.as_ref().filter(|own| !others.contains(own)) {
                others.push(country.clone());
            }
            let read_by = own.or_else(|| given.cloned()).into_iter().collect();
            by_source.insert(source.name.clone(), read_by);
        }
        Self {
            subject,
            by_source,
            others,
        }
    }

    fn countries(&self, source: &str) -> &[Country] {
        self.by_source.get(source).unwrap_or(&self.others)
    }

    /// Returns whether a text of a source names the subject.
    pub(super) fn is_in(&self, source: &str, text: &str) -> bool {
        self.subject.is_in(text, self.countries(source))
    }

    /// Returns whether an entity is the subject, or named after it.
    pub(super) fn is_entity(&self, entity: &Entity) -> bool {
        match &self.subject {
            Subject::Entity(subject) => subject == entity,
            Subject::Number(_) | Subject::Address(_) => {
                self.is_in(entity.source(), entity.as_str())
            }
        }
    }

    /// Returns whether the bytes of a body name the subject.
    pub(super) fn is_in_body(
        &self,
        source: &str,
        headers: &BTreeMap<String, String>,
        bytes: &[u8],
    ) -> bool {
        let headers: Headers = headers.clone().into_iter().collect();
        let countries = self.countries(source);
        self.subject.is_in_body(&headers, bytes, countries)
    }

    /// Returns whether an item itself names the subject, the body beside it left aside.
    pub(super) fn is_in_item(&self, item: &TableItem) -> bool {
        let source = item.entity.source();
        if self.is_entity(&item.entity) || item.texts.iter().any(|text| self.is_in(source, text)) {
            return true;
        }
        match &item.raw {
            Some(RawBody::Plain(bytes)) => self.is_in_body(source, &item.headers, bytes),
            Some(RawBody::Deflated(deflated)) => {
                let inflated = body::inflate(deflated, MAX_BYTES);
                let bytes = inflated.as_ref().unwrap_or(deflated);
                self.is_in_body(source, &item.headers, bytes)
            }
            Some(RawBody::Stored(_)) | None => false,
        }
    }

    /// Returns whether a message that is no envelope of this version names the subject.
    pub(super) fn is_in_message(&self, message: &str) -> bool {
        if self.is_in("", message) {
            return true;
        }
        let Ok(message) = serde_json::from_str::<Value>(message) else {
            return false;
        };
        let body = message.get("body").cloned().unwrap_or_default();
        let carried = serde_json::from_value::<Carried>(body).ok();
        let bytes = carried.as_ref().and_then(inline_bytes);
        bytes.is_some_and(|bytes| self.is_in_body("", &BTreeMap::new(), &bytes))
    }

    /// Returns who else is named as a party in a record's data or in a state.
    pub(super) fn others_in(&self, source: &str, data: &str) -> Vec<String> {
        let Ok(Value::Object(data)) = serde_json::from_str(data) else {
            return Vec::new();
        };
        let parties = PARTIES.iter().filter_map(|name| data.get(*name)?.as_str());
        let others = parties.filter(|party| !party.is_empty() && !self.is_in(source, party));
        others.map(str::to_lowercase).collect()
    }
}

/// Returns the bytes that travel in a message.
pub(super) fn inline_bytes(carried: &Carried) -> Option<Vec<u8>> {
    match carried {
        Carried::Inline(base64) => base64.decode(),
        Carried::Deflated(base64) => body::inflate(&base64.decode()?, MAX_BYTES),
        Carried::Stored(_) => None,
    }
}

/// Returns whether everything of an entity is about the subject where one of its items names it. What is
/// said of an agent, a campaign or a list names others beside: there only the item itself is.
pub(super) fn is_whole(entity: &Entity, kind: Option<&str>, is_named_after: bool) -> bool {
    match entity.entity_type() {
        None => false,
        Some(EntityType::Campaign | EntityType::ContactList) => is_named_after,
        Some(EntityType::Agent) => {
            let own = [Kind::AgentCreated, Kind::AgentUpdated].map(Kind::as_str);
            is_named_after || kind.is_some_and(|kind| own.contains(&kind))
        }
        Some(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(given: Option<&str>) -> Matcher {
        let sources = Sources::from_toml(
            "[sources.au]\nprovider = \"ai-sync\"\nsecrets = [\"s\"]\ncountry = \"AU\"\n\
             [sources.us]\nprovider = \"ai-sync\"\nsecrets = [\"s\"]\ncountry = \"US\"\n\
             [sources.any]\nprovider = \"ai-sync\"\nsecrets = [\"s\"]\n",
        );
        let subject = Subject::Number("+61400000123".to_owned());
        Matcher::new(
            subject,
            Some(&sources.unwrap()),
            given.and_then(Country::new).as_ref(),
        )
    }

    #[test]
    fn national_spellings_are_read_as_their_source_reads_them() {
        let text = "0400 000 123";
        for (source, plain, given) in [
            ("au", true, true),
            ("us", false, false),
            ("any", false, true),
            ("gone", true, true),
        ] {
            assert_eq!(matcher(None).is_in(source, text), plain, "{source}");
            assert_eq!(matcher(Some("AU")).is_in(source, text), given, "{source}");
        }
    }

    #[test]
    fn parties_beside_the_subject_are_others() {
        let data =
            r#"{"from":"+61 400 000 123","to":"+61400000999","email":"Ann@x.example","phone":""}"#;
        let others = matcher(None).others_in("au", data);
        assert_eq!(others, ["+61400000999", "ann@x.example"]);
        assert!(matcher(None).others_in("au", "no json").is_empty());
    }

    #[test]
    fn messages_of_no_version_are_looked_through_with_their_bodies() {
        let body = Carried::inline(br#"{"from":"+61400000123"}"#).unwrap();
        let message = serde_json::json!({"version": 9, "body": body}).to_string();
        assert!(matcher(None).is_in_message(&message));
        assert!(matcher(None).is_in_message("call 0400000123"));
        assert!(!matcher(None).is_in_message("{}"));
    }

    #[test]
    fn only_what_is_about_persons_is_erased_whole() {
        for (name, kind, is_named, whole) in [
            ("a/call/c", None, false, true),
            ("a/delivery/d", None, false, true),
            ("a/agent/1", Some("agent.status"), false, false),
            ("a/agent/1", Some("agent.created"), false, true),
            ("a/agent/ann@x.example", Some("agent.status"), true, true),
            ("a/campaign/1", Some("campaign.started"), false, false),
            ("a/contact_list/1", None, false, false),
            ("mine", None, true, false),
        ] {
            let entity = Entity::from_name(name.to_owned());
            assert_eq!(is_whole(&entity, kind, is_named), whole, "{name}");
        }
    }
}
