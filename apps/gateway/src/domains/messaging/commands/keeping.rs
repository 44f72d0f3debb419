//! Commands of messages that are kept, or removed by people for themselves.

use clowder_core::{Input, Page};
use clowder_messaging::keeping::{NewDeletion, NewOrder, NewRemoval, NewSave, Whom};
use serde_json::Value;

use super::{AMessage, Both, InChat};
use crate::{
    problem::Problem,
    ws::commands::{Call, Done, done, nothing},
};

pub async fn pin(call: Call, data: Value) -> Result<Done, Problem> {
    let AMessage { message_id } = AMessage::from_json(data)?;
    done(call.ports.store.keeping.pin(&call.ctx, message_id).await?)
}

pub async fn unpin(call: Call, data: Value) -> Result<Done, Problem> {
    let AMessage { message_id } = AMessage::from_json(data)?;
    call.ports.store.keeping.unpin(&call.ctx, message_id).await?;
    nothing()
}

pub async fn save(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(AMessage { message_id }, new) = Both::<_, NewSave>::from_json(data)?;
    done(call.ports.store.keeping.save(&call.ctx, message_id, new).await?)
}

pub async fn unsave(call: Call, data: Value) -> Result<Done, Problem> {
    let AMessage { message_id } = AMessage::from_json(data)?;
    call.ports.store.keeping.unsave(&call.ctx, message_id).await?;
    nothing()
}

pub async fn remove(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(InChat { chat_id }, new) = Both::<_, NewRemoval>::from_json(data)?;
    call.pay(new.rows()).await?;
    let items = call.ports.store.keeping.remove_messages(&call.ctx, chat_id, new).await?;
    done(Page { items, next_cursor: None })
}

pub async fn delete(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(InChat { chat_id }, new) = Both::<_, NewDeletion>::from_json(data)?;
    call.pay(new.rows()).await?;
    let (ctx, keeping) = (&call.ctx, &call.ports.store.keeping);
    let items = match new.whom {
        Whom::All => keeping.delete_messages(ctx, chat_id, new).await?,
        Whom::Me => keeping.remove_messages(ctx, chat_id, NewRemoval { message_ids: new.message_ids }).await?,
    };
    done(Page { items, next_cursor: None })
}

pub async fn order(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(InChat { chat_id }, order) = Both::<_, NewOrder>::from_json(data)?;
    call.pay(order.rows()).await?;
    done(call.ports.store.keeping.order_pins(&call.ctx, chat_id, order).await?)
}

pub async fn clear(call: Call, data: Value) -> Result<Done, Problem> {
    let InChat { chat_id } = InChat::from_json(data)?;
    done(call.ports.store.keeping.clear_chat(&call.ctx, chat_id).await?)
}
