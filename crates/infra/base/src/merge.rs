//! Merges the changes about many topics into the order of their stream. Each topic is read a little at a time and no
//! row twice, so that the cost grows with the topics plus the rows that are taken, never with their product.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    ops::RangeInclusive,
};

use clowder_core::{Id, Result};

/// Position and size of a change.
pub type Place = (i64, i32);

/// Positions of a stream in which the changes about one topic are wanted.
pub type Part = (Id<()>, RangeInclusive<i64>);

/// A read of the next changes about one topic: at most so many between two positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The part that it belongs to.
    pub part: usize,
    pub topic: Id<()>,
    pub from: i64,
    pub until: i64,
    pub most: usize,
}

/// How many entries are held at a time for all topics together, unless there are too many topics for that.
const HELD: usize = 65_536;
/// How many entries of one topic are read at a time: at first, and with any number of topics.
const FIRST: usize = 8;
const MOST: usize = 1_024;

pub struct Merge {
    sources: Vec<Source>,
    /// The first entry that each source holds.
    heads: BinaryHeap<Reverse<(i64, i32, usize)>>,
    /// Sources that hold few entries and may have more. They are read together.
    low: Vec<usize>,
    /// How many of these hold none: until they have been read, the next entry is unknown.
    dry: usize,
    /// The maximum number of entries read from one source.
    most: usize,
    last: Option<i64>,
}

struct Source {
    topic: Id<()>,
    unread: RangeInclusive<i64>,
    held: VecDeque<Place>,
    batch: usize,
    is_low: bool,
}

impl Merge {
    /// Merges the entries in these parts with those that are already `known`, which are in order.
    pub fn new(parts: Vec<Part>, known: impl IntoIterator<Item = Place>) -> Self {
        let most = (HELD / parts.len().max(1)).clamp(FIRST, MOST);
        let mut sources: Vec<Source> = parts
            .into_iter()
            .map(|(topic, unread)| Source { topic, unread, held: VecDeque::new(), batch: FIRST / 2, is_low: true })
            .collect();
        let (low, dry): (Vec<_>, _) = ((0..sources.len()).collect(), sources.len());
        let (known, nothing) = (known.into_iter().collect::<VecDeque<_>>(), RangeInclusive::new(1, 0));
        let heads = known.front().map(|(position, octets)| Reverse((*position, *octets, dry))).into_iter().collect();
        let topic = Id::from_uuid(uuid::Uuid::nil());
        sources.push(Source { topic, unread: nothing, held: known, batch: 0, is_low: false });
        Self { sources, heads, low, dry, most, last: None }
    }

    /// The next entry, without taking it. `read` returns the entries of all these windows, in any order.
    pub fn peek(&mut self, mut read: impl FnMut(&[Window]) -> Result<Vec<(usize, Place)>>) -> Result<Option<Place>> {
        loop {
            if self.dry > 0 {
                self.refill(&mut read)?;
            }
            match self.heads.peek() {
                // A change may be wanted for two reasons.
                Some(Reverse((position, ..))) if self.last == Some(*position) => self.drop_head(),
                Some(Reverse((position, octets, _))) => return Ok(Some((*position, *octets))),
                None => return Ok(None),
            }
        }
    }

    /// Takes the entry that [`Merge::peek`] returned.
    pub fn take(&mut self) {
        self.last = self.heads.peek().map(|Reverse((position, ..))| *position);
        self.drop_head();
    }

    fn drop_head(&mut self) {
        let Some(Reverse((.., index))) = self.heads.pop() else { return };
        let Some(source) = self.sources.get_mut(index) else { return };
        source.held.pop_front();
        if let Some((position, octets)) = source.held.front() {
            self.heads.push(Reverse((*position, *octets, index)));
        }
        if source.unread.is_empty() {
            return;
        }
        self.dry += usize::from(source.held.is_empty());
        if !source.is_low && source.held.len() <= source.batch / 2 {
            source.is_low = true;
            self.low.push(index);
        }
    }

    fn refill(&mut self, read: &mut impl FnMut(&[Window]) -> Result<Vec<(usize, Place)>>) -> Result<()> {
        let windows = self.wanted();
        let found = read(&windows)?;
        self.fill(windows, found);
        Ok(())
    }

    /// What it reads next, for a caller that reads for several of them together and hands what it found to
    /// [`Merge::fill`].
    pub fn wanted(&mut self) -> Vec<Window> {
        let low = std::mem::take(&mut self.low);
        let mut windows = Vec::with_capacity(low.len());
        for part in low {
            let Some(source) = self.sources.get_mut(part) else { continue };
            source.batch = (source.batch * 2).min(self.most);
            source.is_low = false;
            let (from, until) = (*source.unread.start(), *source.unread.end());
            windows.push(Window { part, topic: source.topic, from, until, most: source.batch });
        }
        windows
    }

