//! Who follows what: a change that makes somebody follow a topic, or stop, says so itself.

use std::{
    collections::{HashMap, HashSet},
    ops::RangeInclusive,
};

use crate::{Topic, UserId, Word};

/// A user begins or stops following a topic. The change is anchored at that topic, so its position tells which of the
/// topic's changes the user may see: from the beginning this one and all later ones, until the end this one and all
/// earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Follow {
    pub user: UserId,
    pub topic: Topic,
    pub step: Step,
}

/// A topic that somebody follows. What has a number there concerns them only `after` this one; 0 if everything does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Following {
    pub topic: Topic,
    pub after: i64,
}

impl From<Topic> for Following {
    fn from(topic: Topic) -> Self {
        Self { topic, after: 0 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Enter,
    Leave,
}

impl Word for Step {
    const WHAT: &'static str = "step of following";
    const WORDS: &'static [(&'static str, Self)] = &[("enter", Self::Enter), ("leave", Self::Leave)];
}

/// What a user followed at an earlier time: what they follow now, minus the steps `since`, oldest first. The first step
/// about a topic shows the state before it. After which number they follow it counts as it is now, whatever it was then: of
/// what they follow no more, they may see nothing.
pub fn before(
    now: impl IntoIterator<Item = Following>,
    since: impl IntoIterator<Item = (Topic, Step)>,
) -> Vec<Following> {
    let mut followed: HashMap<_, _> = now.into_iter().map(|it| (it.topic, it.after)).collect();
    let now = followed.clone();
    let mut told = HashSet::new();
    for (topic, step) in since {
        if told.insert(topic) {
            match step {
                Step::Enter => followed.remove(&topic),
                Step::Leave => followed.insert(topic, now.get(&topic).copied().unwrap_or(i64::MAX)),
            };
        }
    }
    followed.into_iter().map(|(topic, after)| Following { topic, after }).collect()
}

/// The positions in `(after, until]` at which somebody followed a topic that they follow at `until`. `steps` are their
/// steps for this topic in that range, oldest first. For a topic that they no longer follow there are none: they may no
/// longer see anything in it.
pub fn stretches(steps: &[(i64, Step)], after: i64, until: i64) -> Vec<RangeInclusive<i64>> {
    if steps.last().is_some_and(|(_, step)| *step == Step::Leave) {
        return Vec::new();
    }
    let followed_before = steps.first().is_none_or(|(_, step)| *step == Step::Leave);
    let mut since = followed_before.then_some(after + 1);
    let mut stretches = Vec::new();
    for (position, step) in steps {
        match (step, since) {
            (Step::Enter, None) => since = Some(*position),
            (Step::Leave, Some(start)) => {
                stretches.push(start..=*position);
                since = None;
            }
            (Step::Enter, Some(_)) | (Step::Leave, None) => {}
        }
    }
    stretches.extend(since.map(|start| start..=until));
    stretches
}

#[cfg(test)]
mod tests {
    use super::{Step::*, *};
    use crate::{Timestamp, TopicKind};

    #[test]
    fn stretches_table() {
        type Line<'a> = (&'a [(i64, Step)], &'a [RangeInclusive<i64>]);
        let table: &[Line<'_>] = &[
            (&[], &[11..=20]),
            (&[(15, Enter)], &[15..=20]),
            (&[(11, Enter)], &[11..=20]),
            (&[(20, Enter)], &[20..=20]),
            (&[(15, Leave)], &[]),
            (&[(13, Leave), (15, Enter)], &[11..=13, 15..=20]),
            (&[(13, Enter), (15, Leave)], &[]),
            (&[(12, Enter), (14, Leave), (16, Enter)], &[12..=14, 16..=20]),
            (&[(12, Leave), (14, Enter), (16, Leave), (18, Enter)], &[11..=12, 14..=16, 18..=20]),
            // A repeated step counts once.
            (&[(12, Enter), (14, Enter)], &[12..=20]),
            (&[(12, Leave), (13, Leave), (14, Enter)], &[11..=12, 14..=20]),
        ];
        for (steps, expected) in table {
            assert_eq!(stretches(steps, 10, 20), *expected, "{steps:?}");
        }
    }

    #[test]
    fn the_first_step_tells_how_it_was_before() {
        let topics: [Topic; 4] =
            std::array::from_fn(|_| Topic::new(TopicKind::new("chat"), UserId::new(Timestamp::from_micros(1))));
        let [kept, entered, left, to_and_fro] = topics;
        let following = |topic, after| Following { topic, after };
        let now = [following(kept, 3), following(entered, 5)];
        let before = |since: &[(Topic, Step)]| {
            let mut followed = before(now, since.iter().copied());
            followed.sort_by_key(|it| it.after);
            followed
        };
        let since = [(entered, Enter), (to_and_fro, Leave), (to_and_fro, Enter), (to_and_fro, Leave)];
        assert_eq!(before(&since), [following(kept, 3), following(to_and_fro, i64::MAX)]);
        assert_eq!(before(&[(left, Leave), (entered, Enter)]), [following(kept, 3), following(left, i64::MAX)]);
        assert_eq!(before(&[]), now);
        assert_eq!(before(&[(entered, Enter), (entered, Leave), (entered, Enter)]), [following(kept, 3)]);
        assert_eq!(before(&[(entered, Leave), (entered, Enter)]), now, "there before, and back");
    }
}
