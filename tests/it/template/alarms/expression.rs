//! CloudWatch's metric math: the part of it that alarms use, read and computed.
//!
//! Whatever the documentation leaves open is a [`Reading`]: an alarm has to come out the same under each.
//! What is not known here is an error, so that no form of expression goes untested.

use std::collections::BTreeMap;

/// The values of one metric or expression, newest first, `None` where there is none.
pub(super) type Series = Vec<Option<f64>>;

/// One way to read what the documentation of metric math leaves open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reading {
    /// Whether a missing value counts as 0 beside one that is there. The documentation says so of operators;
    /// users report that the result is dropped instead.
    pub(super) missing_is_zero: bool,
    /// Whether `FILL` fills a series that has no value at all. The documentation is silent.
    pub(super) fills_empty: bool,
}

impl Reading {
    /// Returns all of them, the documented one first.
    pub(super) fn all() -> [Self; 4] {
        [(true, true), (true, false), (false, true), (false, false)].map(
            |(missing_is_zero, fills_empty)| Self {
                missing_is_zero,
                fills_empty,
            },
        )
    }
}

/// An expression that was read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Number(f64),
    /// A metric or another expression of the alarm, by its `Id`.
    Id(String),
    Array(Vec<Self>),
    Minus(Box<Self>),
    Operation(Operator, Box<Self>, Box<Self>),
    Call(Function, Vec<Self>),
}

/// What stands between two operands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    AtMost,
    AtLeast,
    Less,
    Greater,
    Plus,
    Minus,
    Times,
    Divide,
}

impl Operator {
    /// Each as it is written, longer ones before those that they begin with.
    const WRITTEN: [(&'static str, Self); 14] = [
        ("||", Self::Or),
        ("OR", Self::Or),
        ("&&", Self::And),
        ("AND", Self::And),
        ("==", Self::Equal),
        ("!=", Self::NotEqual),
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("<", Self::Less),
        (">", Self::Greater),
        ("+", Self::Plus),
        ("-", Self::Minus),
        ("*", Self::Times),
        ("/", Self::Divide),
    ];

    /// Returns how strongly it binds.
    fn strength(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Equal
            | Self::NotEqual
            | Self::AtMost
            | Self::AtLeast
            | Self::Less
            | Self::Greater => 3,
            Self::Plus | Self::Minus => 4,
            Self::Times | Self::Divide => 5,
        }
    }

    /// Computes it; nothing for a division by zero, whose data point is dropped.
    fn apply(self, left: f64, right: f64) -> Option<f64> {
        let truth = |value: bool| Some(f64::from(u8::from(value)));
        match self {
            Self::Or => truth(left != 0.0 || right != 0.0),
            Self::And => truth(left != 0.0 && right != 0.0),
            Self::Equal => truth(left == right),
            Self::NotEqual => truth(left != right),
            Self::AtMost => truth(left <= right),
            Self::AtLeast => truth(left >= right),
            Self::Less => truth(left < right),
            Self::Greater => truth(left > right),
            Self::Plus => Some(left + right),
            Self::Minus => Some(left - right),
            Self::Times => Some(left * right),
            Self::Divide => (right != 0.0).then(|| left / right),
        }
    }
}

/// The functions that alarms may use here. Those that compute one number from a whole series are left out:
/// the documentation advises against them in alarms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Function {
    If,
    Fill,
    Sum,
    Max,
    Min,
}

