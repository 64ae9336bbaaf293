//! A list for people: a head, and columns as wide as what is in them.

use std::io::{self, Write};
use std::ops::RangeInclusive;

/// `numbers`: the columns that stand to the right. What is in `rows` may not steer a terminal.
pub(super) fn write_rows<const COLUMNS: usize>(
    out: &mut impl Write,
    head: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
    numbers: RangeInclusive<usize>,
) -> io::Result<()> {
    let mut all = vec![head.map(String::from)];
    all.extend(rows);
    let mut widths = [0; COLUMNS];
    for row in &all {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in all {
        let cells = row.iter().zip(widths).enumerate();
        let line: Vec<String> = cells
            .map(|(column, (cell, width))| match numbers.contains(&column) {
                true => format!("{cell:>width$}"),
                false => format!("{cell:<width$}"),
            })
            .collect();
        writeln!(out, "{}", line.join("  ").trim_end())?;
    }
    Ok(())
}
