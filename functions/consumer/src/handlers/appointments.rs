//! Appointments: the current values, by the events' own times. One that is booked again has moved.

use switchhook_core::data;
use switchhook_core::states::{Appointment, AppointmentStatus};

use crate::router::Event;

/// An appointment was booked.
pub fn scheduled(appointment: &mut Appointment, event: &Event<'_, data::Booking>) {
    let at = event.by_time();
    appointment
        .status
        .set(Some(AppointmentStatus::Scheduled), at);
    appointment.scheduled_at.set(Some(event.time()), at);
    appointment.name.offer(event.data.name.as_ref(), at);
    appointment.phone.offer(event.data.phone.as_ref(), at);
    appointment.email.offer(event.data.email.as_ref(), at);
    appointment
        .starts_at
        .offer(event.data.starts_at.as_ref(), at);
    appointment.agent.offer(event.data.agent.as_ref(), at);
    event.mark(&mut appointment.updated_at, &mut appointment.updated_by, at);
}
