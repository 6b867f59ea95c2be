//! How many functions the account runs at once, and whether that is enough.

use switchhook_core::ports::PortError;

use super::super::CommandError;
use super::look::{Findings, Looked};
use crate::deployed::Deployed;

/// What AWS keeps free of reservations in every account.
const UNRESERVED: i64 = 100;
/// Below this the consumer alone can take most of what the account has.
const SMALL: i64 = 100;
/// The fewest batches that an event source mapping can be limited to.
const LEAST_CONSUMERS: i64 = 2;

/// What the template's parameters are without a value.
pub(super) const DEFAULT_CONSUMERS: i64 = 10;
pub(super) const DEFAULT_ACCOUNT: i64 = 1_000;

/// How to get more.
const MORE: &str = "ask for more with `aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value 1000`";

/// The account's limits of concurrency.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) total: i64,
    pub(super) unreserved: i64,
}

impl Limits {
    /// Asks AWS Lambda.
    pub(super) async fn ask(client: &aws_sdk_lambda::Client) -> Result<Self, PortError> {
        const ASKING: &str = "asking for the account's concurrency";
        let answer = client.get_account_settings().send().await;
        let answer = answer.map_err(|error| PortError::new(ASKING, error))?;
        let limit = answer.account_limit();
        let limit = limit.ok_or_else(|| PortError::new(ASKING, "the answer has no limit"))?;
        let total = i64::from(limit.concurrent_executions());
        let unreserved = limit.unreserved_concurrent_executions();
        Ok(Self {
            total,
            unreserved: unreserved.map_or(total, i64::from),
        })
    }
}

/// What the stack wants of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Batches of the consumer at once.
    pub(super) consumers: i64,
    /// What is reserved for the ingress; 0 for nothing.
    pub(super) reserve: i64,
    /// What the existing stack has reserved already.
    pub(super) reserved_now: i64,
    /// What the alarm is to take for the account's limit.
    pub(super) account: i64,
}

/// Compares what a deployment wants with what the account has.
pub(super) fn compare(limits: Limits, wanted: Wanted) -> Findings {
    let mut findings = Findings::default();
    let Limits { total, unreserved } = limits;
    let Wanted {
        consumers,
        reserve,
        reserved_now,
        account,
    } = wanted;
    let free = unreserved.saturating_add(reserved_now);
    if reserve > 0 {
        check_reserve(&mut findings, total, free, wanted);
    }
    if consumers > total {
        findings.fail(format!(
            "the account runs {total} functions at once, and the consumer may take {consumers}: deploy with `ConsumerMaximumConcurrency={}`, or {MORE}",
            fitting(total)
        ));
    } else if total < SMALL {
        findings.warn(format!(
            "the account runs {total} functions at once, a small limit: `ConsumerMaximumConcurrency={}` leaves room for the ingress, and no `IngressReservedConcurrency` fits; {MORE}",
            fitting(total).min(consumers)
        ));
    }
    if account != total {
        findings.warn(format!(
            "the alarm takes {account} for the account's limit, which is {total}: deploy with `AccountConcurrency={total}`"
        ));
    }
    findings.note(format!(
        "{total} functions at once, {unreserved} of them unreserved"
    ));
    findings
}

/// AWS refuses a reserve that leaves less than 100, and a batch of the consumer needs some of the rest.
fn check_reserve(findings: &mut Findings, total: i64, free: i64, wanted: Wanted) {
    let Wanted {
        consumers, reserve, ..
    } = wanted;
    let needed = consumers.saturating_add(reserve).saturating_add(UNRESERVED);
    let most = free.saturating_sub(UNRESERVED);
    let most = most.min(total.saturating_sub(UNRESERVED).saturating_sub(consumers));
    if reserve <= most {
        return;
    }
    let advice = match most {
        1.. => format!("deploy with `IngressReservedConcurrency={most}` at most"),
        _ => "deploy without `IngressReservedConcurrency`".to_owned(),
    };
    findings.fail(format!(
        "`IngressReservedConcurrency={reserve}` does not fit: with {consumers} for the consumer and the {UNRESERVED} that AWS keeps unreserved the account needs {needed}, and has {total}, {free} of them unreserved; {advice}, or {MORE}"
    ));
}

