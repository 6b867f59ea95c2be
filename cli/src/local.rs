//! `switchhook local`: the whole receiver on a laptop, in one process.
//!
//! The functions and the AWS SDK adapters are those of production; the queue, the database and the
//! body store behind them are files of one folder. Nothing is reached but loopback.

pub mod aws_port;
pub mod bodies;
pub mod config;
pub mod counts;
pub mod data_dir;
#[cfg(test)]
pub(crate) mod doubles;
pub mod dynamodb;
pub mod endpoint;
pub mod erase;
pub mod forward;
mod lines;
pub mod poller;
mod server;
pub mod sqs;
pub mod stack;
mod welcome;
mod worker;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use switchhook_aws::clock::SystemClock;
use switchhook_core::ports::PortError;
use switchhook_core::report::Report;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use config::{SourcesError, SourcesFile};
use data_dir::{DataDir, DataDirError, LastRun};
use endpoint::Endpoint;
use forward::{ForwardError, Forwarder};
use server::Limits;
use stack::{Stack, StackError, StackParts};

use crate::outbound::Url;

/// How many batches are handled side by side, as the event source mapping does.
const POLLERS: usize = 4;
/// How long a poll waits for a message.
const POLL_SECS: i32 = 20;
/// How long open requests may take after a signal: longer than any answer of ours.
const REQUEST_GRACE: Duration = Duration::from_secs(4);
/// How long batches may take after that. Together it is less than the 20 s that are promised.
const BATCH_GRACE: Duration = Duration::from_secs(12);
/// A pause after a poll that failed.
const POLL_PAUSE: Duration = Duration::from_secs(1);
/// How often records past their time are forgotten.
const SWEEP_EVERY: Duration = Duration::from_secs(60 * 60);

/// What `local` was asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder of its files.
    pub data: PathBuf,
    /// The configuration file.
    pub config: Option<PathBuf>,
    /// The port of the webhooks; 0 for any.
    pub port: u16,
    /// The port of the AWS protocols; 0 for any.
    pub aws_port: Option<u16>,
    /// Where committed events are posted on to.
    pub forward_to: Option<Url>,
}

