//! CloudWatch's evaluation of an alarm, minute by minute, over metric data.
//!
//! The window slides: at each minute the newest data point covers the period that ends then. CloudWatch fetches
//! more data points than the alarm evaluates, and how many more is not documented; nor is how late a
//! service's data come. Both are part of [`Circumstances`]: an alarm has to come out the same under each.

use std::collections::{BTreeMap, BTreeSet};

use super::definition::{Alarm, Input, Metric, MissingData, Statistic};
use super::expression::{Expression, Reading, Series, Value};

/// Metric data by minute.
#[derive(Clone, Debug, Default)]
pub(super) struct Data {
    metrics: BTreeMap<Metric, Minutes>,
}

/// One metric: sums and counts of all minutes before one, and each minute's own values.
#[derive(Clone, Debug, Default)]
struct Minutes {
    /// Sum and number of values of all minutes before the one of the index.
    before: Vec<(f64, f64)>,
    /// Each minute's sum, number and greatest value.
    each: Vec<Option<(f64, f64, f64)>>,
}

impl Data {
    /// Adds a value in a minute, which must not come before the metric's last one.
    pub(super) fn put(&mut self, metric: &Metric, minute: usize, value: f64) {
        if !self.metrics.contains_key(metric) {
            self.metrics.insert(metric.clone(), Minutes::default());
        }
        let minutes = self.metrics.get_mut(metric).unwrap();
        assert!(minutes.each.len() <= minute + 1, "data come in order");
        while minutes.each.len() < minute {
            minutes.close(None);
        }
        match minutes.each.get_mut(minute) {
            Some(Some((sum, count, greatest))) => {
                (*sum, *count, *greatest) = (*sum + value, *count + 1.0, greatest.max(value));
                let (before, counts) = minutes.before[minute];
                minutes.before[minute + 1] = (before + *sum, counts + *count);
            }
            _ => minutes.close(Some((value, 1.0, value))),
        }
    }

    /// Returns the metrics that have data.
    pub(super) fn metrics(&self) -> impl Iterator<Item = &Metric> {
        self.metrics.keys()
    }

    /// Returns the data point of some minutes.
    fn point(
        &self,
        metric: &Metric,
        statistic: Statistic,
        start: usize,
        end: usize,
    ) -> Option<f64> {
        let minutes = self.metrics.get(metric)?;
        let end = end.min(minutes.each.len());
        let start = start.min(end);
        let (from, to) = (minutes.before[start], minutes.before[end]);
        let (sum, count) = (to.0 - from.0, to.1 - from.1);
        if count == 0.0 {
            return None;
        }
        Some(match statistic {
            Statistic::Sum => sum,
            Statistic::Average => sum / count,
            Statistic::Maximum => {
                let values = minutes.each[start..end].iter().flatten();
                values.map(|value| value.2).fold(f64::MIN, f64::max)
            }
        })
    }
}

impl Minutes {
    fn close(&mut self, values: Option<(f64, f64, f64)>) {
        if self.before.is_empty() {
            self.before.push((0.0, 0.0));
        }
        let (sum, count) = self.before[self.before.len() - 1];
        let (more, number, _) = values.unwrap_or_default();
        self.before.push((sum + more, count + number));
        self.each.push(values);
    }
}

/// The most data points that are fetched here beyond those that are evaluated.
const MOST_EXTRA: usize = 5;

/// What the documentation leaves open about one evaluation.
#[derive(Clone, Debug)]
pub(super) struct Circumstances {
    pub(super) reading: Reading,
    /// Data points fetched beyond those that are evaluated: two in the documentation's table.
    pub(super) extra: usize,
    /// A namespace whose data come some minutes after those of the others.
    pub(super) late: Option<(String, usize)>,
    /// Whether metrics of DynamoDB keep an alarm in its state when data are missing, whatever the alarm says:
    /// the page of the user guide says "by default", that of the API "always".
    pub(super) dynamodb_keeps_state: bool,
}

