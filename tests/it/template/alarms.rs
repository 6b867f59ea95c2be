//! Each alarm is evaluated over synthetic metric data: silent on a healthy stack, firing in its case, and one
//! page for one cause.

mod cases;
mod definition;
mod evaluation;
mod expression;
mod scene;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::LazyLock;

use super::template;
use cases::{Case, cases};
use definition::{Alarm, Comparison, MissingData, Statistic, alarms};
use evaluation::{Circumstances, Data, State};
use scene::{AWS_METRICS, Zeros};

/// The cases with their data: where zeros are reported, and where they are missing.
static CASES: LazyLock<Vec<(Case, [Data; 2])>> = LazyLock::new(|| {
    let cases = cases().into_iter();
    cases
        .map(|case| {
            let data = [Zeros::Reported, Zeros::Missing].map(|zeros| case.data(zeros));
            (case, data)
        })
        .collect()
});

/// Returns the alarms of a stack in use, or of a new one, which has no alarm of silence.
fn alarms_of(in_use: bool) -> Vec<Alarm> {
    let hours = if in_use { "24" } else { "0" };
    alarms(&template(), &[("FanOut", "true"), ("SilenceHours", hours)])
}

/// Returns what is wrong with an alarm in a case: when it fires and must not, fires too late or too often, or stays.
fn judge(alarm: &Alarm, case: &Case, data: &[Data; 2], of: &[Circumstances]) -> Option<String> {
    let page = case.pages.iter().find(|page| page.alarm == alarm.name);
    for (data, zeros) in data.iter().zip(["zeros reported", "zeros missing"]) {
        let windows = alarm.windows(data, case.end());
        for circumstances in of {
            let history = alarm.history(&windows, circumstances, case.start());
            let fired = history.iter().filter(|(_, state)| *state == State::Alarm);
            let fired: Vec<_> = fired.map(|(minute, _)| *minute).collect();
            let last = history.last().copied();
            let ended = case.begins + case.lasts;
            let wrong = match (page, fired.as_slice(), last) {
                (None, [], _) => continue,
                (None, [minute, ..], _) => format!("fires at minute {minute}"),
                (Some(page), [], _) if page.uncertain => continue,
                (Some(_), [], _) => "does not fire".to_owned(),
                (Some(page), [first, ..], Some((minute, state))) => {
                    if *first <= case.begins {
                        format!("fires at minute {first}, before it begins")
                    } else if *first > case.begins + page.within {
                        let late = first - case.begins;
                        format!(
                            "fires at minute {first}, after {late} minutes, not {}",
                            page.within
                        )
                    } else if fired.len() != page.times && !page.uncertain {
                        format!("fires at minutes {fired:?}, not {} times", page.times)
                    } else if state == State::Alarm || minute > ended + page.over {
                        let over = minute.saturating_sub(ended);
                        format!(
                            "{state:?} since {over} minutes after the end, not OK after {}",
                            page.over
                        )
                    } else {
                        continue;
                    }
                }
                (Some(_), _, None) => "has no state".to_owned(),
            };
            let begins = case.begins;
            return Some(format!(
                "{}, case \"{}\" (begins at minute {begins}): {wrong}; {zeros}, {circumstances:?}",
                alarm.name, case.name
            ));
        }
    }
    None
}

