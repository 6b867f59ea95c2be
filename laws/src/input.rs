//! What the bytes of an input mean: small choices first, then pieces, separated by a byte that no
//! text holds.

use switchhook_core::admission::{Admitted, admit};
use switchhook_core::body::MAX_INLINE_BYTES;
use switchhook_core::config::Sources;
use switchhook_core::ids::DeliveryId;
use switchhook_core::intake::{self, Ready};
use switchhook_core::providers;
use switchhook_core::request::Request;
use switchhook_core::time::Timestamp;
use uuid::Uuid;

/// Separates pieces: no UTF-8 text holds it.
pub(crate) const SEPARATOR: u8 = 0xff;

const TOKEN: &str = "a-token-of-22-characters-and-more";

/// The slugs of all providers, one that none has, and none.
pub(crate) const SLUGS: &[&str] = &[
    "",
    "contact",
    "contact-delete",
    "inbound",
    "status",
    "contact-created",
    "contact-modified",
    "contact-list-created",
    "contact-list-modified",
    "call-ended",
    "call-abandoned",
    "call-overflowed-to-voicemail",
    "call-disposition-saved",
    "call-disposition-modified",
    "call-recording-received",
    "message-received",
    "message-sent",
    "nobodys",
];

/// The content types that are told apart.
pub(crate) const CONTENT_TYPES: &[&str] = &[
    "application/json",
    "application/x-www-form-urlencoded",
    "text/plain; charset=utf-8",
    "multipart/form-data; boundary=x",
    "",
    "application/json; charset=utf-16",
    "application/json; charset=iso-8859-1",
    "application/x-www-form-urlencoded; charset=us-ascii",
];

/// The encodings that are told apart.
pub(crate) const ENCODINGS: &[&str] = &["", "gzip", "identity", "br", "deflate", "utf-8, gzip"];

/// Times that senders tell: of every age, and around [`now`] as far as clocks are off.
pub(crate) const TIMES: &[&str] = &[
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "1970-01-01T00:00:00Z",
    "1999-12-31T23:59:59.999999Z",
    "2000-01-01T00:00:00Z",
    "2026-01-01T00:00:00Z",
    "2026-03-03T17:06:07Z",
    "2026-03-04T00:06:07-05:00",
    "2026-03-04T05:06:06.999999999Z",
    "2026-03-04T05:06:07Z",
    "2026-03-04T05:06:07.0000001Z",
    "2026-03-04T05:06:08Z",
    "2026-03-04T05:11:07Z",
    "2026-03-04T05:11:07.001Z",
    "2026-03-04T06:06:07Z",
    "2026-03-04T17:06:07Z",
    "2026-03-04T05:06:07-12:00",
    "2038-01-19T03:14:07Z",
    "9999-12-30T00:00:00Z",
    "9999-12-31T23:59:59Z",
];

/// How many seconds after [`now`] things are accepted.
pub(crate) const ACCEPTED_AFTER: &[i64] = &[0, 1, 2, 60, 299, 300, 301, 599, 3_600, 7_199, 43_200];

