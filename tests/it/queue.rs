//! The laptop's queue as other AWS tools see it, through `--aws-port`.
//!
//! `probe_sqs.py` talks to it with boto3: its checks know nothing of our code.

use std::process::Command;

use crate::programs::{Home, Program};

const PROBE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/it/probe_sqs.py");

#[test]
fn the_queue_passes_every_check_of_the_probe() {
    let boto3 = Program::start(Command::new("python3").args(["-c", "import boto3"])).end();
    assert_eq!(
        boto3.code,
        Some(0),
        "this test needs boto3: `python3 -m pip install boto3` gets it, perhaps in a virtual environment\n{}",
        boto3.err
    );
    let home = Home::new();
    let mut local = home.local(&["--aws-port", "0"]);
    let line = local.program.line_with("SQS and DynamoDB answer on ");
    let (_, endpoint) = line.split_once(" answer on ").unwrap();
    let probe = Program::start(Command::new("python3").args([PROBE, endpoint])).end();
    assert_eq!(probe.code, Some(0), "{}{}", probe.out, probe.err);
    assert!(probe.out.contains("24 of 24 checks passed"), "{}", probe.out);
    local.stop("TERM");
}
