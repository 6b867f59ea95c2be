//! Inputs to begin with, made of the known-answer cases of `events/`.

use switchhook_core::config::Sources;
use switchhook_core::providers;
use switchhook_testing::{Case, cases};

use crate::input::{CONTENT_TYPES, ENCODINGS, SEPARATOR, SLUGS, TIMES};

/// The longest seed: larger ones make a fuzzer slow and show it nothing.
const MAX_BYTES: usize = 8 << 10;
/// The body of one case in so many grows.
const EACH: usize = 40;

/// Returns the inputs to begin a law's fuzzing with, in a fixed order.
///
/// # Panics
///
/// When the cases cannot be read.
#[must_use]
pub fn seeds(law: &str) -> Vec<Vec<u8>> {
    let cases = cases();
    let mut seeds: Vec<_> = match law {
        "bytes" => cases.iter().enumerate().flat_map(of_bytes).collect(),
        "configuration" => cases.iter().flat_map(of_configuration).collect(),
        "delivery" => cases.iter().enumerate().flat_map(of_delivery).collect(),
        "order" => orders(&cases),
        "words" => words(),
        "request" => cases.iter().flat_map(of_request).collect(),
        "verification" => cases.iter().enumerate().map(of_verification).collect(),
        _ => Vec::new(),
    };
    seeds.retain(|seed| seed.len() <= MAX_BYTES);
    seeds.sort();
    seeds.dedup();
    seeds
}

fn place(of: &str, among: &[&str]) -> u8 {
    let place = among.iter().position(|one| *one == of);
    u8::try_from(place.unwrap_or_default()).expect("short lists")
}

fn header<'a>(case: &'a Case, name: &str) -> &'a str {
    let headers = &case.request.headers;
    let found = headers
        .iter()
        .find(|(own, _)| own.eq_ignore_ascii_case(name));
    found.map_or("", |(_, value)| value)
}

/// Returns the place of the case's provider, and of its slug.
fn sender(case: &Case) -> Option<(u8, u8)> {
    let sources = Sources::from_toml(&case.sources).ok()?;
    let path = case.request.path.strip_prefix("/webhooks/")?;
    let source = sources.get(path.split('/').next()?)?;
    let names: Vec<_> = providers::ALL
        .iter()
        .map(|provider| provider.name())
        .collect();
    let last = path.rsplit('/').next().unwrap_or_default();
    Some((place(source.provider.name(), &names), place(last, SLUGS)))
}

/// What a case's body grows to: nothing, and for some of them everything in turn.
fn growths(number: usize) -> impl Iterator<Item = u8> {
    let high = u8::try_from((number / EACH) % 16).expect("below 16") << 4;
    let low = if number.is_multiple_of(EACH) {
        0..=4
    } else {
        0..=0
    };
    low.map(move |low| high | low)
}

fn of_bytes((number, case): (usize, &Case)) -> Vec<Vec<u8>> {
    let seed = |how| [&[how][..], &case.body].concat();
    growths(number).map(seed).collect()
}

fn of_delivery((number, case): (usize, &Case)) -> Vec<Vec<u8>> {
    let Some((provider, slug)) = sender(case) else {
        return Vec::new();
    };
    let content_type = place(header(case, "content-type"), CONTENT_TYPES);
    let encoding = place(header(case, "content-encoding"), ENCODINGS);
    let head = [provider, slug, content_type, encoding];
    let seed = |how| [&head[..], &[how], &case.body].concat();
    growths(number).map(seed).collect()
}

