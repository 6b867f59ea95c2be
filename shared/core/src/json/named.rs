//! Objects of ours as they are printed: with all their names. Stored, they have those that are known.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// Takes the mark of a raw identifier off a field's name.
pub(crate) fn unmarked(field: &'static str) -> &'static str {
    field.strip_prefix("r#").unwrap_or(field)
}

/// Writes an object with these names first, in this order. Values stay as they are written; `absent`
/// is the value of a name that the object has not got.
pub(crate) fn with_names<'a>(
    object: &str,
    names: impl Iterator<Item = &'a str>,
    absent: impl Fn(&str) -> &'static str,
) -> Result<String, serde_json::Error> {
    let mut fields: BTreeMap<String, &RawValue> = serde_json::from_str(object)?;
    let mut text = String::with_capacity(object.len());
    let mut put = |name: &str, value: &str| -> Result<(), serde_json::Error> {
        text.push(if text.is_empty() { '{' } else { ',' });
        text.push_str(&serde_json::to_string(name)?);
        text.push(':');
        text.push_str(value);
        Ok(())
    };
    for name in names {
        match fields.remove(name) {
            Some(value) => put(name, value.get())?,
            None => put(name, absent(name))?,
        }
    }
    for (name, value) in fields {
        put(&name, value.get())?;
    }
    if text.is_empty() {
        text.push('{');
    }
    text.push('}');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_first_and_values_stay_as_written() {
        let written =
            |object, names: &[&'static str]| with_names(object, names.iter().copied(), |_| "null");
        let object = r#"{"z":1.50e3,"b":"\ud800","a":{"x" :[]}}"#;
        let expected = r#"{"c":null,"b":"\ud800","a":{"x" :[]},"z":1.50e3}"#;
        assert_eq!(written(object, &["c", "b", "a"]).unwrap(), expected);
        assert_eq!(written("{}", &[]).unwrap(), "{}");
        assert!(written("[]", &["a"]).is_err());
    }

    #[test]
    fn mark_of_a_raw_identifier_is_no_part_of_the_name() {
        assert_eq!((unmarked("r#final"), unmarked("from")), ("final", "from"));
    }
}
