//! Who is to be left alone: what the words of a story come to, worked out anew.

use std::collections::BTreeMap;

use switchhook_core::config::OptInScope;
use switchhook_core::dedup::Window;
use switchhook_core::states::{OptOut, Word};

use super::{believed, times};
use crate::scenario::{Config, SHARED, Says, at};
use crate::world::World;

/// An own and an accepted time.
type Clocks = (i64, i64);

/// A word that was said.
#[derive(Clone, Copy)]
struct Spoken {
    source: &'static str,
    entity: u8,
    says: Says,
    at: Clocks,
}

/// The latest times of both words of one source.
#[derive(Clone, Copy, Default)]
struct Latest {
    stop: Option<Clocks>,
    start: Option<Clocks>,
}

fn later(one: Option<Clocks>, other: Option<Clocks>) -> Option<Clocks> {
    match (one, other) {
        (Some(one), Some(other)) => Some((one.0.max(other.0), one.1.max(other.1))),
        (one, other) => one.or(other),
    }
}

fn is_behind(start: Clocks, stop: Clocks) -> bool {
    start.0 > stop.0 && start.1 > stop.1
}

impl Latest {
    fn of(words: impl Iterator<Item = Spoken>) -> Self {
        words.fold(Self::default(), |mut latest, spoken| {
            let place = match spoken.says.word {
                Word::Stop => &mut latest.stop,
                Word::Start => &mut latest.start,
            };
            *place = later(*place, Some(spoken.at));
            latest
        })
    }

    fn stands(self) -> bool {
        let start = self.start;
        self.stop
            .is_some_and(|stop| !start.is_some_and(|start| is_behind(start, stop)))
    }
}

fn spoken(world: &World, config: &Config, id: u8, at: Clocks) -> Option<Spoken> {
    let event = config.event(world.event_of(id));
    Some(Spoken {
        source: event.source,
        entity: event.entity,
        says: event.says?,
        at,
    })
}

/// Returns the words of recorded events, and of duplicates that may be words of their own.
fn recorded(world: &World, config: &Config) -> Vec<Spoken> {
    let commits = world.known.commits.iter();
    let first = commits.map(|commit| (commit.delivery, times(world, commit.delivery)));
    let duplicates = world.known.duplicates.iter();
    let own = duplicates.filter(|(id, of)| is_own_word(world, config, *id, *of));
    let all = first.chain(own.map(|(id, _)| (*id, times(world, *id))));
    all.filter_map(|(id, at)| spoken(world, config, id, at))
        .collect()
}

/// Tells whether a duplicate may be said again, as far as its bytes tell: it is a STOP, and neither
/// an id nor a time is the same.
fn is_own_word(world: &World, config: &Config, id: u8, of: u8) -> bool {
    let event = config.event(world.event_of(id));
    let is_stop = event.says.is_some_and(|says| says.word == Word::Stop);
    let own = believed(world, id);
    let has_same_time = own.is_some() && own == believed(world, of);
    is_stop && event.window != Window::Record && !has_same_time
}

/// Returns each selection of the words of dead letters: a state may be ahead by any of them.
fn ahead(world: &World, config: &Config) -> Vec<Vec<Spoken>> {
    let letters = world.letters.iter().map(|letter| letter.delivery);
    let were_dead = world.known.were_dead.iter().copied();
    let were_dead = were_dead.filter(|_| config.scenario.is_overtaken);
    letters
        .chain(were_dead)
        .fold(vec![vec![]], |selections, id| {
            let Some(word) = spoken(world, config, id, times(world, id)) else {
                return selections;
            };
            let with = |words: &Vec<Spoken>| [words.clone(), vec![word]].concat();
            let with: Vec<_> = selections.iter().map(with).collect();
            [selections, with].concat()
        })
}

fn is_any(world: &World, config: &Config, is_it: impl Fn(&[Spoken]) -> bool) -> bool {
    let recorded = recorded(world, config);
    let mut selections = ahead(world, config).into_iter();
    selections.any(|more| is_it(&[recorded.clone(), more].concat()))
}