/// Puts the cases of a provider together by threes, each with other times; and each case with itself, told
/// with other bytes and sent later.
fn orders(cases: &[Case]) -> Vec<Vec<u8>> {
    let parts = cases.iter().enumerate().filter_map(|(number, case)| {
        let (provider, slug) = sender(case)?;
        let content_type = place(header(case, "content-type"), CONTENT_TYPES);
        let times = u8::try_from(number % (TIMES.len() + 1)).expect("a short list");
        let accepted = u8::try_from(number % 3).expect("below three");
        Some((
            provider,
            [&[slug, content_type, accepted, times][..], &case.body].concat(),
        ))
    });
    let parts: Vec<_> = parts.filter(|(_, part)| part.len() < 2_000).collect();
    let together = parts.windows(3).filter(|some| some[0].0 == some[2].0);
    let together = together.map(|some| {
        let bodies: Vec<_> = some.iter().map(|(_, part)| part.clone()).collect();
        [&[some[0].0][..], &bodies.join(&SEPARATOR)].concat()
    });
    let again = parts.iter().filter_map(|(provider, part)| {
        let begin = part.iter().position(|byte| *byte == b'{')? + 1;
        let other = |number: u8| {
            let mut other = part.clone();
            other[2] = number;
            let attempt = format!(r#""attempt":{number},"#);
            other.splice(begin..begin, attempt.bytes());
            other
        };
        let later = |number: u8| {
            let mut later = part.clone();
            later[2] = number;
            later
        };
        let changed = [part.clone(), other(1), other(2)];
        let same = [part.clone(), later(3), later(4)];
        Some([changed, same].map(|texts| [&[*provider][..], &texts.join(&SEPARATOR)].concat()))
    });
    together.chain(again.flatten()).collect()
}

/// Three words of one source in every way, the first of them sent again at the end or not; and any
/// words.
fn words() -> Vec<Vec<u8>> {
    let three = (0..=u8::MAX).flat_map(|what| {
        let (words, source, shape) = (what & 7, what & 8, what & 0x30);
        let word = |place: u8| shape | source >> 2 | words >> place & 1;
        let pause = what >> 6 & 3;
        let said = [0, 1, 2].map(|place| [word(place), 0, 1 + pause, 0]);
        let retry = [0, 0, 2, what >> 7 | 2];
        [said.concat(), [said.concat(), retry.to_vec()].concat()]
    });
    let any = (0..=u8::MAX).map(|seed| {
        let byte = |place: u8| seed.wrapping_mul(37).wrapping_mul(place) ^ place.wrapping_mul(11);
        (1..=20).map(byte).collect()
    });
    three.chain(any).collect()
}

/// A document, and what is left of it without each of its lines.
fn of_configuration(case: &Case) -> Vec<Vec<u8>> {
    let lines: Vec<_> = case.sources.lines().collect();
    let without = |place: usize| {
        let others = lines.iter().enumerate().filter(|(line, _)| *line != place);
        others
            .map(|(_, line)| format!("{line}\n"))
            .collect::<String>()
    };
    let all = (0..=lines.len()).map(without);
    all.map(String::into_bytes).collect()
}

/// The case as API Gateway's event, and as the pieces of a request, sent to the law's own source of
/// its provider.
fn of_request(case: &Case) -> Vec<Vec<u8>> {
    let Some((provider, _)) = sender(case) else {
        return Vec::new();
    };
    let mut path: Vec<_> = case.request.path.split('/').collect();
    path[2] = ["a", "b", "c", "d", "e"][usize::from(provider)];
    let mut request = case.request.clone();
    request.path = path.join("/");
    let event = request.gateway_event(&case.body, "request");
    let mut pieces = vec![
        request.method.as_bytes(),
        request.path.as_bytes(),
        &case.body,
    ];
    for (name, value) in &request.headers {
        pieces.extend([name.as_bytes(), value.as_bytes()]);
    }
    vec![event.get().as_bytes().to_vec(), pieces.join(&SEPARATOR)]
}

/// Each case changes another bit.
fn of_verification((number, case): (usize, &Case)) -> Vec<u8> {
    let scheme = u8::try_from(number % 5).expect("below five");
    let bit = u16::try_from(number * 53 % 2_048)
        .expect("small")
        .to_be_bytes();
    [
        &[scheme],
        &bit[..],
        b"example-secret",
        &[SEPARATOR],
        &case.body,
    ]
    .concat()
}
