//! What the tests of all domains need to know about imports of chats.

use clowder_core::Result;
use clowder_messaging::chat_imports::{AuthorsBy, ChatImport};
use serde_json::json;

use crate::{
    chats::domain::unless_others_were_faster,
    copies::once,
    domains::Domain,
    privacy::work,
    stress::{NOTHING_TO_DO, Performed, Scene},
    world::{Person, World},
};

pub const DOMAIN: Domain = Domain {
    writes: &[
        "ChatImports::begin_import",
        "ChatImports::add_to_import",
        "ChatImports::start_import",
        "ChatImports::drop_import",
    ],
    reads: &["ChatImports::chat_import", "ChatImports::refused_imports"],
    perform,
    ahead,
    repeats,
    ids: &["chat_import_pieces.id", "chat_imports.chat_id", "chat_imports.id"],
    never: &[
        (
            "an import that is done without all its messages",
            "chat_imports i JOIN chats c ON c.id = i.chat_id WHERE i.status = 'done' AND c.last_seq <= i.messages",
        ),
        (
            "an import that counts other messages than are refused",
            "chat_imports i WHERE i.status = 'done' \
             AND i.refused <> (SELECT count(*) FROM chat_import_refusals r WHERE r.import_id = i.id)",
        ),
        (
            "somebody in a chat that is not whole",
            "chat_imports i JOIN participants p ON p.chat_id = i.chat_id WHERE i.status = 'failed'",
        ),
    ],
    ..Domain::NONE
};

/// A file with this message.
pub fn file(content: &str) -> String {
    json!({
        "format": "clowder.chat", "version": 1, "chat": { "type": "group", "title": "Brought" },
        "messages": [{
            "seq": 1, "sender": { "username": "elsewhere", "display_name": "Elsewhere" }, "content": content,
            "created_at": "2020-01-01T00:00:00Z"
        }]
    })
    .to_string()
}

fn ahead(world: &World) -> Performed<'_> {
    Box::pin(async move {
        let importer = world.person("importer").await;
        let (ctx, imports) = (world.ctx(&importer), &world.store.chat_imports);
        let import = imports.begin_import(&ctx).await?;
        imports.add_to_import(&ctx, import, 0, file("ahead").as_bytes()).await?;
        imports.start_import(&ctx, import, AuthorsBy::Name).await?;
        work(world, &world.store).await;
        Ok(())
    })
}

fn repeats<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let made = bring(world, ada, "the same").await?;
        work(world, &world.store).await;
        let again = bring(world, ada, "the same").await?;
        assert_eq!((again.id, again.messages), (made.id, 1));
        assert!(bring(world, ada, "another one").await.is_err(), "another file under the same key");
        Ok(())
    })
}

async fn bring(world: &World, who: &Person, content: &str) -> Result<ChatImport> {
    let (ctx, imports) = (world.ctx(who), &world.store.chat_imports);
    let import = imports.begin_import(&ctx).await?;
    imports.add_to_import(&ctx, import, 0, file(content).as_bytes()).await?;
    imports.start_import(&once(ctx, "import"), import, AuthorsBy::Name).await
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { store, ctx, dice, .. } = scene;
        let (imports, content) = (&store.chat_imports, format!("message {}", dice.below(3)));
        let outcome = async {
            let import = imports.begin_import(&ctx).await?;
            if write == "ChatImports::begin_import" {
                return imports.drop_import(&ctx, import).await;
            }
            imports.add_to_import(&ctx, import, 0, file(&content).as_bytes()).await?;
            match write {
                "ChatImports::start_import" => imports.start_import(&ctx, import, AuthorsBy::Username).await.map(drop),
                "ChatImports::add_to_import" | "ChatImports::drop_import" => imports.drop_import(&ctx, import).await,
                other => panic!("nobody performs {other}"),
            }
        };
        match outcome.await {
            Err(clowder_core::Error::Refused(refusal)) if refusal.code.starts_with("chat.import") => {
                Err(NOTHING_TO_DO.into())
            }
            outcome => unless_others_were_faster(outcome),
        }
    })
}
