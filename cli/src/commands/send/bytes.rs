//! `switchhook send SOURCE bytes`: whether the way to the ledger leaves bytes as they were sent.

use std::process::ExitCode;
use std::time::Duration;

use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use switchhook_aws::clock::SystemClock;
use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_core::config::Source;
use switchhook_core::ids::{DeliveryId, EventId};
use switchhook_core::ports::BodyStore;
use switchhook_core::time::Clock;
use tokio::time::Instant;

use super::super::event_json::raw_bytes;
use super::super::{CommandError, Context, output};
use super::{Answered, post};
use crate::args::Send;
use crate::outbound;
use crate::samples::bytes::{self, HardBody};
use crate::samples::run_id;

/// The word that stands for these bodies.
pub(super) const NAME: &str = "bytes";

/// How long a record may take to be there: a cold start of the consumer, and a retry.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(500);

const OK: u16 = 200;
const UNAUTHORIZED: u16 = 401;
const TOO_LARGE: u16 = 413;

/// What became of a body.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    AsSent,
    Changed,
    Refused,
    Unknown,
}

impl Outcome {
    const fn name(self) -> &'static str {
        match self {
            Self::AsSent => "as sent",
            Self::Changed => "CHANGED",
            Self::Refused => "REFUSED",
            Self::Unknown => "unknown",
        }
    }
}

/// One line of the report.
#[derive(Debug, Serialize)]
struct Row {
    body: &'static str,
    bytes: usize,
    content_type: String,
    content_encoding: Option<&'static str>,
    status: Option<u16>,
    id: Option<DeliveryId>,
    result: Outcome,
    detail: String,
}

/// What the ingress answers.
#[derive(Deserialize)]
struct Accepted {
    id: DeliveryId,
}

pub(super) async fn run(
    context: &Context,
    source: &Source,
    args: &Send,
) -> Result<ExitCode, CommandError> {
    let is_plain = args.repeat == 1 && args.count == 1 && args.rate.is_none();
    if !is_plain || args.shuffle || args.tamper {
        return Err(CommandError::Usage(
            "`bytes` sends each of its bodies once and unharmed: leave --repeat, --count, --rate, --shuffle and --tamper out".to_owned(),
        ));
    }
    let url = match &args.url {
        Some(url) => url.clone(),
        None => context.reachable_url()?,
    };
    let (ledger, bodies) = (context.ledger()?, context.bodies()?);
    let progress = match context.json {
        true => ProgressBar::hidden(),
        false => ProgressBar::new_spinner(),
    };
    let (run, client) = (run_id()?, outbound::client()?);
    let mut sent: Vec<(HardBody, Answered)> = Vec::new();
    for body in bytes::all(source, &run)? {
        show(&progress, format!("sending {}", body.name));
        let delivery = body.delivery(source, &run, SystemClock.now());
        let answered = post(client.clone(), url.clone(), delivery).await;
        sent.push((body, answered));
    }
    // Whoever refuses plain text refuses the credentials.
    let is_trusted = sent
        .first()
        .is_none_or(|(_, plain)| plain.status != Some(UNAUTHORIZED));
    let waited = Instant::now();
    let mut rows = Vec::with_capacity(sent.len());
    for (body, answered) in sent {
        show(
            &progress,
            format!("waiting for {} to be recorded", body.name),
        );
        let id = accepted(&answered);
        let (result, detail) = match id {
            Some(id) => recorded(&ledger, bodies.as_ref(), &body, id, waited).await?,
            None => refused(&answered, is_trusted),
        };
        rows.push(Row {
            body: body.name,
            bytes: body.bytes.len(),
            content_type: body.content_type,
            content_encoding: body.content_encoding,
            status: answered.status,
            id,
            result,
            detail,
        });
    }
    progress.finish_and_clear();
    print(context, &rows)
}

fn show(progress: &ProgressBar, text: String) {
    progress.set_message(text);
    progress.tick();
}

/// Returns the id of an accepted delivery.
fn accepted(answered: &Answered) -> Option<DeliveryId> {
    let accepted: Option<Accepted> = serde_json::from_str(&answered.text).ok();
    accepted
        .filter(|_| answered.status == Some(OK))
        .map(|accepted| accepted.id)
}

/// Waits for the record of a delivery and compares its bytes.
async fn recorded(
    ledger: &DynamoDbLedger,
    bodies: &dyn BodyStore,
    body: &HardBody,
    id: DeliveryId,
    waited: Instant,
) -> Result<(Outcome, String), CommandError> {
    let event = EventId {
        delivery: id,
        index: 0,
    };
    loop {
        if let Some(record) = ledger.find(event).await? {
            let kept = raw_bytes(&record.raw, bodies).await?;
            return Ok(compare(&body.bytes, &kept));
        }
        if waited.elapsed() >= PATIENCE {
            let detail = format!(
                "accepted, and not recorded within {} s: does the consumer run (`switchhook check`)? Or is it a dead letter (`switchhook dead list`)?",
                PATIENCE.as_secs()
            );
            return Ok((Outcome::Unknown, detail));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn compare(sent: &[u8], kept: &[u8]) -> (Outcome, String) {
    if sent == kept {
        return (Outcome::AsSent, String::new());
    }
    let common = sent
        .iter()
        .zip(kept)
        .take_while(|(one, other)| one == other);
    let detail = format!(
        "{} bytes were kept, and differ from byte {} on",
        kept.len(),
        common.count()
    );
    (Outcome::Changed, detail)
}

/// Says why a delivery was not accepted, as far as its answer shows.
fn refused(answered: &Answered, is_trusted: bool) -> (Outcome, String) {
    match answered.status {
        Some(UNAUTHORIZED) if is_trusted => (
            Outcome::Changed,
            "the signature fits what was sent, so the bytes were changed on the way".to_owned(),
        ),
        Some(UNAUTHORIZED) => (
            Outcome::Refused,
            "the credentials are refused for plain text too: has the receiver the same secrets?"
                .to_owned(),
        ),
        Some(TOO_LARGE) => (
            Outcome::Refused,
            "too large: for `max_body` of the source, or for AWS".to_owned(),
        ),
        Some(OK) => (
            Outcome::Unknown,
            "accepted, and the answer has no id to look for".to_owned(),
        ),
        Some(_) => (Outcome::Refused, answered.text.trim().to_owned()),
        None => (Outcome::Unknown, answered.text.clone()),
    }
}

fn print(context: &Context, rows: &[Row]) -> Result<ExitCode, CommandError> {
    if context.json {
        for row in rows {
            output::json(row)?;
        }
    } else {
        let lines = rows.iter().map(|row| {
            let status = row.status.map(|status| status.to_string());
            vec![
                row.body.to_owned(),
                row.bytes.to_string(),
                status.unwrap_or_else(|| "none".to_owned()),
                row.result.name().to_owned(),
                row.detail.clone(),
            ]
        });
        output::table(&["BODY", "BYTES", "ANSWER", "ARRIVED", ""], lines)?;
    }
    let all_arrived = rows.iter().all(|row| row.result == Outcome::AsSent);
    Ok(if all_arrived {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difference_is_placed() {
        assert_eq!(compare(b"same", b"same").0, Outcome::AsSent);
        for (kept, place) in [(&b"sam\xef\xbf\xbd"[..], 3), (b"sa", 2), (b"same!", 4)] {
            let (outcome, detail) = compare(b"same", kept);
            assert_eq!(outcome, Outcome::Changed);
            assert!(detail.ends_with(&format!("byte {place} on")), "{detail}");
        }
    }
}
