//! A Python environment with the pinned Bumble, made once under the target folder.

use std::fmt;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{FlockOperation, flock};

const REQUIREMENTS: &str = include_str!("requirements.txt");

/// Why there is no Python environment.
#[derive(Debug)]
pub struct Missing(String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Missing {}

/// The Python interpreter that has Bumble.
///
/// The first call installs it (a quarter of a minute, from PyPI) while tests in other threads and
/// processes wait; every later one finds it there. Changed requirements make another environment.
///
/// # Errors
///
/// There is no `python3`, it comes without `venv`, or the packages can't be installed.
pub fn python_environment() -> Result<PathBuf, Missing> {
    let folder = target_folder().join("python");
    fs::create_dir_all(&folder).unwrap_or_else(|error| failed("making", &folder, &error));

    let mut hasher = DefaultHasher::new();
    REQUIREMENTS.hash(&mut hasher);
    let name = format!("bumble-{:016x}", hasher.finish());
    let environment = folder.join(&name);

    let lock_path = folder.join(format!("{name}.lock"));
    let lock =
        File::create(&lock_path).unwrap_or_else(|error| failed("making", &lock_path, &error));
    flock(&lock, FlockOperation::LockExclusive)
        .unwrap_or_else(|error| failed("locking", &lock_path, &error.into()));

    let python = environment.join("bin/python");
    // Written last, so it stands for a whole installation; the interpreter is a link into the
    // system, and gone when that was upgraded.
    let ready = environment.join("ready");
    if !ready.exists() || !python.exists() {
        install(&environment, &python)?;
        fs::write(&ready, REQUIREMENTS).unwrap_or_else(|error| failed("writing", &ready, &error));
    }
    Ok(python)
}

fn install(environment: &Path, python: &Path) -> Result<(), Missing> {
    match fs::remove_dir_all(environment) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            failed("removing", environment, &error);
        }
        _ => {}
    }
    run(Command::new("python3")
        .args(["-m", "venv"])
        .arg(environment))?;

    let requirements = environment.join("requirements.txt");
    fs::write(&requirements, REQUIREMENTS)
        .unwrap_or_else(|error| failed("writing", &requirements, &error));
    run(Command::new(python)
        .args(["-m", "pip", "install", "--quiet", "--requirement"])
        .arg(&requirements))
}

fn run(command: &mut Command) -> Result<(), Missing> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| {
        let program = command.get_program().display();
        match error.kind() {
            io::ErrorKind::NotFound => Missing(format!("{program} is missing")),
            _ => Missing(format!("{program}: {error}")),
        }
    })?;
    if output.status.success() {
        return Ok(());
    }
    Err(Missing(format!(
        "{command:?} failed ({}): {}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr).trim_end(),
    )))
}

/// Cargo's target folder, in which the running test lies, wherever the user has put it:
/// `TARGET/PROFILE/deps/TEST`.
fn target_folder() -> PathBuf {
    let test = std::env::current_exe().expect("a running program has a path");
    test.ancestors()
        .find(|folder| folder.ends_with("deps") || folder.ends_with("examples"))
        .and_then(|folder| folder.parent()?.parent())
        .map(Path::to_path_buf)
        .unwrap_or_else(|| panic!("{} is in no target folder", test.display()))
}

/// Tells of a failure that a missing Python does not explain.
fn failed(what: &str, path: &Path, error: &io::Error) -> ! {
    panic!("{what} {}: {error}", path.display());
}
