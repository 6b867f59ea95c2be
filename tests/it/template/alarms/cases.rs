//! What can happen to a stack, and which alarms fire then: one page for one cause.

use super::evaluation::Data;
use super::scene::{Minute, Traffic, Zeros};

/// Minutes of an hour and of a day.
const HOUR: usize = 60;
const DAY: usize = 24 * HOUR;

/// Something that happens to a stack for a while, and the pages that it makes.
pub(super) struct Case {
    pub(super) name: &'static str,
    /// How the stack is used.
    traffic: Traffic,
    /// Minutes before it begins.
    pub(super) begins: usize,
    /// Minutes that it lasts.
    pub(super) lasts: usize,
    /// Changes a minute of it, by minutes since it began.
    during: fn(&mut Minute, usize),
    /// Changes a minute after it, by minutes since it ended.
    after: fn(&mut Minute, usize),
    /// Whether `SilenceHours` is set: not on a new stack.
    pub(super) silence: bool,
    /// The alarms that fire, and no others.
    pub(super) pages: Vec<Page>,
}

/// An alarm that fires.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) alarm: &'static str,
    /// Minutes after which it has fired at the latest, whatever the documentation leaves open.
    pub(super) within: usize,
    /// Minutes after the end of the cause after which it is OK again at the latest.
    pub(super) over: usize,
    /// How often it fires.
    pub(super) times: usize,
    /// Whether it may stay silent, by what the documentation leaves open.
    pub(super) uncertain: bool,
    /// Why it fires although another alarm did already for the same cause.
    pub(super) escalation: Option<&'static str>,
}

impl Case {
    fn new(
        name: &'static str,
        traffic: Traffic,
        lasts: usize,
        during: fn(&mut Minute, usize),
    ) -> Self {
        Self {
            name,
            traffic,
            begins: 2 * HOUR,
            lasts,
            during,
            after: |_, _| {},
            silence: false,
            pages: Vec::new(),
        }
    }

    fn after(mut self, after: fn(&mut Minute, usize)) -> Self {
        self.after = after;
        self
    }

    /// With the alarm of silence, which looks back a day and more.
    fn with_silence(mut self) -> Self {
        self.silence = true;
        self.begins = 30 * HOUR;
        self
    }

    fn page(mut self, alarm: &'static str, within: usize, over: usize) -> Self {
        self.pages.push(Page {
            alarm,
            within,
            over,
            times: 1,
            uncertain: false,
            escalation: None,
        });
        self
    }

    fn times(mut self, times: usize) -> Self {
        self.pages.last_mut().unwrap().times = times;
        self
    }

    fn uncertain(mut self) -> Self {
        self.pages.last_mut().unwrap().uncertain = true;
        self
    }

    fn because(mut self, reason: &'static str) -> Self {
        self.pages.last_mut().unwrap().escalation = Some(reason);
        self
    }

    /// Returns the first minute that is looked at.
    pub(super) fn start(&self) -> usize {
        if self.silence { self.begins - HOUR } else { 1 }
    }

    /// Returns the last minute that is looked at.
    pub(super) fn end(&self) -> usize {
        let longest = self.pages.iter().map(|page| page.over).max();
        self.begins + self.lasts + longest.unwrap_or_default().max(2 * HOUR)
    }

    /// Returns the metric data of it.
    pub(super) fn data(&self, zeros: Zeros) -> Data {
        let mut data = Data::default();
        for minute in 0..self.end() {
            let mut it = self.traffic.minute(minute);
            if minute >= self.begins + self.lasts {
                (self.after)(&mut it, minute - self.begins - self.lasts);
            } else if minute >= self.begins {
                (self.during)(&mut it, minute - self.begins);
            }
            it.report(&mut data, minute, zeros);
        }
        data
    }
}

/// Returns all cases: those of a healthy stack, which make no page, and one at least for each cause.
pub(super) fn cases() -> Vec<Case> {
    let mut cases = healthy();
    cases.extend(ingress());
    cases.extend(consumer());
    cases.extend(account());
    cases.extend(events());
    cases.extend(pipe());
    cases
}

