//! Numbers in the spellings of people, held against the `phonenumber` crate.

use phonenumber::country::Id;
use phonenumber::metadata::DATABASE;
use phonenumber::{Mode, Type};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};

use super::*;

/// How a number of another country is written.
#[derive(Clone, Copy, Debug)]
enum Form {
    Plus,
    DoubleZero,
    American,
    CodeAlone,
    National,
    Trunk,
}

/// What stands between the calling code and the number.
#[derive(Clone, Copy, Debug)]
enum Trunk {
    Nothing,
    Prefix,
    Zero,
    Bracketed,
}

const MARKS: &[&str] = &[
    "", "", " ", "-", ".", "/", "\u{a0}", "\u{202f}", "\u{2011}", "\u{2013}", "\u{2212}",
    "\u{200b}", "\u{200e}", "\u{202a}", "\u{2069}", "\u{feff}", "\u{ad}", "\u{ff0e}", "\u{3000}",
    "’", "\"", "\t", "·",
];
const FRAMES: &[(&str, &str)] = &[
    ("", ""),
    (" ", "\r\n"),
    ("\"", "\""),
    ("‘", "’"),
    ("\u{202a}", "\u{202c}"),
    ("\u{2068}", "\u{2069}"),
    ("tel:", ""),
    ("SMS: ", ""),
    ("<tel:", ">"),
];
const ZEROS: &[char] = &['0', '0', '０', '٠', '۰', '०', '০', '𝟎'];

#[derive(Clone, Debug)]
struct Spelling {
    country: &'static str,
    code: u16,
    prefix: &'static str,
    number: &'static str,
    form: Form,
    trunk: Trunk,
    is_home: bool,
    marks: Vec<&'static str>,
    frame: (&'static str, &'static str),
    zero: char,
}

impl Spelling {
    /// The text in ASCII and without marks.
    fn plain(&self) -> String {
        let (code, prefix, number) = (self.code, self.prefix, self.number);
        let trunk = match self.trunk {
            Trunk::Nothing => "",
            Trunk::Prefix => prefix,
            Trunk::Zero => "0",
            Trunk::Bracketed => "(0)",
        };
        match self.form {
            Form::Plus => format!("+{code}{trunk}{number}"),
            Form::DoubleZero => format!("00{code}{trunk}{number}"),
            Form::American => format!("011{code}{trunk}{number}"),
            Form::CodeAlone => format!("{code}{trunk}{number}"),
            Form::National => number.to_owned(),
            Form::Trunk => format!("{prefix}{number}"),
        }
    }

    fn marked(&self) -> String {
        let (before, behind) = self.frame;
        let mut text = before.to_owned();
        for (c, mark) in self.plain().chars().zip(self.marks.iter().cycle()) {
            let value = c.to_digit(10);
            let digit =
                value.and_then(|value| char::from_u32(u32::from(self.zero).checked_add(value)?));
            text.push(match c {
                '+' if self.zero != '0' => '＋',
                c => digit.unwrap_or(c),
            });
            text.push_str(mark);
        }
        text + behind
    }

    fn source_country(&self) -> Option<Country> {
        self.is_home.then(|| Country::new(self.country)).flatten()
    }

    /// What the crate makes of the plain text with a plus in place of its prefix, else of the text in the
    /// source's country, where that is a valid number.
    fn crates(&self) -> Option<String> {
        let plain = self.plain();
        let digits = match self.form {
            Form::DoubleZero => plain.trim_start_matches("00"),
            Form::American => plain.trim_start_matches("011"),
            _ => plain.trim_start_matches('+'),
        };
        let abroad = || valid(None, &format!("+{digits}"));
        let country = self.country.parse::<Id>().ok().filter(|_| self.is_home);
        let at_home = || valid(Some(country?), &plain);
        match self.form {
            Form::Plus | Form::DoubleZero => abroad(),
            Form::National | Form::Trunk => at_home(),
            Form::American | Form::CodeAlone => at_home().or_else(abroad),
        }
    }
}

