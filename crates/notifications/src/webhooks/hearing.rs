//! What the owner of an endpoint hears, by what they follow, and what they may see of it later.

use clowder_core::{Recorded, Topic, UserId, follow::Step};

/// Whether a change reached somebody when it happened: it was told to them, or they followed its topic then, after this
/// number. A step by which they began or stopped to follow something always reaches them.
pub fn reaches(owner: UserId, followed_after: Option<i64>, change: &Recorded) -> bool {
    !change.is_superseded()
        && (change.topic == Topic::user(owner)
            || change.follow.is_some_and(|follow| follow.user == owner)
            || followed_after.is_some_and(|after| change.is_after(after)))
}

/// Whether they may see it now. `follows` says after which number they follow a topic now. That they have left something is
/// theirs to know; that they came into what they have left since is not.
pub fn may_see(owner: UserId, follows: impl Fn(Topic) -> Option<i64>, change: &Recorded) -> bool {
    if let Some(follow) = change.follow.filter(|follow| follow.user == owner) {
        return !change.is_superseded() && (follow.step == Step::Leave || follows(follow.topic).is_some());
    }
    reaches(owner, follows(change.topic), change)
}

#[cfg(test)]
mod tests {
    use clowder_core::{Follow, Id, Timestamp, TopicKind};
    use serde_json::value::RawValue;

    use super::*;

    #[test]
    fn hearing_table() {
        let now = Timestamp::from_micros(5);
        let [ada, bob]: [UserId; 2] = [Id::new(now), Id::new(now)];
        let chat = Topic::new(TopicKind::new("chat"), ada);
        let step = |user, step| Some(Follow { user, topic: chat, step });
        let [own, others] = [ada, bob].map(Topic::user);
        for (topic, follow, seq, data, followed, reaches_them, seen) in [
            (own, None, None, "{}", None, true, true),
            (others, None, None, "{}", None, false, false),
            (chat, None, Some(3), "{}", None, false, false),
            (chat, None, Some(3), "{}", Some(2), true, true),
            (chat, None, Some(3), "{}", Some(3), false, false),
            (chat, None, None, "{}", Some(3), true, true),
            (chat, None, Some(3), "null", Some(2), false, false),
            (own, None, None, "null", None, false, false),
            (own, step(ada, Step::Enter), None, "{}", None, true, false),
            (own, step(ada, Step::Enter), None, "{}", Some(0), true, true),
            (own, step(ada, Step::Leave), None, "{}", None, true, true),
            (chat, step(ada, Step::Leave), None, "{}", None, true, true),
            (chat, step(ada, Step::Leave), None, "null", None, false, false),
            (chat, step(bob, Step::Leave), None, "{}", None, false, false),
            (chat, step(bob, Step::Enter), Some(1), "{}", Some(5), true, true),
            (others, step(bob, Step::Enter), None, "{}", Some(5), false, false),
        ] {
            let change = Recorded {
                stream: 0,
                position: 1,
                topic,
                name: "test.done".into(),
                actor: None,
                subject: None,
                follow,
                seq,
                at: now,
                data: RawValue::from_string(data.to_owned()).unwrap().into(),
            };
            // Nobody follows the personal topic of another person.
            let follows = |asked: Topic| followed.filter(|_| asked == chat);
            let told = (reaches(ada, follows(topic), &change), may_see(ada, follows, &change));
            assert_eq!(told, (reaches_them, seen), "{change:?}");
        }
    }
}
