//! What a shard does with what it hears.

use clowder_core::{Id, Timestamp};

use super::*;

fn at(position: i64) -> Place {
    Place::new(Uuid::nil(), Positions::new(vec![position]))
}

#[test]
fn in_another_journal_positions_go_back_and_every_socket_loads_anew() {
    let user = UserId::new(Timestamp::from_micros(1));
    let shard = Shard::new(at(7), 1024 * 1024);
    let attach = || {
        let via = Via::Session(Id::new(Timestamp::from_micros(1)));
        shard.arrive(user).attach(via, None, Some(Loaded::default())).unwrap().unwrap()
    };
    let attached = attach();
    let arriving = shard.arrive(user);
    let place = Place::new(Uuid::max(), Positions::new(vec![3]));
    shard.take(&Step::Renewed(Arc::new(place.clone())));
    assert!(matches!(attached.queue.closing(), Some(Close::Restart)));
    let via = Via::Session(Id::new(Timestamp::from_micros(1)));
    assert!(
        arriving.attach(via, None, Some(Loaded::default())).unwrap().is_none(),
        "what it has loaded is of the one before"
    );
    assert!(shard.reaches(&place) && !shard.reaches(&at(3)), "places of the one before are never reached");
    assert_eq!(attach().live_from, place);
}

#[test]
fn in_another_epoch_of_the_same_journal_sockets_stay() {
    let user = UserId::new(Timestamp::from_micros(1));
    let shard = Shard::new(at(7), 1024 * 1024);
    let attach = || {
        let via = Via::Session(Id::new(Timestamp::from_micros(1)));
        shard.arrive(user).attach(via, None, Some(Loaded::default())).unwrap().unwrap()
    };
    let attached = attach();
    assert!(shard.take(&Step::Continued(Uuid::max())).is_empty());
    assert!(attached.queue.closing().is_none());
    shard.take(&Step::Unreadable { stream: 0, position: 8 });
    let place = Place::new(Uuid::max(), Positions::new(vec![8]));
    assert!(shard.reaches(&place) && !shard.reaches(&at(8)));
    assert_eq!(attach().live_from, place);
}

#[test]
fn a_panic_sends_every_socket_back_with_its_cursor() {
    let user = UserId::new(Timestamp::from_micros(1));
    let shard = Shard::new(at(7), 1024 * 1024);
    let attached =
        shard.arrive(user).attach(Via::Session(Id::new(Timestamp::from_micros(1))), None, Some(Loaded::default()));
    let attached = attached.unwrap().unwrap();
    let step = Step::Unreadable { stream: 0, position: 8 };
    shard.guard(&step, |shard, _| {
        let _state = shard.lock();
        panic!("on purpose");
    });
    assert!(matches!(attached.queue.closing(), Some(Close::Restart)));
    assert!(shard.reaches(&at(8)), "what panicked is not tried again");
    shard.take(&Step::Unreadable { stream: 0, position: 9 });
    assert!(shard.reaches(&at(9)), "and the next step is taken");
}