    /// Takes the entries that were found in all windows that it wanted, in any order.
    pub fn fill(&mut self, mut windows: Vec<Window>, mut found: Vec<(usize, Place)>) {
        self.dry = 0;
        found.sort_unstable();
        let mut found = found.into_iter().peekable();
        windows.sort_unstable_by_key(|window| window.part);
        for Window { part, until, most, .. } in windows {
            let Some(source) = self.sources.get_mut(part) else { continue };
            let held = source.held.len();
            while let Some((_, place)) = found.next_if(|(of, _)| *of == part) {
                source.held.push_back(place);
            }
            if held == 0
                && let Some((position, octets)) = source.held.front()
            {
                self.heads.push(Reverse((*position, *octets, part)));
            }
            let whole = source.held.len() - held < most;
            source.unread = match source.held.back() {
                // Fewer than requested means that there are no more.
                Some((last, _)) if !whole => last + 1..=until,
                _ => RangeInclusive::new(1, 0),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::Timestamp;

    use super::*;

    /// Topics with their entries, and how much was read of them.
    struct Table {
        topics: Vec<(Id<()>, Vec<i64>)>,
        reads: usize,
        windows: usize,
        rows: usize,
    }

    impl Table {
        fn new(topics: impl IntoIterator<Item = Vec<i64>>) -> Self {
            let id = || Id::new(Timestamp::from_micros(1));
            Self { topics: topics.into_iter().map(|places| (id(), places)).collect(), reads: 0, windows: 0, rows: 0 }
        }

        fn parts(&self, range: RangeInclusive<i64>) -> Vec<Part> {
            self.topics.iter().map(|(id, _)| (*id, range.clone())).collect()
        }

        fn read(&mut self, windows: &[Window]) -> Vec<(usize, Place)> {
            self.reads += 1;
            self.windows += windows.len();
            let mut found = Vec::new();
            for window in windows {
                let (_, places) = self.topics.iter().find(|(id, _)| *id == window.topic).unwrap();
                let within = &places[places.partition_point(|place| *place < window.from)..];
                let within = within.iter().take(window.most).take_while(|place| **place <= window.until);
                found.extend(within.map(|place| (window.part, (*place, 1))));
            }
            self.rows += found.len();
            found
        }

        /// The merged result.
        fn merged(&mut self, parts: Vec<Part>, known: &[i64]) -> Vec<i64> {
            let mut merge = Merge::new(parts, known.iter().map(|position| (*position, 1)));
            let mut merged = Vec::new();
            while let Some((position, _)) = merge.peek(|windows| Ok(self.read(windows))).unwrap() {
                merge.take();
                merged.push(position);
            }
            merged
        }
    }

    #[test]
    fn places_come_in_order_each_once_and_only_those_that_are_wanted() {
        let mut table = Table::new([(0..100).step_by(3).collect(), vec![], (1..100).step_by(3).collect(), vec![50]]);
        let wanted: Vec<i64> =
            (10..=90).filter(|position| position % 3 < 2 || [50, 59, 77].contains(position)).collect();
        assert_eq!(table.merged(table.parts(10..=90), &[10, 13, 59, 77, 90]), wanted);
        assert!(Table::new([]).merged(Vec::new(), &[]).is_empty());
        assert_eq!(Table::new([]).merged(Vec::new(), &[3, 9]), [3, 9]);
        // Several parts of one topic.
        let id = table.topics[0].0;
        assert_eq!(table.merged(vec![(id, 30..=40), (id, 3..=9)], &[]), [3, 6, 9, 30, 33, 36, 39]);
    }

    #[test]
    fn what_is_read_grows_with_the_topics_and_the_rows() {
        // Topics that alternate, topics one after the other, a busy one among quiet ones, and a single one.
        let turns = |topics: i64, rows: i64| (0..topics).map(move |n| (0..rows).map(|row| row * topics + n).collect());
        let blocks = |topics: i64, rows: i64| (0..topics).map(move |n| (n * rows..(n + 1) * rows).collect());
        let loud = (0..3_000).map(|n| if n == 7 { (0..50_000).collect() } else { vec![50_000 + n] });
        let tables = [
            Table::new(turns(3_000, 1)),
            Table::new(turns(3_000, 40)),
            Table::new(turns(100, 2_000)),
            Table::new(blocks(1_000, 100)),
            Table::new(loud),
            Table::new(turns(1, 100_000)),
        ];
        for mut table in tables {
            let (topics, rows) =
                (table.topics.len(), table.topics.iter().map(|(_, places)| places.len()).sum::<usize>());
            let merged = table.merged(table.parts(0..=i64::MAX), &[]);
            assert_eq!(merged.len(), rows);
            assert!(merged.is_sorted());
            let told = format!("{topics} topics, {rows} rows: {} reads, {} windows", table.reads, table.windows);
            assert_eq!(table.rows, rows, "no row is read twice: {told}");
            assert!(table.windows <= 2 * topics + rows / FIRST, "{told}");
            assert!(table.reads <= 8 + rows / FIRST, "{told}");
        }
    }

    #[test]
    fn little_is_held_however_much_there_is() {
        let mut table = Table::new((0..500).map(|n| (0..2_000).map(|row| row * 500 + n).collect()));
        let mut merge = Merge::new(table.parts(0..=i64::MAX), []);
        let mut most = 0;
        for n in 0..400_000 {
            merge.peek(|windows| Ok(table.read(windows))).unwrap().unwrap();
            merge.take();
            if n % 100 == 0 {
                most = most.max(merge.sources.iter().map(|source| source.held.len()).sum());
            }
        }
        assert!(most <= 2 * HELD, "{most}");
    }
}
