//! Contact lists: the current values, in the accepted order, since no provider tells a list's time.

use switchhook_core::data;
use switchhook_core::states::ContactList;

use crate::router::Event;

/// A list was made or changed.
pub fn told(list: &mut ContactList, event: &Event<'_, data::ContactList>) {
    let at = event.by_sequence();
    list.name.offer(event.data.name.as_ref(), at);
    list.size.offer(event.data.size.as_ref(), at);
    event.mark(&mut list.updated_at, &mut list.updated_by, at);
}
