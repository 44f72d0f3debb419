//! Writes lines of CSV (RFC 4180) that spreadsheets treat as plain text.

use clowder_core::{Error, Result};
use csv::{Terminator, WriterBuilder};

/// Lines with their line breaks. Cells that a spreadsheet would run as a formula get an apostrophe in front.
pub fn lines<R>(rows: impl IntoIterator<Item = R>) -> Result<Vec<u8>>
where
    R: IntoIterator<Item: AsRef<str>>,
{
    let wrong = |error: &dyn std::error::Error| Error::internal(format!("csv: {error}"));
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        let cells = row.into_iter().map(|cell| text(cell.as_ref()));
        writer.write_record(cells).map_err(|error| wrong(&error))?;
    }
    writer.into_inner().map_err(|error| wrong(&error))
}

fn text(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if is_formula { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_table() {
        for (text, written) in [
            ("", ""),
            ("plain text", "plain text"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("+49", "'+49"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""),
            ("a=1", "a=1"),
        ] {
            let line = String::from_utf8(lines([["first", text]]).unwrap()).unwrap();
            assert_eq!(line, format!("first,{written}\r\n"), "{text}");
        }
        assert_eq!(lines([["a", "b,c"], ["", ""]]).unwrap(), b"a,\"b,c\"\r\n,\r\n");
    }
}
