//! Runs programs under callgrind and reads what it wrote.

use std::fs;
use std::ops::{AddAssign, Sub};
use std::path::Path;
use std::process::Command;

/// Instructions that were executed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    /// By the program.
    pub(crate) own: u64,
    /// By the libraries that it is linked with.
    pub(crate) library: u64,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.own += other.own;
        self.library += other.library;
    }
}

impl Sub for Cost {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { own: self.own.saturating_sub(other.own), library: self.library.saturating_sub(other.library) }
    }
}

/// A command to run under callgrind, to which the program and its arguments are still to be added. What
/// it counts goes to files that begin with `out`.
pub(crate) fn command(out: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command.args(["--quiet", "--tool=callgrind", "--compress-strings=no", "--compress-pos=no"]);
    command.arg(format!("--callgrind-out-file={}", out.display()));
    command
}

/// What this program, called with `argument`, executes in each call of a function, callees included.
pub(crate) fn by_call(function: &str, argument: &str) -> Vec<Cost> {
    let folder = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let status = command(&folder.path().join("out"))
        .args(["--collect-atstart=no", &format!("--toggle-collect={function}"), &format!("--dump-after={function}")])
        .arg(&program)
        .arg(argument)
        .status()
        .unwrap();
    assert!(status.success(), "under callgrind: {status}");
    // The last file has what came after the last call: nothing.
    let part = |n: u32| fs::read_to_string(folder.path().join(format!("out.{n}"))).ok();
    (1..).map_while(part).map(|text| sum_of(&text, &program)).collect()
}

/// What the threads that run a function executed. Their files, one for each thread, begin with `out`.
pub(crate) fn by_thread(out: &Path, program: &Path, function: &str) -> Cost {
    let files = fs::read_dir(out.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let prefix = out.to_str().unwrap();
    let mut sum = Cost::default();
    for file in files.filter(|path| path.to_str().is_some_and(|path| path.starts_with(prefix))) {
        let text = fs::read_to_string(file).unwrap();
        if text.lines().any(|line| line.strip_prefix("fn=").is_some_and(|name| name.contains(function))) {
            sum += sum_of(&text, program);
        }
    }
    sum
}

/// Sums what callgrind wrote by whether the code is that of `program`.
/// (The format: <https://valgrind.org/docs/manual/cl-format.html>.)
fn sum_of(text: &str, program: &Path) -> Cost {
    let program = fs::canonicalize(program).unwrap();
    let (mut cost, mut is_own, mut is_call) = (Cost::default(), false, false);
    for line in text.lines() {
        if let Some(object) = line.strip_prefix("ob=") {
            is_own = Path::new(object) == program;
        } else if line.starts_with("calls=") {
            is_call = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit()) {
            // Behind a call stands what was executed in it, which is told there again.
            if !std::mem::take(&mut is_call) {
                let count = line.rsplit(' ').next().and_then(|count| count.parse().ok()).unwrap_or_default();
                cost += if is_own { Cost { own: count, library: 0 } } else { Cost { own: 0, library: count } };
            }
        }
    }
    cost
}