impl Circumstances {
    /// Returns those that make a difference to an alarm, the documented ones first: each reading, and the first and
    /// the strictest one with more data points and with one namespace after the other late.
    pub(super) fn of(alarm: &Alarm) -> Vec<Self> {
        let readings = Reading::all();
        let plain = Self {
            reading: readings[0],
            extra: 2,
            late: None,
            dynamodb_keeps_state: false,
        };
        if matches!(alarm.result, Expression::Id(_)) {
            return plain.variants(alarm);
        }
        let strict = Self {
            reading: readings[3],
            dynamodb_keeps_state: alarm.watches("AWS/DynamoDB"),
            ..plain.clone()
        };
        let between = readings[1..3].iter().map(|reading| Self {
            reading: *reading,
            ..plain.clone()
        });
        let mut all = plain.variants(alarm);
        all.extend(between);
        all.extend(strict.variants(alarm));
        all
    }

    /// Returns up to which minute a metric's data are known at one.
    fn known(&self, input: &Input, now: usize) -> usize {
        let late = self.late.as_ref();
        let late = late.filter(|(namespace, _)| *namespace == input.metric.namespace);
        now.saturating_sub(late.map_or(0, |(_, minutes)| *minutes))
    }

    fn variants(&self, alarm: &Alarm) -> Vec<Self> {
        let namespaces: BTreeSet<_> = alarm.inputs.iter().map(|i| &i.metric.namespace).collect();
        let mut all = vec![self.clone()];
        all.extend(namespaces.into_iter().map(|name| Self {
            late: Some((name.clone(), 2)),
            ..self.clone()
        }));
        let extra = MOST_EXTRA;
        all.push(Self {
            extra,
            ..self.clone()
        });
        all
    }
}

/// The data points of each metric of an alarm for the period that ends at a minute, by that minute.
pub(super) struct Windows<'a> {
    data: &'a Data,
    inputs: Vec<Series>,
    /// At which minutes a data point that is fetched differs from what was fetched a minute before.
    differs: Vec<bool>,
}

/// An alarm's state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum State {
    InsufficientData,
    Ok,
    Alarm,
}

impl Alarm {
    fn watches(&self, namespace: &str) -> bool {
        let mut inputs = self.inputs.iter();
        inputs.any(|input| input.metric.namespace == namespace)
    }

