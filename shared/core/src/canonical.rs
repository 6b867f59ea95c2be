//! The text of `data`: JSON of at most 64 KiB. What is too long is cut and named in
//! `extra.truncated`; the whole is in the event's raw bytes.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::data::{Data, Extra};
use crate::json;

/// The longest `data`, in bytes of JSON.
pub const MAX_DATA_BYTES: usize = 64 << 10;

/// The length of data that is cut: the rest is room for the list of cut fields.
pub(crate) const MAX_CUT_BYTES: usize = MAX_DATA_BYTES - (4 << 10);

/// Fields shorter than this are not cut but left out: cutting them would gain nothing.
const WORTH_CUTTING_BYTES: usize = 256;

/// The most cut fields that are named.
const MAX_NAMED: usize = 14;

/// Writes `data` as JSON, the longest texts cut where it would be longer than [`MAX_DATA_BYTES`].
///
/// # Errors
///
/// When it cannot be written at all, which no data of ours brings about.
pub fn write(data: &Data) -> Result<String, serde_json::Error> {
    let whole = serde_json::to_string(data)?;
    let nested = [Some(data.extra()), custom_fields(data)];
    let is_cut = |extra: &Option<&Extra>| extra.is_some_and(Extra::is_cut);
    if whole.len() <= MAX_DATA_BYTES && !nested.iter().any(is_cut) {
        return Ok(whole);
    }
    let mut fields = fields_of(&whole, nested)?;
    cut(&mut fields);
    join(&fields)
}

/// The objects of `data` whose fields are the sender's: they are cut one by one.
const NESTED: &[&str] = &["extra", "fields"];

/// Returns the fields that an account defined itself.
const fn custom_fields(data: &Data) -> Option<&Extra> {
    match data {
        Data::Contact(contact) => contact.fields.as_ref(),
        _ => None,
    }
}

/// The bytes of a field as it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldSize {
    /// Those of its name, its quotes included.
    pub(crate) name: usize,
    /// Those of its value.
    pub(crate) value: usize,
}

impl FieldSize {
    /// Returns the bytes that the field takes when its value is cut to `limit`.
    pub(crate) fn within(self, limit: usize) -> usize {
        let value = self.value.min(limit);
        self.name.saturating_add(value).saturating_add(2)
    }
}

/// Returns the bytes that fields take when each value is cut to `limit`.
pub(crate) fn total(sizes: impl Iterator<Item = FieldSize>, limit: usize) -> usize {
    sizes
        .map(|size| size.within(limit))
        .fold(0, usize::saturating_add)
}

/// Returns the length to which values are cut so that all fit: halved until they do, or until cutting
/// no longer helps.
pub(crate) fn limit(sizes: &(impl Iterator<Item = FieldSize> + Clone)) -> usize {
    let mut limit = MAX_CUT_BYTES;
    while limit > WORTH_CUTTING_BYTES && total(sizes.clone(), limit) > MAX_CUT_BYTES {
        limit = limit.checked_div(2).unwrap_or_default();
    }
    limit
}

struct Field {
    /// One of [`NESTED`], or `None` for a field of `data` itself.
    object: Option<&'static str>,
    name: String,
    value: String,
    cut: bool,
}

impl Field {
    fn size(&self) -> FieldSize {
        FieldSize {
            name: json::written_len(&self.name).saturating_add(2),
            value: self.value.len(),
        }
    }

    fn shorten(&mut self, limit: usize) {
        if self.value.len() > limit {
            self.value = shortened(&self.value, limit);
            self.cut = true;
        }
    }

    fn label(&self) -> String {
        let name: String = self.name.chars().take(40).collect();
        match self.object {
            Some(object) => format!("{object}.{name}"),
            None => name,
        }
    }
}

