//! `switchhook dead show`: everything about one letter.

use std::collections::BTreeMap;
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Serialize;
use switchhook_core::body::{Base64, Carried};
use switchhook_core::ledger::RawBody;
use switchhook_core::ports::{BodyStore, PortError};
use switchhook_core::report::Report;

use super::super::{CommandError, Context, event_json, output};
use super::Desk;
use super::letter::{self, LetterJson, Seen};
use super::reasons;
use super::selecting::Finder;
use crate::args::{Selection, ShowLetter};
use crate::terminal;

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    letter: LetterJson<'a>,
    explanation: &'static str,
    attempts: Option<usize>,
    sequence_number: Option<String>,
    group: String,
    headers: BTreeMap<String, String>,
    raw: Option<String>,
}

pub(super) async fn run(
    context: &Context,
    desk: &mut Desk,
    wanted: &ShowLetter,
) -> Result<ExitCode, CommandError> {
    let selection = Selection {
        ids: vec![wanted.id.clone()],
        ..Selection::default()
    };
    let mut finder = Finder::new(&selection);
    let mut found = Vec::new();
    loop {
        let page = desk.page().await?;
        if page.is_empty() {
            break;
        }
        found.extend(page.into_iter().filter(|seen| finder.wants(seen)));
    }
    desk.progress.finish_and_clear();
    let bodies = context.bodies()?;
    for seen in &found {
        let body = body(seen, bodies.as_ref()).await;
        if context.json {
            print_json(seen, body.ok().as_deref())?;
        } else {
            print(seen, body)?;
        }
    }
    if !finder.misses_none() {
        desk.tell_unseen().await?;
    }
    finder.check()?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the event's exact bytes, or those of the message where it is no event.
async fn body(seen: &Seen, bodies: &dyn BodyStore) -> Result<Bytes, CommandError> {
    let decoded = |base64: &Base64| {
        let damaged = || PortError::new("reading an event's bytes", "they are no base64");
        base64.decode().ok_or_else(damaged)
    };
    let raw = match &seen.event {
        Ok(event) => match &event.body {
            Carried::Inline(base64) => RawBody::Plain(decoded(base64)?),
            Carried::Deflated(base64) => RawBody::Deflated(decoded(base64)?),
            Carried::Stored(pointer) => RawBody::Stored(pointer.clone()),
        },
        Err(_) => RawBody::Plain(seen.letter.body.clone().into()),
    };
    event_json::raw_bytes(&raw, bodies).await
}

fn print_json(seen: &Seen, body: Option<&[u8]>) -> Result<(), CommandError> {
    let event = seen.event.as_ref().ok();
    let shown = Shown {
        letter: LetterJson::from(seen),
        explanation: reasons::explanation(seen.reason()),
        attempts: seen.letter.attempts,
        sequence_number: seen.letter.sequence.map(|sequence| sequence.to_string()),
        group: seen.letter.group(event),
        headers: event.map(|event| event.headers.clone()).unwrap_or_default(),
        raw: body.map(|body| STANDARD.encode(body)),
    };
    Ok(output::json(&shown)?)
}

fn print(seen: &Seen, body: Result<Bytes, CommandError>) -> Result<(), CommandError> {
    output::table(&["DEAD LETTER", ""], facts(seen))?;
    output::line("")?;
    output::line(reasons::explanation(seen.reason()))?;
    if let Err(error) = &seen.event {
        output::line(&format!("The message cannot be read: {error}."))?;
    }
    if seen.is_recorded() {
        output::line("The event is in the ledger: redriving the letter only deletes it.")?;
    }
    output::line("")?;
    let headers = seen.event.iter().flat_map(|event| &event.headers);
    let headers: Vec<_> = headers
        .map(|(name, value)| vec![name.clone(), value.clone()])
        .collect();
    if !headers.is_empty() {
        output::table(&["HEADERS", ""], headers)?;
        output::line("")?;
    }
    print_body(body)
}

fn facts(seen: &Seen) -> Vec<Vec<String>> {
    let letter = &seen.letter;
    let mut facts = Vec::new();
    let mut tell = |name: &str, value: String| facts.push(vec![name.to_owned(), value]);
    if let Ok(event) = &seen.event {
        tell("event", event.id.to_string());
        tell("source", event.entity.source().to_owned());
        tell("provider", event.provider.clone());
        tell("kind", event.kind.to_string());
        tell("called", event.provider_event.clone().unwrap_or_default());
        tell("entity", event.entity.to_string());
        tell("accepted (UTC)", letter::time(event.received_at));
    }
    tell("message", letter.message_id.clone());
    tell("dead since (UTC)", letter::time(letter.dead_since));
    let place = letter.sequence.map(|sequence| sequence.to_string());
    tell(
        "accepted order",
        place.unwrap_or_else(|| "lost: the oldest".to_owned()),
    );
    tell(
        "recorded",
        if seen.is_recorded() { "yes" } else { "no" }.to_owned(),
    );
    tell("reason", letter::reason_shown(seen.reason()).into_owned());
    let attempts = letter.attempts.map(|count| count.to_string());
    tell(
        "counted attempts",
        attempts.unwrap_or_else(|| "unknown".to_owned()),
    );
    facts
}

fn print_body(body: Result<Bytes, CommandError>) -> Result<(), CommandError> {
    let body = match body {
        Ok(body) => body,
        Err(error) => return Ok(output::line(&format!("BODY  {}", Report(&error)))?),
    };
    let count = body.len();
    match std::str::from_utf8(&body) {
        Ok(text) if terminal::is_plain(&body) => {
            output::line(&format!("BODY ({count} bytes)"))?;
            output::plain(text)?;
        }
        _ => output::line(&format!(
            "BODY ({count} bytes that are no plain text: `--json` prints them as base64 in `raw`)"
        ))?,
    }
    Ok(())
}
