//! Bodies that are small on the wire and large, or slow, for a reader without bounds.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

pub(crate) const MIB: usize = 1 << 20;

/// The largest body that fits into an event of Lambda (6 MB) as base64.
pub(crate) const LARGEST: usize = 4_400_000;

/// A body of about so many bytes, before it is compressed.
pub(crate) type Grow = fn(usize) -> Vec<u8>;

/// One kind of hostile body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bomb {
    pub(crate) name: &'static str,
    /// The sources that it is sent to.
    pub(crate) sources: &'static [&'static str],
    pub(crate) content_type: &'static str,
    /// The content encoding, which is done here; `x-gzi` is gzip that is done already.
    pub(crate) encoding: &'static str,
    pub(crate) grow: Grow,
    pub(crate) size: usize,
}

impl Bomb {
    /// Returns the body of this size as it is sent.
    pub(crate) fn body(&self, size: usize) -> Vec<u8> {
        self.sent((self.grow)(size))
    }

    /// Returns a body as it is sent.
    pub(crate) fn sent(&self, body: Vec<u8>) -> Vec<u8> {
        let times = self.encoding.matches("gzip").count();
        (0..times).fold(body, |body, _| gzip(&body))
    }
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const LATIN1: &str = "application/json; charset=windows-1252";
const UTF16: &str = "application/json; charset=utf-16";
const MULTIPART: &str = "multipart/form-data; boundary=x";

const EACH: &[&str] = &["any", "desk/call-ended", "sms", "texts", "voice"];
const BOTH: &[&str] = &["sms", "voice"];
const SMS: &[&str] = &["sms"];
/// As many names as a kept header holds, none of which is true.
const CODINGS: &str = "br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br,br";
const VOICE: &[&str] = &["voice"];
const LISTS: &[&str] = &["texts/status"];
const DESK: &[&str] = &["desk/call-ended"];
const LISTED: &[&str] = &["desk/call-ended", "desk/call-recording-received"];

const fn bomb(
    name: &'static str,
    sources: &'static [&'static str],
    (content_type, encoding): (&'static str, &'static str),
    size: usize,
    grow: Grow,
) -> Bomb {
    Bomb {
        name,
        sources,
        content_type,
        encoding,
        grow,
        size,
    }
}

fn lines(size: usize) -> Vec<u8> {
    let part = |name: &str| format!("--X\nContent-Disposition: form-data; name=\"{name}\"\n\n");
    let head = format!("{}hash-0001\n{}", part("eventHash"), part("a"));
    [head.as_bytes(), &vec![b'\n'; size], b"--X--"].concat()
}

fn pairs(size: usize) -> Vec<u8> {
    let pairs = b"a=1&".repeat(size / 4 + 1);
    [pairs.as_slice(), b"eventHash=hash-0001"].concat()
}

