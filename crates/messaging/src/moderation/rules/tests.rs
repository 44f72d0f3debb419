//! Table tests of the rules of moderation.

use clowder_core::{Card, Id, Refusal};

use super::*;
use crate::{ChatType, Rights, moderation::ReviewType, refusals::*};

fn refusal<T: std::fmt::Debug>(result: Result<T>) -> Option<Refusal> {
    match result {
        Ok(_) => None,
        Err(Error::Refused(refusal) | Error::Explained { refusal, .. } | Error::TooEarly { refusal, .. }) => {
            Some(refusal)
        }
        Err(other) => panic!("{other:?}"),
    }
}

fn seat(kind: ChatType, role: ChatRole, of_group: bool) -> Seat {
    Seat { kind, role, rights: Rights::of(kind), of_group }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

#[test]
fn may_sanction_table() {
    use ChatRole::{Admin, Member, Owner};
    use SanctionType::{Ban, Mute};
    let facts = |held| SanctionFacts { held, visible: true, own: false, already: false, count: 0 };
    for (kind, role, held, expected) in [
        (Mute, Owner, Some(Admin), None),
        (Mute, Owner, Some(Owner), Some(CHAT_FORBIDDEN)),
        (Mute, Admin, Some(Member), None),
        (Mute, Admin, Some(Admin), Some(CHAT_FORBIDDEN)),
        (Mute, Member, Some(Member), Some(CHAT_FORBIDDEN)),
        (Mute, Admin, None, Some(PARTICIPANT_UNKNOWN)),
        (Ban, Admin, None, None),
        (Ban, Admin, Some(Owner), Some(CHAT_FORBIDDEN)),
        (Ban, Member, None, Some(CHAT_FORBIDDEN)),
    ] {
        let decided = may_sanction(seat(ChatType::Group, role, false), kind, facts(held));
        assert_eq!(refusal(decided), expected, "{kind:?} {role:?} {held:?}");
    }
    let owner = seat(ChatType::Group, Owner, false);
    let hidden = SanctionFacts { visible: false, ..facts(None) };
    assert_eq!(refusal(may_sanction(owner, Ban, hidden)), Some(PARTICIPANT_UNKNOWN));
    assert_eq!(refusal(may_sanction(owner, Ban, SanctionFacts { already: true, ..hidden })), None);
    let own = SanctionFacts { own: true, ..facts(Some(Member)) };
    assert_eq!(refusal(may_sanction(owner, Mute, own)), Some(CHAT_FORBIDDEN));
    let full = SanctionFacts { count: MOST_SANCTIONS, ..facts(Some(Member)) };
    assert_eq!(refusal(may_sanction(owner, Mute, full)), Some(CHAT_SANCTIONS));
    assert_eq!(refusal(may_sanction(owner, Mute, SanctionFacts { already: true, ..full })), None);
    let of_group = seat(ChatType::Group, Owner, true);
    assert_eq!(refusal(may_sanction(of_group, Ban, facts(Some(Member)))), Some(CHAT_OF_GROUP));
    assert_eq!(refusal(may_sanction(of_group, Mute, facts(Some(Member)))), None);
    let private = seat(ChatType::Private, Member, false);
    assert_eq!(refusal(may_sanction(private, Mute, facts(Some(Member)))), Some(CHAT_PRIVATE));
}

#[test]
fn may_lift_table() {
    for (role, own, expected) in [
        (ChatRole::Owner, true, None),
        (ChatRole::Admin, true, Some(CHAT_FORBIDDEN)),
        (ChatRole::Admin, false, None),
        (ChatRole::Member, false, Some(CHAT_FORBIDDEN)),
    ] {
        let decided = may_lift(seat(ChatType::Channel, role, false), SanctionType::Mute, own);
        assert_eq!(refusal(decided), expected, "{role:?} {own}");
    }
}

#[test]
fn may_type_table() {
    use ChatRole::{Member, Owner, Subscriber};
    let closed_to_members = Seat { rights: Rights::NONE, ..seat(ChatType::Group, Member, false) };
    for (seat, closed, silent_until, expected) in [
        (seat(ChatType::Private, Member, false), false, None, None),
        (seat(ChatType::Private, Member, false), true, Some(at(11)), Some(CHAT_CLOSED)),
        (seat(ChatType::Group, Member, true), false, Some(at(10)), None),
        (seat(ChatType::Group, Member, false), false, Some(at(11)), Some(CHAT_MUTED)),
        (seat(ChatType::Channel, Subscriber, false), false, None, Some(CHAT_FORBIDDEN)),
        (Seat { role: Owner, ..closed_to_members }, false, None, None),
        (closed_to_members, false, Some(at(11)), Some(CHAT_FORBIDDEN)),
    ] {
        assert_eq!(refusal(may_type(seat, closed, silent_until, at(10))), expected, "{seat:?} {closed}");
    }
}

#[test]
fn may_speak_and_may_come_tables() {
    for (until, spoken) in
        [(None, None), (Some(at(9)), None), (Some(at(11)), Some(CHAT_MUTED)), (Some(FOR_EVER), Some(CHAT_MUTED))]
    {
        assert_eq!(refusal(may_speak(until, at(10))), spoken, "{until:?}");
        let banned = until.map(|until| Some(until).filter(|until| *until != FOR_EVER));
        assert_eq!(refusal(may_come(banned, at(10))), spoken.map(|_| CHAT_BANNED), "{until:?}");
    }
    assert!(matches!(may_speak(Some(at(11)), at(10)), Err(Error::TooEarly { until, .. }) if until == at(11)));
    assert!(matches!(may_speak(Some(FOR_EVER), at(10)), Err(Error::Refused(_))), "there is no time to tell");
}

#[test]
fn caught_table() {
    use FilterAction::{Block, Flag, Hold};
    for (role, server, chat, expected) in [
        (ChatRole::Member, None, None, None),
        (ChatRole::Member, None, Some(Flag), Some((Flag, false))),
        (ChatRole::Member, Some(Flag), None, Some((Flag, true))),
        (ChatRole::Member, Some(Flag), Some(Hold), Some((Hold, false))),
        (ChatRole::Member, Some(Block), Some(Hold), Some((Block, true))),
        (ChatRole::Member, Some(Hold), Some(Hold), Some((Hold, true))),
        (ChatRole::Admin, None, Some(Block), None),
        (ChatRole::Owner, Some(Flag), Some(Block), Some((Flag, true))),
    ] {
        let found = caught(role, server, chat).map(|caught| (caught.action, caught.by_server));
        assert_eq!(found, expected, "{role:?} {server:?} {chat:?}");
    }
}

#[test]
fn a_brake_goes_on_when_too_many_come_and_off_after_its_time() {
    let brake = Brake { joins: 2, seconds: 10, hold_seconds: 60, held_until: None };
    let Arrival::In(one) = arrive(brake, None, at(100)) else { panic!("the first") };
    let Arrival::In(two) = arrive(brake, Some(one), at(100)) else { panic!("the second") };
    assert_eq!(arrive(brake, Some(two), at(101)), Arrival::Wait { until: at(161), new: true });
    assert!(matches!(arrive(brake, Some(two), at(105)), Arrival::In(_)), "they have come slowly");
    let on = Brake { held_until: Some(at(161)), ..brake };
    assert_eq!(arrive(on, Some(two), at(160)), Arrival::Wait { until: at(161), new: false });
    assert!(matches!(arrive(on, Some(two), at(161)), Arrival::In(_)));
    let before = arrive(on, Some(two), at(100));
    assert_eq!(before, Arrival::Wait { until: at(161), new: false }, "who has come before it went on");
    let ahead = arrive(on, Some(two), at(10));
    assert_eq!(ahead, Arrival::Wait { until: at(70), new: true }, "a clock was ahead: it does not last until then");
}

#[test]
fn decide_table() {
    let card = Card::new(Id::new(at(1)), "ada".into(), "Ada".into());
    let review = |sent: bool, content: Option<&str>| Review {
        id: Id::new(at(1)),
        chat_id: Id::new(at(1)),
        kind: if sent { ReviewType::Flagged } else { ReviewType::Held },
        sender: card.clone(),
        content: content.map(str::to_owned),
        message_id: sent.then(|| Id::new(at(1))),
        seq: sent.then_some(1),
        attachments: Vec::new(),
        mentions: Vec::new(),
        created_at: at(1),
        version: 3,
    };
    let (held, flagged, deleted) = (review(false, Some("x")), review(true, Some("x")), review(true, None));
    let member = Some(seat(ChatType::Group, ChatRole::Member, false));
    let there = SenderFacts { seat: member, closed: false, silent_until: None };
    let away = SenderFacts { seat: None, ..there };
    for (review, verb, sender, expected) in [
        (&held, ReviewVerb::Approve, there, Ok(Outcome::Send)),
        (&held, ReviewVerb::Approve, away, Err(Some(PARTICIPANT_UNKNOWN))),
        (&held, ReviewVerb::Reject, away, Ok(Outcome::Discard)),
        (&flagged, ReviewVerb::Approve, away, Ok(Outcome::Keep)),
        (&flagged, ReviewVerb::Reject, away, Ok(Outcome::Delete)),
        (&deleted, ReviewVerb::Reject, there, Ok(Outcome::Keep)),
    ] {
        let decided = decide(Some(review), None, verb, sender, at(10)).map_err(|error| refusal::<()>(Err(error)));
        assert_eq!(decided, expected, "{review:?} {verb:?} {sender:?}");
    }
    for verb in [ReviewVerb::Approve, ReviewVerb::Reject] {
        let decided = |version: i64| decide(Some(&flagged), Some(&version.into()), verb, there, at(10));
        assert!(matches!(decided(2), Err(Error::Stale { refusal: MESSAGE_STALE, current: 3, .. })), "{verb:?}");
        assert!(decided(3).is_ok(), "{verb:?}");
    }
    assert_eq!(refusal(decide(None, None, ReviewVerb::Approve, there, at(10))), Some(REVIEW_UNKNOWN));

    // What has happened to the sender since.
    let silent = Rights { post: false, ..Rights::of(ChatType::Group) };
    let place = |role, rights| Some(Seat { rights, ..seat(ChatType::Group, role, false) });
    let subscriber = Some(seat(ChatType::Channel, ChatRole::Subscriber, false));
    for (sender, sent) in [
        (SenderFacts { closed: true, ..there }, false),
        (SenderFacts { silent_until: Some(at(11)), ..there }, false),
        (SenderFacts { silent_until: Some(FOR_EVER), ..there }, false),
        (SenderFacts { silent_until: Some(at(10)), ..there }, true),
        (SenderFacts { seat: place(ChatRole::Member, silent), ..there }, false),
        (SenderFacts { seat: place(ChatRole::Admin, silent), ..there }, true),
        (SenderFacts { seat: subscriber, ..there }, false),
    ] {
        let decided =
            decide(Some(&held), None, ReviewVerb::Approve, sender, at(10)).map_err(|error| refusal::<()>(Err(error)));
        let expected = if sent { Ok(Outcome::Send) } else { Err(Some(MESSAGE_UNSENDABLE)) };
        assert_eq!(decided, expected, "{sender:?}");
        let rejected = decide(Some(&held), None, ReviewVerb::Reject, sender, at(10));
        assert!(matches!(rejected, Ok(Outcome::Discard)), "{sender:?}");
    }
}

#[test]
fn may_purge_table() {
    use ChatRole::{Admin, Member, Owner};
    for (role, held, own, expected) in [
        (Owner, Some(Admin), false, None),
        (Owner, Some(Owner), false, Some(CHAT_FORBIDDEN)),
        (Admin, Some(Owner), false, Some(CHAT_FORBIDDEN)),
        (Admin, Some(Admin), false, Some(CHAT_FORBIDDEN)),
        (Admin, Some(Admin), true, None),
        (Admin, Some(Member), false, None),
        (Admin, None, false, None),
        (Member, None, false, Some(CHAT_FORBIDDEN)),
        (Member, Some(Member), true, Some(CHAT_FORBIDDEN)),
    ] {
        let decided = may_purge(seat(ChatType::Group, role, false), held, own);
        assert_eq!(refusal(decided), expected, "{role:?} {held:?} {own}");
    }
    let private = seat(ChatType::Private, Member, false);
    assert_eq!(refusal(may_purge(private, Some(Member), false)), Some(CHAT_PRIVATE));
}
