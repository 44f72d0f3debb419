//! The random commands of the property test, and how they are carried out.

use clowder_tests::{User, World, domains::messaging::new_year_after, until};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::property::Listener;

pub const PEOPLE: usize = 3;

/// One random action. The numbers are reduced to what exists when it runs.
#[derive(Debug, Clone)]
pub enum Step {
    MakeGroup { who: usize, since_join: bool },
    OpenPrivate { who: usize, with: usize },
    Send { who: usize, chat: usize, by_socket: bool },
    Answer { who: usize, chat: usize, seq: usize, thread: bool },
    Edit { who: usize, chat: usize, seq: usize },
    Delete { who: usize, chat: usize, seq: usize },
    Remove { who: usize, chat: usize, seq: usize },
    Clear { who: usize, chat: usize },
    Read { who: usize, chat: usize, seq: usize },
    React { who: usize, chat: usize, seq: usize, emoji: usize, on: bool },
    Ask { who: usize, chat: usize },
    Vote { who: usize, chat: usize, seq: usize, option: usize, on: bool },
    Close { who: usize, chat: usize, seq: usize },
    Join { who: usize, chat: usize },
    Leave { who: usize, chat: usize },
    Ban { who: usize, chat: usize },
    SetRole { who: usize, whom: usize, chat: usize, role: usize },
    HandOver { who: usize, to: usize, chat: usize },
    Pin { who: usize, chat: usize, seq: usize, on: bool },
    Forward { who: usize, chat: usize, seq: usize, to: usize },
    Rename { who: usize, chat: usize, n: usize },
    SetLifetime { who: usize, chat: usize, from_read: bool },
    Schedule { who: usize, chat: usize },
    DeleteMany { who: usize, chat: usize, seq: usize, for_me: bool },
    Purge { who: usize, whom: usize, chat: usize },
    Block { who: usize, whom: usize, on: bool, hide: bool },
    Mute { whom: usize, chat: usize, on: bool },
    Filter { chat: usize, action: usize },
    Decide { chat: usize, approve: bool },
    SlowDown { chat: usize, seconds: usize },
    Arrange { who: usize, chat: usize, what: usize, on: bool },
    Draft { who: usize, chat: usize, on: bool },
    Save { who: usize, chat: usize, seq: usize, on: bool },
    Follow { who: usize, chat: usize, seq: usize, on: bool },
    MakeChannel { who: usize },
    Unreadable { chat: usize, times: usize },
    Drop { who: usize },
    Resume { who: usize },
}

