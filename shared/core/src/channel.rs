//! Channels of the suppression list: a closed list, so that every spelling of one is the same item.

/// Texts, MMS included: they go to the same number by the same sender, and who stops one stops both.
pub const SMS: &str = "sms";

/// E-mail addresses.
pub const EMAIL: &str = "email";

/// Facebook Messenger and the like: the provider's id of a person stands for the number.
pub const MESSENGER: &str = "messenger";

/// The channels besides [`SMS`], on which a person may be left alone apart from texts.
const OTHERS: &[&str] = &[EMAIL, MESSENGER, "rcs", "voice", "whatsapp"];

/// Returns the channel that a sender's word means: [`SMS`] unless it is another one of the list.
///
/// # Examples
///
/// ```
/// use switchhook_core::channel::named;
///
/// assert_eq!(named(Some(" WhatsApp ")), "whatsapp");
/// assert_eq!(named(Some("MMS")), "sms");
/// assert_eq!(named(None), "sms");
/// ```
#[must_use]
pub fn named(word: Option<&str>) -> &'static str {
    let word = word.unwrap_or_default().trim();
    let others = OTHERS.iter().copied();
    let mut others = others.filter(|channel| word.eq_ignore_ascii_case(channel));
    others.next().unwrap_or(SMS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_one_of_the_list_and_unknown_ones_are_sms() {
        for (word, channel) in [
            ("sms", SMS),
            ("SMS", SMS),
            ("mms", SMS),
            ("text", SMS),
            ("longcode", SMS),
            ("toll-free", SMS),
            ("telegram", SMS),
            ("e/mail", SMS),
            ("", SMS),
            ("Email", EMAIL),
            (" rcs\n", "rcs"),
            ("WHATSAPP", "whatsapp"),
            ("Messenger", MESSENGER),
            ("voice", "voice"),
        ] {
            assert_eq!(named(Some(word)), channel, "{word}");
        }
    }
}
