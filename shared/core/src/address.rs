//! placeholder

/// placeholder
#[must_use]
pub fn email_address(text: &str) -> Option<String> {
    let address = text.trim().to_lowercase();
    (address.contains('@') && address.len() <= 254).then_some(address)
}
