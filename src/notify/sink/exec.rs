//! Commands: the event as JSON on standard input and by its parts in the environment.
//!
//! No shell, no PATH look-up, no inherited environment. A command and all that it started are one process
//! group, which is ended when its time is over. Exit status 0 is a success, 75 (EX_TEMPFAIL of sysexits)
//! asks for another try, all else is a failure that is told and not repeated.

use std::collections::VecDeque;
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::wallet::Cut;
use super::{Failure, Unready, Wallet, clip};
use crate::control::{Record, Stage};
use crate::model::sink::Text;

/// "Try again later".
const EX_TEMPFAIL: i32 = 75;
/// Of a variable. Linux takes 128 KiB (`MAX_ARG_STRLEN`); the whole text is in the JSON.
const TEXT_LEN_MAX: usize = 8192;
/// Between asking a group to end and ending it.
const GRACE_TIME: Duration = Duration::from_secs(2);
/// So much of what a command writes is kept: the end of it.
const OUTPUT_BYTES_MAX: usize = 4096;
/// A command that has ended may have left somebody behind who keeps its output open.
const OUTPUT_TIME: Duration = Duration::from_millis(200);
/// Where the node has none.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A command.
pub(super) struct Exec {
    program: String,
    arguments: Vec<String>,
    limit: Duration,
    environment: Vec<(String, String)>,
    wallet: Wallet,
}

impl Exec {
    pub(super) fn new(
        command: &[String],
        limit: Duration,
        env: &[(String, Text)],
        wallet: &Wallet,
    ) -> Result<Self, Unready> {
        let mut words = command.iter().cloned();
        let program = words.next().unwrap_or_default();
        let value = |(name, text): &(String, Text)| Ok((name.clone(), wallet.text(text)?.to_owned()));
        let environment = env.iter().map(value).collect::<Result<_, Unready>>()?;
        Ok(Self { program, arguments: words.collect(), limit, environment, wallet: wallet.clone() })
    }

    /// Runs it; the end of what it wrote.
    pub(super) async fn tell(&self, record: &Record) -> Result<String, Failure> {
        let mut input = serde_json::to_vec(record).map_err(|error| Failure::Unsayable(error.to_string()))?;
        input.push(b'\n');
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| PATH.into()))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .envs(variables(record))
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = command.spawn().map_err(Failure::Spawn)?;
        // From here on, whatever ends this attempt ends the group.
        let group = Group::of(&child);
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let write = async move {
            if let Some(mut stdin) = stdin {
                // A command need not read it.
                let _ = stdin.write_all(&input).await;
            }
        };
        let mut tail = Tail::default();
        let ended = {
            let run = async {
                let (mut read, mut is_read) = (pin!(tail.read(stdout, stderr)), false);
                let mut end = pin!(async { tokio::join!(write, child.wait()).1 });
                loop {
                    tokio::select! {
                        () = &mut read, if !is_read => is_read = true,
                        status = &mut end => {
                            // What it wrote last may still be on its way.
                            let _ = timeout(OUTPUT_TIME, async { if !is_read { read.await } }).await;
                            return status;
                        }
                    }
                }
            };
            timeout(self.limit, run).await
        };
        match ended {
            Ok(status) => {
                group.release();
                judge(status.map_err(Failure::Spawn)?, tail.into_text(&self.wallet))
            }
            Err(_) => {
                group.end(&mut child).await;
                let how = format!("took longer than {} and was ended", humantime::format_duration(self.limit));
                Err(Failure::Command { how, output: tail.into_text(&self.wallet), again: false })
            }
        }
    }
}

fn judge(status: ExitStatus, output: String) -> Result<String, Failure> {
    if status.success() {
        return Ok(output);
    }
    let how = match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    };
    Err(Failure::Command { how, output, again: status.code() == Some(EX_TEMPFAIL) })
}