#[test]
fn one_cause_makes_one_page_and_a_healthy_stack_none() {
    let mut wrong = String::new();
    let alarms = [alarms_of(false), alarms_of(true)];
    for (case, data) in CASES.iter() {
        for alarm in &alarms[usize::from(case.silence)] {
            if let Some(found) = judge(alarm, case, data, &Circumstances::of(alarm)) {
                writeln!(wrong, "{found}").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_second_page_of_a_cause_has_its_reason() {
    for (case, _) in CASES.iter() {
        let first = case.pages.iter().filter(|page| page.escalation.is_none());
        let expected = usize::from(!case.pages.is_empty());
        assert_eq!(first.count(), expected, "{}: {:?}", case.name, case.pages);
    }
}

#[test]
fn every_alarm_has_a_case() {
    let names: BTreeSet<_> = alarms_of(true)
        .into_iter()
        .map(|alarm| alarm.name)
        .collect();
    let pages = CASES.iter().flat_map(|(case, _)| &case.pages);
    let fired: BTreeSet<_> = pages.map(|page| page.alarm.to_owned()).collect();
    assert_eq!(fired, names);
}

/// An alarm that is broken in one of these ways would go unnoticed without a case that shows it.
#[test]
fn a_broken_alarm_fails_a_case() {
    let mut unnoticed = String::new();
    for alarm in alarms_of(true) {
        for (how, broken) in broken(&alarm) {
            let circumstances = Circumstances::of(&broken);
            let own = |case: &Case| case.pages.iter().any(|page| page.alarm == alarm.name);
            let (own, others): (Vec<_>, Vec<_>) = CASES.iter().partition(|(case, _)| own(case));
            let noticed = own.into_iter().chain(others).any(|(case, data)| {
                (case.silence || alarm.name != "Silence")
                    && judge(&broken, case, data, &circumstances).is_some()
            });
            if !noticed {
                writeln!(unnoticed, "{}: {how}", alarm.name).unwrap();
            }
        }
    }
    assert!(unnoticed.is_empty(), "no case shows\n{unnoticed}");
}

/// Returns an alarm with one thing wrong, for each thing.
fn broken(alarm: &Alarm) -> Vec<(String, Alarm)> {
    let mut all = Vec::new();
    let mut add = |how: String, change: &dyn Fn(&mut Alarm)| {
        let mut broken = alarm.clone();
        change(&mut broken);
        all.push((how, broken));
    };
    let less = alarm.comparison == Comparison::Less;
    add("a threshold out of reach".to_owned(), &|alarm| {
        alarm.threshold = if less { -1.0 } else { 1e15 };
    });
    if alarm.threshold > 0.0 && !less {
        add("a tenth of the threshold".to_owned(), &|alarm| {
            alarm.threshold /= 10.0
        });
    }
    add("the opposite comparison".to_owned(), &|alarm| {
        alarm.comparison = if less {
            Comparison::AtLeast
        } else {
            Comparison::AtMost
        };
    });
    add("four times the periods".to_owned(), &|alarm| {
        alarm.evaluation_periods *= 4;
        alarm.datapoints_to_alarm *= 4;
    });
    if alarm.datapoints_to_alarm > 1 {
        add("one data point".to_owned(), &|alarm| {
            (alarm.evaluation_periods, alarm.datapoints_to_alarm) = (1, 1);
        });
    }
    let opposite = match alarm.missing {
        MissingData::Breaching => MissingData::NotBreaching,
        _ => MissingData::Breaching,
    };
    add(
        "the opposite treatment of missing data".to_owned(),
        &|alarm| alarm.missing = opposite,
    );
    for index in 0..alarm.inputs.len() {
        let how = format!("another metric for `{}`", alarm.inputs[index].id);
        add(how, &|alarm| alarm.inputs[index].metric.name += "Other");
    }
    all
}

#[test]
fn metrics_of_aws_have_these_dimensions_and_statistics() {
    for alarm in alarms_of(true) {
        for input in &alarm.inputs {
            let metric = &input.metric;
            if !metric.namespace.starts_with("AWS/") {
                assert_eq!(input.statistic, Statistic::Sum, "{}: a count", alarm.name);
                continue;
            }
            let dimensions: Vec<_> = metric.dimensions.keys().map(String::as_str).collect();
            let known = AWS_METRICS.iter().find(|(namespace, names, of, _)| {
                *namespace == metric.namespace
                    && names.contains(&metric.name.as_str())
                    && *of == dimensions
            });
            let (.., statistic) = known.unwrap_or_else(|| panic!("{}: {metric:?}", alarm.name));
            assert_eq!(
                format!("{:?}", input.statistic),
                *statistic,
                "{}",
                alarm.name
            );
        }
    }
}

/// Data of metrics that no function counts would prove nothing.
#[test]
fn the_data_are_of_metrics_that_exist() {
    for (case, data) in CASES.iter() {
        for metric in data.iter().flat_map(Data::metrics) {
            let dimensions: BTreeSet<_> = metric.dimensions.keys().map(String::as_str).collect();
            if metric.namespace == switchhook_aws::metrics::NAMESPACE {
                super::operations::check_metric(&metric.name, &dimensions, case.name);
            } else {
                let mut known = AWS_METRICS.iter();
                let known = known.any(|(namespace, names, of, _)| {
                    *namespace == metric.namespace
                        && names.contains(&metric.name.as_str())
                        && of.iter().copied().collect::<BTreeSet<_>>() == dimensions
                });
                assert!(known, "{}: {metric:?}", case.name);
            }
        }
    }
}