/// Returns what happens on a stack that nobody has to be woken for.
fn healthy() -> Vec<Case> {
    use Traffic::{Busy, DayAndNight, None, Quiet, Steady};
    let nothing: fn(&mut Minute, usize) = |_, _| {};
    vec![
        Case::new("new stack, no data at all", None, DAY, |it, _| {
            it.queue_asleep = true;
        }),
        Case::new("new stack, nothing sent yet", None, DAY, nothing),
        Case::new("new stack, first deliveries", None, 1, |it, _| {
            it.answer("200", 3.0)
        }),
        Case::new("a delivery an hour", Quiet, DAY, nothing).with_silence(),
        Case::new("five deliveries a minute", Steady, 12 * HOUR, nothing),
        Case::new("thousands a minute", Busy, 14 * HOUR, nothing),
        Case::new("busy days, silent nights", DayAndNight, DAY, nothing).with_silence(),
        Case::new("a campaign", Busy, 15, |it, _| {
            it.answer("200", 100_000.0);
            (it.visible, it.age, it.claimed) = (40_000.0, Some(200.0), 600.0);
            (it.received, it.recorded) = (100_000.0, 100_000.0);
        }),
        Case::new("a backlog for a minute", Busy, 1, |it, _| {
            it.visible = 55_000.0
        }),
        Case::new("a partition is split", Busy, 2, |it, _| {
            it.throttled_table = 100.0
        }),
        Case::new("one run of the consumer fails", Steady, 1, |it, _| {
            it.consumer_errors = 1.0
        }),
        Case::new("the consumer is paused for five minutes", Steady, 5, stop)
            .after(|it, minute| drain(it, minute, 3, 300.0)),
        Case::new("one execution of the pipe fails", Steady, 1, |it, _| {
            it.pipe.push(("ExecutionFailed", 1.0));
        }),
        Case::new(
            "the sources are not refreshed once",
            Steady,
            6,
            |it, minute| {
                if minute % 5 == 0 {
                    it.count("SourcesNotRefreshed", 1.0);
                }
            },
        ),
        Case::new(
            "the account is nearly full for two minutes",
            Steady,
            2,
            |it, _| {
                it.claimed = 950.0;
            },
        ),
        Case::new("a scan of six minutes", Steady, 6, |it, _| {
            it.answer("404", 300.0)
        }),
        Case::new(
            "a scan of URLs without a route",
            Steady,
            2 * HOUR,
            |it, _| {
                it.gateway_404 = 500.0;
            },
        ),
    ]
}

fn ingress() -> Vec<Case> {
    use Traffic::{Busy, Quiet, Steady};
    let crash: fn(&mut Minute, usize) = |it, _| {
        it.gateway_5xx = it.accepted();
        it.answers.clear();
        it.nothing_handled();
        (it.visible, it.age) = (0.0, None);
    };
    vec![
        Case::new("the ingress answers 503", Steady, 20, |it, _| {
            it.refuse("503")
        })
        .page("Unavailable", 5, 35),
        Case::new("one answer 503", Busy, 1, |it, _| it.answer("503", 1.0)).page(
            "Unavailable",
            5,
            35,
        ),
        Case::new("the ingress crashes", Steady, 30, crash).page("Unavailable", 5, 35),
        // Each delivery that is lost or late pages: the alarm is OK again before the next one.
        Case::new(
            "the ingress crashes, a delivery an hour",
            Quiet,
            6 * HOUR,
            crash,
        )
        .page("Unavailable", 22, 35)
        .times(6),
        Case::new("the ingress is throttled", Steady, 15, |it, _| {
            it.answers = vec![("200", 3.0)];
            it.gateway_5xx = 2.0;
        })
        .page("Unavailable", 5, 35),
        Case::new(
            "the secret is unreadable",
            Steady,
            3 * HOUR,
            |it, minute| {
                if minute % 5 == 0 {
                    it.count("SourcesNotRefreshed", 1.0);
                }
            },
        )
        .page("SourcesNotRefreshed", 18, 45),
        Case::new(
            "the secret is unreadable, functions start anew",
            Steady,
            2 * HOUR,
            |it, minute| {
                if minute % 5 == 0 || minute >= HOUR {
                    it.count("SourcesNotRefreshed", 1.0);
                }
                if minute >= HOUR {
                    it.refuse("503");
                }
            },
        )
        .page("SourcesNotRefreshed", 18, 45)
        .page("Unavailable", HOUR + 5, 35)
        .because("the last function with an old document has ended: deliveries are refused"),
        Case::new(
            "the secret is unreadable, a delivery an hour",
            Quiet,
            5 * HOUR,
            |it, _| {
                if it.accepted() > 0.0 {
                    it.refuse("503");
                    it.count("SourcesNotRefreshed", 1.0);
                }
            },
        )
        .page("Unavailable", 22, 35)
        .times(5),
        Case::new("a secret changes at the provider", Steady, HOUR, |it, _| {
            it.refuse("401")
        })
        .page("RefusedAuthentications", 8, 35),
        Case::new("a source is removed", Steady, 2 * HOUR, |it, _| {
            it.refuse("404")
        })
        .page("UnknownUrls", 18, 60),
        Case::new("nothing arrives", Steady, 34 * HOUR, |it, _| {
            *it = Minute::default()
        })
        .with_silence()
        .page("Silence", 30 * HOUR, HOUR),
        Case::new(
            "requests come near the limit of the stage",
            Busy,
            10,
            |it, _| {
                it.gateway_404 = 190_000.0;
            },
        )
        .page("ApiRate", 4, 10),
    ]
}