/// Tells whether an entity's own state says what was said about it.
pub(super) fn is_own(world: &World, config: &Config, entity: u8, held: Option<bool>) -> bool {
    is_any(world, config, |words| {
        let words = words
            .iter()
            .copied()
            .filter(|spoken| spoken.entity == entity);
        let latest = Latest::of(words);
        let was_said = latest.stop.is_some() || latest.start.is_some();
        held == was_said.then(|| latest.stands())
    })
}

/// Tells whether the item that all share says what was said through each source.
pub(super) fn is_list(world: &World, config: &Config, list: &OptOut) -> bool {
    let view = list.view();
    let shown = view.sources.iter();
    let shown: BTreeMap<_, _> = shown
        .map(|of| (of.source.as_str(), (of.opted_out, of.at)))
        .collect();
    is_any(world, config, |words| {
        let stack = words
            .iter()
            .copied()
            .filter(|spoken| is_of_stack(spoken.says));
        let stack = Latest::of(stack).start;
        let sources = words.iter().map(|spoken| spoken.source);
        let expected = sources.map(|source| {
            let words = words
                .iter()
                .copied()
                .filter(|spoken| spoken.source == source);
            let own = Latest::of(words);
            let latest = Latest {
                start: later(own.start, stack),
                ..own
            };
            let stop = latest.stop.filter(|_| latest.stands());
            let since = stop.or(own.start).or(stack).expect("it is said");
            (source, (stop.is_some(), at(since.0)))
        });
        let expected: BTreeMap<_, _> = expected.collect();
        let opted_out = expected.values().any(|(opted_out, _)| *opted_out);
        expected == shown && opted_out == view.opted_out
    })
}

fn is_of_stack(says: Says) -> bool {
    says.word == Word::Start && says.scope == OptInScope::Stack
}

/// Returns the words that people said, in the order in which they were accepted: what was sent again
/// is no word.
fn said(world: &World, config: &Config) -> Vec<Spoken> {
    let mut enqueued: Vec<_> = world
        .known
        .enqueued
        .iter()
        .map(|(id, seq)| (*seq, *id))
        .collect();
    enqueued.sort_unstable();
    let ids = enqueued.into_iter().map(|(_, id)| id);
    let words = ids.filter(|id| !world.delivery(*id).is_retry);
    words
        .filter_map(|id| spoken(world, config, id, times(world, id)))
        .collect()
}

/// Returns whether the person is on the list; nothing where nobody asks, or not all is recorded.
fn listed(world: &World, config: &Config) -> Option<bool> {
    if !config.scenario.has_words() || !world.letters.is_empty() {
        return None;
    }
    let shared = world.ledger.states.get(&SHARED);
    Some(shared.is_some_and(|shared| shared.content.list.view().opted_out))
}

/// The last word that counts for a source, by its accepted order or by its own time, is STOP.
pub(super) fn is_left_alone(world: &World, config: &Config) -> bool {
    let Some(listed) = listed(world, config) else {
        return true;
    };
    let words = said(world, config);
    let is_last = |stop: &Spoken| {
        let counts = |word: &&Spoken| word.source == stop.source || is_of_stack(word.says);
        let last = words.iter().rfind(counts);
        let mut starts = words.iter().filter(counts);
        last.is_some_and(|last| last.says.word == Word::Stop)
            || starts.all(|word| word.says.word == Word::Stop || word.at.0 <= stop.at.0)
    };
    let mut stops = words.iter().filter(|word| word.says.word == Word::Stop);
    listed || !stops.any(is_last)
}

pub(super) fn is_free(world: &World, config: &Config) -> bool {
    let Some(listed) = listed(world, config) else {
        return true;
    };
    let words = said(world, config);
    let is_lifted = |stop: &Spoken| {
        let mut starts = words.iter().filter(|spoken| {
            spoken.says.word == Word::Start
                && (spoken.source == stop.source || is_of_stack(spoken.says))
        });
        let stops = || {
            let of_source = words.iter().filter(|other| other.source == stop.source);
            of_source.filter(|other| other.says.word == Word::Stop)
        };
        starts.any(|start| stops().all(|stop| is_behind(start.at, stop.at)))
    };
    let mut stops = words.iter().filter(|word| word.says.word == Word::Stop);
    !listed || !stops.all(is_lifted)
}
