//! What the tests of all domains need to know about exports of chats.

use clowder_core::PageRequest;
use clowder_messaging::chat_exports::{NewExport, READY_FOR};
use serde_json::json;

use crate::{
    chats::domain::unless_others_were_faster,
    copies::once,
    domains::Domain,
    privacy::work,
    stress::{NOTHING_TO_DO, Performed, Scene, of},
    world::{Person, World},
};

pub const DOMAIN: Domain = Domain {
    writes: &["ChatExports::export_chat", "ChatExports::end_chat_export"],
    reads: &[
        "ChatExports::chat_exports",
        "ChatExports::chat_export",
        "ChatExports::chat_export_file",
        "ChatExports::chat_export_piece",
    ],
    perform,
    ahead,
    repeats,
    lasts: &[("chat_exports.expires_at", |_| READY_FOR)],
    ids: &["chat_export_pieces.id", "chat_exports.chat_id", "chat_exports.id"],
    never: &[
        (
            "an export that does not have all of its pieces",
            "chat_exports e WHERE e.status IN ('running', 'ready') \
             AND e.pieces <> (SELECT count(*) FROM chat_export_pieces p WHERE p.export_id = e.id)",
        ),
        (
            "an export that is ready before its end",
            "chat_exports e WHERE e.status = 'ready' AND (e.seq < e.last_seq OR e.expires_at IS NULL)",
        ),
    ],
    ..Domain::NONE
};

fn ahead(world: &World) -> Performed<'_> {
    Box::pin(async move {
        let writer = world.person("exporter").await;
        let chat = world.group(&writer, &[]).await.id;
        world.store.chat_exports.export_chat(&world.ctx(&writer), chat, NewExport::default()).await?;
        work(world, &world.store).await;
        Ok(())
    })
}

fn repeats<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let chat = world.group(ada, &[]).await.id;
        let (ctx, exports) = (once(world.ctx(ada), "export"), &world.store.chat_exports);
        let ask = || exports.export_chat(&ctx, chat, NewExport::default());
        let made = ask().await?;
        world.store.chat_exports.end_chat_export(&world.ctx(ada), made.id).await?;
        let again = ask().await?;
        assert_eq!((again.id, json!(again.status)), (made.id, json!("expired")));
        Ok(())
    })
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { store, ctx, chat, dice, .. } = scene;
        let exports = &store.chat_exports;
        let format = ["json", "html"][dice.below(2)];
        let outcome = match write {
            "ChatExports::export_chat" => {
                exports.export_chat(&ctx, chat, of::<NewExport>(json!({"format": format}))).await.map(drop)
            }
            "ChatExports::end_chat_export" => {
                match exports.chat_exports(&ctx, PageRequest::default()).await?.items.first() {
                    Some(export) => exports.end_chat_export(&ctx, export.id).await,
                    None => Err(NOTHING_TO_DO.into()),
                }
            }
            other => panic!("nobody performs {other}"),
        };
        match outcome {
            Err(clowder_core::Error::Refused(refusal)) if refusal.code.starts_with("chat.exports") => {
                Err(NOTHING_TO_DO.into())
            }
            outcome => unless_others_were_faster(outcome),
        }
    })
}
