//! What was written, as its writers were told, and what everybody heard.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    sync::Mutex,
    time::Instant,
};

use serde_json::Value;

use super::state::State;

/// What happens to a message after it was sent, at most once each: `message.updated`, `message.deleted`, `message.pinned`,
/// `message.unpinned`, or `reaction.added` with its author and emoji.
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
    sent: HashMap<String, BTreeMap<i64, Sent>>,
    /// What else was acknowledged, by chat.
    deeds: HashMap<String, HashSet<Deed>>,
    /// How far people have read, by chat and person.
    marks: HashMap<(String, String), i64>,
    /// Who was in a chat for a while, by person.
    visits: HashMap<String, Vec<Visit>>,
    /// What happened between two people, for each of them.
    between: HashMap<String, HashMap<Between, usize>>,
    faults: Vec<String>,
}

/// An event on somebody's personal topic: its type, and whom or what it is about. It may happen more than once.
pub type Between = (&'static str, String);

struct Sent {
    id: String,
    /// Before anybody was asked to send it, and after it was acknowledged.
    began: Instant,
    done: Instant,
}

/// A stay in a chat that people join and leave.
#[derive(Debug)]
struct Visit {
    chat: String,
    /// The last message before they were in it for certain.
    after: i64,
    /// Whether they have asked to leave. Whoever was not connected meanwhile hears nothing of the stay any more.
    is_over: bool,
    /// When they were out of it for certain, and when they asked to come again.
    away: Option<(Instant, Option<Instant>)>,
}

/// What one person heard.
#[derive(Default)]
pub struct Heard {
    person: String,
    /// The last `seq` that was there before them, in each of their chats.
    base: HashMap<String, i64>,
    /// They know where they are: from now on they must hear everything.
    pub ready: bool,
    /// Messages by chat, in the order in which they were heard.
    sent: HashMap<String, Vec<(i64, String)>>,
    deeds: HashMap<Deed, usize>,
    /// How far others have read, by chat and person, and how often a mark went back.
    marks: HashMap<(String, String), i64>,
    back: usize,
    /// A cursor names one event.
    cursors: HashSet<String>,
    between: HashMap<Between, usize>,
    pub deliveries: usize,
    twice: usize,
    pub resets: usize,
    /// How often they were closed because they did not read.
    pub overflows: usize,
    pub connections: BTreeMap<&'static str, usize>,
    /// What they know of their chats.
    pub state: State,
}

impl Record {
    /// A message was acknowledged.
    pub fn sent(&self, chat: &str, seq: i64, id: &str, began: Instant) {
        let mut written = self.written.lock().unwrap();
        let sent = Sent { id: id.to_owned(), began, done: Instant::now() };
        let before = written.sent.entry(chat.to_owned()).or_default().insert(seq, sent);
        if before.is_some_and(|before| before.id != id) {
            written.faults.push(format!("two messages have the number {seq} in {chat}"));
        }
    }

    /// The number of the last message that was acknowledged.
    pub fn last(&self, chat: &str) -> Option<i64> {
        Some(*self.written.lock().unwrap().sent.get(chat)?.last_key_value()?.0)
    }

    pub fn done(&self, chat: &str, deed: Deed) {
        self.written.lock().unwrap().deeds.entry(chat.to_owned()).or_default().insert(deed);
    }

    pub fn read(&self, chat: &str, person: &str, seq: i64) {
        let mut written = self.written.lock().unwrap();
        let mark = written.marks.entry((chat.to_owned(), person.to_owned())).or_default();
        *mark = seq.max(*mark);
    }

    /// Somebody asks to join a chat, and later is in it after a message.
    pub fn comes(&self, person: &str, chat: &str) {
        let mut written = self.written.lock().unwrap();
        let visits = written.visits.entry(person.to_owned()).or_default().iter_mut();
        if let Some((_, again)) =
            visits.filter(|visit| visit.chat == chat).filter_map(|visit| visit.away.as_mut()).last()
        {
            *again = Some(Instant::now());
        }
    }

    pub fn came(&self, person: &str, chat: &str, after: i64) {
        let visit = Visit { chat: chat.to_owned(), after, is_over: false, away: None };
        self.written.lock().unwrap().visits.entry(person.to_owned()).or_default().push(visit);
    }

    /// Somebody asks to leave a chat, and later is out of it.
    pub fn leaves(&self, person: &str, chat: &str) {
        self.visit(person, chat, |visit| visit.is_over = true);
    }

    pub fn left(&self, person: &str, chat: &str) {
        self.visit(person, chat, |visit| visit.away = Some((Instant::now(), None)));
    }

    fn visit(&self, person: &str, chat: &str, change: impl FnOnce(&mut Visit)) {
        let mut written = self.written.lock().unwrap();
        let visits = written.visits.get_mut(person).expect("somebody leaves who never came").iter_mut();
        change(visits.filter(|visit| visit.chat == chat).last().expect("somebody leaves who never came"));
    }

    /// Something happened between somebody and another person.
    pub fn told(&self, person: &str, kind: &'static str, about: &str) {
        let mut written = self.written.lock().unwrap();
        *written.between.entry(person.to_owned()).or_default().entry((kind, about.to_owned())).or_default() += 1;
    }

    /// A call was answered with what it must not be answered with.
    pub fn fault(&self, fault: String) {
        self.written.lock().unwrap().faults.push(fault);
    }

    pub fn is_heard_by(&self, heard: &Heard) -> bool {
        self.written.lock().unwrap().missed_by(heard).is_empty()
    }

    pub fn score<'h>(&self, heard: impl IntoIterator<Item = &'h Heard>) -> Score {
        let written = self.written.lock().unwrap();
        let mut score = Score {
            messages: written.sent.values().map(BTreeMap::len).sum(),
            deeds: written.deeds.values().map(HashSet::len).sum(),
            visits: written.visits.values().map(Vec::len).sum(),
            marks: written.marks.len(),
            between: written.between.values().flat_map(HashMap::values).sum(),
            faults: written.faults.clone(),
            ..Score::default()
        };
        for heard in heard {
            score.lost.extend(written.missed_by(heard));
            score.overheard.extend(written.overheard_by(heard));
            score.deliveries += heard.deliveries;
            score.twice += heard.twice + heard.deeds.values().map(|times| times - 1).sum::<usize>();
            score.disordered += heard.back;
            score.twice += written.repeated_to(heard);
            score.resets += heard.resets;
            score.overflows += heard.overflows;
            for (way, times) in &heard.connections {
                *score.connections.entry(way).or_default() += times;
            }
            for (chat, messages) in &heard.sent {
                let in_order = match heard.base.get(chat) {
                    // Without gaps, for whoever has always been there.
                    Some(base) => std::iter::zip(messages, base + 1..).all(|((seq, _), expected)| *seq == expected),
                    None => messages.is_sorted_by(|(one, _), (next, _)| one < next),
                };
                score.disordered += usize::from(!in_order);
            }
        }
        score
    }
}

