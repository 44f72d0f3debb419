//! Messaging over HTTP.

use actix_web::{Either, web::Data};
use clowder_core::{ChatId, Error, Field, MessageId, Topic, text::Flaw};
use clowder_messaging::{
    CHAT, Chat, ChatFilter, Delivered, Edit, Emoji, Keeping, Message, MessagePatch, Messaging, Moderation, NewChat,
    NewMessage, NewRead, Reaction, Reactor, Read, Scheduled, ScheduledMessages, Window, keeping::Whom,
    moderation::NewNotice, receipts::Receipt,
};

use crate::{
    answer::{Accepted, CreatedVersioned, Done, Listed, Shown, Version, Versioned},
    auth::Caller,
    call::{IfMatch, Json, MaybeJson, Path},
    problem::Answer,
    query::{Query, only_one},
    ws::arrivals::Notes,
};

type Port = Data<dyn Messaging>;

impl Version for Chat {
    fn version(&self) -> i64 {
        self.version
    }
}

impl Version for Message {
    fn version(&self) -> i64 {
        self.version
    }
}

pub async fn create_chat(
    messaging: Port,
    Caller(ctx): Caller,
    Json(new): Json<NewChat>,
) -> Answer<CreatedVersioned<Chat>> {
    Ok(CreatedVersioned(messaging.create_chat(&ctx, new).await?))
}

pub async fn chats(messaging: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<Chat>> {
    let filter = ChatFilter {
        kind: query.word("type"),
        unread: query.flag("unread"),
        archived: query.flag("archived"),
        muted: query.flag("muted"),
        search: query.text("q"),
    };
    let page = query.page();
    query.check()?;
    Ok(Listed(messaging.chats(&ctx, filter, page).await?))
}

pub async fn chat(messaging: Port, Caller(ctx): Caller, Path(chat): Path<ChatId>) -> Answer<Versioned<Chat>> {
    let chat = messaging.chat(&ctx, chat).await?;
    Ok(Versioned(chat.version, chat))
}

/// Now, or later.
pub async fn send(
    messaging: Port,
    scheduled: Data<dyn ScheduledMessages>,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    Json(new): Json<NewMessage>,
) -> Answer<Either<CreatedVersioned<Message>, Accepted<Scheduled>>> {
    if new.send_at.is_some() {
        return Ok(Either::Right(Accepted(scheduled.schedule(&ctx, chat, new).await?)));
    }
    Ok(Either::Left(CreatedVersioned(messaging.send(&ctx, chat, new).await?)))
}

pub async fn messages(
    messaging: Port,
    arrived: Data<Notes>,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    mut query: Query,
) -> Answer<Listed<Message>> {
    let (window, limit) = (window(&mut query, &WINDOWS), query.limit());
    query.check()?;
    let page = messaging.messages(&ctx, chat, window, limit).await?;
    let viewer = ctx.user()?;
    let last = page.items.iter().filter(|message| message.sender.id != viewer).map(|message| message.seq).max();
    // What is fetched arrives; the answer does not wait for that to be noted.
    if let Some(last) = last {
        arrived.add(&ctx, Topic::new(CHAT, chat), last);
    }
    Ok(Listed(page))
}

/// The parameters that say where to begin in the messages of a chat.
pub const WINDOWS: [&str; 3] = ["before", "after", "around"];

/// At most one of these parameters says where to begin. A cursor says where to continue, and in which direction.
pub fn window(query: &mut Query, names: &[&'static str]) -> Window {
    let ways = [Window::Before, Window::After, Window::Around];
    let begin: Vec<_> = names.iter().zip(ways).map(|(name, way)| query.number(name, 0).map(way)).collect();
    if begin.iter().flatten().count() > 1 {
        query.flaw(names[0], only_one(names));
    }
    let resumed = query.cursor().and_then(|place| {
        let (way, seq) = place.split_once('.')?;
        let seq = seq.parse().ok()?;
        match way {
            "before" => Some(Window::Before(seq)),
            "after" => Some(Window::After(seq)),
            _ => None,
        }
    });
    resumed.or(begin.into_iter().flatten().next()).unwrap_or(Window::NEWEST)
}

pub async fn mentions(
    messaging: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    mut query: Query,
) -> Answer<Listed<Message>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(messaging.mentions(&ctx, chat, page).await?))
}

