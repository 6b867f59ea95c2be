//! `switchhook opt-outs`: the suppression list of the whole stack.

use std::process::ExitCode;

use serde::Serialize;
use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_core::entity::Entity;
use switchhook_core::phone;
use switchhook_core::states::{OptOut, State};
use switchhook_core::time::Timestamp;

use super::{CommandError, Context, output};
use crate::args::OptOuts;

/// The channel of e-mail addresses; every other one is of numbers.
const EMAIL: &str = "email";

/// One line of the list.
#[derive(Debug, Serialize)]
struct Entry {
    phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    channel: String,
    since: Option<Timestamp>,
    source: Option<String>,
}

impl Entry {
    /// Reads a state; `None` if whoever it is about may be texted again.
    fn of(entity: &Entity, state: &OptOut) -> Option<Self> {
        let (address, channel) = entity.opted_out()?;
        if state.opted_out.get() != Some(&true) {
            return None;
        }
        let address = Some(address.to_owned());
        let (phone, email) = if channel == EMAIL {
            (None, address)
        } else {
            (address, None)
        };
        Some(Self {
            phone,
            email,
            channel: channel.to_owned(),
            since: state.since.get().copied(),
            source: state.source.get().cloned(),
        })
    }

    fn address(&self) -> &str {
        let address = self.phone.as_deref().or(self.email.as_deref());
        address.unwrap_or_default()
    }
}

pub(super) async fn run(context: &Context, args: &OptOuts) -> Result<ExitCode, CommandError> {
    let address = args.address.as_deref().map(address).transpose()?;
    let ledger = context.ledger()?;
    let entries = list(&ledger, args, address.as_deref()).await?;
    if context.json {
        for entry in entries {
            output::line(&serde_json::to_string(&entry)?)?;
        }
    } else if entries.is_empty() {
        output::line(&match &address {
            Some(address) => format!("{} is not on the list.", output::shown(address)),
            None => "Nobody is on the list.".to_owned(),
        })?;
    } else {
        print_table(&entries)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a number or an e-mail address as the list has it: the question "may I text this number?"
/// must not be answered for another one.
fn address(text: &str) -> Result<String, CommandError> {
    let text = text.trim();
    if text.contains('@') {
        return Ok(text.to_lowercase());
    }
    let separators = [' ', '-', '.', '(', ')'];
    let number = text.replace(separators, "");
    if phone::is_e164(&number) {
        Ok(number)
    } else {
        Err(CommandError::Usage(
            "a number is asked for with its country code, such as +15550100003".to_owned(),
        ))
    }
}

async fn list(
    ledger: &DynamoDbLedger,
    args: &OptOuts,
    address: Option<&str>,
) -> Result<Vec<Entry>, CommandError> {
    let mut entities = ledger.opt_outs().await?;
    entities.retain(|entity| is_asked_for(entity, args, address));
    if let Some(address) = address {
        // The index lags a moment; a state that can be named is read as it is now.
        let usual = if address.contains('@') { EMAIL } else { "sms" };
        let channel = args.channel.as_deref().unwrap_or(usual);
        entities.push(Entity::opt_out(address, channel));
    }
    entities.sort();
    entities.dedup();
    let mut entries = Vec::new();
    for (entity, stored) in ledger.states(&entities).await? {
        let state = OptOut::load(&stored).map_err(CommandError::State)?;
        entries.extend(Entry::of(&entity, &state));
    }
    let is_of_source = |entry: &Entry| args.source.is_none() || entry.source == args.source;
    entries.retain(is_of_source);
    entries.sort_by(|one, other| {
        (one.since, one.address(), &one.channel).cmp(&(
            other.since,
            other.address(),
            &other.channel,
        ))
    });
    Ok(entries)
}

fn is_asked_for(entity: &Entity, args: &OptOuts, address: Option<&str>) -> bool {
    let Some((whose, channel)) = entity.opted_out() else {
        return false;
    };
    args.channel
        .as_deref()
        .is_none_or(|wanted| wanted == channel)
        && address.is_none_or(|wanted| wanted == whose)
}

fn print_table(entries: &[Entry]) -> Result<(), CommandError> {
    let rows = entries.iter().map(|entry| {
        let since = entry
            .since
            .map(|at| at.strftime("%Y-%m-%d %H:%M:%S").to_string());
        vec![
            entry.address().to_owned(),
            entry.channel.clone(),
            since.unwrap_or_default(),
            entry.source.clone().unwrap_or_default(),
        ]
    });
    Ok(output::table(
        &["PHONE", "CHANNEL", "SINCE (UTC)", "SOURCE"],
        rows,
    )?)
}

#[cfg(test)]
mod tests {
    use switchhook_core::occurrence::Sequence;
    use switchhook_core::states::Position;

    use super::*;

    #[test]
    fn numbers_are_asked_for_with_their_country_code() {
        for (asked, number) in [
            ("+15550100003", "+15550100003"),
            (" +1 (555) 010-0003", "+15550100003"),
            ("JÖRG@Example.com", "jörg@example.com"),
        ] {
            assert_eq!(address(asked).unwrap(), number);
        }
        for wrong in ["5550100003", "+1555x", "", "sms"] {
            let error = address(wrong).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{wrong}");
        }
    }

    #[test]
    fn an_entry_is_of_a_number_or_of_an_e_mail_address() {
        let at = Position::by_sequence(Sequence(1));
        let mut state = OptOut::default();
        state.opted_out.set(Some(true), at);
        state.source.set(Some("s".to_owned()), at);
        let json = |key: &str, channel: &str, state: &OptOut| {
            let entry = Entry::of(&Entity::opt_out(key, channel), state)?;
            Some(serde_json::to_string(&entry).unwrap())
        };
        assert_eq!(
            json("+15550100003", "sms", &state).unwrap(),
            r#"{"phone":"+15550100003","channel":"sms","since":null,"source":"s"}"#
        );
        assert_eq!(
            json("a@example.com", "email", &state).unwrap(),
            r#"{"phone":null,"email":"a@example.com","channel":"email","since":null,"source":"s"}"#
        );
        state
            .opted_out
            .set(Some(false), Position::by_sequence(Sequence(2)));
        assert_eq!(json("+15550100003", "sms", &state), None);
    }
}
