//! `switchhook check --before-deploy`: whether a stack of this name can be deployed to the account.
//!
//! Nothing of the stack has to be there. What the deploying role may do is not looked at: AWS says so only
//! to those who may simulate policies.

use std::collections::HashMap;
use std::process::ExitCode;

use super::super::CommandError;
use super::concurrency::{self, DEFAULT_ACCOUNT, DEFAULT_CONSUMERS, Limits, Wanted, number};
use super::look::{Look, Looked, failed, fine, look, print, warning};
use crate::args::Check;
use crate::deployed::{Account, DeployedError, Description, TABLE_NAME, credentials_in_use};

/// The longest name of a stack: a queue's name has 80 characters, of which `-dead-letters-`, twenty digits
/// of the stack's id and `.fifo` take 39.
const MAX_NAME_CHARS: usize = 41;

/// What a deployment sets, and what it had.
struct Parameters<'a> {
    given: HashMap<&'a str, &'a str>,
    present: HashMap<String, String>,
}

impl Parameters<'_> {
    /// Returns a number that the stack has now.
    fn present(&self, name: &str) -> Result<Option<i64>, CommandError> {
        let value = self.present.get(name).map(String::as_str);
        number(value.filter(|value| !value.is_empty()), name)
    }

    /// Returns a number that the stack will have, where it is not the template's own.
    fn coming(&self, name: &str) -> Result<Option<i64>, CommandError> {
        match self.given.get(name) {
            Some(value) => number(Some(value).filter(|value| !value.is_empty()).copied(), name),
            None => self.present(name),
        }
    }
}

pub(in super::super) async fn run(
    name: &str,
    args: &Check,
    is_json: bool,
) -> Result<ExitCode, CommandError> {
    let account = match Account::open().await {
        Ok(account) => account,
        Err(error) => {
            let looks = [look("account", Err(error.into())), look("name", long(name))];
            return print(is_json, &looks);
        }
    };
    let described = account.describe(name).await;
    let (access, found) = match described {
        Ok(found) => (reached(&account), Some(found)),
        Err(error) => (Err(error.into()), None),
    };
    let mut looks = vec![look("account", access), look("name", long(name))];
    // Without an answer nothing else would get one.
    if let Some(found) = found {
        looks.push(look("stack", state(name, found.as_ref())));
        let present = found.map(|found| found.parameters).unwrap_or_default();
        let given = args.parameters.iter();
        let given = given.map(|(name, value)| (name.as_str(), value.as_str()));
        let parameters = Parameters {
            given: given.collect(),
            present,
        };
        looks.push(concurrency(&account, &parameters).await);
    }
    print(is_json, &looks)
}

fn reached(account: &Account) -> Looked {
    fine(format!(
        "{}, {}; all HTTP APIs of a region share 10,000 requests a second, in smaller regions 2,500",
        account.region(),
        credentials_in_use()
    ))
}

fn long(name: &str) -> Looked {
    let length = name.len();
    if length > MAX_NAME_CHARS {
        return failed(format!(
            "{length} characters, {MAX_NAME_CHARS} at most: queues are named after the stack, and their names have 80 characters"
        ));
    }
    fine(format!("{length} characters of {MAX_NAME_CHARS}"))
}

