//! The parts of a stack that its own outputs do not show: functions, event source, pipe, and what the
//! table is set to.

use aws_sdk_dynamodb::types::{
    ContinuousBackupsStatus, PointInTimeRecoveryStatus, TimeToLiveStatus,
};
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_lambda::types::{LastUpdateStatus, State};
use aws_sdk_pipes::types::PipeState;
use switchhook_core::ports::PortError;

use super::look::{Findings, Looked, failed, fine, warning};
use crate::deployed::{
    CONSUMER_EVENT_SOURCE, CONSUMER_FUNCTION, DISABLED, Deployed, DeployedError, ENABLED,
    INGRESS_FUNCTION, PIPE_NAME,
};

/// The alias that traffic goes to in a gradual rollout.
const LIVE: &str = "live";
/// The attribute by which DynamoDB forgets items.
const EXPIRY: &str = "expires_at";

/// Looks whether the queue's messages are handed to the consumer.
pub(super) async fn consumer(stack: &Deployed) -> Looked {
    if stack.optional_output(CONSUMER_EVENT_SOURCE).is_none() {
        return warning(
            "unknown: the stack's template is older than this command; deploy this version's",
        );
    }
    let name = stack.name();
    match stack.event_source()?.state().await?.as_str() {
        ENABLED => fine("takes events"),
        DISABLED => failed(format!(
            "paused: events wait in the queue, at most 14 days; `switchhook resume --stack {name}` goes on"
        )),
        state => warning(format!(
            "its event source is {state}: look again in a minute"
        )),
    }
}

/// Looks whether both functions can run and are configured for the processor they were built for.
pub(super) async fn functions(stack: &Deployed, built_for: Option<&str>) -> Looked {
    let mut findings = Findings::default();
    for output in [INGRESS_FUNCTION, CONSUMER_FUNCTION] {
        let name = stack.output(output)?;
        let function = configuration(stack, name, None).await?;
        check_state(&mut findings, name, &function);
        let configured = function.architectures().first().map_or("", |a| a.as_str());
        match built_for {
            Some(built_for) if configured != built_for => findings.fail(format!(
                "`{name}` is configured for {configured}, and was built for {built_for}: deploy the template of a release for {configured}"
            )),
            Some(_) => {}
            None => findings.note(format!(
                "whether `{name}` was built for {configured} is not known, since the health URL does not say"
            )),
        }
    }
    if let Some(built_for) = built_for {
        findings.note(format!("active, {built_for}"));
    }
    findings.looked()
}

fn check_state(findings: &mut Findings, name: &str, function: &GetFunctionConfigurationOutput) {
    let reason = |reason: Option<&str>| reason.map(|r| format!(" ({r})")).unwrap_or_default();
    match function.state() {
        Some(State::Active) | None => {}
        Some(State::Failed) => {
            let reason = reason(function.state_reason());
            findings.fail(format!("`{name}` cannot run{reason}: deploy again"));
        }
        Some(state) => findings.warn(format!("`{name}` is {}", state.as_str())),
    }
    match function.last_update_status() {
        Some(LastUpdateStatus::Failed) => {
            let reason = reason(function.last_update_status_reason());
            findings.fail(format!(
                "the last update of `{name}` failed{reason}: deploy again"
            ));
        }
        Some(LastUpdateStatus::InProgress) => findings.warn(format!("`{name}` is being updated")),
        _ => {}
    }
}

/// Looks whether the alias that takes the traffic serves what was deployed last; `None` where traffic
/// goes to the newest code anyway.
pub(super) async fn rollout(stack: &Deployed) -> Option<Looked> {
    let rollout = stack.parameter("Rollout").filter(|kind| *kind != "None")?;
    Some(compare_alias(stack, rollout).await)
}

async fn compare_alias(stack: &Deployed, rollout: &str) -> Looked {
    let mut findings = Findings::default();
    for output in [INGRESS_FUNCTION, CONSUMER_FUNCTION] {
        let name = stack.output(output)?;
        let newest = configuration(stack, name, None).await?;
        let live = configuration(stack, name, Some(LIVE)).await?;
        let version = live.version().unwrap_or("?");
        if !is_same(&newest, &live) {
            findings.warn(format!(
                "`{name}`: the alias `{LIVE}` serves version {version}, which differs from the newest code or configuration: a rollout is under way or was rolled back, or somebody changed the function: deploy with `Rollout=None`"
            ));
        }
    }
    findings.note(format!("{rollout}, the alias `{LIVE}`"));
    findings.looked()
}

fn is_same(one: &GetFunctionConfigurationOutput, other: &GetFunctionConfigurationOutput) -> bool {
    let variables = |of: &GetFunctionConfigurationOutput| {
        of.environment().and_then(|set| set.variables().cloned())
    };
    one.code_sha256() == other.code_sha256()
        && one.architectures() == other.architectures()
        && one.memory_size() == other.memory_size()
        && one.timeout() == other.timeout()
        && one.tracing_config() == other.tracing_config()
        && variables(one) == variables(other)
}