/// Every kind.
pub(crate) const ALL: &[Bomb] = &[
    bomb("lines of a part", SMS, (MULTIPART, "gzip"), 9 * MIB, lines),
    bomb("pairs of a form", SMS, (FORM, "gzip"), 9 * MIB, pairs),
    bomb(
        "names of codings",
        VOICE,
        (JSON, CODINGS),
        4 * MIB,
        transcript,
    ),
    bomb("plain call, little", EACH, (JSON, ""), 300, transcript),
    bomb("hour of words", VOICE, (JSON, ""), 4 * MIB, transcript),
    bomb("many-key JSON", EACH, (JSON, ""), MIB, many_keys),
    bomb(
        "many-key JSON, large",
        VOICE,
        (JSON, ""),
        LARGEST,
        many_keys,
    ),
    bomb("many-key JSON, deeper", BOTH, (JSON, ""), MIB, many_inner),
    bomb("one key often", VOICE, (JSON, ""), LARGEST, one_key),
    bomb(
        "as many keys as are read",
        EACH,
        (JSON, ""),
        80_000,
        many_keys,
    ),
    bomb("large fields", VOICE, (JSON, ""), LARGEST, large_fields),
    bomb(
        "many-key JSON in gzip",
        BOTH,
        (JSON, "gzip"),
        7 * MIB,
        same_keys,
    ),
    bomb("blanks in gzip", VOICE, (JSON, "gzip"), 16 * MIB, blanks),
    bomb(
        "long text in gzip",
        BOTH,
        (JSON, "gzip"),
        7 * MIB,
        long_text,
    ),
    bomb(
        "large fields in gzip",
        BOTH,
        (JSON, "gzip"),
        7 * MIB,
        large_fields,
    ),
    bomb(
        "gzip four times",
        BOTH,
        (JSON, "gzip,gzip,gzip,gzip"),
        64 * MIB,
        blanks,
    ),
    bomb("many gzip members", BOTH, (JSON, "x-gzi"), MIB, members),
    bomb(
        "large gzip members",
        BOTH,
        (JSON, "x-gzi"),
        64 << 10,
        large_members,
    ),
    bomb("deep nesting", DESK, (JSON, ""), LARGEST, deep),
    bomb(
        "nesting as deep as is read",
        DESK,
        (JSON, ""),
        LARGEST,
        deep_text,
    ),
    bomb("200,000 digits", EACH, (JSON, ""), 200_000, digits),
    bomb("long number", VOICE, (JSON, ""), LARGEST / 2, digits),
    bomb(
        "list of large elements",
        LISTS,
        (JSON, ""),
        LARGEST,
        elements,
    ),
    bomb(
        "list of large elements in gzip",
        LISTS,
        (JSON, "gzip"),
        7 * MIB,
        elements,
    ),
    bomb("list of small elements", LISTS, (JSON, ""), MIB, zeros),
    bomb("list in a field", LISTED, (JSON, ""), MIB, inner_list),
    bomb(
        "list in a field in gzip",
        LISTED,
        (JSON, "gzip"),
        7 * MIB,
        inner_list,
    ),
    bomb("nested data", VOICE, (JSON, ""), MIB, nested),
    bomb(
        "nested data in gzip",
        VOICE,
        (JSON, "gzip"),
        7 * MIB,
        nested,
    ),
    bomb(
        "agents of many fields",
        DESK,
        (JSON, "gzip"),
        7 * MIB,
        agents,
    ),
    bomb("escapes", VOICE, (JSON, ""), LARGEST, escapes),
    bomb(
        "half pairs in gzip",
        VOICE,
        (JSON, "gzip"),
        7 * MIB,
        half_pairs,
    ),
    bomb(
        "long name in gzip",
        VOICE,
        (JSON, "gzip"),
        7 * MIB,
        long_name,
    ),
    bomb("windows-1252", VOICE, (LATIN1, ""), MIB, euros),
    bomb(
        "windows-1252 in gzip",
        VOICE,
        (LATIN1, "gzip"),
        7 * MIB,
        euros,
    ),
    bomb("UTF-16 in gzip", VOICE, (UTF16, "gzip"), 7 * MIB, utf16),
    bomb("many-field form", BOTH, (FORM, ""), MIB, many_fields),
    bomb(
        "many-field form in gzip",
        VOICE,
        (FORM, "gzip"),
        7 * MIB,
        many_fields,
    ),
    bomb("form of one name", VOICE, (FORM, ""), MIB, same_fields),
    bomb(
        "form of control characters",
        VOICE,
        (FORM, "gzip"),
        7 * MIB,
        controls,
    ),
    bomb("form of escapes", VOICE, (FORM, ""), LARGEST, form_escapes),
    bomb(
        "many-part form",
        VOICE,
        (MULTIPART, ""),
        LARGEST,
        many_parts,
    ),
    bomb(
        "part of many headers",
        VOICE,
        (MULTIPART, ""),
        LARGEST,
        many_headers,
    ),
    bomb(
        "parts of base64",
        VOICE,
        (MULTIPART, ""),
        LARGEST,
        base64_parts,
    ),
    bomb("no text", VOICE, (JSON, ""), LARGEST, noise),
];

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The beginning of a body that every provider knows an event in.
const BEGIN: &str = concat!(
    r#"{"event":"call.ended","eventType":"contact.unsubscribed","eventHash":"hash-0001","#,
    r#""type":"receive","_id":"a1","sender":"+61400000123","receiver":"+61400000124","message":"hello","#,
    r#""timestamp":"2026-03-04T05:06:07Z","id":77,"duration":5,"#,
);