/// Judges what is there under this name.
fn state(name: &str, found: Option<&Description>) -> Looked {
    let Some(found) = found else {
        return fine("none of this name: it will be created");
    };
    let status = found.status.as_str();
    let delete = format!("`aws cloudformation delete-stack --stack-name {name}`");
    let events = format!("`aws cloudformation describe-stack-events --stack-name {name}`");
    match status {
        "REVIEW_IN_PROGRESS" => warning(format!(
            "{status}: a change set waits to be executed; deploying makes another one"
        )),
        "ROLLBACK_COMPLETE" => failed(format!(
            "{status}: its creation failed, and it holds nothing; {events} says why, {delete} removes it, then deploy"
        )),
        "ROLLBACK_FAILED" | "CREATE_FAILED" => failed(format!(
            "{status}: its creation failed, and so did taking it back; {events} says what is left (a protected table: `aws dynamodb update-table --table-name TABLE --no-deletion-protection-enabled`), then {delete}, then deploy"
        )),
        "DELETE_FAILED" => failed(format!(
            "{status}: {events} says what could not be deleted; see to that, then {delete} again, then deploy"
        )),
        "UPDATE_ROLLBACK_FAILED" => failed(format!(
            "{status}: `aws cloudformation continue-update-rollback --stack-name {name}` first; {events} says what failed"
        )),
        _ if status.ends_with("_IN_PROGRESS") => failed(format!(
            "{status}: wait until that is done, then look again"
        )),
        _ if !found.outputs.contains_key(TABLE_NAME) => failed(format!(
            "{status}: a stack of this name is there, and none of Switchhook's; choose another name"
        )),
        _ => fine(format!("{status}: it will be updated")),
    }
}

async fn concurrency(account: &Account, parameters: &Parameters<'_>) -> Look {
    let looked = compared(account, parameters).await;
    look("concurrency", looked)
}

async fn compared(account: &Account, parameters: &Parameters<'_>) -> Looked {
    let limits = Limits::ask(&account.functions()).await;
    let limits = limits.map_err(DeployedError::from)?;
    let (consumers, reserve) = ("ConsumerMaximumConcurrency", "IngressReservedConcurrency");
    let wanted = Wanted {
        consumers: parameters.coming(consumers)?.unwrap_or(DEFAULT_CONSUMERS),
        reserve: parameters.coming(reserve)?.unwrap_or_default(),
        reserved_now: parameters.present(reserve)?.unwrap_or_default(),
        account: parameters
            .coming("AccountConcurrency")?
            .unwrap_or(DEFAULT_ACCOUNT),
    };
    concurrency::compare(limits, wanted).looked()
}

#[cfg(test)]
mod tests {
    use super::super::look::Verdict;
    use super::*;

    #[test]
    fn names_longer_than_a_queue_allows_are_refused() {
        let verdict = |length: usize| long(&"n".repeat(length)).unwrap().0;
        assert_eq!((verdict(41), verdict(42)), (Verdict::Ok, Verdict::Failed));
        let queue = format!(
            "{}-dead-letters-012345670123456789ab.fifo",
            "n".repeat(MAX_NAME_CHARS)
        );
        assert_eq!(queue.len(), 80);
    }

    #[test]
    fn every_state_of_a_stack_has_its_verdict() {
        for (status, expected) in [
            ("CREATE_COMPLETE", Verdict::Ok),
            ("UPDATE_COMPLETE", Verdict::Ok),
            ("UPDATE_ROLLBACK_COMPLETE", Verdict::Ok),
            ("IMPORT_COMPLETE", Verdict::Ok),
            ("REVIEW_IN_PROGRESS", Verdict::Warning),
            ("ROLLBACK_COMPLETE", Verdict::Failed),
            ("ROLLBACK_FAILED", Verdict::Failed),
            ("CREATE_FAILED", Verdict::Failed),
            ("DELETE_FAILED", Verdict::Failed),
            ("DELETE_IN_PROGRESS", Verdict::Failed),
            ("UPDATE_IN_PROGRESS", Verdict::Failed),
            ("UPDATE_ROLLBACK_FAILED", Verdict::Failed),
        ] {
            let found = Description {
                status: status.to_owned(),
                outputs: [(TABLE_NAME.to_owned(), "t".to_owned())].into(),
                ..Description::default()
            };
            let (verdict, detail) = state("hooks", Some(&found)).unwrap();
            assert_eq!(verdict, expected, "{detail}");
            assert!(detail.starts_with(status), "{detail}");
        }
        assert_eq!(state("hooks", None).unwrap().0, Verdict::Ok);
        let foreign = Description {
            status: "CREATE_COMPLETE".to_owned(),
            ..Description::default()
        };
        assert_eq!(state("hooks", Some(&foreign)).unwrap().0, Verdict::Failed);
    }
}
