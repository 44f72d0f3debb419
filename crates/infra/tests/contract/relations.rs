//! The guarantees of `Relations`, and of messages that name others.

pub mod domain;
mod forwards;
mod huge;
mod quotes;
mod threads;

use clowder_core::{ChatId, MessageId, Result};
use clowder_messaging::{Message, NewChat, NewMessage};
use serde_json::{Value, json};

use crate::{
    stress::of,
    world::{Person, World},
};

/// Sends a message with further members.
async fn try_send(world: &World, who: &Person, chat: ChatId, text: &str, more: Value) -> Result<Message> {
    let mut new = json!({"content": text});
    new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Ok(world.store.messaging.send(&world.ctx(who), chat, of::<NewMessage>(new)).await?.into_inner())
}

async fn reply(world: &World, who: &Person, chat: ChatId, text: &str, to: MessageId) -> Message {
    try_send(world, who, chat, text, json!({"reply_to": to})).await.unwrap()
}

async fn answer(world: &World, who: &Person, chat: ChatId, text: &str, root: MessageId) -> Message {
    try_send(world, who, chat, text, json!({"thread_of": root})).await.unwrap()
}

async fn seen(world: &World, who: &Person, message: MessageId) -> Message {
    world.store.messaging.message(&world.ctx(who), message).await.unwrap()
}

/// A group in which people see only what was said since they came.
async fn since_join(world: &World, owner: &Person, others: &[&Person]) -> ChatId {
    let ids: Vec<_> = others.iter().map(|person| person.id).collect();
    let new = json!({"type": "group", "title": "x", "participant_ids": ids, "history": "since_join"});
    world.store.messaging.create_chat(&world.ctx(owner), of::<NewChat>(new)).await.unwrap().into_inner().id
}

/// What is wrong with which member.
fn wrong<T: std::fmt::Debug>(result: Result<T>) -> Vec<String> {
    match result {
        Err(clowder_core::Error::Invalid(errors)) => {
            errors.into_iter().map(|error| format!("{} {}", error.pointer, error.code)).collect()
        }
        other => panic!("not invalid: {other:?}"),
    }
}
