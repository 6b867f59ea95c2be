//! What bodies say in place of what the samples say.

use super::*;

/// The times that events tell in the property: of every age, and hours beside those above. The first
/// three are those.
const OWN_TIMES: [&str; 16] = [
    TIMES[0],
    TIMES[1],
    TIMES[2],
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "1970-01-01T00:00:00Z",
    "1999-12-31T23:59:59.999Z",
    "2000-01-01T00:00:00Z",
    "2026-02-02T16:00:00Z",
    "2026-02-03T04:05:06.007-05:00",
    "2026-02-03T04:10:06.007Z",
    "2026-02-03T04:10:06.008Z",
    "2026-02-03T14:00:00Z",
    "2038-01-19T03:14:07Z",
    "9999-12-30T00:00:00Z",
    "9999-12-31T23:59:59Z",
];
/// What texts become, beside what the sample has.
const TEXTS: [&str; 5] = ["STOP", "start", "", "another text", "+15550100077"];

/// Finds the places of all values that are no object.
pub(super) fn leaves(value: &Value, place: String, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                leaves(member, format!("{place}/{name}"), found);
            }
        }
        _ => found.push(place),
    }
}

/// Says something else in one place.
pub(super) fn vary(body: &mut Value, place: &str, choice: u8) {
    let Some((parent, name)) = place.rsplit_once('/') else {
        return; // a list of events
    };
    let Some(Value::Object(parent)) = body.pointer_mut(parent) else {
        return;
    };
    let choice = usize::from(choice);
    let other = match &parent[name] {
        Value::String(text) if is_time(text) => OWN_TIMES
            .get(choice % (OWN_TIMES.len() + 1))
            .map(|time| json!(time)),
        Value::String(_) => TEXTS
            .get(choice % (TEXTS.len() + 1))
            .map(|text| json!(text)),
        Value::Number(_) => [json!(1), json!(2), json!("2")].get(choice % 4).cloned(),
        Value::Array(_) => [json!(["x"]), json!([]), json!(["y", "z"])]
            .get(choice % 4)
            .cloned(),
        other => Some(other.clone()),
    };
    match other {
        Some(other) => _ = parent.insert(name.to_owned(), other),
        None => _ = parent.remove(name),
    }
}

fn is_time(text: &str) -> bool {
    OWN_TIMES.contains(&text) || text.parse::<Timestamp>().is_ok()
}
