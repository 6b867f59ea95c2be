//! The sources document at hand: read at the first request, refreshed while requests are served.
//!
//! A failed refresh keeps what there was. Only where there never was a document is there none.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use switchhook_aws::metrics;
use switchhook_core::config::Sources;
use switchhook_core::ports::{PortError, SourceStore};
use switchhook_core::report::Report;
use switchhook_core::time::{Clock, Timestamp};

/// The age from which the document is read again.
const MAX_AGE_MILLIS: i64 = 5 * 60 * 1_000;
/// How often at most it is asked for again, be it old or be a verification refused.
const MIN_REFRESH_MILLIS: i64 = 60 * 1_000;
/// How long a refresh may hold up a request.
const REFRESH_PATIENCE: Duration = Duration::from_millis(500);

/// Keeps the document.
pub struct SourceCache {
    store: Arc<dyn SourceStore>,
    clock: Arc<dyn Clock>,
    kept: Mutex<Kept>,
}

#[derive(Clone, Default)]
struct Kept {
    sources: Option<Arc<Sources>>,
    /// When it was read.
    loaded_at: Option<Timestamp>,
    /// When it was last asked for, whatever came of it.
    asked_at: Option<Timestamp>,
}

impl std::fmt::Debug for SourceCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceCache").finish_non_exhaustive()
    }
}

/// Counts a failed reading when it is dropped: whoever waits for it may stop waiting.
struct CountedUnlessRead;

impl Drop for CountedUnlessRead {
    fn drop(&mut self) {
        metrics::sources_not_refreshed();
    }
}