    /// Returns its data points for the periods that end by the last minute.
    pub(super) fn windows<'a>(&self, data: &'a Data, end: usize) -> Windows<'a> {
        let series = |input: &Input| {
            let ends = 0..=end;
            ends.map(|end| {
                let start = end.saturating_sub(self.period);
                data.point(&input.metric, input.statistic, start, end)
            })
            .collect()
        };
        let inputs: Vec<Series> = self.inputs.iter().map(series).collect();
        let mut differs = vec![false; end + 1];
        let range = self.evaluation_periods + MOST_EXTRA;
        for series in &inputs {
            let pairs = series.windows(2).enumerate();
            for (before, _) in pairs.filter(|(_, pair)| pair[0] != pair[1]) {
                let fetched = (0..range).map(|index| before + 1 + index * self.period);
                fetched
                    .take_while(|minute| *minute <= end)
                    .for_each(|minute| differs[minute] = true);
            }
        }
        Windows {
            data,
            inputs,
            differs,
        }
    }

    /// Returns the minutes from one on at which the state changes, with the new one.
    pub(super) fn history(
        &self,
        windows: &Windows<'_>,
        circumstances: &Circumstances,
        start: usize,
    ) -> Vec<(usize, State)> {
        let mut state = State::InsufficientData;
        let mut history = Vec::new();
        for minute in start..windows.inputs[0].len() {
            // The same points make the same state.
            if minute > start && !self.changes(windows, circumstances, minute) {
                continue;
            }
            let inputs = self.fetch(windows, circumstances, minute);
            let ids = self.inputs.iter().map(|input| input.id.as_str());
            let values = ids.zip(inputs).collect();
            let points = match self.result.evaluate(&values, circumstances.reading) {
                Ok(Value::Series(series)) => series,
                other => panic!("{}: {other:?}", self.name),
            };
            let next = self.next_state(&points, state, circumstances);
            if next != state {
                history.push((minute, next));
                state = next;
            }
        }
        history
    }

    /// Returns whether what is fetched at a minute differs from what was a minute before.
    fn changes(&self, windows: &Windows<'_>, circumstances: &Circumstances, now: usize) -> bool {
        if windows.differs[now] {
            return true;
        }
        let inputs = self.inputs.iter();
        let mut late = inputs.filter(|input| circumstances.known(input, now) < now);
        late.any(|input| {
            let known = circumstances.known(input, now);
            let mut ends = self.ends(circumstances, now).take_while(|end| *end > known);
            ends.any(|end| {
                let point = |end, known| self.incomplete(windows, input, end, known);
                point(end, known) != point(end - 1, known.saturating_sub(1))
            })
        })
    }

    /// Returns what is fetched at a minute of each metric, newest data point first.
    fn fetch(
        &self,
        windows: &Windows<'_>,
        circumstances: &Circumstances,
        now: usize,
    ) -> Vec<Series> {
        let fetch = |(index, input): (usize, &Input)| {
            let known = circumstances.known(input, now);
            let points = self.ends(circumstances, now).map(|end| {
                if end <= known {
                    windows.inputs[index][end]
                } else {
                    self.incomplete(windows, input, end, known)
                }
            });
            points.collect()
        };
        self.inputs.iter().enumerate().map(fetch).collect()
    }

    /// Returns the minutes at which the periods end that are fetched at one, newest first.
    fn ends(&self, circumstances: &Circumstances, now: usize) -> impl Iterator<Item = usize> {
        let range = self.evaluation_periods + circumstances.extra;
        let period = self.period;
        (0..range).map(move |index| now.saturating_sub(index * period))
    }

    /// Returns a data point of which the last minutes are not known yet.
    fn incomplete(
        &self,
        windows: &Windows<'_>,
        input: &Input,
        end: usize,
        known: usize,
    ) -> Option<f64> {
        let start = end.saturating_sub(self.period);
        windows
            .data
            .point(&input.metric, input.statistic, start, known)
    }

    /// Judges data points: those that exist come first, and only where there are too few of them
    /// does it matter how missing ones are treated.
    fn next_state(
        &self,
        points: &[Option<f64>],
        state: State,
        circumstances: &Circumstances,
    ) -> State {
        let existing: Vec<_> = points.iter().flatten().collect();
        let evaluated = existing.len().min(self.evaluation_periods);
        let breaching = existing[..evaluated]
            .iter()
            .filter(|value| self.breaches(***value));
        let breaching = breaching.count();
        let absent = self.evaluation_periods - evaluated;
        let keeps_state = circumstances.dynamodb_keeps_state && self.watches("AWS/DynamoDB");
        let missing = match self.missing {
            _ if keeps_state => MissingData::Ignore,
            missing => missing,
        };
        let worst = match missing {
            MissingData::Breaching => breaching + absent,
            _ => breaching,
        };
        if worst >= self.datapoints_to_alarm {
            return State::Alarm;
        }
        if absent == 0 || breaching < evaluated {
            return State::Ok;
        }
        match missing {
            MissingData::NotBreaching | MissingData::Breaching => State::Ok,
            MissingData::Ignore => state,
            // What exists breaches, and nothing newer is known.
            MissingData::Missing if points.last().is_some_and(Option::is_some) => State::Alarm,
            MissingData::Missing => State::InsufficientData,
        }
    }

    fn breaches(&self, value: f64) -> bool {
        self.comparison.breaches(value, self.threshold)
    }
}

#[cfg(test)]
mod tests {
    use super::super::definition::Comparison;
    use super::*;

    fn alarm(missing: MissingData, datapoints_to_alarm: usize) -> Alarm {
        let metric = Metric {
            namespace: "Test".to_owned(),
            name: "Test".to_owned(),
            dimensions: BTreeMap::new(),
        };
        Alarm {
            name: "Test".to_owned(),
            inputs: vec![Input {
                id: "metric".to_owned(),
                metric,
                statistic: Statistic::Sum,
            }],
            result: Expression::Id("metric".to_owned()),
            period: 5,
            evaluation_periods: 3,
            datapoints_to_alarm,
            comparison: Comparison::Greater,
            threshold: 0.0,
            missing,
        }
    }

