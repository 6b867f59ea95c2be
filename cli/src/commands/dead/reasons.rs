//! Why events become dead letters, and what to do about it.

/// The reason of what SQS itself moved, which says none.
pub(super) const MOVED: &str = "moved_by_sqs";

/// Explains a reason in a sentence and says what to do.
pub(super) fn explanation(reason: &str) -> &'static str {
    match reason {
        "attempts" => {
            "Five attempts of its own never came to an end: each time the consumer crashed, or it could not be made a dead letter for another reason (`dead letter not sent`). Its lines in the consumer's log, `event tried again, alone`, tell when; look at what comes after them, repair the cause, then redrive it."
        }
        "body_damaged" => {
            "Its body is not the one that was accepted: the message or the body store was changed. Put the original object back into the body store and redrive it, or drop it and ask the provider to send it again."
        }
        "body_missing" => {
            "Its body is no longer in the body store. Put the object back and redrive it, or drop it and ask the provider to send it again."
        }
        "data" => {
            "What it says could not be written as data of the ledger. Update Switchhook, then redrive it; report it if that does not help."
        }
        "envelope" => {
            "The message is none that this version of the consumer reads: another version of the ingress sent it, or somebody else did. Deploy both functions in the same version and redrive it; drop it if it is not from Switchhook."
        }
        "item" => {
            "An item that the ledger holds of its entity, or of its attempts, is damaged. Repair or delete that item, then redrive it."
        }
        "panic" => {
            "Its handler panicked at five attempts of its own. Look for its id in the consumer's log, repair the handler, then redrive it."
        }
        MOVED => {
            "SQS moved it here after too many receives: the consumer never came to an end with it. Look at the consumer's log of that time, repair the cause, then redrive it."
        }
        "provider" => {
            "Its provider is unknown to this version of the consumer. Deploy both functions in the same version, then redrive it."
        }
        "refused_by_table" => {
            "DynamoDB refused an item of it for what it holds, for instance one over 400 KB; no retry helps. The consumer's log has DynamoDB's words at the event's id. Repair or delete the item of its entity that is too large (`switchhook show ENTITY`), then redrive it, or drop it."
        }
        "state" => {
            "The state of its entity cannot be read, or the handler's new state cannot be written. Repair the handler or the item, then redrive it."
        }
        "too_old" => {
            "It was accepted so long ago that the ledger may have recorded and forgotten it. Redrive it with `--force` if it may be applied again, or drop it."
        }
        _ => {
            "This version of the command line does not know the reason. Update it, or look for the event's id in the consumer's log."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;
    use switchhook_core::attempts::Attempt;
    use switchhook_core::ledger::RunRefusal;

    #[test]
    fn every_reason_that_the_consumer_gives_is_explained() {
        let consumer = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions/consumer/src");
        let mut reasons = Vec::new();
        for file in fs::read_dir(consumer).unwrap() {
            let path = file.unwrap().path();
            // What the log says of an event is no reason.
            if path.is_file() && !path.ends_with("report.rs") {
                let code = fs::read_to_string(path).unwrap();
                let calls = [
                    "terminal(\"",
                    "caused(\"",
                    "Some(\"",
                    "then_some(\"",
                    "Panicked => \"",
                ];
                for call in calls {
                    let after = code.split(call).skip(1);
                    reasons.extend(after.map(|rest| rest.split('"').next().unwrap().to_owned()));
                }
            }
        }
        let refused = [Attempt::Counted(usize::MAX), Attempt::Unreadable].map(Attempt::refusal);
        reasons.extend(refused.map(|reason| reason.unwrap().to_owned()));
        let refused = [RunRefusal::DamagedItem, RunRefusal::TooOld];
        reasons.extend(refused.map(|refusal| refusal.reason().to_owned()));
        assert!(reasons.len() >= 12, "{reasons:?}");
        for reason in reasons {
            assert_ne!(explanation(&reason), explanation("unheard of"), "{reason}");
        }
    }
}
