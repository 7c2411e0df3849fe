//! The GATT client against scripted peers, case by case: a line for each ID, and a count.
//!
//! `cargo test -p dongle-tests --test conformance [part of an ID]`

mod case;
mod counts;
mod discovery;
mod driver;
mod events;
mod hostile;
mod reading;
mod report;
mod rules;
mod server;
mod writing;

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::process::ExitCode;

use case::{Case, Check, Scenario};

/// The client cases of the GATT test suite that have to be in the table: group, kind, numbers.
const KNOWN: &[(&str, &str, &[RangeInclusive<u8>])] = &[
    ("GAC", "BV", &[1..=1]),
    ("GAD", "BV", &[1..=8]),
    ("GAR", "BV", &[1..=1, 3..=7]),
    ("GAR", "BI", &[1..=7, 9..=35]),
    ("GAW", "BV", &[1..=3, 5..=6, 8..=9]),
    ("GAW", "BI", &[2..=8, 11..=15, 17..=26, 29..=31]),
    ("GAN", "BV", &[1..=1]),
    ("GAI", "BV", &[1..=1]),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wanted: Vec<&String> = arguments
        .iter()
        .filter(|word| !word.starts_with('-'))
        .collect();
    let mut table = table();
    if arguments.iter().any(|word| word == "--list") {
        for case in &table {
            println!("{}: test", case.id);
        }
        return ExitCode::SUCCESS;
    }
    let whole = wanted.is_empty();
    let mut faults = match whole {
        true => missing(&table),
        false => Vec::new(),
    };
    table.retain(|case| whole || wanted.iter().any(|part| case.id.contains(part.as_str())));

    let mut rows = Vec::new();
    let (mut passed, mut skipped, mut spoils) = (0, 0, 0);
    for case in table {
        let result = match &case.check {
            Check::Skip(reason) => {
                skipped += 1;
                (*reason).to_owned()
            }
            Check::Run(scenarios) => match scenarios.iter().try_for_each(driver::run) {
                Ok(()) => {
                    for spoilt in scenarios.iter().flat_map(Scenario::spoilt) {
                        spoils += 1;
                        if driver::run(&spoilt).is_ok() {
                            faults.push(format!("{} passes even when it is spoilt", case.id));
                        }
                    }
                    passed += 1;
                    "pass".into()
                }
                Err(fault) => {
                    faults.push(format!("{}: {fault}", case.id));
                    "FAIL".into()
                }
            },
        };
        println!("{:<32} {result}", case.id);
        rows.push((case.id, case.purpose, result));
    }
    let counts = match counts::count() {
        Ok(counts) => counts,
        Err(fault) => {
            faults.push(fault);
            Vec::new()
        }
    };
    for count in &counts {
        println!("{:>4} requests: {}", count.requests, count.task);
        if count.requests != count.expected {
            faults.push(format!(
                "{} requests, not {}: {}",
                count.requests, count.expected, count.task
            ));
        }
    }
    if whole && faults.is_empty() {
        faults.extend(report::check(&report::page(&rows, &counts)).err());
    }
    for fault in &faults {
        println!("FAULT {fault}");
    }
    println!("{spoils} scenarios spoilt on purpose were to fail");
    println!(
        "{} cases: {passed} passed, {skipped} with a reason, {} faults",
        rows.len(),
        faults.len()
    );
    if faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn table() -> Vec<Case> {
    [
        discovery::table(),
        reading::table(),
        writing::table(),
        events::table(),
        rules::table(),
        hostile::table(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What is wrong with the table itself: an ID that is not there, or there twice.
fn missing(table: &[Case]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut ids = HashSet::new();
    for case in table {
        if !ids.insert(case.id.as_str()) {
            faults.push(format!("{} is in the table twice", case.id));
        }
    }
    for (group, kind, ranges) in KNOWN {
        for number in ranges.iter().cloned().flatten() {
            let id = format!("GATT/CL/{group}/{kind}-{number:02}-C");
            if !ids.contains(id.as_str()) {
                faults.push(format!("{id} is not in the table"));
            }
        }
    }
    faults
}
