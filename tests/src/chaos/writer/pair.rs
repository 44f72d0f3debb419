//! Two people who become friends and part again, and of whom one blocks the other now and then: events on their personal
//! topics. They are in no chat together, where a block would change who receives marks.

use serde_json::json;

use super::{Person, Writer};

pub struct Pair {
    other: Person,
    next: Next,
}

/// What they do next.
#[derive(Debug, Clone)]
enum Next {
    Ask,
    Accept(String),
    Part,
    /// Whether they are friends.
    Block(bool),
    Unblock,
}

impl Pair {
    /// Half of those people who are far enough from each other, so that each is in one pair at most.
    pub fn of(number: usize, people: &[Person]) -> Option<Self> {
        let other = people.get(number + people.len() / 2).filter(|_| number % 2 == 1)?;
        let shared = other.chats.keys().any(|chat| people[number].chats.contains_key(chat));
        (!shared).then(|| Self { other: other.clone(), next: Next::Ask })
    }
}

impl Writer {
    /// The next step of what they do with somebody. After a call that was repeated they do nothing more: an attempt that
    /// comes late would take effect in a later step.
    pub async fn go_on_with_pair(&mut self) {
        let Some(Pair { other, next }) = self.pair.take() else { return };
        let (me, access) = (self.person.id.clone(), self.person.access.clone());
        let ask = "/api/friends/request";
        let block = format!("/api/users/{}/block", other.id);
        let (status, answer, again) = match &next {
            Next::Ask => self.call_as(&access, "POST", ask, json!({"user_id": other.id})).await,
            Next::Accept(id) => {
                let accept = json!({"action": "accept"});
                self.call_as(&other.access, "PUT", &format!("{ask}/{id}"), accept).await
            }
            Next::Part => self.call_as(&other.access, "DELETE", &format!("/api/friends/{me}"), json!({})).await,
            Next::Block(_) => self.call_as(&access, "PUT", &block, json!({})).await,
            Next::Unblock => self.call_as(&access, "DELETE", &block, json!({})).await,
        };
        let both = [(me.as_str(), other.id.as_str()), (other.id.as_str(), me.as_str())];
        let then = match (&next, status) {
            (Next::Ask, 200 | 201) => {
                let id = answer["id"].as_str().unwrap().to_owned();
                both.iter().for_each(|(person, _)| self.record.told(person, "friend_request", &id));
                Next::Accept(id)
            }
            // They have asked often enough for today.
            (Next::Ask, 409) if answer["code"] == "friend.requests_today" => Next::Block(false),
            (Next::Accept(id), status) if status == 200 || again && matches!(status, 404 | 409) => {
                for (person, other) in both {
                    self.record.told(person, "friend_request", id);
                    self.record.told(person, "friend.added", other);
                }
                if self.dice.below(2) == 0 { Next::Part } else { Next::Block(true) }
            }
            (Next::Part, status) if status == 204 || again && status == 404 => {
                both.iter().for_each(|(person, other)| self.record.told(person, "friend.removed", other));
                Next::Ask
            }
            (Next::Block(friends), 200 | 201 | 204) => {
                for (person, other) in both.iter().filter(|_| *friends) {
                    self.record.told(person, "friend.removed", other);
                }
                self.record.told(&me, "block.added", &other.id);
                Next::Unblock
            }
            (Next::Unblock, 200 | 204) => {
                self.record.told(&me, "block.removed", &other.id);
                Next::Ask
            }
            _ => return self.record.fault(format!("{next:?} was answered with {status}: {answer}")),
        };
        if !again {
            self.pair = Some(Pair { other, next: then });
        }
    }
}
