//! A provider's other fields: no more of them is copied than data may hold.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::canonical::{self, FieldSize};
use crate::json;

/// A provider's other fields, as they were sent. What is longer than data may be is cut, and known to
/// be.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Extra {
    fields: BTreeMap<String, Box<RawValue>>,
    /// The names of the fields that were cut.
    #[serde(skip)]
    cut: BTreeSet<String>,
    /// Whether fields were left out.
    #[serde(skip)]
    is_incomplete: bool,
}

/// Returns whether there are no fields.
pub(super) fn is_empty(extra: &Extra) -> bool {
    extra.fields.is_empty()
}

impl Extra {
    /// Copies fields. Where they would be longer than data may be, the longest are cut, and some left
    /// out if that is not enough.
    #[must_use]
    pub fn of<'a>(fields: impl Iterator<Item = (&'a str, &'a RawValue)>) -> Self {
        let fields: Vec<_> = fields
            .map(|(name, value)| {
                let size = FieldSize {
                    name: json::written_len(name).saturating_add(2),
                    value: json::compact_len(value, canonical::MAX_DATA_BYTES),
                };
                (name, value, size)
            })
            .collect();
        let sizes = || fields.iter().map(|(_, _, size)| *size);
        let mut extra = Self::default();
        if canonical::total(sizes(), usize::MAX) <= canonical::MAX_DATA_BYTES {
            let whole = fields.iter();
            extra.fields = whole
                .map(|(name, value, _)| ((*name).to_owned(), json::compact(value)))
                .collect();
            return extra;
        }
        let limit = canonical::limit(&sizes());
        let mut written = canonical::total(sizes(), limit);
        for (name, value, size) in &fields {
            if written > canonical::MAX_CUT_BYTES {
                written = written.saturating_sub(size.within(limit));
                extra.is_incomplete = true;
            } else if size.value > limit {
                extra.insert((*name).to_owned(), beginning(value, limit));
                extra.cut.insert((*name).to_owned());
            } else {
                extra.insert((*name).to_owned(), json::compact(value));
            }
        }
        extra
    }

    /// Reports whether anything was cut or left out.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.is_incomplete || !self.cut.is_empty()
    }

    /// Reports whether a field was cut.
    #[must_use]
    pub fn has_cut(&self, name: &str) -> bool {
        self.cut.contains(name)
    }

    /// Moves a field of `other` here, if it has it, under a name that may be another one.
    pub(crate) fn take_field(&mut self, other: &mut Self, name: &str, new_name: String) {
        let Some(value) = other.fields.remove(name) else {
            return;
        };
        if other.cut.remove(name) {
            self.cut.insert(new_name.clone());
        }
        self.fields.insert(new_name, value);
    }

    /// Notes that what was left out of `other` is left out here.
    pub(crate) fn note_left_out(&mut self, other: &Self) {
        self.is_incomplete |= other.is_incomplete;
    }
}

/// Returns the beginning of a text; null for anything else.
fn beginning(value: &RawValue, limit: usize) -> Box<RawValue> {
    let cut = json::beginning_of(value, limit).and_then(|text| {
        let text = json::beginning(&text, limit.saturating_sub(2));
        serde_json::value::to_raw_value(text).ok()
    });
    cut.unwrap_or_else(|| RawValue::NULL.to_owned())
}

impl Deref for Extra {
    type Target = BTreeMap<String, Box<RawValue>>;

    fn deref(&self) -> &Self::Target {
        &self.fields
    }
}

impl DerefMut for Extra {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.fields
    }
}

impl FromIterator<(String, Box<RawValue>)> for Extra {
    fn from_iter<I: IntoIterator<Item = (String, Box<RawValue>)>>(fields: I) -> Self {
        Self {
            fields: fields.into_iter().collect(),
            ..Self::default()
        }
    }
}

impl IntoIterator for Extra {
    type Item = (String, Box<RawValue>);
    type IntoIter = btree_map::IntoIter<String, Box<RawValue>>;

    fn into_iter(self) -> Self::IntoIter {
        self.fields.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Object;

    fn of(json: &str) -> Extra {
        Extra::of(Object::parse(json).unwrap().iter())
    }

    #[test]
    fn what_fits_is_copied_whole_and_on_one_line() {
        let blanks = " ".repeat(canonical::MAX_DATA_BYTES);
        let extra = of(&format!("{{\"a\":{{{blanks}\"b\": [1 , 2]}},\"c\":\"x\"}}"));
        assert_eq!(extra["a"].get(), "{\"b\":[1,2]}");
        assert!(!extra.is_cut() && !extra.has_cut("a"));
    }

    #[test]
    fn no_more_is_copied_than_data_may_hold() {
        let text = "x".repeat(1 << 20);
        let extra = of(&format!(
            "{{\"a\":\"{text}\",\"b\":7,\"list\":[\"{text}\"]}}"
        ));
        assert!(extra["a"].get().len() <= canonical::MAX_CUT_BYTES);
        assert!(extra["a"].get().len() > canonical::MAX_CUT_BYTES / 8);
        assert_eq!((extra["b"].get(), extra["list"].get()), ("7", "null"));
        let cut = ["a", "b", "list"].map(|name| extra.has_cut(name));
        assert_eq!(cut, [true, false, true]);
        let many: Vec<_> = (0..9_999)
            .map(|n| format!("\"field {n}\":\"{n}\""))
            .collect();
        let extra = of(&format!("{{{}}}", many.join(",")));
        let bytes: usize = extra.iter().map(|(n, v)| n.len() + v.get().len()).sum();
        assert!(
            (20_000..=canonical::MAX_DATA_BYTES).contains(&bytes),
            "{bytes}"
        );
        assert!(extra.is_cut());
        let name = "n".repeat(1 << 20);
        let extra = of(&format!("{{\"{name}\":1,\"z\":2}}"));
        assert_eq!(extra.keys().collect::<Vec<_>>(), ["z"]);
    }
}
