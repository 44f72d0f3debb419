//! What was written, as its writers were told, and what everybody heard.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex},
};

/// What happens to a message after it was sent, at most once each: `message.updated`, `message.deleted`, or
/// `reaction.added` with its author and emoji.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Deed {
    pub kind: &'static str,
    pub message: String,
    pub more: String,
}

#[derive(Default)]
pub struct Record {
    written: Mutex<Written>,
}

#[derive(Default)]
struct Written {
    /// The messages of each chat, by their `seq`.
    sent: HashMap<String, BTreeMap<i64, String>>,
    /// What else was acknowledged, by chat.
    deeds: HashMap<String, HashSet<Deed>>,
    faults: Vec<String>,
}

/// What one person heard.
#[derive(Default)]
pub struct Heard {
    /// The last `seq` that was there before them, in each of their chats.
    base: HashMap<String, i64>,
    /// They know where they are: from now on they must hear everything.
    pub ready: bool,
    /// Messages by chat, in the order in which they were heard.
    sent: HashMap<String, Vec<(i64, String)>>,
    deeds: HashMap<Deed, usize>,
    /// A cursor names one event.
    cursors: HashSet<String>,
    pub deliveries: usize,
    pub twice: usize,
    pub resets: usize,
    pub connections: BTreeMap<&'static str, usize>,
}

impl Record {
    /// A message was acknowledged.
    pub fn sent(&self, chat: &str, seq: i64, id: &str) {
        let mut written = self.written.lock().unwrap();
        let before = written.sent.entry(chat.to_owned()).or_default().insert(seq, id.to_owned());
        if before.is_some_and(|before| before != id) {
            written.faults.push(format!("two messages have the number {seq} in {chat}"));
        }
    }

    pub fn done(&self, chat: &str, deed: Deed) {
        self.written.lock().unwrap().deeds.entry(chat.to_owned()).or_default().insert(deed);
    }

    /// A call was answered with what it must not be answered with.
    pub fn fault(&self, fault: String) {
        self.written.lock().unwrap().faults.push(fault);
    }

    pub fn is_heard_by(&self, heard: &Heard) -> bool {
        self.written.lock().unwrap().missed_by(heard).next().is_none()
    }

    pub fn score(&self, heard: &[Arc<Mutex<Heard>>]) -> Score {
        let written = self.written.lock().unwrap();
        let mut score = Score {
            messages: written.sent.values().map(BTreeMap::len).sum(),
            deeds: written.deeds.values().map(HashSet::len).sum(),
            faults: written.faults.clone(),
            ..Score::default()
        };
        for heard in heard {
            let heard = heard.lock().unwrap();
            score.lost.extend(written.missed_by(&heard));
            score.deliveries += heard.deliveries;
            score.twice += heard.twice + heard.deeds.values().map(|times| times - 1).sum::<usize>();
            score.resets += heard.resets;
            for (way, times) in &heard.connections {
                *score.connections.entry(way).or_default() += times;
            }
            for (chat, messages) in &heard.sent {
                let expected = heard.base[chat] + 1..;
                let in_order = std::iter::zip(messages, expected).all(|((seq, _), expected)| *seq == expected);
                score.disordered += usize::from(!in_order);
            }
        }
        score
    }
}

impl Written {
    /// What this person should have heard and did not.
    fn missed_by<'w>(&'w self, heard: &'w Heard) -> impl Iterator<Item = String> + 'w {
        let messages = heard.base.keys().flat_map(move |chat| {
            let theirs: HashSet<_> = heard.sent.get(chat).into_iter().flatten().map(|(_, id)| id).collect();
            let sent = self.sent.get(chat).into_iter().flatten();
            sent.filter(move |(_, id)| !theirs.contains(id)).map(|(seq, id)| format!("message {seq}, {id}"))
        });
        let deeds = heard.base.keys().flat_map(move |chat| self.deeds.get(chat).into_iter().flatten());
        let deeds = deeds.filter(|deed| !heard.deeds.contains_key(*deed)).map(|deed| format!("{deed:?}"));
        messages.chain(deeds)
    }
}

impl Heard {
    pub fn after(base: HashMap<String, i64>) -> Self {
        Self { base, ..Self::default() }
    }

    pub fn message(&mut self, chat: &str, seq: i64, id: &str) {
        self.sent.entry(chat.to_owned()).or_default().push((seq, id.to_owned()));
    }

    pub fn deed(&mut self, deed: Deed) {
        *self.deeds.entry(deed).or_default() += 1;
    }

    /// A durable event.
    pub fn delivered(&mut self, cursor: &str) {
        self.deliveries += 1;
        self.twice += usize::from(!self.cursors.insert(cursor.to_owned()));
    }
}

#[derive(Default)]
pub struct Score {
    messages: usize,
    deeds: usize,
    deliveries: usize,
    lost: Vec<String>,
    twice: usize,
    /// In how many chats of how many people messages were heard in another order, or with gaps.
    disordered: usize,
    resets: usize,
    connections: BTreeMap<&'static str, usize>,
    faults: Vec<String>,
}

impl Score {
    pub fn is_clean(&self) -> bool {
        self.deliveries > 0
            && self.lost.is_empty()
            && (self.twice, self.disordered, self.resets) == (0, 0, 0)
            && self.faults.is_empty()
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "messages: {}, edits, deletions and reactions: {}", self.messages, self.deeds)?;
        writeln!(f, "deliveries: {}, over connections: {:?}", self.deliveries, self.connections)?;
        writeln!(f, "lost: {}", self.lost.len())?;
        writeln!(f, "twice: {}", self.twice)?;
        writeln!(f, "disordered: {}", self.disordered)?;
        writeln!(f, "resets: {}", self.resets)?;
        for more in self.lost.iter().chain(&self.faults).take(20) {
            writeln!(f, "  {more}")?;
        }
        Ok(())
    }
}
