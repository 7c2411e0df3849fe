//! Runs every case in a process of its own: one USB bus fits into one.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

use std::io::Read as _;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// A case: its name and what it does.
pub type Case = (&'static str, fn());

/// How long a case may take: longer than any wait in it.
const PATIENCE: Duration = Duration::from_secs(180);
const NAME: &str = "USB_CASE";

/// The `main` of a test target: as the arguments of `cargo test` wish, all cases or those whose
/// name contains one of them.
pub fn main(cases: &[Case]) -> ExitCode {
    if let Ok(name) = std::env::var(NAME) {
        let case = cases.iter().find(|case| case.0 == name);
        case.expect("a case of that name").1();
        return ExitCode::SUCCESS;
    }
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let exact = arguments.iter().any(|argument| argument == "--exact");
    let filters: Vec<_> = arguments.iter().filter(|it| !it.starts_with('-')).collect();
    let wanted = |name: &str| {
        filters.is_empty()
            || filters.iter().any(|filter| {
                if exact {
                    *filter == name
                } else {
                    name.contains(filter.as_str())
                }
            })
    };
    let chosen: Vec<_> = cases.iter().filter(|case| wanted(case.0)).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        for (name, _) in chosen {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", chosen.len());
    let mut failed = 0;
    for (name, _) in &chosen {
        match run(name) {
            Ok(took) => println!("test {name} ... ok ({} ms)", took.as_millis()),
            Err(output) => {
                failed += 1;
                println!("test {name} ... FAILED\n{output}");
            }
        }
    }
    let result = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {result}. {} passed; {failed} failed\n",
        chosen.len() - failed
    );
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run(name: &str) -> Result<Duration, String> {
    let began = Instant::now();
    // For the files behind its bus.
    let folder = std::env::temp_dir().join(format!("usb-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    if name.contains("environment") {
        command.env("DONGLE_SNOOP", folder.join("trace.btsnoop"));
    }
    let mut child = command
        .env(NAME, name)
        .env("TMPDIR", &folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let out = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = stdout.read_to_string(&mut text);
        text
    });
    let err = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = stderr.read_to_string(&mut text);
        text
    });
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if began.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            break None;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let _ = std::fs::remove_dir_all(folder);
    let output = out.join().unwrap() + &err.join().unwrap();
    match status {
        Some(status) if status.success() => {
            // A case that couldn't run says so.
            print!("{output}");
            Ok(began.elapsed())
        }
        Some(status) => Err(format!("{output}\n{status}")),
        None => Err(format!("{output}\nstill running after {PATIENCE:?}")),
    }
}
