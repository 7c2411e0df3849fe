//! docs/cli.md: its commands are run as they stand there, and print what stands there.

// Tests may panic: that is how they fail.
#![allow(clippy::expect_used, clippy::panic)]
#![cfg(unix)]

mod common;

use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What takes longer hangs.
const LIMIT: Duration = Duration::from_secs(120);
/// How long what was told to end may take to do so.
const GRACE: Duration = Duration::from_secs(10);

/// A command of the page, and the lines that it prints.
struct Step {
    command: String,
    printed: Vec<String>,
}

/// The commands of each block.
fn blocks(page: &str) -> Vec<Vec<Step>> {
    let mut blocks = Vec::new();
    let mut block: Option<Vec<Step>> = None;
    for line in page.lines() {
        match (&mut block, line.strip_prefix("$ ")) {
            (None, _) if line == "```console" => block = Some(Vec::new()),
            (None, _) => {}
            (Some(_), _) if line == "```" => blocks.extend(block.take()),
            (Some(steps), Some(command)) => steps.push(Step {
                command: command.into(),
                printed: Vec::new(),
            }),
            (Some(steps), None) => {
                let step = steps.last_mut().expect("a command before its output");
                step.printed.push(line.into());
            }
        }
    }
    blocks
}

/// All steps as one script, with a line before the output of each.
fn script(steps: &[Step]) -> String {
    let mut script = String::from("exec 2>&1\n");
    for (number, Step { command, printed }) in steps.iter().enumerate() {
        // `$?` is that of the command before.
        script += &format!("code=$?; echo '### {number}'; (exit $code)\n");
        match command.strip_suffix(" &") {
            // What goes on in the background is up once it has said what the page says.
            Some(command) => {
                let least = printed.iter().filter(|line| *line != "…").count();
                script += &format!(
                    ": > $HOME/background; {command} > $HOME/background &\n\
                     until [ $(wc -l < $HOME/background) -ge {least} ]; do sleep 0.05; done\n\
                     cat $HOME/background\n"
                );
            }
            None => script += &format!("{command}\n"),
        }
    }
    script
}

/// Whether a line is as the page has it: `…` is anything.
fn is_as(line: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('…');
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else {
        return false;
    };
    let mut open = false;
    for part in parts {
        open = part.is_empty();
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    open || rest.is_empty()
}

/// Whether lines are as the page has them: a line of `…` alone is any number of them.
fn are_as(lines: &[&str], patterns: &[String]) -> bool {
    match (lines, patterns) {
        ([], []) => true,
        (_, [pattern, patterns @ ..]) if pattern == "…" => {
            (0..=lines.len()).any(|skipped| are_as(&lines[skipped..], patterns))
        }
        ([line, lines @ ..], [pattern, patterns @ ..]) => {
            is_as(line, pattern) && are_as(lines, patterns)
        }
        _ => false,
    }
}

/// What a script prints. Whatever it starts ends with it.
fn printed(script: &str, path: &str, home: &Path) -> String {
    let mut command = Command::new("sh");
    command
        .args(["-c", script])
        .env("PATH", path)
        .env("HOME", home)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0);
    for variable in common::VARIABLES {
        command.env_remove(variable);
    }
    let mut shell = command.spawn().expect("a shell");
    let output = common::drain(shell.stdout.take());
    let group = format!("-{}", shell.id());
    common::wait_for(&mut shell, LIMIT);
    let end = |signal| {
        let kill = Command::new("kill").args([signal, "--", &group]).output();
        kill.expect("kill").status.success()
    };
    // What has ended in order meanwhile is gone.
    let began = Instant::now();
    while end("-0") && began.elapsed() < GRACE {
        std::thread::sleep(Duration::from_millis(10));
    }
    let left = end("-KILL");
    let output = output.expect("a pipe").join().expect("a reader");
    // The page says once that it is left out.
    let output = String::from_utf8(output).expect("text");
    let output = output.replace(common::NOTE, "");
    assert!(!left, "something goes on behind\n{script}\n{output}");
    output
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

#[test]
fn the_commands_of_the_page_print_what_it_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let tool = Path::new(env!("CARGO_BIN_EXE_dongle"));
    let folder = tool.parent().expect("a folder").display();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
    let home = std::env::temp_dir().join(format!("dongle-cli-page-{}", std::process::id()));
    std::fs::create_dir_all(&home).expect("a folder");
    let here = home.display().to_string();
    let jq = Command::new("jq").arg("--version").output().is_ok();
    let mut run = 0;
    for block in blocks(&page) {
        if !jq && block.iter().any(|step| step.command.contains("jq ")) {
            continue;
        }
        // Its files go into a folder of its own, and its port may be taken.
        let port = free_port().to_string();
        let own = |text: &str| text.replace("/tmp", &here).replace("9000", &port);
        let output = printed(&own(&script(&block)), &path, &home);
        for (number, step) in block.iter().enumerate() {
            let (begin, end) = (format!("### {number}\n"), format!("### {}\n", number + 1));
            let printed = output.split(&begin).nth(1).unwrap_or_default();
            let printed = printed.split(&end).next().unwrap_or_default();
            let lines: Vec<_> = printed.lines().collect();
            let patterns: Vec<_> = step.printed.iter().map(|line| own(line)).collect();
            assert!(
                are_as(&lines, &patterns),
                "$ {}\n{printed}\nis not as the page has it:\n{}",
                step.command,
                patterns.join("\n")
            );
            run += 1;
        }
    }
    std::fs::remove_dir_all(&home).expect("a folder");
    assert!(run >= 20, "only {run} commands were found");
}

#[test]
fn what_differs_is_left_out_of_the_comparison() {
    assert!(is_as(
        "connected in 155 ms, MTU 251",
        "connected in … ms, MTU 251"
    ));
    assert!(is_as("\"0.1.0\"  30", "\"…\"  …"));
    assert!(!is_as(
        "connected in 155 ms, MTU 23",
        "connected in … ms, MTU 251"
    ));
    assert!(!is_as("87 %!", "87 %"));
    let patterns = ["a", "…", "d"].map(String::from);
    assert!(are_as(&["a", "b", "c", "d"], &patterns));
    assert!(are_as(&["a", "d"], &patterns));
    assert!(!are_as(&["a", "b"], &patterns));
}
