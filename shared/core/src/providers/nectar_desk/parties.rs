//! Which of two numbers is the customer's and which is the account's own.
//!
//! A call names its sides by what they are: `number` is the account's, `external_numbers` are others'.
//! A message does not: the pages of both of its events show the account's number as `fromNumber`, an
//! object with an id and an alias, and the other side as `toNumber`, a text.

use crate::config::Reading;
use crate::data::Direction;
use crate::json::{self, Object};
use crate::phone;

use serde_json::value::RawValue;

/// The two sides of a message.
pub(super) const SIDES: [&str; 2] = ["fromNumber", "toNumber"];

/// The numbers of both sides, as they are written.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Parties {
    pub(super) customer: Option<String>,
    pub(super) ours: Option<String>,
}

impl Parties {
    /// Reads those of a call. A number that the call was handed on to is not the customer's, unless
    /// there is no other.
    pub(super) fn of_call(call: &Object<'_>) -> Self {
        let external = call.get("external_numbers").and_then(json::elements);
        let external = external.unwrap_or_default();
        let of_contact = || {
            let contact = Object::from_raw(call.get("contact")?).ok()?;
            number(contact.get("phone")?)
        };
        let customer = external
            .iter()
            .find(|raw| !is_transfer(raw))
            .or_else(|| external.first())
            .and_then(|raw| number(raw));
        Self {
            customer: customer.or_else(of_contact),
            ours: call.get("number").and_then(number),
        }
    }

    /// Reads those of a message. Where just one side is an object, it is ours; else their names
    /// decide, so that our own number is never taken for a customer who wants to be left alone.
    pub(super) fn of_message(message: &Object<'_>, direction: Direction) -> Self {
        let [from, to] = SIDES.map(|name| message.get(name));
        let from_is_ours = match (from.is_some_and(is_object), to.is_some_and(is_object)) {
            (true, false) => true,
            (false, true) => false,
            _ => direction == Direction::Outbound,
        };
        let (ours, customer) = if from_is_ours { (from, to) } else { (to, from) };
        Self {
            customer: customer.and_then(number),
            ours: ours.and_then(number),
        }
    }

    /// Returns them in E.164 where that can be told.
    pub(super) fn normalised(self, reading: &Reading) -> Self {
        let normalised = |number: String| phone::normalise(&number, reading.country.as_ref());
        Self {
            customer: self.customer.map(normalised),
            ours: self.ours.map(normalised),
        }
    }
}

/// An object, or the empty list that an empty object is written as.
fn is_object(raw: &RawValue) -> bool {
    let is_empty_list = || json::elements(raw).is_some_and(|list| list.is_empty());
    raw.get().starts_with('{') || is_empty_list()
}

fn is_transfer(external: &RawValue) -> bool {
    let mark = Object::from_raw(external)
        .ok()
        .and_then(|number| number.get("is_any_transfer"));
    mark.is_some_and(|mark| matches!(mark.get(), "true" | "1" | "\"1\"" | "\"true\""))
}

/// The number of an object, or of a text or number itself, without its alias.
fn number(raw: &RawValue) -> Option<String> {
    let written = match Object::from_raw(raw) {
        Ok(object) => json::identifier(object.get("number")?)?,
        Err(_) => json::identifier(raw)?,
    };
    Some(without_alias(&written).to_owned())
}

/// Returns the number of a text that has an alias beside it, one of them in brackets; a text in
/// which no number is to be found as it is.
fn without_alias(written: &str) -> &str {
    if is_number(written) {
        return written;
    }
    // The number may have brackets of its own: `Ann (+44 (0)7400 123456)`.
    let bracketed = |(open, close): (char, char)| {
        let (before, behind) = written.split_once(open)?;
        let (inside, _) = behind.rsplit_once(close)?;
        let (before_last, behind_last) = written.rsplit_once(open)?;
        let (inside_last, _) = behind_last.split_once(close)?;
        [before, inside, before_last, inside_last]
            .map(str::trim)
            .into_iter()
            .find(|text| is_number(text))
    };
    [('(', ')'), ('[', ']'), ('<', '>'), ('（', '）')]
        .into_iter()
        .find_map(bracketed)
        .unwrap_or(written)
}