fn consumer() -> Vec<Case> {
    use Traffic::{Busy, None, Quiet, Steady};
    vec![
        Case::new("the consumer's mapping is disabled", Steady, HOUR, stop)
            .after(|it, minute| drain(it, minute, 8, 3_600.0))
            .page("ConsumerStopped", 18, 12),
        Case::new(
            "the mapping is disabled, a delivery an hour",
            Quiet,
            5 * HOUR,
            |it, minute| {
                stop(it, minute);
                it.visible = small((minute + 43) / 60);
                it.age = (minute >= 17).then(|| small(minute - 17) * 60.0);
            },
        )
        .after(|it, minute| drain(it, minute, 1, 18_000.0))
        .page("ConsumerStopped", 17 + 18, 12),
        Case::new(
            "the mapping is disabled, thousands a minute",
            Busy,
            HOUR,
            |it, minute| {
                stop(it, minute);
                it.visible = 3_000.0 * small(minute + 1);
            },
        )
        .after(|it, minute| drain(it, minute, 8, 3_600.0))
        .page("ConsumerStopped", 18, 12)
        .page("QueueBacklog", 22, 12)
        .because("50,000 wait: with 120,000 one entity holds up the others"),
        // SQS reports nothing of a queue that was left alone for six hours, and is a quarter of an hour late when it
        // is used again.
        Case::new(
            "the mapping is disabled for a day",
            None,
            12 * HOUR,
            |it, minute| {
                stop(it, minute);
                it.queue_asleep = (6 * HOUR..8 * HOUR + 15).contains(&minute);
                let waits = minute >= 8 * HOUR;
                it.visible = f64::from(u8::from(waits));
                it.age = waits.then(|| small(minute - 8 * HOUR) * 60.0);
                if minute == 8 * HOUR {
                    it.answer("200", 1.0);
                }
            },
        )
        .after(|it, minute| drain(it, minute, 1, 14_400.0))
        .page("ConsumerStopped", 8 * HOUR + 15 + 18, 12),
        Case::new(
            "each run of the consumer crashes",
            Steady,
            2 * HOUR,
            |it, minute| {
                crash(it, minute, 3);
            },
        )
        .after(|it, minute| drain(it, minute, 5, 7_200.0))
        .page("ConsumerErrors", 12, 40),
        Case::new(
            "each run crashes, and seldom",
            Steady,
            2 * HOUR,
            |it, minute| {
                crash(it, minute, 6);
            },
        )
        .after(|it, minute| drain(it, minute, 2, 7_200.0))
        .page("ConsumerErrors", 12, 40),
        Case::new("one event ends the process", Steady, 21, |it, minute| {
            if minute % 3 == 0 {
                (it.consumer_runs, it.consumer_errors) = (6.0, 1.0);
            }
            it.age = Some(small(minute) * 60.0);
            if minute == 20 {
                it.count("DeadLetters", 1.0);
            }
        })
        .page("ConsumerErrors", 12, 40)
        .page("DeadLetters", 24, 35)
        .because("it was given up after five runs alone"),
        Case::new("one group fails for an hour", Steady, HOUR, |it, minute| {
            it.age = Some(small(minute) * 60.0);
        })
        .page("OldestMessage", 30, 10),
        Case::new(
            "one group fails for an hour, nothing else comes",
            None,
            HOUR,
            |it, minute| {
                // Those behind the one that fails are visible, and cannot be fetched.
                (it.age, it.visible) = (Some(small(minute) * 60.0), 3.0);
                if [0, 1, 3, 7, 15, 30, 45].contains(&minute) {
                    (it.consumer_runs, it.received) = (1.0, 1.0);
                }
            },
        )
        .page("OldestMessage", 30, 10),
        Case::new(
            "the consumer alone is throttled",
            Steady,
            HOUR,
            |it, minute| {
                it.nothing_handled();
                (it.received, it.visible) = (5.0, 5.0 * small(minute));
                it.age = Some(small(minute) * 60.0);
            },
        )
        .after(|it, minute| drain(it, minute, 5, 3_600.0))
        .page("OldestMessage", 30, 12),
        Case::new("a backlog grows", Busy, 12, |it, _| {
            (it.visible, it.age) = (60_000.0, Some(600.0));
        })
        .page("QueueBacklog", 5, 8),
    ]
}

