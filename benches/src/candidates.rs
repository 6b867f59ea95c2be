//! The programs that are compared: the product, the floor, the peers. Each is an ingress and a consumer.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::DeflateEncoder;

use crate::certificates::Certificates;
use crate::cloud::dynamodb::IDEMPOTENCY_TABLE;
use crate::{BUCKET, REGION, TABLE};

/// What a program does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// HTTP in, queue out.
    Ingress,
    /// Queue in, ledger out.
    Consumer,
}

impl Role {
    /// Finds a role by its name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        [Self::Ingress, Self::Consumer]
            .into_iter()
            .find(|role| role.name() == name)
    }

    /// Returns its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Consumer => "consumer",
        }
    }
}

/// Where a pair of programs comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stack {
    /// The product.
    Switchhook,
    /// The least that the same requests can cost.
    Floor,
    /// Node.js, AWS SDK v3, Powertools.
    Node,
    /// Python, boto3, Powertools.
    Python,
}

impl Stack {
    /// All of them, the baseline last.
    pub const ALL: [Self; 4] = [Self::Switchhook, Self::Node, Self::Python, Self::Floor];

    /// Returns its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Switchhook => "switchhook",
            Self::Floor => "floor",
            Self::Node => "node",
            Self::Python => "python",
        }
    }
}

/// Where, in its folder, the libraries are that Python's functions are uploaded with.
pub const UPLOAD: &str = "venv/upload";

/// The folders that programs are built into.
#[derive(Clone, Debug)]
pub struct Places {
    /// `target/release`.
    pub release: PathBuf,
    /// `target/benches`: peers, logs, certificates.
    pub work: PathBuf,
}

/// One program.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// Where it comes from.
    pub stack: Stack,
    /// What it does.
    pub role: Role,
}

impl Candidate {
    /// Returns its name.
    #[must_use]
    pub fn name(self) -> String {
        format!("{} {}", self.stack.name(), self.role.name())
    }

    /// Returns how it is started, but for the Runtime API's address.
    #[must_use]
    pub fn command(self, places: &Places, certificates: &Certificates) -> Command {
        let role = self.role.name();
        let (node, python) = (places.work.join("node"), places.work.join("python"));
        let mut command = match self.stack {
            Stack::Switchhook => Command::new(places.release.join(role)),
            Stack::Floor => Command::new(places.release.join(format!("floor-{role}"))),
            Stack::Node => {
                let mut command = Command::new("node");
                let bundle = node.join(format!("dist/{role}.cjs"));
                command.arg(node.join("runtime.cjs")).arg(bundle);
                command
            }
            Stack::Python => {
                let mut command = Command::new(python.join("venv/bin/python3"));
                command.arg(python.join("runtime.py")).arg(role);
                command
            }
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path);
        command.envs(environment(role));
        if self.stack == Stack::Python {
            command.env("PYTHONPATH", python.join(UPLOAD));
        }
        self.trust(&mut command, certificates);
        command
    }

    /// The product and the peers have roots of their own besides; the floor knows the one it needs.
    fn trust(self, command: &mut Command, certificates: &Certificates) {
        match self.stack {
            Stack::Switchhook | Stack::Floor => {
                command.env("SSL_CERT_FILE", &certificates.authority)
            }
            Stack::Node => command.env("NODE_EXTRA_CA_CERTS", &certificates.authority),
            Stack::Python => command.env("AWS_CA_BUNDLE", &certificates.bundle),
        };
    }

    /// Returns the bytes of what would be uploaded, as they are and compressed.
    ///
    /// # Errors
    ///
    /// When it was not built.
    pub fn artifact(self, places: &Places) -> Result<(u64, u64)> {
        let role = self.role.name();
        let path = match self.stack {
            Stack::Switchhook => places.release.join(role),
            Stack::Floor => places.release.join(format!("floor-{role}")),
            Stack::Node => places.work.join(format!("node/dist/{role}.cjs")),
            Stack::Python => places.work.join(format!("python/{role}.py")),
        };
        let libraries = places.work.join("python").join(UPLOAD);
        let mut paths = vec![path];
        paths.extend((self.stack == Stack::Python).then_some(libraries));
        paths.iter().try_fold((0, 0), |(raw, packed), path| {
            let more = sizes(path).with_context(|| path.display().to_string())?;
            Ok((raw + more.0, packed + more.1))
        })
    }
}

fn environment(role: &str) -> [(&'static str, String); 16] {
    let queue = |name: &str| format!("https://sqs.{REGION}.amazonaws.com/123456789012/{name}.fifo");
    [
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE".to_owned()),
        (
            "AWS_SECRET_ACCESS_KEY",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
        ),
        ("AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2VjE".repeat(40)),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", format!("bench-{role}")),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("LAMBDA_TASK_ROOT", "/var/task".to_owned()),
        ("BODIES_BUCKET", BUCKET.to_owned()),
        ("QUEUE_URL", queue("events")),
        ("DEAD_LETTER_QUEUE_URL", queue("dead-letters")),
        ("SOURCES_SECRET_ID", "sources".to_owned()),
        ("STACK_NAME", "bench".to_owned()),
        ("TABLE_NAME", TABLE.to_owned()),
        ("IDEMPOTENCY_TABLE_NAME", IDEMPOTENCY_TABLE.to_owned()),
    ]
}

/// Returns the bytes of a file, or of a folder's files, as they are and each compressed as a zip does.
fn sizes(path: &Path) -> Result<(u64, u64)> {
    if path.is_dir() {
        return fs::read_dir(path)?.try_fold((0, 0), |(raw, packed), entry| {
            let (more_raw, more_packed) = sizes(&entry?.path())?;
            Ok((raw + more_raw, packed + more_packed))
        });
    }
    if path.extension().is_some_and(|extension| extension == "pyc") {
        return Ok((0, 0));
    }
    let bytes = fs::read(path)?;
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&bytes)?;
    let packed = encoder.finish()?.len();
    Ok((u64::try_from(bytes.len())?, u64::try_from(packed)?))
}