/// Returns how many batches at once leave room for the ingress.
fn fitting(total: i64) -> i64 {
    let half = total.checked_div(2).unwrap_or_default();
    half.clamp(LEAST_CONSUMERS, DEFAULT_CONSUMERS)
}

/// Compares what a deployed stack was given with what the account has; nothing of it stops a stack that
/// stands.
pub(super) async fn of_stack(stack: &Deployed) -> Looked {
    let limits = Limits::ask(&stack.functions()).await?;
    let number = |name| number(stack.parameter(name), name);
    let reserve = number("IngressReservedConcurrency")?.unwrap_or_default();
    let consumers = number("ConsumerMaximumConcurrency")?.unwrap_or(DEFAULT_CONSUMERS);
    let wanted = Wanted {
        consumers,
        reserve,
        reserved_now: reserve,
        // A template without the parameter has no alarm that takes it.
        account: number("AccountConcurrency")?.unwrap_or(limits.total),
    };
    compare(limits, wanted).at_most_warnings().looked()
}

/// Reads the value of a parameter as a number.
pub(super) fn number(value: Option<&str>, name: &str) -> Result<Option<i64>, CommandError> {
    let wrong = |_| CommandError::Refused(format!("the parameter `{name}` is no whole number"));
    value.map(|value| value.parse().map_err(wrong)).transpose()
}

#[cfg(test)]
mod tests {
    use super::super::look::Verdict;
    use super::*;

    fn verdict(total: i64, consumers: i64, reserve: i64) -> (Verdict, String) {
        let limits = Limits {
            total,
            unreserved: total,
        };
        let wanted = Wanted {
            consumers,
            reserve,
            reserved_now: 0,
            account: total,
        };
        compare(limits, wanted).looked().unwrap()
    }

    #[test]
    fn limits_of_the_rule_are_exact() {
        for (total, consumers, reserve, expected) in [
            (1_000, 10, 0, Verdict::Ok),
            (1_000, 10, 890, Verdict::Ok),
            (1_000, 10, 891, Verdict::Failed),
            (100, 10, 0, Verdict::Ok),
            (100, 10, 1, Verdict::Failed),
            (111, 10, 1, Verdict::Ok),
            (99, 10, 0, Verdict::Warning),
            (10, 10, 0, Verdict::Warning),
            (10, 11, 0, Verdict::Failed),
            (9, 10, 0, Verdict::Failed),
        ] {
            let (verdict, detail) = verdict(total, consumers, reserve);
            assert_eq!(verdict, expected, "{total} {consumers} {reserve}: {detail}");
        }
    }

    #[test]
    fn advised_values_fit() {
        let (_, detail) = verdict(10, 50, 0);
        assert!(
            detail.contains("`ConsumerMaximumConcurrency=5`"),
            "{detail}"
        );
        let (_, detail) = verdict(150, 10, 80);
        assert!(
            detail.contains("`IngressReservedConcurrency=40` at most"),
            "{detail}"
        );
        let (_, detail) = verdict(50, 10, 5);
        assert!(
            detail.contains("without `IngressReservedConcurrency`"),
            "{detail}"
        );
        assert_eq!(fitting(1), 2);
    }

    #[test]
    fn reserve_of_the_stack_itself_counts_as_free() {
        let limits = Limits {
            total: 200,
            unreserved: 120,
        };
        let wanted = Wanted {
            consumers: 10,
            reserve: 80,
            reserved_now: 80,
            account: 200,
        };
        assert_eq!(compare(limits, wanted).looked().unwrap().0, Verdict::Ok);
        let fresh = Wanted {
            reserved_now: 0,
            ..wanted
        };
        assert_eq!(compare(limits, fresh).looked().unwrap().0, Verdict::Failed);
    }
}