/// Makes more of a body than a message carries, or leaves it as it is, by a byte: its low half says
/// what is added, its high half up to which length. An input of a few bytes so reaches every form in
/// which bodies travel.
pub(crate) fn grown(how: u8, body: &[u8]) -> Vec<u8> {
    let length = match usize::from(how >> 4) {
        0 => MAX_INLINE_BYTES + 1,
        1 => MAX_INLINE_BYTES,
        more => MAX_INLINE_BYTES + (more * 4_999),
    };
    let lacks = length.saturating_sub(body.len());
    let mut grown = body.to_vec();
    match how & 15 {
        1 => grown.extend(body.iter().chain(b"x").cycle().take(lacks)),
        2 => grown.extend(noise(body).take(lacks)),
        3 => grown.resize(body.len() + lacks, b' '),
        // A field more, where the body begins like an object or a list of them.
        4 => {
            let begin = body.iter().position(|byte| *byte == b'{');
            let begin = begin.map_or(0, |place| place + 1);
            let letters = noise(body).map(|byte| b'A' + byte % 26);
            let field = br#""noise":""#.iter().copied().chain(letters.take(lacks * 2));
            grown.splice(begin..begin, field.chain(*br#"","#));
        }
        _ => {}
    }
    grown
}

/// Puts other times in the place of those of a body, by a byte: nothing, or the times from one of
/// [`TIMES`] on.
pub(crate) fn timed(which: u8, body: &[u8]) -> Vec<u8> {
    let Some(first) = usize::from(which).checked_sub(1) else {
        return body.to_vec();
    };
    let mut timed = Vec::with_capacity(body.len());
    let (mut rest, mut number) = (body, first);
    while let Some((byte, after)) = rest.split_first() {
        if begins_like_a_time(rest) {
            let is_end = |byte: &u8| [b'"', b'&', SEPARATOR].contains(byte);
            let length = rest.iter().position(is_end).unwrap_or(rest.len());
            timed.extend(TIMES[number % TIMES.len()].as_bytes());
            (rest, number) = (&rest[length..], number + 1);
        } else {
            timed.push(*byte);
            rest = after;
        }
    }
    timed
}

fn begins_like_a_time(text: &[u8]) -> bool {
    const SHAPE: &[u8] = b"0000-00-00T";
    let is_alike = |(byte, shape): (&u8, &u8)| match shape {
        b'0' => byte.is_ascii_digit(),
        shape => byte == shape,
    };
    text.len() >= SHAPE.len() && text.iter().zip(SHAPE).all(is_alike)
}

/// Bytes without end that no compression makes fewer, the same for the same body.
fn noise(body: &[u8]) -> impl Iterator<Item = u8> {
    const FACTOR: u64 = 6_364_136_223_846_793_005;
    let next = |state: u64, byte: u8| state.wrapping_mul(FACTOR).wrapping_add(1 + u64::from(byte));
    let mut state = body.iter().fold(0, |state, byte| next(state, *byte));
    std::iter::repeat_with(move || {
        state = next(state, 0);
        state.to_be_bytes()[0]
    })
}

/// Cuts an input.
#[derive(Debug)]
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) const fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    pub(crate) fn number(&mut self) -> usize {
        usize::from(self.byte()) << 8 | usize::from(self.byte())
    }

    /// Picks one of a list.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::from(self.byte()) % from.len()]
    }

    /// Takes what stands before the next separator.
    pub(crate) fn piece(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| *byte == SEPARATOR);
        let end = end.unwrap_or(self.0.len());
        let (piece, rest) = self.0.split_at(end);
        self.0 = rest.get(1..).unwrap_or_default();
        piece
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) const fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// A document with two sources of every provider, open to whoever has their token.
pub(crate) fn open_sources() -> Sources {
    let names = providers::ALL.iter().map(|provider| provider.name());
    let table = |provider: &str, name: &str| {
        let unsigned = match providers::find(provider).and_then(|found| found.scheme()) {
            Some(_) => "unsigned = true\n",
            None => "",
        };
        format!("[sources.{name}]\nprovider = \"{provider}\"\n{unsigned}tokens = [\"{TOKEN}\"]\n")
    };
    let tables = names.map(|name| table(name, name) + &table(name, &format!("{name}-two")));
    Sources::from_toml(&tables.collect::<String>()).expect("a right document")
}

/// Who sends what, and how it is told.
#[derive(Clone, Debug)]
pub(crate) struct Told<'a> {
    pub(crate) source: &'a str,
    pub(crate) slug: &'a str,
    pub(crate) content_type: &'a str,
    pub(crate) encoding: &'a str,
    pub(crate) body: Vec<u8>,
}

impl Told<'_> {
    pub(crate) fn request(&self) -> Request {
        let slug = match self.slug {
            "" => String::new(),
            slug => format!("/{slug}"),
        };
        let headers = [
            ("content-type", self.content_type),
            ("content-encoding", self.encoding),
        ];
        let mut headers: Vec<_> = headers
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        headers.push(("webhook-id".to_owned(), "msg_1".to_owned()));
        Request {
            method: "POST".to_owned(),
            path: format!("/webhooks/{}/{TOKEN}{slug}", self.source),
            headers: headers.into_iter().collect(),
            body: self.body.clone().into(),
            peer: None,
        }
    }
}

/// The time at which everything is accepted.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_772_600_767).expect("in range")
}

pub(crate) fn delivery_id(number: u128) -> DeliveryId {
    DeliveryId::new(Uuid::from_u128(number))
}

/// Lets a request in and makes its events: an authentic delivery is never refused for what it says.
pub(crate) fn events(sources: &Sources, request: &Request, number: u128) -> Vec<Ready> {
    let admitted: Admitted<'_> = admit(sources, request, now()).expect("authentic");
    let events = intake::events(&admitted, delivery_id(number), now());
    assert!(
        (1..=1_000).contains(&events.len()),
        "{} events",
        events.len()
    );
    events
}
