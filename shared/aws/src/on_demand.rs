//! Clients that are made when they are first used.
//!
//! To make one costs a tenth of a cold start's instructions: it reads the tables of AWS's regions.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

type Make<C> = Box<dyn FnOnce() -> C + Send>;

/// A client that may be there already, or comes when it is first used.
#[derive(Clone)]
pub struct OnDemand<C>(Arc<LazyLock<C, Make<C>>>);

impl<C> OnDemand<C> {
    /// Says how to make the client.
    #[must_use]
    pub fn new(make: impl FnOnce() -> C + Send + 'static) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(make))))
    }
}

impl<C: Send + 'static> From<C> for OnDemand<C> {
    fn from(client: C) -> Self {
        Self::new(move || client)
    }
}

impl<C> Deref for OnDemand<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.0
    }
}

impl<C> fmt::Debug for OnDemand<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnDemand")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_uses_is_not_made() {
        let unused = OnDemand::<u8>::new(|| panic!("made"));
        drop(unused);
    }

    #[test]
    fn copies_are_one() {
        let first = OnDemand::new(Box::<u8>::default);
        let second = first.clone();
        assert!(std::ptr::eq(&raw const **first, &raw const **second));
    }
}
