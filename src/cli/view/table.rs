//! Columns without borders.

use comfy_table::{Attribute, Color, ColumnConstraint, ContentArrangement, Table, presets};

use super::Screen;
use crate::cli::paint::{Mood, Paint};

/// Between two columns.
const GAP: u16 = 2;
/// What the last column has at least, however narrow the screen is.
const LAST_COLUMNS_MIN: u16 = 20;

/// One place of a table.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    mood: Mood,
}

impl Cell {
    pub(crate) fn new(mood: Mood, text: impl Into<String>) -> Self {
        Self { text: text.into(), mood }
    }

    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self::new(Mood::Plain, text)
    }
}

impl Screen {
    /// A table with a heading, indented; only its last column is broken where the screen is too narrow.
    pub(crate) fn table(self, indent: usize, heading: &[&str], rows: Vec<Vec<Cell>>) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        match self.paint {
            Paint::On => table.enforce_styling(),
            Paint::Off => table.force_no_tty(),
        };
        if let Some(width) = self.width {
            let room = width.saturating_sub(u16::try_from(indent).unwrap_or(0));
            table.set_width(room);
        }
        let styled = |cell: Cell| {
            let shown = comfy_table::Cell::new(cell.text);
            match cell.mood {
                Mood::Plain => shown,
                Mood::Strong => shown.add_attribute(Attribute::Bold),
                Mood::Faint => shown.add_attribute(Attribute::Dim),
                Mood::Good => shown.fg(Color::Green),
                Mood::Odd => shown.fg(Color::Yellow),
                Mood::Bad => shown.fg(Color::Red).add_attribute(Attribute::Bold),
            }
        };
        table.set_header(heading.iter().map(|word| styled(Cell::new(Mood::Faint, *word))));
        table.add_rows(rows.into_iter().map(|row| row.into_iter().map(styled).collect::<Vec<_>>()));
        let last = heading.len().saturating_sub(1);
        let natural = table.column_max_content_widths();
        for (index, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, if index == last { 0 } else { GAP }));
            if index != last {
                column.set_constraint(ColumnConstraint::ContentWidth);
            } else if natural.get(index).is_some_and(|width| *width > LAST_COLUMNS_MIN) {
                let least = comfy_table::Width::Fixed(LAST_COLUMNS_MIN);
                column.set_constraint(ColumnConstraint::LowerBoundary(least));
            }
        }
        let pad = " ".repeat(indent);
        table.lines().map(|line| format!("{}\n", format!("{pad}{line}").trim_end())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<Cell>> {
        let row = |a: &str, mood, b: &str| vec![Cell::plain(a), Cell::new(mood, b)];
        vec![row("us-east", Mood::Bad, "connection refused by a peer that is far away"), row("eu", Mood::Good, "ok")]
    }

    #[test]
    fn columns_are_aligned_and_nothing_trails() {
        let text = Screen::plain().table(2, &["ENDPOINT", "LAST"], rows());
        let wanted = "  ENDPOINT  LAST\n  us-east   connection refused by a peer that is far away\n  eu        ok\n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn a_narrow_screen_breaks_the_last_column_alone() {
        let screen = Screen { paint: Paint::Off, width: Some(34) };
        let text = screen.table(2, &["ENDPOINT", "LAST"], rows());
        assert!(text.lines().all(|line| line.chars().count() <= 34), "{text}");
        assert!(text.contains("  us-east   connection refused by\n            a peer"), "{text}");
    }

    #[test]
    fn colours_stand_only_where_they_are_wanted() {
        let screen = Screen { paint: Paint::On, width: None };
        assert!(screen.table(0, &["A", "B"], rows()).contains("\x1b["));
        assert!(!Screen::plain().table(0, &["A", "B"], rows()).contains('\x1b'));
    }
}
