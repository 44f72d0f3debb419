//! The journal without somebody: what it holds about them alone is replaced, and their card in what it holds about
//! others is that of a deleted user from now on. Places in the journal never change, so nobody who resumes is confused.

use clowder_accounts::{
    change::{API_KEY_REVOKED, SESSION_ENDED, USER_DELETED},
    privacy::tombstone,
};
use clowder_core::{Card, Ctx, Error, Result, topic::USER};
use diesel::prelude::*;
use serde_json::Value;

use super::{super::db::Tx, Erasing, parts::Piece};
use crate::schema::{journal as table, streams};

/// How many places are looked at in one piece.
const PLACES: i64 = 1_000;

/// What stays as it is. The ends of sessions and keys hold ids and times only, and a node that reads them late has to
/// learn all the same that they are worth nothing.
const LEFT: [&str; 3] = [USER_DELETED, SESSION_ENDED, API_KEY_REVOKED];

pub fn journal(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, mark: Option<&str>) -> Result<Piece> {
    let lost = || Error::internal("a mark that is no place in the journal");
    let (stream, after): (i16, i64) = match mark {
        None => (0, 0),
        Some(mark) => {
            let (stream, position) = mark.split_once(':').ok_or_else(lost)?;
            (stream.parse().map_err(|_| lost())?, position.parse().map_err(|_| lost())?)
        }
    };
    let Some((head, floor)) =
        streams::table.find(stream).select((streams::head, streams::floor)).first::<(i64, i64)>(tx.conn).optional()?
    else {
        return Ok(Piece::default());
    };
    let after = after.max(floor);
    let until = head.min(after + PLACES);
    let rows = places(tx, erasing, stream, after, until)?;
    let next = if until >= head { format!("{}:0", stream + 1) } else { format!("{stream}:{until}") };
    Ok(Piece { rows, next: Some(next) })
}

fn places(tx: &mut Tx<'_>, erasing: &Erasing, stream: i16, after: i64, until: i64) -> Result<u64> {
    let card = tombstone(erasing.user);
    let own = table::topic_kind.eq(USER.as_str()).and(table::topic_id.eq(erasing.user));
    let shown: Vec<(i64, bool, String)> = table::table
        .filter(table::stream.eq(stream))
        .filter(table::position.gt(after).and(table::position.le(until)))
        .filter(table::name.ne_all(LEFT))
        .filter(own.or(table::data.like(format!("%{}%", erasing.user))))
        .select((table::position, own, table::data))
        .load(tx.conn)?;
    let mut rows = 0;
    for (position, own, data) in shown {
        let row = table::table.find((stream, position));
        if own {
            let gone = (table::name.eq(USER_DELETED), table::data.eq(serde_json::to_string(&card)?));
            diesel::update(row).set(gone).execute(tx.conn)?;
            rows += 1;
        } else if let Some(data) = without(&data, &card)? {
            diesel::update(row).set(table::data.eq(data)).execute(tx.conn)?;
            rows += 1;
        }
    }
    Ok(rows)
}

/// The payload with another card, wherever it shows the old one; `None` when it does not.
fn without(data: &str, card: &Card) -> Result<Option<String>> {
    let mut value: Value = serde_json::from_str(data)?;
    let replaced = replace(&mut value, card, &card.id.to_string());
    if replaced { Ok(Some(serde_json::to_string(&value)?)) } else { Ok(None) }
}

/// A card is an object with this id and a username; what else it shows of somebody goes.
fn replace(value: &mut Value, card: &Card, id: &str) -> bool {
    match value {
        Value::Array(items) => items.iter_mut().fold(false, |any, item| replace(item, card, id) | any),
        Value::Object(members) if members.contains_key("username") && members.get("id").is_some_and(|v| v == id) => {
            for (name, member) in members.iter_mut() {
                *member = match name.as_str() {
                    "id" => continue,
                    "username" => Value::from(card.username.as_str()),
                    "display_name" => Value::from(card.display_name.as_str()),
                    _ => Value::Null,
                };
            }
            true
        }
        Value::Object(members) => members.values_mut().fold(false, |any, member| replace(member, card, id) | any),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::{Id, Timestamp};
    use serde_json::json;

    use super::*;

    #[test]
    fn cards_are_replaced_wherever_they_stand() {
        let now = Timestamp::from_micros(5);
        let (ada, bob) = (Id::new(now), Id::new(now));
        let card = tombstone(ada);
        let shown = |id, username: &str, name: &str| json!({"id": id, "username": username, "display_name": name});
        let data = json!({
            "id": bob, "peer": {"id": ada, "username": "ada", "display_name": "Ada", "avatar": "a.png"},
            "last_message": {"sender": shown(bob, "bob", "Bob"), "content": "ada", "sender_id": ada},
            "list": [shown(ada, "ada", "Ada"), 1],
        });
        let after: Value = serde_json::from_str(&without(&data.to_string(), &card).unwrap().unwrap()).unwrap();
        let mut expected = data;
        let gone = shown(ada, &card.username, "Deleted user");
        expected["list"][0] = gone.clone();
        expected["peer"] = gone;
        expected["peer"]["avatar"] = Value::Null;
        assert_eq!(after, expected);
        assert_eq!(without(&json!({"user_id": ada, "seq": 1}).to_string(), &card).unwrap(), None);
    }
}
