//! What our own pages show where a credential belongs. Everybody can read it there, so it is none.

/// Every secret, token, password, user name and account's id that the README, the documentation and
/// the help pages show. A test compares the list with the pages.
pub const PLACEHOLDERS: &[&str] = &[
    "%s",
    "...",
    "SECRET",
    "TOKEN",
    "the signing secret",
    "whsec_...",
    "whsec_…",
    "…",
];

/// Reports whether a credential is one that our pages show.
#[must_use]
pub fn is_placeholder(credential: &str) -> bool {
    let credential = credential.trim();
    PLACEHOLDERS
        .iter()
        .any(|placeholder| placeholder.eq_ignore_ascii_case(credential))
}
