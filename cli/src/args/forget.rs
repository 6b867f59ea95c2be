//! Arguments of `forget`.

use clap::Args as Arguments;
use clap::builder::NonEmptyStringValueParser;

/// What `forget --help` ends with.
pub(super) const EXAMPLES: &str = "Examples:
  switchhook forget +15550100003 --dry-run
  switchhook forget '0400 000 123' --country AU
  switchhook forget jo@example.com --yes --stack hooks
  switchhook forget voice/call/call_987
  switchhook forget +15550100004 --at-most 5000 --yes --json

It finds every state, record, variant, stored body and dead letter that names the number or address, in
whatever spelling, and deletes them with all that is kept of the same call, message, conversation, contact
or lead. Give each number and address of the person in turn. The entries of the suppression list stay: they
are the proof that is owed.

It reads the whole table and every large body, and asks before it deletes; without a terminal it needs
--yes. Interrupted at any point, it may be repeated. More than 1,000 items, or items that name more than 20
others (so: a number of your own), are deleted with --at-most only. Events that are still queued are found
when the command is repeated; a delivery that its provider repeats later is recorded anew.

With --json it is one object: items, deleted, others, kept_opt_outs, not_inspected, queued, dry_run, and
sources, a list of {source, states, records, variants, bodies, dead_letters}.

Exit codes: 0 done or nothing found, 1 failed or refused, 2 neither a number nor an address nor an entity.";

/// Arguments of `forget`.
#[derive(Arguments, Debug)]
pub struct Forget {
    /// The number, such as +15550100003, the e-mail address, or the entity, {source}/{type}/{key}
    #[arg(value_name = "NUMBER|ADDRESS|ENTITY", value_parser = NonEmptyStringValueParser::new())]
    pub subject: String,
    /// The country of a national number, such as AU
    #[arg(long, value_name = "CC")]
    pub country: Option<String>,
    /// Delete nothing, and show what would be deleted
    #[arg(long)]
    pub dry_run: bool,
    /// Skip confirmation
    #[arg(long)]
    pub yes: bool,
    /// Delete up to this many items, whoever else they name
    #[arg(long, value_name = "N")]
    pub at_most: Option<u64>,
}
