//! The workspace's programs as people run them: started, listened to, signalled, ended.
//!
//! Every wait is bounded and says what it waited for; whatever was started ends with its value.

use std::collections::HashMap;
use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;

const PAUSE: Duration = Duration::from_millis(20);
/// How long anything may take: on a busy machine everything is slow.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long an HTTP answer may take.
const HTTP_PATIENCE: Duration = Duration::from_secs(30);

/// Looks until there is something.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "waited in vain for {what}");
        thread::sleep(PAUSE);
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns one of the workspace's programs, built once a test run.
pub(crate) fn built(package: &'static str) -> PathBuf {
    static BUILT: Mutex<Option<HashMap<&str, PathBuf>>> = Mutex::new(None);
    let mut built = lock(&BUILT);
    let paths = built.get_or_insert_default();
    paths
        .entry(package)
        .or_insert_with(|| tests::program(package))
        .clone()
}

/// A program that runs, and what it said so far.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    out: Arc<Mutex<String>>,
    err: Arc<Mutex<String>>,
    listeners: Vec<JoinHandle<()>>,
}

/// What a program said before it ended.
#[derive(Debug)]
pub(crate) struct Said {
    /// Its exit code; none after a signal.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Returns standard output as one JSON value a line.
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        let lines = self.out.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
            .collect()
    }

    /// Returns standard output as one JSON value.
    pub(crate) fn json(&self) -> Value {
        let [value] = <[Value; 1]>::try_from(self.json_lines()).unwrap();
        value
    }
}

impl Program {
    pub(crate) fn start(command: &mut Command) -> Self {
        let piped = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let (out, err) = (Arc::default(), Arc::default());
        let listeners = vec![
            listen(child.stdout.take().unwrap(), Arc::clone(&out)),
            listen(child.stderr.take().unwrap(), Arc::clone(&err)),
        ];
        Self {
            child,
            out,
            err,
            listeners,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn out(&self) -> String {
        lock(&self.out).clone()
    }

    pub(crate) fn err(&self) -> String {
        lock(&self.err).clone()
    }

    /// Returns the first line of standard output that holds a text.
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        eventually(&format!("a line with {text:?}"), || {
            let said = self.out();
            if let Some(ended) = self.child.try_wait().unwrap() {
                assert!(said.contains(text), "{ended}: {said}{}", self.err());
            }
            said.lines()
                .find(|line| line.contains(text))
                .map(str::to_owned)
        })
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", name, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.ended();
    }

    fn ended(&mut self) -> ExitStatus {
        eventually("a program's end", || self.child.try_wait().unwrap())
    }

    /// Waits for the end and returns all that was said.
    pub(crate) fn end(mut self) -> Said {
        let code = self.ended().code();
        for listener in self.listeners.drain(..) {
            listener.join().unwrap();
        }
        Said {
            code,
            out: self.out(),
            err: self.err(),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Keeps whole lines as they come.
fn listen(stream: impl Read + Send + 'static, said: Arc<Mutex<String>>) -> JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n') {
            let Ok(line) = line else { return };
            let mut said = lock(&said);
            said.push_str(&String::from_utf8_lossy(&line));
            said.push('\n');
        }
    })
}

/// A folder of its own in which `switchhook` is run as its user would, with nothing of our
/// environment.
#[derive(Debug)]
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Returns the data folder that is the default.
    pub(crate) fn data(&self) -> PathBuf {
        self.path().join(".switchhook")
    }

    /// Writes a file that only its owner may read.
    pub(crate) fn write(&self, name: &str, text: &(impl AsRef<[u8]> + ?Sized)) {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn start(&self, args: &[&str]) -> Program {
        Program::start(self.command(built("switchhook")).args(args))
    }

    pub(crate) fn run(&self, args: &[&str]) -> Said {
        self.start(args).end()
    }

    /// Runs the command with these environment variables besides.
    pub(crate) fn run_with(&self, variables: &[(String, String)], args: &[&str]) -> Said {
        let mut command = self.command(built("switchhook"));
        Program::start(command.args(args).envs(variables.iter().cloned())).end()
    }

    /// Runs a line in a shell.
    pub(crate) fn shell(&self, line: &str) -> Said {
        Program::start(self.command("sh".into()).args(["-c", line])).end()
    }

    fn command(&self, program: PathBuf) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", search_path())
            .current_dir(self.path());
        command
    }

    /// Starts `switchhook local` on any free port.
    pub(crate) fn local(&self, args: &[&str]) -> Local {
        Self::started(self.start(&[&["local", "--port", "0"], args].concat()))
    }

    /// Does the same under a umask.
    pub(crate) fn local_under(&self, umask: &str) -> Local {
        let line = "umask \"$0\" && exec \"$1\" local --port 0";
        let mut shell = self.command("sh".into());
        shell.args(["-c", line, umask]).arg(built("switchhook"));
        Self::started(Program::start(&mut shell))
    }

    fn started(mut program: Program) -> Local {
        let line = program.line_with(" listens on http://127.0.0.1:");
        program.line_with("See what arrived");
        let (_, address) = line.split_once("http://").unwrap();
        Local {
            program,
            address: address.to_owned(),
        }
    }

    /// Returns all events, exact bytes included.
    pub(crate) fn events(&self) -> Vec<Value> {
        let said = self.run(&["events", "--json", "--raw", "--limit", "100000"]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
        said.json_lines()
    }

    /// Returns all events, as soon as there are so many.
    pub(crate) fn events_when(&self, count: usize) -> Vec<Value> {
        let events = eventually(&format!("{count} events"), || {
            Some(self.events()).filter(|events| events.len() >= count)
        });
        assert_eq!(events.len(), count, "{events:#?}");
        events
    }
}

#[expect(clippy::disallowed_methods, reason = "programs need to be found")]
pub(crate) fn search_path() -> String {
    std::env::var("PATH").unwrap()
}

/// `switchhook local` as it runs.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) program: Program,
    /// Host and port.
    pub(crate) address: String,
}

impl Local {
    /// Sends the bytes of a request and returns the answer to it.
    pub(crate) fn exchange(&self, request: &[u8]) -> Answer {
        exchange(&self.address, request)
    }

    /// Posts a body with these headers.
    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let length = body.len().to_string();
        let own = [("content-length", length.as_str())];
        self.exchange(&request("POST", path, &[headers, &own].concat(), body))
    }

    /// Asks for an end, sees it come properly and returns what was said.
    pub(crate) fn stop(self, signal: &str) -> Said {
        self.program.signal(signal);
        let said = self.program.end();
        assert_eq!(said.code, Some(0), "{}", said.err);
        said
    }
}

/// Writes a request as it goes over the wire, for one answer.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// An HTTP answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields
            .filter(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .next()
    }

    pub(crate) fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {} {text}", self.head))
    }
}

pub(crate) fn exchange(address: &str, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(HTTP_PATIENCE)).unwrap();
    stream.set_write_timeout(Some(HTTP_PATIENCE)).unwrap();
    // Whoever refuses a body need not read it to its end.
    let written = stream.write_all(request);
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    answer_of(&answer).unwrap_or_else(|| panic!("no answer: written {written:?}, read {read:?}"))
}

/// Reads the final answer of those in `bytes`.
fn answer_of(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let body = bytes[end + 4..].to_vec();
    if status == 100 {
        return answer_of(&body);
    }
    Some(Answer { status, head, body })
}
