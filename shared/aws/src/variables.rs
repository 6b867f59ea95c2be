//! The environment variables of the functions, as the template sets them.

/// The bucket of large bodies.
pub const BODIES_BUCKET: &str = "BODIES_BUCKET";
/// The dead-letter queue.
pub const DEAD_LETTER_QUEUE_URL: &str = "DEAD_LETTER_QUEUE_URL";
/// The queue between the functions.
pub const QUEUE_URL: &str = "QUEUE_URL";
/// The secret that holds the sources document.
pub const SOURCES_SECRET_ID: &str = "SOURCES_SECRET_ID";
/// The stack's name, which metrics carry.
pub const STACK_NAME: &str = "STACK_NAME";
/// The ledger's table.
pub const TABLE_NAME: &str = "TABLE_NAME";