/// Why `local` does not run.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The folder.
    #[error(transparent)]
    Data(#[from] DataDirError),
    /// The configuration.
    #[error(transparent)]
    Sources(#[from] SourcesError),
    /// The files.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// The sources, when the ingress reads them.
    #[error(transparent)]
    Warm(#[from] PortError),
    /// What hands events on.
    #[error(transparent)]
    Forward(#[from] ForwardError),
    /// A port.
    #[error("port {port} of 127.0.0.1 cannot be opened: choose another with `{flag}`")]
    Port {
        /// The port.
        port: u16,
        /// The flag that names it.
        flag: &'static str,
        /// Why.
        source: io::Error,
    },
    /// Signals.
    #[error("signals cannot be waited for")]
    Signals(#[source] io::Error),
}

/// Runs until SIGINT or SIGTERM.
///
/// # Errors
///
/// When it cannot start.
pub async fn run(options: Options) -> Result<(), LocalError> {
    lines::init();
    server::raise_descriptor_limit();
    let mut signal = Box::pin(signalled().map_err(LocalError::Signals)?);
    let data = DataDir::new(options.data.clone());
    let _owner = data.own()?;
    let config = config::chosen_file(options.config);
    let file = match &config {
        Some(path) => SourcesFile::new(path.clone()),
        None => config::demo_file(&data)?,
    };
    let sources = file.read()?;
    if config.is_some() {
        welcome::warn(&file, &sources);
    }
    let listener = listen(options.port, "--port").await?;
    let aws_listener = match options.aws_port {
        Some(port) => Some(listen(port, "--aws-port").await?),
        None => None,
    };
    let forwarder = forwarder(&data, options.forward_to.as_ref())?;
    let parts = StackParts {
        data: options.data,
        sources: Arc::new(file),
        clock: Arc::new(SystemClock),
    };
    let stack = Stack::open_with(parts, |ledger| match &forwarder {
        Some(forwarder) => forwarder.told(ledger),
        None => Arc::new(ledger),
    });
    let stack = Arc::new(stack.await?);
    if let Some(forwarder) = &forwarder {
        tokio::select! {
            begun = forwarder.begin(stack.ledger(), days(sources.retention_days)) => begun?,
            () = &mut signal => return Ok(()),
        }
    }
    stack.ingress().warm().await?;
    stack
        .queues()
        .release_in_flight()
        .map_err(StackError::from)?;
    let url = format!("http://{}", address(&listener, options.port));
    data.note_run(&LastRun {
        url: url.clone(),
        config: config.clone(),
    })?;
    let aws_url = aws_listener
        .as_ref()
        .map(|l| format!("http://{}", address(l, 0)));
    welcome::print(&sources, &url, config.as_deref(), aws_url.as_deref());
    if let Some(url) = &options.forward_to {
        welcome::print_forwarding(url, &data.forward_secret());
    }
    welcome::print_end();
    let doors = Doors {
        listener,
        aws_listener,
        forwarder,
    };
    serve(stack, sources.retention_days, doors, signal).await;
    if let Err(error) = erase::cut_logs(&data) {
        tracing::warn!(error = %Report(&error), "write-ahead logs not cut off");
    }
    welcome::goodbye();
    Ok(())
}

fn forwarder(data: &DataDir, url: Option<&Url>) -> Result<Option<Forwarder>, LocalError> {
    let Some(url) = url else { return Ok(None) };
    data.make_private_file(&data.forward_list())?;
    Ok(Some(Forwarder::open(data, url.clone())?))
}

fn days(days: u16) -> SignedDuration {
    SignedDuration::from_hours(i64::from(days).saturating_mul(24))
}

/// By which events come in and go out.
struct Doors {
    listener: TcpListener,
    aws_listener: Option<TcpListener>,
    forwarder: Option<Forwarder>,
}

async fn listen(port: u16, flag: &'static str) -> Result<TcpListener, LocalError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    listener.map_err(|source| LocalError::Port { port, flag, source })
}

fn address(listener: &TcpListener, port: u16) -> SocketAddr {
    listener
        .local_addr()
        .unwrap_or_else(|_| (Ipv4Addr::LOCALHOST, port).into())
}

/// Registers for the signals now, so that one that comes early is not lost.
fn signalled() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Serves until the signal: first no new requests, then no new batches, then the end.
async fn serve(
    stack: Arc<Stack>,
    retention_days: u16,
    doors: Doors,
    signal: impl Future<Output = ()>,
) {
    let (stopping, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    for _ in 0..POLLERS {
        tasks.spawn(poll(Arc::clone(&stack), stopped.clone()));
    }
    tasks.spawn(sweep(Arc::clone(&stack), retention_days, stopped.clone()));
    if let Some(forwarder) = doors.forwarder {
        let ledger = stack.ledger().clone();
        tasks.spawn(forwarder.run(ledger, days(retention_days), stopped.clone()));
    }
    if let Some(listener) = doors.aws_listener {
        let (queues, dynamodb) = (stack.queues().clone(), stack.dynamodb().clone());
        let stop = wait_for(stopped.clone());
        tasks.spawn(aws_port::serve(listener, queues, dynamodb, stop));
    }
    let endpoint = Endpoint::new(stack);
    server::serve(
        doors.listener,
        Limits::LOCAL,
        signal,
        REQUEST_GRACE,
        endpoint,
    )
    .await;
    let _ = stopping.send(true);
    let finished = async { while tasks.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(BATCH_GRACE, finished).await; // the rest is redelivered at the next start
}

async fn wait_for(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// A wait for messages may be broken off; a batch may not.
async fn poll(stack: Arc<Stack>, stopped: watch::Receiver<bool>) {
    loop {
        let outcome = tokio::select! {
            () = wait_for(stopped.clone()) => return,
            messages = stack.poller().wait(POLL_SECS) => messages,
        };
        let handled = match outcome {
            Ok(messages) => stack.poller().handle(messages).await.map(drop),
            Err(error) => Err(error),
        };
        if let Err(error) = handled {
            tracing::error!(error = %Report(&error), "queue not read");
            tokio::time::sleep(POLL_PAUSE).await;
        }
    }
}

/// `DynamoDB` and S3 forget by themselves what is past its time; the laptop's have to be told.
async fn sweep(stack: Arc<Stack>, retention_days: u16, stopped: watch::Receiver<bool>) {
    loop {
        if let Err(error) = stack.sweep(retention_days).await {
            tracing::warn!(error = %Report(&error), "expired data not forgotten");
        }
        tokio::select! {
            () = wait_for(stopped.clone()) => return,
            () = tokio::time::sleep(SWEEP_EVERY) => {}
        }
    }
}