fn fields_of(whole: &str, nested: [Option<&Extra>; 2]) -> Result<Vec<Field>, serde_json::Error> {
    let mut data: BTreeMap<String, &RawValue> = serde_json::from_str(whole)?;
    let mut fields = Vec::new();
    for (object, extra) in NESTED.iter().zip(nested) {
        let nested = data
            .get(*object)
            .filter(|raw| raw.get().starts_with('{'))
            .copied();
        if let Some(nested) = nested {
            data.remove(*object);
            let inner: BTreeMap<String, &RawValue> = serde_json::from_str(nested.get())?;
            fields.extend(inner.into_iter().map(|field| Field {
                cut: extra.is_some_and(|extra| extra.has_cut(&field.0)),
                ..field_of(Some(object), field)
            }));
        }
    }
    fields.extend(data.into_iter().map(|field| field_of(None, field)));
    Ok(fields)
}

fn field_of(object: Option<&'static str>, (name, value): (String, &RawValue)) -> Field {
    Field {
        object,
        name,
        value: value.get().to_owned(),
        cut: false,
    }
}

/// Halves the limit of a field until all fit; when that no longer helps, leaves fields out.
fn cut(fields: &mut Vec<Field>) {
    let limit = limit(&fields.iter().map(Field::size));
    fields.iter_mut().for_each(|field| field.shorten(limit));
    let mut written = total(fields.iter().map(Field::size), limit);
    fields.retain(|field| {
        let keep = written <= MAX_CUT_BYTES || field.object.is_none();
        if !keep {
            written = written.saturating_sub(field.size().within(limit));
        }
        keep
    });
}

/// Shortens a JSON text to `limit` bytes at most; anything but a string becomes null.
fn shortened(value: &str, limit: usize) -> String {
    let Ok(text) = serde_json::from_str::<String>(value) else {
        return "null".to_owned();
    };
    serde_json::Value::from(json::beginning(&text, limit.saturating_sub(2))).to_string()
}

fn join(fields: &[Field]) -> Result<String, serde_json::Error> {
    let mut named: Vec<String> = fields.iter().filter(|f| f.cut).map(Field::label).collect();
    named.truncate(MAX_NAMED);
    if named.is_empty() {
        named.push("extra".to_owned());
    }
    let mut data = raw_fields(fields, None)?;
    for object in NESTED {
        let mut inner = raw_fields(fields, Some(object))?;
        if *object == "extra" {
            inner.insert("truncated", serde_json::value::to_raw_value(&named)?);
        }
        if !inner.is_empty() {
            data.insert(object, serde_json::value::to_raw_value(&inner)?);
        }
    }
    serde_json::to_string(&data)
}

