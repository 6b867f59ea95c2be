//! The laptop's queue as other AWS tools see it, through `--aws-port`.
//!
//! `probe_sqs.py` talks to it with boto3: its checks know nothing of our code.

use std::process::{Command, Stdio};

const PROBE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/it/probe_sqs.py");

/// Fails unless the SQS endpoint passes every check of the probe.
///
/// Without Python or boto3 on this machine it checks nothing, and says so.
pub(crate) fn assert_passes_sqs_probe(endpoint: &str) {
    if !has_boto3() {
        eprintln!("skipped: the SQS probe needs python3 with boto3");
        return;
    }
    let output = Command::new("python3")
        .args([PROBE, endpoint])
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    println!("{report}");
    assert!(
        output.status.success(),
        "the SQS probe failed:\n{report}{errors}"
    );
}

fn has_boto3() -> bool {
    let mut import = Command::new("python3");
    import.args(["-c", "import boto3"]).stderr(Stdio::null());
    import.status().is_ok_and(|status| status.success())
}