/// A body whose `data` has these members beside those that are needed.
fn with_data(members: &str) -> Vec<u8> {
    [
        BEGIN,
        r#""data":{"call_id":"c1","To":"+15550100003","#,
        members,
        r#""z":0}}"#,
    ]
    .concat()
    .into_bytes()
}

fn with(members: &str) -> Vec<u8> {
    [
        BEGIN,
        members,
        r#""data":{"call_id":"c1","To":"+15550100003"}}"#,
    ]
    .concat()
    .into_bytes()
}

fn many(size: usize, each: impl Fn(usize) -> String) -> String {
    let mut text = String::with_capacity(size + 64);
    let mut number = 0;
    while text.len() < size {
        text.push_str(&each(number));
        number += 1;
    }
    text
}

fn transcript(size: usize) -> Vec<u8> {
    let word = |n| format!(r#"{{"w":"word","s":{n},"e":{n}.5,"c":0.9,"p":"A"}},"#);
    let words = many(size, word);
    with_data(&format!(r#""words":[{}],"#, words.trim_end_matches(',')))
}

fn many_keys(size: usize) -> Vec<u8> {
    with(&many(size, |n| format!(r#""a{n}":0,"#)))
}

fn many_inner(size: usize) -> Vec<u8> {
    with_data(&many(size, |n| format!(r#""a{n}":0,"#)))
}

fn one_key(size: usize) -> Vec<u8> {
    with(&r#""":0,"#.repeat(size / 5))
}

/// Compresses a thousandfold, and has many names.
fn same_keys(size: usize) -> Vec<u8> {
    with(&many(size, |n| format!(r#""{n:06}":0,"#)))
}

fn blanks(size: usize) -> Vec<u8> {
    with(&" ".repeat(size))
}

fn long_text(size: usize) -> Vec<u8> {
    let text = "x".repeat(size / 2);
    [with_data(&format!(
        r#""transcript":"{text}","notes":"{text}","#
    ))]
    .concat()
}

fn large_fields(size: usize) -> Vec<u8> {
    let text = "x".repeat(40_000);
    with_data(&many(size, |n| format!(r#""f{n}":"{text}","#)))
}

fn members(size: usize) -> Vec<u8> {
    let empty = gzip(b"");
    let mut body = gzip(&transcript(300));
    body.extend(empty.repeat(size / empty.len()));
    body
}

fn large_members(size: usize) -> Vec<u8> {
    let one = gzip(&vec![b' '; MIB]);
    let mut body = gzip(&transcript(300));
    body.extend(one.repeat(size / one.len()));
    body
}

fn deep(size: usize) -> Vec<u8> {
    let half = size / 2;
    with_data(&format!(r#""a":{}{},"#, "[".repeat(half), "]".repeat(half)))
}

fn deep_text(size: usize) -> Vec<u8> {
    let (open, close) = (r#"{"a":"#.repeat(115), "}".repeat(115));
    with_data(&format!(r#""a":{open}"{}"{close},"#, "x".repeat(size)))
}

fn digits(size: usize) -> Vec<u8> {
    let number = "7".repeat(size);
    with_data(&format!(r#""duration":{number},"price":{number},"#))
}

fn elements(size: usize) -> Vec<u8> {
    let text = "x".repeat(size / 1_000);
    let element = |n| {
        format!(
            r#"{{"message_id":"m{n}","status":"sent","recipient":"+61400000{n:03}","note":"{text}"}}"#
        )
    };
    let all: Vec<_> = (0..1_000).map(element).collect();
    format!("[{}]", all.join(",")).into_bytes()
}

fn zeros(size: usize) -> Vec<u8> {
    format!("[0{}]", ",0".repeat(size / 2)).into_bytes()
}

fn inner_list(size: usize) -> Vec<u8> {
    let half = "0,".repeat(size / 8);
    let list = format!("[{half}0]");
    with(&format!(
        r#""call_recordings":{list},"agents":{list},"external_numbers":{list},"tags":{list},"#
    ))
}

fn agents(size: usize) -> Vec<u8> {
    let fields = many(size / 100, |n| format!(r#""{}":0,"#, n % 10_000));
    let agent = format!(r#"{{{fields}"name":"Ann"}}"#);
    with(&format!(r#""agents":[{}],"#, vec![agent; 100].join(",")))
}

fn nested(size: usize) -> Vec<u8> {
    let list = many(size, |n| format!(r#"{{"{}":[0]}},"#, n % 10));
    let body = String::from_utf8(with_data(&format!(r#""a":[{list}0],"#))).unwrap();
    body.replacen("call.ended", "call.transferred", 1)
        .into_bytes()
}

fn escapes(size: usize) -> Vec<u8> {
    let text = r"\u00e9\n\ud83d\ude00".repeat(size / 20);
    with_data(&format!(r#""transcript":"{text}","#))
}

fn half_pairs(size: usize) -> Vec<u8> {
    with_data(&format!(
        r#""transcript":"{}","#,
        r"\ud83d".repeat(size / 6)
    ))
}

fn long_name(size: usize) -> Vec<u8> {
    with_data(&format!(r#""\n{}":0,"#, "x".repeat(size)))
}

fn euros(size: usize) -> Vec<u8> {
    let mut body = with_data("");
    let text = [&br#""transcript":""#[..], &vec![0x80; size], b"\","].concat();
    let place = body.len() - r#""z":0}}"#.len();
    body.splice(place..place, text);
    body
}

fn utf16(size: usize) -> Vec<u8> {
    let text = "\u{4e00}".repeat(size / 2);
    let json = with_data(&format!(r#""transcript":"{text}","#));
    let json = String::from_utf8(json).unwrap();
    json.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn many_fields(size: usize) -> Vec<u8> {
    let fields = many(size, |n| format!("a{n}=&"));
    format!("{fields}eventHash=hash-0001").into_bytes()
}

fn same_fields(size: usize) -> Vec<u8> {
    "a=b&".repeat(size / 4).into_bytes()
}

fn controls(size: usize) -> Vec<u8> {
    [b"a=".to_vec(), vec![1; size]].concat()
}

fn form_escapes(size: usize) -> Vec<u8> {
    format!("a={}", "%01".repeat(size / 3)).into_bytes()
}

const PART: &str = "--x\r\nContent-Disposition: form-data; name=";

fn many_parts(size: usize) -> Vec<u8> {
    let parts = many(size, |n| format!("{PART}a{n}\r\n\r\n1\r\n"));
    (parts + "--x--\r\n").into_bytes()
}

fn many_headers(size: usize) -> Vec<u8> {
    format!("{PART}a\r\n{}\r\n1\r\n--x--\r\n", "a:\n".repeat(size / 3)).into_bytes()
}

fn base64_parts(size: usize) -> Vec<u8> {
    let content = "AQEB".repeat(size / 40);
    let part = |n| format!("{PART}a{n}\r\nContent-Transfer-Encoding: base64\r\n\r\n{content}\r\n");
    ((0..10).map(part).collect::<String>() + "--x--\r\n").into_bytes()
}

fn noise(size: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(size).collect()
}
