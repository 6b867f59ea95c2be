//! The owner of a number or address on the command line, read by the rules that put arrivals on the list.

use switchhook_aws::dynamodb::DynamoDbLedger;
use switchhook_core::address::email_address;
use switchhook_core::channel;
use switchhook_core::entity::Entity;
use switchhook_core::phone::{self, Country, countries};
use switchhook_core::states::{OptOutView, Owner, Stored};

use super::super::CommandError;
use crate::args;

/// Finds the item of a number or address, and its state if anything was ever said of it. What is
/// neither is the text of an entry that could not be placed, if there is such an entry.
pub(super) async fn find(
    ledger: &DynamoDbLedger,
    asked: &args::Owner,
) -> Result<(Owner, Option<Stored>), CommandError> {
    let country = asked.country.as_deref().map(country).transpose()?;
    let channel = asked.channel.as_deref();
    let channel = channel.map(|word| channel::named(Some(word)));
    let placed = match read(&asked.address, channel, country.as_ref()) {
        None => None,
        Some(owner) => {
            let stored = ledger.state(&item(&owner)).await?;
            Some((owner, stored))
        }
    };
    // The very text may stand on the list, too, as somebody who could not be read: the safe answer.
    let unplaced = Owner::unplaced(&asked.address, channel.unwrap_or(channel::SMS));
    let as_it_came = ledger.state(&item(&unplaced)).await?;
    match (placed, as_it_came) {
        (Some((_, stored)), Some(other))
            if is_listed(&other) && !stored.as_ref().is_some_and(is_listed) =>
        {
            Ok((unplaced, Some(other)))
        }
        (Some(placed), _) => Ok(placed),
        (None, Some(other)) => Ok((unplaced, Some(other))),
        (None, None) => Err(unreadable(&asked.address)),
    }
}

/// Returns whether a state is that of somebody on the list.
fn is_listed(stored: &Stored) -> bool {
    let view = serde_json::from_str::<OptOutView>(&stored.state);
    view.is_ok_and(|view| view.opted_out)
}

pub(in super::super) fn country(code: &str) -> Result<Country, CommandError> {
    Country::new(code).ok_or_else(|| {
        let meant = countries::named(code)
            .map(|country| format!("; {} is `{}`", country.name, country.code))
            .unwrap_or_default();
        CommandError::Usage(format!(
            "there is no country `{code}`{meant}: a country is two capital letters, such as `AU`"
        ))
    })
}

fn unreadable(text: &str) -> CommandError {
    CommandError::Usage(format!(
        "`{text}` is no number, no e-mail address and no entry of the list: write a number with its country code, such as +15550100003, or name its country with --country"
    ))
}

fn item(owner: &Owner) -> Entity {
    let key = owner.phone.as_deref().or(owner.email.as_deref());
    Entity::opt_out(key.unwrap_or_default(), &owner.channel)
}

/// Reads a number or address; `None` for what is neither.
fn read(text: &str, channel: Option<&'static str>, country: Option<&Country>) -> Option<Owner> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let channel = channel.unwrap_or_else(|| match email_address(text) {
        Some(_) => channel::EMAIL,
        None => channel::SMS,
    });
    let (phone, email) = match channel {
        channel::EMAIL => (None, Some(email_address(text)?)),
        channel::MESSENGER => return Some(Owner::of_id(text, channel)),
        _ => {
            let number = phone::normalise(text, country);
            (phone::is_e164(&number).then_some(number), None)
        }
    };
    (phone.is_some() || email.is_some()).then(|| Owner {
        phone,
        email,
        channel: channel.to_owned(),
        is_unplaced: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str, channel: Option<&'static str>, country: &str) -> Option<String> {
        let owner = read(text, channel, Country::new(country).as_ref())?;
        Some(item(&owner).as_str().to_owned())
    }

    #[test]
    fn numbers_and_addresses_are_read_as_arrivals_are() {
        for (text, channel, country, name) in [
            ("+15550100003", None, "", Some("_/opt_out/+15550100003/sms")),
            (
                " +1 (555) 010-0003",
                None,
                "",
                Some("_/opt_out/+15550100003/sms"),
            ),
            (
                "0400 000 123",
                None,
                "AU",
                Some("_/opt_out/+61400000123/sms"),
            ),
            ("0400 000 123", None, "", None),
            (
                "+15550100003",
                Some("whatsapp"),
                "",
                Some("_/opt_out/+15550100003/whatsapp"),
            ),
            (
                "JÖRG@Example.com",
                None,
                "",
                Some("_/opt_out/jörg@example.com/email"),
            ),
            ("+15550100003", Some("email"), "", None),
            (
                "4242",
                Some("messenger"),
                "",
                Some("_/opt_out/4242/messenger"),
            ),
            ("+1555x", None, "", None),
            ("sms", None, "", None),
        ] {
            assert_eq!(address(text, channel, country).as_deref(), name, "{text}");
        }
    }
}