pub async fn all_mentions(messaging: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<Message>> {
    let (unread, page) = (query.flag("unread"), query.page());
    query.check()?;
    Ok(Listed(messaging.all_mentions(&ctx, unread, page).await?))
}

pub async fn message(
    messaging: Port,
    Caller(ctx): Caller,
    Path(message): Path<MessageId>,
) -> Answer<Versioned<Message>> {
    let message = messaging.message(&ctx, message).await?;
    Ok(Versioned(message.version, message))
}

pub async fn edit(
    messaging: Port,
    Caller(ctx): Caller,
    Path(message): Path<MessageId>,
    IfMatch(version): IfMatch,
    Json(patch): Json<MessagePatch>,
) -> Answer<Versioned<Message>> {
    let message = messaging.edit(&ctx, message, version, patch).await?;
    Ok(Versioned(message.version, message))
}

/// For everybody, or for the caller alone.
pub async fn delete(
    (messaging, keeping, moderation): (Port, Data<dyn Keeping>, Data<dyn Moderation>),
    Caller(ctx): Caller,
    Path(message): Path<MessageId>,
    IfMatch(version): IfMatch,
    mut query: Query,
    MaybeJson(notice): MaybeJson<NewNotice>,
) -> Answer<Done> {
    let whom = query.word("for").unwrap_or_default();
    query.check()?;
    match (whom, notice.reason) {
        (Whom::All, None) => {
            messaging.delete(&ctx, message, version).await?;
        }
        (Whom::All, Some(reason)) => {
            moderation.delete_message(&ctx, message, version, reason).await?;
        }
        (Whom::Me, Some(_)) => {
            return Err(Error::field("/reason", "unwanted", "nobody is told of what you remove for yourself").into());
        }
        (Whom::Me, None) => keeping.remove(&ctx, message, version).await?,
    }
    Ok(Done)
}

pub async fn history(
    messaging: Port,
    Caller(ctx): Caller,
    Path(message): Path<MessageId>,
    mut query: Query,
) -> Answer<Listed<Edit>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(messaging.history(&ctx, message, page).await?))
}

pub async fn react(
    messaging: Port,
    Caller(ctx): Caller,
    Path((message, emoji)): Path<(MessageId, String)>,
) -> Answer<Shown<Reaction>> {
    Ok(Shown(messaging.react(&ctx, message, single(emoji)?).await?))
}

pub async fn unreact(
    messaging: Port,
    Caller(ctx): Caller,
    Path((message, emoji)): Path<(MessageId, String)>,
) -> Answer<Done> {
    messaging.unreact(&ctx, message, single(emoji)?).await?;
    Ok(Done)
}

fn single(emoji: String) -> Answer<Emoji> {
    Emoji::parse(emoji.into()).map_err(|flaw| Error::Invalid(vec![flaw.at("{emoji}")]).into())
}

pub async fn reactions(
    messaging: Port,
    Caller(ctx): Caller,
    Path(message): Path<MessageId>,
    mut query: Query,
) -> Answer<Listed<Reactor>> {
    let emoji = query.value("emoji", Flaw::new("emoji", "must be a single emoji"), Emoji::from_text);
    let page = query.page();
    query.check()?;
    Ok(Listed(messaging.reactions(&ctx, message, emoji, page).await?))
}

pub async fn read(
    messaging: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    Json(new): Json<NewRead>,
) -> Answer<Shown<Read>> {
    Ok(Shown(messaging.read(&ctx, chat, new).await?))
}

pub async fn delivered(
    messaging: Port,
    Caller(ctx): Caller,
    Path(chat): Path<ChatId>,
    Json(new): Json<NewRead>,
) -> Answer<Shown<Delivered>> {
    Ok(Shown(messaging.delivered(&ctx, chat, new).await?))
}

pub async fn receipts(
    messaging: Port,
    Caller(ctx): Caller,
    Path(message): Path<MessageId>,
    mut query: Query,
) -> Answer<Listed<Receipt>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(messaging.receipts(&ctx, message, page).await?))
}

/// Up to and including this message.
pub async fn read_message(messaging: Port, Caller(ctx): Caller, Path(message): Path<MessageId>) -> Answer<Shown<Read>> {
    let message = messaging.message(&ctx, message).await?;
    Ok(Shown(messaging.read(&ctx, message.chat_id, NewRead { seq: message.seq }).await?))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clowder_infra::keys::Keys;

    use super::*;
    use crate::cursor::Cursors;

    #[test]
    fn windows() {
        let cursors = Arc::new(Cursors::new(&Keys::new("secret")));
        for (text, expected) in [
            ("", Window::NEWEST),
            ("before=9", Window::Before(9)),
            ("after=0", Window::After(0)),
            ("around=7", Window::Around(7)),
            ("cursor=before.4", Window::Before(4)),
            ("after=0&cursor=after.50", Window::After(50)),
            ("around=7&cursor=after.50", Window::After(50)),
        ] {
            let text = match text.split_once("cursor=") {
                Some((rest, place)) => format!("{rest}cursor={}", cursors.seal("messages", place)),
                None => text.to_owned(),
            };
            let mut query = Query::parse(&text).to_list(Arc::clone(&cursors), "messages");
            assert_eq!(window(&mut query, &WINDOWS), expected, "{text}");
            assert!(query.check().is_ok(), "{text}");
        }
        for wrong in ["before=x", "before=1&after=2", "after=-1", "cursor=abc", "cursor=before.4"] {
            let mut query = Query::parse(wrong);
            window(&mut query, &WINDOWS);
            assert!(query.check().is_err(), "{wrong}");
        }
    }
}
