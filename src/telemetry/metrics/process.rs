//! What the process takes of the machine, as the system tells it. What it does not tell is left out.

use std::fs;
use std::time::{Duration, SystemTime};

use nix::sys::resource::{Resource, getrlimit};

use super::text::Text;

/// Clock ticks per second in `/proc`: part of the interface of Linux, whatever the kernel's own clock does.
const TICKS: f64 = 100.0;

/// One moment of the process.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Process {
    /// Processor time so far, user and system, in seconds.
    pub cpu_seconds: Option<f64>,
    /// Memory that is there, in bytes.
    pub resident_bytes: Option<u64>,
    /// Address space, in bytes.
    pub virtual_bytes: Option<u64>,
    /// Open files.
    pub open_files: Option<usize>,
    /// As many are allowed.
    pub open_files_max: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// When it started.
    pub started: Option<SystemTime>,
}

impl Process {
    /// This process now.
    #[must_use]
    pub fn now() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The second field is a name, which may hold anything, in parentheses.
        let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied();
        let ticks = |number| field(number)?.parse::<f64>().ok().map(|ticks| ticks / TICKS);
        let boot = fs::read_to_string("/proc/stat").ok();
        let boot = boot.and_then(|text| text.lines().find_map(|line| line.strip_prefix("btime ")?.parse().ok()));
        let boot = boot.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let resident =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB")?.trim().parse().ok());
        Self {
            cpu_seconds: ticks(14).zip(ticks(15)).map(|(user, system)| user + system),
            resident_bytes: resident.map(|kib: u64| kib * 1024),
            virtual_bytes: field(23).and_then(|bytes| bytes.parse().ok()),
            // The listing itself is one of them.
            open_files: fs::read_dir("/proc/self/fd").ok().map(|list| list.count().saturating_sub(1)),
            open_files_max: getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(soft, _)| soft),
            threads: field(20).and_then(|count| count.parse().ok()),
            started: boot.zip(ticks(22)).map(|(boot, since)| boot + Duration::from_secs_f64(since)),
        }
    }

    pub(super) fn write(&self, text: &mut Text) {
        let Self { cpu_seconds, resident_bytes, virtual_bytes, open_files, open_files_max, threads, started } = self;
        if let Some(seconds) = cpu_seconds {
            text.counter("process_cpu_seconds_total", "Processor time, user and system.").sample(&[], seconds);
        }
        if let Some(bytes) = resident_bytes {
            text.gauge("process_resident_memory_bytes", "Memory in use.").sample(&[], bytes);
        }
        if let Some(bytes) = virtual_bytes {
            text.gauge("process_virtual_memory_bytes", "Address space in use.").sample(&[], bytes);
        }
        if let Some(files) = open_files {
            text.gauge("process_open_fds", "Open files and sockets.").sample(&[], files);
        }
        if let Some(files) = open_files_max {
            text.gauge("process_max_fds", "Open files and sockets that are allowed.").sample(&[], files);
        }
        if let Some(threads) = threads {
            text.gauge("process_threads", "Threads.").sample(&[], threads);
        }
        if let Some(started) = started {
            let name = "process_start_time_seconds";
            text.gauge(name, "When the process started.").sample(&[], super::unix(*started));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_there() {
        let Process { cpu_seconds, resident_bytes, virtual_bytes, open_files, open_files_max, threads, started } =
            Process::now();
        assert!(cpu_seconds.unwrap() >= 0.0);
        assert!((1 << 20..1 << 36).contains(&resident_bytes.unwrap()), "{resident_bytes:?}");
        assert!(virtual_bytes.unwrap() >= resident_bytes.unwrap());
        assert!((3..open_files_max.unwrap()).contains(&(open_files.unwrap() as u64)));
        assert!(threads.unwrap() >= 1);
        let age = SystemTime::now().duration_since(started.unwrap()).unwrap_or_default();
        assert!(age < Duration::from_secs(3600), "{age:?}");
    }
}