    /// The tables of the page "Configuring how CloudWatch alarms treat missing data": oldest point first, then
    /// the states for missing, ignore, breaching, not breaching (`-` keeps the state).
    #[test]
    fn missing_data_are_treated_as_in_the_documented_tables() {
        for (datapoints_to_alarm, points, states) in [
            (3, "0-X-X", "OOOO"),
            (3, "0----", "OOOO"),
            (3, "-----", "I-AO"),
            (3, "0XX-X", "AAAA"),
            (3, "----X", "I-AO"),
            (3, "X----", "A-AO"),
            (2, "0-X-X", "AAAA"),
            (2, "00X0X", "AAAA"),
            (2, "0-X--", "OOAO"),
            (2, "----0", "OOAO"),
            (2, "----X", "I-AO"),
        ] {
            let series: Series = points
                .chars()
                .rev()
                .map(|point| match point {
                    '-' => None,
                    point => Some(f64::from(u8::from(point == 'X'))),
                })
                .collect();
            let treatments = [
                MissingData::Missing,
                MissingData::Ignore,
                MissingData::Breaching,
                MissingData::NotBreaching,
            ];
            for (missing, expected) in treatments.into_iter().zip(states.chars()) {
                let alarm = alarm(missing, datapoints_to_alarm);
                let circumstances = &Circumstances::of(&alarm)[0];
                for before in [State::InsufficientData, State::Ok, State::Alarm] {
                    let expected = match expected {
                        'O' => State::Ok,
                        'A' => State::Alarm,
                        'I' => State::InsufficientData,
                        _ => before,
                    };
                    let state = alarm.next_state(&series, before, circumstances);
                    assert_eq!(
                        state, expected,
                        "{points} {missing:?} {datapoints_to_alarm} of 3"
                    );
                }
            }
        }
    }

    #[test]
    fn windows_slide_by_the_minute() {
        let alarm = alarm(MissingData::NotBreaching, 3);
        let metric = &alarm.inputs[0].metric;
        let mut data = Data::default();
        for minute in [20, 26, 32] {
            data.put(metric, minute, 1.0);
        }
        let circumstances = &Circumstances::of(&alarm)[0];
        let history = alarm.history(&alarm.windows(&data, 120), circumstances, 1);
        let states = [(1, State::Ok), (33, State::Alarm), (46, State::Ok)];
        assert_eq!(history, states);
    }

    #[test]
    fn late_data_are_not_seen_before_they_come() {
        let alarm = alarm(MissingData::NotBreaching, 1);
        let metric = &alarm.inputs[0].metric;
        let mut data = Data::default();
        data.put(metric, 20, 1.0);
        let all = Circumstances::of(&alarm);
        let [punctual, late] = [&all[0], &all[1]];
        assert_eq!(late.late, Some(("Test".to_owned(), 2)));
        assert_eq!(
            alarm.history(&alarm.windows(&data, 40), punctual, 1)[1].0,
            21
        );
        assert_eq!(alarm.history(&alarm.windows(&data, 40), late, 1)[1].0, 23);
    }

    #[test]
    fn statistics_of_a_period() {
        let metric = &alarm(MissingData::Missing, 3).inputs[0].metric;
        let mut data = Data::default();
        for (minute, value) in [(0, 1.0), (0, 5.0), (2, 6.0), (9, 7.0)] {
            data.put(metric, minute, value);
        }
        for (statistic, start, end, expected) in [
            (Statistic::Sum, 0, 5, Some(12.0)),
            (Statistic::Average, 0, 5, Some(4.0)),
            (Statistic::Maximum, 0, 5, Some(6.0)),
            (Statistic::Sum, 1, 2, None),
            (Statistic::Maximum, 5, 20, Some(7.0)),
            (Statistic::Sum, 10, 20, None),
        ] {
            let point = data.point(metric, statistic, start, end);
            assert_eq!(point, expected, "{statistic:?} {start} {end}");
        }
    }
}
