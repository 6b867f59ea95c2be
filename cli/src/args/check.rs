//! Arguments of `check`, `pause` and `resume`.

use clap::Args as Arguments;
use jiff::SignedDuration;
use switchhook_core::nearest::nearest;

use super::time;

/// The parameters of the template that `check --before-deploy` compares with the account.
const PARAMETERS: &[&str] = &[
    "AccountConcurrency",
    "ConsumerMaximumConcurrency",
    "IngressReservedConcurrency",
];

pub(super) const CHECK: &str = "Examples:
  switchhook check --config switchhook.toml
  switchhook check --stack hooks
  switchhook check --stack hooks --json
  switchhook check --stack hooks --before-deploy
  switchhook check --stack hooks --before-deploy --parameter IngressReservedConcurrency=50
  switchhook check --stack hooks --before-delete

With --stack it looks whether the stack is whole: deployed, its parts there, set up and readable, its
sources valid, its consumer at work, its health URL answering, its alarms quiet and heard by somebody.
Exit code 1 if something is not; what merely deserves a look is a warning.

--before-deploy needs no stack yet: it looks whether the credentials work, the name is short enough, a
stack of this name can be created or updated, and the account runs enough functions at once. Exit code 1
if the deployment would fail, or the functions be starved. What the deploying role may do is not looked at.

--before-delete looks what would be left behind: exit code 1 while events are queued or dead letters wait.
The order: stop the senders, wait until the queue is empty, redrive or drop the dead letters, delete.";

pub(super) const PAUSE: &str = "Examples:
  switchhook pause --stack hooks
  switchhook pause --stack hooks --within 15m
  switchhook pause --stack hooks --json

The event source of the consumer is switched off, and batches under way end. The ingress still accepts
deliveries: their events wait in the queue, 14 days at most, then they are lost. CloudFormation does not know of it, so
`switchhook check --stack hooks` reports it until `switchhook resume --stack hooks`. Pausing what is paused
changes nothing. (To throttle the function instead would move events to the dead letters in two days.)

With --json it is one object: stack, consumer (paused), changed.";

pub(super) const RESUME: &str = "Examples:
  switchhook resume --stack hooks
  switchhook resume --stack hooks --json

The event source of the consumer is switched on, and what waits in the queue is handled in its order.
Resuming what runs changes nothing.

With --json it is one object: stack, consumer (running), changed.";

/// Arguments of `check`.
#[derive(Arguments, Debug)]
pub struct Check {
    /// Where the stack is reached [default: as it says itself]
    #[arg(long, value_name = "URL", requires = "stack")]
    pub url: Option<String>,
    /// Look whether the stack can be deployed; it need not be there yet
    #[arg(long, conflicts_with_all = ["url", "before_delete"])]
    pub before_deploy: bool,
    /// Look whether the stack can be deleted without leaving events behind
    #[arg(long)]
    pub before_delete: bool,
    /// What the deployment will set, with --before-deploy; may be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE", requires = "before_deploy", value_parser = parameter)]
    pub parameters: Vec<(String, String)>,
}

/// Arguments of `pause` and `resume`.
#[derive(Arguments, Debug)]
pub struct Pause {
    /// How long to wait until it is done
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = time::span, allow_hyphen_values = true)]
    pub within: SignedDuration,
}

/// Another table to read.
#[derive(Arguments, Clone, Debug)]
pub struct OtherTable {
    /// Read this table instead of the stack's own: one that was restored, such as hooks-restored
    #[arg(long, value_name = "NAME", value_parser = table_name)]
    pub table: Option<String>,
}

/// Reads a parameter of the template and its value.
fn parameter(text: &str) -> Result<(String, String), String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err("expected NAME=VALUE, such as IngressReservedConcurrency=50".to_owned());
    };
    // A misspelt one would pass for one that is not set.
    if !PARAMETERS.contains(&name) {
        let near = nearest(name, PARAMETERS.iter().copied());
        let near = near.map(|near| format!("; did you mean `{near}`?"));
        return Err(format!(
            "`{name}` is not looked at; expected one of `{}`{}",
            PARAMETERS.join("`, `"),
            near.unwrap_or_default()
        ));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// Reads the name of a table, which is not looked for before it can be one.
fn table_name(text: &str) -> Result<String, &'static str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if (3..=255).contains(&text.len()) && text.chars().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err("a table's name is 3 to 255 letters, digits, `-`, `_` and `.`")
    }
}
