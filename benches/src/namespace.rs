//! A network of the benchmark's own, in which AWS's host names are this machine.
//!
//! A function inside Lambda takes no endpoint from anybody: it calls the host names of its region
//! over TLS. So the benchmark starts itself again inside a fresh Linux network namespace with nothing
//! but loopback in it, where `/etc/hosts` names 127.0.0.1 for those hosts and port 443 is free. The
//! programs under test are exactly the deployed ones, and no request can leave the machine.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result, ensure};

use crate::{BUCKET, REGION};

/// The argument that says that the program runs inside already.
pub const INSIDE: &str = "--inside-own-network";

/// Makes loopback and the host names, then becomes the program again.
const SCRIPT: &str = r#"ip link set lo up && mount --bind "$0" /etc/hosts && exec "$@""#;

/// Returns the host names that the benchmark answers for.
#[must_use]
pub fn hosts() -> Vec<String> {
    let services = [
        "dynamodb",
        "s3",
        "secretsmanager",
        "sqs",
        &format!("{BUCKET}.s3"),
    ];
    let names = services.map(|service| format!("{service}.{REGION}.amazonaws.com"));
    names.into()
}

/// Runs this program, which may have been built anew, with the same arguments inside a network of its own.
///
/// # Errors
///
/// Where the system makes no such network: not on Linux, or where unprivileged users may not.
pub fn run_inside(work: &Path, own: &Path) -> Result<ExitStatus> {
    let names: String = hosts()
        .iter()
        .map(|host| format!("127.0.0.1 {host}\n"))
        .collect();
    let file = work.join("hosts");
    fs::write(&file, format!("127.0.0.1 localhost\n{names}"))?;
    let probe = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net", "--mount", "true"])
        .status();
    ensure!(
        probe.is_ok_and(|status| status.success()),
        "this system gives no network namespace of one's own: it takes Linux, util-linux, and either root or unprivileged user namespaces (`sysctl kernel.apparmor_restrict_unprivileged_userns=0` on Ubuntu)"
    );
    Command::new("unshare")
        .args(["--user", "--map-root-user", "--net", "--mount"])
        .args(["sh", "-c", SCRIPT])
        .arg(file)
        .arg(own)
        .arg(INSIDE)
        .args(std::env::args_os().skip(1))
        .status()
        .context("starting inside a network of its own")
}
