//! Reading of long lists: keyset pages, whose cost does not grow with depth, and whose size is bounded in items and in
//! octets.

use serde::Serialize;

use crate::{Error, Id, Result, Timestamp, octets};

/// The number of items if no limit is given.
pub const DEFAULT_LIMIT: u32 = 50;
/// A higher limit is not an error, but means this one.
pub const MAX_LIMIT: u32 = 200;
/// A page ends before the item that would make its items exceed this many octets of JSON. A single larger item is a
/// page by itself.
pub const MOST_OCTETS: usize = 1 << 20;

/// The room left on a page.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    pub items: usize,
    pub octets: usize,
}

impl Room {
    /// A page of at most this many items.
    pub const fn of(limit: u32) -> Self {
        Self { items: limit as usize, octets: MOST_OCTETS }
    }

    /// Takes the items that fit, and says whether there are more. At least one item is taken, unless the limit is 0.
    /// Items after the last one are not built.
    pub fn fill<T: Serialize>(&mut self, rows: impl IntoIterator<Item = Result<T>>) -> Result<(Vec<T>, bool)> {
        let mut items = Vec::new();
        let mut rows = rows.into_iter();
        while self.items > 0 {
            let Some(item) = rows.next().transpose()? else { return Ok((items, false)) };
            let octets = octets::most(&item)?;
            if octets > self.octets && !items.is_empty() {
                return Ok((items, true));
            }
            self.octets = self.octets.saturating_sub(octets);
            self.items -= 1;
            items.push(item);
        }
        let more = rows.next().is_some();
        Ok((items, more))
    }
}

/// One page of a list.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Pass it as `?cursor=`, with the same filters, to get the next page; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// Which page of a list is requested.
#[derive(Debug, Clone)]
pub struct PageRequest {
    pub limit: u32,
    pub cursor: Option<String>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { limit: DEFAULT_LIMIT, cursor: None }
    }
}

impl PageRequest {
    /// One more than requested: if it exists, there is another page.
    pub const fn fetch(&self) -> i64 {
        self.limit as i64 + 1
    }

    /// The refusal of a cursor that this list did not issue.
    pub fn wrong() -> Error {
        Error::field("?cursor", "cursor", "is not a cursor of this list with these filters")
    }

    /// The time and id at which the previous page ended, for lists ordered by both; see [`Page::place`].
    pub fn moment<T>(&self) -> Result<Option<(Timestamp, Id<T>)>> {
        let read = |cursor: &str| {
            let (at, id) = cursor.split_once('.')?;
            let at: i64 = at.parse().ok().filter(|at| (0..=4_000_000_000_000_000).contains(at))?;
            Some((Timestamp::from_micros(at), id.parse().ok()?))
        };
        self.cursor.as_deref().map(|cursor| read(cursor).ok_or_else(Self::wrong)).transpose()
    }

    /// The number at which the previous page ended, for lists whose key is a number.
    pub fn number(&self) -> Result<Option<i64>> {
        self.cursor.as_deref().map(|cursor| cursor.parse().map_err(|_| Self::wrong())).transpose()
    }

    /// The id at which the previous page ended, for lists whose key is the id.
    pub fn id<T>(&self) -> Result<Option<Id<T>>> {
        self.cursor.as_deref().map(|cursor| cursor.parse().map_err(|_| Self::wrong())).transpose()
    }
}

impl<T> Page<T> {
    /// A page of a list that was read with [`PageRequest::fetch`]: as many of its items as fit, and the key after which
    /// the next page starts.
    pub fn fill(
        rows: impl IntoIterator<Item = Result<T>>,
        request: &PageRequest,
        key: impl Fn(&T) -> String,
    ) -> Result<Self>
    where
        T: Serialize,
    {
        let (items, more) = Room::of(request.limit).fill(rows)?;
        let next_cursor = if more { items.last().map(key) } else { None };
        Ok(Self { items, next_cursor })
    }

    /// A key of a list that is ordered by time and id, for [`PageRequest::moment`].
    pub fn place<K>(at: Timestamp, id: Id<K>) -> String {
        format!("{}.{id}", at.as_micros())
    }

    /// A page of a constant list: `all` is in memory, and the key is the index of an item.
    pub fn of_all(all: &[T], request: &PageRequest) -> Result<Self>
    where
        T: Clone,
    {
        let from = usize::try_from(request.number()?.unwrap_or(0)).map_err(|_| PageRequest::wrong())?;
        let items: Vec<_> = all.iter().skip(from).take(request.limit as usize).cloned().collect();
        let end = from.saturating_add(items.len());
        Ok(Self { items, next_cursor: (end < all.len()).then(|| end.to_string()) })
    }

    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next_cursor: self.next_cursor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(limit: u32, cursor: Option<&str>) -> PageRequest {
        PageRequest { limit, cursor: cursor.map(str::to_owned) }
    }

    #[test]
    fn a_list_that_never_changes_is_read_in_pages() {
        let (all, mut cursor, mut seen) = ([1, 2, 3, 4, 5], None::<String>, Vec::new());
        loop {
            let page = Page::of_all(&all, &request(2, cursor.as_deref())).unwrap();
            assert!(page.items.len() <= 2);
            seen.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
        for wrong in ["x", "-1", ""] {
            assert!(Page::of_all(&all, &request(2, Some(wrong))).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_page_ends_before_it_is_too_large() {
        let text = |octets: usize| "x".repeat(octets - 2);
        const HALF: usize = MOST_OCTETS / 2;
        for (sizes, limit, expected, more) in [
            (&[][..], 9, 0, false),
            (&[10, 10], 9, 2, false),
            (&[10, 10], 2, 2, false),
            (&[10, 10, 10], 2, 2, true),
            (&[HALF, HALF], 9, 2, false),
            (&[HALF, HALF, 2], 9, 2, true),
            (&[HALF, HALF + 1, 2], 9, 1, true),
            (&[MOST_OCTETS + 1], 9, 1, false),
            (&[2 * MOST_OCTETS, 2], 9, 1, true),
        ] {
            let rows = sizes.iter().map(|octets| Ok(text(*octets)));
            let page = Page::fill(rows, &request(limit, None), |last| last.len().to_string()).unwrap();
            assert_eq!((page.items.len(), page.next_cursor.is_some()), (expected, more), "{sizes:?}");
        }
        let looked_at = std::cell::Cell::new(0);
        let rows = (0..9).map(|_| {
            looked_at.set(looked_at.get() + 1);
            Ok(text(MOST_OCTETS))
        });
        Page::fill(rows, &request(9, None), String::clone).unwrap();
        assert_eq!(looked_at.get(), 2, "what comes after is not built");
    }

    #[test]
    fn places_are_read_as_they_were_written() {
        let (at, id) = (Timestamp::from_micros(7), Id::<()>::new(Timestamp::from_micros(1_000)));
        let place = Page::<()>::place(at, id);
        assert_eq!(request(1, Some(&place)).moment().unwrap(), Some((at, id)));
        for wrong in ["", ".", "7", "x.y", "7.", "-7.01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10"] {
            assert!(request(1, Some(wrong)).moment::<()>().is_err(), "{wrong}");
        }
    }
}