impl Written {
    fn visits_of(&self, heard: &Heard) -> impl Iterator<Item = &Visit> {
        self.visits.get(&heard.person).into_iter().flatten()
    }

    /// What this person should have heard and did not.
    fn missed_by(&self, heard: &Heard) -> Vec<String> {
        let mut missed = Vec::new();
        let person = &heard.person;
        let always = heard.base.keys().map(|chat| (chat, 0));
        let staying = self.visits_of(heard).filter(|visit| !visit.is_over).map(|visit| (&visit.chat, visit.after));
        for (chat, after) in always.chain(staying) {
            let theirs: HashSet<_> = heard.sent.get(chat).into_iter().flatten().map(|(_, id)| id).collect();
            let sent = self.sent.get(chat).into_iter().flatten().filter(|(seq, _)| **seq > after);
            let lost = sent.filter(|(_, sent)| !theirs.contains(&sent.id));
            missed.extend(lost.map(|(seq, sent)| {
                let stays: Vec<_> = self.visits_of(heard).filter(|visit| visit.chat == *chat).collect();
                format!("message {seq} of {chat}, {}, by {person}, whose stays there are {stays:?}", sent.id)
            }));
        }
        for chat in heard.base.keys() {
            let deeds = self.deeds.get(chat).into_iter().flatten().filter(|deed| !heard.deeds.contains_key(*deed));
            missed.extend(deeds.map(|deed| format!("{deed:?} by {person}")));
        }
        let marks = self.marks.iter().filter(|((chat, _), _)| heard.base.contains_key(chat));
        let marks = marks.filter(|(whose, seq)| heard.marks.get(*whose) < Some(*seq));
        missed.extend(marks.map(|(whose, seq)| format!("the mark of {whose:?} at {seq} by {person}")));
        let between = self.between.get(person).into_iter().flatten();
        let lost = between.filter(|(told, times)| heard.between.get(*told) < Some(*times));
        missed.extend(lost.map(|(told, times)| format!("{told:?} by {person}, who must hear it {times} times")));
        missed
    }