impl SourceCache {
    /// Keeps the document of a store.
    #[must_use]
    pub fn new(store: Arc<dyn SourceStore>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            kept: Mutex::default(),
        }
    }

    /// Returns the document, read again when it is old.
    ///
    /// # Errors
    ///
    /// When there is none and none can be read.
    pub async fn current(&self) -> Result<Arc<Sources>, PortError> {
        let kept = self.kept();
        let Some(sources) = kept.sources else {
            let sources = Arc::new(self.load().await?);
            self.keep(&sources);
            return Ok(sources);
        };
        let fresh = self.age_millis(kept.loaded_at) < MAX_AGE_MILLIS;
        if fresh || self.age_millis(kept.asked_at) < MIN_REFRESH_MILLIS {
            return Ok(sources);
        }
        Ok(self.refresh().await.unwrap_or(sources))
    }

    /// Returns a newer document after a failed verification, where one may be asked for and is had.
    pub async fn after_refusal(&self) -> Option<Arc<Sources>> {
        if self.age_millis(self.kept().asked_at) < MIN_REFRESH_MILLIS {
            return None;
        }
        self.refresh().await
    }

    /// Tells whether a newer document was asked for and not had: what this one does not know may be
    /// known by now.
    pub fn is_in_doubt(&self) -> bool {
        let kept = self.kept();
        kept.asked_at != kept.loaded_at
    }

    async fn refresh(&self) -> Option<Arc<Sources>> {
        self.lock().asked_at = Some(self.clock.now());
        match tokio::time::timeout(REFRESH_PATIENCE, self.load()).await {
            Ok(Ok(sources)) => {
                let sources = Arc::new(sources);
                self.keep(&sources);
                Some(sources)
            }
            Ok(Err(error)) => {
                tracing::error!(error = %Report(&error), "sources not refreshed");
                None
            }
            Err(_) => {
                tracing::error!("sources not refreshed: no answer within 500 ms");
                None
            }
        }
    }

    /// Reads the document, and counts where that fails, or is given up.
    async fn load(&self) -> Result<Sources, PortError> {
        let counted = CountedUnlessRead;
        let sources = self.store.load().await?;
        std::mem::forget(counted);
        Ok(sources)
    }

    fn age_millis(&self, asked_at: Option<Timestamp>) -> i64 {
        let now = self.clock.now().as_millisecond();
        asked_at.map_or(i64::MAX, |at| now.saturating_sub(at.as_millisecond()))
    }

    fn keep(&self, sources: &Arc<Sources>) {
        let now = self.clock.now();
        let sources = Some(Arc::clone(sources));
        *self.lock() = Kept {
            sources,
            loaded_at: Some(now),
            asked_at: Some(now),
        };
    }

    fn kept(&self) -> Kept {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::arithmetic_side_effects, reason = "small numbers of a test")]

    use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

    use switchhook_core::ports::PortFuture;

    use super::*;

    #[derive(Default)]
    struct Seconds(AtomicI64);

    impl Clock for Seconds {
        fn now(&self) -> Timestamp {
            Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
        }
    }

    /// Answers with a document that says how often it was read, in its days, or fails.
    #[derive(Default)]
    struct Counting {
        reads: AtomicUsize,
        broken: std::sync::atomic::AtomicBool,
        hanging: std::sync::atomic::AtomicBool,
    }

    impl SourceStore for Counting {
        fn load(&self) -> PortFuture<'_, Sources> {
            Box::pin(async move {
                let reads = self.reads.fetch_add(1, Ordering::Relaxed);
                if self.hanging.load(Ordering::Relaxed) {
                    std::future::pending::<()>().await;
                }
                if self.broken.load(Ordering::Relaxed) {
                    return Err(PortError::new("reading", "broken"));
                }
                let days = 30 + reads;
                let text = format!(
                    "retention_days = {days}\n[sources.a]\nprovider = \"ai-sync\"\nsecrets = [\"s\"]"
                );
                Sources::from_toml(&text).map_err(|error| PortError::new("reading", error))
            })
        }
    }

    fn cache() -> (Arc<Counting>, Arc<Seconds>, SourceCache) {
        let (store, clock) = (Arc::new(Counting::default()), Arc::new(Seconds::default()));
        let (store_port, clock_port): (Arc<Counting>, Arc<Seconds>) =
            (Arc::clone(&store), Arc::clone(&clock));
        (store, clock, SourceCache::new(store_port, clock_port))
    }

    async fn days(cache: &SourceCache) -> u16 {
        cache.current().await.unwrap().retention_days
    }

    #[tokio::test]
    async fn it_is_read_once_and_again_after_five_minutes() {
        let (_, clock, cache) = cache();
        assert_eq!((days(&cache).await, days(&cache).await), (30, 30));
        clock.0.store(5 * 60 - 1, Ordering::Relaxed);
        assert_eq!(days(&cache).await, 30);
        clock.0.store(5 * 60, Ordering::Relaxed);
        assert_eq!((days(&cache).await, days(&cache).await), (31, 31));
    }

    #[tokio::test]
    async fn refusals_make_it_be_read_at_most_once_a_minute() {
        let (store, clock, cache) = cache();
        days(&cache).await;
        clock.0.store(59, Ordering::Relaxed);
        assert!(cache.after_refusal().await.is_none());
        clock.0.store(60, Ordering::Relaxed);
        assert_eq!(cache.after_refusal().await.unwrap().retention_days, 31);
        assert!(cache.after_refusal().await.is_none());
        store.broken.store(true, Ordering::Relaxed);
        clock.0.store(2 * 60, Ordering::Relaxed);
        assert!(cache.after_refusal().await.is_none());
        assert!(cache.after_refusal().await.is_none());
        assert_eq!(store.reads.load(Ordering::Relaxed), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_refresh_keeps_what_there_was() {
        let (store, clock, cache) = cache();
        days(&cache).await;
        store.broken.store(true, Ordering::Relaxed);
        clock.0.store(6 * 60, Ordering::Relaxed);
        assert_eq!(days(&cache).await, 30);
        assert_eq!(store.reads.load(Ordering::Relaxed), 2);
        clock.0.store(7 * 60, Ordering::Relaxed);
        assert_eq!(days(&cache).await, 30);
        assert_eq!(
            store.reads.load(Ordering::Relaxed),
            3,
            "tried again a minute later"
        );
        store.hanging.store(true, Ordering::Relaxed);
        clock.0.store(12 * 60, Ordering::Relaxed);
        assert_eq!(days(&cache).await, 30);
    }

    #[tokio::test]
    async fn where_there_never_was_one_there_is_none() {
        let (store, _, cache) = cache();
        store.broken.store(true, Ordering::Relaxed);
        assert!(cache.current().await.is_err());
        store.broken.store(false, Ordering::Relaxed);
        assert!(cache.current().await.is_ok());
    }
}
