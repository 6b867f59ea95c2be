//! What can be asked of `opt-outs`.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args as Arguments, Subcommand};

use super::OtherTable;

pub(super) const EXAMPLES: &str = "Examples:
  switchhook opt-outs
  switchhook opt-outs +15550100003
  switchhook opt-outs '0400 000 123' --country AU
  switchhook opt-outs jo@example.com --json
  switchhook opt-outs --channel sms --source ai-sync --json
  switchhook opt-outs add +15550100003 --because 'asked on the phone, ticket 4711'
  switchhook opt-outs remove +15550100003 --because 'signed the new form'
  switchhook opt-outs --stack hooks
  switchhook opt-outs --stack hooks --table hooks-restored

A number is read as arrivals are: with its country code, or with --country. The channel is sms, or email
for an address, unless --channel names another one.

Exit codes for a number or address: 0 not on the list, 3 on the list, 2 neither a number nor an address
nor an entry that could not be placed, 1 the list could not be asked.";

const ADD: &str = "Examples:
  switchhook opt-outs add +15550100003 --because 'asked on the phone, ticket 4711'
  switchhook opt-outs add jo@example.com --because 'wrote a letter' --stack hooks

The word is queued as an event of the source `_` and is on the list when the consumer has handled it.";

const REMOVE: &str = "Examples:
  switchhook opt-outs remove +15550100003 --because 'signed the new form'
  switchhook opt-outs remove +15550100003 --channel whatsapp --because 'asked by mail' --stack hooks

It takes back what was said until now through every source of the stack. A later STOP counts again.";

/// Arguments of `opt-outs`.
#[derive(Arguments, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct OptOuts {
    /// Change the list by hand
    #[command(subcommand)]
    pub action: Option<OptOutsAction>,
    /// Look up this number, such as +15550100003, or this e-mail address
    #[arg(value_name = "NUMBER", value_parser = NonEmptyStringValueParser::new())]
    pub address: Option<String>,
    /// Only this channel: sms, email, whatsapp, rcs, messenger or voice
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Option<String>,
    /// The country of a national number, such as AU
    #[arg(long, value_name = "CC", requires = "address")]
    pub country: Option<String>,
    /// List only those who opted out through this source
    #[arg(long, conflicts_with = "address")]
    pub source: Option<String>,
    /// Where to read
    #[command(flatten)]
    pub other: OtherTable,
}

/// What can be done to the list.
#[derive(Debug, Subcommand)]
pub enum OptOutsAction {
    /// Put a number or address on the list
    #[command(after_help = ADD)]
    Add(ByHand),
    /// Take a number or address off the list
    #[command(after_help = REMOVE)]
    Remove(ByHand),
}

/// Arguments of `opt-outs add` and `opt-outs remove`.
#[derive(Arguments, Debug)]
pub struct ByHand {
    /// The number or address
    #[command(flatten)]
    pub owner: Owner,
    /// Why: it is kept with the event, as evidence
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub because: String,
}

/// A number or address, and what it takes to read it.
#[derive(Arguments, Clone, Debug)]
pub struct Owner {
    /// The number, such as +15550100003, or the e-mail address
    #[arg(value_name = "NUMBER", value_parser = NonEmptyStringValueParser::new())]
    pub address: String,
    /// The channel: sms, email, whatsapp, rcs, messenger or voice [default: sms; email for an address]
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Option<String>,
    /// The country of a national number, such as AU
    #[arg(long, value_name = "CC")]
    pub country: Option<String>,
}