/// The event by its parts; what does not apply is not there.
fn variables(record: &Record) -> impl Iterator<Item = (&'static str, String)> {
    let state = match record.state {
        Stage::Firing => "firing",
        Stage::Resolved => "resolved",
        Stage::Note => "note",
    };
    // No variable can hold NUL, nor more than the system takes.
    let text = |text: &str| Some(clip(&text.replace('\0', ""), TEXT_LEN_MAX));
    let all = [
        ("PHAROS_EVENT_ID", Some(record.id.to_string())),
        ("PHAROS_KIND", text(&record.kind)),
        ("PHAROS_TOPIC", text(record.topic.word())),
        ("PHAROS_SEVERITY", text(record.severity.word())),
        ("PHAROS_STATE", text(state)),
        ("PHAROS_ZONE", record.zone.clone()),
        ("PHAROS_POOL", record.pool.clone()),
        ("PHAROS_ENDPOINT", record.endpoint.clone()),
        ("PHAROS_REGION", record.region.clone()),
        ("PHAROS_ADDRESS", record.address.map(|address| address.to_string())),
        ("PHAROS_TEXT", text(&record.text)),
        ("PHAROS_NODE", text(&record.node)),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?)))
}

/// The process group of a command. Dropped, it is killed: nothing of a hook may outlive its attempt unseen.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw))
    }

    /// Its leader has ended: what it left behind is on its own.
    fn release(mut self) {
        self.0 = None;
    }

    /// Asks it to end, and then ends it. The leader is only waited for afterwards: until then its id, which
    /// is that of the group, cannot be given to others.
    async fn end(self, child: &mut Child) {
        self.signal(Signal::SIGTERM);
        sleep(GRACE_TIME).await;
        drop(self);
        let _ = child.wait().await;
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // An error says that nobody is left.
            let _ = killpg(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

/// The end of what a command writes.
#[derive(Default)]
struct Tail {
    bytes: VecDeque<u8>,
    /// There was more before it.
    is_cut: bool,
}

impl Tail {
    /// Reads both outputs to their end.
    async fn read(&mut self, mut out: Option<impl AsyncRead + Unpin>, mut err: Option<impl AsyncRead + Unpin>) {
        let (mut a, mut b) = ([0; 1024], [0; 1024]);
        while out.is_some() || err.is_some() {
            tokio::select! {
                read = read_some(&mut out, &mut a), if out.is_some() => self.push(&a[..read]),
                read = read_some(&mut err, &mut b), if err.is_some() => self.push(&b[..read]),
            }
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        let surplus = self.bytes.len().saturating_sub(OUTPUT_BYTES_MAX);
        self.bytes.drain(..surplus);
        self.is_cut |= surplus > 0;
    }

    /// On one line, without secrets, nor a part of one where it was cut.
    fn into_text(self, wallet: &Wallet) -> String {
        let bytes: Vec<u8> = self.bytes.into();
        let cut = if self.is_cut { Cut::Before } else { Cut::No };
        let text = wallet.hide_in(&String::from_utf8_lossy(&bytes), cut);
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let text = lines.collect::<Vec<_>>().join("; ");
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    }
}

/// Reads what is there; none is left at the end.
async fn read_some(source: &mut Option<impl AsyncRead + Unpin>, buffer: &mut [u8]) -> usize {
    let Some(open) = source else { return 0 };
    let read = open.read(buffer).await.unwrap_or(0);
    if read == 0 {
        *source = None;
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::Severity;
    use crate::notify::selection::tests::record;

    fn exec(script: &str, limit: Duration, env: &[(&str, &str)]) -> Exec {
        let command = ["/bin/sh", "-c", script].map(str::to_owned);
        let env: Vec<_> =
            env.iter().map(|(name, text)| ((*name).to_owned(), Text::Plain((*text).to_owned()))).collect();
        Exec::new(&command, limit, &env, &Wallet::default()).expect("made")
    }

    async fn run(script: &str, limit: Duration) -> Result<String, Failure> {
        exec(script, limit, &[]).tell(&record(7, "endpoint-down", Severity::Warning, Stage::Firing)).await
    }

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn the_exit_status_decides() {
        assert_eq!(run("echo fine; exit 0", LONG).await.expect("ran"), "fine");
        let failed = run("echo one; echo two >&2; exit 3", LONG).await.expect_err("failed");
        let text = failed.to_string();
        assert!(text.starts_with("the command ended with exit status 3: "), "{text}");
        assert!(text.contains("one") && text.contains("two") && failed.is_final(), "{text}");
        assert!(!run("exit 75", LONG).await.expect_err("failed").is_final());
        assert_eq!(run("kill -9 $$", LONG).await.expect_err("failed").to_string(), "the command was ended by signal 9");
        let command = ["/nonexistent/hook".to_owned()];
        let none = Exec::new(&command, LONG, &[], &Wallet::default()).expect("made");
        let failed = none.tell(&record(7, "x", Severity::Info, Stage::Note)).await.expect_err("failed");
        assert!(failed.to_string().starts_with("the command cannot be started: "), "{failed}");
    }

    #[tokio::test]
    async fn it_is_told_the_event_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let (seen, vars) = (folder.path().join("in"), folder.path().join("env"));
        let script = format!("cat > {}; env > {}", seen.display(), vars.display());
        let down = record(7, "endpoint-down", Severity::Warning, Stage::Firing);
        exec(&script, LONG, &[("HOME", "/root")]).tell(&down).await.expect("ran");
        let read: Record = serde_json::from_slice(&std::fs::read(seen).expect("there")).expect("JSON");
        assert_eq!(read, down);
        let text = std::fs::read_to_string(vars).expect("there");
        // What a shell sets by itself is not ours.
        let own = |line: &&str| !["PWD=", "SHLVL=", "_=", "OLDPWD=", "PATH="].iter().any(|name| line.starts_with(name));
        let mut found: Vec<_> = text.lines().filter(own).collect();
        found.sort_unstable();
        let want = [
            "HOME=/root",
            "PHAROS_ADDRESS=192.0.2.10",
            "PHAROS_ENDPOINT=us-east",
            "PHAROS_EVENT_ID=7",
            "PHAROS_KIND=endpoint-down",
            "PHAROS_NODE=ns1",
            "PHAROS_POOL=app",
            "PHAROS_REGION=us",
            "PHAROS_SEVERITY=warning",
            "PHAROS_STATE=firing",
            "PHAROS_TEXT=endpoint us-east (192.0.2.10) of app.example.com/app is down: <b> & 503",
            "PHAROS_TOPIC=endpoint",
            "PHAROS_ZONE=app.example.com",
        ];
        assert_eq!(found, want);
    }

    #[tokio::test]
    async fn of_much_output_the_end_is_kept() {
        let text =
            run("yes | head -c 1000000; echo; echo the end; exit 1", LONG).await.expect_err("failed").to_string();
        assert!(text.ends_with("the end") && text.len() < 3 * OUTPUT_BYTES_MAX, "{}", text.len());
    }

    #[test]
    fn a_secret_is_hidden_where_the_output_was_cut() {
        let wallet = super::super::wallet::tests::wallet("TOKEN", "hunter2-hunter2");
        for after in OUTPUT_BYTES_MAX - 20..=OUTPUT_BYTES_MAX {
            let mut tail = Tail::default();
            for piece in format!("{}hunter2-hunter2{}", "x".repeat(100), "y".repeat(after)).as_bytes().chunks(1024) {
                tail.push(piece);
            }
            let text = tail.into_text(&wallet).replace("(secret)", "");
            assert!(text.chars().all(|c| c == 'x' || c == 'y') && text.len() >= after.min(OUTPUT_BYTES_MAX), "{text}");
        }
    }

    #[tokio::test]
    async fn who_is_left_behind_holds_nothing_up() {
        let began = tokio::time::Instant::now();
        run("sleep 100 & exit 0", LONG).await.expect("ran");
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[tokio::test]
    async fn all_that_a_slow_command_started_is_ended() {
        let folder = tempfile::tempdir().expect("a folder");
        let pids = folder.path().join("pids");
        // One of them does not listen to TERM.
        let script = format!(
            "sleep 300 & echo $! >> {0}; (trap '' TERM; while :; do sleep 300; done) & echo $! >> {0}; echo hello; wait",
            pids.display()
        );
        let failed = run(&script, Duration::from_millis(500)).await.expect_err("too slow");
        assert_eq!(failed.to_string(), "the command took longer than 500ms and was ended: hello");
        let text = std::fs::read_to_string(pids).expect("there");
        let alive = || text.lines().filter(|pid| is_running(pid)).count();
        assert_eq!(text.lines().count(), 2);
        for _ in 0..2000 {
            if alive() == 0 {
                return;
            }
            sleep(Duration::from_millis(5)).await;
        }
        panic!("still running");
    }

    /// Zombies are not: they wait for whoever inherited them.
    fn is_running(pid: &str) -> bool {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        state.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
    }
}