    /// How often this person has heard what happened between them and others more often than it did.
    fn repeated_to(&self, heard: &Heard) -> usize {
        let happened =
            |told: &Between| self.between.get(&heard.person).and_then(|all| all.get(told)).copied().unwrap_or(0);
        heard.between.iter().map(|(told, times)| times.saturating_sub(happened(told))).sum()
    }

    /// What this person has heard of chats in which they were not.
    fn overheard_by(&self, heard: &Heard) -> Vec<String> {
        let away = self.visits_of(heard).filter_map(|visit| Some((&visit.chat, visit.away?)));
        let overheard = away.flat_map(|(chat, (from, until))| {
            let sent = self.sent.get(chat);
            let theirs = heard.sent.get(chat).into_iter().flatten();
            theirs.filter(move |(seq, _)| {
                let sent = sent.and_then(|sent| sent.get(seq));
                sent.is_some_and(|sent| sent.began > from && until.is_none_or(|until| sent.done < until))
            })
        });
        overheard.map(|(seq, id)| format!("message {seq}, {id}")).collect()
    }
}

impl Heard {
    /// Nothing yet; `base` are their chats with the last message of each.
    pub fn of(person: &str, base: HashMap<String, i64>) -> Self {
        Self { person: person.to_owned(), state: State::of(base.keys()), base, ..Self::default() }
    }

    pub fn message(&mut self, chat: &str, seq: i64, id: &str) {
        self.sent.entry(chat.to_owned()).or_default().push((seq, id.to_owned()));
    }

    pub fn deed(&mut self, deed: Deed) {
        *self.deeds.entry(deed).or_default() += 1;
    }

    /// An event of any kind.
    pub fn learn(&mut self, frame: &Value) {
        self.state.apply(&self.person, frame);
    }

    pub fn between(&mut self, kind: &'static str, about: &str) {
        *self.between.entry((kind, about.to_owned())).or_default() += 1;
    }