async fn configuration(
    stack: &Deployed,
    name: &str,
    qualifier: Option<&str>,
) -> Result<GetFunctionConfigurationOutput, PortError> {
    let asked = stack.functions().get_function_configuration();
    let asked = asked
        .function_name(name)
        .set_qualifier(qualifier.map(str::to_owned));
    let found = asked.send().await;
    found.map_err(|error| PortError::new("looking at a function", error))
}

/// Looks whether the pipe runs; `None` where the stack has none.
pub(super) async fn pipe(stack: &Deployed) -> Option<Looked> {
    let name = stack.optional_output(PIPE_NAME)?;
    Some(pipe_state(stack, name).await)
}

async fn pipe_state(stack: &Deployed, name: &str) -> Looked {
    let found = stack.pipes().describe_pipe().name(name).send().await;
    let found = found.map_err(|error| PortError::new("looking at the pipe", error))?;
    let reason = found.state_reason().map(|reason| format!(" ({reason})"));
    let reason = reason.unwrap_or_default();
    match found.current_state() {
        Some(PipeState::Running) => fine("hands events on"),
        Some(
            state @ (PipeState::Creating
            | PipeState::Starting
            | PipeState::Updating
            | PipeState::Stopping),
        ) => warning(format!("{}: look again in a minute", state.as_str())),
        state => failed(format!(
            "{}{reason}: events are not handed on; `aws pipes start-pipe --name {name}`, then `switchhook replay` for what was missed",
            state.map_or("no state", |state| state.as_str())
        )),
    }
}

/// Looks at what the table is set to, which a restored or an adopted table may lack.
pub(super) async fn table_settings(stack: &Deployed) -> Looked {
    let name = stack.table()?;
    let mut findings = Findings::default();
    let client = stack.dynamodb();
    let found = client.describe_table().table_name(name).send().await;
    let found = found.map_err(|error| PortError::new("describing the table", error))?;
    let Some(table) = found.table() else {
        return Err(DeployedError::from(PortError::new(
            "describing the table",
            "the answer has no table",
        ))
        .into());
    };
    let has_stream = table
        .stream_specification()
        .is_some_and(|stream| stream.stream_enabled());
    if stack.has_bus() && !has_stream {
        findings.fail(format!(
            "it has no stream, so that nothing reaches the bus: `aws dynamodb update-table --table-name {name} --stream-specification StreamEnabled=true,StreamViewType=NEW_IMAGE`, then deploy with `ExistingTableStream=LABEL`, the `LatestStreamLabel` that this answers"
        ));
    }
    if !forgets(&client, name).await? {
        findings.warn(format!(
            "nothing is forgotten: `aws dynamodb update-time-to-live --table-name {name} --time-to-live-specification Enabled=true,AttributeName={EXPIRY}`"
        ));
    }
    if !is_recoverable(&client, name).await? {
        findings.warn(format!(
            "there is no point-in-time recovery: `aws dynamodb update-continuous-backups --table-name {name} --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true`"
        ));
    }
    if !table.deletion_protection_enabled().unwrap_or_default() {
        findings.warn(match stack.parameter("ExistingTable") {
            None => "deletion protection is off: deploy with `DeletionProtection=true` when the stack stands".to_owned(),
            Some(_) => format!(
                "deletion protection is off: `aws dynamodb update-table --table-name {name} --deletion-protection-enabled`"
            ),
        });
    }
    if findings.is_good() {
        findings.note("expiry, point-in-time recovery and deletion protection are on");
    }
    findings.looked()
}

async fn forgets(client: &aws_sdk_dynamodb::Client, name: &str) -> Result<bool, PortError> {
    let found = client.describe_time_to_live().table_name(name).send().await;
    let found = found.map_err(|error| PortError::new("looking at the table's expiry", error))?;
    Ok(found.time_to_live_description().is_some_and(|expiry| {
        expiry.attribute_name() == Some(EXPIRY)
            && matches!(
                expiry.time_to_live_status(),
                Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)
            )
    }))
}

async fn is_recoverable(client: &aws_sdk_dynamodb::Client, name: &str) -> Result<bool, PortError> {
    let asked = client.describe_continuous_backups().table_name(name);
    let found = asked.send().await;
    let found = found.map_err(|error| PortError::new("looking at the table's backups", error))?;
    let backups = found.continuous_backups_description();
    Ok(backups.is_some_and(|backups| {
        let recovery = backups.point_in_time_recovery_description();
        let status = recovery.and_then(|recovery| recovery.point_in_time_recovery_status());
        backups.continuous_backups_status() == &ContinuousBackupsStatus::Enabled
            && status == Some(&PointInTimeRecoveryStatus::Enabled)
    }))
}
