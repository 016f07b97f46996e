//! What people read: tables, moments and lengths of time in words. Knows the replies of the API and nothing of
//! how they came.

mod endpoints;
mod node;
mod pool;
mod table;
pub(crate) mod words;

use std::io::{self, IsTerminal};

pub(crate) use endpoints::endpoints;
pub(crate) use node::{forced, node, order};
pub(crate) use pool::line;
pub(crate) use table::Cell;

use super::paint::{Mood, Paint};

/// Where it is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    paint: Paint,
    /// In columns; none in a pipe, where lines are as long as they are.
    width: Option<u16>,
}

impl Screen {
    /// Standard output.
    pub(crate) fn stdout() -> Self {
        let size = crossterm::terminal::size().ok().filter(|_| io::stdout().is_terminal());
        Self { paint: Paint::stdout(), width: size.map(|(columns, _)| columns).filter(|columns| *columns > 0) }
    }

    /// Text in a colour, where there are colours.
    pub(crate) fn mark(self, mood: Mood, text: &str) -> String {
        self.paint.mark(mood, text)
    }

    /// As in a pipe.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self { paint: Paint::Off, width: None }
    }
}