fn raw_fields<'a>(
    fields: &'a [Field],
    object: Option<&str>,
) -> Result<BTreeMap<&'a str, Box<RawValue>>, serde_json::Error> {
    fields
        .iter()
        .filter(|field| field.object == object)
        // What of ours cannot be cut is not known any more; a sender's own null stays.
        .filter(|field| field.object.is_some() || field.value != "null")
        .map(|field| {
            Ok((
                field.name.as_str(),
                RawValue::from_string(field.value.clone())?,
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data;

    fn raw(value: &impl serde::Serialize) -> Box<RawValue> {
        serde_json::value::to_raw_value(value).unwrap()
    }

    #[test]
    fn data_that_fits_is_written_whole_without_what_is_not_known() {
        let mut unknown = data::Unknown::default();
        assert_eq!(write(&unknown.clone().into()).unwrap(), "{}");
        unknown.reason = Some("odd".to_owned());
        unknown.extra.insert("none".to_owned(), raw(&()));
        let written = write(&unknown.into()).unwrap();
        assert_eq!(written, r#"{"reason":"odd","extra":{"none":null}}"#);
    }

    #[test]
    fn the_longest_texts_are_cut_and_named() {
        for filler in ["x", "\u{1}", "\"", "é", "\u{1f600}"] {
            let transcript = filler.repeat(200_000 / filler.len());
            let mut call = data::Call {
                transcript: Some(transcript.clone()),
                ..Default::default()
            };
            call.agent = Some("agent_1".into());
            call.extra
                .insert("notes".into(), raw(&filler.repeat(100_000 / filler.len())));
            call.extra.insert("numbers".into(), raw(&vec![7; 90_000]));
            call.extra.insert("small".into(), raw(&7));
            let written = write(&call.into()).unwrap();
            assert!(written.len() <= MAX_DATA_BYTES, "{}", written.len());
            assert!(written.len() > MAX_DATA_BYTES / 3, "{}", written.len());
            let read: serde_json::Value = serde_json::from_str(&written).unwrap();
            assert!(transcript.starts_with(read["transcript"].as_str().unwrap()));
            assert_eq!(read["agent"], "agent_1");
            assert_eq!(read["extra"]["small"], 7);
            let cut = read["extra"]["truncated"].as_array().unwrap();
            assert!(cut.contains(&"transcript".into()), "{cut:?}");
            assert!(cut.contains(&"extra.numbers".into()), "{cut:?}");
        }
    }

    #[test]
    fn ten_thousands_of_small_fields_are_bounded_too() {
        let mut unknown = data::Unknown::default();
        for n in 0..20_000 {
            unknown.extra.insert(format!("field {n}"), raw(&n));
        }
        let written = write(&unknown.into()).unwrap();
        assert!(written.len() <= MAX_DATA_BYTES);
        let read: serde_json::Value = serde_json::from_str(&written).unwrap();
        assert_eq!(read["extra"]["truncated"], serde_json::json!(["extra"]));
    }

    #[test]
    fn one_large_custom_field_leaves_the_others() {
        let mut contact = data::Contact::default();
        let fields = [("large", "x".repeat(70_000)), ("small", "kept".to_owned())];
        let fields = fields.map(|(name, value)| (name.to_owned(), raw(&value)));
        contact.fields = Some(fields.into_iter().collect());
        let written = write(&contact.into()).unwrap();
        let read: serde_json::Value = serde_json::from_str(&written).unwrap();
        assert_eq!(read["fields"]["small"], "kept");
        assert!(read["fields"]["large"].as_str().unwrap().len() > 10_000);
        assert_eq!(
            read["extra"]["truncated"],
            serde_json::json!(["fields.large"])
        );
    }

    fn field(object: Option<&'static str>, value: String) -> Field {
        Field {
            object,
            name: "n".to_owned(),
            value,
            cut: false,
        }
    }

    #[test]
    fn what_just_fits_is_not_cut() {
        let budget = MAX_CUT_BYTES;
        let around = field(None, String::new()).size().within(0);
        let mut fields = vec![field(
            None,
            format!("{:?}", "x".repeat(budget - around - 2)),
        )];
        cut(&mut fields);
        assert!(!fields[0].cut);
        fields.push(field(Some("extra"), "7".to_owned()));
        cut(&mut fields);
        assert!(fields[0].cut && !fields[1].cut);
        let mut exact = field(None, format!("{:?}", "x".repeat(98)));
        exact.shorten(100);
        assert!(!exact.cut);
        exact.shorten(99);
        assert_eq!((exact.cut, exact.value.len()), (true, 99));
    }

    #[test]
    fn no_more_fields_are_left_out_than_must_be() {
        let fields = MAX_DATA_BYTES / field(None, "1000".to_owned()).size().within(4) + 1_000;
        let mut fields: Vec<_> = (0..fields)
            .map(|_| field(Some("extra"), "1000".to_owned()))
            .collect();
        cut(&mut fields);
        let size: usize = fields.iter().map(|field| field.size().within(4)).sum();
        let budget = MAX_CUT_BYTES;
        assert!((budget - 20..=budget).contains(&size), "{size}");
    }

    #[test]
    fn very_long_names_do_not_break_the_bound() {
        let mut unknown = data::Unknown::default();
        unknown
            .extra
            .insert("n".repeat(100_000), raw(&"x".repeat(1_000)));
        assert!(write(&unknown.into()).unwrap().len() <= MAX_DATA_BYTES);
    }
}
