//! Leads and appointments: the current values, by the events' own times.

use switchhook_core::data;
use switchhook_core::states::{Booking, BookingStatus};

use crate::router::Event;

/// A lead was won.
pub fn generated(lead: &mut Booking, event: &Event<'_, data::Booking>) {
    told(lead, event, BookingStatus::Generated);
}

/// An appointment was booked.
pub fn scheduled(appointment: &mut Booking, event: &Event<'_, data::Booking>) {
    told(appointment, event, BookingStatus::Scheduled);
}

fn told(booking: &mut Booking, event: &Event<'_, data::Booking>, status: BookingStatus) {
    let at = event.by_time();
    booking.status.set(Some(status), at);
    booking.name.offer(event.data.name.as_ref(), at);
    booking.phone.offer(event.data.phone.as_ref(), at);
    booking.email.offer(event.data.email.as_ref(), at);
    booking.starts_at.offer(event.data.starts_at.as_ref(), at);
    booking.agent.offer(event.data.agent.as_ref(), at);
    event.mark(&mut booking.updated_at, &mut booking.updated_by, at);
}
