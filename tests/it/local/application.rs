//! The user's own application: takes what is posted to it, and verifies it as Standard Webhooks says,
//! by another HMAC than the signer's.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use switchhook_aws::clock::SystemClock;
use switchhook_core::time::Clock;

use crate::programs::{Home, eventually, lock};

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Got {
    pub(super) line: String,
    pub(super) headers: HashMap<String, String>,
    pub(super) body: Vec<u8>,
    /// Whether another request was waiting for its answer when this one came.
    pub(super) while_others_wait: bool,
}

impl Got {
    pub(super) fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Verifies the request with the secret of a data folder.
    pub(super) fn verify(&self, home: &Home) {
        let secret = std::fs::read_to_string(home.data().join("forward-secret")).unwrap();
        let key = STANDARD
            .decode(secret.trim().strip_prefix("whsec_").unwrap())
            .unwrap();
        let timestamp = &self.headers["webhook-timestamp"];
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("{}.{timestamp}.", self.id()).as_bytes());
        mac.update(&self.body);
        let wanted = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(self.headers["webhook-signature"], wanted);
        let now = SystemClock.now().as_second();
        let skew = now - timestamp.parse::<i64>().unwrap();
        assert!((0..60).contains(&skew), "{skew}");
        assert_eq!(self.headers["content-type"], "application/json");
    }
}

/// What the application does with a request: it answers a status, or nothing at all.
type Answer = dyn Fn(&Got) -> Option<u16> + Send + Sync;

/// The application as it runs; it ends with its value.
pub(super) struct Application {
    pub(super) address: String,
    got: Arc<Mutex<Vec<Got>>>,
    ending: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl Application {
    /// Answers everything with 200.
    pub(super) fn start() -> Self {
        Self::answering("127.0.0.1:0", |_| Some(200))
    }

    pub(super) fn answering(
        address: &str,
        answer: impl Fn(&Got) -> Option<u16> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (got, ending) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let (all, end, answer) = (Arc::clone(&got), Arc::clone(&ending), Arc::new(answer));
        let waiting = Arc::new(AtomicUsize::new(0));
        let listener = thread::spawn(move || {
            for stream in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let (all, answer) = (Arc::clone(&all), Arc::clone(&answer));
                let waiting = Arc::clone(&waiting);
                thread::spawn(move || serve(stream.unwrap(), &all, &waiting, &*answer));
            }
        });
        Self {
            address,
            got,
            ending,
            listener: Some(listener),
        }
    }

    /// Returns where to post to; the path is a secret of the application.
    pub(super) fn url(&self) -> String {
        format!("http://{}/hooks/private-path?x=1", self.address)
    }

    pub(super) fn got(&self) -> Vec<Got> {
        lock(&self.got).clone()
    }

    /// Waits for so many requests and returns them.
    pub(super) fn got_when(&self, count: usize) -> Vec<Got> {
        eventually(&format!("{count} requests"), || {
            Some(self.got()).filter(|got| got.len() >= count)
        })
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(&self.address);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

fn serve(mut stream: TcpStream, all: &Mutex<Vec<Got>>, waiting: &AtomicUsize, answer: &Answer) {
    let Some(mut got) = read(&stream) else { return };
    got.while_others_wait = waiting.load(Ordering::SeqCst) > 0;
    let status = answer(&got);
    lock(all).push(got);
    match status {
        None => {
            waiting.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0]); // until the other side has enough
            waiting.fetch_sub(1, Ordering::SeqCst);
        }
        Some(status) => {
            let answer = format!(
                "HTTP/1.1 {status} Said\r\nlocation: /elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    }
}

fn read(stream: &TcpStream) -> Option<Got> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end() {
            "" if lines.is_empty() => return None,
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let headers: HashMap<_, _> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    reader.read_exact(&mut body).ok()?;
    Some(Got {
        line: lines[0].clone(),
        headers,
        body,
        while_others_wait: false,
    })
}