pub fn step() -> impl Strategy<Value = Step> {
    let (who, chat, seq) = (0..PEOPLE, 0..6_usize, 0..30_usize);
    prop_oneof![
        1 => (who.clone(), any::<bool>()).prop_map(|(who, since_join)| Step::MakeGroup { who, since_join }),
        1 => (who.clone(), who.clone()).prop_map(|(who, with)| Step::OpenPrivate { who, with }),
        8 => (who.clone(), chat.clone(), any::<bool>())
            .prop_map(|(who, chat, by_socket)| Step::Send { who, chat, by_socket }),
        4 => (who.clone(), chat.clone(), seq.clone(), any::<bool>())
            .prop_map(|(who, chat, seq, thread)| Step::Answer { who, chat, seq, thread }),
        3 => (who.clone(), chat.clone(), seq.clone()).prop_map(|(who, chat, seq)| Step::Edit { who, chat, seq }),
        2 => (who.clone(), chat.clone(), seq.clone()).prop_map(|(who, chat, seq)| Step::Delete { who, chat, seq }),
        3 => (who.clone(), chat.clone(), seq.clone()).prop_map(|(who, chat, seq)| Step::Remove { who, chat, seq }),
        1 => (who.clone(), chat.clone()).prop_map(|(who, chat)| Step::Clear { who, chat }),
        3 => (who.clone(), chat.clone(), seq.clone()).prop_map(|(who, chat, seq)| Step::Read { who, chat, seq }),
        4 => (who.clone(), chat.clone(), seq.clone(), 0..3_usize, any::<bool>())
            .prop_map(|(who, chat, seq, emoji, on)| Step::React { who, chat, seq, emoji, on }),
        2 => (who.clone(), chat.clone()).prop_map(|(who, chat)| Step::Ask { who, chat }),
        6 => (who.clone(), chat.clone(), 0..4_usize, 0..3_usize, any::<bool>())
            .prop_map(|(who, chat, seq, option, on)| Step::Vote { who, chat, seq, option, on }),
        1 => (who.clone(), chat.clone(), 0..4_usize).prop_map(|(who, chat, seq)| Step::Close { who, chat, seq }),
        2 => (who.clone(), chat.clone()).prop_map(|(who, chat)| Step::Join { who, chat }),
        2 => (who.clone(), chat.clone()).prop_map(|(who, chat)| Step::Leave { who, chat }),
        1 => (who.clone(), chat.clone()).prop_map(|(who, chat)| Step::Ban { who, chat }),
        3 => (who.clone(), who.clone(), chat.clone(), 0..3_usize)
            .prop_map(|(who, whom, chat, role)| Step::SetRole { who, whom, chat, role }),
        1 => (who.clone(), who.clone(), chat.clone()).prop_map(|(who, to, chat)| Step::HandOver { who, to, chat }),
        4 => (who.clone(), chat.clone(), 0..6_usize, any::<bool>())
            .prop_map(|(who, chat, seq, on)| Step::Pin { who, chat, seq, on }),
        2 => (who.clone(), chat.clone(), seq.clone(), chat.clone())
            .prop_map(|(who, chat, seq, to)| Step::Forward { who, chat, seq, to }),
        1 => (who.clone(), chat.clone(), seq.clone()).prop_map(|(who, chat, n)| Step::Rename { who, chat, n }),
        1 => (who.clone(), chat.clone(), any::<bool>())
            .prop_map(|(who, chat, from_read)| Step::SetLifetime { who, chat, from_read }),
        1 => (who.clone(), chat.clone()).prop_map(|(who, chat)| Step::Schedule { who, chat }),
        1 => (who.clone(), chat.clone(), seq.clone(), any::<bool>())
            .prop_map(|(who, chat, seq, for_me)| Step::DeleteMany { who, chat, seq, for_me }),
        1 => (who.clone(), who.clone(), chat.clone()).prop_map(|(who, whom, chat)| Step::Purge { who, whom, chat }),
        2 => (who.clone(), who.clone(), any::<bool>(), any::<bool>())
            .prop_map(|(who, whom, on, hide)| Step::Block { who, whom, on, hide }),
        2 => (who.clone(), chat.clone(), any::<bool>()).prop_map(|(whom, chat, on)| Step::Mute { whom, chat, on }),
        2 => (chat.clone(), 0..3_usize).prop_map(|(chat, action)| Step::Filter { chat, action }),
        2 => (chat.clone(), any::<bool>()).prop_map(|(chat, approve)| Step::Decide { chat, approve }),
        1 => (chat.clone(), 0..2_usize).prop_map(|(chat, seconds)| Step::SlowDown { chat, seconds }),
        2 => (who.clone(), chat.clone(), 0..5_usize, any::<bool>())
            .prop_map(|(who, chat, what, on)| Step::Arrange { who, chat, what, on }),
        1 => (who.clone(), chat.clone(), any::<bool>()).prop_map(|(who, chat, on)| Step::Draft { who, chat, on }),
        2 => (who.clone(), chat.clone(), seq.clone(), any::<bool>())
            .prop_map(|(who, chat, seq, on)| Step::Save { who, chat, seq, on }),
        2 => (who.clone(), chat.clone(), seq.clone(), any::<bool>())
            .prop_map(|(who, chat, seq, on)| Step::Follow { who, chat, seq, on }),
        1 => who.clone().prop_map(|who| Step::MakeChannel { who }),
        1 => (chat, 1..300_usize).prop_map(|(chat, times)| Step::Unreadable { chat, times }),
        2 => who.clone().prop_map(|who| Step::Drop { who }),
        2 => who.prop_map(|who| Step::Resume { who }),
    ]
}