fn account() -> Vec<Case> {
    use Traffic::{Busy, Steady};
    vec![
        Case::new(
            "DynamoDB throttles, and events wait",
            Busy,
            2 * HOUR,
            |it, minute| {
                it.throttled_table = 500.0;
                it.age = Some(small(minute) * 60.0);
                (it.visible, it.recorded) = (small(minute) * 300.0, 1_000.0);
            },
        )
        .after(|it, minute| drain(it, minute, 8, 7_200.0))
        .page("TableThrottles", 18, 30)
        .page("OldestMessage", 30, 12)
        .because("the retries no longer suffice: events wait for a quarter of an hour"),
        Case::new("DynamoDB throttles the index", Busy, 40, |it, _| {
            (it.throttled_index, it.age) = (50.0, Some(60.0));
        })
        .page("TableThrottles", 18, 30),
        Case::new(
            "the account's concurrency is nearly used up",
            Steady,
            HOUR,
            |it, _| {
                it.claimed = 850.0;
            },
        )
        .page("AccountConcurrency", 7, 12),
        Case::new(
            "the account's concurrency is used up",
            Steady,
            HOUR,
            |it, minute| {
                it.claimed = if minute < 10 { 900.0 } else { 1_000.0 };
                if minute >= 10 {
                    it.answers = vec![("200", 3.0)];
                    it.nothing_handled();
                    (it.gateway_5xx, it.received) = (2.0, 3.0);
                    it.visible = 3.0 * small(minute);
                    it.age = Some(small(minute - 10) * 60.0);
                }
            },
        )
        .after(|it, minute| drain(it, minute, 8, 3_000.0))
        .page("AccountConcurrency", 7, 12)
        .page("Unavailable", 15, 35)
        .because("the warning was not heeded: deliveries are refused")
        .page("OldestMessage", 40, 12)
        .because("the consumer is throttled as well: what was accepted waits"),
    ]
}

