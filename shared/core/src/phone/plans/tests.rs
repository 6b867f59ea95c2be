//! The plans held against the crate that they come from.

use phonenumber::country::Id;
use phonenumber::metadata::DATABASE;
use phonenumber::{Metadata, Mode, Type};

use super::*;

/// What the crate makes of digits.
fn theirs(digits: &str, country: Id) -> Option<String> {
    let parsed = phonenumber::parse(Some(country), digits).ok();
    let valid = parsed.filter(phonenumber::is_valid)?;
    Some(valid.format().mode(Mode::E164).to_string())
}

/// The valid numbers that a plan gives as examples, one of each kind.
fn examples(plan: &Metadata) -> impl Iterator<Item = &str> {
    const KINDS: [Type; 4] = [Type::FixedLine, Type::Mobile, Type::TollFree, Type::Uan];
    let kinds = KINDS
        .iter()
        .filter_map(|kind| plan.descriptors().get(*kind));
    kinds.filter_map(|kind| kind.example())
}

/// The ways in which a number may be dialled or mistaken.
fn ways(number: &str, plan: &Metadata) -> Vec<String> {
    let code = plan.country_code();
    let prefix = plan.national_prefix().unwrap_or("0");
    let mut ways = vec![
        number.to_owned(),
        format!("{prefix}{number}"),
        format!("{prefix}{prefix}{number}"),
        format!("{code}{number}"),
        format!("{code}{prefix}{number}"),
        format!("00{code}{number}"),
        format!("011{code}{number}"),
        format!("0011{code}{number}"),
        format!("{number}0"),
        format!("15{number}"),
        format!("{prefix}31{number}"),
        number.chars().map(|_| '0').collect(),
    ];
    for (at, _) in number.char_indices() {
        let (before, after) = number.split_at(at);
        ways.push(before.to_owned());
        ways.push(format!("{before}7{after}"));
        ways.push(after.replacen(char::is_numeric, &format!("{before}7"), 1));
    }
    ways
}

#[test]
fn every_pattern_compiles() {
    for plan in PLANS.iter() {
        let kinds = plan.kinds.iter().map(|kind| &kind.pattern);
        let patterns = kinds.chain([&plan.general]);
        let own = [
            &plan.international_prefix,
            &plan.parsing,
            &plan.leading_digits,
        ];
        for pattern in patterns.chain(own.into_iter().flatten()) {
            assert!(pattern.regex().is_some(), "{}: {}", plan.id, pattern.text);
        }
    }
    assert_eq!(PLANS.len(), TEXT.lines().count());
}

#[test]
fn numbers_are_told_as_the_crate_tells_them() {
    let (mut compared, mut valid) = (0, 0);
    for plan in DATABASE.iter() {
        let Ok(country) = plan.id().parse::<Id>() else {
            continue; // of no country
        };
        let dialled = examples(plan).flat_map(|number| ways(number, plan));
        for digits in dialled {
            let told = theirs(&digits, country);
            assert_eq!(e164(&digits, plan.id()), told, "{digits} in {}", plan.id());
            compared += 1;
            valid += usize::from(told.is_some());
        }
    }
    assert!(compared > 10_000 && valid > 3_000, "{valid} of {compared}");
}
