//! The rule of the read mark: forward only, never past the end; and how marks determine the status of a message.

use clowder_core::UserId;

use crate::model::{NewRead, Status};

/// In chats with more people than this, only the reader receives a read mark, because every mark would go to everybody.
/// And only those who watch the chat are told who is typing.
pub const SHOWN_AMONG: i64 = 256;

/// Whether the people in a chat see each other's read marks.
pub fn are_shown(participants: i64) -> bool {
    participants <= SHOWN_AMONG
}

/// Who is told what a participant does for a moment, such as typing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Onlookers {
    /// Not these, with whom the participant has a block, either way.
    pub apart: Vec<UserId>,
    /// In a large chat, only those who watch it.
    pub only_watching: bool,
}

/// What is known of a participant's mark.
#[derive(Debug, Clone, Copy)]
pub struct ReadFacts {
    pub read_seq: i64,
    pub last_seq: i64,
}

/// The new position of the mark, or `None` if it stays.
pub fn decide(new: NewRead, facts: ReadFacts) -> Option<i64> {
    let wanted = new.seq.min(facts.last_seq);
    (wanted > facts.read_seq).then_some(wanted)
}

/// The two lowest read marks of a chat: enough to know for any message whether all except its sender have read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LowestReadMarks {
    /// The owner of the lowest.
    pub user: Option<UserId>,
    pub seq: Option<i64>,
    /// The lowest of the others.
    pub next: Option<i64>,
}

impl LowestReadMarks {
    /// From marks in ascending order; only the first two count.
    pub fn of(marks: &[(UserId, i64)]) -> Self {
        let (first, second) = (marks.first(), marks.get(1));
        Self { user: first.map(|(user, _)| *user), seq: first.map(|(_, seq)| *seq), next: second.map(|(_, seq)| *seq) }
    }

    /// The same if somebody's mark is no further than this.
    #[must_use]
    pub fn held_back(self, user: UserId, seq: i64) -> Self {
        match self.seq {
            Some(lowest) if self.user == Some(user) => Self { seq: Some(lowest.min(seq)), ..self },
            Some(lowest) if seq < lowest => Self { user: Some(user), seq: Some(seq), next: self.seq },
            Some(_) => Self { next: Some(self.next.map_or(seq, |next| next.min(seq))), ..self },
            // Marks are not shown.
            None => self,
        }
    }

    /// Whether a mark that was here until now may have been one of the two.
    pub fn counts(self, seq: i64) -> bool {
        self.next.is_none_or(|next| seq <= next)
    }

    /// The status of a message. Without other participants nobody has read it; if marks are not shown, none are stored.
    pub fn status(self, sender: UserId, seq: i64) -> Status {
        let others = if self.user == Some(sender) { self.next } else { self.seq };
        if others.is_some_and(|read| read >= seq) { Status::Read } else { Status::Sent }
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::Timestamp;

    use super::*;

    #[test]
    fn decide_table() {
        for (read_seq, last_seq, seq, moved) in [
            (0, 5, 3, Some(3)),
            (3, 5, 3, None),
            (3, 5, 1, None),
            (3, 5, 99, Some(5)),
            (5, 5, 99, None),
            (0, 0, 0, None),
        ] {
            assert_eq!(decide(NewRead { seq }, ReadFacts { read_seq, last_seq }), moved, "{seq}");
        }
    }

    #[test]
    fn a_message_is_read_when_all_but_its_sender_have_read_it() {
        let people: [UserId; 3] = std::array::from_fn(|_| UserId::new(Timestamp::from_micros(0)));
        let [ada, ben, cid] = people;
        for (marks, sender, seq, status) in [
            (vec![(ada, 0), (ben, 0), (cid, 0)], ada, 1, Status::Sent),
            (vec![(ada, 0), (ben, 1), (cid, 1)], ada, 1, Status::Read),
            (vec![(ada, 0), (ben, 1), (cid, 1)], ben, 1, Status::Sent),
            (vec![(ada, 0), (ben, 1), (cid, 2)], ada, 2, Status::Sent),
            (vec![(ada, 2), (ben, 2), (cid, 2)], cid, 2, Status::Read),
            (vec![(ada, 0), (ben, 3)], ada, 3, Status::Read),
            (vec![(ada, 7)], ada, 3, Status::Sent),
            (vec![(ada, 7)], ben, 3, Status::Read),
            (vec![], ada, 1, Status::Sent),
        ] {
            assert_eq!(LowestReadMarks::of(&marks).status(sender, seq), status, "{marks:?} {seq}");
        }
    }

    #[test]
    fn marks_are_shown_among_256() {
        for (participants, shown) in [(1, true), (2, true), (256, true), (257, false), (100_000, false)] {
            assert_eq!(are_shown(participants), shown, "{participants}");
        }
        let ada = UserId::new(Timestamp::from_micros(0));
        assert_eq!(LowestReadMarks::of(&[]).status(ada, 1), Status::Sent);
    }

    #[test]
    fn marks_that_are_held_back_table() {
        let people: [UserId; 3] = std::array::from_fn(|_| UserId::new(Timestamp::from_micros(0)));
        let [ada, ben, cid] = people;
        let marks = [(ada, 2), (ben, 4), (cid, 6)];
        for (held, to) in people.into_iter().flat_map(|user| (0..=6).map(move |seq| (user, seq))) {
            let lowest = LowestReadMarks::of(&marks).held_back(held, to);
            let mut really = marks.map(|(user, seq)| (user, if user == held { seq.min(to) } else { seq }));
            really.sort_unstable_by_key(|(_, seq)| *seq);
            for (sender, seq) in people.into_iter().flat_map(|user| (1..=7).map(move |seq| (user, seq))) {
                assert_eq!(lowest.status(sender, seq), LowestReadMarks::of(&really).status(sender, seq), "{to} {seq}");
            }
        }
        let not_shown = LowestReadMarks::of(&[]);
        assert_eq!(not_shown.held_back(ada, 1), not_shown);
    }

    #[test]
    fn only_the_two_lowest_marks_count() {
        let [ada, ben]: [UserId; 2] = std::array::from_fn(|_| UserId::new(Timestamp::from_micros(0)));
        let lowest_marks = LowestReadMarks::of(&[(ada, 1), (ben, 3)]);
        assert!(lowest_marks.counts(1) && lowest_marks.counts(3) && !lowest_marks.counts(4));
        assert!(LowestReadMarks::of(&[(ada, 1)]).counts(9));
    }
}
