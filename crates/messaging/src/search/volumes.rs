//! The index is divided by chats, and large chats into volumes of messages that follow each other. So a search costs what
//! the caller's chats have, however much the server has; and one that looks for the newest messages stops when it has
//! enough, however long a chat is.

use clowder_core::{ChatId, Timestamp};

use super::Order;

/// How many messages are in one volume.
pub const SIZE: i64 = 16_384;
/// Through how many volumes one search looks, at most: those of the most recently active chats.
pub const MOST: usize = 10_000;
/// How many volumes are looked through at once, at most.
const MOST_AT_ONCE: usize = 1_000;

/// Which volume of its chat a message is in.
pub const fn volume_of(seq: i64) -> i64 {
    seq.div_euclid(SIZE)
}

/// What all tokens of a volume begin with, and those of no other volume. Only digits and small letters.
pub fn key(chat: i64, volume: i64) -> String {
    let mut key = String::with_capacity(8);
    delimited(&mut key, chat);
    delimited(&mut key, volume);
    key
}

/// A number after how many digits it has, so that no number begins another one.
fn delimited(key: &mut String, number: i64) {
    let (mut number, mut digits) = (number.unsigned_abs(), Vec::new());
    while number > 0 {
        digits.push(char::from_digit((number % 36) as u32, 36).unwrap_or('0'));
        number /= 36;
    }
    key.extend(char::from_digit(digits.len() as u32, 36));
    key.extend(digits.iter().rev());
}

/// A volume that is looked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume {
    pub chat: ChatId,
    /// The number of its chat in the index.
    pub number: i64,
    pub volume: i64,
    /// The caller sees what comes after this message,
    pub from: i64,
    /// up to this one.
    pub to: i64,
    /// When its first and its last message were sent, or earlier and later.
    pub oldest: Timestamp,
    pub newest: Timestamp,
}

/// In which order to look through volumes, so that what comes first is found first.
pub fn sort(volumes: &mut [Volume], order: Order) {
    match order {
        Order::Oldest => volumes.sort_by_key(|volume| (volume.oldest, volume.chat, volume.volume)),
        Order::Newest | Order::Relevance => {
            volumes.sort_by_key(|volume| std::cmp::Reverse((volume.newest, volume.chat, volume.volume)));
        }
    }
}

/// How many of these volumes are looked through at once: so many that they have this many messages, or one.
pub fn piece(volumes: &[Volume], messages: i64) -> usize {
    let mut left = messages;
    let fit = |volume: &&Volume| {
        left -= volume.to - volume.from;
        left >= 0
    };
    volumes.iter().take(MOST_AT_ONCE).take_while(fit).count().max(1)
}

/// Whether no later volume can have anything that comes before the last of so many that are wanted.
pub fn is_enough(last: Option<Timestamp>, next: Option<&Volume>, order: Order) -> bool {
    match (last, next) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(last), Some(next)) => match order {
            Order::Oldest => last < next.oldest,
            Order::Newest | Order::Relevance => last > next.newest,
        },
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::Id;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn no_key_begins_another() {
        let keys: Vec<String> = [0, 1, 9, 10, 35, 36, 37, 1295, 1296, 1_000_000]
            .into_iter()
            .flat_map(|chat| [0, 1, 35, 36, 61, 2_000].map(|volume| key(chat, volume)))
            .collect();
        for (at, one) in keys.iter().enumerate() {
            for (other_at, other) in keys.iter().enumerate() {
                assert_eq!(other.starts_with(one.as_str()), at == other_at, "{one} {other}");
            }
        }
        assert_eq!(key(5, 0), "150");
        assert_eq!(volume_of(SIZE - 1), 0);
        assert_eq!(volume_of(SIZE), 1);
    }

    #[test]
    fn a_piece_has_at_least_one_volume() {
        let of = |messages| Volume {
            chat: Id::from_uuid(Uuid::nil()),
            number: 1,
            volume: 0,
            from: 0,
            to: messages,
            oldest: Timestamp::from_micros(0),
            newest: Timestamp::from_micros(0),
        };
        for (messages, room, expected) in [
            (&[SIZE, SIZE, 5] as &[_], 1, 1),
            (&[SIZE, SIZE, 5], 2 * SIZE - 1, 1),
            (&[SIZE, SIZE, 5], 2 * SIZE, 2),
            (&[5, 5, 5], 100, 3),
            (&[5; 2 * MOST_AT_ONCE], 1_000_000, MOST_AT_ONCE),
        ] {
            let volumes: Vec<Volume> = messages.iter().map(|messages| of(*messages)).collect();
            assert_eq!(piece(&volumes, room), expected);
        }
    }

    #[test]
    fn volumes_are_looked_through_until_nothing_earlier_can_follow() {
        let at = Timestamp::from_micros;
        let volume = |n: u128, oldest, newest| Volume {
            chat: Id::from_uuid(Uuid::from_u128(n)),
            number: 1,
            volume: 0,
            from: 0,
            to: 10,
            oldest: at(oldest),
            newest: at(newest),
        };
        let mut volumes = [volume(1, 5, 10), volume(2, 1, 30), volume(3, 11, 20)];
        sort(&mut volumes, Order::Newest);
        assert_eq!(volumes.map(|volume| volume.newest.as_micros()), [30, 20, 10]);
        sort(&mut volumes, Order::Oldest);
        assert_eq!(volumes.map(|volume| volume.oldest.as_micros()), [1, 5, 11]);
        let next = volume(1, 5, 10);
        for (last, next, order, enough) in [
            (None, Some(&next), Order::Newest, false),
            (None, None, Order::Newest, true),
            (Some(11), Some(&next), Order::Newest, true),
            (Some(10), Some(&next), Order::Relevance, false),
            (Some(4), Some(&next), Order::Oldest, true),
            (Some(5), Some(&next), Order::Oldest, false),
        ] {
            assert_eq!(is_enough(last.map(at), next, order), enough, "{last:?} {order:?}");
        }
    }
}
