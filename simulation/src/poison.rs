//! Handlers with mistakes: events that make them panic, or end the process, until they are mended;
//! and events whose records the table refuses until then.
//!
//! They stand in the real route table beside the real handlers, and the events that set them off are
//! real ones with a mark in their bytes.

use std::cell::Cell;

use consumer::router::{Event, Router};
use consumer::routes::routes;
use switchhook_core::data;
use switchhook_core::entity::Entity;
use switchhook_core::kind::Kind;
use switchhook_core::ledger::Record;
use switchhook_core::occurrence::Occurrence;
use switchhook_core::states::OptOut;

use crate::node;

/// What the bytes of an event hold that makes its handler panic.
pub(crate) const PANICS: &str = "simulated-panic";
/// What the bytes of an event hold that ends the process.
pub(crate) const KILLS: &str = "simulated-kill";
/// What the data of a record holds that the table refuses.
pub(crate) const REFUSED: &str = "simulated-refusal";

thread_local! {
    static IS_MENDED: Cell<bool> = const { Cell::new(false) };
}

/// Puts the handlers with mistakes into operation, or the mended ones.
pub(crate) fn deploy(is_mended: bool) {
    IS_MENDED.set(is_mended);
}

/// Returns whether the table refuses a record for what it holds.
pub(crate) fn is_refused(record: &Record) -> bool {
    !IS_MENDED.get() && record.data.contains(REFUSED)
}

/// Returns the real handlers, and beside them those with mistakes.
pub(crate) fn routes_with_mistakes() -> Router {
    let nothing = |_: &mut OptOut, _: &Event<'_, data::Call>| {};
    let kinds = Kind::ALL.iter();
    kinds.fold(routes(), |router, kind| {
        router.also(*kind, stumble, nothing)
    })
}

/// Names no entity, so that no handler runs: the mistake is here.
fn stumble(occurrence: &Occurrence) -> Option<Entity> {
    if IS_MENDED.get() {
        return None;
    }
    let text = String::from_utf8_lossy(&occurrence.raw);
    if text.contains(KILLS) {
        node::kill_running();
    }
    if text.contains(PANICS) {
        // Without the panic hook, which would tell of it each time.
        std::panic::resume_unwind(Box::new("a handler with a mistake"));
    }
    None
}
