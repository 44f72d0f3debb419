//! Finds and overwrites leftovers between the cells of b-tree pages (file format:
//! <https://www.sqlite.org/fileformat2.html#b_tree_pages>). SQLite overwrites a deleted cell (`secure_delete`), but not
//! the copies that stay behind in a page when its cells move to a neighbour.

/// The offset of the header in the first page, after the header of the file.
const FILE_HEADER: usize = 100;

/// Beyond this, the first octet of an overflow page could look like the type of a b-tree page: 32 million pages, 128
/// GB.
pub const MOST_PAGES: i64 = 0x0200_0000;

/// Overwrites everything between the cells of a page; returns whether anything changed. Pages that are not b-tree
/// pages, or not well-formed, are left alone. `reserved` is the number of octets at the end of each page that SQLite
/// does not use.
pub fn clean(page: &mut [u8], number: i64, reserved: usize) -> bool {
    let gaps = gaps(page, number, reserved).unwrap_or_default();
    let mut found = false;
    for (from, to) in gaps {
        let Some(gap) = page.get_mut(from..to) else { continue };
        if gap.iter().any(|octet| *octet != 0) {
            gap.fill(0);
            found = true;
        }
    }
    found
}

/// Whether [`clean`] would overwrite anything.
pub fn is_dirty(page: &[u8], number: i64, reserved: usize) -> bool {
    let gaps = gaps(page, number, reserved).unwrap_or_default();
    gaps.into_iter().any(|(from, to)| page.get(from..to).is_some_and(|gap| gap.iter().any(|octet| *octet != 0)))
}

/// The unused ranges: before the first cell, and in the listed free blocks between cells.
fn gaps(page: &[u8], number: i64, reserved: usize) -> Option<Vec<(usize, usize)>> {
    let header = if number == 1 { FILE_HEADER } else { 0 };
    let short = |at: usize| Some(usize::from(u16::from_be_bytes(page.get(at..at + 2)?.try_into().ok()?)));
    let pointers = match page.get(header)? {
        2 | 5 => header + 12,
        10 | 13 => header + 8,
        _ => return None,
    };
    let usable = page.len().checked_sub(reserved)?;
    // Zero stands for 65,536, which does not fit.
    let cells = Some(short(header + 5)?).filter(|cells| *cells > 0).unwrap_or(65_536);
    let first = pointers + 2 * short(header + 3)?;
    if first > cells || cells > usable {
        return None;
    }
    let mut gaps = vec![(first, cells)];
    let (mut block, mut from) = (short(header + 1)?, cells);
    while block > 0 {
        let (next, size) = (short(block)?, short(block + 2)?);
        // Free blocks are listed in order, with the position of the next one and their size.
        if block < from || size < 4 || block + size > usable {
            return None;
        }
        gaps.push((block + 4, block + size));
        (block, from) = (next, block + size);
    }
    Some(gaps)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A leaf of 512 octets with one cell at its end, and a free block of 16 octets before it.
    fn leaf() -> Vec<u8> {
        let mut page = vec![0; 512];
        page[0] = 13;
        page[1..3].copy_from_slice(&480_u16.to_be_bytes());
        page[3..5].copy_from_slice(&1_u16.to_be_bytes());
        page[5..7].copy_from_slice(&480_u16.to_be_bytes());
        page[8..10].copy_from_slice(&496_u16.to_be_bytes());
        page[482..484].copy_from_slice(&16_u16.to_be_bytes());
        page[496..].fill(b'c');
        page
    }

    #[test]
    fn only_what_stands_between_cells_is_overwritten() {
        let whole = leaf();
        assert!(!is_dirty(&whole, 2, 0));
        for (at, stale) in [(10, true), (479, true), (484, true), (495, true), (9, false), (482, false), (500, false)] {
            let mut page = leaf();
            page[at] ^= 0xff;
            if !stale {
                // Pointers, the size of the block, a cell: partly in use, or malformed.
                let before = page.clone();
                clean(&mut page, 2, 0);
                assert_eq!(page, before, "{at}");
                continue;
            }
            assert!(is_dirty(&page, 2, 0), "{at}");
            assert!(clean(&mut page, 2, 0), "{at}");
            assert_eq!(page, whole, "{at}");
        }
    }

    #[test]
    fn what_is_no_page_of_cells_is_left_alone() {
        let mut broken = Vec::new();
        // An overflow page; cells before their pointers; cells beyond the end; a block beyond the end; a loop of blocks.
        for (at, value) in [(0, [0, 7]), (5, [0, 4]), (5, [2, 1]), (482, [1, 0]), (480, [1, 224])] {
            let mut page = leaf();
            page[at..at + 2].copy_from_slice(&value);
            broken.push(page);
        }
        broken.extend([Vec::new(), vec![13], vec![13; 8], vec![0xff; 512], vec![13; 512]]);
        for page in broken {
            let mut cleaned = page.clone();
            assert!(!clean(&mut cleaned, 2, 0) && !is_dirty(&page, 2, 0));
            assert_eq!(cleaned, page);
        }
        let mut reserved = leaf();
        reserved[5..7].copy_from_slice(&500_u16.to_be_bytes());
        assert!(!clean(&mut reserved, 2, 20), "cells do not begin in what is reserved");
    }

    #[test]
    fn the_first_page_has_a_header_before_its_own() {
        let mut page = [vec![b'h'; FILE_HEADER], vec![0; 412]].concat();
        page[FILE_HEADER] = 13;
        page[FILE_HEADER + 5..FILE_HEADER + 7].copy_from_slice(&512_u16.to_be_bytes());
        let whole = page.clone();
        page[300] = b'x';
        assert!(clean(&mut page, 1, 0));
        assert_eq!(page, whole);
    }
}