fn events() -> Vec<Case> {
    use Traffic::{Quiet, Steady};
    let dead: fn(&mut Minute, usize) = |it, minute| {
        if minute == 0 {
            it.count("DeadLetters", 1.0);
        }
        it.dead_letter_age = Some(small(minute) * 60.0);
    };
    vec![
        Case::new("a dead letter", Quiet, 1, dead).page("DeadLetters", 5, 35),
        Case::new(
            "two dead letters an hour apart",
            Steady,
            62,
            |it, minute| {
                if minute == 0 || minute == 61 {
                    it.count("DeadLetters", 1.0);
                }
                it.dead_letter_age = Some(small(minute) * 60.0);
            },
        )
        .page("DeadLetters", 5, 35)
        .times(2),
        Case::new("a dead letter is left for a day", Quiet, DAY, dead).page("DeadLetters", 5, 0),
        Case::new(
            "a dead letter is left for a week",
            Quiet,
            7 * DAY + HOUR,
            dead,
        )
        .page("DeadLetters", 5, 0)
        .page("DeadLettersAge", 7 * DAY + 5, 7 * HOUR)
        .because("in another week it is gone"),
        Case::new(
            "a provider changes its events",
            Steady,
            3 * HOUR,
            |it, _| {
                it.count("Unrecognised", 5.0);
            },
        )
        .page("Unrecognised", 6, 7 * HOUR),
        Case::new(
            "a provider changes its format",
            Steady,
            3 * HOUR,
            |it, _| {
                it.count("Unreadable", 5.0);
            },
        )
        .page("Unreadable", 5, 35),
        Case::new("a sender's clock is wrong", Steady, 3 * HOUR, |it, _| {
            it.count("ImplausibleTimes", 5.0);
        })
        .page("ImplausibleTimes", 6, 7 * HOUR),
        Case::new("an opt-out has no number", Quiet, 1, |it, _| {
            it.count("UnplacedOptOuts", 1.0)
        })
        .page("UnplacedOptOuts", 5, 35),
    ]
}

fn pipe() -> Vec<Case> {
    use Traffic::{Quiet, Steady};
    vec![
        Case::new("the pipe is stopped", Steady, 3 * HOUR, |it, _| {
            it.pipe_stopped = true
        })
        .page("PipeStopped", 35, 100),
        // With longer periods it would be seen surely, and the alarm would fire on a healthy stack, between an event
        // and its execution.
        Case::new(
            "the pipe is stopped, a delivery an hour",
            Quiet,
            10 * HOUR,
            |it, _| {
                it.pipe_stopped = true;
            },
        )
        .page("PipeStopped", 3 * HOUR, 3 * HOUR)
        .uncertain(),
        Case::new("the pipe fails", Steady, 3 * HOUR, |it, _| {
            it.pipe.push(("ExecutionFailed", 1.0))
        })
        .page("PipeFailures", 10, 40),
        Case::new("a part of each batch fails", Steady, 3 * HOUR, |it, _| {
            it.pipe.push(("ExecutionPartiallyFailed", 1.0));
        })
        .page("PipeFailures", 10, 40),
        Case::new("the pipe is throttled", Steady, 3 * HOUR, |it, _| {
            it.pipe.push(("ExecutionThrottled", 1.0));
        })
        .page("PipeFailures", 10, 40),
        Case::new("the pipe runs out of time", Steady, 3 * HOUR, |it, _| {
            it.pipe.push(("ExecutionTimeout", 1.0));
        })
        .page("PipeFailures", 10, 40),
        Case::new(
            "the pipe gives up after half a day",
            Steady,
            13 * HOUR,
            |it, minute| {
                it.pipe.push(("ExecutionFailed", 1.0));
                it.pipe_dead_letters = small(minute / (12 * HOUR));
            },
        )
        .page("PipeFailures", 10, 40)
        .page("PipeDeadLetters", 12 * HOUR + 4, 10)
        .because("events are given up, and have to be handed out again"),
    ]
}

/// The event source mapping does not fetch; what is accepted waits.
fn stop(it: &mut Minute, minute: usize) {
    it.not_polled = true;
    it.visible = it.accepted() * small(minute + 1);
    it.nothing_handled();
    it.age = Some(small(minute) * 60.0);
}

/// Each run of the consumer crashes; a message is fetched again after the visibility timeout.
fn crash(it: &mut Minute, minute: usize, every: usize) {
    it.visible = it.accepted() * small(minute + 1);
    it.nothing_handled();
    it.age = Some(small(minute) * 60.0);
    if minute.is_multiple_of(every) {
        (it.received, it.consumer_runs, it.consumer_errors) = (5.0, 5.0, 5.0);
    }
}

/// What waited is handled within some minutes, oldest first.
fn drain(it: &mut Minute, minute: usize, minutes: usize, age: f64) {
    if minute < minutes {
        it.age = Some(age);
        it.visible = 1_000.0;
        it.received += 1_000.0;
        it.recorded += 1_000.0;
        it.consumer_runs += 100.0;
    }
}

fn small(number: usize) -> f64 {
    u32::try_from(number).unwrap().into()
}
