//! Where the scene is shown: redrawn on a terminal, or told line by line.

use std::io::{self, IsTerminal, Stdout, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::terminal::{Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, event, execute, queue, terminal};
use tokio::sync::mpsc;

use super::draw::{self, Colours};
use super::scene::{Note, Scene};

/// How soon the reader of keys notices the end.
const KEY_PATIENCE: Duration = Duration::from_millis(100);

/// What a person asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// Fail or restore the region with this index.
    Region(usize),
    /// End the demo.
    Quit,
}

/// The output of the demo.
pub(super) enum Stage {
    /// A terminal that is redrawn.
    Screen(Screen),
    /// Lines.
    Lines(Stdout, Colours),
}

impl Stage {
    /// A screen where there is a terminal on both sides and it was not asked to run by itself.
    pub(super) fn open(script: bool, keys: mpsc::Sender<Key>) -> io::Result<Self> {
        let colours = Colours(io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none());
        if script || !io::stdout().is_terminal() || !io::stdin().is_terminal() {
            return Ok(Self::Lines(io::stdout(), colours));
        }
        Ok(Self::Screen(Screen::open(colours, keys)?))
    }

    /// The first thing shown.
    pub(super) fn begin(&mut self, scene: &Scene) -> io::Result<()> {
        match self {
            Self::Screen(_) => self.draw(scene),
            Self::Lines(out, colours) => lines(out, &draw::head(scene, *colours)),
        }
    }

    /// Something happened.
    pub(super) fn note(&mut self, note: &Note) -> io::Result<()> {
        match self {
            Self::Screen(_) => Ok(()),
            Self::Lines(out, colours) => lines(out, &[draw::note(note, *colours)]),
        }
    }

    /// Brings a screen up to date.
    pub(super) fn draw(&mut self, scene: &Scene) -> io::Result<()> {
        match self {
            Self::Screen(screen) => screen.draw(scene),
            Self::Lines(..) => Ok(()),
        }
    }

    /// Ends; what is left to say stays on the terminal.
    pub(super) fn end(self, last: &[String]) -> io::Result<()> {
        drop(self);
        lines(&mut io::stdout(), last)
    }
}

fn lines(out: &mut Stdout, lines: &[String]) -> io::Result<()> {
    for line in lines {
        writeln!(out, "{line}")?;
    }
    out.flush()
}

/// A terminal in raw mode; as it was before on drop.
pub(super) struct Screen {
    out: Stdout,
    colours: Colours,
    done: Arc<AtomicBool>,
}

impl Screen {
    fn open(colours: Colours, keys: mpsc::Sender<Key>) -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            restore();
            before(info);
        }));
        let done = Arc::new(AtomicBool::new(false));
        let mut screen = Self { out: io::stdout(), colours, done: Arc::clone(&done) };
        execute!(screen.out, EnterAlternateScreen, cursor::Hide)?;
        std::thread::Builder::new().name("keys".to_owned()).spawn(move || read_keys(&keys, &done))?;
        Ok(screen)
    }

    fn draw(&mut self, scene: &Scene) -> io::Result<()> {
        let (width, height) = terminal::size()?;
        let (width, height) = (usize::from(width), usize::from(height));
        queue!(self.out, terminal::BeginSynchronizedUpdate, cursor::MoveTo(0, 0))?;
        for (row, line) in draw::screen(scene, height, self.colours).iter().enumerate() {
            let row = u16::try_from(row).unwrap_or(u16::MAX);
            queue!(self.out, cursor::MoveTo(0, row))?;
            write!(self.out, "{}", cut(line, width))?;
            queue!(self.out, Clear(ClearType::UntilNewLine))?;
        }
        queue!(self.out, terminal::EndSynchronizedUpdate)?;
        self.out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        restore();
    }
}

/// The terminal as it was.
fn restore() {
    // One that is gone needs no restoring.
    let _ = execute!(io::stdout(), cursor::Show, LeaveAlternateScreen);
    let _ = terminal::disable_raw_mode();
}

/// At most so many columns; escapes take none.
fn cut(line: &str, width: usize) -> String {
    let mut out = String::with_capacity(line.len());
    let (mut columns, mut escape) = (0, false);
    for c in line.chars() {
        if c == '\x1b' {
            escape = true;
        } else if escape {
            escape = c != 'm';
        } else {
            columns += 1;
            if columns > width {
                continue;
            }
        }
        out.push(c);
    }
    out
}

fn read_keys(keys: &mpsc::Sender<Key>, done: &AtomicBool) {
    while !done.load(Ordering::Relaxed) {
        match event::poll(KEY_PATIENCE) {
            Ok(true) => {}
            Ok(false) => continue,
            Err(_) => break,
        }
        let Ok(Event::Key(key)) = event::read() else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        let key = match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Key::Quit,
            KeyCode::Char('q') | KeyCode::Esc => Key::Quit,
            KeyCode::Char('1') => Key::Region(0),
            KeyCode::Char('2') => Key::Region(1),
            _ => continue,
        };
        if keys.blocking_send(key).is_err() {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_take_no_columns() {
        assert_eq!(cut("\x1b[1mabcdef\x1b[0m", 3), "\x1b[1mabc\x1b[0m");
        assert_eq!(cut("abc", 3), "abc");
    }
}
