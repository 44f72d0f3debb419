//! Rewrites changes about erased users: wherever a change contains their card, it gets that of a deleted user.

use clowder_core::{Card, Result};
use serde_json::Value;

/// The payload with another card, wherever it contains the old one; `None` if it does not.
pub fn without(data: &str, card: &Card) -> Result<Option<String>> {
    let mut value: Value = serde_json::from_str(data)?;
    let replaced = replace(&mut value, card, &card.id.to_string());
    if replaced { Ok(Some(serde_json::to_string(&value)?)) } else { Ok(None) }
}

/// A card is an object with this id and a username; all its other members are replaced. With the card of its sender, a
/// message also loses the `client_id`, which their client chose.
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
        Value::Object(members) => {
            if members.get("sender").is_some_and(|sender| sender["id"] == id)
                && let Some(client_id) = members.get_mut("client_id")
            {
                *client_id = Value::Null;
            }
            members.values_mut().fold(false, |any, member| replace(member, card, id) | any)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use clowder_accounts::privacy::tombstone;
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
            "id": bob, "peer": {"id": ada, "username": "ada", "display_name": "Ada", "avatar": {"file_id": bob, "url": "/a"}},
            "last_message": {"sender": shown(bob, "bob", "Bob"), "content": "ada", "sender_id": ada, "client_id": "b"},
            "said": {"sender": shown(ada, "ada", "Ada"), "client_id": "ada's phone", "seq": 1},
            "list": [shown(ada, "ada", "Ada"), 1],
        });
        let after: Value = serde_json::from_str(&without(&data.to_string(), &card).unwrap().unwrap()).unwrap();
        let mut expected = data;
        let gone = shown(ada, &card.username, "Deleted user");
        expected["list"][0] = gone.clone();
        expected["said"] = json!({"sender": gone.clone(), "client_id": null, "seq": 1});
        expected["peer"] = gone;
        expected["peer"]["avatar"] = Value::Null;
        assert_eq!(after, expected);
        assert_eq!(without(&json!({"user_id": ada, "seq": 1}).to_string(), &card).unwrap(), None);
    }
}
