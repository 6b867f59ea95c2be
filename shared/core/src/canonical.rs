//! The text of `data`: JSON of at most 64 KiB. What is too long is cut and named in
//! `extra.truncated`; the whole is in the event's raw bytes.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::data::Data;

/// The longest `data`, in bytes of JSON.
pub const MAX_DATA_BYTES: usize = 64 << 10;

/// Room for the list of cut fields.
const RESERVED_BYTES: usize = 4 << 10;

/// Fields shorter than this are not cut but left out: cutting them would gain nothing.
const WORTH_CUTTING_BYTES: usize = 256;

/// The most cut fields that are named.
const MAX_NAMED: usize = 24;

/// Writes `data` as JSON, the longest texts cut where it would be longer than [`MAX_DATA_BYTES`].
///
/// # Errors
///
/// When it cannot be written at all, which no data of ours brings about.
pub fn write(data: &Data) -> Result<String, serde_json::Error> {
    let whole = serde_json::to_string(data)?;
    if whole.len() <= MAX_DATA_BYTES {
        return Ok(whole);
    }
    let mut fields = fields_of(&whole)?;
    cut(&mut fields);
    join(&fields)
}

#[derive(PartialEq)]
enum Place {
    Data,
    Extra,
}

struct Field {
    place: Place,
    name: String,
    value: String,
    cut: bool,
}

impl Field {
    /// The bytes that the field takes when its value is cut to `limit`.
    fn size(&self, limit: usize) -> usize {
        let name = serde_json::Value::from(self.name.as_str())
            .to_string()
            .len();
        name.saturating_add(self.value.len().min(limit))
            .saturating_add(2)
    }

    fn shorten(&mut self, limit: usize) {
        if self.value.len() > limit {
            self.value = shortened(&self.value, limit);
            self.cut = true;
        }
    }

    fn label(&self) -> String {
        let name: String = self.name.chars().take(40).collect();
        if self.place == Place::Extra {
            format!("extra.{name}")
        } else {
            name
        }
    }
}

fn fields_of(whole: &str) -> Result<Vec<Field>, serde_json::Error> {
    let mut object: BTreeMap<String, &RawValue> = serde_json::from_str(whole)?;
    let extra: BTreeMap<String, &RawValue> = match object.remove("extra") {
        Some(extra) => serde_json::from_str(extra.get())?,
        None => BTreeMap::new(),
    };
    let fields = |place: fn() -> Place| {
        move |(name, value): (String, &RawValue)| Field {
            place: place(),
            name,
            value: value.get().to_owned(),
            cut: false,
        }
    };
    let own = object.into_iter().map(fields(|| Place::Data));
    Ok(own
        .chain(extra.into_iter().map(fields(|| Place::Extra)))
        .collect())
}

/// Halves the limit of a field until all fit; when that no longer helps, leaves fields out.
fn cut(fields: &mut Vec<Field>) {
    let budget = MAX_DATA_BYTES.saturating_sub(RESERVED_BYTES);
    let size = |fields: &[Field], limit| {
        fields
            .iter()
            .map(|field| field.size(limit))
            .fold(0, usize::saturating_add)
    };
    let mut limit = budget;
    while size(fields, limit) > budget && limit > WORTH_CUTTING_BYTES {
        limit = limit.checked_div(2).unwrap_or_default();
    }
    fields.iter_mut().for_each(|field| field.shorten(limit));
    let mut written = size(fields, limit);
    fields.retain(|field| {
        let keep = written <= budget || field.place == Place::Data;
        if !keep {
            written = written.saturating_sub(field.size(limit));
        }
        keep
    });
}

/// Shortens a JSON text to `limit` bytes at most; anything but a string becomes null.
fn shortened(value: &str, limit: usize) -> String {
    let Ok(text) = serde_json::from_str::<String>(value) else {
        return "null".to_owned();
    };
    let mut left = limit.saturating_sub(2);
    let fits = |c: &char| match left.checked_sub(written_bytes(*c)) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    serde_json::Value::from(text.chars().take_while(fits).collect::<String>()).to_string()
}

/// How many bytes a character takes in a JSON string, at most.
const fn written_bytes(c: char) -> usize {
    match c {
        '"' | '\\' => 2,
        '\0'..='\x1f' => 6,
        _ => c.len_utf8(),
    }
}

fn join(fields: &[Field]) -> Result<String, serde_json::Error> {
    let mut named: Vec<String> = fields.iter().filter(|f| f.cut).map(Field::label).collect();
    named.truncate(MAX_NAMED);
    if named.is_empty() {
        named.push("extra".to_owned());
    }
    let named = serde_json::value::to_raw_value(&named)?;
    let mut extra = raw_fields(fields, &Place::Extra)?;
    extra.insert("truncated", named);
    let mut data = raw_fields(fields, &Place::Data)?;
    data.insert("extra", serde_json::value::to_raw_value(&extra)?);
    serde_json::to_string(&data)
}

fn raw_fields<'a>(
    fields: &'a [Field],
    place: &Place,
) -> Result<BTreeMap<&'a str, Box<RawValue>>, serde_json::Error> {
    fields
        .iter()
        .filter(|field| field.place == *place)
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
    fn data_that_fits_is_written_whole_with_every_name() {
        let written = write(&data::Unknown::default().into()).unwrap();
        assert_eq!(written, r#"{"reason":null,"extra":{}}"#);
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
    fn very_long_names_do_not_break_the_bound() {
        let mut unknown = data::Unknown::default();
        unknown
            .extra
            .insert("n".repeat(100_000), raw(&"x".repeat(1_000)));
        assert!(write(&unknown.into()).unwrap().len() <= MAX_DATA_BYTES);
    }
}