    pub fn mark(&mut self, chat: &str, person: &str, seq: i64) {
        let before = self.marks.insert((chat.to_owned(), person.to_owned()), seq);
        self.back += usize::from(before.is_some_and(|before| before >= seq));
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
    visits: usize,
    marks: usize,
    between: usize,
    deliveries: usize,
    lost: Vec<String>,
    overheard: Vec<String>,
    twice: usize,
    /// In how many chats of how many people messages were heard in another order, or with gaps, and how many marks went
    /// back.
    disordered: usize,
    resets: usize,
    /// How often clients were closed because they did not read; they resumed.
    overflows: usize,
    connections: BTreeMap<&'static str, usize>,
    faults: Vec<String>,
}

impl Score {
    pub fn is_clean(&self) -> bool {
        self.deliveries > 0
            && self.overflows > 0
            && (self.lost.len(), self.overheard.len(), self.faults.len()) == (0, 0, 0)
            && (self.twice, self.disordered, self.resets) == (0, 0, 0)
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages, deeds, visits, marks, between, .. } = self;
        writeln!(
            f,
            "messages: {messages}; edits, deletions, pins and reactions: {deeds}; stays: {visits}; read marks: {marks}; \
             events about friends and blocks: {between}"
        )?;
        writeln!(f, "deliveries: {}, over connections: {:?}", self.deliveries, self.connections)?;
        writeln!(f, "closed because they did not read (4009): {}", self.overflows)?;
        writeln!(f, "lost: {}", self.lost.len())?;
        writeln!(f, "twice: {}", self.twice)?;
        writeln!(f, "out of order: {}", self.disordered)?;
        writeln!(f, "told to people who had left: {}", self.overheard.len())?;
        writeln!(f, "resets: {}", self.resets)?;
        writeln!(f, "unexpected answers: {}", self.faults.len())?;
        for more in self.lost.iter().chain(&self.overheard).chain(&self.faults).take(20) {
            writeln!(f, "  {more}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deed() -> Deed {
        Deed { kind: "message.updated", message: "a".to_owned(), more: String::new() }
    }

    /// Two messages, an edit and a mark in a chat; one message each during and after a stay in another; and one during a stay
    /// that goes on.
    fn record() -> Record {
        let record = Record::default();
        let sends = |chat: &str, seq| record.sent(chat, seq, &format!("{chat}{seq}"), Instant::now());
        sends("home", 1);
        sends("home", 2);
        record.done("home", deed());
        record.read("home", "bob", 2);
        record.came("ada", "inn", 4);
        sends("inn", 5);
        record.leaves("ada", "inn");
        sends("inn", 6);
        record.left("ada", "inn");
        sends("inn", 7);
        record.came("ada", "bar", 8);
        sends("bar", 9);
        record.told("ada", "block.added", "bob");
        record.told("ada", "block.added", "bob");
        record
    }

    fn heard() -> Heard {
        let mut heard = Heard::of("ada", HashMap::from([("home".to_owned(), 0)]));
        for (chat, seq) in [("home", 1), ("home", 2), ("inn", 5), ("bar", 9)] {
            heard.message(chat, seq, &format!("{chat}{seq}"));
            heard.delivered(&format!("{chat}{seq}"));
        }
        heard.deed(deed());
        heard.mark("home", "bob", 2);
        heard.between("block.added", "bob");
        heard.between("block.added", "bob");
        heard.overflows = 1;
        heard
    }

    #[test]
    fn all_that_must_be_heard_is_clean_and_no_less() {
        let score = |heard: Heard| record().score([&heard]);
        assert!(score(heard()).is_clean(), "{}", score(heard()));
        let mut more = heard();
        more.message("inn", 6, "inn6");
        assert!(score(more).is_clean(), "what was sent while they were leaving");
        let mut less = heard();
        less.sent.remove("inn");
        assert!(score(less).is_clean(), "they were not connected during a stay that is over");

        type Spoil = fn(&mut Heard);
        let spoils: [(&str, Spoil); 12] = [
            ("lost: 1", |heard| drop(heard.sent.get_mut("home").unwrap().pop())),
            ("lost: 1", |heard| drop(heard.sent.remove("bar"))),
            ("lost: 1", |heard| heard.deeds.clear()),
            ("lost: 1", |heard| heard.marks.clear()),
            ("lost: 1", |heard| heard.between.values_mut().for_each(|times| *times = 1)),
            ("twice: 1", |heard| heard.between("block.added", "bob")),
            ("twice: 1", |heard| heard.between("block.removed", "bob")),
            ("twice: 1", |heard| heard.deed(deed())),
            ("twice: 1", |heard| heard.delivered("inn5")),
            ("out of order: 1", |heard| heard.sent.get_mut("home").unwrap().reverse()),
            ("out of order: 1", |heard| heard.mark("home", "bob", 1)),
            ("told to people who had left: 1", |heard| heard.message("inn", 7, "inn7")),
        ];
        for (says, spoil) in spoils {
            let mut heard = heard();
            spoil(&mut heard);
            let score = score(heard);
            assert!(!score.is_clean() && score.to_string().contains(says), "not {says}:\n{score}");
        }
    }
}
