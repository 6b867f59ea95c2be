//! Writes the numbering plans of all countries as lines of text, for `src/phone/plans.rs`.
//!
//! They are those of the `phonenumber` crate, which follows Google's libphonenumber. It is no part of
//! the program: to read a number it would read every country's plan first.

use std::error::Error;
use std::fmt::Write;
use std::path::PathBuf;

use phonenumber::metadata::DATABASE;
use phonenumber::{Metadata, Type};

/// What a number has to be of to be a valid one.
const KINDS: [Type; 10] = [
    Type::PremiumRate,
    Type::TollFree,
    Type::SharedCost,
    Type::Voip,
    Type::PersonalNumber,
    Type::Pager,
    Type::Uan,
    Type::Voicemail,
    Type::FixedLine,
    Type::Mobile,
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let mut text = String::new();
    for code in 1..=999_u16 {
        for plan in DATABASE.by_code(&code).unwrap_or_default() {
            writeln!(text, "{}", line(plan)?)?;
        }
    }
    std::fs::write(out_dir()?.join("plans.tsv"), text)?;
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "so Cargo tells a build script its folder"
)]
fn out_dir() -> Result<PathBuf, std::env::VarError> {
    std::env::var("OUT_DIR").map(PathBuf::from)
}

/// Joins what is needed of a plan by tabs: what has one value first, then its kinds of numbers.
fn line(plan: &Metadata) -> Result<String, Box<dyn Error>> {
    let pattern =
        |pattern: Option<&str>| pattern.unwrap_or_default().replace(char::is_whitespace, "");
    let general = plan.descriptors().general();
    let mut line = [
        plan.id().to_owned(),
        plan.country_code().to_string(),
        pattern(plan.international_prefix().map(|p| p.as_str())),
        plan.national_prefix().unwrap_or_default().to_owned(),
        pattern(plan.national_prefix_for_parsing().map(|p| p.as_str())),
        plan.national_prefix_transform_rule()
            .unwrap_or_default()
            .to_owned(),
        pattern(plan.leading_digits().map(|p| p.as_str())),
        pattern(Some(general.national_number().as_str())),
    ]
    .join("\t");
    let kinds = KINDS
        .iter()
        .filter_map(|kind| plan.descriptors().get(*kind));
    for kind in kinds {
        let lengths = lengths(kind.possible_length())?;
        write!(
            line,
            "\t{lengths}\t{}",
            pattern(Some(kind.national_number().as_str()))
        )?;
    }
    Ok(line)
}

/// Writes lengths as a number whose bits they are.
fn lengths(lengths: &[u16]) -> Result<String, Box<dyn Error>> {
    let bits = lengths.iter().try_fold(0, |bits, length| {
        Some(bits | 1_u32.checked_shl(u32::from(*length))?)
    });
    Ok(bits.ok_or("a number of over 31 digits")?.to_string())
}