/// What the crate makes of a text, where that is a valid number.
fn valid(country: Option<Id>, text: &str) -> Option<String> {
    let number = phonenumber::parse(country, text).ok()?;
    let number = phonenumber::is_valid(&number).then_some(number)?;
    Some(number.format().mode(Mode::E164).to_string())
}

fn spellings() -> impl Strategy<Value = Spelling> {
    const KINDS: [Type; 10] = [
        Type::FixedLine,
        Type::Mobile,
        Type::TollFree,
        Type::Uan,
        Type::Voip,
        Type::PremiumRate,
        Type::SharedCost,
        Type::PersonalNumber,
        Type::Pager,
        Type::Voicemail,
    ];
    let examples: Vec<_> = DATABASE
        .iter()
        .flat_map(|plan| {
            let kinds = KINDS
                .iter()
                .filter_map(|kind| plan.descriptors().get(*kind));
            kinds.filter_map(move |kind| Some((plan, kind.example()?)))
        })
        .map(|(plan, number)| {
            let prefix = plan.national_prefix().unwrap_or_default();
            (plan.id(), plan.country_code(), prefix, number)
        })
        .collect();
    let forms = [
        Form::Plus,
        Form::Plus,
        Form::DoubleZero,
        Form::American,
        Form::CodeAlone,
        Form::National,
        Form::Trunk,
    ];
    let trunks = [Trunk::Nothing, Trunk::Prefix, Trunk::Zero, Trunk::Bracketed];
    let shape = (
        select(examples),
        select(forms.to_vec()),
        select(trunks.to_vec()),
        any::<bool>(),
    );
    let marks = (vec(select(MARKS), 1..9), select(FRAMES), select(ZEROS));
    (shape, marks).prop_map(|((example, form, trunk, is_home), (marks, frame, zero))| {
        let (country, code, prefix, number) = example;
        Spelling {
            country,
            code,
            prefix,
            number,
            form,
            trunk,
            // Nobody dials 011 at home, and in some countries it means something else.
            is_home: match form {
                Form::National | Form::Trunk => true,
                Form::American => is_home && code == 1,
                Form::Plus | Form::DoubleZero | Form::CodeAlone => is_home,
            },
            marks,
            frame,
            zero,
        }
    })
}

/// The deliberate differences from the crate: a plus and the length of a number suffice; a number in digits
/// alone is only international with eleven digits or more, behind 011 with nine; a valid number loses
/// nothing; and E.164 has seven digits at least.
#[test]
fn numbers_in_any_spelling_are_those_of_the_crate() {
    let config = Config {
        cases: 2_500,
        failure_persistence: None,
        ..Config::default()
    };
    let compared = std::cell::Cell::new(0);
    let outcome = TestRunner::new(config).run(&spellings(), |spelling| {
        let (plain, marked) = (spelling.plain(), spelling.marked());
        let country = spelling.source_country();
        let ours = normalise(&plain, country.as_ref());
        let read = normalise(&marked, country.as_ref());
        if is_e164(&ours) {
            prop_assert_eq!(&read, &ours, "marks make no difference: {:?}", marked);
            prop_assert_eq!(&normalise(&ours, country.as_ref()), &ours, "once is enough");
            prop_assert_eq!(&normalise(&ours, None), &ours, "it is itself everywhere");
        } else {
            prop_assert_eq!(&read, &marked, "what is not read stays as written");
        }
        let Some(crates) = spelling.crates().filter(|number| is_e164(number)) else {
            return Ok(());
        };
        let digits = plain.trim_start_matches('+');
        let is_as_written = plans::fit(digits) == Fit::Valid && ours.ends_with(digits);
        let enough = match (spelling.form, spelling.is_home) {
            (Form::CodeAlone, false) => MIN_INTERNATIONAL_DIGITS + 1,
            (Form::American, _) => MIN_DIGITS_AFTER_011 + 1,
            _ => 0,
        };
        if !is_as_written && crates.len() >= enough {
            prop_assert_eq!(ours, crates, "{:?}", plain);
            compared.set(compared.get() + 1);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    assert!(compared.get() > 1_000, "{} compared", compared.get());
}