/// Reports whether a text is a number and nothing else, however it is punctuated.
pub(super) fn is_number(text: &str) -> bool {
    phone::is_written_number(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(direction: Direction, json: &str) -> (Option<String>, Option<String>) {
        let parties = Parties::of_message(&Object::parse(json).unwrap(), direction);
        (parties.customer, parties.ours)
    }

    #[test]
    fn aliases_are_left_out() {
        for (written, told) in [
            ("+15550100003", "+15550100003"),
            ("+1 (555) 010-0003", "+1 (555) 010-0003"),
            ("15550100003 (Ann)", "15550100003"),
            ("+1 (555) 010-0003 (Ann)", "+1 (555) 010-0003"),
            ("Ann (+15550100003)", "+15550100003"),
            ("Ann [15550100003]", "15550100003"),
            ("Ann <+15550100003>", "+15550100003"),
            ("15550100003 (Flat 12)", "15550100003"),
            ("+44 (0)7400 123456", "+44 (0)7400 123456"),
            ("+44 (0)7400 123456 (Ann)", "+44 (0)7400 123456"),
            ("Ann (+44 (0)7400 123456)", "+44 (0)7400 123456"),
            ("“+1 555 010‑0003” <Ann>", "“+1 555 010‑0003”"),
            ("\"Ann\" <tel:+15550100003>", "tel:+15550100003"),
            (
                "Ann（＋１５５５０１００００３）",
                "＋１５５５０１００００３",
            ),
            ("anonymous", "anonymous"),
            ("Ann (at home)", "Ann (at home)"),
            ("Ann (12)", "Ann (12)"),
            ("12345", "12345"),
            ("(", "("),
            (")(", ")("),
            ("", ""),
        ] {
            assert_eq!(without_alias(written), told, "{written}");
        }
    }

    #[test]
    fn the_side_that_is_an_object_is_ours() {
        let (customer, ours) = (
            Some("15550100003".to_owned()),
            Some("15550100004".to_owned()),
        );
        let object = r#"{"id":4,"number":"15550100004","alias":"Desk"}"#;
        let documented = format!(r#"{{"fromNumber":{object},"toNumber":"15550100003"}}"#);
        let turned = format!(r#"{{"fromNumber":"15550100003","toNumber":{object}}}"#);
        for direction in [Direction::Inbound, Direction::Outbound] {
            for json in [&documented, &turned] {
                assert_eq!(
                    message(direction, json),
                    (customer.clone(), ours.clone()),
                    "{json}"
                );
            }
            for empty in ["{}", "[]"] {
                let json = format!(r#"{{"fromNumber":{empty},"toNumber":"15550100003"}}"#);
                assert_eq!(
                    message(direction, &json),
                    (customer.clone(), None),
                    "{json}"
                );
            }
            let alone = format!(r#"{{"toNumber":{object}}}"#);
            assert_eq!(message(direction, &alone), (None, ours.clone()));
        }
    }

    #[test]
    fn else_the_names_of_the_sides_decide() {
        let (one, two) = (
            Some("15550100003".to_owned()),
            Some("15550100004".to_owned()),
        );
        for (from, to) in [
            (r#""15550100003""#, r#""15550100004""#),
            (r#"{"number":"15550100003"}"#, r#"{"number":15550100004}"#),
        ] {
            let json = format!(r#"{{"fromNumber":{from},"toNumber":{to}}}"#);
            let inbound = message(Direction::Inbound, &json);
            assert_eq!(inbound, (one.clone(), two.clone()), "{json}");
            let outbound = message(Direction::Outbound, &json);
            assert_eq!(outbound, (two.clone(), one.clone()), "{json}");
        }
        let only_to = r#"{"toNumber":"15550100004"}"#;
        assert_eq!(message(Direction::Inbound, only_to), (None, two));
        assert_eq!(
            message(Direction::Inbound, r#"{"type":"livechat"}"#),
            (None, None)
        );
    }

    #[test]
    fn the_customer_of_a_call_is_not_whom_it_was_handed_on_to() {
        for (external, customer) in [
            (
                r#"[{"number":"1001","is_any_transfer":0},{"number":"1002","is_any_transfer":1}]"#,
                "1001",
            ),
            (
                r#"[{"number":"1002","is_any_transfer":true},{"number":"1001"}]"#,
                "1001",
            ),
            (r#"[{"number":"1002","is_any_transfer":"1"}]"#, "1002"),
            (r#"["1001"]"#, "1001"),
            (r#"[{"number":""}]"#, "1009"),
            (r#"[[]]"#, "1009"),
            ("[]", "1009"),
            ("{}", "1009"),
            ("null", "1009"),
        ] {
            let json = format!(r#"{{"external_numbers":{external},"contact":{{"phone":"1009"}}}}"#);
            let parties = Parties::of_call(&Object::parse(&json).unwrap());
            assert_eq!(parties.customer.as_deref(), Some(customer), "{json}");
            assert_eq!(parties.ours, None);
        }
    }
}
