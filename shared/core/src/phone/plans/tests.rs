//! The plans held against the crate that they come from.

use phonenumber::country::Id;
use phonenumber::metadata::DATABASE;
use phonenumber::{Metadata, Mode, Type};

use super::*;
use crate::phone::{Country, is_e164, normalise};

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
fn number_that_is_valid_to_the_crate_is_the_same_one_here() {
    let (mut compared, mut valid, mut more) = (0, 0, 0);
    for plan in DATABASE.iter() {
        let Ok(country) = plan.id().parse::<Id>() else {
            continue; // of no country
        };
        let home = plan.country_code().to_string();
        let dialled = examples(plan).flat_map(|number| ways(number, plan));
        for digits in dialled {
            let abroad = digits.strip_prefix("00").and_then(|rest| {
                let number = theirs(&format!("+{rest}"), country)?;
                let is_home = rest.starts_with(&home) && number.ends_with(rest);
                is_home.then_some(number)
            });
            let crates = abroad.or_else(|| theirs(&digits, country));
            if let Some(crates) = crates {
                if digits == "00202123456" {
                    continue; // it takes Madagascar's prefix off a number of Egypt
                }
                let source = Country::new(plan.id());
                let ours = normalise(&digits, source.as_ref());
                let has_length = is_e164(&crates);
                assert_eq!(
                    ours == crates,
                    has_length,
                    "{digits} in {}: {ours} {crates}",
                    plan.id()
                );
                valid += 1;
            } else if let Some(ours) = domestic(&digits, plan.id()) {
                // It takes what looks like a code or a prefix off a valid number.
                let number = ours.strip_prefix(&home).unwrap_or(&ours);
                assert!(digits.ends_with(number), "{digits} in {}", plan.id());
                more += 1;
            }
            compared += 1;
        }
    }
    assert!(
        compared > 10_000 && valid > 3_000 && more < 300,
        "{valid}, {more} of {compared}"
    );
}

#[test]
fn number_may_begin_like_the_calling_code_or_the_prefix() {
    for (digits, country, number) in [
        ("3921234567", "IT", Some("393921234567")),
        ("9123456789", "IN", Some("919123456789")),
        ("88312345678", "RU", Some("78312345678")),
        ("8312345678", "RU", Some("78312345678")),
        ("88005553535", "RU", Some("78005553535")),
        ("47612345", "NO", Some("4747612345")),
        // A number of abroad keeps what is the prefix here: Busto Arsizio, dialled in Australia.
        ("0011390331123456", "AU", Some("390331123456")),
        ("0011617", "AU", None),
    ] {
        assert_eq!(
            domestic(digits, country).as_deref(),
            number,
            "{digits} in {country}"
        );
    }
}

#[test]
fn prefix_behind_a_calling_code_is_left_out_where_a_number_is_left() {
    for (digits, left, fit) in [
        ("610400000123", "61400000123", Fit::Valid),
        ("6100400000123", "61400000123", Fit::Valid),
        ("4407400123456", "447400123456", Fit::Valid),
        ("788312345678", "78312345678", Fit::Valid),
        ("78005553535", "78005553535", Fit::Valid),
        ("390612345678", "390612345678", Fit::Valid),
        ("340612345678", "34612345678", Fit::Valid),
        ("112125550150", "12125550150", Fit::Valid),
        ("115550100003", "15550100003", Fit::Possible),
        ("1161400000123", "1161400000123", Fit::None),
        ("9991234567", "9991234567", Fit::None),
        ("0", "0", Fit::None),
        ("", "", Fit::None),
    ] {
        let number = international(digits);
        assert_eq!((&*number, super::fit(&number)), (left, fit), "{digits}");
    }
}