/// Refusals are expected: a user who is not in a chat, or did not write the message, continues. Texts are shorter than those
/// that debug builds look for after a deletion: what this test itself writes into the journal keeps them.
pub async fn take(world: &World, people: &mut [Listener], chats: &mut Vec<String>, step: &Step) {
    let chat = |index: usize| chats[index % chats.len()].clone();
    match *step {
        Step::MakeGroup { who, since_join } => {
            let others: Vec<_> =
                (0..PEOPLE).filter(|other| *other != who).map(|other| &people[other].user.id).collect();
            let history = if since_join { "since_join" } else { "all" };
            let new = json!({"type": "group", "title": "More", "participant_ids": others, "history": history});
            // It is refused while one of the others has blocked this one, or the other way round.
            chats.extend(people[who].user.post("/api/chats", new).await.body["id"].as_str().map(str::to_owned));
        }
        Step::OpenPrivate { who, with } if who != with => {
            let new = json!({"type": "private", "participant_ids": [people[with].user.id]});
            let made = people[who].user.post("/api/chats", new).await.body["id"].as_str().map(str::to_owned);
            let made = made.filter(|made| !chats.contains(made));
            chats.extend(made);
        }
        Step::OpenPrivate { .. } => {}
        Step::Send { who, chat: index, by_socket } => {
            let mentioned = people[0].user.id.clone();
            let (chat, person) = (chat(index), &mut people[who]);
            match &mut person.socket {
                Some(socket) if by_socket => {
                    let _ = socket.command("message.send", json!({"chat_id": chat, "content": "sock"})).await;
                }
                _ => {
                    person
                        .user
                        .post(
                            &format!("/api/chats/{chat}/messages"),
                            json!({"content": "@all #rest", "mentions": [mentioned]}),
                        )
                        .await;
                }
            }
        }
        Step::Answer { who, chat: index, seq, thread } => {
            if let Some(path) = message(&people[who].user, &chat(index), seq).await {
                let named = if thread { "thread_of" } else { "reply_to" };
                let new = json!({"content": "re", named: path.trim_start_matches("/api/messages/")});
                people[who].user.post(&format!("/api/chats/{}/messages", chat(index)), new).await;
            }
        }
        Step::Edit { who, chat: index, seq } => {
            if let Some(path) = message(&people[who].user, &chat(index), seq).await {
                people[who].user.patch(&path, json!({"content": format!("e{seq} #edited"), "mentions": []})).await;
            }
        }
        Step::Delete { who, chat: index, seq } => {
            if let Some(path) = message(&people[who].user, &chat(index), seq).await {
                people[who].user.delete(&path).await;
            }
        }
        Step::Remove { who, chat: index, seq } => {
            if let Some(path) = message(&people[who].user, &chat(index), seq).await {
                people[who].user.delete(&format!("{path}?for=me")).await;
            }
        }
        Step::Clear { who, chat: index } => {
            people[who].user.post(&format!("/api/chats/{}/clear", chat(index)), json!({})).await;
        }
        Step::Read { who, chat: index, seq } => {
            people[who].user.post(&format!("/api/chats/{}/read", chat(index)), json!({"seq": seq})).await;
        }
        Step::React { who, chat: index, seq, emoji, on } => {
            if let Some(path) = message(&people[who].user, &chat(index), seq).await {
                let path = format!("{path}/reactions/{}", ["👍", "🍕", "❤"][emoji]);
                match on {
                    true => people[who].user.put(&path, json!({})).await,
                    false => people[who].user.delete(&path).await,
                };
            }
        }
        Step::Ask { who, chat: index } => {
            let poll = json!({"options": ["a", "b", "c"], "multiple": index % 2 == 0});
            let new = json!({"content": "ask", "type": "poll", "poll": poll});
            people[who].user.post(&format!("/api/chats/{}/messages", chat(index)), new).await;
        }
        Step::Vote { who, chat: index, seq, option, on } => {
            if let Some(path) = poll(&people[who].user, &chat(index), seq).await {
                let path = format!("{path}/poll/votes");
                match on {
                    true => people[who].user.put(&path, json!({"options": [option]})).await,
                    false => people[who].user.delete(&path).await,
                };
            }
        }
        Step::Close { who, chat: index, seq } => {
            if let Some(path) = poll(&people[who].user, &chat(index), seq).await {
                people[who].user.post(&format!("{path}/poll/close"), json!({})).await;
            }
        }
        Step::Join { who, chat: index } => {
            // Whoever is in the chat adds them; in a private chat, nobody can.
            let path = format!("/api/chats/{}/participants", chat(index));
            for person in people.iter() {
                person.user.post(&path, json!({"user_ids": [people[who].user.id]})).await;
            }
        }
        Step::Leave { who, chat: index } => {
            // The last owner cannot, and makes somebody else the owner.
            let (path, user) = (format!("/api/chats/{}/participants", chat(index)), &people[who].user);
            if user.delete(&format!("{path}/{}", user.id)).await.status == 409 {
                let heir = &people[(who + 1) % PEOPLE].user.id;
                user.put(&format!("{path}/{heir}"), json!({"role": "owner"})).await;
            }
        }
        Step::Ban { who, chat: index } => {
            // Whoever may do so, and at once lifts it, so that the person can come back.
            let (path, new) = (format!("/api/chats/{}/moderation", chat(index)), &people[who].user.id);
            let new = json!({"user_id": new, "reason": "a test"});
            for person in people.iter() {
                person.user.post(&format!("{path}/ban"), new.clone()).await;
                person.user.post(&format!("{path}/unban"), new.clone()).await;
            }
        }
        Step::SetRole { who, whom, chat: index, role } => {
            let path = format!("/api/chats/{}/participants/{}", chat(index), people[whom].user.id);
            let role = ["owner", "admin", "member"][role];
            people[who].user.put(&path, json!({"role": role})).await;
        }
        Step::HandOver { who, to, chat: index } => {
            let path = format!("/api/chats/{}/owner", chat(index));
            people[who].user.put(&path, json!({"user_id": people[to].user.id})).await;
        }
        Step::Pin { who, chat: index, seq, on } => {
            if let Some(path) = message(&people[who].user, &chat(index), seq).await {
                let path = format!("{path}/pin");
                match on {
                    true => people[who].user.put(&path, json!({})).await,
                    false => people[who].user.delete(&path).await,
                };
            }
        }
        Step::Forward { who, chat: index, seq, to } => {
            if let Some(path) = message(&people[who].user, &chat(index), seq).await {
                people[who].user.post(&format!("{path}/forward"), json!({"chat_ids": [chat(to)]})).await;
            }
        }
        Step::Rename { who, chat: index, n } => {
            let path = format!("/api/chats/{}", chat(index));
            people[who].user.patch(&path, json!({"title": format!("Title {n}")})).await;
        }
        // They stay for longer than any test, but it is told when they go, and if all have read them.
        Step::SetLifetime { who, chat: index, from_read } => {
            let lifetime = json!({"seconds": 86_400, "from": if from_read { "read" } else { "sent" }});
            let path = format!("/api/chats/{}/lifetime", chat(index));
            people[who].user.put(&path, json!({"lifetime": lifetime})).await;
        }
        // What waits is told to its author alone, and changes nothing in the chat.
        Step::Schedule { who, chat: index } => {
            let made = people[who].user.get("/api/auth/me").await.expect(200);
            let new = json!({"content": "later", "send_at": new_year_after(&made)});
            people[who].user.post(&format!("/api/chats/{}/messages", chat(index)), new).await;
        }
        Step::DeleteMany { who, chat: index, seq, for_me } => {
            let user = &people[who].user;
            let page = user.get(&format!("/api/chats/{}/messages", chat(index))).await;
            let ids = page.body["items"].as_array().into_iter().flatten().map(|message| message["id"].clone());
            let ids: Vec<_> = ids.skip(seq % 5).step_by(2).take(3).collect();
            let new = json!({"message_ids": ids, "for": if for_me { "me" } else { "all" }});
            user.post(&format!("/api/chats/{}/messages/delete", chat(index)), new).await;
        }
        Step::Purge { who, whom, chat: index } => {
            let (user, new) = (&people[who].user, json!({"user_id": people[whom].user.id, "reason": "a test"}));
            let path = format!("/api/chats/{}/moderation", chat(index));
            let started = user.post(&format!("{path}/purge"), new).await;
            if let Some(id) = started.body["id"].as_str() {
                let path = format!("{path}/purges/{id}");
                until("the purge is over", async || user.get(&path).await.expect(200)["status"] != "running").await;
            }
        }
        Step::Block { who, whom, on, hide } => {
            let path = format!("/api/users/{}/block", people[whom].user.id);
            match on {
                true => people[who].user.put(&path, json!({"hide_messages": hide})).await,
                false => people[who].user.delete(&path).await,
            };
        }
        Step::Mute { whom, chat: index, on } => {
            let path = format!("/api/chats/{}/moderation/{}", chat(index), if on { "mute" } else { "unmute" });
            let new = json!({"user_id": people[whom].user.id, "reason": "a test"});
            for person in people.iter() {
                person.user.post(&path, new.clone()).await;
            }
        }
        // Of the texts of this test, answers are held or flagged.
        Step::Filter { chat: index, action } => {
            let words = if action == 0 { json!([]) } else { json!(["re"]) };
            let action = ["hold", "hold", "flag"][action];
            let new = json!({"words": words, "action": action, "reason": "a test"});
            for person in people.iter() {
                person.user.put(&format!("/api/chats/{}/moderation/filter", chat(index)), new.clone()).await;
            }
        }
        Step::Decide { chat: index, approve } => {
            let path = format!("/api/chats/{}/moderation/reviews", chat(index));
            let verdict = json!({"action": if approve { "approve" } else { "reject" }, "reason": "a test"});
            for person in people.iter() {
                let caught = person.user.get(&path).await;
                for review in caught.body["items"].as_array().into_iter().flatten() {
                    let path = format!("{path}/{}", review["id"].as_str().unwrap());
                    person.user.put(&path, verdict.clone()).await;
                }
            }
        }
        Step::SlowDown { chat: index, seconds } => {
            for person in people.iter() {
                let path = format!("/api/chats/{}/moderation/slow-mode", chat(index));
                person.user.post(&path, json!({"seconds": seconds, "reason": "a test"})).await;
            }
        }
        Step::Arrange { who, chat: index, what, on } => {
            let later = if on { json!("2126-01-01T00:00:00Z") } else { Value::Null };
            let patch = match what {
                0 => json!({"archived": on}),
                1 => json!({"pinned": on}),
                2 => json!({"muted_until": later}),
                3 => json!({"notify": if on { "mentions" } else { "all" }}),
                _ => json!({"title": if on { json!("Mine") } else { Value::Null }}),
            };
            people[who].user.patch(&format!("/api/chats/{}/preferences", chat(index)), patch).await;
        }
        Step::Draft { who, chat: index, on } => {
            let draft = json!({"content": if on { json!("dra") } else { Value::Null }});
            people[who].user.put(&format!("/api/chats/{}/draft", chat(index)), draft).await;
        }
        Step::Save { who, chat: index, seq, on } => {
            if let Some(path) = message(&people[who].user, &chat(index), seq).await {
                let path = format!("{path}/save");
                match on {
                    true => people[who].user.put(&path, json!({})).await,
                    false => people[who].user.delete(&path).await,
                };
            }
        }
        Step::Follow { who, chat: index, seq, on } => {
            if let Some(path) = message(&people[who].user, &chat(index), seq).await {
                let path = format!("{path}/thread/follow");
                match on {
                    true => people[who].user.put(&path, json!({})).await,
                    false => people[who].user.delete(&path).await,
                };
            }
        }
        // The others read in it.
        Step::MakeChannel { who } => {
            let others: Vec<_> =
                (0..PEOPLE).filter(|other| *other != who).map(|other| &people[other].user.id).collect();
            let new = json!({"type": "channel", "title": "Menus", "participant_ids": others});
            chats.extend(people[who].user.post("/api/chats", new).await.body["id"].as_str().map(str::to_owned));
        }
        Step::Unreadable { chat: index, times } => {
            world.database.scribe().unreadable(chat(index), times).commit();
        }
        Step::Drop { who } => people[who].drop(),
        Step::Resume { who } => people[who].resume().await,
    }
}

/// The path of one message of a chat, if there is any.
async fn message(user: &User, chat: &str, index: usize) -> Option<String> {
    let page = user.get(&format!("/api/chats/{chat}/messages")).await;
    let items = page.body["items"].as_array()?;
    let message = items.get(index % items.len().max(1))?;
    Some(format!("/api/messages/{}", message["id"].as_str()?))
}

/// The path of one of the polls of a chat, if there is any.
async fn poll(user: &User, chat: &str, index: usize) -> Option<String> {
    let page = user.get(&format!("/api/chats/{chat}/messages")).await;
    let polls: Vec<_> = page.body["items"].as_array()?.iter().filter(|message| message["type"] == "poll").collect();
    let message = polls.get(index % polls.len().max(1))?;
    Some(format!("/api/messages/{}", message["id"].as_str()?))
}