/// Reads an expression.
pub(super) fn parse(text: &str) -> Result<Expression, String> {
    let tokens = tokens(text)?;
    let mut parser = Parser {
        tokens: &tokens,
        at: 0,
    };
    let expression = parser.operation(0)?;
    match parser.next() {
        None => Ok(expression),
        Some(token) => Err(format!("unexpected {token:?} in `{text}`")),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(f64),
    Id(String),
    Function(Function),
    Operator(Operator),
    Sign(char),
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let word_of = |keep: fn(&char) -> bool| rest.chars().take_while(keep).collect::<String>();
        let word = word_of(|c| c.is_ascii_alphanumeric() || *c == '_');
        let (length, token) = if first.is_ascii_digit() {
            let number = word_of(|c| c.is_ascii_digit() || *c == '.');
            let value = number.parse().map_err(|_| format!("number `{number}`"))?;
            (number.len(), Token::Number(value))
        } else if first.is_ascii_lowercase() {
            (word.len(), Token::Id(word))
        } else if let Some((written, operator)) = Operator::WRITTEN
            .iter()
            .find(|(written, _)| rest.starts_with(written) && (word.is_empty() || word == *written))
        {
            (written.len(), Token::Operator(*operator))
        } else if "()[],".contains(first) {
            (1, Token::Sign(first))
        } else {
            let function = match word.as_str() {
                "IF" => Function::If,
                "FILL" => Function::Fill,
                "SUM" => Function::Sum,
                "MAX" => Function::Max,
                "MIN" => Function::Min,
                _ => return Err(format!("unknown form at `{rest}` of `{text}`")),
            };
            (word.len(), Token::Function(function))
        };
        tokens.push(token);
        rest = rest.split_at(length).1.trim_start();
    }
    Ok(tokens)
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn next_is(&mut self, sign: char) -> bool {
        let is = self.tokens.get(self.at) == Some(&Token::Sign(sign));
        self.at += usize::from(is);
        is
    }

    /// Reads operands joined by operators that bind more strongly than `bound`.
    fn operation(&mut self, bound: u8) -> Result<Expression, String> {
        let mut left = self.operand()?;
        while let Some(Token::Operator(operator)) = self.tokens.get(self.at)
            && operator.strength() > bound
        {
            self.at += 1;
            let right = self.operation(operator.strength())?;
            left = Expression::Operation(*operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn operand(&mut self) -> Result<Expression, String> {
        match self.next() {
            Some(Token::Number(value)) => Ok(Expression::Number(value)),
            Some(Token::Id(id)) => Ok(Expression::Id(id)),
            Some(Token::Operator(Operator::Minus)) => {
                Ok(Expression::Minus(Box::new(self.operand()?)))
            }
            Some(Token::Sign('(')) => {
                let inner = self.operation(0)?;
                self.next_is(')')
                    .then_some(inner)
                    .ok_or_else(|| "a parenthesis is not closed".to_owned())
            }
            Some(Token::Sign('[')) => Ok(Expression::Array(self.list(']')?)),
            Some(Token::Function(function)) => {
                if !self.next_is('(') {
                    return Err(format!("{function:?} without its parenthesis"));
                }
                Ok(Expression::Call(function, self.list(')')?))
            }
            other => Err(format!("{other:?} where an operand should be")),
        }
    }

    /// Reads what stands between commas, up to the closing sign.
    fn list(&mut self, close: char) -> Result<Vec<Expression>, String> {
        let mut items = vec![self.operation(0)?];
        while self.next_is(',') {
            items.push(self.operation(0)?);
        }
        if self.next_is(close) {
            Ok(items)
        } else {
            Err(format!("no `{close}`"))
        }
    }
}

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Scalar(f64),
    Series(Series),
}

impl Expression {
    /// Returns the ids that it names.
    pub(super) fn ids(&self) -> Vec<&str> {
        match self {
            Self::Number(_) => Vec::new(),
            Self::Id(id) => vec![id],
            Self::Minus(inner) => inner.ids(),
            Self::Operation(_, left, right) => [left.ids(), right.ids()].concat(),
            Self::Array(items) | Self::Call(_, items) => items.iter().flat_map(Self::ids).collect(),
        }
    }

    /// Computes it over values by id, all of the same length.
    pub(super) fn evaluate(
        &self,
        values: &BTreeMap<&str, Series>,
        reading: Reading,
    ) -> Result<Value, String> {
        let evaluate = |expression: &Self| expression.evaluate(values, reading);
        match self {
            Self::Number(value) => Ok(Value::Scalar(*value)),
            Self::Id(id) => {
                let series = values.get(id.as_str());
                let series = series.ok_or_else(|| format!("nothing has the id `{id}`"))?;
                Ok(Value::Series(series.clone()))
            }
            Self::Array(_) => Err("an array outside SUM, MAX and MIN".to_owned()),
            Self::Minus(inner) => {
                let zero = Value::Scalar(0.0);
                operate(Operator::Minus, &zero, &evaluate(inner)?, reading)
            }
            Self::Operation(operator, left, right) => {
                operate(*operator, &evaluate(left)?, &evaluate(right)?, reading)
            }
            Self::Call(Function::If, arguments) => {
                let arguments: Result<Vec<_>, _> = arguments.iter().map(evaluate).collect();
                choose(&arguments?, reading)
            }
            Self::Call(Function::Fill, arguments) => match arguments.as_slice() {
                [series, filler] => fill(evaluate(series)?, &evaluate(filler)?, reading),
                _ => Err("FILL takes a series and a number".to_owned()),
            },
            Self::Call(function, arguments) => match arguments.as_slice() {
                [Self::Array(items)] => {
                    let items: Result<Vec<_>, _> = items.iter().map(evaluate).collect();
                    aggregate(*function, items?)
                }
                _ => Err(format!(
                    "{function:?} of one series is a number, which AWS advises against in alarms"
                )),
            },
        }
    }
}

fn operate(
    operator: Operator,
    left: &Value,
    right: &Value,
    reading: Reading,
) -> Result<Value, String> {
    let with_missing = |left: Option<f64>, right: Option<f64>| match (left, right) {
        (Some(left), Some(right)) => operator.apply(left, right),
        (None, None) => None,
        (left, right) if reading.missing_is_zero => {
            operator.apply(left.unwrap_or(0.0), right.unwrap_or(0.0))
        }
        _ => None,
    };
    Ok(match (left, right) {
        (Value::Scalar(left), Value::Scalar(right)) => {
            let result = operator.apply(*left, *right);
            Value::Scalar(result.ok_or("a division of numbers by zero")?)
        }
        (Value::Series(left), Value::Scalar(right)) => {
            let results = left.iter().map(|left| operator.apply((*left)?, *right));
            Value::Series(results.collect())
        }
        (Value::Scalar(left), Value::Series(right)) => {
            let results = right.iter().map(|right| operator.apply(*left, (*right)?));
            Value::Series(results.collect())
        }
        (Value::Series(left), Value::Series(right)) => {
            let pairs = left.iter().zip(right);
            Value::Series(pairs.map(|(l, r)| with_missing(*l, *r)).collect())
        }
    })
}

/// `IF`: dropped without a condition; 0 where the condition holds and its value is missing.
fn choose(arguments: &[Value], reading: Reading) -> Result<Value, String> {
    let (condition, yes, no) = match arguments {
        [condition, yes] => (condition, yes, None),
        [condition, yes, no] => (condition, yes, Some(no)),
        _ => return Err("IF takes two or three arguments".to_owned()),
    };
    let Value::Series(condition) = condition else {
        return Err("IF with a number as its condition".to_owned());
    };
    let at = |value: &Value, index: usize| match value {
        Value::Scalar(value) => Some(*value),
        Value::Series(series) => series[index],
    };
    let chosen = condition.iter().enumerate().map(|(index, condition)| {
        if (*condition)? == 0.0 {
            return no.and_then(|no| at(no, index));
        }
        at(yes, index).or(reading.missing_is_zero.then_some(0.0))
    });
    Ok(Value::Series(chosen.collect()))
}

fn fill(series: Value, filler: &Value, reading: Reading) -> Result<Value, String> {
    let (Value::Series(series), Value::Scalar(filler)) = (series, filler) else {
        return Err("FILL takes a series and a number".to_owned());
    };
    if series.iter().all(Option::is_none) && !reading.fills_empty {
        return Ok(Value::Series(series));
    }
    let filled = series.into_iter().map(|value| value.or(Some(*filler)));
    Ok(Value::Series(filled.collect()))
}

/// Of several series: a value wherever one of them has one.
fn aggregate(function: Function, items: Vec<Value>) -> Result<Value, String> {
    let mut results: Option<Series> = None;
    for item in items {
        let Value::Series(series) = item else {
            return Err(format!("{function:?} of a number"));
        };
        let Some(so_far) = &mut results else {
            results = Some(series);
            continue;
        };
        for (result, value) in so_far.iter_mut().zip(series) {
            *result = match (*result, value) {
                (Some(left), Some(right)) => Some(match function {
                    Function::Max => left.max(right),
                    Function::Min => left.min(right),
                    _ => left + right,
                }),
                (left, right) => left.or(right),
            };
        }
    }
    results
        .map(Value::Series)
        .ok_or_else(|| "an empty array".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: Option<f64> = None;

    fn series(values: &[Option<i32>]) -> Series {
        values.iter().map(|value| value.map(f64::from)).collect()
    }

    #[track_caller]
    fn check(text: &str, reading: Reading, expected: &[Option<i32>]) {
        let values = BTreeMap::from([
            ("metric1", series(&[Some(30), Some(20), Some(0), Some(0)])),
            ("metric2", series(&[Some(20), None, Some(20), None])),
            ("c", series(&[Some(1), Some(1), Some(0), None])),
            ("none", vec![GAP; 4]),
        ]);
        let value = parse(text).unwrap().evaluate(&values, reading).unwrap();
        assert_eq!(value, Value::Series(series(expected)), "{text}");
    }

    /// The examples of the page "Using math expressions with CloudWatch metrics".
    #[test]
    fn operators_compute_the_documented_examples() {
        let documented = Reading::all()[0];
        for (text, expected) in [
            ("metric1 < metric2", [Some(0), Some(0), Some(1), Some(0)]),
            ("metric1 >= 30", [Some(1), Some(0), Some(0), Some(0)]),
            (
                "metric1 > 15 AND metric2 > 15",
                [Some(1), Some(0), Some(0), Some(0)],
            ),
            ("metric1+metric2", [Some(50), Some(20), Some(20), Some(0)]),
            (
                "metric1 - metric2",
                [Some(10), Some(20), Some(-20), Some(0)],
            ),
            ("IF(c, metric2, 5)", [Some(20), Some(0), Some(5), None]),
            ("IF(c, 5, metric1)", [Some(5), Some(5), Some(0), None]),
            ("IF(c, metric1)", [Some(30), Some(20), None, None]),
            ("FILL(metric2, 7)", [Some(20), Some(7), Some(20), Some(7)]),
            ("FILL(none, 7)", [Some(7); 4]),
            (
                "SUM([metric1, metric2])",
                [Some(50), Some(20), Some(20), Some(0)],
            ),
            ("MAX([metric2, none])", [Some(20), None, Some(20), None]),
            (
                "MIN([metric1, metric2])",
                [Some(20), Some(20), Some(0), Some(0)],
            ),
        ] {
            check(text, documented, &expected);
        }
    }

    #[test]
    fn strict_reading_drops_what_is_missing() {
        let strict = Reading::all()[3];
        for (text, expected) in [
            ("metric1 + metric2", [Some(50), None, Some(20), None]),
            (
                "metric1 > 15 && metric2 > 15",
                [Some(1), None, Some(0), None],
            ),
            ("IF(c, metric2, 5)", [Some(20), None, Some(5), None]),
            ("FILL(none, 7)", [None; 4]),
            ("FILL(metric2, 7)", [Some(20), Some(7), Some(20), Some(7)]),
            (
                "SUM([metric1, none])",
                [Some(30), Some(20), Some(0), Some(0)],
            ),
        ] {
            check(text, strict, &expected);
        }
    }

    #[test]
    fn operators_bind_as_in_arithmetic() {
        let documented = Reading::all()[0];
        for (text, expected) in [
            ("metric1 - 10 - 5", [15, 5, -15, -15]),
            ("2 + metric1 * 2", [62, 42, 2, 2]),
            ("-metric1 + 1", [-29, -19, 1, 1]),
            ("(metric1 + 1) * 2", [62, 42, 2, 2]),
            (
                "metric1 == 20 || metric1 == 30 && metric1 < 25",
                [0, 1, 0, 0],
            ),
            ("metric1 / 0.5", [60, 40, 0, 0]),
            ("metric1 != 0 OR 0", [1, 1, 0, 0]),
        ] {
            check(text, documented, &expected.map(Some));
        }
    }

    #[test]
    fn division_by_zero_drops_the_data_point() {
        let expected = [Some(1), Some(1), None, None];
        check("metric1 / metric1", Reading::all()[0], &expected);
    }

    #[test]
    fn unknown_forms_are_errors() {
        for text in [
            "RATE(m1)",
            "AVG([m1, m2])",
            "SUM(m1)",
            "FILL(m1, REPEAT)",
            "FILL(m1)",
            "m1 ^ 2",
            "m1 % 2",
            "m1 +",
            "(m1",
            "[m1, m2]",
            "IF(1, m1, 2)",
            "IF(m1)",
            "m1 m2",
            "SUM([m1, 2])",
            "SUM [m1]",
            "ANDY(m1)",
            "1..2",
            "m3",
            "1 / 0 + m1",
            "",
        ] {
            let values = BTreeMap::from([("m1", vec![Some(1.0)]), ("m2", vec![Some(1.0)])]);
            let outcome = parse(text).and_then(|e| e.evaluate(&values, Reading::all()[0]));
            assert!(outcome.is_err(), "{text}: {outcome:?}");
        }
    }
}
